"""Figures of fronts with three objectives or more, for print: every pair, and parallel coordinates."""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np

from lighttrack_nas.reporting.plot_style import FRONT_COLOUR, axis_of
from lighttrack_nas.results.front_plots import front_title

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from lighttrack_nas.results.fronts import Front

_REST_COLOUR = "0.78"


def draw_pairs(front: Front) -> Figure:
    """Draw a front in every pair of its objectives.

    Points are the networks of the front in all objectives; lines run through those that are best in the two alone.

    Args:
        front: Of two objectives or more.

    Returns:
        The figure; save it.
    """
    from matplotlib.figure import Figure

    pairs = [front.axes(*pair[::-1]) for pair in combinations([goal.name for goal in front.objectives], 2)]
    columns = min(3, len(pairs))
    rows = -(-len(pairs) // columns)
    figure = Figure(figsize=(4.6 * columns, 3.9 * rows + 0.3), layout="constrained")
    panels = np.atleast_1d(figure.subplots(rows, columns)).ravel()
    for panel, (x, y) in zip(panels, pairs, strict=False):
        across, up = axis_of(x).divisor, axis_of(y).divisor
        rest = front.networks[front.networks["feasible"].astype(bool)]
        panel.scatter(rest[x] / across, rest[y] / up, s=8, color=_REST_COLOUR, linewidths=0)
        line = front.best_of(x, y)
        steps = "steps-post" if front.sign(x) > 0 else "steps-pre"
        panel.plot(line[x] / across, line[y] / up, color=FRONT_COLOUR, alpha=0.6, linewidth=1.2, drawstyle=steps)
        panel.plot(front.table[x] / across, front.table[y] / up, "o", color=FRONT_COLOUR, markersize=4)
        panel.set(xlabel=axis_of(x).label, ylabel=axis_of(y).label)
        panel.grid(color="0.92")
        panel.set_axisbelow(True)
        for side in ("top", "right"):
            panel.spines[side].set_visible(False)
    for panel in panels[len(pairs) :]:
        panel.set_axis_off()
    figure.suptitle(front_title(front), fontsize=11)
    return figure


def draw_parallel(front: Front) -> Figure:
    """Draw each network of a front as a line over its objectives, the best of each at the top.

    Args:
        front: Of two objectives or more.

    Returns:
        The figure; save it.
    """
    from matplotlib.figure import Figure

    names = [goal.name for goal in front.objectives]
    figure = Figure(figsize=(2.4 * len(names) + 1.2, 4.4), layout="constrained")
    panel = figure.subplots()
    values = front.table[names].to_numpy(float)
    colours = _shades(values[:, 0])
    low, high = (values.min(0), values.max(0)) if len(values) else (np.zeros(len(names)), np.ones(len(names)))
    length = np.where(high > low, high - low, 1.0)
    for row, colour in zip((values - low) / length, colours, strict=True):
        good = np.where([front.sign(name) > 0 for name in names], 1 - row, row)
        panel.plot(range(len(names)), good, color=colour, linewidth=1.2, alpha=0.75)
    for place, name in enumerate(names):
        axis = axis_of(name)
        ends = (high[place], low[place]) if front.sign(name) > 0 else (low[place], high[place])
        for end, height, edge in ((ends[0], -0.03, "top"), (ends[1], 1.03, "bottom")):
            text = f"{end / axis.divisor:,.{axis.digits}f}"
            panel.text(place, height, text, ha="center", va=edge, fontsize=8.5)
        panel.axvline(place, color="0.5", linewidth=0.8, zorder=0)
    panel.set_xticks(range(len(names)), [axis_of(name).label.replace(" (", "\n(") for name in names], fontsize=8.5)
    panel.tick_params(length=0, pad=12)
    panel.set(yticks=[], ylim=(-0.12, 1.12), xlim=(-0.35, len(names) - 0.65))
    for side in ("top", "right", "left", "bottom"):
        panel.spines[side].set_visible(False)
    panel.set_title(f"{front_title(front)}\nthe best of each objective at the top", fontsize=10)
    return figure


def _shades(values: np.ndarray) -> list[tuple[float, float, float, float]]:
    """A colour a network, by its place in the first objective."""
    from matplotlib import colormaps

    order = np.argsort(np.argsort(values))
    return [colormaps["viridis"](0.05 + 0.85 * place / max(len(values) - 1, 1)) for place in order]
