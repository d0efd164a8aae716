"""pysot's crops: their pairs are those of the whole frames, and what is left out or refused."""

import json
import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from lighttrack_nas.trackers.base.errors import InputError
from lighttrack_nas.trackers.training.labels.crop511 import boxes_in_crops, read_crop, read_crop511
from lighttrack_nas.trackers.training.pairs.pair import draw_batch, draw_pair
from lighttrack_nas.trackers.training.pairs.pair_settings import PairSettings, pair_settings
from lighttrack_nas.trackers.training.pairs.tracks import Track, TrackedVideos, TrackPairs

LIGHTTRACK = pair_settings("lighttrack", 128, 256)
WriteCrops = Callable[..., Path]


def cut(frame: np.ndarray, box: list[float]) -> np.ndarray:
    """A crop from corners x1, y1, x2, y2, by what is known of pysot's scripts.

    The square has 511 / 127 times the template's context; its corners, in coordinates of pixels' middles, fall on the
    middles of the crop's outermost pixels; what lies outside is the frame's mean colour.
    """
    x1, y1, x2, y2 = box
    w, h = x2 - x1, y2 - y1
    side = math.sqrt((w + (w + h) / 2) * (h + (w + h) / 2)) * 511 / 127
    middle = np.array([(x1 + x2) / 2, (y1 + y2) / 2])
    corners = np.array([middle + np.array(way) * side / 2 for way in ((-1, -1), (1, -1), (-1, 1))], np.float32)
    matrix = cv2.getAffineTransform(corners, np.array([(0, 0), (510, 0), (0, 510)], np.float32))
    colour = frame.reshape(-1, 3).mean(axis=0).tolist()
    return cv2.warpAffine(frame, matrix, (511, 511), borderMode=cv2.BORDER_CONSTANT, borderValue=colour)


def scenery(width: int, height: int, seed: int) -> np.ndarray:
    """A picture of slow waves, in which a shift shows and resampling does not."""
    coarse = max(24, width // 16)
    rng = np.random.default_rng(seed)
    small = rng.integers(0, 256, (height // coarse + 2, width // coarse + 2, 3), np.uint8)
    return cv2.resize(small, (width, height), interpolation=cv2.INTER_CUBIC)


@pytest.fixture
def write_crops(tmp_path: Path) -> WriteCrops:
    """Write crops of 511 pixels, grey by the frame's number, and their boxes."""

    def write(content: dict[str, Any], leave: tuple[str, ...] = (), side: int = 511) -> Path:
        (tmp_path / "train.json").write_text(json.dumps(content))
        for video, tracks in content.items():
            for track, frames in tracks.items():
                for frame in frames:
                    path = tmp_path / "crop511" / video / f"{frame}.{track}.x.jpg"
                    if path.name not in leave and frame.isdigit():
                        path.parent.mkdir(parents=True, exist_ok=True)
                        cv2.imwrite(str(path), np.full((side, side, 3), int(frame) * 20, np.uint8))
        (tmp_path / "crop511").mkdir(exist_ok=True)
        return tmp_path / "crop511"

    return write


@pytest.mark.slow
@pytest.mark.parametrize("settings", [LIGHTTRACK, pair_settings("lighttrack", 64, 128, flip=0.5)], ids=["128", "64"])
@pytest.mark.parametrize("numbers", [4, 2])
@pytest.mark.parametrize(
    ("size", "boxes"),
    [
        ((1920, 1080), [[700, 400, 1010, 620], [720, 420, 1020, 650]]),
        ((960, 540), [[400.5, 250.25, 447.5, 290.75], [410, 240, 460, 285]]),
        ((640, 480), [[0, 10, 60, 170], [5, 0, 70, 155]]),  # its crops reach beyond the frame
        ((320, 240), [[150, 100, 162, 118], [140, 90, 153, 107]]),
    ],
    ids=["full HD", "fractions", "edge", "small"],
)
def test_pairs_are_those_of_the_frames(
    tmp_path: Path, settings: PairSettings, numbers: int, size: tuple[int, int], boxes: list[list[float]]
) -> None:
    frames = [scenery(*size, seed) for seed in range(2)]
    content: dict[str, Any] = {}
    for number, (frame, box) in enumerate(zip(frames, boxes, strict=True)):
        cv2.imwrite(str(tmp_path / f"{number}.png"), frame)
        folder = tmp_path / "crop511" / "a"
        folder.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(folder / f"{number:06}.00.x.jpg"), cut(frame, box), [cv2.IMWRITE_JPEG_QUALITY, 100])
        content[f"{number:06}"] = box if numbers == 4 else [box[2] - box[0], box[3] - box[1]]
    (tmp_path / "train.json").write_text(json.dumps({"a": {"00": content}}))
    xywh = np.array([[x1, y1, x2 - x1, y2 - y1] for x1, y1, x2, y2 in boxes])
    whole = TrackPairs(TrackedVideos({"a": (Track([tmp_path / "0.png", tmp_path / "1.png"], xywh),)}), settings)
    crops = TrackPairs(read_crop511(tmp_path / "crop511"), settings, decode=read_crop)
    for number in range(12):
        one, other = draw_pair(whole, 3, number), draw_pair(crops, 3, number)
        np.testing.assert_allclose(other.box, one.box, atol=0.05)
        for name in ("template", "search"):
            difference = np.abs(getattr(one, name).astype(float) - getattr(other, name))
            # What lies outside the frame has the mean colour, which is taken from a sample of rows.
            assert np.median(difference) < 1.5
            assert np.percentile(difference, 90) < (6 if size == (640, 480) else 4)


def test_half_a_pixel_of_the_frame_shows(tmp_path: Path) -> None:
    """The comparison above would find the middle of the crop taken for the target's."""
    frame, box = scenery(320, 240, 0), [150, 100, 162, 118]
    x, y, w, h = boxes_in_crops(np.array([[12.0, 18.0]]))[0]
    scale = w / 12
    assert (x + w / 2, y + h / 2) == pytest.approx((255.5 - scale / 2, 255.5 - scale / 2))
    crop = cut(frame, box)
    assert np.abs(crop[255, 255].astype(int) - frame[109, 156]).max() <= 1  # the pixel whose middle is 156.5, 109.5
    assert (w, h) == pytest.approx((12 * scale, 18 * scale))
    assert math.sqrt((w + (w + h) / 2) * (h + (w + h) / 2)) == pytest.approx(127 * 510 / 511)


BOX = [10, 10, 50, 40]


def test_tracks_frames_and_ranges(write_crops: WriteCrops) -> None:
    frames = {f"{number:06}": BOX for number in (1, 2, 3, 5, 9)}
    root = write_crops({"a": {"00": frames, "01": {"000004": [40, 30]}}, "b/c": {"07": {"000000": BOX}}})
    tracked = read_crop511(root)
    assert {name: [len(track) for track in tracks] for name, tracks in tracked.videos.items()} == {
        "a": [5, 1],
        "b/c": [1],
    }
    assert tracked.left_out.sentences() == []
    source = TrackPairs(tracked, replace(LIGHTTRACK, colour_jitter=0.0), 1, decode=read_crop)
    batch = draw_batch(source, 0, 0, 300)
    numbers = np.round(np.stack([batch.templates[:, 64, 64, 0], batch.searches[:, 128, 128, 0]], axis=1) / 20)
    pairs = {(int(t), int(s)) for t, s in numbers}
    # Places in the list of annotated frames count, and a track of one frame gives pairs of that.
    assert pairs == {(4, 4), (0, 0), *((t, s) for t, s in [(1, 1), (1, 2), (2, 1), (2, 2), (2, 3), (3, 2), (3, 3)]),
                     (3, 5), (5, 3), (5, 5), (5, 9), (9, 5), (9, 9)}  # fmt: skip
    # Videos count alike, whatever their number of tracks and frames.
    assert 110 < (numbers[:, 0] == 0).sum() < 190


def test_negatives_come_from_another_video(write_crops: WriteCrops) -> None:
    root = write_crops({"a": {"00": {"000001": BOX}, "01": {"000002": BOX}}, "b": {"00": {"000005": BOX}}})
    settings = replace(LIGHTTRACK, colour_jitter=0.0, negatives=1.0)
    batch = draw_batch(TrackPairs(read_crop511(root), settings, decode=read_crop), 0, 0, 60)
    middles = zip(batch.templates[:, 64, 64, 0], batch.searches[:, 128, 128, 0], strict=True)
    pairs = {(round(template / 20), round(search / 20)) for template, search in middles}
    assert pairs == {(1, 5), (2, 5), (5, 1), (5, 2)}


@pytest.mark.parametrize(
    ("broken", "said"),
    [
        (
            {"000001": []},
            "1 entry that is no frame number with a box of two or four numbers left out, as 'a', '00', '0",
        ),
        ({"000001": [1, 2, 3]}, "1 entry that is no frame number"),
        ({"000001": [1, 2, 3, float("nan")]}, "1 entry that is no frame number"),
        ({"000001": [1, 2, 3, 1e300]}, "1 entry that is no frame number"),
        ({"000001": [1, 2, 3, True]}, "1 entry that is no frame number"),
        ({"000001": {"mask": 3}}, "1 entry that is no frame number"),
        ({"occluded": BOX}, "1 entry that is no frame number"),
        ({"9" * 5000: BOX}, "1 crop that is not there left out, as '"),
        ({"000001": [30, 10, 20, 40]}, "1 box with a side below a pixel left out"),
        ({"000001": [0.5, 20]}, "1 box with a side below a pixel left out"),
        ({"000009": BOX}, "1 crop that is not there left out, as '"),
    ],
)
def test_what_cannot_be_used_is_left_out_and_counted(write_crops: WriteCrops, broken: Any, said: str) -> None:
    good = {"000000": BOX}
    root = write_crops({"a": {"00": good}})
    (root.parent / "train.json").write_text(json.dumps({"a": {"00": good | broken}}))
    (sentence,) = TrackPairs(read_crop511(root), LIGHTTRACK, decode=read_crop).report()
    assert sentence.startswith(said)
    (root.parent / "train.json").write_text(json.dumps({"a": {"00": broken}}))
    with pytest.raises(InputError, match="hold nothing to make pairs of: 1 ") as caught:
        read_crop511(root)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[]", "expected pysot's format, a mapping VIDEO: TRACK: FRAME: BOX, got"),
        ('{"a": [1]}', "'a': expected a mapping TRACK: FRAME: BOX, got"),
        ('{"a": {"00": [1, 2, 3, 4]}}', "'a': expected a mapping TRACK: FRAME: BOX, got"),
        ("{", "is no valid JSON at line 1"),
        ("{}", "hold nothing to make pairs of$"),
        (json.dumps({"x" * 5000: {"00": {"000001": BOX}}}), "hold nothing to make pairs of: 1 crop that is not there"),
        (json.dumps({"a\0": {"00": {"000001": BOX}}}), "hold nothing to make pairs of: 1 crop that is not there"),
        (
            json.dumps({"a": {"00": {"000000": [0.1, 0.2, 0.5, 0.6]}}}),
            "its boxes are shares of the frame, for which key 'aspect' must say the frames' width over height",
        ),
    ],
)
def test_malformed_boxes_of_crops_are_refused_in_a_short_sentence(
    write_crops: WriteCrops, text: str, said: str
) -> None:
    root = write_crops({"a": {"00": {"000000": BOX}}})
    (root.parent / "train.json").write_text(text)
    with pytest.raises(InputError, match=said) as caught:
        read_crop511(root)
    assert "train.json" in str(caught.value)
    assert len(str(caught.value)) < 600


@pytest.mark.parametrize("other", [3, {"00": [1, 2, 3, 4]}])
def test_annotations_of_videos_that_are_not_wanted(write_crops: WriteCrops, other: object) -> None:
    root = write_crops({"a": {"00": {"000000": BOX}}})
    for text, said in (
        ({"a": {"00": {"000001": BOX}}}, "make pairs of: 1 crop that is"),
        ({"a": {}}, "make pairs of$"),
    ):
        (root.parent / "train.json").write_text(json.dumps(text | {"other": other}))
        for choice in ({"only": ["a"]}, {"without": ["other"]}):
            with pytest.raises(InputError, match=said):
                read_crop511(root, **choice)


def test_shares_of_the_frame_take_an_aspect(write_crops: WriteCrops) -> None:
    root = write_crops({"a": {"00": {"000000": [0.1, 0.2, 0.3, 0.6]}}})
    (track,) = read_crop511(root, aspect=16 / 9).tracks
    x, y, w, h = track.boxes[0]
    assert w / h == pytest.approx(0.2 * 16 / (0.4 * 9))
    assert (x + w / 2, y + h / 2) == pytest.approx((255.5, 255.5))


def test_where_annotations_lie(write_crops: WriteCrops, tmp_path: Path) -> None:
    root = write_crops({"a": {"00": {"000000": BOX}}})
    (tmp_path / "train.json").rename(tmp_path / "train2017.json")
    with pytest.raises(InputError, match=r"neither '.*/crop511/train.json' nor '.*/train.json': name the annotation"):
        read_crop511(root)
    assert len(read_crop511(root, tmp_path / "train2017.json")) == 1
    with pytest.raises(InputError, match=r"there is no folder '.*/crop510' of crops"):
        read_crop511(tmp_path / "crop510")


@pytest.mark.parametrize(
    ("only", "without", "left"),
    [
        ((), (), ["a/x", "a/y", "b/x"]),
        (("a",), (), ["a/x", "a/y"]),
        (("x",), (), ["a/x", "b/x"]),
        (("a/x",), (), ["a/x"]),
        ((), ("x",), ["a/y"]),
        (("a",), ("x",), ["a/y"]),
        (("a", "b/x"), (), ["a/x", "a/y", "b/x"]),
    ],
)
def test_only_and_without_choose_videos_of_crops_and_folders_of_them(
    write_crops: WriteCrops, only: tuple[str, ...], without: tuple[str, ...], left: list[str]
) -> None:
    root = write_crops({name: {"00": {"000000": BOX}} for name in ("a/x", "a/y", "b/x")})
    assert list(read_crop511(root, only=only, without=without).videos) == left


def test_an_unknown_video_of_crops_is_refused_with_the_near_one(write_crops: WriteCrops) -> None:
    root = write_crops({"airplane": {"00": {"000000": BOX}}})
    for names in ({"only": ["airplan"]}, {"without": ["airplan"]}):
        with pytest.raises(InputError, match="holds nothing of the name 'airplan'; there is 'airplane'"):
            read_crop511(root, **names)


def test_crops_of_another_size_are_passed_over(write_crops: WriteCrops) -> None:
    root = write_crops({"a": {"00": {"000000": BOX}}}, side=255)
    source = TrackPairs(read_crop511(root), LIGHTTRACK, decode=read_crop)
    with pytest.raises(InputError, match=r"000000.00.x.jpg' has 255 x 255 pixels, expected 511 x 511"):
        draw_pair(source, 0, 0)
