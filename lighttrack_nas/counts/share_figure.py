"""The figure of findings: what a front's networks are by stage, output and tower, beside uniform draws."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lighttrack_nas.reporting.plot_style import FRONT_COLOUR

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_STACKED = ("kernel", "expansion", "operation")
_TITLES = {"kernel": "kernels by stage", "expansion": "expansions by stage", "operation": "operations by stage"}
_TOWERS = {"cls": "classification tower", "reg": "regression tower", "shared": "shared tower"}


def shares_figure(shares: pd.DataFrame, networks: int, space: str) -> Figure:
    """Draw shares of kernels, expansions and operations by stage, of outputs, and of the towers' depths.

    Full bars are the front's networks, pale ones the space.

    Args:
        shares: As of `Findings.shares`.
        networks: How many networks the front has.
        space: The space's name.

    Returns:
        The figure; save it.
    """
    from matplotlib.figure import Figure

    places = dict.fromkeys(zip(shares["property"], shares["place"], strict=True))
    stacked: list[str | tuple[str, str]] = [name for name in _STACKED if (shares["property"] == name).any()]
    single: list[str | tuple[str, str]] = [(name, place) for name, place in places if name not in _STACKED]
    rows = [row for row in (stacked, single) if row]
    figure = Figure(figsize=(11, 0.6 + 3.2 * len(rows)), layout="constrained")
    grids = figure.add_gridspec(max(len(rows), 1), 1)
    for line, row in enumerate(rows):
        widths = [len(_panel(shares, panel)) + 3 for panel in row]
        grid = grids[line].subgridspec(1, len(row), width_ratios=widths)
        for column, panel in enumerate(row):
            axes = figure.add_subplot(grid[column])
            if isinstance(panel, str):
                _draw_stages(axes, _panel(shares, panel), _TITLES[panel])
            else:
                _draw_bars(axes, _panel(shares, panel), *panel)
            axes.set_ylim(0, 1)
            axes.yaxis.set_major_formatter(lambda value, _: f"{value:.0%}")
            for side in ("top", "right"):
                axes.spines[side].set_visible(False)
            axes.grid(axis="y", color="0.92")
            axes.set_axisbelow(True)
    full = f"full: {networks} network{'s' if networks > 1 else ''} of the front"
    figure.suptitle(f"{space}; {full}; pale: uniform draws of the space", fontsize=11)
    return figure


def _panel(shares: pd.DataFrame, panel: str | tuple[str, str]) -> pd.DataFrame:
    if isinstance(panel, str):
        return shares[shares["property"] == panel]
    return shares[(shares["property"] == panel[0]) & (shares["place"] == panel[1])]


def _draw_stages(axes: Axes, rows: pd.DataFrame, title: str) -> None:
    """Two stacks a stage, of the front and of the space."""
    from matplotlib import colormaps

    stages, values = list(dict.fromkeys(rows["place"])), list(dict.fromkeys(rows["value"]))
    # Light to dark with rising kernels and expansions.
    colours = [colormaps["YlGnBu"](0.3 + 0.6 * place / max(len(values) - 1, 1)) for place in range(len(values))]
    for place, stage in enumerate(stages):
        of_stage = rows[rows["place"] == stage].set_index("value")
        for column, offset, alpha in (("front", -0.2, 1.0), ("space", 0.2, 0.45)):
            below = 0.0
            for value, colour in zip(values, colours, strict=True):
                share = float(of_stage[column].get(value, 0.0))
                drawn = axes.bar(place + offset, share, 0.36, below, color=colour, alpha=alpha, edgecolor="white")
                if (place, column) == (0, "front"):
                    drawn.set_label(value)
                if column == "front" and share >= 0.08:
                    dark = sum(colour[:3]) < 1.5
                    shown = axes.text(place + offset, below + share / 2, f"{share:.0%}", ha="center", va="center")
                    shown.set(color="white" if dark else "black", fontsize=8)
                below += share
    axes.set_xticks(range(len(stages)), stages)
    axes.set_title(title, fontsize=10)
    axes.legend(loc="center left", bbox_to_anchor=(1, 0.5), fontsize=9, frameon=False, reverse=True)


def _draw_bars(axes: Axes, rows: pd.DataFrame, name: str, place: str) -> None:
    """Two bars a value, of the front and of the space."""
    for column, offset, alpha in (("front", -0.2, 1.0), ("space", 0.2, 0.35)):
        axes.bar([at + offset for at in range(len(rows))], rows[column], 0.36, color=FRONT_COLOUR, alpha=alpha)
    axes.set_xticks(range(len(rows)), rows["value"].tolist(), fontsize=9)
    if name == "output":
        for label in axes.get_xticklabels():
            label.set(rotation=30, ha="right", rotation_mode="anchor")
    axes.set_title("output" if name == "output" else f"layers of the {_TOWERS[place]}", fontsize=10)
