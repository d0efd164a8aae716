"""Boxes of a tracker against the truth, sequence by sequence, and the figures of all of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from lighttrack_nas.benchmarks.evaluation import metrics
from lighttrack_nas.benchmarks.evaluation.presence_metrics import PresenceFrames, presence_metrics
from lighttrack_nas.benchmarks.evaluation.result_files import sequence_table, to_json, write_summary
from lighttrack_nas.trackers.data.sequence import Sequence as Video


@dataclass(frozen=True, eq=False)
class ScoredSequence:
    """One sequence as it was tracked, against the truth.

    Attributes:
        boxes: ``(frames, 4)`` x, y, w, h, pixels; the first is the box given.
        times: ``(frames,)`` seconds in `init` (the first) and `update`; NaN where nobody knows.
        scores: How well each frame was tracked.
        said: What the tracker said of the target's presence; None where it said nothing.
    """

    boxes: np.ndarray
    times: np.ndarray
    scores: metrics.FrameScores
    said: PresenceFrames | None

    @property
    def figures(self) -> dict[str, float]:
        """The figures of `metrics.sequence_metrics`, and `fps`."""
        return {**metrics.sequence_metrics(self.scores), "fps": metrics.frames_per_second([self.times])}


def score_sequence(
    sequence: Video,
    boxes: np.ndarray,
    times: np.ndarray | None = None,
    said: np.ndarray | None = None,
    sizes: np.ndarray | None = None,
) -> ScoredSequence:
    """Compare what a tracker gave for a sequence with the truth.

    Args:
        sequence: The video.
        boxes: ``(frames, 4)`` x, y, w, h, pixels; the first counts as the box given, whatever it is.
        times: ``(frames,)`` seconds; None where nobody knows.
        said: ``(frames, 3)`` score, presence and whether it is lost, 0 or 1; None where the tracker said nothing.
        sizes: ``(frames, 2)`` width and height, to clip boxes to the frame as `metrics.score_frames` does.

    Raises:
        ValueError: The shapes do not fit.
    """
    boxes = np.array(boxes, float)
    # The first box is given, not found: a file's decimals must not make it look missed by a hair.
    boxes[:1] = sequence.boxes[:1]
    scores = metrics.score_frames(boxes, sequence.boxes, sequence.absent, sizes)
    times = np.full(len(sequence), np.nan) if times is None else np.asarray(times, float)
    if said is None:
        return ScoredSequence(boxes, times, scores, None)
    confidence, presence, lost = said[1:].T
    absent = np.asarray(sequence.absent[1:], bool)
    return ScoredSequence(
        boxes, times, scores, PresenceFrames(scores.overlaps[1:], absent, confidence, lost > 0, presence)
    )


@dataclass(frozen=True, eq=False)
class EvaluationResult:
    """Figures of one tracker over sequences; `metrics` says what each is. Rates are fractions, 0 to 1.

    Attributes:
        overall: Name of the figure -> value over all sequences that were scored; `scored_sequences` is how many.
        sequences: Name of the sequence -> name of the figure -> value.
        failures: Name of the sequence -> why it could not be evaluated, one line.
        curves: Mean success and precision curves.
        record: What was run.
        left_out: Name of a sequence that was not read -> why, one line.
    """

    overall: dict[str, float]
    sequences: dict[str, dict[str, float]]
    failures: dict[str, str]
    curves: metrics.Curves
    record: dict[str, Any] = field(default_factory=dict)
    left_out: dict[str, str] = field(default_factory=dict)

    def table(self) -> pd.DataFrame:
        """One row a sequence, named by it, one column a figure."""
        return sequence_table(self.sequences)

    def to_json(self) -> str:
        """The content of ``summary.json``: the attributes, with `record` as `run`; null for what is not a number."""
        return to_json(
            {
                "overall": self.overall,
                "sequences": self.sequences,
                "failures": self.failures,
                "left_out": self.left_out,
                "run": self.record,
            }
        )

    def save(self, output: Path | str) -> None:
        """Write ``summary.json`` and ``summary.csv`` (the table) to a folder, made if missing."""
        write_summary(output, self.to_json(), self.table())


def summarise(
    sequences: Mapping[str, ScoredSequence],
    failures: Mapping[str, str] | None = None,
    record: Mapping[str, Any] | None = None,
) -> EvaluationResult:
    """The figures of a tracker over a data set.

    Args:
        sequences: By name.
        failures: Name of a sequence that could not be evaluated -> why, one line.
        record: What was run, JSON-able.
    """
    scores = [sequence.scores for sequence in sequences.values()]
    of_presence = presence_metrics([sequence.said for sequence in sequences.values() if sequence.said is not None])
    return EvaluationResult(
        overall={
            **metrics.overall_metrics(scores),
            "fps": metrics.frames_per_second(sequence.times for sequence in sequences.values()),
            "scored_sequences": sum(map(metrics.is_scored, scores)),
            # Only where absent frames are labelled.
            **{name: value for name, value in of_presence.items() if not np.isnan(value)},
        },
        sequences={name: sequence.figures for name, sequence in sequences.items()},
        failures=dict(failures or {}),
        curves=metrics.mean_curves(scores),
        record=dict(record or {}),
    )
