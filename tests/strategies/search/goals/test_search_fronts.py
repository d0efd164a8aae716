"""Dominance and hypervolume, against Optuna's."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from optuna._hypervolume import compute_hypervolume
from optuna.study._multi_objective import _is_pareto_front

from lighttrack_nas.strategies.search.goals.hypervolume import hypervolume, non_dominated


def points(dimensions: int) -> st.SearchStrategy[np.ndarray]:
    # Whole numbers bring ties, in single objectives and in all.
    values = st.one_of(st.integers(0, 6).map(float), st.floats(0, 6))
    return arrays(float, st.tuples(st.integers(1, 20), st.just(dimensions)), elements=values)


@pytest.mark.slow
@pytest.mark.parametrize("dimensions", [1, 2, 3, 4])
def test_non_dominated_agrees_with_optuna(dimensions: int) -> None:
    @settings(deadline=None)
    @given(points(dimensions))
    def check(values: np.ndarray) -> None:
        assert non_dominated(values).tolist() == _is_pareto_front(values, assume_unique_lexsorted=False).tolist()

    check()


@pytest.mark.slow
@pytest.mark.parametrize("dimensions", [1, 2, 3, 4])
def test_hypervolume_agrees_with_optuna(dimensions: int) -> None:
    @settings(deadline=None)
    @given(points(dimensions))
    def check(values: np.ndarray) -> None:
        # Optuna wants points that the reference bounds; ours drops the others.
        inside = values[np.all(values < 5, axis=1)]
        expected = compute_hypervolume(inside, np.full(dimensions, 5.0)) if len(inside) else 0.0
        assert hypervolume(values, np.full(dimensions, 5.0)) == pytest.approx(expected, rel=1e-9, abs=1e-9)

    check()


def test_hypervolume_agrees_with_counting_cells() -> None:
    rng = np.random.default_rng(0)
    values = rng.integers(0, 8, (12, 3))
    cells = np.stack(np.meshgrid(*[np.arange(8)] * 3, indexing="ij"), -1).reshape(-1, 1, 3)
    covered = np.any(np.all(cells >= values, axis=2), axis=1).sum()
    assert hypervolume(values, np.array([8, 8, 8])) == covered


@settings(deadline=None)
@given(points(3), st.integers(0, 100))
def test_hypervolume_grows_and_forgets_the_order(values: np.ndarray, seed: int) -> None:
    reference = np.array([6.5, 6.0, 5.0])
    whole = hypervolume(values, reference)
    assert hypervolume(values[:-1], reference) <= whole + 1e-9
    assert hypervolume(np.random.default_rng(seed).permutation(values), reference) == pytest.approx(whole)
    assert hypervolume(values[non_dominated(values)], reference) == pytest.approx(whole)


def test_a_front_of_no_points_has_no_volume() -> None:
    assert hypervolume(np.zeros((0, 2)), np.ones(2)) == 0.0
    assert hypervolume(np.ones((1, 2)), np.ones(2)) == 0.0
    assert non_dominated(np.zeros((0, 2))).shape == (0,)


def test_equal_points_stay_together() -> None:
    assert non_dominated(np.array([[1, 1], [1, 1], [0, 2], [1, 2]])).tolist() == [True, True, True, False]
