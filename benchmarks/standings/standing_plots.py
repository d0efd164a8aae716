"""Plots of several trackers: curves over each other, and bars by attribute."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from lighttrack_nas.benchmarks.evaluation.metrics import Curves
from lighttrack_nas.benchmarks.evaluation.plots import (
    draw_plots,
    precision_info,
    presence_info,
    success_info,
    tracker_colour,
)

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_SHOWN_ATTRIBUTES = 16
_COLOURS_IN_TURN = 6
_MARKERS = "osD^"
_LABELS = {"ao": "average overlap", "success_auc": "area under the success curve"}


def curves_plot(curves: Mapping[str, Curves], presence: Mapping[str, tuple[np.ndarray, np.ndarray]]) -> Figure:
    """Draw success and precision of all trackers, and where some trackers say it, presence.

    Args:
        curves: Name of the tracker -> its curves.
        presence: Name of the tracker -> recall and precision (`precision_recall`), empty where it says nothing.
    """
    infos = [success_info(curves), precision_info(curves)]
    if any(len(recall) for recall, _ in presence.values()):
        infos.append(presence_info({name: presence.get(name, (np.empty(0), np.empty(0))) for name in curves}))
    return draw_plots(infos)


def attributes_plot(table: pd.DataFrame, places: Mapping[str, int], figure_name: str = "ao") -> Figure | None:
    """Draw what `attribute_table` holds as points, a row for each attribute that more than one sequence has.

    Args:
        table: See there.
        places: Name of the tracker -> its place, which decides its colour, as in the other plots; one whose lines are
            dashed there has a hollow point.
        figure_name: The figure that is drawn, one of the table's.

    Returns:
        The figure, with the attributes of the most sequences, at most 16; None where no attribute has two sequences.
    """
    from matplotlib.figure import Figure

    table = table[table["sequences"] > 1]
    names = list(dict.fromkeys(table["attribute"]))[:_SHOWN_ATTRIBUTES]
    if not names:
        return None
    # Points of one row stand below each other, so that none hides another.
    step = 1 / (len(places) + 1)
    height = max(0.36, 0.1 * len(places))
    figure = Figure(figsize=(6.4, 1.2 + height * len(names) + 0.22 * -(-len(places) // 3)), layout="constrained")
    axes = figure.subplots()
    for row in range(0, len(names), 2):
        axes.axhspan(row - 0.5, row + 0.5, color="0.95", zorder=0)
    for tracker, place in places.items():
        values = table[table["tracker"] == tracker].set_index("attribute")[figure_name].reindex(names)
        colour = tracker_colour(place)
        axes.plot(
            *(values.to_numpy(), np.arange(len(names)) - 0.5 + step * (place + 1)),
            linestyle="none",
            marker=_MARKERS[place // _COLOURS_IN_TURN % len(_MARKERS)],
            markersize=6,
            color=colour,
            markerfacecolor=colour if place < _COLOURS_IN_TURN else "white",
            label=tracker.replace("$", r"\$"),
        )
    counts = table.groupby("attribute")["sequences"].max()
    axes.set_yticks(range(len(names)), [f"{name} ({counts[name]})".replace("$", r"\$") for name in names])
    axes.set(
        ylim=(len(names) - 0.5, -0.5),
        xlim=(0, 1),
        xlabel=f"{_LABELS.get(figure_name, figure_name)} (in brackets: the number of sequences)",
    )
    axes.grid(axis="x", color="0.85")
    axes.set_axisbelow(True)
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    axes.tick_params(axis="y", length=0)
    figure.legend(loc="outside lower center", ncols=3, frameon=False)
    return figure
