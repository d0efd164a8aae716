"""Pairs from sequences and stills: which frames are drawn, what is left out, what repeats."""

import pickle
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from lighttrack_nas.trackers.base.boxes import overlap
from lighttrack_nas.trackers.base.errors import InputError
from lighttrack_nas.trackers.data.readers.reader_registry import read_sequences
from lighttrack_nas.trackers.data.sequence import Sequence
from lighttrack_nas.trackers.training.labels.coco import read_stills
from lighttrack_nas.trackers.training.pairs.frame_cache import FrameCache
from lighttrack_nas.trackers.training.pairs.mixture import Mixture
from lighttrack_nas.trackers.training.pairs.pair import Pair, PairSource, draw_batch, draw_pair
from lighttrack_nas.trackers.training.pairs.pair_settings import pair_settings
from lighttrack_nas.trackers.training.pairs.sequences import SequencePairs
from lighttrack_nas.trackers.training.pairs.stills import Still, StillPairs, Stills

LITTLE = pair_settings("small-data", 16, 32)
PLAIN = replace(LITTLE, colour_jitter=0.0, flip=0.0, negatives=0.0)
BOX = (12.0, 8.0, 10.0, 8.0)
SIZE = (48, 32)

MakeSequence = Callable[..., Sequence]
WriteCoco = Callable[..., Path]


@pytest.fixture
def make_sequence(tmp_path: Path) -> MakeSequence:
    """Write a sequence whose frames are of one colour each: blue counts the frames, green tells the sequence."""

    def make(name: str, frames: int, green: int = 0, boxes: object = BOX, absent: Iterable[int] = ()) -> Sequence:
        folder = tmp_path / name
        folder.mkdir()
        paths = tuple(folder / f"{index}.png" for index in range(frames))
        for index, path in enumerate(paths):
            cv2.imwrite(str(path), np.full((SIZE[1], SIZE[0], 3), (index, green, 0), np.uint8))
        return Sequence(
            name,
            paths,
            np.array(np.broadcast_to(np.array(boxes, float), (frames, 4))),
            np.isin(np.arange(frames), list(absent)),
        )

    return make


def drawn_frames(source: PairSource, count: int) -> np.ndarray:
    """Frame numbers ``(count, 2)`` that template and search crops were cut from."""
    batch = draw_batch(source, 0, 0, count)
    return np.stack([batch.templates[:, 0, 0, 0], batch.searches[:, 0, 0, 0]], axis=1).astype(int)


def same(first: Pair, second: Pair) -> bool:
    return first.positive == second.positive and all(
        np.array_equal(getattr(first, name), getattr(second, name)) for name in ("template", "search", "box")
    )


def test_frame_range_counts_annotated_frames(make_sequence: MakeSequence) -> None:
    boxes = np.tile(BOX, (30, 1))
    boxes[5:9] = np.nan
    source = SequencePairs([make_sequence("a", 30, boxes=boxes, absent=range(15, 22))], PLAIN, frame_range=2)
    used = [*range(5), *range(9, 15), *range(22, 30)]
    drawn = drawn_frames(source, 1500)
    assert set(drawn.ravel()) == set(used)
    places = np.searchsorted(used, drawn)
    assert set(places[:, 1] - places[:, 0]) == {-2, -1, 0, 1, 2}
    # Template frames uniformly: 1500 draws of 19, four standard deviations.
    assert np.abs(np.bincount(places[:, 0]) - 1500 / 19).max() < 4 * np.sqrt(1500 / 19)


def test_a_sequence_shorter_than_the_range_uses_all_it_has(make_sequence: MakeSequence) -> None:
    drawn = drawn_frames(SequencePairs([make_sequence("a", 3)], PLAIN), 200)
    assert {tuple(pair) for pair in drawn} == {(t, s) for t in range(3) for s in range(3)}


def test_range_of_none_takes_one_frame(make_sequence: MakeSequence) -> None:
    drawn = drawn_frames(SequencePairs([make_sequence("a", 4)], PLAIN, frame_range=0), 50)
    assert (drawn[:, 0] == drawn[:, 1]).all()


def test_long_sequences_count_no_more_than_short_ones(make_sequence: MakeSequence) -> None:
    source = SequencePairs([make_sequence("long", 60, green=0), make_sequence("short", 2, green=100)], PLAIN)
    batch = draw_batch(source, 0, 0, 600)
    greens = batch.templates[:, 0, 0, 1]
    assert np.array_equal(greens, batch.searches[:, 0, 0, 1])
    assert 250 < (greens == 100).sum() < 350
    assert batch.positives.all()


def test_negative_pairs_come_from_another_sequence(make_sequence: MakeSequence) -> None:
    videos = [make_sequence(name, 3, green=green) for name, green in (("a", 0), ("b", 100), ("c", 200))]
    batch = draw_batch(SequencePairs(videos, replace(PLAIN, negatives=0.3)), 0, 0, 600)
    other = batch.templates[:, 0, 0, 1] != batch.searches[:, 0, 0, 1]
    assert np.array_equal(other, ~batch.positives)
    assert 130 < other.sum() < 230
    assert (batch.boxes[other] == 0).all()
    assert (batch.boxes[~other, 2:] > 0).all()
    greens = np.stack([batch.templates[other, 0, 0, 1], batch.searches[other, 0, 0, 1]], axis=1)
    assert len(np.unique(greens, axis=0)) == 6


def test_negative_pairs_of_one_sequence_lie_beside_the_target(tmp_path: Path) -> None:
    frame = np.zeros((120, 160, 3), np.uint8)
    frame[40:60, 50:80] = 255
    cv2.imwrite(str(tmp_path / "a.png"), frame)
    boxes = np.array([[50.0, 40, 30, 20]] * 2)
    video = Sequence("a", (tmp_path / "a.png",) * 2, boxes, np.zeros(2, bool))
    stills = Stills((Still(tmp_path / "a.png", boxes[:1]),))
    settings = replace(PLAIN, negatives=1.0)
    for source in (SequencePairs([video], settings), StillPairs(stills, settings)):
        batch = draw_batch(source, 0, 0, 200)
        assert not batch.positives.any()
        assert batch.searches.max() < 128
        assert (batch.templates.reshape(200, -1).max(axis=1) == 255).all()


def test_a_target_that_fills_the_frame_has_positive_pairs_only(make_sequence: MakeSequence) -> None:
    source = SequencePairs([make_sequence("a", 3, boxes=(0, 0, *SIZE))], replace(PLAIN, negatives=1.0))
    assert draw_batch(source, 0, 0, 20).positives.all()


def test_pairs_depend_on_seed_and_number_alone(make_sequence: MakeSequence) -> None:
    videos = [make_sequence("a", 20), make_sequence("b", 5, green=100)]
    videos[0].frame_paths[3].unlink()
    kept, none = SequencePairs(videos, LITTLE), SequencePairs(videos, LITTLE, cache_bytes=0)
    small = SequencePairs(videos, LITTLE, cache_bytes=3 * SIZE[0] * SIZE[1] * 3)
    first = [draw_pair(kept, 7, index) for index in range(60)]
    for index in reversed(range(60)):
        for source in (kept, none, small):
            assert same(first[index], draw_pair(source, 7, index))
    assert len({pair.box.tobytes() for pair in first if pair.positive}) == sum(pair.positive for pair in first) > 40
    assert not same(first[0], draw_pair(kept, 8, 0))
    assert kept.bad_images == none.bad_images


def test_broken_images_are_passed_over_and_counted(make_sequence: MakeSequence) -> None:
    video = make_sequence("a", 8)
    missing, corrupt = video.frame_paths[2], video.frame_paths[5]
    missing.unlink()
    corrupt.write_bytes(corrupt.read_bytes()[:40])
    source = SequencePairs([video], PLAIN)
    assert source.bad_images == {}
    assert source.report() == []
    assert set(drawn_frames(source, 200).ravel()) == {0, 1, 3, 4, 6, 7}
    assert set(source.bad_images) == {missing, corrupt}
    assert "does not exist" in source.bad_images[missing]
    assert "cannot be decoded" in source.bad_images[corrupt]
    (sentence,) = source.report()
    assert sentence.startswith("2 images could not be read, as: image '")


def test_nothing_but_broken_images(make_sequence: MakeSequence) -> None:
    video = make_sequence("a", 3)
    for path in video.frame_paths:
        path.unlink()
    source = SequencePairs([video], PLAIN)
    for _ in range(2):
        with pytest.raises(InputError, match=r"20 draws of a pair in a row .*; the last: image '.*/a/\d.png' does not"):
            draw_pair(source, 0, 0)


def test_boxes_without_area_or_off_the_frame_are_never_drawn(make_sequence: MakeSequence) -> None:
    boxes = np.tile(BOX, (10, 1))
    boxes[1] = (5, 5, 0, 8)
    boxes[2] = (5, 5, 8, 0.5)
    boxes[3] = (5, 5, -8, 8)
    boxes[4] = (5, np.inf, 8, 8)
    boxes[5] = (500, 5, 8, 8)
    boxes[6] = (5, 5, 8000, 8)
    boxes[7] = (-4, -4, 8, 8)  # reaches outside, which is fine
    boxes[8] = (5, 5, 0, 0)  # as some data sets write that the target is absent
    source = SequencePairs([make_sequence("a", 10, boxes=boxes, absent=[8])], PLAIN)
    assert source.unusable_boxes == 3
    assert set(drawn_frames(source, 300).ravel()) == {0, 7, 9}
    assert source.unusable_boxes == 5
    area, stray = source.report()
    assert area == "3 boxes with a side below a pixel left out"
    assert stray.startswith("2 boxes did not fit the frame, as: image '")


def test_no_frame_fits_its_box(make_sequence: MakeSequence) -> None:
    source = SequencePairs([make_sequence("a", 3, boxes=(900, 5, 8, 8))], PLAIN)
    with pytest.raises(InputError, match=r"the last: image '.*png': 900,5,8,8 lies outside the frame of 48 x 32"):
        draw_pair(source, 0, 0)


def test_short_sequences_are_left_out(make_sequence: MakeSequence) -> None:
    first_only = np.full((4, 4), np.nan)
    first_only[0] = BOX
    videos = [make_sequence("a", 5), make_sequence("b", 4, boxes=first_only), make_sequence("c", 1)]
    source = SequencePairs(videos, PLAIN)
    assert source.left_out == ("b", "c")
    assert source.report() == ["2 sequences with fewer than two annotated frames left out: b, c"]
    with pytest.raises(InputError, match="two or more annotated frames, got 2 sequences with fewer: b, c"):
        SequencePairs(videos[1:], PLAIN)
    with pytest.raises(InputError, match=r"one or more sequences .*, got no sequences"):
        SequencePairs([], PLAIN)


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"frame_range": -1}, "frame_range: expected a whole number, 0 or more, got -1"),
        ({"frame_range": 2.5}, "frame_range: expected a whole number, 0 or more, got 2.5"),
        ({"cache_bytes": -1}, "cache_bytes: expected a whole number, 0 or more, got -1"),
    ],
)
def test_impossible_limits_of_pairs_from_sequences_are_refused(
    make_sequence: MakeSequence, values: dict[str, int], said: str
) -> None:
    with pytest.raises(InputError, match=said):
        SequencePairs([make_sequence("a", 3)], PLAIN, **values)


def test_cache_keeps_what_was_used_last(write_images: Callable[..., None], tmp_path: Path) -> None:
    write_images(tmp_path, ["a.png", "b.png", "c.png"], size=(10, 10))
    cache = FrameCache(700)  # two frames of 300 bytes
    a, b, c = (tmp_path / f"{name}.png" for name in "abc")
    frames = {path: cache.read(path) for path in (a, b)}
    assert cache.read(a) is frames[a]
    assert cache.read(c) is cache.read(c)  # in place of b
    assert cache.held == 600
    assert cache.read(a) is frames[a]
    assert cache.read(b) is not frames[b]
    assert not frames[a].flags.writeable
    assert cache.bad_images == {}
    copy = pickle.loads(pickle.dumps(cache))  # noqa: S301 - as worker processes do
    assert (copy.limit, copy.held) == (700, 0)
    tiny = FrameCache(299)
    assert np.array_equal(tiny.read(a), frames[a])
    assert tiny.held == 0


def test_pairs_from_no_stills_are_refused() -> None:
    with pytest.raises(InputError, match="pairs from stills need one or more images with boxes, got none"):
        StillPairs(Stills(()), PLAIN)


def test_stills_show_one_target_twice(write_coco: WriteCoco) -> None:
    source = StillPairs(read_stills(write_coco()), replace(PLAIN, negatives=0.3))
    batch = draw_batch(source, 0, 0, 600)
    templates, searches = batch.templates[:, 8, 8, 0], batch.searches[:, 16, 16, 0]
    # Images uniformly, whatever their number of boxes.
    assert set(Counter(templates.tolist())) == {0, 20}
    assert 250 < (templates == 0).sum() < 350
    assert np.array_equal(templates == searches, batch.positives)
    assert 130 < (~batch.positives).sum() < 230
    again = draw_batch(source, 0, 0, 600)
    assert np.array_equal(again.searches, batch.searches)


def test_broken_stills_are_passed_over(write_coco: WriteCoco) -> None:
    path = write_coco()
    source = StillPairs(read_stills(path), PLAIN)
    (path.parent / "images" / "c.png").unlink()
    assert (draw_batch(source, 0, 0, 50).templates[:, 8, 8, 0] == 0).all()
    assert set(source.bad_images) == {path.parent / "images" / "c.png"}
    assert source.report()[1].startswith("1 image could not be read, as: ")


@pytest.mark.data
def test_pairs_from_real_data_show_their_targets(data: Path) -> None:
    settings = pair_settings("small-data", 64, 128)
    videos = SequencePairs(read_sequences(data / "sequences/train"), settings, frame_range=40)
    stills = StillPairs(read_stills(data / "images"), settings)
    for source in (videos, stills, Mixture([(0.6, videos), (0.4, stills)])):
        batch = draw_batch(source, 0, 0, 50)
        assert batch.templates.shape == (50, 64, 64, 3)
        assert batch.searches.shape == (50, 128, 128, 3)
        assert 40 <= batch.positives.sum() <= 50
        # The target is where the box says: some of every box is in the crop.
        crop = np.array([0.0, 0, 128, 128])
        assert (overlap(batch.boxes[batch.positives], crop) > 0.005).all()
    assert videos.bad_images == stills.bad_images == {}
    assert videos.left_out == ()
    assert videos.report() + stills.report() == []
