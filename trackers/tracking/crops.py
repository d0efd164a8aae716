"""Square crops around the target, and the network's input made of them (LightTrack's released tracker)."""

import math
from functools import cache

import cv2
import numpy as np

MEAN = np.array([0.485, 0.456, 0.406])
DEVIATION = np.array([0.229, 0.224, 0.225])
"""ImageNet's, of R, G and B in [0, 1]."""
_LARGE = 8
"""Of a square that reaches over the frame's edge: so many times its output, it is no longer padded as a whole."""
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
    square far larger than its output only the pixels that the output is made of: time and memory are the output's.

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
        return np.full((output_size, output_size, 3), colour, np.uint8)
    if inside.shape[:2] != (side, side):
        if side > _LARGE * output_size and max(height, width) <= _LARGEST_REMAPPED:
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
    """What ``cv2.resize`` makes of a padded square, to the bit, without the square.

    Each pixel of the output is made of two rows and two columns of the square. These alone are read, and summed in the
    fixed point of OpenCV's own bilinear resizing (`resize.cpp`: weights of 11 bits; sums of a row lose 4 bits, those of
    two rows 16, and the last 2 are rounded).
    """
    # In double and single precision by turns, as OpenCV finds its places.
    places = ((np.arange(size) + 0.5) * (1.0 / (size / side)) - 0.5).astype(np.float32)
    first = np.floor(places)
    share = places - first
    before, after = (np.rint(weight * np.float32(2048)).astype(np.int32) for weight in (1 - share, share))
    read = np.concatenate([first, first + 1])
    wanted = np.empty((2 * size, 2 * size, 2), np.int16)
    # One pixel outside stands for all.
    wanted[..., 0] = np.clip(read + left, -1, frame.shape[1])
    wanted[..., 1] = np.clip(read + top, -1, frame.shape[0])[:, None]
    pixels = cv2.remap(
        frame, wanted, None, cv2.INTER_NEAREST, borderMode=cv2.BORDER_CONSTANT, borderValue=[float(c) for c in colour]
    )
    # Columns and colours in one axis, and in place: three times as fast.
    flat = pixels.reshape(2 * size, -1).astype(np.int32)
    rows, right = np.split(flat, 2, axis=1)
    rows *= np.repeat(before, 3)
    right *= np.repeat(after, 3)
    rows += right
    rows >>= 4
    upper, lower = np.split(rows, 2)
    upper *= before[:, None]
    lower *= after[:, None]
    upper >>= 16
    lower >>= 16
    upper += lower
    upper += 2
    upper >>= 2
    return upper.astype(np.uint8).reshape(size, size, 3)


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
