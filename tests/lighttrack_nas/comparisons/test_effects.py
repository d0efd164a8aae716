"""Effect sizes, tests and power, against scipy, cases by hand and simulation."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import PermutationMethod, false_discovery_control, mannwhitneyu, norm

from lighttrack_nas.comparisons.effects import effect, holm, rank_test
from lighttrack_nas.comparisons.power import SIZES, found_a12, least_seeds, power_of, seeds_needed

RESULTS = st.lists(st.integers(0, 9).map(float), min_size=1, max_size=9).map(np.array)


@pytest.mark.slow
@given(RESULTS, RESULTS)
def test_a12_is_the_share_of_won_pairs_and_lies_in_its_interval(first: np.ndarray, second: np.ndarray) -> None:
    found = effect(first, second)
    assert found.a12 == pytest.approx(np.mean([(x > y) + 0.5 * (x == y) for x in first for y in second]))
    assert 0 <= found.low <= found.a12 <= found.high <= 1
    assert found.low < found.high
    mirrored = effect(second, first)
    assert mirrored.low == pytest.approx(1 - found.high, abs=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize(("seeds", "shift"), [(5, 0.0), (10, 1.0), (10, 2.0), (30, 0.5)])
def test_the_interval_covers(seeds: int, shift: float) -> None:
    rng = np.random.default_rng(0)
    true = norm.cdf(shift / np.sqrt(2))
    found = [effect(rng.standard_normal(seeds) + shift, rng.standard_normal(seeds)) for _ in range(300)]
    assert np.mean([one.low <= true <= one.high for one in found]) > 0.9


def test_the_test_is_scipys_and_exact_where_few_runs_tie() -> None:
    rng = np.random.default_rng(0)
    first, second = rng.random(10), rng.random(10)
    assert rank_test(first, second) == pytest.approx(mannwhitneyu(first, second).pvalue)
    # Of the 20 orders of three and three, two are as extreme; the approximation says .037.
    assert rank_test(np.ones(3), np.zeros(3)) == pytest.approx(0.1)
    assert rank_test(np.ones(4), np.ones(4)) == 1
    first, second = np.array([1.0, 1, 2, 4, 4]), np.array([0.0, 1, 0, 2, 0])
    exact = mannwhitneyu(first, second, method=PermutationMethod(n_resamples=1000))
    assert rank_test(first, second) == pytest.approx(exact.pvalue)


@settings(deadline=None)
@given(RESULTS, RESULTS)
def test_no_p_is_smaller_than_what_is_said_to_be_the_smallest(first: np.ndarray, second: np.ndarray) -> None:
    seeds = min(len(first), len(second), 6)
    first, second = first[:seeds], second[:seeds]
    assert rank_test(first, second) >= power_of(seeds, 1).smallest_p - 1e-12


@pytest.mark.parametrize(("pairs", "least"), [(1, 4), (3, 5), (28, 7)])
def test_with_the_least_seeds_runs_that_all_win_differ_and_with_one_less_they_do_not(pairs: int, least: int) -> None:
    assert least_seeds(pairs) == least
    for seeds in (least - 1, least):
        p = rank_test(np.arange(seeds) + 100.0, np.arange(float(seeds)))
        assert (p * pairs < 0.05) == (seeds == least) == power_of(seeds, pairs).can_tell


@pytest.mark.parametrize(("seeds", "pairs"), [(5, 1), (10, 3), (20, 28), (80, 3)])
def test_what_is_said_to_be_found_is_found_in_four_of_five(seeds: int, pairs: int) -> None:
    found = found_a12(seeds, pairs)
    assert found is not None
    shift = np.sqrt(2) * norm.ppf(found)
    rng = np.random.default_rng(1)
    first, second = rng.standard_normal((2, 400, seeds))
    p = np.array([rank_test(one + shift, other) for one, other in zip(first, second, strict=True)])
    assert np.mean(p * pairs < 0.05) == pytest.approx(0.8, abs=0.07)


def test_more_seeds_find_less_and_more_pairs_take_more() -> None:
    found = [found_a12(seeds, 3) for seeds in (5, 10, 20, 40, 60, 80, 500)]
    assert all(one is not None for one in found)
    assert found == sorted(found, key=lambda a12: -(a12 or 0))
    assert found_a12(3, 3) is None
    needed = {size: (seeds_needed(a12, 1), seeds_needed(a12, 28)) for size, a12 in SIZES.items()}
    assert all(few is not None and many is not None and few < many for few, many in needed.values())
    assert seeds_needed(0.29, 3) == seeds_needed(0.71, 3)
    assert seeds_needed(0.5, 3) is None


def test_too_few_seeds_are_called_so_with_the_number_that_would_do() -> None:
    said = power_of(3, 3).text()
    assert "3 seeds are too few to tell any two strategies apart: p is 0.1 at the least, 0.3 after Holm's" in said
    assert "5 seeds would do" in said
    assert "A12 0.71) 38" in said
    assert "found in four of five comparisons is a difference of A12 0.88 or more" in power_of(10, 3).found()


def test_holm_by_hand() -> None:
    np.testing.assert_allclose(holm(np.array([0.01, 0.04, 0.03])), [0.03, 0.06, 0.06])
    np.testing.assert_allclose(holm(np.array([0.5, 0.9])), [1.0, 1.0])
    assert holm(np.array([])).shape == (0,)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=12))
def test_holm_lies_between_false_discovery_and_bonferroni(p: list[float]) -> None:
    values = np.array(p)
    corrected = holm(values)
    assert (corrected <= np.minimum(values * len(values), 1) + 1e-12).all()
    assert (corrected >= false_discovery_control(values) - 1e-12).all()
