"""The front: the networks that no other network beats in every objective, and the way from each to its architecture."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd

from lighttrack_nas.reporting.phrases import uncounted_text
from lighttrack_nas.results.networks import require_measured
from lighttrack_nas.strategies.search.goals.hypervolume import hypervolume, non_dominated
from lighttrack_nas.strategies.search.goals.objectives import MEASUREMENTS, Constraint, Objective
from lighttrack_nas.trackers.base.errors import InputError

if TYPE_CHECKING:
    from lighttrack_nas.benchmarks.scoring.latency_verdict import LatencyVerdict
    from lighttrack_nas.search_spaces.space import Architecture, Space

LATENCY_AGAIN_COLUMN = "latency_ms_again"


class FrontPoint(NamedTuple):
    """A network of a front.

    Attributes:
        network: Its digest, 16 hexadecimal digits.
        measurements: Mean over its paths, by name; MACs and parameters are exact.
        architecture: In its canonical form. Where weights are inherited, another place of the skips takes other
            weights: `Result.architecture` of one of its trials gives the very path that was measured.
        code: Official code; "" where its space has none.
    """

    network: str
    measurements: Mapping[str, float]
    architecture: Architecture
    code: str


class Hypervolume(NamedTuple):
    """How much a front covers.

    Attributes:
        value: The measure between the front and the reference point, in the product of the objectives' units.
        reference: The worst values that count, by objective. Only values to one reference can be compared.
    """

    value: float
    reference: Mapping[str, float]


@dataclass(frozen=True, eq=False)
class Front:
    """A front; `Result.front` makes it, `draw_front` draws it, `save_front` writes it.

    Attributes:
        space: The space searched.
        objectives: What the front is of.
        constraints: What its networks keep.
        table: A row a network of the front, by rising costs: `network` (digest), the measurements (mean over its
            paths; scores with `_low` and `_high`, their least and greatest), `latency_ms_again` (of whole networks, at
            the end of the search, where there are latencies), `paths` (how many were measured),
            `feasible`, `violation` (sum of the parts by which limits are broken), `trials`, `code`, `choices` (JSON).
        networks: The same of every network measured, without `code` and `choices`.
        architectures: In canonical form, a network each, in the order of `table`.
        note: What a reader must know of this front; "" for nothing.
        latency_problem: Why there are no latencies, where the runs' cannot be compared; else "".
        latency_verdict: Whether its latencies can be trusted, by their agreement with those measured again; None where
            nothing was measured again. `str` of it is a sentence, `to_dict` has the figures and the rule.
        uncounted: Operators that "macs" leave out, since the counter does not know them; empty is good.
        known: Canonical architectures of networks that were measured, by digest, those of the front among them; empty
            of a predicted front.
        predicted: What the values come from where nothing was measured (`predicted_fronts.py`); else "". Such a front
            has no columns `paths` and `trials`, its `networks` are those of the front alone, and its architectures are
            the very paths that are predicted.
    """

    space: Space
    objectives: tuple[Objective, ...]
    constraints: tuple[Constraint, ...]
    table: pd.DataFrame
    networks: pd.DataFrame
    architectures: tuple[Architecture, ...]
    note: str
    latency_problem: str = ""
    latency_verdict: LatencyVerdict | None = None
    predicted: str = ""
    uncounted: tuple[str, ...] = ()
    known: Mapping[str, Architecture] = field(default_factory=dict)

    @property
    def notes(self) -> tuple[str, ...]:
        """What a reader must know, a sentence each: broken limits, predictions, MACs left out, latencies' trust."""
        return (*self.warnings, *([] if self.latency_verdict is None else [str(self.latency_verdict)]))

    @property
    def warnings(self) -> tuple[str, ...]:
        """`notes` but for the latencies' verdict, which has a place of its own where there is room for it."""
        return tuple(text for text in (self.note, self.predicted, uncounted_text(self.uncounted)) if text)

    @property
    def keeps_limits(self) -> bool:
        """Whether its networks keep the constraints; where none that was found does, they are the nearest to it."""
        return bool(self.table["feasible"].all())

    @property
    def measurements(self) -> tuple[str, ...]:
        """Names of what was measured, or predicted."""
        return tuple(name for name in MEASUREMENTS if name in self.networks)

    def sign(self, name: str) -> float:
        """-1.0 where large values of a measurement are good, 1.0 where small ones are."""
        wanted = next((objective for objective in self.objectives if objective.name == name), None)
        return (wanted or Objective.parse(name)).sign

    def nearest(self, **wanted: float) -> FrontPoint:
        """Find the network that comes closest to given measurements.

        Args:
            wanted: Values by name, above 0, such as `macs=530e6`. With several, the relative differences are squared
                and added.

        Raises:
            InputError: Nothing was wanted, it was not measured, it is not above 0, or the front is empty.
        """
        if not wanted:
            raise InputError(f"nearest to what? Give one or more of {', '.join(self.measurements)}, such as macs=530e6")
        if self.table.empty:
            raise InputError(f"the front is empty, so nothing is near: {self.note}")
        distance = np.zeros(len(self.table))
        for name, value in wanted.items():
            self.require(name)
            if not (np.isfinite(value) and value > 0):
                raise InputError(f"nearest {name}={value}: expected a number above 0")
            distance += (self.table[name].to_numpy(float) / value - 1) ** 2
        if np.isnan(distance).all():
            raise InputError(f"no network of the front has {' and '.join(wanted)} measured")
        return self.point(int(np.nanargmin(distance)))

    def point(self, index: int) -> FrontPoint:
        """A network by its row in `table`."""
        row = self.table.iloc[index]
        measured = {name: float(row[name]) for name in self.measurements if pd.notna(row[name])}
        return FrontPoint(row["network"], measured, self.architectures[index], row["code"])

    def hypervolume(self, reference: Mapping[str, float] | None = None) -> Hypervolume:
        """Measure how much the front covers.

        Args:
            reference: The worst value that counts for every objective. None takes the worst over all networks that
                keep the constraints, of the front or not: then values of different results cannot be compared.

        Returns:
            The measure and its reference; 0 where no network keeps the constraints.

        Raises:
            InputError: The reference is not of these objectives.
        """
        names = [objective.name for objective in self.objectives]
        signs = np.array([objective.sign for objective in self.objectives])
        if reference is None:
            kept = self.networks[self.networks["feasible"].astype(bool)]
            values = (kept if len(kept) else self.networks)[names].dropna().to_numpy(float) * signs
            worst = values.max(0) if len(values) else np.full(len(names), np.nan)
        elif set(reference) != set(names):
            raise InputError(f"the reference names {', '.join(reference)}, the objectives are {', '.join(names)}")
        else:
            worst = np.array([reference[name] for name in names], float) * signs
        covering = self.table[self.table["feasible"].astype(bool)]
        value = hypervolume(covering[names].to_numpy(float) * signs, worst) if len(covering) else 0.0
        return Hypervolume(value, dict(zip(names, (worst * signs).tolist(), strict=True)))

    def require(self, name: str) -> None:
        """Check that something was measured, and can be compared.

        Raises:
            InputError: It was not, or cannot.
        """
        if self.predicted and name not in self.measurements:
            raise InputError(f"'{name}' is not predicted here; there are {', '.join(self.measurements)}")
        require_measured(name, self.measurements, self.latency_problem)

    def axes(self, x: str | None, y: str | None) -> tuple[str, str]:
        """Choose the axes that were left open; see `front_plots.draw_front`."""
        x, y = choose_axes(self.objectives, self.measurements, x, y)
        for name in (x, y):
            self.require(name)
        return x, y

    def best_of(self, x: str, y: str) -> pd.DataFrame:
        """The rows of `table` that are best in two measurements alone, by rising `x`."""
        rows = self.table.dropna(subset=[x, y])
        values = rows[[x, y]].to_numpy(float) * [self.sign(x), self.sign(y)]
        return rows[non_dominated(values)].sort_values([x, y])


def choose_axes(
    objectives: Sequence[Objective], measurements: Sequence[str], x: str | None, y: str | None
) -> tuple[str, str]:
    """Choose the axes that were left open: MACs or else another objective across, and up the first that is left.

    Args:
        objectives: What a front is of.
        measurements: What may be drawn.
        x: Measurement on the horizontal axis; None chooses.
        y: Measurement on the vertical axis; None chooses.

    Raises:
        InputError: Both are the same, where there is another.
    """
    names = [*(objective.name for objective in objectives), *measurements]
    if x is None:
        others = [name for name in names[1:] if name != (y or names[0])]
        x = "macs" if "macs" in measurements and y != "macs" else next(iter(others), names[0])
    y = y or next((name for name in names if name != x), x)
    if x == y and x in measurements and len(measurements) > 1:
        raise InputError(f"'{x}' is on both axes: choose another of {', '.join(measurements)}")
    return x, y


def shared_measurements(fronts: Iterable[Front]) -> tuple[str, ...]:
    """What all fronts have measured; one that is empty, such as of a search that has only begun, has no say."""
    known = list(fronts)
    first, *others = [front for front in known if len(front.table)] or known
    return tuple(name for name in first.measurements if all(name in other.measurements for other in others))


def shared_limits(fronts: Iterable[Front]) -> tuple[Constraint, ...]:
    """The limits that hold for all fronts."""
    first, *others = fronts
    return tuple(limit for limit in first.constraints if all(limit in other.constraints for other in others))
