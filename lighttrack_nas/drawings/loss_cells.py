"""Cells of a loss: a colour, the darker the more is lost, and the number on it."""

from __future__ import annotations

from collections.abc import Sequence

from lighttrack_nas.drawings.shapes import TEXT_COLOUR, Box

WIDTH, CELL = 0.4, 0.2
_COLOURS = "YlOrRd"
_WHITE_FROM = 0.62  # part of the colours on which white is read better


def scale_of(losses: Sequence[float]) -> float:
    """The loss that has the darkest colour: the greatest, or 1 where nothing is lost."""
    return max(losses, default=0.0) or 1.0


def cell_of(x: float, y: float, loss: float, scale: float) -> Box:
    """A cell whose lower left corner is at `x` and `y`."""
    # Most losses are small: the root tells them apart.
    part = min(loss / scale, 1.0) ** 0.5
    colour = "white" if part >= _WHITE_FROM else TEXT_COLOUR
    return Box(x, y, WIDTH, CELL, small_number(loss), _colour(part), "white", 0.6, 6.5, colour)


def frame_of(x: float, y: float) -> Box:
    """A frame around a cell: the best of its place."""
    return Box(x, y, WIDTH, CELL, fill="none", edge="0.1", line_width=1.4)


def small_number(value: float) -> str:
    """Write a number of 0 or more in four characters or so: ".031"."""
    if value == 0:
        return "0"
    if value < 0.0005:
        return "<.001"
    return f"{value:.3f}".lstrip("0") if value < 0.9995 else f"{value:.3g}"


def _colour(part: float) -> str:
    from matplotlib import colormaps
    from matplotlib.colors import to_hex

    return str(to_hex(colormaps[_COLOURS](0.9 * part)))
