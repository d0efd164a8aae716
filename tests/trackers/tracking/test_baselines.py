from pathlib import Path
from types import SimpleNamespace
from typing import Any

import cv2
import numpy as np
import pytest

from lighttrack_nas.trackers.base.boxes import overlap
from lighttrack_nas.trackers.base.errors import InputError
from lighttrack_nas.trackers.data.frames import checked_frame
from lighttrack_nas.trackers.data.readers.reader_registry import read_sequences
from lighttrack_nas.trackers.tracking.baselines import (
    BASELINES,
    OpenCVTracker,
    available_baselines,
    build_baseline,
)
from lighttrack_nas.trackers.tracking.protocol import Tracker

FRAME = np.zeros((48, 64, 3), np.uint8)
BOX = (40, 40, 24, 20)


class Scripted:
    """Stands for an OpenCV tracker: answers as it was told."""

    def __init__(self, *answers: tuple[bool, tuple[int, ...]], score: float | None = None) -> None:
        self.answers = list(answers)
        self.started_on: list[tuple[int, ...]] = []
        if score is not None:
            self.getTrackingScore = lambda: score

    def init(self, _: np.ndarray, box: tuple[int, ...]) -> None:
        self.started_on.append(box)

    def update(self, _: np.ndarray) -> tuple[bool, tuple[int, ...]]:
        return self.answers.pop(0)


def test_the_box_that_never_moves_stays_where_it_was(moving_square: list[np.ndarray]) -> None:
    tracker = build_baseline("never-moves")
    tracker.init(moving_square[0], BOX)
    for frame in moving_square[1:]:
        box, score = tracker.update(frame)
        np.testing.assert_array_equal(box, BOX)
        assert score == 1.0
        box += 100  # the caller's own copy


def test_mil_follows_and_starts_again(moving_square: list[np.ndarray]) -> None:
    tracker = build_baseline("opencv-mil")
    for _ in range(2):
        tracker.init(moving_square[0], BOX)
        for place, frame in enumerate(moving_square[1:4], start=1):
            box, score = tracker.update(frame)
            assert box.shape == (4,)
            assert box.dtype == np.float64
            assert score == 1.0  # it has none of its own
            assert overlap(box[None], np.array([40 + 2 * place, 40, 24, 20]))[0] > 0.4


@pytest.mark.parametrize(
    "box",
    [
        (40, 40, 1, 1),  # a pixel: OpenCV's MIL alone would never return
        (40.4, 40.6, 20, 0.3),  # a line
        (-10, -10, 24, 20),  # over the corner at the top left
        (150, 110, 24, 20),  # over the corner at the bottom right
        (159.5, 119.5, 5, 5),  # barely touching
        (0, 0, 160, 120),  # the whole frame
        (-20, -20, 400, 400),  # more than the frame
    ],
)
def test_mil_starts_on_awkward_boxes(moving_square: list[np.ndarray], box: tuple[float, ...]) -> None:
    tracker = build_baseline("opencv-mil")
    tracker.init(moving_square[0], box)
    found, score = tracker.update(moving_square[1])
    assert np.isfinite(found).all()
    assert score == 1.0


@pytest.mark.parametrize("size", [(24, 24), (24, 200)])
def test_mil_on_small_frames(size: tuple[int, int]) -> None:
    frame = np.random.default_rng(0).integers(0, 255, (*size, 3), dtype=np.uint8)
    tracker = build_baseline("opencv-mil")
    tracker.init(frame, (0, 0, size[1], size[0]))
    assert tracker.update(frame)[1] == 1.0
    with pytest.raises(InputError, match=r"at least 24 x 24 pixels for this tracker, got \(23, "):
        tracker.init(frame[1:], (0, 0, 9, 9))


def test_opencv_box_is_rounded_and_kept_when_it_may_reach_outside() -> None:
    scripted = Scripted()
    OpenCVTracker(lambda: scripted).init(FRAME, (-3.6, 2.4, 10.5, 0.2))
    OpenCVTracker(lambda: scripted, inside=True).init(FRAME, (-3.6, 2.4, 30.5, 20.2))
    assert scripted.started_on == [(-4, 2, 10, 1), (0, 2, 26, 20)]


def test_lost_target_keeps_the_last_box() -> None:
    tracker = OpenCVTracker(
        lambda: Scripted((False, (0, 0, 0, 0)), (True, (9, 9, 5, 5)), (False, (0, 0, 0, 0)), score=0.7)
    )
    tracker.init(FRAME, (1.5, 2.5, 3.5, 4.5))
    expected = [((1.5, 2.5, 3.5, 4.5), 0.0), ((9, 9, 5, 5), 0.7), ((9, 9, 5, 5), 0.0)]
    for box, score in expected:
        found, found_score = tracker.update(FRAME)
        np.testing.assert_array_equal(found, box)
        assert found_score == score


@pytest.mark.parametrize(("own", "expected"), [(None, 1.0), (-1.0, 1.0), (0.25, 0.25), (0.0, 0.0)])
def test_a_score_is_the_tracker_s_own_or_1(own: float | None, expected: float) -> None:
    tracker = OpenCVTracker(lambda: Scripted((True, (9, 9, 5, 5)), score=own))
    tracker.init(FRAME, (1, 2, 3, 4))
    assert tracker.update(FRAME)[1] == expected


def _refuse(*_: object) -> bool:
    return False


def _fail(*_: object) -> None:
    raise cv2.error("(-215:Assertion failed) !samples.empty()")


@pytest.mark.parametrize(("init", "message"), [(_refuse, "cannot start on box"), (_fail, "samples.empty")])
def test_opencv_that_refuses_to_start(init: Any, message: str) -> None:
    tracker = OpenCVTracker(lambda: SimpleNamespace(init=init))
    with pytest.raises(InputError, match=message):
        tracker.init(FRAME, (1, 2, 3, 4))
    with pytest.raises(InputError, match="init"):
        tracker.update(FRAME)


def test_opencv_that_fails_on_a_frame() -> None:
    tracker = OpenCVTracker(lambda: SimpleNamespace(init=lambda *_: None, update=_fail))
    tracker.init(FRAME, (1, 2, 3, 4))
    with pytest.raises(
        InputError, match=r"cannot follow the target on from \[1\.0, 2\.0, 3\.0, 4\.0\]: .*samples\.empty"
    ):
        tracker.update(FRAME)


@pytest.fixture(params=["never-moves", "opencv-mil"])
def tracker(request: pytest.FixtureRequest) -> Tracker:
    return build_baseline(request.param)


def test_update_before_init(tracker: Tracker) -> None:
    assert isinstance(tracker, Tracker)
    with pytest.raises(InputError, match=r"init\(frame, box\) before update"):
        tracker.update(FRAME)


def test_frames_that_change_their_size(tracker: Tracker) -> None:
    tracker.init(FRAME, (10, 10, 12, 12))
    for shape in ((96, 128, 3), (64, 48, 3), (9, 12, 3)):
        box, _ = tracker.update(np.zeros(shape, np.uint8))
        assert np.isfinite(box).all()


def test_opencv_sees_frames_of_one_size() -> None:
    seen = []

    def update(frame: np.ndarray) -> tuple[bool, tuple[int, ...]]:
        seen.append(frame.shape)
        return len(seen) < 4, (4, 6, 8, 10)

    tracker = OpenCVTracker(lambda: SimpleNamespace(init=lambda *_: None, update=update))
    tracker.init(FRAME, (1, 2, 3, 4))
    boxes = [
        tracker.update(np.zeros(shape, np.uint8))[0].tolist()
        for shape in ((48, 64, 3), (96, 128, 3), (24, 64, 3), (96, 128, 3))
    ]
    assert seen == [(48, 64, 3)] * 4
    assert boxes == [[4, 6, 8, 10], [8, 12, 16, 20], [4, 3, 8, 5], [8, 12, 16, 20]]


def test_bad_first_box(tracker: Tracker) -> None:
    with pytest.raises(InputError, match="outside the frame of 64 x 48"):
        tracker.init(FRAME, (100, 10, 12, 12))


@pytest.mark.parametrize(
    ("frame", "got"),
    [
        (None, "got NoneType"),  # what OpenCV's imread answers for a missing file
        (FRAME.tolist(), "got list"),
        (FRAME.astype(np.float32), r"got float32 \(48, 64, 3\)"),
        (FRAME[..., 0], r"got uint8 \(48, 64\)"),
        (np.zeros((48, 64, 4), np.uint8), r"got uint8 \(48, 64, 4\)"),
        (np.zeros((3, 48, 64), np.uint8), r"got uint8 \(3, 48, 64\)"),
        (np.zeros((0, 64, 3), np.uint8), r"got uint8 \(0, 64, 3\)"),
    ],
)
def test_what_is_no_frame_is_refused(frame: object, got: str) -> None:
    with pytest.raises(InputError, match=got):
        checked_frame(frame)


def test_checked_frame_accepts() -> None:
    checked_frame(FRAME)
    checked_frame(FRAME[::2, ::-1])  # a view


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("opencv-nan", "unknown baseline 'opencv-nan'; did you mean 'opencv-nano'.*known: never-moves, opencv-mil"),
        ("", "unknown baseline ''"),
        ("opencv-mil:models", "takes no path, got 'opencv-mil:models'"),
        ("never-moves:x", "takes no path"),
        ("opencv-nano", "opencv-nano:FOLDER"),
        ("opencv-vit:", "opencv-vit:FILE.onnx"),
        ("opencv-nano:{tmp}/nowhere", r"nowhere' does not exist: expected a folder with \*backbone\*\.onnx"),
        ("opencv-nano:{tmp}", r"must hold one file \*backbone\*\.onnx, found none"),
        ("opencv-dasiamrpn:{tmp}", r"must hold one file \*model\*\.onnx, found none"),
        ("opencv-vit:{tmp}/vit.onnx", "vit.onnx' does not exist"),
    ],
)
def test_build_names_what_is_wrong(tmp_path: Path, name: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        build_baseline(name.format(tmp=tmp_path))


def test_two_candidates_for_a_model_file(tmp_path: Path) -> None:
    for name in ("v1_backbone.onnx", "v2_backbone.onnx"):
        (tmp_path / name).write_bytes(b"")
    with pytest.raises(InputError, match=r"found v1_backbone\.onnx, v2_backbone\.onnx"):
        build_baseline(f"opencv-nano:{tmp_path}")


def test_a_file_that_is_no_model(tmp_path: Path) -> None:
    (tmp_path / "vit.onnx").write_text("not a network")
    with pytest.raises(InputError, match=r"cannot load '.*vit\.onnx' for TrackerVit"):
        build_baseline(f"opencv-vit:{tmp_path / 'vit.onnx'}")


def test_contrib_trackers_are_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    for where in (cv2, getattr(cv2, "legacy", SimpleNamespace())):
        monkeypatch.delattr(where, "TrackerCSRT_create", raising=False)
    assert "opencv-contrib-python" in available_baselines()["opencv-csrt"]
    with pytest.raises(InputError, match="'opencv-csrt' needs opencv-contrib-python"):
        build_baseline("opencv-csrt")


@pytest.mark.parametrize("legacy", [False, True])
def test_contrib_trackers_are_found(monkeypatch: pytest.MonkeyPatch, legacy: bool) -> None:
    home = SimpleNamespace() if legacy else cv2
    if legacy:
        monkeypatch.setattr(cv2, "legacy", home, raising=False)
    monkeypatch.setattr(home, "TrackerMOSSE_create", lambda: Scripted((True, (1, 2, 30, 40))), raising=False)
    assert available_baselines()["opencv-mosse"] == "available"
    tracker = build_baseline("opencv-mosse")
    tracker.init(FRAME, (10, 10, 12, 12))
    np.testing.assert_array_equal(tracker.update(FRAME)[0], [1, 2, 30, 40])


def test_every_name_is_answered_for() -> None:
    states = available_baselines()
    assert tuple(states) == BASELINES
    assert states["never-moves"] == states["opencv-mil"] == "available"
    assert "opencv-nano:FOLDER" in BASELINES


@pytest.mark.data
def test_nano_tracks_a_real_sequence(data: Path) -> None:
    tracker = build_baseline(f"opencv-nano:{data / 'baselines' / 'nanotrack_v2'}")
    sequence = read_sequences(data / "sequences" / "train" / "otb_Car4")[0]
    tracker.init(sequence.frame(0), sequence.boxes[0])
    boxes = []
    for index in range(1, 30):
        box, score = tracker.update(sequence.frame(index))
        boxes.append(box)
        assert 0 <= score <= 1
    assert overlap(np.array(boxes), sequence.boxes[1:30]).mean() > 0.6
