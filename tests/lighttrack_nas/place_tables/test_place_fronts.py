"""The true front of a table of places, against every network of a small space."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from lighttrack_nas.benchmarks.costs.cost_table import CostTable
from lighttrack_nas.benchmarks.scoring.place_scores import PlaceScores
from lighttrack_nas.benchmarks.scoring.places_evaluator import PlacesEvaluator
from lighttrack_nas.place_tables.place_fronts import place_front, worst_values
from lighttrack_nas.search_spaces.enumeration import paths
from lighttrack_nas.search_spaces.loading.loading import load_space
from lighttrack_nas.strategies.search.goals.hypervolume import non_dominated
from lighttrack_nas.strategies.search.goals.objectives import parse_constraints, parse_objectives, total_violation

SPACE = load_space("lighttrack-table")
ALL = list(paths(SPACE))


@pytest.fixture(scope="module")
def evaluator(random_places: Callable[..., PlaceScores]) -> PlacesEvaluator:
    return PlacesEvaluator(random_places(SPACE), CostTable(SPACE))


@pytest.fixture(scope="module")
def everything(evaluator: PlacesEvaluator) -> list[dict[str, float]]:
    return [evaluator.measure(each, evaluator.measurements) for each in ALL]


CASES = [
    (["minimize nsr"], []),
    (["minimize nsr", "minimize macs"], []),
    (["minimize nsr", "minimize macs"], ["macs <= 12M"]),
    (["minimize nsr", "minimize macs", "minimize params"], []),
    # A limit on what is no objective; one against an objective's direction; both ways at once.
    (["minimize nsr", "minimize macs"], ["params <= 60K"]),
    (["minimize nsr", "minimize macs"], ["macs >= 9M", "nsr <= 0.3"]),
    (["minimize nsr", "maximize macs"], ["macs >= 9M", "macs <= 14M", "macs <= 13M"]),
    # None keeps it.
    (["minimize nsr", "minimize macs"], ["macs <= 1M"]),
]


@pytest.mark.parametrize(("objectives", "constraints"), CASES)
def test_the_front_is_that_of_counting_every_network(
    evaluator: PlacesEvaluator, everything: list[dict[str, float]], objectives: list[str], constraints: list[str]
) -> None:
    goals, bounds = parse_objectives(objectives), parse_constraints(constraints)
    kept = [found for found in everything if total_violation(bounds, found) <= 0]
    values = np.array([[goal.sign * found[goal.name] for goal in goals] for found in kept]).reshape(-1, len(goals))
    expected = np.unique(values[non_dominated(values)], axis=0)
    front = place_front(evaluator, goals, bounds)
    # Of values that are the same but for their last digits there is one.
    assert np.unique(front.values.round(12), axis=0) == pytest.approx(np.unique(expected.round(12), axis=0))
    assert all(each == each.path() for each in front.architectures)
    for architecture, point in zip(front.architectures, front.values, strict=True):
        measured = evaluator.measure(architecture, evaluator.measurements)
        assert [goal.sign * measured[goal.name] for goal in goals] == point.tolist()


def test_worst_values_are_the_exact_ends_or_the_tighter_limits(
    evaluator: PlacesEvaluator, everything: list[dict[str, float]]
) -> None:
    goals = parse_objectives(["minimize nsr", "maximize macs"])
    most = max(found["nsr"] for found in everything)
    least = min(found["macs"] for found in everything)
    assert worst_values(evaluator, goals) == pytest.approx({"nsr": most, "macs": least})
    # Limits in the same direction count, and only where they are better than the worst.
    bounds = parse_constraints(["nsr <= 0.2", "nsr <= 0.3", "macs >= 8M", "macs <= 9M"])
    assert worst_values(evaluator, goals, bounds) == {"nsr": 0.2, "macs": 8e6}
    assert worst_values(evaluator, goals, parse_constraints(["nsr <= 9", "macs >= 1K"])) == pytest.approx(
        {"nsr": most, "macs": least}
    )
