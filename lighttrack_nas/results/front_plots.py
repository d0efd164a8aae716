"""The figure of a front, for print."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from lighttrack_nas.reporting.plot_style import FRONT_COLOUR, LIMIT_COLOUR, Axis, axis_of
from lighttrack_nas.results.networks import COSTS

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from lighttrack_nas.results.fronts import Front
    from lighttrack_nas.strategies.search.goals.objectives import Constraint

_REST_COLOUR = "0.72"
_MOST_NAMES = 8
_LEAST_DISTANCE = 0.11  # between two named points, as a share of the line's length along x


def draw_front(front: Front, x: str | None = None, y: str | None = None) -> Figure:
    """Draw a front over all measured networks.

    The line runs through the points that are best in these two axes alone; with a third objective others are on the
    front as well. It is stepped, because between two points no network is known. Bars reach from a network's worst to
    its best path.

    Args:
        front: What to draw.
        x: Measurement on the horizontal axis; None takes MACs, or else another objective than `y`.
        y: Measurement on the vertical axis; None takes the first objective that is not `x`.

    Returns:
        The figure; save it.

    Raises:
        InputError: No such measurement.
    """
    from matplotlib.figure import Figure

    x, y = front.axes(x, y)
    figure = Figure(figsize=(7.6, 5.2), layout="constrained")
    axes: Axes = figure.subplots()
    across, up = axis_of(x), axis_of(y)
    networks, table = front.networks, front.table
    feasible = networks["feasible"].astype(bool)
    for shown, marker, label in ((feasible, "o", "other networks"), (~feasible, "x", "outside the constraints")):
        points = networks[shown & ~networks["network"].isin(table["network"])]
        if len(points):
            axes.scatter(
                points[x] / across.divisor,
                points[y] / up.divisor,
                s=14,
                marker=marker,
                color=_REST_COLOUR,
                label=label,
                linewidths=0.8,
            )
    line = front.best_of(x, y)
    axes.plot(
        line[x] / across.divisor,
        line[y] / up.divisor,
        color=FRONT_COLOUR,
        linewidth=1.2,
        alpha=0.6,
        drawstyle="steps-post" if front.sign(x) > 0 else "steps-pre",
        label="best in these two" if len(front.objectives) > 2 else None,
    )
    axes.errorbar(
        table[x] / across.divisor,
        table[y] / up.divisor,
        xerr=spread(table, x, across),
        yerr=spread(table, y, up),
        fmt="o",
        markersize=6,
        color=FRONT_COLOUR,
        ecolor=FRONT_COLOUR,
        elinewidth=1,
        capsize=2.5,
        label=front_label(front, x, y),
        markeredgecolor="white",
        markeredgewidth=0.7,
        zorder=3,
    )
    draw_limits(axes, front.constraints, x, y)
    _name_points(axes, line, x, y, below=front.sign(y) > 0)
    axes.set(title=front_title(front), xlabel=axis_label(front, x), ylabel=axis_label(front, y))
    axes.margins(0.1)  # room for a name left of the first point
    axes.grid(color="0.92")
    axes.set_axisbelow(True)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    figure.legend(loc="outside lower center", ncols=4, frameon=False)
    return figure


def axis_label(front: Front, name: str) -> str:
    """What an axis of a front is called, with the unit; costs are known and no prediction."""
    label = axis_of(name).label
    return f"predicted {label}" if front.predicted and name not in (*COSTS, "nsr") else label


def front_title(front: Front) -> str:
    """What a plot of a front is called: the space, how many networks, and the constraints."""
    limits = ", ".join(map(str, front.constraints))
    if front.predicted:
        count = f"{len(front.table)} of {front.space.size.networks:.2g} networks"
        return f"Predicted front of {front.space.name}: {count}" + (f", {limits}" if limits else "")
    if not front.keeps_limits:
        return f"{front.space.name}: none of {len(front.networks)} networks keeps {limits}"
    count = f"{len(front.table)} of {len(front.networks)} networks"
    return f"Front of {front.space.name}: {count}" + (f", {limits}" if limits else "")


def front_label(front: Front, x: str, y: str) -> str:
    """What the legend calls the points of a front."""
    what = "front" if front.keeps_limits else "breaks the constraints least"
    spreads = any(spread(front.table, name, axis_of(name)) is not None for name in (x, y))
    return f"{what} (bars: worst to best path)" if spreads else what


def spread(table: pd.DataFrame, name: str, axis: Axis) -> np.ndarray | None:
    """How far a network's paths reach below and above its mean, (2, networks); None where nothing spreads."""
    if f"{name}_low" not in table:
        return None
    reach = np.array([table[name] - table[f"{name}_low"], table[f"{name}_high"] - table[name]]) / axis.divisor
    # Bars of no length would still draw their caps.
    return np.where(reach.sum(0) > 0, np.maximum(reach, 0), np.nan) if (reach > 0).any() else None


def draw_limits(axes: Axes, constraints: Sequence[Constraint], x: str, y: str) -> None:
    """Draw the limits that lie on one of the axes."""
    for constraint in constraints:
        limit = constraint.limit / axis_of(constraint.name).divisor
        if constraint.name == x:
            axes.axvline(limit, color=LIMIT_COLOUR, linestyle="--", linewidth=1.2)
            axes.annotate(
                str(constraint),
                (limit, 0.02),
                xycoords=("data", "axes fraction"),
                xytext=(-4, 0),
                rotation=90,
                textcoords="offset points",
                ha="right",
                va="bottom",
                color=LIMIT_COLOUR,
                fontsize=8,
            )
        elif constraint.name == y:
            axes.axhline(limit, color=LIMIT_COLOUR, linestyle="--", linewidth=1.2)
            axes.annotate(
                str(constraint),
                (0.99, limit),
                xycoords=("axes fraction", "data"),
                xytext=(0, 3),
                textcoords="offset points",
                ha="right",
                va="bottom",
                color=LIMIT_COLOUR,
                fontsize=8,
            )


def _name_points(axes: Axes, line: pd.DataFrame, x: str, y: str, below: bool) -> None:
    """Write the first digits of some networks on the line, on the side where no network can lie."""
    reach = float(np.ptp(line[x])) if len(line) else 0.0
    named: list[float] = []
    for index in [*range(len(line))[-1:], *range(len(line) - 1)]:
        row = line.iloc[index]
        if len(named) == _MOST_NAMES or any(abs(row[x] - other) < _LEAST_DISTANCE * reach for other in named):
            continue
        named.append(row[x])
        axes.annotate(
            row["network"][:6],
            (row[x] / axis_of(x).divisor, row[y] / axis_of(y).divisor),
            xytext=(-5, -6 if below else 6),
            textcoords="offset points",
            ha="right",
            va="top" if below else "bottom",
            fontsize=7.5,
            family="monospace",
        )
