"""Tracking in step gives the boxes of tracking one by one."""

import pickle
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lighttrack_nas.search_spaces.building.builder import build_network
from lighttrack_nas.trackers.base.errors import InputError
from lighttrack_nas.trackers.data.sequence import Sequence
from lighttrack_nas.trackers.tracking.array_network import ArrayNetwork
from lighttrack_nas.trackers.tracking.hyper_parameters import HyperParameters
from lighttrack_nas.trackers.tracking.lockstep import Tracks, Video, keep_frames, track_in_step
from lighttrack_nas.trackers.tracking.tracker import SiameseTracker

from .array_networks import ByHand


@dataclass
class Clip:
    """A video in memory that counts how often it is read; a frame that is None cannot be."""

    name: str
    pictures: list[np.ndarray | None]
    boxes: np.ndarray
    reads: int = field(default=0)

    def __len__(self) -> int:
        return len(self.pictures)

    def frame(self, index: int) -> np.ndarray:
        self.reads += 1
        picture = self.pictures[index]
        if picture is None:
            raise InputError(f"image '{self.name}/{index}.jpg' cannot be\ndecoded")
        return picture


def clip(name: str, frames: int, seed: int = 0, side: int = 40, height: int = 120, width: int = 160) -> Clip:
    """A bright square that walks over noise."""
    rng = np.random.default_rng(seed)
    ground = rng.integers(0, 120, (height, width, 3), np.uint8)
    left, top = rng.integers(0, (width - side, height - side))
    pictures: list[np.ndarray | None] = []
    for index in range(frames):
        picture = ground.copy()
        x = min(int(left) + 2 * index, width - side)
        picture[top : top + side, x : x + side] = 200 + index
        pictures.append(picture)
    return Clip(name, pictures, np.tile([float(left), float(top), side, side], (frames, 1)))


def alone(network: ArrayNetwork, video: Video, hyper_parameters: Any = "default") -> np.ndarray:
    tracker = SiameseTracker(network, hyper_parameters)
    tracker.init(video.frame(0), video.boxes[0])
    return np.array([video.boxes[0], *(tracker.update(video.frame(index))[0] for index in range(1, len(video)))])


def test_lost_targets_are_looked_for_as_one_by_one() -> None:
    """A rule by which every target is lost soon: then crops go over the whole frame."""
    rule = HyperParameters(
        presence_slope=0.01, presence_offset=0.0, lost_after=2, lost_below=0.9, found_above=0.99, window_influence=0.3
    )
    videos = [clip("long", 9, seed=2), clip("short", 5, seed=1), clip("small", 7, seed=4, side=8)]
    network = ByHand()
    found = track_in_step(network, videos, rule)
    for video in videos:
        assert found.lost[video.name].tolist() == [False, False, *[True] * (len(video) - 2)]
        assert np.array_equal(found.boxes[video.name], alone(ByHand(), video, rule))
        assert np.isfinite(found.scores[video.name][1:]).all()


@pytest.mark.parametrize("readers", [0, 2])
@pytest.mark.parametrize("batch_size", [None, 1, 2, 3, 100])
def test_the_same_boxes_as_one_by_one(batch_size: int | None, readers: int) -> None:
    """Different lengths, one frame only, different frame sizes, and targets small enough for the larger search size."""
    videos = [
        clip("short", 3, seed=1),
        clip("long", 9, seed=2),
        clip("single", 1, seed=3),
        clip("small", 6, seed=4, side=8),
        clip("wide", 5, seed=5, width=230, height=90),
        clip("small too", 4, seed=6, side=8),
    ]
    network = ByHand()
    found = track_in_step(network, videos, "vot2019", batch_size=batch_size, readers=readers)
    assert found.failures == {}
    assert list(found.boxes) == [video.name for video in videos]
    assert {side for _, side in network.batches} == {64, 96}
    assert max(count for count, _ in network.batches) <= (batch_size or 16)
    for video in videos:
        assert np.array_equal(found.boxes[video.name], alone(ByHand(), video, "vot2019")), video.name


def test_batches_shrink_as_videos_end_and_are_of_nearly_one_size() -> None:
    network = ByHand()
    track_in_step(network, [clip(str(frames), frames) for frames in (2, 4, 3)], batch_size=3)
    assert network.batches == [(3, 64), (2, 64), (1, 64)]
    network = ByHand()
    track_in_step(network, [clip(str(number), 2) for number in range(6)], batch_size=5)
    assert network.batches == [(3, 64), (3, 64)]


@given(st.lists(st.integers(1, 5), min_size=1, max_size=5), st.integers(1, 4), st.integers(0, 2**16))
def test_any_lengths_in_any_batches(lengths: list[int], batch_size: int, seed: int) -> None:
    videos = [clip(str(place), frames, seed + place) for place, frames in enumerate(lengths)]
    found = track_in_step(ByHand(), videos, batch_size=batch_size)
    for video in videos:
        assert np.array_equal(found.boxes[video.name], alone(ByHand(), video))


def test_a_torch_network_gives_nearly_the_same_boxes() -> None:
    import torch

    from lighttrack_nas.search_spaces.loading.loading import load_space
    from lighttrack_nas.trackers.runtimes.torch_network import TorchNetwork

    space = load_space("lighttrack-tiny")
    with torch.random.fork_rng():
        torch.manual_seed(0)
        plain = build_network(space.sample(np.random.default_rng(0)))
        # With norms that fit, the scores differ from place to place; else the last digit would choose between them.
        for norm in (module for module in plain.modules() if isinstance(module, torch.nn.BatchNorm2d)):
            norm.momentum = 1.0
        plain.train()(torch.randn(8, 3, 64, 64), torch.randn(8, 3, 128, 128))
    network = TorchNetwork(plain)
    videos = [clip(str(number), 3 + number, seed=number, side=30 + number) for number in range(4)]
    found = track_in_step(network, videos)
    for video in videos:
        assert np.abs(np.diff(found.boxes[video.name], axis=0)).max() > 1
        assert np.abs(found.boxes[video.name] - alone(network, video)).max() < 1e-3


def test_absent_frames_are_tracked_on(tmp_path: Path) -> None:
    """A sequence of files; NaN boxes after the first change nothing."""
    source = clip("held", 4)
    paths = []
    for index, picture in enumerate(source.pictures):
        assert picture is not None
        paths.append(tmp_path / f"{index}.png")
        cv2.imwrite(str(paths[-1]), picture)
    boxes = source.boxes.copy()
    boxes[2] = np.nan
    sequence = Sequence("held", tuple(paths), boxes, np.isnan(boxes[:, 0]))
    found = track_in_step(ByHand(), [sequence]).boxes["held"]
    assert np.isfinite(found).all()
    assert np.array_equal(found, alone(ByHand(), source))


class Failing(ByHand):
    """Says nothing finite of search crops whose mean is above a bound."""

    def track(self, features: np.ndarray, image: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        logits, distances = super().track(features, image)
        logits[image.mean(axis=(1, 2, 3)) > 0.5] = np.nan
        return logits, distances


@pytest.mark.parametrize("readers", [0, 3])
def test_one_bad_video_does_not_stop_the_others(readers: int) -> None:
    bad_box, torn, headless, bright, grey = (clip(name, 6) for name in ("box", "torn", "head", "bright", "grey"))
    bad_box.boxes[0] = (10, 10, 0, 5)
    torn.pictures[3] = None
    headless.pictures[0] = None
    bright.pictures[2] = np.full((120, 160, 3), 255, np.uint8)
    grey.pictures[5] = np.zeros((120, 160), np.uint8)
    good = [clip("first", 6, seed=7), clip("last", 4, seed=8)]
    reported: list[tuple[str, str | None]] = []
    found = track_in_step(
        Failing(),
        [good[0], bad_box, torn, headless, bright, grey, good[1]],
        readers=readers,
        progress=lambda name, failure: reported.append((name, failure)),
    )
    assert list(found.boxes) == ["first", "last"]
    for video in good:
        assert np.array_equal(found.boxes[video.name], alone(ByHand(), video))
    assert list(found.failures) == ["box", "torn", "head", "bright", "grey"]
    assert found.failures["torn"] == found.failures["head"].replace("head/0", "torn/3")
    assert found.failures["torn"] == "image 'torn/3.jpg' cannot be decoded"
    assert "box, first box: width and height must be positive" in found.failures["box"]
    assert "not finite" in found.failures["bright"]
    assert "got uint8 (120, 160)" in found.failures["grey"]
    assert sorted(reported, key=str) == sorted([("first", None), ("last", None), *found.failures.items()], key=str)


def test_frames_that_change_their_size_are_tracked_through() -> None:
    videos = [clip("steady", 6, seed=1), clip("turns", 6, seed=2), clip("cut", 6, seed=3)]
    for index in (3, 4, 5):
        videos[1].pictures[index] = cv2.resize(videos[1].pictures[index], None, fx=0.5, fy=0.5)
        videos[2].pictures[index] = videos[2].pictures[index][:70]
    found = track_in_step(ByHand(), videos, batch_size=3)
    assert found.failures == {}
    for video in videos:
        assert np.array_equal(found.boxes[video.name], alone(ByHand(), video))
    assert np.array_equal(found.boxes["steady"], track_in_step(ByHand(), videos[:1]).boxes["steady"])


def test_all_videos_bad() -> None:
    video = clip("torn", 2)
    video.pictures[0] = None
    assert track_in_step(ByHand(), [video]).boxes == {}
    video = clip("torn later", 3)
    video.pictures[1] = None
    assert list(track_in_step(ByHand(), [video]).failures) == ["torn later"]


@pytest.mark.parametrize(
    ("names", "options", "said"),
    [
        ([], {}, "one or more with different names, got none"),
        (["a", "b", "a"], {}, "different names, got a, b, a"),
        (["a"], {"batch_size": 0}, "batch_size: expected 1 or more, got 0"),
        (["a"], {"hyper_parameters": "vot2091"}, "vot2091"),
    ],
)
def test_doubled_names_and_senseless_options_are_refused(names: list[str], options: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError, match=said):
        track_in_step(ByHand(), [clip(name, 2) for name in names], **options)


def test_kept_frames_are_read_once() -> None:
    videos = [clip("a", 4, seed=1), clip("b", 3, seed=2)]
    before = track_in_step(ByHand(), videos)
    kept = keep_frames(videos)
    reads = [video.reads for video in videos]
    for _ in range(3):
        assert same(track_in_step(ByHand(), kept), before)
    assert [video.reads for video in videos] == [reads[0] + 4, reads[1] + 3]
    # What is kept is safe; the caller's own pictures stay the caller's.
    assert not kept[0].frame(0).flags.writeable
    assert videos[0].frame(0).flags.writeable


def test_kept_frames_keep_to_their_limit() -> None:
    video = clip("a", 4)
    (kept,) = keep_frames([video], limit=2 * 120 * 160 * 3 + 1)
    for _ in range(3):
        for index in range(4):
            assert np.array_equal(kept.frame(index), video.pictures[index])
    assert video.reads == 2 + 3 * 2
    assert len(kept) == 4


def test_kept_frames_are_not_sent_to_another_process() -> None:
    (kept,) = keep_frames([clip("a", 4)])
    before = len(pickle.dumps(kept))
    track_in_step(ByHand(), [kept])
    assert len(pickle.dumps(kept)) == before
    sent = pickle.loads(pickle.dumps(kept))  # noqa: S301 - made here
    assert np.array_equal(sent.frame(1), kept.frame(1))


@dataclass
class Halved:
    """A video whose frames are half as large as its boxes say."""

    video: Clip
    scale: float = 0.5

    @property
    def name(self) -> str:
        return self.video.name

    @property
    def boxes(self) -> np.ndarray:
        return self.video.boxes

    def __len__(self) -> int:
        return len(self.video)

    def frame(self, index: int) -> np.ndarray:
        return cv2.resize(self.video.frame(index), None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)


@pytest.mark.parametrize("keep", [False, True])
def test_boxes_of_reduced_frames_are_in_the_pixels_of_the_boxes_given(keep: bool) -> None:
    video = clip("a", 5)
    halved: list[Video] = [Halved(video)]
    found = track_in_step(ByHand(), keep_frames(halved) if keep else halved).boxes["a"]
    small = Clip("a", [halved[0].frame(index) for index in range(5)], video.boxes / 2)
    assert np.array_equal(found, track_in_step(ByHand(), [small]).boxes["a"] * 2)
    assert np.array_equal(found[0], video.boxes[0])


def same(first: Tracks, second: Tracks) -> bool:
    return list(first.boxes) == list(second.boxes) and all(
        np.array_equal(first.boxes[name], second.boxes[name]) for name in first.boxes
    )


def test_needs_no_torch() -> None:
    code = "import sys, lighttrack_nas.trackers.tracking.lockstep; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
