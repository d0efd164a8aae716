"""Figures of presence, against scikit-learn and by hand."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from lighttrack_nas.benchmarks.evaluation.presence_metrics import (
    FIGURES,
    PresenceFrames,
    area_under_curve,
    calibration_error,
    presence_metrics,
)


def frames(
    overlaps: list[float], confidence: list[float], lost: list[int] | None = None, presence: list[float] | None = None
) -> PresenceFrames:
    """Of one sequence; an overlap of -1 is a frame without the target."""
    values = np.array(overlaps)
    nothing = [math.nan] * len(overlaps)
    return PresenceFrames(
        overlaps=np.where(values < 0, np.nan, values),
        absent=values < 0,
        confidence=np.array(confidence, float),
        lost=np.array(lost or [0] * len(overlaps), bool),
        presence=np.array(presence or nothing, float),
    )


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 5)), min_size=2, max_size=40))
def test_the_area_is_scikit_learn_s_ties_included(drawn: list[tuple[bool, int]]) -> None:
    true, values = np.array([each for each, _ in drawn]), np.array([float(value) for _, value in drawn])
    area = area_under_curve(values[true], values[~true])
    if true.all() or not true.any():
        assert math.isnan(area)
    else:
        assert area == pytest.approx(roc_auc_score(true, values))


def test_figures_by_hand() -> None:
    # Away for two frames; called lost in the second of them and one frame too long; found one frame after that.
    found = presence_metrics(
        [frames([1.0, 0.8, -1, -1, 0.0, 0.2, 0.9], [0.9, 0.8, 0.7, 0.1, 0.1, 0.6, 0.9], [0, 0, 0, 1, 1, 0, 0])]
    )
    assert found["presence"] == pytest.approx(7.5 / 10)
    assert found["lost_precision"] == 0.5
    assert found["lost_recall"] == 0.5
    assert found["found_after"] == 2
    # At a threshold of .8: three boxes of overlaps 1, .8 and .9; five frames with the target.
    precision, recall = 2.7 / 3, 2.7 / 5
    assert found["f_score"] == pytest.approx(2 * precision * recall / (precision + recall))
    assert math.isnan(found["calibration_error"])


@pytest.mark.parametrize(
    ("overlaps", "lost", "waits"),
    [
        ([0.9, -1, 0.9, 0.9], [0, 0, 0, 0], 0.0),
        ([0.9, -1, 0.1, 0.5, 0.6], [0, 0, 0, 0, 0], 2.0),
        ([0.9, -1, 0.0, 0.0], [0, 0, 0, 0], 2.0),
        ([0.9, -1, 0.9, 0.9], [0, 1, 1, 0], 1.0),
        ([0.9, -1, 0.0, -1, 0.9], [0, 0, 0, 0, 0], 0.5),
        ([0.9, 0.9, -1, -1], [0, 0, 0, 0], math.nan),
    ],
)
def test_how_long_a_target_that_is_back_waits(overlaps: list[float], lost: list[int], waits: float) -> None:
    found = presence_metrics([frames(overlaps, [0.5] * len(overlaps), lost)])["found_after"]
    assert found == pytest.approx(waits, nan_ok=True)


@pytest.mark.parametrize("overlaps", [[0.9, 0.8], [-1.0, -1.0], []])
def test_where_there_is_nothing_to_tell_apart_there_are_no_figures(overlaps: list[float]) -> None:
    found = presence_metrics([frames(overlaps, [0.5] * len(overlaps))])
    assert set(found) == set(FIGURES)
    assert all(math.isnan(value) for value in found.values())
    assert all(math.isnan(value) for value in presence_metrics([]).values())


def test_a_target_that_is_always_lost_has_no_boxes() -> None:
    found = presence_metrics([frames([0.9, -1, 0.9], [0.9, 0.1, 0.9], [1, 1, 1])])
    assert found["f_score"] == 0
    assert found["lost_recall"] == 1


def test_calibration_is_perfect_where_shares_are_as_stated() -> None:
    stated = np.repeat([0.25, 0.75], 100)
    assert calibration_error(stated, np.arange(200) % 100 < np.repeat([25, 75], 100)) == pytest.approx(0)
    assert calibration_error(stated, np.ones(200, bool)) == pytest.approx(0.5)
    assert calibration_error(np.array([1.0, 0.0]), np.array([True, False])) == 0
    # Where a box is off its target, the target is not where the box is.
    off = presence_metrics([frames([0.9, 0.1, -1], [3, 2, 1], presence=[1.0, 0.0, 0.0])])
    assert off["calibration_error"] == 0
