"""Run a tracker over sequences, keep its results on disk, and turn them into figures.

One-pass evaluation: the tracker is started on the first frame's box and never helped again.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np

from lighttrack_nas.benchmarks.evaluation.evaluation_result import (
    EvaluationResult,
    ScoredSequence,
    score_sequence,
    summarise,
)
from lighttrack_nas.benchmarks.evaluation.result_files import (
    read_presence,
    read_result,
    read_sizes,
    write_presence,
    write_result,
    write_run_record,
    write_sizes,
)
from lighttrack_nas.benchmarks.evaluation.sequence_runs import (
    AfterSequence,
    TrackerSource,
    check_output,
    fresh_tracker,
    run_each,
)
from lighttrack_nas.trackers.base.boxes import checked_box
from lighttrack_nas.trackers.data.sequence import Sequence as Video
from lighttrack_nas.trackers.tracking.protocol import Tracker


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

    def one(sequence: Video) -> ScoredSequence:
        # Results of earlier versions say nothing of presence.
        silent = of_absences and read_presence(output, sequence.name, len(sequence)) is None
        if silent or read_result(output, sequence.name, len(sequence)) is None:
            track = run_sequence(fresh_tracker(tracker), sequence)
            write_sizes(output, sequence.name, track.sizes)
            write_presence(output, sequence.name, np.stack([track.scores, track.presence, track.lost], axis=1))
            write_result(output, sequence.name, track.boxes, track.times)
        boxes_and_times = read_result(output, sequence.name, len(sequence))
        assert boxes_and_times is not None
        said = read_presence(output, sequence.name, len(sequence))
        return score_sequence(sequence, *boxes_and_times, said, read_sizes(output, sequence) if clip else None)

    results, failures = run_each(sequences, one, lambda done: done.figures, progress)
    return summarise(results, failures, record)
