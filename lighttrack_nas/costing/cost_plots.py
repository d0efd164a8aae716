"""The figure of what a space's architectures cost."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lighttrack_nas.reporting.plot_style import FRONT_COLOUR, LIMIT_COLOUR, axis_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from lighttrack_nas.costing.cost_analysis import SpaceCosts

_BINS = 60


def draw_costs(costs: SpaceCosts) -> Figure:
    """Draw a histogram of each measurement with the median, the constraints and, where known, the exact ends.

    Args:
        costs: What to draw.

    Returns:
        The figure; save it.
    """
    from matplotlib.figure import Figure

    names = costs.measurements
    figure = Figure(figsize=(5.2 * len(names), 4.2), layout="constrained")
    for panel, name in zip(figure.subplots(1, len(names), squeeze=False)[0], names, strict=True):
        _draw(panel, costs, name)
    count = f"{len(costs.samples):,} architectures, every label combination equally likely"
    figure.suptitle(f"{costs.table.space.name}: {count}; search {costs.table.search_size} pixels", fontsize=11)
    return figure


def _draw(panel: Axes, costs: SpaceCosts, name: str) -> None:
    axis = axis_of(name)
    counts, edges = costs.histogram(name, _BINS)
    edges = edges / axis.divisor
    panel.stairs(100 * counts / len(costs.samples), edges, fill=True, color=FRONT_COLOUR, alpha=0.75)
    median = costs.samples[name].median() / axis.divisor
    panel.axvline(median, color="0.25", linewidth=1, linestyle=":", label=f"median {median:,.{axis.digits}f}")
    for constraint in costs.constraints:
        if constraint.name == name:
            limit = constraint.limit / axis.divisor
            panel.axvline(limit, color=LIMIT_COLOUR, linewidth=1.4, linestyle="--", label=str(constraint))
    if name in costs.extremes:
        panel.plot(edges[[0, -1]], [0, 0], "k^", markersize=6, clip_on=False, label="cheapest and dearest, exact")
    panel.set(xlabel=axis.label, ylabel="share of the architectures (%)")
    panel.set_ylim(bottom=0)
    panel.grid(color="0.92")
    panel.set_axisbelow(True)
    for side in ("top", "right"):
        panel.spines[side].set_visible(False)
    # Below the axes, where it hides nothing.
    panel.legend(loc="upper center", bbox_to_anchor=(0.5, -0.16), ncols=2, frameon=False, fontsize=8)
