"""A tracker in OpenCV's, got10k's and supervision's clothes, and a table's problem in OptunaHub's."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np
import optuna
import pytest

import lighttrack_nas as ltn
from lighttrack_nas.benchmarks.evaluation.one_pass import evaluate, run_sequence
from lighttrack_nas.trackers.base.errors import InputError
from lighttrack_nas.trackers.tracking.baselines import NeverMoves

FRAME = np.random.default_rng(0).integers(0, 255, (120, 160, 3), np.uint8)


class Found(NamedTuple):
    box: np.ndarray
    score: float


class Lost(Found):
    lost = True


class Scripted:
    """Answers with what it was told."""

    def __init__(self, *results: Any) -> None:
        self._results = iter(results)

    def init(self, frame: np.ndarray, box: Any) -> None:
        pass

    def update(self, frame: np.ndarray) -> Any:
        return next(self._results)


@pytest.fixture
def sequences(write_sequences: Callable[..., Path], tmp_path: Path) -> Path:
    return write_sequences(tmp_path / "sequences", 2)


def test_opencv_s_own_trackers_return_what_ours_returns() -> None:
    theirs, ours = cv2.TrackerMIL.create(), ltn.integrations.as_opencv(NeverMoves())
    for tracker in (theirs, ours):
        assert tracker.init(FRAME, (40, 30, 24, 30)) is None
        ok, box = tracker.update(FRAME)
        assert type(ok) is bool
        assert type(box) is tuple
        assert [type(value) for value in box] == [int] * 4
    assert tracker.update(FRAME) == (True, (40, 30, 24, 30))


@pytest.mark.parametrize(
    ("result", "answer"),
    [
        ((np.array([1.4, 2.6, 3.5, 4.2]), 0.75), (True, (1, 3, 4, 4))),
        ((np.array([-3.2, 0.0, 0.2, 0.4]), 0.5), (True, (-3, 0, 1, 1))),
        (Found(np.array([1.0, 2, 3, 4]), 0.5), (True, (1, 2, 3, 4))),
        (Lost(np.array([1.0, 2, 3, 4]), 0.1), (False, (1, 2, 3, 4))),
    ],
    ids=["rounded", "never without extent", "named", "lost"],
)
def test_ok_says_whether_the_target_is_there(result: Any, answer: Any) -> None:
    tracker = ltn.integrations.as_opencv(Scripted(result))
    with pytest.raises(InputError, match="no score yet"):
        tracker.getTrackingScore()
    tracker.init(FRAME, (0, 0, 4, 4))
    assert tracker.update(FRAME) == answer
    assert tracker.getTrackingScore() == result[1]


def test_the_got10k_toolkit_finds_our_boxes_and_our_figures(sequences: Path, tmp_path: Path) -> None:
    pytest.importorskip("got10k", reason="the toolkit is not here: pip install got10k==0.1.3")
    from got10k.experiments import ExperimentGOT10k

    for image in sequences.glob("*/*.png"):  # the toolkit wants .jpg, and these files
        cv2.imwrite(str(image.with_suffix(".jpg")), cv2.imread(str(image)))
        image.unlink()
        for name in ("absence", "cut_by_image"):
            (image.parent / f"{name}.label").write_text("0\n" * 6)
        (image.parent / "cover.label").write_text("8\n" * 6)
        (image.parent / "meta_info.ini").write_text("[METAINFO]\nanno_fps: 10Hz\nresolution: (160, 120)\n")
    (tmp_path / "data").mkdir()
    sequences.rename(tmp_path / "data/val")
    tracker = ltn.load_tracker("lighttrack-tiny-generated")
    experiment = ExperimentGOT10k(str(tmp_path / "data"), "val", str(tmp_path / "results"), str(tmp_path / "reports"))
    experiment.run(ltn.integrations.as_got10k(tracker, "ours"))
    theirs = experiment.report(["ours"])["ours"]["overall"]
    videos = ltn.read_sequences(tmp_path / "data/val", "got10k")
    for video in videos:
        boxes = np.loadtxt(tmp_path / f"results/GOT-10k/ours/{video.name}/{video.name}_001.txt", delimiter=",")
        assert np.allclose(boxes, run_sequence(tracker, video).boxes, atol=1e-3)
    ours = evaluate(tracker, videos, tmp_path / "own", {}, clip=True).overall
    assert theirs["ao"] == pytest.approx(ours["ao_frames"], abs=1e-3)


def test_detections_are_corners_scores_and_numbers() -> None:
    pytest.importorskip("supervision", reason="the package is not here: pip install supervision")
    results = [
        (np.array([10.0, 20, 30, 40]), 0.9),
        Lost(np.array([1.0, 2, 3, 4]), 0.1),
        Found(np.array([5, 6, 7.5, 8]), 0.4),
    ]
    detections = ltn.integrations.as_detections(results)
    assert detections.xyxy.tolist() == [[10, 20, 40, 60], [5, 6, 12.5, 14]]
    assert detections.confidence.tolist() == [0.9, 0.4]
    assert detections.tracker_id.tolist() == [1, 3]
    assert ltn.integrations.as_detections(results, [7, 8, 9]).tracker_id.tolist() == [7, 9]
    with pytest.raises(InputError, match="expected one for each of 3 results, got 2"):
        ltn.integrations.as_detections(results, [1, 2])
    assert len(ltn.integrations.as_detections([])) == 0


def test_supervision_draws_the_targets() -> None:
    supervision = pytest.importorskip("supervision", reason="the package is not here: pip install supervision")
    one = ltn.load_tracker("lighttrack-tiny-generated")
    tracker = ltn.MultiTracker(one.network, one.hyper_parameters)
    tracker.init(FRAME, [(40, 30, 24, 30), (90, 40, 30, 30)])
    detections = ltn.integrations.as_detections(tracker.update(FRAME))
    drawn = supervision.BoxAnnotator(color_lookup=supervision.ColorLookup.TRACK).annotate(FRAME.copy(), detections)
    assert len(detections) == 2
    assert (drawn != FRAME).any()


@pytest.mark.parametrize("constraints", [[], ["macs <= 12M"]])
def test_a_table_is_one_of_optunahub_s_problems(constraints: list[str]) -> None:
    benchmarks = pytest.importorskip("optunahub", reason="the package is not here: pip install optunahub").benchmarks
    problem = ltn.TabularProblem("lighttrack-table", ["maximize overlap", "minimize macs"], constraints)
    theirs = ltn.integrations.as_optunahub(problem)
    assert isinstance(theirs, benchmarks.BaseProblem)
    assert (theirs.search_space, theirs.directions) == (problem.search_space, problem.directions)

    def trials(objective: Any) -> list[Any]:
        study = optuna.create_study(directions=objective.directions, sampler=optuna.samplers.NSGAIISampler(seed=0))
        study.optimize(objective, n_trials=12)
        return [(trial.params, trial.values, trial.constraints) for trial in study.trials]

    assert trials(theirs) == trials(problem)
    assert list(theirs.evaluate_constraints(trials(problem)[0][0])) == [str(each) for each in problem.constraints]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("package", "call", "install"),
    [
        ("trax", lambda ours: ours.serve_trax(NeverMoves()), "package 'trax' is not installed here: .* vot-trax"),
        ("got10k", lambda ours: ours.as_got10k(NeverMoves()), "package 'got10k' .* got10k"),
        ("supervision", lambda ours: ours.as_detections([]), "package 'supervision' .* supervision"),
        ("optunahub", lambda ours: ours.as_optunahub(None), "package 'optunahub' .* optunahub"),
    ],
)
def test_a_missing_package_is_named(package: str, call: Any, install: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.partition(".")[0] == package]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(InputError, match=install):
        call(ltn.integrations)
