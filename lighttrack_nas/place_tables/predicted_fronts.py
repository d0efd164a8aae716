"""The front of a whole space as its table of places predicts it: exact sums in place of a search."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from lighttrack_nas.benchmarks.sums.elimination import Factor
from lighttrack_nas.benchmarks.sums.exact_fronts import Criterion, ExactFront, exact_front
from lighttrack_nas.costing.cost_analysis import load_cost_table
from lighttrack_nas.place_tables.place_criteria import criteria, times
from lighttrack_nas.reporting.architecture_texts import choices_json, official_codes
from lighttrack_nas.results.fronts import Front
from lighttrack_nas.results.networks import COSTS
from lighttrack_nas.strategies.search.goals.objectives import (
    MEASUREMENTS,
    Constraint,
    Objective,
    parse_constraints,
    parse_objectives,
)
from lighttrack_nas.strategies.search.storage.trials import digest
from lighttrack_nas.trackers.base.errors import InputError

if TYPE_CHECKING:
    from lighttrack_nas.benchmarks.costs.cost_table import CostTable
    from lighttrack_nas.benchmarks.latency.latency_table import LatencyTable
    from lighttrack_nas.benchmarks.scoring.place_scores import PlaceScores
    from lighttrack_nas.benchmarks.scoring.score_predictor import ScorePredictor
    from lighttrack_nas.search_spaces.space import Architecture

TOLERANCE = 0.01
"""Of fronts of three objectives or more, unless another is given: they have very many points."""


def predicted_front(
    scores: PlaceScores,
    predictor: ScorePredictor | None = None,
    objectives: str | Objective | Iterable[str | Objective] | None = None,
    constraints: str | Constraint | Iterable[str | Constraint] = (),
    latency_table: LatencyTable | None = None,
    tolerance: float | None = None,
) -> Front:
    """Find the networks of a space that no network beats, by what is predicted of them.

    Args:
        scores: The table of places.
        predictor: Of the same table, predicts "overlap" or "ao"; None leaves the plain sum over places, "nsr".
        objectives: Of "nsr", the predictor's measurement, "macs", "params" and, with a latency table, "latency_ms";
            None: the predictor's measurement, or "nsr", and "macs".
        constraints: Limits on the same, or the sets "Mobile", "LargeA", "LargeB".
        latency_table: Of the same space.
        tolerance: See `exact_fronts.exact_front`; None: 0 for one or two objectives, else `TOLERANCE`.

    Returns:
        The front. Its networks are paths: the skips of a tower stand where the table is best with them.

    Raises:
        InputError: A predictor that does not guide, tables of other spaces, something that is not predicted, a mistake
            in a text, or limits that no network keeps.
    """
    quality = "nsr" if predictor is None else predictor.measurement
    wanted = parse_objectives([quality, "macs"] if objectives is None else objectives)
    limits = parse_constraints(constraints)
    _check(scores, predictor, latency_table, [*(goal.name for goal in wanted), *(limit.name for limit in limits)])
    costs = load_cost_table(scores.space)
    sums = _sums(scores, predictor, costs, latency_table)
    for text, name in [(str(goal), goal.name) for goal in wanted] + [(str(limit), limit.name) for limit in limits]:
        if name not in sums:
            more = "; latencies need a latency table" if name == "latency_ms" else ""
            raise InputError(f"'{text}': '{name}' is not predicted here; there are {', '.join(sums)}{more}")
    if tolerance is None:
        tolerance = 0.0 if len(wanted) < 3 else TOLERANCE
    exact = exact_front(scores.space, criteria(sums, wanted, limits), tolerance)
    if not exact.architectures:
        raise InputError(_nobody_keeps(scores, sums, limits))
    table = _table(exact, scores, predictor, costs, latency_table, wanted)
    architectures = tuple(table.pop("architecture"))
    networks = table.drop(columns=["code", "choices"])
    said = _said(scores, predictor, latency_table, tolerance)
    return Front(
        scores.space,
        wanted,
        limits,
        table,
        networks,
        architectures,
        "",
        predicted=said,
        uncounted=costs.uncounted,
    )


def evenly_along(front: Front, cost: str, count: int) -> list[Architecture]:
    """Architectures of a front that are spread evenly over a cost, or all where there are no more.

    Args:
        front: The front.
        cost: A measurement of it.
        count: How many.
    """
    values = front.table[cost].to_numpy(float)
    if count >= len(values):
        return list(front.architectures)
    left = list(range(len(values)))
    chosen = []
    # The middles of equal parts, so that one alone lies in the middle; of two or more the first and the last are ends.
    parts = np.linspace(0, 1, count) if count > 1 else np.array([0.5])
    for wanted in values.min() + parts * np.ptp(values):
        nearest = min(left, key=lambda index: abs(values[index] - wanted))
        left.remove(nearest)
        chosen.append(nearest)
    return [front.architectures[index] for index in sorted(chosen)]


def _check(
    scores: PlaceScores, predictor: ScorePredictor | None, latency: LatencyTable | None, names: Sequence[str]
) -> None:
    """Refuse a latency table or a predictor of something else, and a predictor that ranks no better than MACs."""
    if latency is not None and latency.space != scores.space:
        raise InputError(
            f"the latency table is of space '{latency.space.name}' ({latency.space.hash}), the table of places of "
            f"'{scores.space.name}' ({scores.space.hash})"
        )
    if predictor is None:
        return
    if predictor.scores.digest != scores.digest:
        raise InputError(
            f"the predictor is of another table of places ({predictor.scores.digest}) than was given ({scores.digest})"
        )
    if predictor.measurement in names and not predictor.guides:
        raise InputError(
            f"the predictor of {predictor.measurement} is no guide: over {predictor.networks} networks its Kendall's "
            f"tau is {tau_text(predictor)}, that of MACs alone {predictor.macs_tau:.2f}; measure more networks "
            "(predictor.networks), train the supernet for longer, or take the plain sum over places (--by nsr)"
        )


def tau_text(predictor: ScorePredictor) -> str:
    """Kendall's tau of a predictor with its interval."""
    return f"{predictor.tau.value:.2f} ({predictor.tau.low:.2f} to {predictor.tau.high:.2f})"


def _sums(
    scores: PlaceScores, predictor: ScorePredictor | None, costs: CostTable, latency: LatencyTable | None
) -> dict[str, Sequence[Factor]]:
    """By measurement, the tables that add up to it."""
    sums: dict[str, Sequence[Factor]] = {"nsr": scores.factors, **{name: costs.factors(name) for name in COSTS}}
    if predictor is not None:
        sums[predictor.measurement] = times(-1, predictor.factors)
    if latency is not None:
        sums["latency_ms"] = latency.factors
    return {name: sums[name] for name in MEASUREMENTS if name in sums}


def _nobody_keeps(scores: PlaceScores, sums: Mapping[str, Sequence[Factor]], constraints: Sequence[Constraint]) -> str:
    """Why no network keeps the limits, in a sentence."""
    for limit in constraints:
        sign = 1 if limit.sense == "<=" else -1
        best = sign * exact_front(scores.space, [Criterion(times(sign, sums[limit.name]))]).values[0, 0]
        if limit.violation({limit.name: best}):
            what = "least" if sign > 0 else "most"
            return f"no network of space '{scores.space.name}' keeps {limit}: the {what} of all is {best:,.10g}"
    limits = " and ".join(map(str, constraints))
    return f"no network of space '{scores.space.name}' keeps {limits} together, though each alone can be kept: ease one"


def _table(
    exact: ExactFront,
    scores: PlaceScores,
    predictor: ScorePredictor | None,
    costs: CostTable,
    latency: LatencyTable | None,
    objectives: Sequence[Objective],
) -> pd.DataFrame:
    """The table of a `Front`, with the architectures."""
    paths = [architecture.path() for architecture in exact.architectures]
    columns: dict[str, list[float] | np.ndarray] = {"nsr": [round(scores.score(path), 9) for path in paths]}
    columns |= {name: values for name, values in costs.bulk(paths).items() if name in COSTS}
    if predictor is not None:
        columns[predictor.measurement] = [round(predictor.predict(path), 9) for path in paths]
    if latency is not None:
        columns["latency_ms"] = latency.predict(paths)
    names = [name for name in MEASUREMENTS if name in columns]
    table = pd.DataFrame(
        {"network": [digest(path.canonical()) for path in paths]}
        | {name: columns[name] for name in names}
        | {"feasible": True, "violation": 0.0, "code": official_codes(paths)}
        | {"choices": [choices_json(path) for path in paths], "architecture": paths}
    )
    order = [*COSTS, *(goal.name for goal in objectives if goal.name not in COSTS)]
    return table.sort_values(order, ignore_index=True)


def _said(scores: PlaceScores, predictor: ScorePredictor | None, latency: LatencyTable | None, tolerance: float) -> str:
    """What a reader must know of where the values come from."""
    said = [f"nothing here was measured: nsr is the sum over the places of table {scores.digest}"]
    if predictor is not None:
        said.append(
            f"{predictor.measurement} is predicted from it by a ridge regression on {predictor.networks} measured "
            f"networks (Kendall's tau {tau_text(predictor)}, MACs alone {predictor.macs_tau:.2f})"
        )
    if latency is not None:
        said.append(f"latency_ms is predicted for {latency.fingerprint}, median error {latency.check.median_error:.1%}")
    said.append("macs and params are exact")
    exact = "the front is that of all networks of the space"
    within = f", within {tolerance:.2%} of each objective's range" if tolerance else ", exactly"
    return "; ".join([*said, exact + within])
