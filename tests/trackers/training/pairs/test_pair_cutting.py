"""Cutting pairs: boxes against what is seen in the crop, the crop against the tracker's own, and the colours."""

import math
from dataclasses import replace

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lighttrack_nas.trackers.tracking.crops import context_side, crop_square, mean_colour
from lighttrack_nas.trackers.training.pairs.pair_cutting import cut_pair, empty_place
from lighttrack_nas.trackers.training.pairs.pair_settings import PairSettings, pair_settings

PLAIN = pair_settings(
    "lighttrack",
    64,
    128,
    template_shift=0,
    template_stretch=0,
    search_shift=0,
    search_stretch=0,
    colour_jitter=0,
)
STRONG = replace(
    PLAIN,
    template_shift=0.2,
    template_stretch=0.2,
    search_shift=0.5,
    search_scale=0.4,
    search_stretch=0.3,
    flip=0.5,
)


def frame_with(box: np.ndarray, width: int = 320, height: int = 240) -> np.ndarray:
    """A black frame with a white rectangle on whole pixels."""
    frame = np.zeros((height, width, 3), np.uint8)
    x, y, w, h = (int(value) for value in box)
    frame[y : y + h, x : x + w] = 255
    return frame


def seen(crop: np.ndarray) -> np.ndarray:
    """Left, top, right, bottom of what is white."""
    rows, columns = np.nonzero(crop[:, :, 0] > 127)
    return np.array([columns.min(), rows.min(), columns.max() + 1, rows.max() + 1])


@st.composite
def boxes(draw: st.DrawFn) -> np.ndarray:
    """Whole boxes well inside 320 x 240."""
    w, h = draw(st.integers(12, 90)), draw(st.integers(12, 90))
    return np.array([draw(st.integers(0, 320 - w)), draw(st.integers(0, 240 - h)), w, h], float)


@settings(max_examples=150, deadline=None)
@given(boxes(), boxes(), st.integers(0, 2**32 - 1), st.sampled_from([(64, 128), (127, 255), (96, 97)]))
def test_box_lies_on_what_is_drawn(
    template_box: np.ndarray, box: np.ndarray, seed: int, sizes: tuple[int, int]
) -> None:
    made_with = replace(STRONG, template_size=sizes[0], search_size=sizes[1])
    rng = np.random.default_rng(seed)
    pair = cut_pair(frame_with(template_box), template_box, frame_with(box), box, made_with, rng)
    assert pair.template.shape == (sizes[0], sizes[0], 3)
    assert pair.search.shape == (sizes[1], sizes[1], 3)
    assert (pair.template.dtype, pair.search.dtype, pair.box.dtype) == (np.uint8, np.uint8, np.float32)
    assert pair.positive
    corners = np.concatenate([pair.box[:2], pair.box[:2] + pair.box[2:]])
    assert np.abs(seen(pair.search) - np.clip(corners, 0, sizes[1])).max() < 1
    centre = pair.box[:2] + pair.box[2:] / 2
    assert ((centre > -1e-3) & (centre < sizes[1] + 1e-3)).all()


@settings(max_examples=60, deadline=None)
@given(boxes(), st.integers(0, 2**32 - 1))
def test_strengths_are_kept(box: np.ndarray, seed: int) -> None:
    made_with = replace(STRONG, search_shift=0.25)
    pair = cut_pair(frame_with(box), box, frame_with(box), box, made_with, np.random.default_rng(seed))
    centre = pair.box[:2] + pair.box[2:] / 2
    assert (np.abs(centre - 64) <= 0.25 * 128 + 1e-3).all()
    # Without augmentation both crops show the target as the template size says.
    factors = pair.box[2:] / (box[2:] * 64 / context_side(box[2:], 0.5))
    assert (factors >= math.exp(-0.4) / 1.3 - 1e-5).all()
    assert (factors <= math.exp(0.4) / 0.7 + 1e-5).all()


def test_every_amount_reaches_both_ends() -> None:
    box, rng = np.array([140.0, 100, 40, 40]), np.random.default_rng(0)
    frame = frame_with(box)
    made_with = replace(PLAIN, search_shift=0.25, search_scale=0.25, search_stretch=0.1)
    drawn = np.array([cut_pair(frame, box, frame, box, made_with, rng).box for _ in range(1500)])
    centres, sides = drawn[:, :2] + drawn[:, 2:] / 2, drawn[:, 2:]
    np.testing.assert_allclose(centres.min(axis=0), 32, atol=0.5)
    np.testing.assert_allclose(centres.max(axis=0), 96, atol=0.5)
    np.testing.assert_allclose(centres.mean(axis=0), 64, atol=2)
    ratios = sides[:, 0] / sides[:, 1]
    assert ratios.max() == pytest.approx(1.1 / 0.9, rel=0.03)
    assert ratios.min() == pytest.approx(0.9 / 1.1, rel=0.03)
    common = np.sqrt(sides.prod(axis=1)) / 32
    assert common.max() == pytest.approx(math.exp(0.25), rel=0.1)
    assert common.min() == pytest.approx(math.exp(-0.25), rel=0.1)


def test_flip_mirrors_both_crops() -> None:
    box = np.array([100.0, 80, 60, 40])
    frame = np.zeros((240, 320, 3), np.uint8)
    frame[80:120, 100:130] = (255, 0, 0)
    frame[80:120, 130:160] = (0, 0, 255)
    made_with = replace(PLAIN, search_shift=0.2, flip=0.5)
    flipped = 0
    for seed in range(40):
        pair = cut_pair(frame, box, frame, box, made_with, np.random.default_rng(seed))
        # Blue left of red in the frame.
        orders = []
        for crop in (pair.template, pair.search):
            blue, red = (np.nonzero(crop[:, :, channel] > 127)[1].mean() for channel in (0, 2))
            orders.append(blue > red)
        assert orders[0] == orders[1]
        flipped += orders[0]
        x, y, w, h = (round(float(value)) for value in pair.box)
        assert (pair.search[y + 2 : y + h - 2, x + 2 : x + w - 2].max(axis=2) > 127).all()
    assert 10 < flipped < 30


def test_plain_crops_are_the_trackers() -> None:
    """On squares of whole pixels that need no rounding, both ways of cutting give the same picture."""
    frame = cv2.GaussianBlur(np.random.default_rng(0).integers(0, 256, (240, 320, 3), np.uint8), (0, 0), 3)
    box = np.array([100.0, 80, 32, 32])  # context square 64, search square 128
    pair = cut_pair(frame, box, frame, box, PLAIN, np.random.default_rng(0))
    assert pair.box.tolist() == [48, 48, 32, 32]
    # The tracker counts pixels, not edges: its square begins half a pixel earlier.
    centre = box[:2] + box[2:] / 2 + 0.5
    for crop, side in ((pair.template, 64), (pair.search, 128)):
        np.testing.assert_array_equal(crop, crop_square(frame, centre, side, side, np.zeros(3)))
    halved = replace(PLAIN, template_size=32, search_size=64)
    pair = cut_pair(frame, box, frame, box, halved, np.random.default_rng(0))
    expected = crop_square(frame, centre, 128, 64, np.zeros(3))
    assert np.abs(pair.search.astype(int) - expected).max() <= 1


def test_outside_is_the_frames_mean_colour() -> None:
    frame = np.random.default_rng(0).integers(0, 256, (120, 160, 3), np.uint8) // 2 + np.uint8([90, 40, 0])
    box = np.array([0.0, 0, 40, 40])
    pair = cut_pair(frame, box, frame, box, PLAIN, np.random.default_rng(0))
    corner = pair.search[:20, :20]
    assert (corner == corner[0, 0]).all()
    # A few rows stand for all.
    np.testing.assert_allclose(corner[0, 0], mean_colour(frame), atol=6)


def test_colours_change_alike_all_over_a_crop() -> None:
    frame, box = np.full((120, 160, 3), 100, np.uint8), np.array([60.0, 40, 30, 30])
    made_with, drawn = replace(PLAIN, colour_jitter=0.2), []
    for seed in range(300):
        pair = cut_pair(frame, box, frame, box, made_with, np.random.default_rng(seed))
        drawn.append([pair.template[0, 0], pair.search[64, 64]])
        assert np.ptp(pair.search.reshape(-1, 3), axis=0).max() == 0
    levels = np.array(drawn, float)
    assert levels.min() > 100 * 0.8 * 0.9 - 27.5 * 0.2 - 2
    assert levels.max() < (100 + 27.5 * 0.2) * 1.2 * 1.1 + 2
    assert (levels.std(axis=0) > 8).all()
    assert (levels[:, 0] != levels[:, 1]).any(axis=1).mean() > 0.9  # each crop by itself
    np.testing.assert_allclose(levels.mean(axis=(0, 1)), 100, atol=3)
    white = cut_pair(frame * 0 + 255, box, frame * 0, box, made_with, np.random.default_rng(0))
    assert white.template.min() > 150  # clipped, not wrapped around
    assert white.search.max() < 60


def test_negative_pair_has_no_box() -> None:
    frame, box = frame_with(np.array([100, 80, 40, 40])), np.array([100.0, 80, 40, 40])
    pair = cut_pair(frame, box, frame, box, STRONG, np.random.default_rng(0), positive=False)
    assert not pair.positive
    assert pair.box.tolist() == [0, 0, 0, 0]


@pytest.mark.parametrize("made_with", [PLAIN, STRONG, replace(STRONG, colour_jitter=0.5)])
@pytest.mark.parametrize("positive", [True, False])
def test_as_much_is_drawn_whatever_the_settings(made_with: PairSettings, positive: bool) -> None:
    frame, box = frame_with(np.array([100, 80, 40, 40])), np.array([100.0, 80, 40, 40])
    rng, other = np.random.default_rng(0), np.random.default_rng(0)
    cut_pair(frame, box, frame, box, made_with, rng, positive)
    cut_pair(frame[:50], box / 4, frame, box, PLAIN, other)
    assert rng.random() == other.random()


@settings(max_examples=100, deadline=None)
@given(boxes(), st.integers(0, 2**32 - 1))
def test_empty_places_never_show_the_target(box: np.ndarray, seed: int) -> None:
    frame, rng = frame_with(box), np.random.default_rng(seed)
    place = empty_place(frame.shape, box, STRONG, rng)
    assert place is not None
    for _ in range(5):
        pair = cut_pair(frame, box, frame, place, STRONG, rng, positive=False)
        assert pair.search.max() < 128


def test_no_empty_place_beside_a_target_that_fills_the_frame() -> None:
    assert empty_place((240, 320, 3), np.array([-5.0, 3, 400, 230]), STRONG, np.random.default_rng(0)) is None


@pytest.mark.parametrize(
    "box", [(-30, -20, 40, 30), (310, 230, 500, 400), (100, 100, 0.1, 0.1), (-400, -300, 960, 900), (3, 3, 0.2, 300)]
)
def test_boxes_at_the_limits_are_cut(box: tuple[float, ...]) -> None:
    """Whatever a tracker could be started on."""
    values = np.array(box, float)
    frame = frame_with(np.array([50, 50, 40, 40]))
    pair = cut_pair(frame, values, frame, values, STRONG, np.random.default_rng(0))
    assert np.isfinite(pair.box).all()
    assert (pair.box[2:] > 0).all()
