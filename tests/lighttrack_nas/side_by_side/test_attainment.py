"""Attainment surfaces, by hand and against the definition."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lighttrack_nas.side_by_side.attainment import QUARTILES, attainment
from lighttrack_nas.side_by_side.overlay_plots import band

SMALL = np.array([1.0, 1.0])


def attained(front: np.ndarray, point: np.ndarray, signs: np.ndarray) -> bool:
    """Whether a run reaches a point: one of its own is as good or better in both."""
    return bool(np.any(np.all(front * signs <= point * signs + 1e-12, axis=1)))


def test_surfaces_of_three_runs_by_hand() -> None:
    runs = [np.array([[1.0, 3.0], [3.0, 1.0]]), np.array([[2.0, 2.0]]), np.array([[4.0, 4.0]])]
    found = attainment(runs, SMALL)
    assert found.runs == 3
    assert found.surfaces[25].tolist() == [[1, 3], [2, 2], [3, 1]]
    # Two of three runs: the worse of each pair in both.
    assert found.surfaces[50].tolist() == [[2, 3], [3, 2]]
    assert found.surfaces[75].tolist() == [[4, 4]]
    longer = found.reaching(9.0, 1.0).surfaces
    assert longer[75].tolist() == [[4, 4], [9, 4]]
    assert found.reaching(3.0, 1.0).surfaces[50].tolist() == [[2, 3], [3, 2]]


def test_a_run_without_a_point_attains_nothing() -> None:
    found = attainment([np.array([[1.0, 1.0]]), np.array([[2.0, 2.0]]), np.empty((0, 2))], SMALL)
    assert found.surfaces[25].tolist() == [[1, 1]]
    assert found.surfaces[50].tolist() == [[2, 2]]
    assert found.surfaces[75].tolist() == []
    assert attainment([np.empty((0, 2))] * 2, SMALL).surfaces[25].tolist() == []


points = st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6)), min_size=1, max_size=5)


@settings(max_examples=60, deadline=None)
@given(st.lists(points, min_size=1, max_size=5), st.sampled_from([(1.0, 1.0), (1.0, -1.0), (-1.0, 1.0)]))
def test_each_share_attains_its_surface_and_nothing_better(fronts: list[list[tuple[int, int]]], way: tuple) -> None:
    signs = np.array(way)
    runs = [np.array(front, float) for front in fronts]
    surfaces = attainment(runs, signs).surfaces
    for share in QUARTILES:
        need = -(-share * len(runs) // 100)
        surface = surfaces[share]
        assert list(surface[:, 0]) == sorted(surface[:, 0])
        for x in range(7):
            for y in range(7):
                point = np.array([x, y], float)
                reached = sum(attained(run, point, signs) for run in runs) >= need
                assert attained(surface, point, signs) == reached


@pytest.mark.parametrize(
    ("sign", "x", "first", "second"),
    [(1.0, [2, 3, 4], [5, 5, 4], [3, 2, 2]), (-1.0, [1, 2], [5, 5], [3, 3])],
)
def test_a_band_holds_where_both_edges_do(sign: float, x: list[float], first: list[float], second: list[float]) -> None:
    low = np.array([[2.0, 5.0], [4.0, 4.0]]) if sign > 0 else np.array([[2.0, 5.0]])
    high = np.array([[1.0, 3.0], [3.0, 2.0]]) if sign > 0 else np.array([[1.0, 3.0], [3.0, 3.0]])
    grid, one, other = band(low, high, sign)
    assert grid.tolist() == x
    assert one.tolist() == first
    assert other.tolist() == second
