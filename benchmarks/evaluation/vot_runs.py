"""One run under VOT's supervised protocol, and its files in VOT's text format."""

from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path

import numpy as np

from lighttrack_nas.benchmarks.evaluation.result_files import (
    boxes_path,
    read_sizes,
    read_times,
    times_path,
    write_sizes,
)
from lighttrack_nas.benchmarks.evaluation.vot_regions import region_overlap
from lighttrack_nas.trackers.base.errors import InputError
from lighttrack_nas.trackers.base.files import write_atomically
from lighttrack_nas.trackers.base.parsing import parse_number, read_text
from lighttrack_nas.trackers.data.sequence import Sequence as Video


class State(IntEnum):
    """What happened on a frame; the first three are the codes of VOT's files, where TRACKED is a region."""

    SKIPPED = 0
    STARTED = 1
    FAILED = 2
    TRACKED = 3


@dataclass(frozen=True, eq=False)
class SupervisedRun:
    """One sequence under the supervised protocol.

    Attributes:
        states: ``(frames,)`` ints, `State`.
        boxes: ``(frames, 4)`` x, y, w, h, pixels; NaN on frames that are not TRACKED.
        overlaps: ``(frames,)`` 0 to 1; NaN on frames that are not TRACKED or have no ground truth.
        times: ``(frames,)`` seconds; NaN on frames that were SKIPPED.
        sizes: ``(frames, 2)`` width and height of the frames, pixels.
    """

    states: np.ndarray
    boxes: np.ndarray
    overlaps: np.ndarray
    times: np.ndarray
    sizes: np.ndarray


def write_run(output: Path, name: str, run: SupervisedRun) -> None:
    """Write one sequence in VOT's text format, boxes with 4 decimals, and its times (NaN where skipped)."""
    lines = [
        ",".join(f"{value:.4f}" for value in box) if state == State.TRACKED else str(int(state))
        for state, box in zip(run.states, run.boxes, strict=True)
    ]
    write_sizes(output, name, run.sizes)
    write_atomically(times_path(output, name), "".join(f"{seconds:.8f}\n" for seconds in run.times))
    # The regions come last: where they are, the times are.
    write_atomically(boxes_path(output, name), "".join(f"{line}\n" for line in lines))


def read_supervised_run(output: Path, sequence: Video) -> SupervisedRun | None:
    """Read what `write_run` wrote; the overlaps are computed anew from the boxes.

    Returns:
        The run, or None if a file is missing or has another number of lines than the sequence has frames.

    Raises:
        InputError: A file does not hold VOT's format (the message names file and line), or the first image, which gives
            the size of the frame, cannot be read.
    """
    path = boxes_path(output, sequence.name)
    if not (path.is_file() and times_path(output, sequence.name).is_file()):
        return None
    lines, times = read_text(path, "result file").splitlines(), read_times(times_path(output, sequence.name))
    if not len(lines) == len(times) == len(sequence):
        return None
    states, boxes, overlaps = np.empty(len(lines), int), np.full((len(lines), 4), np.nan), np.full(len(lines), np.nan)
    sizes = read_sizes(output, sequence)
    for index, line in enumerate(lines):
        states[index], boxes[index] = _parse(line, f"{path}, line {index + 1}")
        region = region_of(sequence, index)
        if states[index] == State.TRACKED and region is not None:
            overlaps[index] = region_overlap(region, boxes[index], (sizes[index, 0], sizes[index, 1]))
    return SupervisedRun(states, boxes, overlaps, times, sizes)


def region_of(sequence: Video, index: int) -> np.ndarray | None:
    """The true region of a frame, ``(8,)`` corners or ``(4,)`` x, y, w, h; None where there is none."""
    region = sequence.boxes[index] if sequence.polygons is None else sequence.polygons[index]
    return None if sequence.absent[index] or not np.isfinite(region).all() else region


def _parse(line: str, where: str) -> tuple[State, np.ndarray]:
    nothing = np.full(4, np.nan)
    try:
        values = [parse_number(cell) for cell in line.split(",")]
        if len(values) == 1 and values[0] in (State.SKIPPED, State.STARTED, State.FAILED):
            return State(int(values[0])), nothing
        if len(values) == 4:
            return State.TRACKED, np.array(values)
    except ValueError:
        pass
    raise InputError(f"{where}: expected 0, 1, 2 or a box x,y,w,h, got '{line}'")
