"""Figures of a comparison: how far each strategy had come, where its runs ended, and who ranks before whom."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullFormatter

from lighttrack_nas.comparisons.power import ALPHA

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from lighttrack_nas.comparisons.comparisons import Comparison

_X = {"evaluations": "evaluations", "seconds": "seconds, proposals and evaluations"}
# Told apart with any eyes (Okabe and Ito); more than eight strategies get other dashes.
_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#000000", "#8C6D31")
_DASHES = ("-", "--", ":", "-.")


def comparison_figure(comparison: Comparison, axis: str = "evaluations") -> Figure:
    """Draw the growth of the hypervolume and of the distance to the best known front, and the final hypervolumes.

    Lines are medians over seeds, bands reach from the lower to the upper quartile. Strategies stand in the order of
    their median hypervolume at the end; the points beside the boxes are single runs.

    Args:
        comparison: What to draw.
        axis: "evaluations" or "seconds".
    """
    figure = Figure(figsize=(13, 5), layout="constrained")
    growth, distance, ends = figure.subplots(1, 3, width_ratios=(3, 3, 2))
    front = "true front" if comparison.scale.known else "best known front"
    names = comparison.summary()["strategy"].tolist()
    for name in names:
        colour, dashes = _style(comparison, name)
        for axes, indicator in ((growth, "hypervolume"), (distance, "distance")):
            curve = comparison.curve(name, indicator, axis)
            label = name if axes is growth else None
            axes.plot(curve["x"], curve["median"], dashes, color=colour, label=label, linewidth=1.6)
            axes.plot(curve["x"].iloc[-1:], curve["median"].iloc[-1:], ".", color=colour)
            axes.fill_between(curve["x"], curve["low"], curve["high"], color=colour, alpha=0.1, linewidth=0)
    growth.axhline(comparison.share, color="0.5", linestyle=(0, (1, 3)), linewidth=1)
    growth.set_ylabel(f"hypervolume, share of the {front}'s")
    _cut_beginning(growth, comparison, "hypervolume", axis)
    _cut_beginning(distance, comparison, "distance", axis)
    distance.set_ylabel(f"distance to the {front} (IGD+)")
    for axes in (growth, distance):
        axes.set_xlabel(_X[axis])
        axes.set_xlim(0, growth.get_xlim()[1])  # the distance may have no curve of its own
    final = comparison.final()
    values = [final[final["strategy"] == name]["hypervolume"].to_numpy(float) for name in names]
    boxes = ends.boxplot(values, orientation="horizontal", patch_artist=True, widths=0.5, showfliers=False)
    for place, (name, box) in enumerate(zip(names, boxes["boxes"], strict=True)):
        colour, _ = _style(comparison, name)
        box.set(facecolor=colour, alpha=0.3)
        # Drawn apart, the same way every time, so that runs of one value are seen as several.
        apart = np.random.default_rng(0).uniform(-0.18, 0.18, len(values[place]))
        ends.plot(values[place], place + 1 + apart, ".", color=colour, markersize=4, alpha=0.8)
    for line in boxes["medians"]:
        line.set_color("black")
    ends.set_yticks(range(1, len(values) + 1), names)
    ends.invert_yaxis()
    ends.set_xlabel("hypervolume at the end")
    for axes in (growth, distance, ends):
        _plain(axes)
    figure.legend(loc="outside lower center", ncols=min(len(names), 8), fontsize=9, frameon=False)
    trials, seeds = int(final["trials"].max()), int(final["strategy"].value_counts().max())
    figure.suptitle(f"{trials} trials, {seeds} seed{'s' if seeds > 1 else ''}; medians and quartiles", fontsize=11)
    return figure


def ranks_figure(comparison: Comparison) -> Figure:
    """Draw mean ranks on a line, and join strategies that are not told apart (after Demšar 2006).

    Demšar's ranks and his critical difference are over problems. Here is one problem, and its seeds are no blocks (see
    `Comparison.ranks`), so that ranks are over runs, and the bars come from the comparison's own tests of pairs.

    Args:
        comparison: Of two strategies or more.
    """
    ranks, groups = comparison.ranks(), comparison.not_told_apart()
    count = len(ranks)
    half = (count + 1) // 2
    figure = Figure(figsize=(8.5, 1.5 + 0.3 * half + 0.2 * len(groups)), layout="constrained")
    axes = figure.subplots()
    room = 0.35 + 0.3 * len(groups)
    for index, (name, rank) in enumerate(ranks.items()):
        # The better half hangs at the left, the best highest; the other at the right, the worst highest.
        left = index < half
        depth = -room - 0.5 * (index if left else count - 1 - index)
        end = 0.9 if left else count + 0.1
        axes.plot([rank, rank, end], [0, depth, depth], color="0.35", linewidth=1)
        axes.plot(rank, 0, "o", color=_style(comparison, str(name))[0], markersize=7, zorder=3, clip_on=False)
        words = (f"{name}  {rank:.2f}", "right") if left else (f"{rank:.2f}  {name}", "left")
        axes.text(end + (-0.05 if left else 0.05), depth, words[0], ha=words[1], va="center", fontsize=10)
    for index, group in enumerate(groups):
        span = [ranks[group[0]] - 0.04, ranks[group[-1]] + 0.04]
        axes.plot(span, [-0.3 - 0.3 * index] * 2, color="black", linewidth=3.5, solid_capstyle="butt")
    axes.set(xlim=(0.85, count + 0.15), ylim=(-room - 0.5 * half + 0.25, 0.0))
    axes.set_xticks(range(1, count + 1))
    axes.xaxis.tick_top()
    axes.set_yticks([])
    for side in ("left", "right", "bottom"):
        axes.spines[side].set_visible(False)
    seeds = comparison.power.seeds
    joined = (
        f"bars join what is not told apart (Mann-Whitney U, Holm, p < {ALPHA})"
        if comparison.power.can_tell
        else "too few seeds to tell any two apart"
    )
    figure.suptitle(f"mean rank of a run by hypervolume, {seeds} seeds; {joined}", fontsize=10)
    return figure


def _style(comparison: Comparison, name: str) -> tuple[str, str]:
    """Colour and dashes of a strategy, the same in all figures."""
    index = comparison.strategies.index(name)
    return _COLOURS[index % len(_COLOURS)], _DASHES[index // len(_COLOURS) % len(_DASHES)]


def _cut_beginning(axes: Axes, comparison: Comparison, indicator: str, axis: str) -> None:
    """Scale to what is seen after the first twentieth, which would press all the rest into a line."""
    seen = []
    for name in comparison.strategies:
        curve = comparison.curve(name, indicator, axis)
        late = curve[curve["x"] >= curve["x"].max() / 20]
        seen += [late["low"].dropna(), late["high"].dropna()]
    values = np.concatenate(seen)
    if not values.size:
        axes.text(0.5, 0.5, "no median run kept the limits", ha="center", color="0.4", transform=axes.transAxes)
        axes.set_yticks([])
        return
    low, high = float(values.min()), float(values.max())
    if indicator == "hypervolume":
        # The share that runs are timed to is shown where they come near it.
        near = comparison.share - high < (high - low) / 3
        axes.set_ylim(max(0.0, low - 0.03), max(high + 0.02, comparison.share + 0.015 if near else 0.0))
    elif low > 0:
        axes.set_yscale("log")
        axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.yaxis.set_major_formatter(lambda value, _: f"{value:g}")
        axes.yaxis.set_minor_formatter(NullFormatter())
        axes.set_ylim(low * 0.8, high * 1.25)


def _plain(axes: Axes) -> None:
    axes.grid(color="0.92")
    axes.set_axisbelow(True)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
