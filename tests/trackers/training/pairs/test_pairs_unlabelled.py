"""Pairs without labels: what is found in folders, what is left out, where boxes lie, what repeats."""

import math
import pickle
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lighttrack_nas.trackers.base.errors import InputError
from lighttrack_nas.trackers.data.sequence import Sequence
from lighttrack_nas.trackers.training.pairs import clips as clips_module
from lighttrack_nas.trackers.training.pairs.clips import LARGEST_PICTURE, Clip, Clips, read_clips, read_pictures
from lighttrack_nas.trackers.training.pairs.mixture import Mixture
from lighttrack_nas.trackers.training.pairs.pair import Pair, draw_batch, draw_pair
from lighttrack_nas.trackers.training.pairs.pair_settings import pair_settings
from lighttrack_nas.trackers.training.pairs.sequences import SequencePairs
from lighttrack_nas.trackers.training.pairs.unlabelled import UnlabelledPairs, random_box

LITTLE = pair_settings("small-data", 16, 32)
PLAIN = replace(LITTLE, colour_jitter=0.0, flip=0.0, negatives=0.0, search_shift=0.0, search_scale=0.0)
SIZE = (64, 48)

WriteVideo = Callable[..., Path]


def picture(path: Path, level: int = 100, size: tuple[int, int] = SIZE) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), np.full((size[1], size[0], 3), level, np.uint8))
    return path


def frames(folder: Path, count: int = 6) -> Path:
    """A folder of frames, each ten grey levels brighter than the one before."""
    for number in range(count):
        picture(folder / f"{number}.png", 10 * number)
    return folder


def levels(source: UnlabelledPairs, count: int) -> np.ndarray:
    """Grey levels ``(count, 2)`` of template and search crops, in steps of ten."""
    batch = draw_batch(source, 0, 0, count)
    found = np.stack([batch.templates[:, 8, 8, 0], batch.searches[:, 16, 16, 0]], axis=1)
    return np.rint(found / 10).astype(int)


def same(first: Pair, second: Pair) -> bool:
    names = ("template", "search", "box", "positive", "labelled")
    return all(np.array_equal(getattr(first, name), getattr(second, name)) for name in names)


@given(st.integers(0, 2**32 - 1), st.integers(32, 2000), st.integers(32, 2000))
def test_boxes_lie_inside_the_picture(seed: int, width: int, height: int) -> None:
    rng = np.random.default_rng(seed)
    x, y, w, h = random_box((height, width, 3), rng)
    assert x >= 0
    assert y >= 0
    assert x + w <= width + 1e-9
    assert y + h <= height + 1e-9
    assert 0.08 <= math.sqrt(w * h) / min(width, height) * (1 + 1e-12) <= 0.5 * (1 + 1e-9)
    assert 1 / 3 <= w / h * (1 + 1e-12) <= 3 * (1 + 1e-9)
    assert rng.random() == np.random.default_rng(seed).random(5)[4]


def test_sizes_and_proportions_of_boxes_are_spread_evenly_by_their_logarithms() -> None:
    rng = np.random.default_rng(0)
    boxes = np.array([random_box((300, 400), rng) for _ in range(4000)])
    sides = np.sqrt(boxes[:, 2:].prod(axis=1)) / 300
    for values, low, high in ((sides, 0.08, 0.5), (boxes[:, 2] / boxes[:, 3], 1 / 3, 3)):
        counts, _ = np.histogram(np.log(values), bins=4, range=(math.log(low), math.log(high)))
        assert np.abs(counts - 1000).max() < 4 * math.sqrt(1000)


def test_pictures_are_found_below_the_folder(tmp_path: Path) -> None:
    wanted = [picture(tmp_path / name) for name in ("2.jpg", "10.JPEG", "a/1.png", "a/b/3.bmp", "c/4.webp")]
    for hidden in (".5.png", ".hidden/6.png"):
        picture(tmp_path / hidden)
    (tmp_path / "read.me").write_text("no picture")
    assert [clip.paths for clip in read_pictures(str(tmp_path)).clips] == [(path,) for path in wanted]


def test_both_crops_of_a_picture_show_the_same_place(tmp_path: Path) -> None:
    """A picture whose levels tell the place: both crops have the same in their middle, which is the box's."""
    ramp = np.empty((180, 240, 3), np.uint8)
    ramp[:, :, 0], ramp[:, :, 1], ramp[:, :, 2] = np.arange(240)[None], np.arange(180)[:, None], 0
    cv2.imwrite(str(tmp_path / "a.png"), ramp)
    settings = replace(PLAIN, template_shift=0.0)
    batch = draw_batch(UnlabelledPairs(read_pictures(tmp_path), settings), 0, 0, 100)
    middles = [
        images[:, side // 2 - 1 : side // 2 + 1, side // 2 - 1 : side // 2 + 1].mean(axis=(1, 2))
        for images, side in ((batch.templates, 16), (batch.searches, 32))
    ]
    assert np.abs(middles[0] - middles[1]).max() <= 1
    np.testing.assert_allclose(batch.boxes[:, :2] + batch.boxes[:, 2:] / 2, 16, atol=1e-4)
    assert len(np.unique(middles[0].round(), axis=0)) > 90
    assert batch.positives.all()
    assert not batch.labelled.any()


def test_the_search_frame_is_one_within_the_range(tmp_path: Path) -> None:
    drawn = levels(UnlabelledPairs(read_clips(frames(tmp_path, 9), 2), PLAIN, frame_range=2), 600)
    assert set(drawn.ravel()) == set(range(9))
    assert set(drawn[:, 1] - drawn[:, 0]) == {-2, -1, 0, 1, 2}


def test_negative_pairs_come_from_another_clip(tmp_path: Path) -> None:
    for number in range(3):
        picture(tmp_path / f"{number}.png", 40 * number)
    source = UnlabelledPairs(read_pictures(tmp_path), replace(PLAIN, negatives=0.3))
    drawn, batch = levels(source, 300), draw_batch(source, 0, 0, 300)
    other = drawn[:, 0] != drawn[:, 1]
    assert np.array_equal(other, ~batch.positives)
    assert 60 < other.sum() < 120
    assert (batch.boxes[other] == 0).all()
    assert not batch.labelled.any()
    assert len(np.unique(drawn[other], axis=0)) == 6


def test_negative_pairs_of_one_picture_lie_elsewhere(tmp_path: Path) -> None:
    picture(tmp_path / "a.png", size=(320, 240))
    batch = draw_batch(UnlabelledPairs(read_pictures(tmp_path), replace(PLAIN, negatives=1.0)), 0, 0, 50)
    # A box that leaves no room beside it has positive pairs.
    assert (~batch.positives).sum() > 40


def test_pairs_depend_on_seed_and_number_alone(tmp_path: Path, write_video: WriteVideo) -> None:
    frames(tmp_path / "a")
    write_video(tmp_path / "b.avi", frames=30)
    (tmp_path / "a" / "3.png").write_bytes(b"no picture")

    def make(**values: int) -> UnlabelledPairs:
        return UnlabelledPairs(read_clips(tmp_path, 10), LITTLE, frame_range=10, **values)

    kept, none = make(), make(cache_bytes=0)
    copy = pickle.loads(pickle.dumps(kept))  # noqa: S301 - as worker processes do
    first = [draw_pair(kept, 7, index) for index in range(60)]
    for index in reversed(range(60)):
        for source in (kept, none, copy):
            assert same(first[index], draw_pair(source, 7, index))
    assert not same(first[0], draw_pair(kept, 8, 0))
    assert list(kept.bad_images) == [tmp_path / "a" / "3.png"] == list(copy.bad_images)


def test_mixtures_know_what_is_labelled(tmp_path: Path) -> None:
    frames(tmp_path, 4)
    paths = tuple(sorted(tmp_path.iterdir()))
    video = Sequence("a", paths, np.tile([12.0, 8, 10, 8], (4, 1)), np.zeros(4, bool))
    labelled, other = SequencePairs([video], PLAIN), UnlabelledPairs(read_pictures(tmp_path), PLAIN)
    batch = draw_batch(Mixture([(1, labelled), (3, other)]), 0, 0, 200)
    assert 30 < batch.labelled.sum() < 70


@pytest.mark.parametrize("suffix", ["avi", "mp4", "mkv", "mov", "AVI"])
def test_frames_of_a_video_file_are_those_in_a_row(tmp_path: Path, write_video: WriteVideo, suffix: str) -> None:
    path = tmp_path / f"a.{suffix}"
    code = "MJPG" if suffix.lower() == "avi" else "mp4v"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*code), 25, SIZE)
    for number in range(20):
        writer.write(np.full((SIZE[1], SIZE[0], 3), 10 * number, np.uint8))
    writer.release()
    found = read_clips(tmp_path, 4)
    (clip,) = found.clips
    assert clip.numbers == tuple(range(20))
    assert clip.paths[7] == path / "7"
    read = [int(np.rint(found.read(frame).mean() / 10)) for frame in clip.paths]
    assert read == list(range(20))
    assert UnlabelledPairs(found, PLAIN, frame_range=4).report() == []


def test_eight_frames_of_a_range_are_kept(tmp_path: Path, write_video: WriteVideo) -> None:
    write_video(tmp_path / "a.avi", frames=60)
    write_video(tmp_path / "b.avi", frames=4)
    assert [clip.numbers for clip in read_clips(tmp_path, 40).clips] == [tuple(range(0, 60, 5)), (0, 3)]


def test_memory_is_bounded_and_what_is_kept_still_makes_pairs(tmp_path: Path, write_video: WriteVideo) -> None:
    for name in ("a.avi", "b.avi"):
        write_video(tmp_path / name, frames=120)
    size = max(len(jpeg) for jpeg in read_clips(tmp_path, 3).kept.values())
    found = read_clips(tmp_path, 3, memory=2 * 20 * size)
    assert sum(map(len, found.kept.values())) <= 2 * 20 * size
    for clip in found.clips:
        # Whole stretches of four frames, over the whole video.
        assert len(clip) >= 8
        assert {number % 4 for number in clip.numbers} == {0, 1, 2, 3}
        assert max(clip.numbers) > 80
    least = read_clips(tmp_path, 3, memory=0)
    assert [clip.numbers for clip in least.clips] == [(0, 2), (0, 2)]


def test_long_videos_are_cut(tmp_path: Path, write_video: WriteVideo, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clips_module, "MOST_FRAMES", 8)
    write_video(tmp_path / "a.avi", frames=9)
    write_video(tmp_path / "b.avi", frames=8)
    found = read_clips(tmp_path, 2)
    assert [len(clip) for clip in found.clips] == [8, 8]
    (sentence,) = UnlabelledPairs(found, PLAIN).report()
    assert sentence == f"'{tmp_path / 'a.avi'}' is longer than 8 frames: those behind are left out"


def test_large_pictures_are_made_smaller(tmp_path: Path) -> None:
    path = picture(tmp_path / "a.png", size=(1600, 900))
    assert read_pictures(tmp_path).read(path).shape == (round(900 * LARGEST_PICTURE / 1600), LARGEST_PICTURE, 3)


def test_images_beside_a_video_file_are_no_frames(tmp_path: Path, write_video: WriteVideo) -> None:
    write_video(tmp_path / "a.avi")
    frames(tmp_path, 3)
    frames(tmp_path / "b", 3)
    assert [len(clip) for clip in read_clips(tmp_path, 2).clips] == [10, 3]


def test_broken_videos_are_left_out_and_named(tmp_path: Path, write_video: WriteVideo) -> None:
    whole, rng = tmp_path / "whole.avi", np.random.default_rng(0)
    writer = cv2.VideoWriter(str(whole), cv2.VideoWriter.fourcc(*"MJPG"), 25, SIZE)
    for _ in range(20):
        writer.write(rng.integers(0, 256, (SIZE[1], SIZE[0], 3), np.uint8))
    writer.release()
    content = whole.read_bytes()
    (tmp_path / "part.avi").write_bytes(content[: len(content) // 2])
    (tmp_path / "text.mp4").write_text("no video")
    write_video(tmp_path / "one.avi", frames=1)
    write_video(tmp_path / "small.avi", size=(24, 16))
    picture(tmp_path / "single" / "1.png")
    source = UnlabelledPairs(found := read_clips(tmp_path, 4), PLAIN)
    assert {clip.paths[0].parent.name for clip in found.clips} == {"whole.avi", "part.avi"}
    assert {path.name for path in found.left_out} == {"text.mp4", "one.avi", "small.avi", "single"}
    left_out, damaged = source.report()
    assert left_out.startswith("4 videos left out: '")
    assert f"'{tmp_path / 'one.avi'}' (it holds one frame only)" in left_out
    assert "text.mp4' cannot be opened as a video" in left_out
    assert "small.avi' has 24 x 16 pixels: expected 32 or more each way" in left_out
    assert damaged.startswith("'part.avi' ended after ")
    draw_batch(source, 0, 0, 20)


def test_broken_pictures_are_passed_over_and_counted(tmp_path: Path) -> None:
    for number in range(6):
        picture(tmp_path / f"{number}.png", 20 * number)
    (tmp_path / "text.jpg").write_text("no picture")
    (tmp_path / "0.png").write_bytes((tmp_path / "0.png").read_bytes()[:40])
    picture(tmp_path / "small.png", size=(40, 31))
    source = UnlabelledPairs(read_pictures(tmp_path), PLAIN)
    assert source.report() == []
    assert set(levels(source, 200).ravel()) == {2, 4, 6, 8, 10}
    assert {path.name for path in source.bad_images} == {"text.jpg", "0.png", "small.png"}
    (sentence,) = source.report()
    assert sentence.startswith("3 images could not be read, as: image '")
    assert "40 x 31 pixels: expected 32 or more each way" in source.bad_images[tmp_path / "small.png"]


def test_frames_of_several_sizes_pair_with_themselves(tmp_path: Path) -> None:
    for number in range(3):
        picture(tmp_path / f"{number}.png", 50 * number, size=(64 + 200 * number, 64))
    drawn = levels(UnlabelledPairs(read_clips(tmp_path, 5), PLAIN), 50)
    assert np.array_equal(drawn[:, 0], drawn[:, 1])


def test_nothing_but_broken_pictures(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_text("no picture")
    source = UnlabelledPairs(read_pictures(tmp_path), PLAIN)
    with pytest.raises(
        InputError, match=r"20 draws of a pair in a row .*; the last: image '.*a.jpg' cannot be decoded"
    ):
        draw_pair(source, 0, 0)
    assert source.pictures(5, np.random.default_rng(0)) == []


def nothing(folder: Path) -> Path:
    return folder


def missing(folder: Path) -> Path:
    return folder / "none"


def text(folder: Path) -> Path:
    (folder / "a.txt").write_text("no picture")
    return folder


def one_frame(folder: Path) -> Path:
    return picture(folder / "clip" / "1.png").parent.parent


def no_video(folder: Path) -> Path:
    (folder / "a.mp4").write_text("no video")
    return folder


@pytest.mark.parametrize(
    ("make", "pictures", "videos"),
    [
        (nothing, "holds no pictures: expected .jpg", "holds no video of two frames or more: expected .mp4"),
        (
            missing,
            "there is no folder '.*none' to read pictures from",
            "there is no folder '.*none' to read videos from",
        ),
        (text, "holds no pictures", "holds no video of two frames or more: .*webp\\)$"),
        (one_frame, None, "holds no video .*; left out: '.*clip', it holds one frame only"),
        (no_video, "holds no pictures", "holds no video .*; left out: '.*a.mp4', .*cannot be opened as a video"),
    ],
)
def test_folders_without_pictures_or_videos_are_refused(
    tmp_path: Path, make: Callable[[Path], Path], pictures: str | None, videos: str
) -> None:
    folder = make(tmp_path)
    if pictures is not None:
        with pytest.raises(InputError, match=pictures):
            read_pictures(folder)
    with pytest.raises(InputError, match=videos):
        read_clips(folder, 40)


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"frame_range": -1}, "frame_range: expected a whole number, 0 or more, got -1"),
        ({"frame_range": 2.5}, "frame_range: expected a whole number, 0 or more, got 2.5"),
        ({"cache_bytes": -1}, "cache_bytes: expected a whole number, 0 or more, got -1"),
    ],
)
def test_impossible_limits_of_unlabelled_pairs_are_refused(values: dict[str, int], said: str) -> None:
    with pytest.raises(InputError, match=said):
        UnlabelledPairs(Clips((Clip((Path("a.png"),), (0,)),)), PLAIN, **values)


def test_pairs_from_no_pictures_are_refused() -> None:
    with pytest.raises(InputError, match="one or more pictures or videos, got none"):
        UnlabelledPairs(Clips(()), PLAIN)


@pytest.mark.data
def test_real_photographs_give_pairs_without_labels(data: Path) -> None:
    found = read_pictures(data / "unlabelled")
    assert len(found.clips) == 990
    source = UnlabelledPairs(found, pair_settings("small-data", 64, 128))
    batch = draw_batch(source, 0, 0, 100)
    assert not batch.labelled.any()
    assert 0.85 < batch.positives.mean() < 1
    # Not flat: nearly all crops show something.
    assert (batch.searches.std(axis=(1, 2, 3)) > 10).mean() > 0.9
    assert source.report() == []
