"""When latencies are called reliable: agreement of two measurements, and the noise of a network timed in between."""

import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lighttrack_nas.benchmarks.scoring.latency_verdict import FEWEST, LARGEST_CHANGE, RULE, judge_latencies

FIRST = np.linspace(2.0, 6.0, 12)


@pytest.mark.parametrize(
    ("again", "references", "against"),
    [
        (FIRST, (), ()),
        (FIRST * 1.05, (3.0, 3.1, 3.2), ()),
        (FIRST * 1.3, (), ("measured again they differ by 30%",)),
        (FIRST * 0.8, (), ("measured again they differ by 20%",)),
        (FIRST, (3.0, 3.0, 6.0, 6.0), ("one network took up to 2.00 times its least",)),
        # One interruption in twenty says little of the others.
        (FIRST, (*[3.0] * 19, 9.0), ()),
        (FIRST[::-1] * 2, (3.0, 9.0), ("measured again", "their order", "one network took")),
    ],
)
def test_what_speaks_against_latencies_is_said(again: np.ndarray, references: tuple, against: tuple) -> None:
    verdict = judge_latencies(FIRST, again, references)
    assert verdict.reliable == (not against)
    assert len(verdict.reasons) == len(against)
    assert all(reason.startswith(words) for reason, words in zip(verdict.reasons, against, strict=True))
    assert ("NOT reliable" in str(verdict)) == bool(against)
    assert all(reason in str(verdict) for reason in verdict.reasons)
    assert json.loads(json.dumps(verdict.to_dict(), allow_nan=False))["rule"] == RULE


@pytest.mark.parametrize("order", [slice(None, None, -1), [5, 0, 8, 3, 11, 1, 7, 2, 10, 4, 9, 6]])
def test_networks_of_nearly_one_time_in_another_order_are_not_reliable(order: slice | list[int]) -> None:
    near = np.linspace(2.0, 2.1, 12)
    verdict = judge_latencies(near, near[order])
    assert verdict.change < LARGEST_CHANGE
    assert not verdict.reliable
    assert [reason.partition(":")[0] for reason in verdict.reasons] == ["their order may be another"]


@pytest.mark.parametrize(
    ("first", "again"), [(np.full(5, 2.0), FIRST[:5] * 0.01 + 2), (FIRST[:5], FIRST[2] * np.ones(5))]
)
def test_networks_of_one_time_have_no_order_to_tell(first: np.ndarray, again: np.ndarray) -> None:
    verdict = judge_latencies(first, again)
    assert math.isnan(verdict.tau)
    assert not verdict.reliable
    assert verdict.reasons[-1].startswith("their order cannot be told")
    assert "nan" not in str(verdict)


def test_few_networks_have_no_order_to_judge() -> None:
    """One network has none at all; four in reverse order may be four that are equally quick."""
    one = judge_latencies(np.array([2.0]), np.array([2.1]))
    assert math.isnan(one.tau)
    assert one.reliable
    assert "1 network differs by 5.0% in the median" in str(one)
    # One that is slower and one that is quicker do not make up for each other.
    assert not judge_latencies(np.array([2.0, 4.0]), np.array([1.0, 6.0])).reliable
    few = FIRST[: FEWEST - 1] * 0.001 + 2
    assert judge_latencies(few, few[::-1]).reliable
    assert not judge_latencies(FIRST[:FEWEST], FIRST[:FEWEST][::-1]).reliable


@given(st.lists(st.floats(0.5, 50), min_size=1, max_size=15), st.floats(0.01, 100), st.randoms())
def test_neither_the_unit_nor_the_order_of_networks_matters(times: list[float], scale: float, random) -> None:
    first = np.array(times)
    again = np.array([value * random.uniform(0.7, 1.4) for value in times])
    verdict = judge_latencies(first, again)
    scaled = judge_latencies(first * scale, again * scale)
    assert scaled.change == pytest.approx(verdict.change)
    assert scaled.networks == verdict.networks
    if abs(verdict.change - LARGEST_CHANGE) > 1e-9 and len(set(times)) == len(times):
        assert scaled.reliable == verdict.reliable
