"""`track --boxes`: several targets in one video, and sentences for files that cannot be."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from lighttrack_nas.cli.tracker.box_files import read_boxes
from lighttrack_nas.trackers.base.errors import InputError

MODEL = "lighttrack-tiny-generated"
BOXES = "left,40,30,24,30\n\n80,20,30,30\n"


@pytest.fixture
def video(write_sequences: Callable[..., Path], tmp_path: Path) -> Path:
    return write_sequences(tmp_path / "sequences", 1) / "video0"


@pytest.fixture
def boxes(tmp_path: Path) -> Path:
    path = tmp_path / "boxes.txt"
    path.write_text(BOXES)
    return path


def test_each_target_has_files_of_its_own_equal_to_those_of_a_run_alone(
    run: Callable[..., Any], video: Path, boxes: Path, tmp_path: Path
) -> None:
    shown = run("track", MODEL, video, "--boxes", boxes, "-o", "several", "--save-video")
    assert shown.code == 0, shown.err
    assert "6 frames of 2 targets" in shown.out
    assert sorted(p.name for p in (tmp_path / "several").iterdir()) == [
        "boxes",
        "presence",
        "scores",
        "times.txt",
        "track.json",
        "video.mp4",
    ]
    for name, box in (("left", "40,30,24,30"), ("2", "80,20,30,30")):
        assert run("track", MODEL, video, "--box", box, "-o", f"alone-{name}").code == 0
        for kind, tolerance in (("boxes", 2e-3), ("scores", 1e-4), ("presence", 1e-3)):
            several = np.loadtxt(tmp_path / f"several/{kind}/{name}.txt", delimiter=",")
            alone = np.loadtxt(tmp_path / f"alone-{name}/{kind}.txt", delimiter=",")
            assert np.allclose(several, alone, atol=tolerance, equal_nan=True)
    record = json.loads((tmp_path / "several/track.json").read_text())
    assert (record["frames"], record["state"]) == (6, "finished")
    assert record["boxes"] == {"left": [40, 30, 24, 30], "2": [80, 20, 30, 30]}


def test_every_box_is_drawn_in_a_colour_of_its_own(
    run: Callable[..., Any], video: Path, boxes: Path, tmp_path: Path
) -> None:
    assert run("track", MODEL, video, "--boxes", boxes, "-o", "out", "--save-video").code == 0
    capture = cv2.VideoCapture(str(tmp_path / "out/video.mp4"))
    assert capture.get(cv2.CAP_PROP_FRAME_COUNT) == 6
    _, drawn = capture.read()
    capture.release()
    blue, green, red = np.moveaxis(drawn.astype(int), 2, 0)
    yellow, azure = (red > blue + 60) & (green > blue + 60), blue > red + 60
    assert yellow[35:55, 39:42].any(axis=1).mean() > 0.8  # the left edge of the first, y 30 to 60 at x 40
    assert azure[25:45, 79:82].any(axis=1).mean() > 0.8  # of the second, y 20 to 50 at x 80


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "holds no box: expected a target a line"),
        ("\n \n", "holds no box"),
        ("1,2,3\n", "line 1: expected x,y,width,height or name,x,y,width,height.*got '1,2,3'"),
        ("a,1,2,3,4\nname,x,y,w,h\n", "line 2: expected"),
        ("1,2,3,4,5,6\n", "line 1: expected"),
        ("1,2,0,4\n", "line 1: width and height must be positive, got 0 x 4"),
        ("1,2,nan,4\n", "line 1: .*not finite"),
        ("a,1,2,3,4\n\nA,5,6,7,8\n", "line 3: a second target is called 'A', as in line 1"),
        ("2,1,2,3,4\n5,6,7,8\n", "line 2: a second target is called '2', as in line 1"),
        ("../a,1,2,3,4\n", "the name '../a' cannot name a file"),
        (".a,1,2,3,4\n", "cannot name a file"),
        (",1,2,3,4\n", "the name '' cannot name a file"),
    ],
)
def test_files_of_boxes_that_cannot_be_are_refused(text: str, said: str, tmp_path: Path) -> None:
    path = tmp_path / "boxes.txt"
    path.write_text(text)
    with pytest.raises(InputError, match=said):
        read_boxes(path)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--boxes", "none.txt"), "file of boxes 'none.txt' cannot be read: No such file"),
        (("--boxes", "boxes.txt", "--box", "1,2,3,4"), "--box and --boxes both say the targets"),
        (("--boxes", "outside.txt"), "'outside.txt', target 'far': 500,2,3,4 lies outside the frame"),
    ],
)
def test_track_refuses_targets_in_a_sentence(
    run: Callable[..., Any], video: Path, boxes: Path, arguments: tuple[str, ...], said: str
) -> None:
    (boxes.parent / "outside.txt").write_text("far,500,2,3,4\n")
    outcome = run("track", MODEL, video, *arguments, "-o", "out")
    assert outcome.code == 1
    assert said in outcome.err
    assert len(outcome.err.strip().splitlines()) == 1


def test_a_baseline_follows_one_target(run: Callable[..., Any], video: Path, boxes: Path) -> None:
    outcome = run("track", "never-moves", video, "--boxes", boxes, "-o", "out")
    assert outcome.code == 1
    assert "baseline 'never-moves' follows one target: give --box" in outcome.err
