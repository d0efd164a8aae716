"""Columns: the places of a space side by side, a cell for each candidate, rows of text beneath."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

from lighttrack_nas.drawings.shapes import (
    FAINT_COLOUR,
    OUTPUT_COLOUR,
    Box,
    Line,
    Shape,
    Text,
    fill_of,
    text_colour_of,
    text_width,
)

CELL, GAP, ROW = 0.19, 0.17, 0.15
HEADER = 0.62  # room above the cells for the group's name, its shape, and the columns' numbers
_SMALL = 6.0


@dataclass(frozen=True)
class Cell:
    """A candidate."""

    text: str
    kernel: int | None = None
    fixed: bool = False
    skip: bool = False


@dataclass(frozen=True)
class Column:
    """A place.

    Attributes:
        group: The stage or tower that it belongs to; neighbours of one group share a header.
        number: What stands above its cells.
        cells: From the top.
        rows: Texts beneath.
        is_exit: Whether the features may leave behind it.
    """

    group: str
    number: str
    cells: tuple[Cell, ...]
    rows: tuple[str, ...]
    is_exit: bool = False

    @property
    def width(self) -> float:
        """Room for every text, inches."""
        return max(
            0.42, *(text_width(cell.text, 7) for cell in self.cells), *(text_width(r, _SMALL) for r in self.rows)
        )


@dataclass(frozen=True)
class Placed:
    """Columns with the places they got.

    Attributes:
        shapes: Their shapes.
        columns: Each column with its left edge.
        right: The right end of all, its header's included.
        bottom: The lower end of the rows.
    """

    shapes: tuple[Shape, ...]
    columns: tuple[tuple[float, Column], ...]
    right: float
    bottom: float


def place_columns(
    columns: Sequence[Column],
    headers: Mapping[str, tuple[str, str]],
    titles: Sequence[str],
    x: float,
    y: float,
    least_half: float = 0.0,
) -> Placed:
    """Put columns in a row, joined by arrows.

    Args:
        columns: From the left.
        headers: By group: its name, and a second line.
        titles: Of the rows beneath, which stand left of the first column.
        x: Left end of the first column.
        y: Middle of the cells.
        least_half: The rows begin at least so far below the middle.
    """
    shapes: list[Shape] = []
    placed: list[tuple[float, Column]] = []
    half = max(max(len(column.cells) for column in columns) * CELL / 2, least_half)
    first, right = x, x
    for group, members in groupby(columns, key=lambda column: column.group):
        here = list(members)
        name, more = headers.get(group, ("", ""))
        taken = sum(column.width for column in here) + GAP * (len(here) - 1)
        room = max(taken, text_width(name, 8), text_width(more, 6.5))
        shapes += _header(name, more, x, room, y + half)
        # The first column stands where the arrow from before ends.
        inside = x + (room - taken) / 2 if placed else x
        for column in here:
            if placed:
                shapes.append(Line(((right, y), (inside, y))))
            shapes += _column(column, inside, y, half)
            placed.append((inside, column))
            right = inside + column.width
            inside = right + GAP
        x += room + GAP
    shapes += [
        Text(first - 0.06, y - half - ROW * (number + 0.8), title, _SMALL, FAINT_COLOUR, "right")
        for number, title in enumerate(titles)
    ]
    bottom = y - half - ROW * (len(columns[0].rows) + 0.5)
    return Placed(tuple(shapes), tuple(placed), max(right, x - GAP), bottom)


def height_above(columns: Sequence[Column], least_half: float = 0.0) -> float:
    """Room that columns take above their middle, inches."""
    return max(max(len(column.cells) for column in columns) * CELL / 2, least_half) + HEADER


def height_below(columns: Sequence[Column], least_half: float = 0.0) -> float:
    """Room that columns take below their middle, inches."""
    return height_above(columns, least_half) - HEADER + ROW * (len(columns[0].rows) + 0.5)


def _header(name: str, more: str, x: float, room: float, top: float) -> list[Shape]:
    if not name:
        return []
    line = Line(((x, top + 0.21), (x + room, top + 0.21)), FAINT_COLOUR, 0.6, head=False)
    middle = x + room / 2
    if not more:
        return [line, Text(middle, top + 0.33, name, 8)]
    return [line, Text(middle, top + 0.46, name, 8), Text(middle, top + 0.31, more, 6.5, FAINT_COLOUR)]


def _column(column: Column, x: float, y: float, half: float) -> list[Shape]:
    top = y + len(column.cells) * CELL / 2
    shapes: list[Shape] = [Text(x + column.width / 2, top + 0.09, column.number, _SMALL, FAINT_COLOUR)]
    for number, cell in enumerate(column.cells, start=1):
        shapes.append(
            Box(
                x,
                top - number * CELL,
                column.width,
                CELL,
                cell.text,
                fill="white" if cell.skip else fill_of(cell.kernel, cell.fixed),
                colour=text_colour_of(cell.kernel, cell.fixed),
                dashed=cell.skip,
            )
        )
    if column.is_exit:
        height = len(column.cells) * CELL
        shapes.append(Box(x, top - height, column.width, height, fill="none", edge=OUTPUT_COLOUR, line_width=1.6))
    shapes += [
        Text(x + column.width / 2, y - half - ROW * (number + 0.8), text, _SMALL)
        for number, text in enumerate(column.rows)
    ]
    return shapes
