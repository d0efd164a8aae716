"""What a drawing consists of: boxes, texts and lines at places in inches, from the lower left."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from lighttrack_nas.reporting.plot_style import FRONT_COLOUR, LIMIT_COLOUR

OUTPUT_COLOUR = LIMIT_COLOUR
FIXED_COLOUR, OTHER_COLOUR, TEXT_COLOUR, FAINT_COLOUR = "0.88", "#F6E7B4", "0.15", "0.45"
# One hue, the darker the larger.
_KERNEL_COLOURS = {1: "#E8F2F8", 3: "#CCE3F0", 5: "#7FB8D8", 7: FRONT_COLOUR, 9: "#00507D", 11: "#00344F"}
_WHITE_FROM = 7


@dataclass(frozen=True)
class Box:
    """A rectangle with a text in its middle; `x` and `y` are its lower left corner."""

    x: float
    y: float
    width: float
    height: float
    text: str = ""
    fill: str = "white"
    edge: str = "0.35"
    line_width: float = 0.7
    size: float = 7
    colour: str = TEXT_COLOUR
    upright: bool = False
    dashed: bool = False


@dataclass(frozen=True)
class Text:
    """A line of text; `y` is its middle."""

    x: float
    y: float
    text: str
    size: float = 7
    colour: str = TEXT_COLOUR
    align: Literal["left", "center", "right"] = "center"
    bold: bool = False


@dataclass(frozen=True)
class Line:
    """A line through points ``(x, y)``, with an arrow's head at its end unless `head` is false."""

    points: tuple[tuple[float, float], ...]
    colour: str = FAINT_COLOUR
    width: float = 0.9
    head: bool = True


Shape = Box | Text | Line


@dataclass(frozen=True)
class Drawing:
    """Shapes on a sheet.

    Attributes:
        width: Inches.
        height: Inches.
        shapes: In the order in which they are drawn.
    """

    width: float
    height: float
    shapes: tuple[Shape, ...]


def text_width(text: str, size: float) -> float:
    """Room for a line of text of a size in points, inches: an ample estimate."""
    return len(text) * size * 0.66 / 72


def fill_of(kernel: int | None, fixed: bool) -> str:
    """The colour of an operation's box."""
    if fixed:
        return FIXED_COLOUR
    if kernel is None:
        return OTHER_COLOUR
    return _KERNEL_COLOURS[max(known for known in _KERNEL_COLOURS if known <= kernel)]


def text_colour_of(kernel: int | None, fixed: bool) -> str:
    """The colour of text that is read on `fill_of`."""
    return "white" if kernel is not None and kernel >= _WHITE_FROM and not fixed else TEXT_COLOUR


def legend(
    x: float,
    y: float,
    kernels: set[int],
    *,
    fixed: bool = False,
    skip: bool = False,
    other: bool = False,
    output: bool = True,
) -> list[Shape]:
    """A row of samples of the colours that a drawing uses, from the left at `x`, its middle at `y`."""
    entries = [(f"kernel {kernel}", Box(0, 0, 0, 0, fill=fill_of(kernel, False))) for kernel in sorted(kernels)]
    entries += [("other", Box(0, 0, 0, 0, fill=OTHER_COLOUR))] if other else []
    entries += [("fixed", Box(0, 0, 0, 0, fill=FIXED_COLOUR))] if fixed else []
    entries += [("skip", Box(0, 0, 0, 0, dashed=True))] if skip else []
    entries += [("output", Box(0, 0, 0, 0, edge=OUTPUT_COLOUR, line_width=1.8))] if output else []
    shapes: list[Shape] = []
    for name, sample in entries:
        shapes.append(
            Box(x, y - 0.07, 0.22, 0.14, "", sample.fill, sample.edge, sample.line_width, dashed=sample.dashed)
        )
        shapes.append(Text(x + 0.29, y, name, 7, align="left"))
        x += 0.29 + text_width(name, 7) + 0.18
    return shapes
