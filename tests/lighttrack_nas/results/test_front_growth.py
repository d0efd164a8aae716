"""How a set of points grew: cases by hand, and each beginning by itself."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from lighttrack_nas.results.front_growth import distance_to_front, growth
from lighttrack_nas.strategies.search.goals.hypervolume import hypervolume, non_dominated

POINTS = arrays(float, st.tuples(st.integers(1, 12), st.just(2)), elements=st.floats(0, 1))


@pytest.mark.parametrize(
    ("values", "front", "expected"),
    [
        ([[0.0, 1.0], [1.0, 0.0]], [[0.0, 1.0], [1.0, 0.0]], 0.0),  # reached
        ([[0.0, 0.0]], [[0.0, 1.0], [1.0, 0.0]], 0.0),  # beaten
        ([[0.5, 1.0]], [[0.0, 1.0]], 0.5),  # short in one objective
        ([[0.3, 0.4]], [[0.0, 0.0]], 0.5),  # short in both
        ([[1.0, 0.0]], [[0.0, 0.0], [1.0, 0.0]], 0.5),  # the mean over the front
        ([[9.0, 9.0], [0.0, 0.0]], [[0.0, 0.0]], 0.0),  # the nearest counts
        ([[3.0], [2.0]], [[1.0], [2.0]], 0.5),  # one objective
    ],
)
def test_the_distance_to_a_front_is_the_known_one(values: list, front: list, expected: float) -> None:
    assert distance_to_front(np.array(values), np.array(front)) == pytest.approx(expected)


def test_distance_without_points() -> None:
    assert distance_to_front(np.empty((0, 2)), np.zeros((1, 2))) == np.inf


@settings(deadline=None)
@given(POINTS, st.integers(0, 1000))
def test_growth_is_what_each_beginning_measures(values: np.ndarray, seed: int) -> None:
    counts = np.random.default_rng(seed).random(len(values)) < 0.7
    front = values[non_dominated(values)]
    grown = growth(values, counts, np.ones(2), front)
    for end in range(1, len(values) + 1):
        part = values[:end][counts[:end]]
        assert grown.hypervolume[end - 1] == pytest.approx(hypervolume(part, np.ones(2)), abs=1e-12)
        assert grown.distance[end - 1] == pytest.approx(distance_to_front(part, front))
    assert (np.diff(grown.hypervolume) >= -1e-12).all()
