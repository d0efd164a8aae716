"""VOT's supervised, reset-based protocol: accuracy, robustness and expected average overlap.

The protocol of the VOT challenges until 2019 (Kristan et al., "A novel performance evaluation methodology for
single-target trackers", TPAMI 2016; VOT2015 for the expected average overlap): the tracker is started on the first
frame; where its box and the true region do not overlap at all it has failed, and it is started again five frames later.
Regions are rotated quadrilaterals or boxes, and only what lies inside the image counts.

Differences from the VOT toolkit: overlaps are exact areas, where the toolkit counts pixels; a tracker runs once, where
the toolkit averages up to 15 runs of one that is not deterministic; frames without ground truth, which VOT's data does
not have, can neither fail nor be started on, and are not scored.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
import pandas as pd

from lighttrack_nas.benchmarks.evaluation.metrics import frames_per_second
from lighttrack_nas.benchmarks.evaluation.result_files import sequence_table, to_json, write_run_record, write_summary
from lighttrack_nas.benchmarks.evaluation.sequence_runs import (
    AfterSequence,
    TrackerSource,
    check_output,
    fresh_tracker,
    run_each,
)
from lighttrack_nas.benchmarks.evaluation.vot_eao import (
    Fragment,
    expected_average_overlap,
    expected_overlap_curve,
    typical_lengths,
)
from lighttrack_nas.benchmarks.evaluation.vot_regions import region_overlap
from lighttrack_nas.benchmarks.evaluation.vot_runs import (
    State,
    SupervisedRun,
    read_supervised_run,
    region_of,
    write_run,
)
from lighttrack_nas.trackers.base.boxes import checked_box, polygon_to_box
from lighttrack_nas.trackers.base.errors import InputError
from lighttrack_nas.trackers.data.sequence import Sequence as Video
from lighttrack_nas.trackers.tracking.protocol import Tracker

BURN_IN = 10
"""Frames from a (re-)start on, its own included, that accuracy leaves out: they profit from the true box."""
RESTART_AFTER = 5
"""Frames from a failure to the next start."""


@dataclass(frozen=True, eq=False)
class SupervisedResult:
    """Figures of one tracker under the supervised protocol.

    Attributes:
        overall: `accuracy`, `failures`, `failures_per_100_frames`, `robustness`, `eao`, `fps`, `scored_sequences` (see
            `summarise`).
        sequences: Name of the sequence -> `accuracy`, `failures`, `failures_per_100_frames`, `robustness`, `frames`,
            `fps`.
        failures: Name of the sequence -> why it could not be evaluated, one line.
        curve: ``(longest sequence,)`` expected average overlap for each length.
        interval: The lengths that `eao` averages over, both ends included.
        record: What was run.
        left_out: Name of a sequence that was not read -> why, one line.
    """

    overall: dict[str, float]
    sequences: dict[str, dict[str, float]]
    failures: dict[str, str]
    curve: np.ndarray
    interval: tuple[int, int]
    record: dict[str, Any] = field(default_factory=dict)
    left_out: dict[str, str] = field(default_factory=dict)

    def table(self) -> pd.DataFrame:
        """One row a sequence, named by it, one column a figure."""
        return sequence_table(self.sequences)

    def to_json(self) -> str:
        """The content of ``summary.json``: the figures, `left_out` and `run`; null for NaN."""
        return to_json(
            {
                "overall": self.overall,
                "eao_interval": self.interval,
                "sequences": self.sequences,
                "failures": self.failures,
                "left_out": self.left_out,
                "run": self.record,
            }
        )

    def save(self, output: Path | str) -> None:
        """Write ``summary.json`` and ``summary.csv`` (the table) to a folder, made if missing."""
        write_summary(output, self.to_json(), self.table())


def run_supervised(tracker: Tracker, sequence: Video) -> SupervisedRun:
    """Run a tracker over a sequence, starting it again after failures.

    Args:
        tracker: Anything with `init` and `update`.
        sequence: With polygons, or boxes only.

    Returns:
        What happened on every frame. After a failure on frame f the tracker starts on frame f + 5, or on the first
        frame after that with a true region that touches the image.

    Raises:
        InputError: The first frame has no usable region, or an image cannot be read.
    """
    frames = len(sequence)
    states, times = np.full(frames, State.SKIPPED, int), np.full(frames, np.nan)
    boxes, overlaps = np.full((frames, 4), np.nan), np.full(frames, np.nan)
    sizes = np.empty((frames, 2), int)
    next_start: int | None = 0
    for index, frame in enumerate(sequence.frames()):
        sizes[index] = frame.shape[1::-1]
        if next_start is not None:
            start_box = _start_box(sequence, index, frame.shape) if index >= next_start else None
            if start_box is None:
                continue
            begin = perf_counter()
            tracker.init(frame, start_box)
            times[index] = perf_counter() - begin
            states[index], next_start = State.STARTED, None
            continue
        begin = perf_counter()
        box, _ = tracker.update(frame)
        times[index] = perf_counter() - begin
        region = region_of(sequence, index)
        if region is not None:
            overlaps[index] = region_overlap(region, box, (frame.shape[1], frame.shape[0]))
        if overlaps[index] <= 0:
            states[index], overlaps[index], next_start = State.FAILED, np.nan, index + RESTART_AFTER
        else:
            states[index], boxes[index] = State.TRACKED, box
    return SupervisedRun(states, boxes, overlaps, times, sizes)


def accuracy(run: SupervisedRun) -> float:
    """Mean overlap of the tracked frames of one sequence, without the burn-in.

    Returns:
        0 to 1; NaN if no frame counts.
    """
    counted = ~np.isnan(run.overlaps)
    for start in np.flatnonzero(run.states == State.STARTED):
        counted[start : start + BURN_IN] = False
    return float(run.overlaps[counted].mean()) if counted.any() else float("nan")


def fragments(run: SupervisedRun) -> Iterator[Fragment]:
    """Cut a run at its (re-)starts, for the expected average overlap. The burn-in counts here, as in VOT."""
    for start in np.flatnonzero(run.states == State.STARTED):
        ends = np.flatnonzero(run.states[start:] == State.FAILED)
        overlaps = run.overlaps[start : start + ends[0] if len(ends) else None]
        # The start itself has no overlap but a place; later frames without ground truth have neither.
        kept = ~np.isnan(overlaps)
        kept[0] = True
        yield Fragment(np.nan_to_num(overlaps[kept]), failed=bool(len(ends)))


def sequence_figures(run: SupervisedRun) -> dict[str, float]:
    """`accuracy`, `failures`, `failures_per_100_frames`, `robustness`, `frames` and `fps` of one sequence."""
    failures = int((run.states == State.FAILED).sum())
    return {
        "accuracy": accuracy(run),
        "failures": failures,
        "failures_per_100_frames": 100 * failures / len(run.states),
        "robustness": float(failures),
        "frames": len(run.states),
        "fps": frames_per_second([_update_times(run)]),
    }


def summarise(runs: Sequence[SupervisedRun], interval: tuple[int, int]) -> tuple[dict[str, float], np.ndarray]:
    """The figures of a data set.

    Args:
        runs: One a sequence, in any order; at least one.
        interval: Lengths that EAO averages over, both ends included.

    Returns:
        The figures and the curve of the expected average overlap. `accuracy` averages the sequences' accuracies, each
        weighted by the frames of the sequence, as the VOT toolkit does (which counts a sequence where no frame outlives
        the burn-in as 0; here it is left out). `failures` is their number over all sequences, and
        `failures_per_100_frames` that number over all frames, times 100. `robustness` is the VOT toolkit's "R": the
        mean number of failures of a sequence, each sequence weighted by its frames (`AverageAccuracyRobustness` in
        votchallenge/toolkit, `vot/analysis/supervised.py`); less is better, and of one sequence it is the number of its
        failures. It is not the "R" of pysot's toolkit, which is `failures_per_100_frames`.
        `eao` as in `vot_eao`. `fps` is frames per second of `update`. `scored_sequences` is how many sequences have a
        frame that could be compared with ground truth.
    """
    accuracies = np.array([accuracy(run) for run in runs])
    weights = np.array([len(run.states) for run in runs], float)
    known = ~np.isnan(accuracies)
    failed = np.array([int((run.states == State.FAILED).sum()) for run in runs])
    failures = int(failed.sum())
    curve = expected_overlap_curve([part for run in runs for part in fragments(run)], int(weights.max()))
    return {
        "accuracy": float(np.average(accuracies[known], weights=weights[known])) if known.any() else float("nan"),
        "failures": failures,
        "failures_per_100_frames": 100 * failures / float(weights.sum()),
        "robustness": float(np.average(failed, weights=weights)),
        "eao": expected_average_overlap(curve, interval),
        "fps": frames_per_second(_update_times(run) for run in runs),
        "scored_sequences": sum(_is_scored(run) for run in runs),
    }, curve


def evaluate_supervised(
    tracker: TrackerSource,
    sequences: Sequence[Video],
    output: Path | str,
    record: Mapping[str, Any],
    interval: tuple[int, int] | None = None,
    progress: AfterSequence | None = None,
) -> SupervisedResult:
    """Run a tracker over sequences under the supervised protocol and measure it.

    Results are files in VOT's text format, ``DIR/SEQ/SEQ_001.txt``: a line a frame, 1 for a start, 2 for a failure, 0
    for a frame skipped, else ``x,y,w,h``. Resuming, bad input and interruption are handled as in `evaluation.evaluate`.

    Args:
        tracker: A tracker, or a function that makes one.
        sequences: The videos, with unique names.
        output: The folder for the results; made if missing. Not one that `evaluate` writes to, nor one of the data
            set's own.
        record: What is run, JSON-able; kept in ``run.json``.
        interval: Lengths that EAO averages over, both ends included; None estimates them from the sequences
            (`typical_lengths`). Published figures use `vot_eao.PUBLISHED_INTERVALS`.
        progress: Called after each sequence; None for silence.

    Returns:
        The figures; `save` writes them.

    Raises:
        InputError: No sequences, two of one name, `output` lies in the data set, or it holds results of another record
            or of none.
    """
    output = Path(output)
    check_output(output, sequences)
    write_run_record(output, {"protocol": "vot supervised", **record})

    def one(sequence: Video) -> SupervisedRun:
        kept = _kept_run(output, sequence)
        if kept is not None:
            return kept
        write_run(output, sequence.name, run_supervised(fresh_tracker(tracker), sequence))
        run = read_supervised_run(output, sequence)
        assert run is not None
        return run

    runs, failures = run_each(sequences, one, sequence_figures, progress)
    interval = interval or typical_lengths([len(sequence) for sequence in sequences])
    overall, curve = summarise(list(runs.values()), interval) if runs else ({}, np.empty(0))
    return SupervisedResult(
        overall, {name: sequence_figures(run) for name, run in runs.items()}, failures, curve, interval, dict(record)
    )


def _kept_run(output: Path, sequence: Video) -> SupervisedRun | None:
    try:
        return read_supervised_run(output, sequence)
    except InputError:
        # A damaged file is as good as none. What else is wrong (a name, an image) shows again when the tracker runs.
        return None


def _is_scored(run: SupervisedRun) -> bool:
    return bool((~np.isnan(run.overlaps) | (run.states == State.FAILED)).any())


def _start_box(sequence: Video, index: int, frame_shape: tuple[int, ...]) -> np.ndarray | None:
    """The upright box to start on; None if a frame after the first has none that a tracker could start on."""
    region = region_of(sequence, index)
    box = np.full(4, np.nan) if region is None else polygon_to_box(region) if len(region) == 8 else region
    try:
        return checked_box(box, frame_shape, f"{sequence.source or sequence.name}, frame {index + 1}")
    except InputError:
        if index == 0:
            raise
        return None


def _update_times(run: SupervisedRun) -> np.ndarray:
    return np.where(run.states == State.STARTED, np.nan, run.times)
