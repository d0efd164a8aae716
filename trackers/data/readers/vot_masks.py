"""Masks of VOT from 2020 on: `m<x>,<y>,<width>,<height>,<zeros>,<ones>,<zeros>,...`, a window's pixels row by row."""

import re

import numpy as np

from lighttrack_nas.trackers.base.boxes import LARGEST_PLACE
from lighttrack_nas.trackers.base.errors import InputError


def is_mask(line: str) -> bool:
    """Whether a line of ground truth is a mask."""
    return line.lstrip().startswith("m")


def mask_box(line: str, where: str) -> np.ndarray:
    """Find the tight box of a mask: the smallest upright box that holds all its pixels.

    Args:
        line: The mask as VOT writes it: the window's x, y, width and height in the frame, then the lengths of runs of
            zeros and ones in turn, zeros first, row by row. What the runs leave at the end is zero.
        where: File and line, for an error message.

    Returns:
        ``(4,)`` x, y, w, h in pixels; NaN for a mask without a one.

    Raises:
        InputError: No such mask.

    Example:
        >>> mask_box("m10,20,4,3,1,2,2,2", "example").tolist()
        [11.0, 20.0, 2.0, 2.0]
    """
    x, y, width, height, *runs = _whole_numbers(line, where)
    if min(width, height, *runs, 0) < 0:
        raise InputError(f"{where}: a mask's sides and runs cannot be negative: {line.strip()[:80]!r}")
    ends = np.cumsum(np.array(runs, np.int64))
    if len(ends) and ends[-1] > width * height:
        raise InputError(
            f"{where}: the mask's runs cover {ends[-1]} pixels, more than its window of {width} x {height} holds"
        )
    first, last = ends[:-1:2], ends[1::2] - 1
    filled = last >= first
    if not filled.any():
        return np.full(4, np.nan)
    first, last = first[filled], last[filled]
    # A run that goes on in the next row touches the last column and the first one.
    broken = first // width < last // width
    left = np.where(broken, 0, first % width).min()
    right = np.where(broken, width - 1, last % width).max()
    top, bottom = first[0] // width, last[-1] // width
    return np.array([x + left, y + top, right - left + 1, bottom - top + 1], float)


def _whole_numbers(line: str, where: str) -> list[int]:
    fields = line.strip().removeprefix("m").strip().rstrip(",").split(",")
    whole = all(re.fullmatch(r"\s*-?[0-9]{1,18}\s*", field) for field in fields)
    numbers = [int(field) for field in fields] if whole else []
    if len(numbers) < 4:
        raise InputError(
            f"{where}: expected a mask 'm' and whole numbers x,y,width,height,zeros,ones,..., got {line.strip()[:80]!r}"
        )
    if max(map(abs, numbers[:4])) > LARGEST_PLACE or max(map(abs, numbers)) > LARGEST_PLACE**2:
        raise InputError(f"{where}: a mask at {numbers[:4]} lies beyond any frame: {line.strip()[:80]!r}")
    return numbers
