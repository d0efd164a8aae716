"""Success and precision plots of one-pass evaluation, as figure objects."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from lighttrack_nas.benchmarks.evaluation.evaluation_result import EvaluationResult
from lighttrack_nas.benchmarks.evaluation.metrics import (
    PRECISION_PIXELS,
    PRECISION_THRESHOLDS,
    SUCCESS_THRESHOLDS,
    Curves,
)
from lighttrack_nas.trackers.base.files import write_atomically

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure

# Okabe and Ito's palette without black and yellow: told apart by most colour-blind eyes, and on white.
_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
_STYLES = ("-", "--", "-.", ":")


class PlottedLine(NamedTuple):
    """One tracker's curve.

    Attributes:
        label: The score and the tracker, for the legend.
        score: The score, 0 to 1.
        values: Share of frames at each threshold, 0 to 1.
        place: Which of the given trackers it is, from 0; decides the colour, which is then the same in every plot.
        x: The x values; None takes the plot's thresholds.
    """

    label: str
    score: float
    values: np.ndarray
    place: int
    x: np.ndarray | None = None


class PlotInfo(NamedTuple):
    """What a plot shows; the lines come best first.

    Attributes:
        title: Above the plot.
        x_label: With the unit.
        y_label: With the unit.
        legend_title: What the numbers in the legend are.
        thresholds: The x values; the first and the last are the axis' ends.
        lines: The curves.
        mark: A threshold to mark, or None.
    """

    title: str
    x_label: str
    y_label: str
    legend_title: str
    thresholds: np.ndarray
    lines: list[PlottedLine]
    mark: float | None


def tracker_colour(place: int) -> str:
    """The colour of a tracker, by its place among those given; the seventh has the first's, in another style."""
    return _COLOURS[place % len(_COLOURS)]


def tracker_style(place: int) -> str:
    """The style of a tracker's lines, for matplotlib."""
    return _STYLES[place // len(_COLOURS) % len(_STYLES)]


def success_info(results: Mapping[str, Curves]) -> PlotInfo:
    """What `success_plot` shows; each score is the area under the curve (the mean of its 21 values, as in OTB)."""
    lines = _best_first({name: (float(curves.success.mean()), curves.success) for name, curves in results.items()})
    return PlotInfo(
        title="Success",
        x_label="overlap threshold (intersection over union)",
        y_label="share of frames with a greater overlap",
        legend_title="area under the curve",
        thresholds=SUCCESS_THRESHOLDS,
        lines=lines,
        mark=None,
    )


def precision_info(results: Mapping[str, Curves]) -> PlotInfo:
    """What `precision_plot` shows; each score is the share of frames within 20 pixels, as in OTB."""
    lines = _best_first(
        {name: (float(curves.precision[PRECISION_PIXELS]), curves.precision) for name, curves in results.items()}
    )
    return PlotInfo(
        title="Precision",
        x_label="centre error threshold (pixels)",
        y_label="share of frames within the threshold",
        legend_title=f"precision at {PRECISION_PIXELS} pixels",
        thresholds=PRECISION_THRESHOLDS,
        lines=lines,
        mark=float(PRECISION_PIXELS),
    )


def presence_info(results: Mapping[str, tuple[np.ndarray, np.ndarray]]) -> PlotInfo:
    """What a plot of presence shows: recall and precision (`precision_recall`), scored by their F-score."""
    lines = []
    for place, (name, (recall, precision)) in enumerate(results.items()):
        total = recall + precision
        f_scores = np.divide(2 * recall * precision, total, out=np.zeros_like(total), where=total > 0)
        score = float(f_scores.max()) if len(f_scores) else float("nan")
        lines.append(PlottedLine(_label(name, score), score, precision, place, recall))
    return PlotInfo(
        title="Presence",
        x_label="recall (mean overlap over frames with the target)",
        y_label="precision (mean overlap over frames with a box)",
        legend_title="F-score",
        thresholds=np.array([0.0, 1.0]),
        lines=_sorted(lines),
        mark=None,
    )


def success_plot(results: Mapping[str, Curves]) -> Figure:
    """Draw success curves.

    Args:
        results: Name of the tracker -> its curves (`EvaluationResult.curves`).

    Returns:
        The figure; show or save it.
    """
    return draw_plots([success_info(results)])


def precision_plot(results: Mapping[str, Curves]) -> Figure:
    """Draw precision curves.

    Args:
        results: Name of the tracker -> its curves (`EvaluationResult.curves`).

    Returns:
        The figure; show or save it.
    """
    return draw_plots([precision_info(results)])


def save_figures(result: EvaluationResult, output: Path | str, name: str | None = None) -> list[Path]:
    """Write ``success.png`` and ``precision.png`` of one tracker.

    Args:
        result: What `evaluate` returned.
        output: The folder; made if missing.
        name: What to call the tracker in the legend; None takes the record's "tracker" if it is text, else "tracker".

    Returns:
        The files written.
    """
    output = Path(output)
    recorded = result.record.get("tracker")
    name = name or (recorded if isinstance(recorded, str) else "tracker")
    figures = {"success.png": success_plot, "precision.png": precision_plot}
    for file, plot in figures.items():
        save_plot(plot({name: result.curves}), output / file)
    return [output / file for file in figures]


def draw_plots(infos: Sequence[PlotInfo]) -> Figure:
    """Draw plots side by side, each with its own legend below, where it hides no curve, the best first."""
    from matplotlib.figure import Figure

    # The figure grows with its legends.
    lines = max(len(info.lines) for info in infos)
    figure = Figure(figsize=(6.4 if len(infos) == 1 else 4.8 * len(infos), 4.4 + 0.22 * (lines + 1)))
    figure.set_layout_engine("constrained")
    parts = [figure] if len(infos) == 1 else list(figure.subfigures(1, len(infos), squeeze=False).flat)
    for part, info in zip(parts, infos, strict=True):
        _draw(part, info)
    return figure


def save_plot(figure: Figure, *paths: Path) -> None:
    """Write a figure to files, in the formats of their endings; the same figure is the same bytes."""
    from matplotlib import rc_context

    for path in paths:
        content, kind = BytesIO(), path.suffix.removeprefix(".")
        metadata = {"Date": None} if kind == "svg" else {}
        with rc_context({"svg.hashsalt": "lighttrack-nas"}):
            figure.savefig(content, format=kind, dpi=150, metadata=metadata)
        write_atomically(path, content.getvalue())


def _best_first(scored: Mapping[str, tuple[float, np.ndarray]]) -> list[PlottedLine]:
    return _sorted(
        [
            PlottedLine(_label(name, score), score, values, place)
            for place, (name, (score, values)) in enumerate(scored.items())
        ]
    )


def _label(name: str, score: float) -> str:
    # The score first, so that the numbers stand below each other; "$" would start a formula.
    return f"[{'  -  ' if np.isnan(score) else f'{score:.3f}'}] {name}".replace("$", r"\$")


def _sorted(lines: list[PlottedLine]) -> list[PlottedLine]:
    return sorted(lines, key=lambda line: -np.inf if np.isnan(line.score) else line.score, reverse=True)


def _draw(figure: Figure | SubFigure, info: PlotInfo) -> None:
    axes: Axes = figure.subplots()
    if info.mark is not None:
        axes.axvline(info.mark, color="0.6", linewidth=1, linestyle=":")
    for line in info.lines:
        axes.plot(
            info.thresholds if line.x is None else line.x,
            line.values,
            label=line.label,
            color=tracker_colour(line.place),
            linestyle=tracker_style(line.place),
            linewidth=2,
        )
    axes.set(
        title=info.title,
        xlabel=info.x_label,
        ylabel=info.y_label,
        xlim=(info.thresholds[0], info.thresholds[-1]),
        ylim=(0, 1.02),
    )
    axes.grid(color="0.9")
    axes.set_axisbelow(True)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    if info.lines:
        figure.legend(title=info.legend_title, loc="outside lower center", frameon=False)
