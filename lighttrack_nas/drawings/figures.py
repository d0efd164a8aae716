"""Figures of drawings, and their files."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lighttrack_nas.drawings.shapes import Box, Drawing, Line, Text
from lighttrack_nas.trackers.base.files import checked_output_file, write_atomically

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_MOST_PIXELS = 16_000  # along a side: what viewers and matplotlib still take
_DPI = 200


def figure_of(drawing: Drawing) -> Figure:
    """Draw a drawing.

    Returns:
        The figure; save it with `save_figure`.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(drawing.width, drawing.height))
    axes: Axes = figure.add_axes((0, 0, 1, 1))
    axes.set_axis_off()
    axes.set_xlim(0, drawing.width)
    axes.set_ylim(0, drawing.height)
    for shape in drawing.shapes:
        if isinstance(shape, Box):
            _draw_box(axes, shape)
        elif isinstance(shape, Text):
            weight = "bold" if shape.bold else "normal"
            _write(axes, shape.x, shape.y, shape.text, shape.size, shape.colour, ha=shape.align, weight=weight)
        else:
            _draw_line(axes, shape)
    return figure


def checked_figure_path(path: Path) -> Path:
    """Check, before any work, that a figure can be written to a path; missing folders are made.

    Raises:
        InputError: Another ending than .svg or .png; else as `checked_output_file`.
    """
    return checked_output_file(path, ".svg", ".png")


def save_figure(figure: Figure, path: str | Path) -> Path:
    """Write a drawing's figure as .svg or .png, by the file's name; the same figure gives the same file.

    Raises:
        InputError: As `checked_figure_path`.
    """
    import matplotlib

    path = checked_figure_path(Path(path))
    content = BytesIO()
    dpi = min(_DPI, _MOST_PIXELS / max(figure.get_size_inches()))
    with matplotlib.rc_context({"svg.hashsalt": "drawing"}):
        metadata = {"Date": None} if path.suffix == ".svg" else None
        figure.savefig(content, format=path.suffix[1:], dpi=dpi, metadata=metadata)
    write_atomically(path, content.getvalue())
    return path


def _draw_box(axes: Axes, box: Box) -> None:
    from matplotlib.patches import Rectangle

    style = "--" if box.dashed else "-"
    axes.add_patch(
        Rectangle(
            (box.x, box.y), box.width, box.height, fc=box.fill, ec=box.edge, lw=box.line_width, ls=style, zorder=2
        )
    )
    x, y = box.x + box.width / 2, box.y + box.height / 2
    _write(axes, x, y, box.text, box.size, box.colour, rotation=90 if box.upright else 0)


def _write(
    axes: Axes, x: float, y: float, text: str, size: float, colour: str, *, ha: str = "center", **style: Any
) -> None:
    # Names are people's: a dollar sign starts no formula.
    axes.text(x, y, text, fontsize=size, color=colour, ha=ha, va="center", zorder=3, parse_math=False, **style)


def _draw_line(axes: Axes, line: Line) -> None:
    across, up = zip(*line.points, strict=True)
    axes.plot(across, up, color=line.colour, linewidth=line.width, solid_joinstyle="miter", zorder=1)
    if line.head:
        arrow = {"arrowstyle": "-|>", "color": line.colour, "lw": line.width, "shrinkA": 0, "shrinkB": 0}
        axes.annotate("", line.points[-1], line.points[-2], arrowprops=arrow | {"mutation_scale": 7}, zorder=1)
