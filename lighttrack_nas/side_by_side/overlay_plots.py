"""Figures of runs beside each other, for print: fronts laid over one another, and what seeds attain."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from lighttrack_nas.reporting.plot_style import axis_of, run_colours
from lighttrack_nas.results.front_plots import draw_limits
from lighttrack_nas.results.fronts import shared_limits
from lighttrack_nas.side_by_side.attainment import Attainment

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from lighttrack_nas.results.fronts import Front
    from lighttrack_nas.side_by_side.overlays import Overlay


def draw_overlay(
    overlay: Overlay, x: str | None = None, y: str | None = None, attainment: bool | None = None
) -> Figure:
    """Draw the fronts of several runs over each other, or what the runs of each group attain.

    A line of a front runs through what is best in the two axes alone, stepped, because between two points no network is
    known. With attainment a group has a colour: its line is reached by half of its runs, its band from what a quarter
    reaches to what three quarters do; the runs' own points stand faint behind.

    Args:
        overlay: What to draw.
        x: Measurement on the horizontal axis; None chooses as `draw_front` does, among what all runs measured.
        y: Measurement on the vertical axis.
        attainment: Whether to draw surfaces; None does where a group has several runs.

    Returns:
        The figure; save it.

    Raises:
        InputError: A run has no such measurement.
    """
    from matplotlib.figure import Figure

    first = next(iter(overlay.fronts.values()))
    x, y = overlay.axes(x, y)
    surfaces = overlay.drawn_attainments(x, y) if attainment is not False else {}
    figure = Figure(figsize=(7.6, 5.4), layout="constrained")
    axes: Axes = figure.subplots()
    colours = run_colours(list(overlay.groups) if surfaces else list(overlay.fronts))
    for name, front in overlay.fronts.items():
        group = overlay.group_of(name)
        behind = group in surfaces
        colour = colours[group if surfaces else name]
        _draw_run(axes, front, x, y, colour, None if behind else overlay.labels[name], behind)
    for group, attained in surfaces.items():
        _draw_surfaces(
            axes,
            attained,
            first,
            x,
            y,
            colours[group],
            f"{group}, {attained.runs} runs: median and quartiles",
        )
    draw_limits(axes, shared_limits(overlay.fronts.values()), x, y)
    count = len(overlay.fronts)
    spaces = ", ".join(dict.fromkeys(front.space.name for front in overlay.fronts.values()))
    axes.set(title=f"{spaces}: {count} runs", xlabel=axis_of(x).label, ylabel=axis_of(y).label)
    axes.grid(color="0.92")
    axes.set_axisbelow(True)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    figure.legend(loc="outside lower center", ncols=2, frameon=False, fontsize=8.5)
    return figure


def _draw_run(axes: Axes, front: Front, x: str, y: str, colour: str, label: str | None, behind: bool) -> None:
    if front.table.empty:  # named in the legend, though it may lack the very columns
        axes.plot([], [], "o", color=colour, markersize=5, label=label)
        return
    across, up = axis_of(x).divisor, axis_of(y).divisor
    line = front.best_of(x, y)
    keeps = front.keeps_limits
    if not behind:
        steps = "steps-post" if front.sign(x) > 0 else "steps-pre"
        style = "-" if keeps else ":"
        axes.plot(line[x] / across, line[y] / up, style, color=colour, linewidth=1.2, alpha=0.7, drawstyle=steps)
    rows = line if behind else front.table
    axes.plot(
        rows[x] / across,
        rows[y] / up,
        "o" if keeps else "x",
        color=colour,
        markersize=3 if behind else 5,
        alpha=0.35 if behind else 1,
        markeredgewidth=0 if behind else 0.7,
        markeredgecolor="white" if keeps else colour,
        label=label,
    )


def _draw_surfaces(axes: Axes, attained: Attainment, front: Front, x: str, y: str, colour: str, label: str) -> None:
    across, up = axis_of(x).divisor, axis_of(y).divisor
    median = attained.surfaces[50]
    steps = "steps-post" if front.sign(x) > 0 else "steps-pre"
    axes.plot(median[:, 0] / across, median[:, 1] / up, color=colour, linewidth=2, drawstyle=steps, label=label)
    low, high = attained.surfaces[75], attained.surfaces[25]
    if len(low) and len(high):
        grid, worse, better = band(low, high, front.sign(x))
        axes.fill_between(
            grid / across,
            worse / up,
            better / up,
            color=colour,
            alpha=0.2,
            linewidth=0,
            step="post" if front.sign(x) > 0 else "pre",
        )


def band(low: np.ndarray, high: np.ndarray, sign: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Two staircases on one grid, where both are defined.

    Args:
        low: ``(corners, 2)`` by rising x.
        high: ``(corners, 2)`` by rising x.
        sign: 1.0 where small x is good, so that a corner holds to its right; -1.0 where it holds to its left.

    Returns:
        x, and the value of each there, ``(points,)``.
    """
    grid = np.unique(np.concatenate([low[:, 0], high[:, 0]]))

    def at(surface: np.ndarray) -> np.ndarray:
        side = np.searchsorted(surface[:, 0], grid, side="right" if sign > 0 else "left")
        index = side - 1 if sign > 0 else side
        known = (index >= 0) & (index < len(surface))
        return np.where(known, surface[np.clip(index, 0, len(surface) - 1), 1], np.nan)

    first, second = at(low), at(high)
    both = np.isfinite(first) & np.isfinite(second)
    return grid[both], first[both], second[both]
