"""Figures of rankings: networks trained alone against inherited weights, and the rank correlations with intervals."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from lighttrack_nas.benchmarks.scoring.rank_intervals import STATISTICS
from lighttrack_nas.ranking.ranking_jobs import INHERITED, RECALIBRATED
from lighttrack_nas.ranking.ranking_result import CEILING, MACS, ScoreColumn, ranking_name
from lighttrack_nas.reporting.plot_style import FRONT_COLOUR, LIMIT_COLOUR, axis_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from lighttrack_nas.ranking.ranking_result import RankingResult

PANELS = {INHERITED: "statistics as inherited", RECALIBRATED: "statistics recalibrated"}
TITLES = {"kendall": "Kendall's tau", "spearman": "Spearman's rho", "weighted": "weighted tau"}
_REST_COLOUR = "0.35"


def scatter_figure(result: RankingResult, name: str, measurement: str) -> Figure:
    """Draw a supernet's scores of networks over the scores of the same networks trained alone.

    Bars reach over the seeds of training alone; colours are MACs.

    Args:
        result: What to draw.
        name: The supernet.
        measurement: Of both scores.

    Returns:
        The figure; save it.
    """
    from matplotlib.figure import Figure

    axis, macs = axis_of(measurement), axis_of("macs")
    alone = np.array(
        [values[result.whole] for column, values in result.scores.items() if _is_alone(column, measurement)]
    )
    mean = alone.mean(axis=0)
    reach = np.array([mean - alone.min(axis=0), alone.max(axis=0) - mean])
    figure = Figure(figsize=(9.2, 4.5), layout="constrained")
    panels = figure.subplots(1, 2, sharex=True)
    for panel, weights in zip(panels, (INHERITED, RECALIBRATED), strict=True):
        scores = result.scores[ScoreColumn(name, weights, measurement)][result.whole]
        if len(alone) > 1:
            panel.errorbar(mean, scores, xerr=reach, fmt="none", ecolor="0.75", elinewidth=1, zorder=1)
        drawn = panel.scatter(
            mean,
            scores,
            c=result.networks["macs"][result.whole] / macs.divisor,
            cmap="viridis",
            s=34,
            edgecolor="white",
            linewidth=0.6,
            zorder=2,
        )
        value, low, high = result.estimate(measurement, name, weights, "kendall")
        panel.set_title(f"{PANELS[weights]}: tau {value:.2f} ({low:.2f} to {high:.2f})", fontsize=10)
        panel.set(xlabel=f"{axis.label}, trained alone", ylabel=f"{axis.label}, inherited weights")
        _plain(panel)
    figure.colorbar(drawn, ax=panels, label=macs.label, pad=0.01)
    figure.suptitle(f"{result.record['space']}: {mean.size} networks ranked by a supernet of {name}", fontsize=11)
    return figure


def correlations_figure(result: RankingResult, measurement: str) -> Figure:
    """Draw the rank correlations of all rankings with the trainings alone, and the ceiling.

    Args:
        result: What to draw.
        measurement: Of the scores.

    Returns:
        The figure; save it.
    """
    from matplotlib.figure import Figure

    rankings = result.rankings(measurement)[::-1]  # the first at the top
    figure = Figure(figsize=(10.4, 1.7 + 0.36 * len(rankings)), layout="constrained")
    panels = figure.subplots(1, len(STATISTICS), sharey=True)
    for panel, statistic in zip(panels, STATISTICS, strict=True):
        for place, (ranking, weights) in enumerate(rankings):
            value, low, high = result.estimate(measurement, ranking, weights, statistic)
            colour = {CEILING: LIMIT_COLOUR, MACS: _REST_COLOUR}.get(ranking, FRONT_COLOUR)
            panel.plot([low, high], [place, place], color=colour, linewidth=2, solid_capstyle="butt")
            filled = colour if weights != INHERITED else "white"
            panel.plot(value, place, "o", color=colour, markerfacecolor=filled, markersize=7)
            if ranking == CEILING:
                panel.axvline(value, color=colour, linewidth=1, linestyle="--", zorder=0)
        panel.axvline(0, color="0.6", linewidth=1, zorder=0)
        panel.set(
            title=TITLES[statistic], xlabel="with networks trained alone", xlim=(min(-0.2, panel.get_xlim()[0]), 1.02)
        )
        _plain(panel)
    panels[0].set_yticks(range(len(rankings)), [_label(ranking, weights) for ranking, weights in rankings])
    panels[0].set_ylim(-0.6, len(rankings) - 0.4)
    count = int(result.whole.sum())
    what = f"{result.record['space']}: rank correlation of {count} networks by {axis_of(measurement).label}"
    figure.suptitle(f"{what}; 95 % intervals", fontsize=11)
    return figure


def _label(ranking: str, weights: str) -> str:
    others = {CEILING: "ceiling: another seed alone", MACS: "by MACs alone"}
    return others.get(ranking, ranking_name(ranking, weights))


def _is_alone(column: ScoreColumn, measurement: str) -> bool:
    return (column.source, column.measurement) == ("alone", measurement)


def _plain(panel: Axes) -> None:
    panel.grid(color="0.92")
    panel.set_axisbelow(True)
    for side in ("top", "right"):
        panel.spines[side].set_visible(False)
