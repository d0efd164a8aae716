"""Crops: against a plain implementation that pads the whole frame, and the network's input."""

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lighttrack_nas.trackers.tracking.crops import (
    context_side,
    crop_corner,
    crop_square,
    frame_scale,
    mean_colour,
    network_input,
    raw_input,
)


def padded_crop(frame: np.ndarray, centre: np.ndarray, side: int, size: int, colour: np.ndarray) -> np.ndarray:
    """The definition, pixel by pixel: no padding is avoided, nothing is clever."""
    left, top = round(centre[0] - (side + 1) / 2), round(centre[1] - (side + 1) / 2)
    square = np.empty((side, side, 3), np.uint8)
    for row in range(side):
        for column in range(side):
            y, x = top + row, left + column
            inside = 0 <= y < frame.shape[0] and 0 <= x < frame.shape[1]
            square[row, column] = frame[y, x] if inside else colour.astype(np.uint8)
    return square if side == size else cv2.resize(square, (size, size))


@settings(max_examples=60, deadline=None)
@given(
    st.integers(0, 2**32 - 1),
    st.tuples(st.floats(-30, 60), st.floats(-30, 50)),
    st.integers(1, 40),
    st.sampled_from([8, 16, 23]),
)
def test_crop_equals_its_definition(seed: int, centre: tuple[float, float], side: int, size: int) -> None:
    frame = np.random.default_rng(seed).integers(0, 256, (17, 29, 3), np.uint8)
    colour = mean_colour(frame)
    crop = crop_square(frame, np.array(centre), side, size, colour)
    assert crop.shape == (size, size, 3)
    assert np.array_equal(crop, padded_crop(frame, np.array(centre), side, size, colour))


@settings(max_examples=60, deadline=None)
@given(
    st.integers(0, 2**32 - 1),
    st.tuples(st.integers(1, 300), st.integers(1, 300)),
    st.tuples(st.floats(-0.3, 1.3), st.floats(-0.3, 1.3)),
    st.integers(1, 31),
    st.floats(1.01, 30),
)
def test_large_squares_are_those_that_are_padded_and_resized(
    seed: int, shape: tuple[int, int], place: tuple[float, float], size: int, times: float
) -> None:
    frame = np.random.default_rng(seed).integers(0, 256, (*shape, 3), np.uint8)
    assert_padded_and_resized(frame, np.array([place[0] * shape[1], place[1] * shape[0]]), round(size * times), size)


@pytest.mark.parametrize(("side", "size"), [(1017, 127), (2049, 256), (2600, 255), (4321, 287)])
def test_large_squares_at_the_sizes_of_networks(side: int, size: int) -> None:
    frame = np.random.default_rng(side).integers(0, 256, (700, 900, 3), np.uint8)
    assert_padded_and_resized(frame, np.array([820.5, 60.0]), side, size)


def assert_padded_and_resized(frame: np.ndarray, centre: np.ndarray, side: int, size: int) -> None:
    """Equal to the bit to the square padded as a whole, which OpenCV resizes."""
    square = np.full((side, side, 3), mean_colour(frame).astype(np.uint8))
    left, top = crop_corner(centre, side)
    rows, columns = np.arange(top, top + side), np.arange(left, left + side)
    inside = ((rows >= 0) & (rows < frame.shape[0]))[:, None] & (columns >= 0) & (columns < frame.shape[1])
    square[inside] = frame[np.ix_(rows.clip(0, frame.shape[0] - 1), columns.clip(0, frame.shape[1] - 1))][inside]
    assert np.array_equal(crop_square(frame, centre, side, size, mean_colour(frame)), cv2.resize(square, (size, size)))


def test_a_square_that_no_memory_holds() -> None:
    frame = np.full((40, 60, 3), 200, np.uint8)
    crop = crop_square(frame, np.array([30.0, 20.0]), 1_000_000, 127, np.array([7.0, 8.0, 9.0]))
    assert (crop == [7, 8, 9]).all(axis=2).mean() > 0.999


@pytest.mark.parametrize("shape", [(3, 40_000), (40_000, 3)])
def test_frames_wider_than_opencv_counts_in_16_bits(shape: tuple[int, int]) -> None:
    frame = np.random.default_rng(0).integers(0, 256, (*shape, 3), np.uint8)
    assert_padded_and_resized(frame, np.array([shape[1] - 1.0, shape[0] - 1.0]), 300, 31)


@pytest.mark.parametrize(
    ("centre", "side", "first"),
    [
        (4.5, 4, 2),  # 4.5 - 2.5 = 2
        (4.0, 4, 2),  # 1.5 ties to the even 2
        (5.0, 4, 2),  # 2.5 ties to the even 2, not 3
        (4.0, 3, 2),  # 4 - 2 = 2
    ],
)
def test_left_edge_rounds_ties_to_even(centre: float, side: int, first: int) -> None:
    frame = np.zeros((20, 20, 3), np.uint8)
    frame[:, :, 0] = np.arange(20)
    crop = crop_square(frame, np.array([centre, 10.0]), side, side, np.zeros(3))
    assert crop[0, :, 0].tolist() == list(range(first, first + side))


def test_crop_far_outside_is_padding() -> None:
    frame = np.zeros((20, 20, 3), np.uint8)
    crop = crop_square(frame, np.array([500.0, -500.0]), 10, 8, np.array([1.9, 2.2, 3.0]))
    assert (crop == [1, 2, 3]).all()  # fractions are cut, not rounded


@given(st.floats(0.1, 1e4), st.floats(0.1, 1e4))
def test_the_context_s_side_is_the_papers_formula(width: float, height: float) -> None:
    side = context_side(np.array([width, height]), 0.5)
    assert side == pytest.approx(np.sqrt((width + (width + height) / 2) * (height + (width + height) / 2)))
    assert context_side(np.array([width, width]), 0.5) == pytest.approx(2 * width)
    assert context_side(np.array([width, height]), 0.0) == pytest.approx(np.sqrt(width * height))


def test_network_input_is_normalised_rgb() -> None:
    crop = np.random.default_rng(0).integers(0, 256, (6, 6, 3), np.uint8)
    expected = (crop[:, :, ::-1] / 255 - [0.485, 0.456, 0.406]) / [0.229, 0.224, 0.225]
    made = network_input(crop)
    assert made.shape == (1, 3, 6, 6)
    assert made.dtype == np.float32
    np.testing.assert_allclose(made[0].transpose(1, 2, 0), expected, atol=2e-6)


def test_raw_input_is_the_crop_itself() -> None:
    frame = np.random.default_rng(0).integers(0, 256, (9, 9, 3), np.uint8)
    made = raw_input(frame[2:8, 1:7])  # a crop that needed no resizing is a view into the frame
    assert made.flags.c_contiguous
    assert np.array_equal(made[0], frame[2:8, 1:7])


@pytest.mark.parametrize(
    ("before", "after", "scale"),
    [
        ((360, 640), (180, 320), 0.5),
        ((360, 640), (1080, 1920), 3.0),
        ((361, 641), (180, 320), 0.499),  # rounded
        ((360, 640), (120, 213), 0.333),
        ((360, 640), (360, 480), 1.0),  # cut
        ((360, 640), (640, 360), 1.0),  # turned
        ((360, 640), (360, 640), 1.0),
    ],
)
def test_scale_of_a_picture(before: tuple[int, int], after: tuple[int, int], scale: float) -> None:
    assert frame_scale((*before, 3), (*after, 3)) == pytest.approx(scale, abs=1e-3)
