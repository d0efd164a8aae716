"""Square crops around the target, and the network's input made of them (LightTrack's released tracker)."""

import math
from dataclasses import dataclass
from functools import cache

import cv2
import numpy as np

MEAN = np.array([0.485, 0.456, 0.406])
DEVIATION = np.array([0.229, 0.224, 0.225])
"""ImageNet's, of R, G and B in [0, 1]."""
_PADDED_A_PIXEL = 200
"""So many pixels are padded and resized in the time in which one of the output is put together from the frame's own."""
_LARGEST_REMAPPED = 2**15 - 2  # pixels: OpenCV's remap counts them in 16 bits


def context_side(size: np.ndarray, context: float) -> float:
    """Side of the square that holds a target and its margin: the geometric mean of both padded sides.

    Args:
        size: ``(2,)`` width and height, pixels.
        context: Margin as a share of width plus height.
    """
    width, height = float(size[0]), float(size[1])
    margin = context * (width + height)
    return math.sqrt((width + margin) * (height + margin))


def crop_corner(centre: np.ndarray, side: int) -> tuple[int, int]:
    """The first column and row that `crop_square` cuts, ``round(centre - (side + 1) / 2)``, ties to even.

    Args:
        centre: ``(2,)`` x, y in pixels.
        side: Whole pixels.
    """
    left, top = (round(float(c) - (side + 1) / 2) for c in centre)
    return left, top


def frame_scale(before: tuple[int, ...], after: tuple[int, ...]) -> float:
    """By how much a video's picture was scaled where the size of its frames changes on the way.

    Args:
        before: ``(height, width, ...)`` of the frames so far.
        after: That of the next one.

    Returns:
        The factor where both sides changed by it, to a pixel; 1 where they did not, as when a picture is cut.
    """
    (height, width), (new_height, new_width) = before[:2], after[:2]
    alike = abs(new_height * width - new_width * height) <= max(height, width)
    return math.sqrt(new_height * new_width / (height * width)) if alike else 1.0


def mean_colour(frame: np.ndarray) -> np.ndarray:
    """The frame's mean colour, ``(3,)`` float, for padding."""
    return np.array(cv2.mean(frame)[:3])


def crop_square(frame: np.ndarray, centre: np.ndarray, side: int, output_size: int, padding: np.ndarray) -> np.ndarray:
    """Cut a square out of a frame and resize it.

    The square covers `side` whole pixels from ``round(centre - (side + 1) / 2)`` on (ties to even), both ends
    included; what lies outside the frame takes the padding colour. Only the square is copied, never the frame, and of a
    square far larger than its output or mostly outside only what the output is made of: it takes no more memory.

    Args:
        frame: ``(height, width, 3)`` BGR uint8.
        centre: ``(2,)`` x, y in pixels.
        side: Pixels of the frame, 1 or more.
        output_size: Side of the result, pixels.
        padding: ``(3,)`` colour, cut to whole numbers.

    Returns:
        ``(output_size, output_size, 3)`` BGR uint8.
    """
    height, width = frame.shape[:2]
    left, top = crop_corner(centre, side)
    inside = frame[max(top, 0) : max(min(top + side, height), 0), max(left, 0) : max(min(left + side, width), 0)]
    colour = [int(c) for c in padding]
    if inside.size == 0:
        return _plain_square(output_size, colour)
    if inside.shape[:2] != (side, side):
        shown = inside.shape[0] * inside.shape[1] * (output_size / side) ** 2
        if shown * _PADDED_A_PIXEL < side**2 and side > output_size and max(height, width) <= _LARGEST_REMAPPED:
            return _resized_square(frame, left, top, side, output_size, colour)
        before_y, before_x = min(max(-top, 0), side), min(max(-left, 0), side)
        after_y, after_x = side - before_y - inside.shape[0], side - before_x - inside.shape[1]
        inside = cv2.copyMakeBorder(
            inside, before_y, after_y, before_x, after_x, cv2.BORDER_CONSTANT, value=[float(c) for c in colour]
        )
    if side == output_size:
        return inside
    return cv2.resize(inside, (output_size, output_size))


def _resized_square(frame: np.ndarray, left: int, top: int, side: int, size: int, colour: list[int]) -> np.ndarray:
    """What ``cv2.resize`` makes of a padded square, to the bit, without the square; it must be larger than its output.

    Each pixel of the output is made of two rows and two columns of the square. Of the frame these alone are read, and
    summed in the fixed point of OpenCV's own bilinear resizing (`resize.cpp`: weights of 11 bits; sums of a row lose 4
    bits, those of two rows 16, and the last 2 are rounded).
    """
    square = _plain_square(size, colour)
    across, down = (
        _read(size, side, start, length) for start, length in ((left, frame.shape[1]), (top, frame.shape[0]))
    )
    if not (across.pixels.size and down.pixels.size):
        return square
    wanted = np.empty((down.pixels.size, across.pixels.size, 2), np.int16)
    wanted[..., 0] = across.pixels
    wanted[..., 1] = down.pixels[:, None]
    pixels = cv2.remap(
        frame,
        wanted,
        np.empty(0, np.uint16),  # fractions: none
        cv2.INTER_NEAREST,
        borderMode=cv2.BORDER_CONSTANT,
        borderValue=[float(c) for c in colour],
    )
    # Columns and colours in one axis, and in place: three times as fast.
    earlier, later = np.split(pixels.reshape(down.pixels.size, -1).astype(np.int32), 2, axis=1)
    lines = _weighted(earlier, later, np.repeat(across.earlier, 3), np.repeat(across.later, 3), lost_bits=0) >> 4
    upper, lower = np.split(lines, 2)
    made = _weighted(upper, lower, down.earlier[:, None], down.later[:, None], lost_bits=16)
    made += 2
    made >>= 2
    square[down.shown, across.shown] = made.reshape(len(down.earlier), len(across.earlier), 3)
    return square


def _plain_square(size: int, colour: list[int]) -> np.ndarray:
    # Row by row: colour by colour it would take as long as all the rest of a crop.
    row = np.tile(np.array(colour, np.uint8), size)
    return np.full((size, row.size), row).reshape(size, size, 3)


@dataclass(frozen=True)
class _Read:
    """What a resized square reads of a frame along one axis.

    Attributes:
        shown: Which of the output's pixels show any of the frame.
        pixels: The frame's two pixels of which each of these is made, first all the earlier ones, then the later; -1
            and the frame's length are outside.
        earlier: The weight of each earlier one in 1/2048, int32.
        later: Of each later one.
    """

    shown: slice
    pixels: np.ndarray
    earlier: np.ndarray
    later: np.ndarray


def _read(size: int, side: int, start: int, length: int) -> _Read:
    """Places and weights along one axis.

    Args:
        size: Of the output, pixels.
        side: Of the square, pixels.
        start: The frame's pixel at which the square begins; may be negative.
        length: Of the frame, pixels.
    """
    # In double and single precision by turns, as OpenCV finds its places.
    places = ((np.arange(size) + 0.5) * (1.0 / (size / side)) - 0.5).astype(np.float32)
    first = np.floor(places)
    pixels = first.astype(int) + start
    shown = slice(*np.searchsorted(pixels, [-1, length]).tolist())
    share, pixels = (places - first)[shown], pixels[shown]
    earlier, later = (np.rint(weight * np.float32(2048)).astype(np.int32) for weight in (1 - share, share))
    return _Read(shown, np.concatenate([pixels, pixels + 1]), earlier, later)


def _weighted(
    first: np.ndarray, second: np.ndarray, weight: np.ndarray, other_weight: np.ndarray, lost_bits: int
) -> np.ndarray:
    """The sum of two weighted parts, each without its last bits; the parts are overwritten."""
    first *= weight
    second *= other_weight
    first >>= lost_bits
    second >>= lost_bits
    first += second
    return first


def network_input(crop: np.ndarray) -> np.ndarray:
    """Turn a crop into what networks read: RGB, scaled to [0, 1], normalised with ImageNet's mean and deviation.

    Args:
        crop: ``(side, side, 3)`` BGR uint8.

    Returns:
        ``(1, 3, side, side)`` float32.
    """
    made = np.empty((1, 3, *crop.shape[:2]), np.float32)
    for values, channel, plane in zip(_normalised_levels(), cv2.split(crop)[::-1], made[0], strict=True):
        cv2.LUT(channel, values, plane)
    return made


def raw_input(crop: np.ndarray) -> np.ndarray:
    """Turn a crop into what networks read that normalise for themselves: the crop as it is.

    Args:
        crop: ``(side, side, 3)`` BGR uint8.

    Returns:
        ``(1, side, side, 3)`` uint8, contiguous.
    """
    return np.ascontiguousarray(crop)[None]


@cache
def _normalised_levels() -> np.ndarray:
    """What the 256 levels of R, G and B become, ``(3, 256)`` float32: a look-up is half the work of the arithmetic."""
    levels = np.arange(256, dtype=np.float32)
    # In float32 and in this order, with which `batches` comes to the same values.
    scaled = (levels - (MEAN * 255).astype(np.float32)[:, None]) * np.float32(1 / 255)
    return scaled / DEVIATION.astype(np.float32)[:, None]
