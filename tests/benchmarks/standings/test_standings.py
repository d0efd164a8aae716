"""Ranks, differences and what decides them."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lighttrack_nas.benchmarks.evaluation.evaluation_result import EvaluationResult
from lighttrack_nas.benchmarks.evaluation.metrics import Curves
from lighttrack_nas.benchmarks.standings.standings import (
    FEWEST,
    best_of,
    differences,
    possible_ranks,
    ranking,
    standings_table,
)
from lighttrack_nas.trackers.base.errors import InputError

EMPTY = Curves(np.full(21, np.nan), np.full(51, np.nan), np.full(51, np.nan))


def result(values: list[float]) -> EvaluationResult:
    """A tracker whose AO of sequence i is the i-th value."""
    known = [value for value in values if not np.isnan(value)]
    overall = {"ao": float(np.mean(known)) if known else float("nan"), "fps": 10.0}
    return EvaluationResult(overall, {f"s{i}": {"ao": value} for i, value in enumerate(values)}, {}, EMPTY)


def test_a_difference_by_hand() -> None:
    good, bad = [0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.5], [0.7, 0.6, 0.5, 0.4, 0.3, 0.2, 0.4, 0.5]
    (found,) = differences({"bad": result(bad), "good": result(good)})
    assert (found.ahead, found.behind) == ("good", "bad")
    assert found.mean == pytest.approx((6 * 0.2 - 0.1) / 8)
    assert (found.better, found.worse, found.sequences) == (6, 1, 8)
    assert 0 < found.low < found.mean < found.high < 0.25
    assert found.decided


@pytest.mark.parametrize("count", [1, 2, FEWEST - 1])
def test_few_sequences_decide_nothing_however_clear(count: int) -> None:
    (found,) = differences({"a": result([0.9] * count), "b": result([0.1] * count)})
    assert found.low > 0
    assert not found.decided


def test_one_sequence_of_many_does_not_decide() -> None:
    same = [0.5] * 12
    (found,) = differences({"a": result([1.0, *same]), "b": result([0.0, *same])})
    assert found.mean > 0.07
    assert not found.decided


def test_equal_trackers_are_undecided_in_about_all_draws() -> None:
    """Sequences drawn anew, of two trackers without any difference: the interval leaves out 0 in few of 200."""
    rng = np.random.default_rng(0)
    wrong = 0
    for seed in range(200):
        first, second = rng.normal(0.6, 0.1, (2, 8))
        (found,) = differences({"a": result(list(first)), "b": result(list(second))}, seed=seed)
        wrong += found.decided
    assert wrong <= 20


def test_the_same_seed_gives_the_same_interval() -> None:
    rng = np.random.default_rng(1)
    trackers = {name: result(list(rng.uniform(0, 1, 15))) for name in "abc"}
    assert differences(trackers, seed=3) == differences(trackers, seed=3)
    assert differences(trackers, seed=3) != differences(trackers, seed=4)


def test_sequences_that_nothing_scores_do_not_count() -> None:
    (found,) = differences({"a": result([0.9] * 6 + [np.nan]), "b": result([0.1] * 6 + [np.nan])})
    assert (found.sequences, found.decided) == (6, True)
    (nothing,) = differences({"a": result([np.nan]), "b": result([np.nan])})
    assert (nothing.sequences, nothing.decided) == (0, False)
    assert np.isnan([nothing.mean, nothing.low, nothing.high]).all()


@settings(max_examples=50, deadline=None)
@given(st.integers(1, 5), st.integers(1, 12), st.integers(0, 1000))
def test_every_rank_lies_in_its_range(trackers: int, sequences: int, seed: int) -> None:
    values = np.random.default_rng(seed).uniform(0, 1, (trackers, sequences)) * np.linspace(1, 0.3, trackers)[:, None]
    results = {f"t{i}": result(list(row)) for i, row in enumerate(values)}
    pairs = differences(results)
    assert len(pairs) == trackers * (trackers - 1) // 2
    ranks = possible_ranks(list(results), pairs)
    for place, name in enumerate(ranking(results), start=1):
        first, last = ranks[name]
        assert 1 <= first <= place <= last <= trackers


def test_the_table_ranks_and_names_the_best() -> None:
    results = {"b": result([0.5] * 8), "none": result([np.nan] * 8), "a": result([0.7] * 8), "c": result([0.7] * 8)}
    table = standings_table(results, differences(results))
    assert list(table.index) == ["a", "c", "b", "none"]
    assert list(table.columns[:3]) == ["best_rank", "worst_rank", "ao"]
    assert best_of(table)["ao"] == ["a", "c"]


def test_less_is_better_for_some_figures_and_one_alone_is_no_best() -> None:
    table = pd.DataFrame({"found_after": [3.0, 9.0], "presence": [0.9, np.nan]}, index=["a", "b"])
    assert best_of(table) == {"found_after": ["a"]}


def test_an_unknown_figure_is_refused() -> None:
    with pytest.raises(InputError, match="unknown figure to rank by 'eao'"):
        differences({"a": result([0.5])}, by="eao")
