"""Fitting presence: against scikit-learn, and on generated videos whose target leaves."""

from pathlib import Path

import numpy as np
import pytest
from scipy.special import expit
from sklearn.linear_model import LogisticRegression

import lighttrack_nas as ltn
from lighttrack_nas.chain.presence_tuning import fitted_presence, foreign_videos, tune_presence
from lighttrack_nas.trackers.data.sequence import Sequence
from lighttrack_nas.trackers.tracking.presence import logit


def test_the_fit_is_a_logistic_regression_in_which_both_kinds_weigh_the_same() -> None:
    rng = np.random.default_rng(0)
    seen, unseen = expit(rng.normal(7, 3, 4000)), expit(rng.normal(3, 2, 900))
    slope, offset = fitted_presence(seen, unseen)
    evidence = np.array([[logit(score)] for score in np.concatenate([seen, unseen])])
    oracle = LogisticRegression(C=1e9, class_weight="balanced").fit(evidence, np.arange(4900) < 4000)
    assert slope == pytest.approx(oracle.coef_[0, 0], rel=0.05)
    assert offset == pytest.approx(oracle.intercept_[0], rel=0.05)


@pytest.mark.parametrize(
    ("seen", "unseen", "message"),
    [
        ([], [0.5], "the tracker follows no target"),
        ([0.5], [], "the tracker follows no target"),
        ([0.2, 0.3], [0.8, 0.9], "no higher where its target is"),
    ],
)
def test_what_cannot_be_told_apart_is_not_calibrated(seen: list[float], unseen: list[float], message: str) -> None:
    with pytest.raises(ltn.InputError, match=message):
        fitted_presence(np.array(seen), np.array(unseen))


def test_scores_that_tell_without_doubt_give_finite_numbers() -> None:
    slope, offset = fitted_presence(np.ones(50), np.zeros(70))
    assert 0 < slope < 100
    assert abs(offset) < 1000


def sequence(name: str, frames: int) -> Sequence:
    boxes = np.tile([1.0, 2.0, 3.0, 4.0], (frames, 1))
    return Sequence(name, tuple(Path(f"{name}/{n}.jpg") for n in range(frames)), boxes, np.zeros(frames, bool))


def test_foreign_videos_show_a_target_and_then_frames_of_another() -> None:
    first, second = foreign_videos([sequence("a", 3), sequence("b", 200)])
    assert first.name == "a in b"
    assert [str(path) for path in first.frame_paths[:3]] == ["a/0.jpg", "b/1.jpg", "b/2.jpg"]
    assert (len(first), len(second)) == (60, 3)
    assert first.absent.tolist() == [False] + [True] * 59
    assert np.array_equal(first.boxes[0], [1, 2, 3, 4])
    assert np.isnan(first.boxes[1:]).all()
    assert foreign_videos([sequence("alone", 3)]) == []
    # Two sequences out of one video: each target may well be in the other's frames.
    one, two = sequence("video", 3), sequence("video", 3)
    third = sequence("other", 3)
    assert [str(each.frame_paths[1].parent) for each in foreign_videos([one, two, third])] == [
        "other",
        "other",
        "video",
    ]
    assert foreign_videos([one, two]) == []


def test_without_absent_frames_it_says_that_it_cannot() -> None:
    tracker = ltn.load_tracker("lighttrack-tiny-generated")
    with pytest.raises(ltn.InputError, match=r"presence cannot be calibrated: in no frame .* generated-absent-val-v1"):
        tune_presence(tracker.network, [sequence("a", 3)], tracker.hyper_parameters)


@pytest.mark.slow
def test_on_videos_whose_target_leaves_presence_tells_and_the_rule_helps(tmp_path: Path) -> None:
    from lighttrack_nas.trackers.training.generator.sets import generated_sequences

    tracker = ltn.load_tracker("lighttrack-tiny-generated")
    sequences = generated_sequences("generated-absent-val-v1", tmp_path / "set")[:6]
    told: list[str] = []
    tuned = tune_presence(
        tracker.network, sequences, tracker.hyper_parameters, progress=lambda _, text: told.append(text)
    )
    assert len(told) == 6
    assert tuned.before["presence"] > 0.6
    assert tuned.before["calibration_error"] < 0.2
    assert tuned.figures["f_score"] >= tuned.before["f_score"]
    assert tuned.hyper_parameters.presence_slope > 0
