"""Objectives and constraints as sums over places, which `exact_fronts` makes small and keeps within limits."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from lighttrack_nas.benchmarks.sums.elimination import Factor
from lighttrack_nas.benchmarks.sums.exact_fronts import Criterion
from lighttrack_nas.strategies.search.goals.objectives import Constraint, Objective


def criteria(
    sums: Mapping[str, Sequence[Factor]], objectives: Sequence[Objective], constraints: Sequence[Constraint]
) -> list[Criterion]:
    """What is to be small, and what is limited; the limit of an objective stands with it where both look one way.

    Args:
        sums: By measurement, the tables that add up to it; has those of objectives and constraints.
        objectives: In the order of the front's values, signed so that small is good.
        constraints: What networks must keep.
    """
    largest: dict[tuple[str, int], float] = {}
    for limit in constraints:
        sign = 1 if limit.sense == "<=" else -1
        key = limit.name, sign
        largest[key] = min(largest.get(key, math.inf), sign * limit.limit)
    objective_criteria = []
    for goal in objectives:
        sign = int(goal.sign)
        objective_criteria.append(Criterion(times(sign, sums[goal.name]), largest.pop((goal.name, sign), math.inf)))
    return objective_criteria + [
        Criterion(times(sign, sums[name]), most, False) for (name, sign), most in largest.items()
    ]


def times(sign: int, factors: Sequence[Factor]) -> list[Factor]:
    """Tables with every value times 1 or -1."""
    return [Factor(factor.labels, sign * factor.values) for factor in factors]
