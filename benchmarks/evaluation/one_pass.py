"""Run a tracker over sequences, keep its results on disk, and turn them into figures.

One-pass evaluation: the tracker is started on the first frame's box and never helped again.
"""

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter
from typing import Any, TypeVar

import numpy as np
import pandas as pd

from lighttrack_nas.benchmarks.evaluation import metrics
from lighttrack_nas.benchmarks.evaluation.presence_metrics import PresenceFrames, presence_metrics
from lighttrack_nas.benchmarks.evaluation.result_files import (
    read_presence,
    read_result,
    read_sizes,
    sequence_table,
    to_json,
    write_presence,
    write_result,
    write_run_record,
    write_sizes,
    write_summary,
)
from lighttrack_nas.trackers.base.boxes import checked_box
from lighttrack_nas.trackers.base.errors import InputError
from lighttrack_nas.trackers.data.sequence import Sequence as Video
from lighttrack_nas.trackers.tracking.protocol import Tracker

T = TypeVar("T")
TrackerSource = Tracker | Callable[[], Tracker]
"""A tracker, or a function that makes one; it is called once for every sequence that must be run."""
AfterSequence = Callable[[str, Mapping[str, float] | None], None]
"""Called after each sequence with its name and figures; the figures are None if it failed."""


@dataclass(frozen=True, eq=False)
class Track:
    """What a tracker said of one sequence.

    Attributes:
        boxes: ``(frames, 4)`` x, y, w, h, pixels; the first is the box given.
        times: ``(frames,)`` seconds in `init` (the first) and `update`, image decoding excluded.
        scores: ``(frames,)`` the tracker's own confidence; NaN for the first frame.
        presence: ``(frames,)`` the probability that it states; NaN where it states none.
        lost: ``(frames,)`` bool, it calls the target lost.
        sizes: ``(frames, 2)`` width and height of the frames, pixels.
    """

    boxes: np.ndarray
    times: np.ndarray
    scores: np.ndarray
    presence: np.ndarray
    lost: np.ndarray
    sizes: np.ndarray


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
    presence, lost = np.full(len(sequence), np.nan), np.zeros(len(sequence), bool)
    sizes = np.empty((len(sequence), 2), int)
    for index, frame in enumerate(sequence.frames()):
        sizes[index] = frame.shape[1::-1]
        if index == 0:
            boxes[0] = checked_box(sequence.boxes[0], frame.shape, f"{sequence.source or sequence.name}, first box")
            start = perf_counter()
            tracker.init(frame, boxes[0])
        else:
            start = perf_counter()
            answer = tracker.update(frame)
            boxes[index], scores[index] = answer
            # Other people's trackers say neither.
            stated = getattr(answer, "presence", None)
            presence[index] = np.nan if stated is None else stated
            lost[index] = getattr(answer, "lost", False)
        times[index] = perf_counter() - start
    return Track(boxes, times, scores, presence, lost, sizes)


def evaluate(
    tracker: TrackerSource,
    sequences: Sequence[Video],
    output: Path | str,
    record: Mapping[str, Any],
    progress: AfterSequence | None = None,
    *,
    clip: bool = False,
) -> EvaluationResult:
    """Run a tracker over sequences and measure it.

    Results are files in the GOT-10k layout (see `results`), each written when its sequence is done. A second call with
    the same record runs only what is missing or damaged; an interrupted call leaves what it did. The figures are
    computed from the files, so a resumed run gives what an uninterrupted one gives.

    A sequence whose images or boxes cannot be read is reported in `failures`, and the others go on.

    Args:
        tracker: A tracker, or a function that makes one.
        sequences: The videos, with unique names. Where no box is known after the first frame (test splits), results
            are written, the figures are NaN, and the sequence is left out of the means.
        output: The folder for the results; made if missing. Not one of the data set's own.
        record: What is run, JSON-able; kept in ``run.json``. It should say `clip`, too, if that is used.
        progress: Called after each sequence; None for silence.
        clip: Clip all boxes to the frame before the overlap. The got10k toolkit does
            so for GOT-10k, and its numbers come out: its `ao` and `sr` of a sequence are `ao` and `sr50`, those of its
            `overall` are `ao_frames` and `sr50_frames`.

    Returns:
        The figures; `save` writes them.

    Raises:
        InputError: No sequences, two of one name, `output` lies in the data set, or it holds results of another record
            or of none.
    """
    output = Path(output)
    check_output(output, sequences)
    write_run_record(output, record)

    of_absences = any(sequence.absent[1:].any() for sequence in sequences)

    def one(sequence: Video) -> tuple[metrics.FrameScores, np.ndarray]:
        # Results of earlier versions say nothing of presence.
        silent = of_absences and read_presence(output, sequence.name, len(sequence)) is None
        if silent or read_result(output, sequence.name, len(sequence)) is None:
            track = run_sequence(fresh_tracker(tracker), sequence)
            write_sizes(output, sequence.name, track.sizes)
            write_presence(output, sequence.name, np.stack([track.scores, track.presence, track.lost], axis=1))
            write_result(output, sequence.name, track.boxes, track.times)
        found = read_result(output, sequence.name, len(sequence))
        assert found is not None
        boxes, times = found
        # The first box is given, not found: the file's decimals must not make it look missed by a hair.
        boxes[0] = sequence.boxes[0]
        sizes = read_sizes(output, sequence) if clip else None
        return metrics.score_frames(boxes, sequence.boxes, sequence.absent, sizes), times

    def figures(done: tuple[metrics.FrameScores, np.ndarray]) -> dict[str, float]:
        return {**metrics.sequence_metrics(done[0]), "fps": metrics.frames_per_second([done[1]])}

    results, failures = run_each(sequences, one, figures, progress)
    said = [_said(output, sequence, results[sequence.name][0]) for sequence in sequences if sequence.name in results]
    of_presence = presence_metrics([each for each in said if each is not None])
    scores = [frame_scores for frame_scores, _ in results.values()]
    return EvaluationResult(
        overall={
            **metrics.overall_metrics(scores),
            "fps": metrics.frames_per_second(times for _, times in results.values()),
            "scored_sequences": sum(map(metrics.is_scored, scores)),
            # Only where absent frames are labelled.
            **{name: value for name, value in of_presence.items() if not np.isnan(value)},
        },
        sequences={name: figures(done) for name, done in results.items()},
        failures=failures,
        curves=metrics.mean_curves(scores),
        record=dict(record),
    )


def _said(output: Path, sequence: Video, scores: metrics.FrameScores) -> PresenceFrames | None:
    """What a tracker said of a sequence's frames after the first; None where it is not on disk."""
    said = read_presence(output, sequence.name, len(sequence))
    if said is None:
        return None
    confidence, presence, lost = said[1:].T
    return PresenceFrames(scores.overlaps[1:], np.asarray(sequence.absent[1:], bool), confidence, lost > 0, presence)


def check_output(output: Path, sequences: Iterable[Video]) -> None:
    """Refuse a folder for results that would mix them with a data set.

    A folder somewhere above a data set will do, as long as results do not go to the sequences' own folders.

    Args:
        output: The folder for the results; need not be there.
        sequences: Of the data set.

    Raises:
        InputError: The folder holds frames or annotation, lies in one that does, or holds the sequences' folders.
    """
    where = output.resolve()
    for sequence in sequences:
        own, above = _data_folders(sequence)
        results = where / Path(sequence.name).name
        for folder in own:
            # The results' folder would be a sequence's, or above its frames (NfS has two levels between).
            mixed = results != where and folder.is_relative_to(results)
            if mixed or where in above or where.is_relative_to(folder):
                raise InputError(f"output '{output}' lies in the data set with '{folder}'; choose another folder")


def fresh_tracker(source: TrackerSource) -> Tracker:
    """Take the tracker, or make one if a function (or a class) was given."""
    return source if isinstance(source, Tracker) and not isinstance(source, type) else source()


def run_each(
    sequences: Sequence[Video],
    one: Callable[[Video], T],
    figures: Callable[[T], Mapping[str, float]],
    progress: AfterSequence | None = None,
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


def _data_folders(sequence: Video) -> tuple[set[Path], set[Path]]:
    """Folders with frames or annotation, and those that hold them."""
    frames = {folder.resolve() for folder in {path.parent for path in sequence.frame_paths}}
    if sequence.source is None:
        return frames, {folder.parent for folder in frames}
    source = sequence.source.parent.resolve()
    # UAV123 and TrackingNet keep frames and annotation in separate trees, whose root is common to both.
    roots = {Path(os.path.commonpath([folder, source])) for folder in frames}
    return frames | {source}, {folder.parent for folder in frames} | {source.parent} | roots


def _check_names(names: Iterable[str]) -> None:
    seen: set[str] = set()
    for name in names:
        if name in seen:
            raise InputError(f"two sequences are called '{name}'; their results would overwrite each other")
        seen.add(name)
    if not seen:
        raise InputError("there are no sequences to evaluate")
