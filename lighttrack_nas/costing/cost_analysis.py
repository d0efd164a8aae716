"""What the architectures of a space cost: quantiles, shares that keep constraints, and the exact ends."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pandas as pd

from lighttrack_nas.benchmarks.costs.cost_table import CostTable, Extremes
from lighttrack_nas.benchmarks.costs.measured_costs import Costing, MeasuredCosts
from lighttrack_nas.benchmarks.costs.network_costs import CONVENTION, COUNTER
from lighttrack_nas.reporting.architecture_texts import official_codes
from lighttrack_nas.reporting.environment import versions
from lighttrack_nas.reporting.intervals import share_interval
from lighttrack_nas.reporting.progress_bar import progress
from lighttrack_nas.search_spaces.space import Architecture, Space
from lighttrack_nas.strategies.search.goals.objectives import Constraint, parse_constraints
from lighttrack_nas.trackers.base.errors import InputError

if TYPE_CHECKING:
    from lighttrack_nas.benchmarks.latency.latency_table import LatencyTable

EXACT = ("macs", "params")
"""Measurements whose extremes are known exactly."""
QUANTILES = (0.0, 0.05, 0.25, 0.5, 0.75, 0.95, 1.0)


class Share(NamedTuple):
    """How much of a space keeps a constraint.

    Attributes:
        constraint: As text; "all of them" for all together.
        share: Of the drawn architectures, 0 to 1.
        low: Lower end of Wilson's 95 % interval of the space's share.
        high: Its upper end.
    """

    constraint: str
    share: float
    low: float
    high: float


@dataclass(frozen=True, eq=False)
class SpaceCosts:
    """Costs of a sample of a space, every label combination equally likely, and the space's exact ends.

    `draw_costs` draws them, `save_costs` writes them.

    Attributes:
        table: What the costs come from.
        seed: Of the sample.
        indices: ``(N, labels)``, the drawn candidates' numbers, as `CostTable.bulk_indices` takes them.
        samples: A row a drawn architecture: macs, params, macs_template, and latency_ms where it was asked for.
        constraints: What was asked of them.
        extremes: By each of `EXACT`, the cheapest and the dearest architecture; empty where no table of parts tells.
        latency: What latency_ms was predicted by; None where it was not asked for.
    """

    table: Costing
    seed: int
    indices: np.ndarray
    samples: pd.DataFrame
    constraints: tuple[Constraint, ...]
    extremes: Mapping[str, Extremes]
    latency: LatencyTable | None = None

    @property
    def measurements(self) -> list[str]:
        """What is shown: macs, params, and latency_ms where it was asked for."""
        return [name for name in (*EXACT, "latency_ms") if name in self.samples]

    @property
    def quantiles(self) -> pd.DataFrame:
        """A row a measurement, a column for each of `QUANTILES`."""
        return self.samples[self.measurements].quantile(list(QUANTILES)).T

    @property
    def shares(self) -> list[Share]:
        """A share for each constraint; with several, one more for all together."""
        kept = {str(constraint): _keeps(self.samples, constraint) for constraint in self.constraints}
        if len(kept) > 1:
            kept["all of them"] = np.logical_and.reduce(list(kept.values()))
        return [Share(text, float(k.mean()), *share_interval(int(k.sum()), len(k))) for text, k in kept.items()]

    def limits(self, name: str) -> tuple[float, float]:
        """The range of a measurement: the space's own where it is known, else the sample's."""
        if name in self.extremes:
            low, high = (self.table.costs(end)[name] for end in self.extremes[name])
            return low, high
        return float(self.samples[name].min()), float(self.samples[name].max())

    def histogram(self, name: str, bins: int = 16) -> tuple[np.ndarray, np.ndarray]:
        """Count a measurement in equal bins over its range.

        Returns:
            Counts ``(bins,)`` and edges ``(bins + 1,)``.
        """
        return np.histogram(self.samples[name], bins, range=self.limits(name))

    def to_dict(self) -> dict[str, Any]:
        """Everything but the sample itself, JSON-able."""
        space = self.table.space
        return {
            "space": space.name,
            "space_hash": space.hash,
            "search_size": self.table.search_size,
            "template_size": space.template_size,
            "sample": len(self.samples),
            "seed": self.seed,
            "drawn": "every candidate of every label equally likely",
            "quantiles": {
                name: {f"{quantile:g}": float(value) for quantile, value in row.items()}
                for name, row in self.quantiles.T.to_dict().items()
            },
            "histograms": {
                name: {"counts": counts.tolist(), "edges": edges.tolist()}
                for name in self.measurements
                for counts, edges in [self.histogram(name)]
            },
            "constraints": [share._asdict() for share in self.shares],
            "extremes": {
                name: {end: self._end(getattr(ends, end)) for end in ends._fields}
                for name, ends in self.extremes.items()
            },
            "latency": _latency_record(self.latency),
            "uncounted": list(self.table.uncounted),
            "counter": COUNTER,
            "convention": CONVENTION,
            "versions": versions(),
        }

    def _end(self, architecture: Architecture) -> dict[str, Any]:
        (code,) = official_codes([architecture])
        return {**self.table.costs(architecture), "code": code or None, "choices": dict(architecture.choices)}


def load_costing(space: Space, search_size: int | None = None) -> Costing:
    """What knows a space's costs: `load_cost_table`, or of an `NniSpace` a count of each network when it is asked."""
    if not space.is_declared:
        return MeasuredCosts(space, search_size)
    return load_cost_table(space, search_size)


def load_cost_table(space: Space, search_size: int | None = None) -> CostTable:
    """A space's cost table, counted or read from the user's cache; a count shows its progress on standard error.

    Raises:
        InputError: The space is an `NniSpace`, whose parts nobody knows.
    """
    if not space.is_declared:
        space.refuse(
            "is NNI's, of whose parts nobody knows the costs: each network is built and counted, by `costs "
            "ARCHITECTURE`, `costs --sample` and `random`, or `load_costing`"
        )
    table = CostTable(space, search_size, warn=_note)
    if not table.load():
        with progress("counting costs", table.steps, "parts") as advance:
            table.build(advance)
    return table


def _note(text: str) -> None:
    """A function of the module, so that tables that hold it can be sent to other processes."""
    print(f"note: {text}", file=sys.stderr)


def cost_constraints(
    constraints: str | Constraint | Sequence[str | Constraint], with_latency: bool
) -> tuple[Constraint, ...]:
    """Read constraints that a look-up of costs can answer.

    Raises:
        InputError: A mistake in one, or one on something that is not looked up here.
    """
    parsed = parse_constraints(constraints)
    known = (*EXACT, "latency_ms") if with_latency else EXACT
    for constraint in parsed:
        if constraint.name == "latency_ms" and not with_latency:
            raise InputError(f"constraint '{constraint}': latency is not known without a latency table")
        if constraint.name not in known:
            raise InputError(
                f"constraint '{constraint}': '{constraint.name}' is no cost; {', '.join(known)} can be bounded here"
            )
    return parsed


def space_costs(
    table: Costing,
    sample: int,
    *,
    seed: int = 0,
    constraints: str | Constraint | Sequence[str | Constraint] = (),
    latency: LatencyTable | None = None,
) -> SpaceCosts:
    """Draw architectures of a space, every label combination equally likely, and look up what they cost.

    Args:
        table: Of the space.
        sample: How many to draw.
        seed: Of the draw.
        constraints: Such as "macs <= 600M", or the sets Mobile, LargeA, LargeB.
        latency: Of the same space, predicts the milliseconds of a tracked frame; None leaves latency out.

    Raises:
        InputError: A sample of none, a constraint on something that is not looked up here, or latency beside MACs at
            another search size.
    """
    if sample < 1:
        raise InputError(f"sample: at least 1 architecture expected, got {sample}")
    parsed = cost_constraints(constraints, with_latency=latency is not None)
    space = table.space
    timed = space.search_sizes[0]
    if latency is not None and table.search_size != timed:
        raise InputError(
            f"latency tables are of the space's smaller search size, {timed}: leave out the search size "
            f"{table.search_size}, or the latency table"
        )
    counts = np.array([len(values) for values in space.labels.values()], np.int64)
    indices = np.random.default_rng(seed).integers(counts, size=(sample, len(counts)))
    samples = pd.DataFrame(table.bulk_indices(indices))
    if latency is not None:
        drawn = [
            Architecture(space, tuple(values[i] for values, i in zip(space.labels.values(), row, strict=True)))
            for row in indices.tolist()
        ]
        samples["latency_ms"] = latency.predict(drawn)
    extremes = {} if isinstance(table, MeasuredCosts) else {name: table.extremes(name) for name in EXACT}
    return SpaceCosts(table, seed, indices, samples, parsed, extremes, latency)


def _latency_record(latency: LatencyTable | None) -> dict[str, Any] | None:
    if latency is None:
        return None
    return {"digest": latency.digest, "fingerprint": latency.fingerprint.to_dict(), "check": asdict(latency.check)}


def _keeps(samples: pd.DataFrame, constraint: Constraint) -> np.ndarray:
    values = samples[constraint.name].to_numpy()
    return values <= constraint.limit if constraint.sense == "<=" else values >= constraint.limit
