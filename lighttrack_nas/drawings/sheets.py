"""Sheets: a drawing's body with its title above, its legend and notes below."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Sequence
from dataclasses import replace

from lighttrack_nas.drawings.shapes import Box, Drawing, Line, Shape, Text, legend, text_width

_MARGIN = 0.2
_LINE = 0.2
_LEAST_CHARACTERS = 44  # of a line, beside however narrow a body


def sheet(
    title: str,
    subtitles: Sequence[str],
    body: Sequence[Shape],
    kernels: set[int],
    notes: Sequence[str] = (),
    *,
    fixed: bool,
    skip: bool = False,
    other: bool = False,
    output: bool = True,
) -> Drawing:
    """Put title, legend and notes around a body, and everything on a sheet.

    Args:
        title: The first line.
        subtitles: More lines beneath it.
        body: Shapes anywhere in the plane.
        kernels: For the legend, as are `fixed`, `skip` and `other`.
        notes: Lines beneath the legend.
        fixed: Whether something is drawn that leaves no choice.
        skip: Whether skips are drawn.
        other: Whether operations without a kernel are drawn.
        output: Whether the output is drawn.
    """
    left, bottom, right, top = bounds(body)
    shapes = list(body)
    most = max(_LEAST_CHARACTERS, int((right - left) / text_width("x", 8)))
    lines = [line for text in subtitles for line in textwrap.wrap(text, most)]
    y = top + 0.25 + _LINE * len(lines)
    shapes.append(Text(left, y + 0.05, title, 11, align="left", bold=True))
    for number, line in enumerate(lines, start=1):
        shapes.append(Text(left, y - _LINE * number, line, 8, align="left"))
    samples = legend(left, bottom - 0.3, kernels, fixed=fixed, skip=skip, other=other, output=output)
    y = bottom - 0.3 if samples else bottom - 0.1
    shapes += samples
    for line in (line for text in notes for line in textwrap.wrap(text, most, subsequent_indent="  ")):
        y -= _LINE
        shapes.append(Text(left, y, line, 7.5, align="left"))
    left, bottom, right, top = bounds(shapes)
    across, up = _MARGIN - left, _MARGIN - bottom
    moved = tuple(_moved(shape, across, up) for shape in shapes)
    return Drawing(right - left + 2 * _MARGIN, top - bottom + 2 * _MARGIN, moved)


def bounds(shapes: Iterable[Shape]) -> tuple[float, float, float, float]:
    """Left, bottom, right and top of the room that shapes take, inches; that of texts is estimated."""
    corners = [corner for shape in shapes for corner in _corners(shape)]
    across, up = zip(*corners, strict=True)
    return min(across), min(up), max(across), max(up)


def _corners(shape: Shape) -> list[tuple[float, float]]:
    if isinstance(shape, Line):
        return list(shape.points)
    if isinstance(shape, Box):
        return [(shape.x, shape.y), (shape.x + shape.width, shape.y + shape.height)]
    width, half = text_width(shape.text, shape.size), shape.size * 0.6 / 72
    left = shape.x - {"left": 0.0, "center": width / 2, "right": width}[shape.align]
    return [(left, shape.y - half), (left + width, shape.y + half)]


def _moved(shape: Shape, across: float, up: float) -> Shape:
    if isinstance(shape, Line):
        return replace(shape, points=tuple((x + across, y + up) for x, y in shape.points))
    return replace(shape, x=shape.x + across, y=shape.y + up)
