"""Run a tracker over sequences, keep its results on disk, and turn them into figures.

One-pass evaluation: the tracker is started on the first frame's box and never helped again.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter
from typing import Any, TypeVar

import numpy as np
import pandas as pd

from lighttrack_nas.benchmarks import metrics
from lighttrack_nas.benchmarks.results import read_result, to_json, write_result, write_run_record
from lighttrack_nas.trackers.boxes import checked_box
from lighttrack_nas.trackers.errors import InputError
from lighttrack_nas.trackers.files import write_atomically
from lighttrack_nas.trackers.protocol import Tracker
from lighttrack_nas.trackers.sequence import Sequence as Video

T = TypeVar("T")
TrackerSource = Tracker | Callable[[], Tracker]
"""A tracker, or a function that makes one; it is called once for every sequence that must be run."""
Progress = Callable[[str, Mapping[str, float] | None], None]
"""Called after each sequence with its name and figures; the figures are None if it failed."""


@dataclass(frozen=True, eq=False)
class Track:
    """What a tracker said of one sequence.

    Attributes:
        boxes: ``(frames, 4)`` x, y, w, h, pixels; the first is the box given.
        times: ``(frames,)`` seconds in `init` (the first) and `update`, image decoding excluded.
        scores: ``(frames,)`` the tracker's own confidence; NaN for the first frame.
    """

    boxes: np.ndarray
    times: np.ndarray
    scores: np.ndarray


@dataclass(frozen=True, eq=False)
class EvaluationResult:
    """Figures of one tracker over sequences; `metrics` says what each is. Rates are fractions, 0 to 1.

    Attributes:
        overall: Name of the figure -> value over all sequences that were scored.
        sequences: Name of the sequence -> name of the figure -> value.
        failures: Name of the sequence -> why it could not be evaluated, one line.
        curves: Mean success and precision curves.
        record: What was run.
    """

    overall: dict[str, float]
    sequences: dict[str, dict[str, float]]
    failures: dict[str, str]
    curves: metrics.Curves
    record: dict[str, Any] = field(default_factory=dict)

    def table(self) -> pd.DataFrame:
        """One row a sequence, named by it, one column a figure."""
        return pd.DataFrame.from_dict(self.sequences, orient="index").rename_axis("sequence")

    def to_json(self) -> str:
        """The content of ``summary.json``: `overall`, `sequences`, `failures`, `run`; null for what is not a number."""
        return to_json(
            {"overall": self.overall, "sequences": self.sequences, "failures": self.failures, "run": self.record}
        )

    def save(self, output: Path) -> None:
        """Write ``summary.json`` and ``summary.csv`` (the table) to a folder, made if missing."""
        write_atomically(output / "summary.json", self.to_json())
        write_atomically(output / "summary.csv", self.table().to_csv())


def run_sequence(tracker: Tracker, sequence: Video) -> Track:
    """Start a tracker on a sequence's first box and follow the target to the end.

    Args:
        tracker: Anything with `init` and `update`.
        sequence: The video; only its first box is used.

    Returns:
        Boxes, times and scores of every frame.

    Raises:
        InputError: The first box is none, or an image cannot be read.
    """
    boxes, times, scores = np.empty((len(sequence), 4)), np.empty(len(sequence)), np.full(len(sequence), np.nan)
    for index, frame in enumerate(sequence.frames()):
        if index == 0:
            boxes[0] = checked_box(sequence.boxes[0], frame.shape, f"{sequence.source or sequence.name}, first box")
            start = perf_counter()
            tracker.init(frame, boxes[0])
        else:
            start = perf_counter()
            boxes[index], scores[index] = tracker.update(frame)
        times[index] = perf_counter() - start
    return Track(boxes, times, scores)


def evaluate(
    tracker: TrackerSource,
    sequences: Sequence[Video],
    output: Path,
    record: Mapping[str, Any],
    progress: Progress | None = None,
) -> EvaluationResult:
    """Run a tracker over sequences and measure it.

    Results are files in the GOT-10k layout (see `results`), each written when its sequence is done. A second call with
    the same record runs only what is missing; an interrupted call leaves what it did. The figures are computed from
    the files, so a resumed run gives what an uninterrupted one gives.

    A sequence whose images or boxes cannot be read is reported in `failures`, and the others go on.

    Args:
        tracker: A tracker, or a function that makes one.
        sequences: The videos, with unique names. Where no box is known after the first frame (test splits), results
            are written and the figures are NaN.
        output: The folder for the results; made if missing.
        record: What is run, JSON-able; kept in ``run.json``.
        progress: Called after each sequence; None for silence.

    Returns:
        The figures; `save` writes them.

    Raises:
        InputError: No sequences, two of one name, or `output` holds results of another record.
    """
    write_run_record(output, record)

    def one(sequence: Video) -> tuple[metrics.FrameScores, np.ndarray]:
        if read_result(output, sequence.name, len(sequence)) is None:
            track = run_sequence(fresh_tracker(tracker), sequence)
            write_result(output, sequence.name, track.boxes, track.times)
        found = read_result(output, sequence.name, len(sequence))
        assert found is not None
        boxes, times = found
        # The first box is given, not found: the file's decimals must not make it look missed by a hair.
        boxes[0] = sequence.boxes[0]
        return metrics.score_frames(boxes, sequence.boxes, sequence.absent), times

    def figures(done: tuple[metrics.FrameScores, np.ndarray]) -> dict[str, float]:
        return {**metrics.sequence_metrics(done[0]), "fps": metrics.frames_per_second([done[1]])}

    results, failures = run_each(sequences, one, figures, progress)
    scores = [frame_scores for frame_scores, _ in results.values()]
    return EvaluationResult(
        overall={
            **metrics.overall_metrics(scores),
            "fps": metrics.frames_per_second(times for _, times in results.values()),
        },
        sequences={name: figures(done) for name, done in results.items()},
        failures=failures,
        curves=metrics.mean_curves(scores),
        record=dict(record),
    )


def fresh_tracker(source: TrackerSource) -> Tracker:
    """Take the tracker, or make one if a function (or a class) was given."""
    return source if isinstance(source, Tracker) and not isinstance(source, type) else source()


def run_each(
    sequences: Sequence[Video],
    one: Callable[[Video], T],
    figures: Callable[[T], Mapping[str, float]],
    progress: Progress | None = None,
) -> tuple[dict[str, T], dict[str, str]]:
    """Do something with every sequence; one whose input is bad does not stop the others.

    Args:
        sequences: The videos.
        one: What to do with each.
        figures: What `progress` is told of it.
        progress: Called after each sequence.

    Returns:
        Results by name, and messages of the sequences that raised InputError by name.

    Raises:
        InputError: No sequences, or two of one name.
    """
    _check_names([sequence.name for sequence in sequences])
    results: dict[str, T] = {}
    failures: dict[str, str] = {}
    for sequence in sequences:
        try:
            results[sequence.name] = one(sequence)
        except InputError as error:
            failures[sequence.name] = " ".join(str(error).split())
        if progress is not None:
            progress(sequence.name, figures(results[sequence.name]) if sequence.name in results else None)
    return results, failures


def _check_names(names: Iterable[str]) -> None:
    seen: set[str] = set()
    for name in names:
        if name in seen:
            raise InputError(f"two sequences are called '{name}'; their results would overwrite each other")
        seen.add(name)
    if not seen:
        raise InputError("there are no sequences to evaluate")
