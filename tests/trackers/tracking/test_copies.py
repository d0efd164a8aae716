"""Reduced copies of frames: when they are made, what they show, and that only whole ones are read."""

import os
import pickle
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import cv2
import numpy as np
import pytest

from lighttrack_nas.trackers.base.errors import InputError
from lighttrack_nas.trackers.data.sequence import Sequence
from lighttrack_nas.trackers.tracking.copies import CopySettings, ReducedVideo, copy_scale, reduced, with_copies
from lighttrack_nas.trackers.tracking.lockstep import Video


def settings(folder: Path, margin: float = 2.0, limit: int = 1 << 30, readers: int = 2) -> CopySettings:
    return CopySettings(folder, margin, template_size=16, context=0.5, limit=limit, readers=readers)


def sequence(folder: Path, name: str = "large", side: int = 60, frames: int = 3) -> Sequence:
    """A square that walks over a soft ground, 200 x 160 pixels."""
    rng = np.random.default_rng(len(name))
    ground = cv2.resize(rng.integers(0, 200, (8, 10, 3), np.uint8), (200, 160), interpolation=cv2.INTER_CUBIC)
    paths, boxes = [], []
    (folder / name).mkdir(parents=True)
    for index in range(frames):
        picture = ground.copy()
        picture[40 : 40 + side, 50 + 4 * index : 50 + 4 * index + side] = (30, 220, 240)
        paths.append(folder / name / f"{index}.png")
        cv2.imwrite(str(paths[-1]), picture)
        boxes.append([50.0 + 4 * index, 40, side, side])
    return Sequence(name, tuple(paths), np.array(boxes), np.zeros(frames, bool))


class Said(list[str]):
    """Sentences."""

    def __call__(self, sentence: str) -> None:
        self.append(sentence)


def made(sequences: list[Sequence], asked: CopySettings) -> tuple[list[Video], Said]:
    said = Said()
    return with_copies(sequences, asked, said), said


def files(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.glob("*"))


nan = float("nan")


@pytest.mark.parametrize(
    ("boxes", "margin", "scale"),
    [
        ([[0, 0, 64, 64]], 2.0, 0.25),  # a square with its margin is of 128 pixels, to be 2 x 16
        ([[0, 0, 64, 64]], 1.0, 0.125),
        ([[0, 0, 64, 64]], 6.0, 0.75),
        ([[0, 0, 64, 64]], 6.1, 1.0),  # saves too little
        ([[0, 0, 640, 640], [9, 9, 64, 64], [0, 0, 128, 128]], 2.0, 0.25),  # the smallest decides
        ([[0, 0, 64, 64], [nan, nan, nan, nan]], 2.0, 0.25),
        ([[nan, nan, nan, nan]], 2.0, 1.0),
        ([[0, 0, 64, 64], [0, 0, 0, 0]], 2.0, 1.0),
        ([[0, 0, 8, 8]], 2.0, 1.0),
    ],
)
def test_the_smallest_box_says_how_far_frames_are_reduced(
    boxes: list[list[float]], margin: float, scale: float, tmp_path: Path
) -> None:
    assert copy_scale(np.array(boxes), settings(tmp_path, margin)) == pytest.approx(scale)


def test_copies_are_the_whole_picture_and_small_targets_keep_their_frames(tmp_path: Path) -> None:
    large, small = sequence(tmp_path, "large"), sequence(tmp_path, "small", side=12)
    (copied, whole), said = made([large, small], settings(tmp_path / "copies"))
    assert whole is small
    assert isinstance(copied, ReducedVideo)
    assert (copied.name, len(copied), copied.scale) == ("large", 3, round(2 * 16 / 120, 4))
    assert np.array_equal(copied.boxes, large.boxes)
    for index in range(3):
        frame = copied.frame(index)
        assert frame.shape == (43, 53, 3)
        exact = cv2.resize(large.frame(index), (53, 43), interpolation=cv2.INTER_AREA)
        assert np.abs(frame.astype(int) - exact).mean() < 6
    assert said == [f"making reduced copies of 3 frames of 1 sequences in '{tmp_path / 'copies'}'"]
    assert len(files(tmp_path / "copies")) == 1


def test_made_copies_are_read_without_the_frames_and_pickle(tmp_path: Path) -> None:
    one = sequence(tmp_path)
    (first,), _ = made([one], settings(tmp_path / "copies"))
    (again,), said = made([one], settings(tmp_path / "copies"))
    assert said == []
    frames = [first.frame(index) for index in range(3)]
    for path in one.frame_paths:
        path.unlink()
    sent = pickle.loads(pickle.dumps(again))  # noqa: S301 - made here
    assert all(np.array_equal(frame, sent.frame(index)) for index, frame in enumerate(frames))


def _cut(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:-1])


def _flip(file: Path) -> None:
    content = bytearray(file.read_bytes())
    content[-100] ^= 255
    file.write_bytes(content)


@pytest.mark.parametrize(
    "harm",
    [
        *(_cut, _flip, Path.unlink, lambda file: file.write_bytes(b"")),
        *(
            partial(Path.write_text, data=text)
            for text in (
                "[[1, 2], 3]\nx",
                "[" * 10**5,
                "[[1.5, 2]]\nx",
                "[[Infinity, 2]]\n",
                "[[-9, 0], [9, 0], [0, 0]]\n",
            )
        ),
    ],
    ids=["cut", "flipped", "gone", "empty", "nonsense", "deep", "halves", "endless", "backwards"],
)
@pytest.mark.parametrize("when", ["before it is opened", "after"])
def test_a_damaged_copy_is_made_anew_with_the_same_pixels(
    harm: Callable[[Path], object], when: str, tmp_path: Path
) -> None:
    one = sequence(tmp_path)
    (video,), _ = made([one], settings(tmp_path / "copies"))
    frames = [video.frame(index) for index in range(3)]
    assert isinstance(video, ReducedVideo)
    harm(video.file)
    if when != "after":
        (video,), _ = made([one], settings(tmp_path / "copies"))
    assert all(np.array_equal(frame, video.frame(index)) for index, frame in enumerate(frames))


def _newer(one: Sequence) -> Sequence:
    os.utime(one.frame_paths[1], ns=(1, 1))
    return one


def _other_picture(one: Sequence) -> Sequence:
    cv2.imwrite(str(one.frame_paths[0]), np.full((160, 200, 3), 77, np.uint8))
    return one


def _smaller_box(one: Sequence) -> Sequence:
    return replace(one, boxes=one.boxes * 0.9)


@pytest.mark.parametrize("change", [_newer, _other_picture, _smaller_box])
def test_changed_frames_or_boxes_are_copied_anew(change: Callable[[Sequence], Sequence], tmp_path: Path) -> None:
    one = sequence(tmp_path)
    made([one], settings(tmp_path / "copies"))
    changed = change(one)
    (video,), said = made([changed], settings(tmp_path / "copies"))
    assert len(said) == 1
    assert isinstance(video, ReducedVideo)
    expected = cv2.imdecode(np.frombuffer(reduced(changed.frame(0), video.scale), np.uint8), cv2.IMREAD_COLOR)
    assert np.array_equal(video.frame(0), expected)


def test_the_folder_keeps_to_its_limit_and_what_is_not_kept_has_the_same_pixels(tmp_path: Path) -> None:
    sequences = [sequence(tmp_path, name) for name in ("a", "bb", "ccc")]
    kept, _ = made(sequences, settings(tmp_path / "all"))
    sizes = [path.stat().st_size for path in (tmp_path / "all").iterdir()]
    limit = sum(sizes) - min(sizes) // 2
    bounded, said = made(sequences, settings(tmp_path / "few", limit=limit))
    assert said[-1] == f"'{tmp_path / 'few'}' is full: the copies that found no room are made anew for each network"
    assert sum(path.stat().st_size for path in (tmp_path / "few").iterdir()) <= limit
    assert len(files(tmp_path / "few")) == 2
    for one, other in zip(kept, bounded, strict=True):
        assert all(np.array_equal(one.frame(index), other.frame(index)) for index in range(3))
    made(sequences, settings(tmp_path / "none", limit=0))
    assert files(tmp_path / "none") == []


def test_room_is_made_of_what_no_sequence_wants_and_of_what_killed_processes_left(tmp_path: Path) -> None:
    one, other = sequence(tmp_path, "a"), sequence(tmp_path, "bb")
    folder = tmp_path / "copies"
    made([one], settings(folder))
    (mine,) = files(folder)
    limit = int(1.5 * (folder / mine).stat().st_size)
    left, writing = folder / ".x.frames.1.part", folder / ".y.frames.2.part"
    for path in (left, writing):
        path.write_bytes(b"0" * 10)
    os.utime(left, (1, 1))
    made([other], settings(folder, limit=limit))
    assert mine not in files(folder)
    assert not left.exists()
    assert writing.exists()
    assert len(files(folder)) == 2


def test_a_folder_that_takes_no_files_is_said_and_tracking_goes_on(tmp_path: Path) -> None:
    one = sequence(tmp_path)
    (tmp_path / "file").write_text("")
    (video,), said = made([one], settings(tmp_path / "file" / "copies"))
    assert video.frame(0).shape == (43, 53, 3)
    assert said[1].startswith("copies of frames cannot be kept, and are made anew for each network: ")


def test_a_frame_that_cannot_be_read_is_left_to_the_tracker_and_the_other_sequences_are_copied(tmp_path: Path) -> None:
    bad, good = sequence(tmp_path, "bad"), sequence(tmp_path, "good")
    bad.frame_paths[1].unlink()
    (first, second), _ = made([bad, good], settings(tmp_path / "copies"))
    assert len(files(tmp_path / "copies")) == 1
    assert first.frame(0).shape == second.frame(0).shape
    with pytest.raises(InputError, match="does not exist"):
        first.frame(1)
