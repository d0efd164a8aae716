"""The figure of a comparison: how far each strategy had come, and where its runs ended."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.figure import Figure

if TYPE_CHECKING:
    from lighttrack_nas.comparisons.comparisons import Comparison

_X = {"evaluations": "evaluations", "seconds": "seconds, proposals and evaluations"}


def comparison_figure(comparison: Comparison, axis: str = "evaluations") -> Figure:
    """Draw the growth of the hypervolume and of the distance to the best known front, and the final hypervolumes.

    Lines are medians over seeds, bands reach from the lower to the upper quartile.

    Args:
        comparison: What to draw.
        axis: "evaluations" or "seconds".
    """
    figure = Figure(figsize=(13, 4.6), layout="constrained")
    growth, distance, ends = figure.subplots(1, 3, width_ratios=(3, 3, 2))
    front = "true front" if comparison.scale.known else "best known front"
    for index, name in enumerate(comparison.strategies):
        for axes, indicator in ((growth, "hypervolume"), (distance, "distance")):
            curve = comparison.curve(name, indicator, axis)
            axes.plot(curve["x"], curve["median"], color=f"C{index}", label=name, linewidth=1.6)
            axes.fill_between(curve["x"], curve["low"], curve["high"], color=f"C{index}", alpha=0.15, linewidth=0)
    growth.axhline(comparison.share, color="grey", linestyle=":", linewidth=1)
    growth.set_ylabel(f"hypervolume, share of the {front}'s")
    # The first few evaluations would press all the rest into a line.
    late = comparison.raw[comparison.raw["evaluations"] >= comparison.raw["evaluations"].max() / 20]["hypervolume"]
    growth.set_ylim(max(0.0, float(np.nanquantile(late, 0.02)) - 0.02), 1.005)
    distance.set_yscale("log")
    distance.set_ylabel(f"distance to the {front} (IGD+)")
    for axes in (growth, distance):
        axes.set_xlabel(_X[axis])
        axes.grid(alpha=0.3)
    # Where curves end low, the corner above their beginning is free.
    lowest = min(comparison.curve(name, "hypervolume", axis)["median"].iloc[-1] for name in comparison.strategies)
    is_low = lowest < sum(growth.get_ylim()) / 2
    growth.legend(fontsize=8, loc="upper left" if is_low else "lower right")
    final = comparison.final()
    values = [final[final["strategy"] == name]["hypervolume"].to_numpy(float) for name in comparison.strategies]
    boxes = ends.boxplot(values, orientation="horizontal", patch_artist=True, widths=0.6)
    for index, box in enumerate(boxes["boxes"]):
        box.set(facecolor=f"C{index}", alpha=0.4)
    for line in boxes["medians"]:
        line.set_color("black")
    ends.set_yticks(range(1, len(values) + 1), comparison.strategies)
    ends.invert_yaxis()
    ends.set_xlabel("hypervolume at the end")
    ends.grid(alpha=0.3, axis="x")
    return figure
