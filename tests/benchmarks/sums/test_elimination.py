"""Minima and odds of sums of tables, against trying everything."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import chisquare

from lighttrack_nas.benchmarks.sums.elimination import Factor, aligned, elimination_order, minimum
from lighttrack_nas.benchmarks.sums.sum_odds import SumOdds

SIZES = {"a": 2, "b": 3, "c": 2, "d": 4}


@st.composite
def factors(draw: st.DrawFn) -> list[Factor]:
    found = []
    for _ in range(draw(st.integers(1, 5))):
        labels = tuple(draw(st.lists(st.sampled_from(sorted(SIZES)), max_size=3, unique=True)))
        shape = [SIZES[label] for label in labels]
        values = draw(st.lists(st.integers(0, 9), min_size=int(np.prod(shape)), max_size=int(np.prod(shape))))
        found.append(Factor(labels, np.array(values, np.int64).reshape(shape)))
    return found


def everything(tables: list[Factor]) -> dict[tuple[int, ...], int]:
    """The sum for every value of every choice."""
    return {
        values: sum(
            int(table.values[tuple(values[sorted(SIZES).index(label)] for label in table.labels)]) for table in tables
        )
        for values in product(*(range(SIZES[label]) for label in sorted(SIZES)))
    }


@given(factors())
@settings(deadline=None)
def test_the_least_sum(tables: list[Factor]) -> None:
    chosen = minimum(tables)
    assert set(chosen) == {label for table in tables for label in table.labels} == set(elimination_order(tables))
    sums = everything(tables)
    assert sums[tuple(chosen.get(label, 0) for label in sorted(SIZES))] == min(sums.values())


@given(factors(), st.integers(0, 2**32 - 1))
@settings(deadline=None)
def test_odds_of_sums_and_draws_of_a_sum(tables: list[Factor], seed: int) -> None:
    found = SumOdds(tables)
    sums = everything(tables)
    expected = np.bincount(list(sums.values()), minlength=len(found.odds)) / len(sums)
    assert found.odds == pytest.approx(expected)
    rng = np.random.default_rng(seed)
    for total in np.flatnonzero(found.odds):
        chosen = found.draw(int(total), rng)
        assert sums[tuple(chosen.get(label, 0) for label in sorted(SIZES))] == total


def test_draws_of_a_sum_are_alike_likely() -> None:
    rng = np.random.default_rng(0)
    shared = Factor(("a", "b"), np.array([[0, 1, 2], [3, 1, 0]]))
    tables = [shared, Factor(("d", "b"), rng.integers(0, 3, (4, 3))), Factor(("c",), np.array([0, 1]))]
    sums = everything(tables)
    total = max(set(sums.values()), key=list(sums.values()).count)
    wanted = [values for values, found in sums.items() if found == total]
    odds = SumOdds(tables)
    drawn = [tuple(index for _, index in sorted(odds.draw(total, rng).items())) for _ in range(4000)]
    assert set(drawn) == set(wanted)
    assert len(wanted) > 3
    assert chisquare([drawn.count(values) for values in wanted]).pvalue > 0.01


def test_axes_are_put_in_order() -> None:
    table = Factor(("b", "a"), np.arange(6).reshape(3, 2))
    assert aligned(table, ("a", "c", "b")).shape == (2, 1, 3)
    assert aligned(table, ("a", "c", "b"))[1, 0, 2] == table.values[2, 1]
