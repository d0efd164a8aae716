"""Rank correlations: scipy on every resample, cases by hand, and what the intervals are worth on synthetic draws."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from lighttrack_nas.benchmarks.scoring.rank_intervals import (
    STATISTICS,
    Resamples,
    agreement,
    correlation,
    estimate,
)
from lighttrack_nas.trackers.base.errors import InputError

SCIPY = {
    "kendall": lambda a, b: stats.kendalltau(a, b).statistic,
    "spearman": lambda a, b: stats.spearmanr(a, b).statistic,
    "weighted": lambda a, b: stats.weightedtau(a, b).statistic,
}


@pytest.mark.parametrize(
    ("statistic", "first", "second", "expected"),
    [
        ("kendall", [1, 2, 3, 4], [10, 20, 30, 40], 1),
        ("kendall", [1, 2, 3, 4], [4, 3, 2, 1], -1),
        ("kendall", [1, 2, 3, 4], [1, 2, 4, 3], 4 / 6),  # five pairs agree, one does not
        ("kendall", [1, 1, 2, 3], [1, 2, 3, 4], 5 / math.sqrt(5 * 6)),  # tau-b: a tie on one side
        ("spearman", [1, 2, 3, 4], [1, 2, 4, 3], 1 - 6 * 2 / (4 * 15)),
        ("weighted", [1, 2, 3, 4], [1, 2, 3, 4], 1),
        *((name, [1, 1, 1, 1], [1, 2, 3, 4], math.nan) for name in STATISTICS),
        *((name, [1, 2, 3, 4], [2, 2, 2, 2], math.nan) for name in STATISTICS),
    ],
)
def test_cases_by_hand(statistic: str, first: list[float], second: list[float], expected: float) -> None:
    assert correlation(statistic, np.array(first), np.array(second)) == pytest.approx(expected, nan_ok=True)


def test_an_exchange_at_the_top_weighs_more() -> None:
    truth = np.arange(8.0)
    top, bottom = truth.copy(), truth.copy()
    top[[6, 7]], bottom[[0, 1]] = top[[7, 6]], bottom[[1, 0]]
    assert correlation("weighted", top, truth) < correlation("weighted", bottom, truth)
    assert correlation("kendall", top, truth) == correlation("kendall", bottom, truth)


@settings(max_examples=40, deadline=None)
@given(
    st.integers(4, 12).flatmap(
        lambda n: st.tuples(*[st.lists(st.integers(0, 6), min_size=n, max_size=n) for _ in range(2)])
    ),
    st.sampled_from(STATISTICS),
    st.integers(0, 2**31),
)
def test_every_resample_is_scipy_s(scores: tuple[list[int], list[int]], statistic: str, seed: int) -> None:
    """Ties, repeated architectures and resamples of a single score included."""
    first, second = (np.array(column, float) for column in scores)
    resamples = Resamples(len(first), 15, seed)
    found = resamples.correlations(statistic, first, second)
    for drawn, value in zip(resamples.indices, found, strict=True):
        a, b = first[drawn], second[drawn]
        expected = math.nan if np.ptp(a) == 0 or np.ptp(b) == 0 else SCIPY[statistic](a, b)
        assert value == pytest.approx(expected, abs=1e-12, nan_ok=True)


def test_resamples_are_a_function_of_the_seed() -> None:
    one, same, other = (Resamples(20, 50, seed).indices for seed in (3, 3, 4))
    assert (one == same).all()
    assert (one != other).any()
    assert one.min() == 0
    assert one.max() == 19


@pytest.mark.slow
@pytest.mark.parametrize("tau", [0.0, 0.4, 0.7])
def test_intervals_hold_the_truth_in_about_95_of_100_draws(tau: float) -> None:
    """Of 20 architectures whose scores are normal with that tau (Kendall: tau = 2 / pi asin(rho))."""
    rng, rho, hits, draws = np.random.default_rng(1), math.sin(math.pi / 2 * tau), 0, 400
    for seed in range(draws):
        first = rng.standard_normal(20)
        second = rho * first + math.sqrt(1 - rho**2) * rng.standard_normal(20)
        found = agreement("kendall", [(first, second)], Resamples(20, 400, seed)).estimate
        assert found.low <= found.value <= found.high
        hits += found.low <= tau <= found.high
    # Three standard deviations of 400 draws are .033.
    assert 0.90 <= hits / draws <= 0.995


def test_the_paired_interval_of_a_difference() -> None:
    """Two rankings that share most of their noise: the paired interval sees the difference, the single ones overlap."""
    rng = np.random.default_rng(5)
    truth = rng.standard_normal(40)
    shared = truth + 0.9 * rng.standard_normal(40)
    worse = shared + 0.35 * rng.standard_normal(40)
    resamples = Resamples(40, 2000, 0)
    better, other = (agreement("kendall", [(scores, truth)], resamples) for scores in (shared, worse))
    difference = better.minus(other)
    assert difference.value == pytest.approx(better.value - other.value)
    assert better.estimate.low < other.estimate.high
    alone = (better.estimate.high - better.estimate.low) + (other.estimate.high - other.estimate.low)
    assert difference.high - difference.low < 0.75 * alone
    assert better.minus(better) == (0, 0, 0)
    reverse = other.minus(better)
    assert reverse == pytest.approx((-difference.value, -difference.high, -difference.low))


def test_several_seeds_are_averaged() -> None:
    scores = np.array([1.0, 2, 3, 4, 5])
    seeds = [np.array([1.0, 2, 3, 5, 4]), np.array([2.0, 1, 3, 4, 5]), np.array([5.0, 4, 3, 2, 1])]
    found = agreement("kendall", [(scores, seed) for seed in seeds], Resamples(5, 100, 0))
    assert found.value == pytest.approx(np.mean([0.8, 0.8, -1.0]))
    assert found.resampled.shape == (100,)


def test_what_cannot_be_ranked_is_nan() -> None:
    flat, rising = np.ones(6), np.arange(6.0)
    resamples = Resamples(6, 50, 0)
    assert all(math.isnan(figure) for figure in agreement("kendall", [(flat, rising)], resamples).estimate)
    assert all(math.isnan(figure) for figure in agreement("kendall", [], resamples).estimate)
    # Some resamples cannot be ranked; the others give the interval.
    assert estimate(0.5, np.array([0.4, np.nan, 0.6])) == pytest.approx((0.5, 0.405, 0.595))


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (("pearson", np.arange(4), np.arange(4)), InputError, "unknown statistic 'pearson'"),
        (("kendall", np.arange(4), np.arange(5)), ValueError, "shape"),
        (("kendall", np.array([1, np.nan]), np.arange(2)), ValueError, "finite"),
    ],
)
def test_unknown_statistics_and_unfit_values_are_refused(
    arguments: tuple, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        correlation(*arguments)
