"""Limits that no network of a space keeps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from lighttrack_nas.benchmarks.costs.cost_table import CostTable
from lighttrack_nas.benchmarks.scoring.tabular_benchmark import TableEvaluator
from lighttrack_nas.search_spaces.space import Space
from lighttrack_nas.strategies.search.goals.objectives import Constraint, short_number
from lighttrack_nas.trackers.base.errors import InputError

Ends = Mapping[str, tuple[float, float]]
"""The least and the greatest value that a space's networks have, by measurement."""


def known_ends(evaluator: object) -> Ends:
    """The ends of what an evaluator measures, as far as it knows them without measuring.

    Args:
        evaluator: One with a cost table knows the ends of macs and params, one with a latency table those of
            latency_ms; a tabular benchmark those of all it holds.
    """
    if isinstance(evaluator, TableEvaluator):
        table = evaluator.table
        return {
            name: (float(table.columns[name].min()), float(table.columns[name].max())) for name in table.measurements
        }
    costs = getattr(evaluator, "cost_table", None)
    latency = getattr(evaluator, "latency_table", None)
    ends = dict(cost_ends(costs)) if isinstance(costs, CostTable) else {}
    return ends if latency is None else ends | {"latency_ms": latency.ends}


def cost_ends(table: CostTable) -> Ends:
    """The exact ends of macs and params."""

    def ends(name: str) -> tuple[float, float]:
        cheapest, dearest = table.extremes(name)
        return float(table.costs(cheapest)[name]), float(table.costs(dearest)[name])

    return {name: ends(name) for name in ("macs", "params")}


def require_reachable(constraints: Sequence[Constraint], ends: Ends, space: str) -> None:
    """Check that every limit is kept by some network, each by itself, and that no two exclude each other.

    Args:
        constraints: Those of a search.
        ends: What networks have; other measurements are not looked at.
        space: What to call the space.

    Raises:
        InputError: One is not; it says what the space's networks have.
    """
    said = []
    for limit in constraints:
        least, most = ends.get(limit.name, (limit.limit, limit.limit))
        if limit.violation({limit.name: least}) > 0 and limit.violation({limit.name: most}) > 0:
            said.append(
                f"no network of '{space}' keeps {limit}: they have {short_number(least)} to {short_number(most)} "
                f"{limit.name}{_meant(limit, least, most)}"
            )
    for lower in (limit for limit in constraints if limit.sense == ">="):
        for upper in (limit for limit in constraints if limit.sense == "<=" and limit.name == lower.name):
            if lower.limit > upper.limit:
                said.append(f"no network keeps both {lower} and {upper}")
    if said:
        raise InputError("; ".join(said))


def require_near(point: Constraint, ends: Ends, space: str) -> None:
    """Check that a value to be near to lies among those that a space's networks have.

    Args:
        point: The measurement and the value, as a limit; its sense does not count.
        ends: What networks have; other measurements are not looked at.
        space: What to call the space.

    Raises:
        InputError: It does not; it says what the networks have.
    """
    least, most = ends.get(point.name, (point.limit, point.limit))
    if not least <= point.limit <= most:
        said = f"{point.name}={short_number(point.limit)}"
        meant = _meant(point, least, most).replace(f"{point.name} {point.sense} ", f"{point.name}=")
        raise InputError(
            f"no network of '{space}' is near to {said}: they have {short_number(least)} to {short_number(most)} "
            f"{point.name}{meant}"
        )


def space_ends(space: Space, constraints: Sequence[Constraint]) -> Ends:
    """The ends of what constraints speak of, as far as a count of the space's parts knows them; read from the cache.

    Args:
        space: The space; of one of NNI's nothing is known.
        constraints: Those that shall be looked at; nothing is counted where none is on macs or params.
    """
    from lighttrack_nas.costing.cost_analysis import EXACT, load_cost_table

    if not space.is_declared or not any(constraint.name in EXACT for constraint in constraints):
        return {}
    return cost_ends(load_cost_table(space))


def _meant(limit: Constraint, least: float, most: float) -> str:
    """The limit with the suffix that was forgotten, if one makes it fit: 20M for 20."""
    for suffix, scale in (("M", 1e6), ("K", 1e3), ("G", 1e9)):
        if least <= limit.limit * scale <= most:
            return f"; did you mean {limit.name} {limit.sense} {limit.limit:g}{suffix}?"
    return ""
