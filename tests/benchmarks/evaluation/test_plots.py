"""Plots: what they show, apart from how it is drawn."""

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from lighttrack_nas.benchmarks.evaluation.evaluation_result import EvaluationResult
from lighttrack_nas.benchmarks.evaluation.metrics import Curves
from lighttrack_nas.benchmarks.evaluation.one_pass import evaluate
from lighttrack_nas.benchmarks.evaluation.plots import (
    precision_info,
    precision_plot,
    save_figures,
    success_info,
    success_plot,
)
from lighttrack_nas.trackers.data.sequence import Sequence

FLAT = Curves(np.full(21, 0.25), np.full(51, 0.5), np.full(51, 0.5))
FALLING = Curves(np.linspace(1, 0, 21), np.linspace(0, 1, 51), np.linspace(0, 1, 51))
EMPTY = Curves(np.full(21, np.nan), np.full(51, np.nan), np.full(51, np.nan))


def test_lines_come_best_first_with_their_score() -> None:
    results = {"none": EMPTY, "flat": FLAT, "falling": FALLING}

    success, precision = success_info(results), precision_info(results)

    # the mean of 1, .95 ... 0 is .5; at 20 of 50 pixels a straight rise has reached .4
    assert [line.label for line in success.lines] == ["[0.500] falling", "[0.250] flat", "[  -  ] none"]
    assert [line.label for line in precision.lines] == ["[0.500] flat", "[0.400] falling", "[  -  ] none"]
    assert precision.mark == 20
    np.testing.assert_array_equal(success.lines[0].values, FALLING.success)


@pytest.mark.parametrize(("plot", "unit"), [(success_plot, "intersection over union"), (precision_plot, "pixels")])
@pytest.mark.parametrize("results", [{}, {"none": EMPTY}, {"_hidden": FLAT, "costs $5 and $x^": FALLING}])
def test_figures_name_their_axes_and_trackers(plot: Callable, unit: str, results: dict[str, Curves]) -> None:
    figure = plot(results)
    figure.canvas.draw()
    (axes,) = figure.axes

    assert unit in axes.get_xlabel()
    assert "share of frames" in axes.get_ylabel()
    assert [len(legend.get_texts()) for legend in figure.legends] == ([len(results)] if results else [])


def test_a_tracker_keeps_its_colour_where_the_order_changes() -> None:
    results = {"flat": FLAT, "falling": FALLING}

    success, precision = success_plot(results).axes[0].get_lines(), precision_plot(results).axes[0].get_lines()[1:]

    # the first line of the precision plot marks the 20 pixels
    assert [line.get_label()[8:] for line in success] == ["falling", "flat"]
    assert [line.get_label()[8:] for line in precision] == ["flat", "falling"]
    assert [line.get_color() for line in success] == [line.get_color() for line in precision][::-1]


def test_many_trackers_are_told_apart() -> None:
    lines = success_plot({f"tracker {i}": FLAT for i in range(20)}).axes[0].get_lines()

    assert len({(line.get_color(), line.get_linestyle()) for line in lines}) == 20


def test_saved_figures_are_pictures(make_sequence: Callable[..., Sequence], scripted: type, tmp_path: Path) -> None:
    boxes = [[10, 10, 10, 10]] * 4
    result: EvaluationResult = evaluate(scripted(boxes), [make_sequence(boxes)], tmp_path, {"tracker": "still"})

    written = save_figures(result, tmp_path / "figures")

    assert [path.name for path in written] == ["success.png", "precision.png"]
    for path in written:
        assert cv2.imread(str(path)).shape[1] == 960
