"""What a table of places knows of a whole space: its true front, and its worst networks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from lighttrack_nas.benchmarks.scoring.places_evaluator import PlacesEvaluator
from lighttrack_nas.benchmarks.sums.elimination import minimum
from lighttrack_nas.benchmarks.sums.exact_fronts import exact_front
from lighttrack_nas.place_tables.place_criteria import criteria, times
from lighttrack_nas.search_spaces.space import Architecture
from lighttrack_nas.strategies.search.goals.hypervolume import non_dominated
from lighttrack_nas.strategies.search.goals.objectives import Constraint, Objective


class PlaceFront(NamedTuple):
    """The networks of a space that no other beats.

    Attributes:
        architectures: Paths, one for each point.
        values: ``(points, objectives)`` What the evaluator measures of each, signed so that small is good.
    """

    architectures: tuple[Architecture, ...]
    values: np.ndarray


def place_front(
    evaluator: PlacesEvaluator, objectives: Sequence[Objective], constraints: Sequence[Constraint] = ()
) -> PlaceFront:
    """The true front of a space: of equal networks one, and no points where none keeps the constraints.

    Args:
        evaluator: What measures.
        objectives: One or more.
        constraints: What networks must keep.

    Raises:
        InputError: A measurement that the evaluator has not.
    """
    names = [objective.name for objective in objectives]
    sums = {name: evaluator.factors(name) for name in [*names, *(limit.name for limit in constraints)]}
    front = exact_front(evaluator.space, criteria(sums, objectives, constraints))
    architectures = [architecture.path() for architecture in front.architectures]
    measured = [evaluator.measure(architecture, names) for architecture in architectures]
    values = np.array([[o.sign * by_name[o.name] for o in objectives] for by_name in measured], float)
    values = values.reshape(-1, len(objectives))
    # Sums in another order differ in their last digits.
    kept = np.flatnonzero(non_dominated(values))
    return PlaceFront(tuple(architectures[index] for index in kept), values[kept])


def worst_values(
    evaluator: PlacesEvaluator, objectives: Sequence[Objective], constraints: Sequence[Constraint] = ()
) -> dict[str, float]:
    """By objective, the worst value of a space's networks; a constraint's limit where that is better.

    Args:
        evaluator: What measures.
        objectives: What for.
        constraints: What networks must keep.

    Raises:
        InputError: A measurement that the evaluator has not.
    """
    worst_by_name = {}
    for objective in objectives:
        name, sign = objective.name, int(objective.sign)
        numbers = minimum(times(-sign, evaluator.factors(name)))
        worst = evaluator.space.architecture(
            {label: values[numbers.get(label, 0)] for label, values in evaluator.space.labels.items()}
        )
        sense = "<=" if sign == 1 else ">="
        limits = [bound.limit for bound in constraints if (bound.name, bound.sense) == (name, sense)]
        worst_by_name[name] = sign * min(sign * value for value in (evaluator.measure(worst, [name])[name], *limits))
    return worst_by_name
