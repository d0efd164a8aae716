"""Results that trackers left on disk, whoever ran them: boxes of each sequence, read against a data set.

A tracker's folder holds a file of boxes ``x,y,w,h`` (or separated by tabs or spaces) for each sequence, a line a frame,
the first being the box given:

- ``SEQUENCE/SEQUENCE_001.txt``, as GOT-10k, the got10k toolkit, pysot for GOT-10k, and `evaluate` have it. Of several
  repetitions the first is taken.
- ``SEQUENCE.txt``, as OTB, LaSOT, UAV123, TrackingNet, pysot and PyTracking have it.

Seconds a frame are read from ``SEQUENCE_time.txt`` beside the boxes or in ``times``, where they are.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from lighttrack_nas.benchmarks.evaluation.evaluation_result import ScoredSequence, score_sequence
from lighttrack_nas.benchmarks.evaluation.result_files import RECORD_NAME, read_presence, read_run_record, read_sizes
from lighttrack_nas.trackers.base.errors import InputError
from lighttrack_nas.trackers.base.progress import Say
from lighttrack_nas.trackers.data.readers.choosing import shown_names
from lighttrack_nas.trackers.data.readers.text import read_rows
from lighttrack_nas.trackers.data.sequence import Sequence as Video

EXPECTED = "SEQUENCE.txt or SEQUENCE/SEQUENCE_001.txt"


@dataclass(frozen=True, eq=False)
class SavedTracker:
    """What a tracker left for sequences.

    Attributes:
        name: What it is called here.
        folder: Where its results are.
        sequences: Name of the sequence -> its boxes against the truth.
        problems: Name of a sequence without usable results -> what is wrong, one line.
    """

    name: str
    folder: Path
    sequences: dict[str, ScoredSequence]
    problems: dict[str, str]


def find_results(folder: Path | str, sequences: Iterable[str]) -> dict[str, Path]:
    """Find the trackers whose results a folder holds.

    Args:
        folder: A tracker's folder, or one that holds a folder for each tracker.
        sequences: Names of the data set's sequences.

    Returns:
        Name of the tracker, which is its folder's -> the folder.

    Raises:
        InputError: There is no such folder, or nothing in it that looks like results of these sequences.
    """
    folder, names = Path(folder).expanduser(), list(sequences)
    if not folder.is_dir():
        raise InputError(f"there is no folder '{folder}' to read results from")
    if _holds_results(folder, names):
        return {folder.resolve().name: folder}
    inside = sorted(path for path in folder.iterdir() if path.is_dir() and not path.name.startswith("."))
    trackers = {path.name: path for path in inside if _holds_results(path, names)}
    if not trackers:
        held = sorted(path.name for path in folder.iterdir())
        shown = ", ".join(held[:5]) + (", ..." if len(held) > 5 else "") if held else "nothing"
        raise InputError(
            f"'{folder}' holds no results of these sequences ({shown_names(names[:3])}{', ...' if names[3:] else ''}): "
            f"expected {EXPECTED}, or folders of trackers that hold such files; found {shown}"
        )
    return trackers


def read_saved(
    name: str, folder: Path | str, sequences: Sequence[Video], *, clip: bool = False, say: Say | None = None
) -> SavedTracker:
    """Read a tracker's results and compare them with the truth.

    Results of toolkits that keep the data set's own counting of pixels, from 1 as OTB, LaSOT and UAV123 do, begin a
    pixel off the box given; they are moved by that pixel.

    Args:
        name: What to call the tracker.
        folder: Its folder.
        sequences: The videos, with unique names.
        clip: Clip all boxes to the frame before the overlap, as the got10k toolkit does for GOT-10k.
        say: Told of repetitions that do not count, of moved boxes, and of first boxes that are not those given.

    Returns:
        The results; what is missing or cannot be used stands in `problems`.

    Raises:
        InputError: The folder holds results of the supervised protocol.
    """
    folder = Path(folder).expanduser()
    _refuse_supervised(folder)
    boxes: dict[str, np.ndarray] = {}
    problems: dict[str, str] = {}
    repeated: list[str] = []
    for sequence in sequences:
        try:
            boxes[sequence.name] = _boxes(folder, sequence, repeated)
        except InputError as error:
            problems[sequence.name] = " ".join(str(error).split())
    videos = {sequence.name: sequence for sequence in sequences}
    shift = _counts_from_one([boxes[n][0, :2] - videos[n].boxes[0, :2] for n in boxes])
    if say is not None:
        if repeated:
            say(f"'{name}' ran some sequences several times ({shown_names(repeated)}): the first run counts")
        if shift:
            say(f"'{name}' counts pixels from 1, as its first boxes show: its boxes are moved by one")
        strange = [n for n in boxes if not _near(boxes[n][0] - [shift, shift, 0, 0], videos[n].boxes[0])]
        if strange:
            say(
                f"'{name}' does not begin with the box given in {len(strange)} of {len(boxes)} sequences "
                f"({shown_names(strange[:3])}): are these results of other sequences?"
            )
    scored: dict[str, ScoredSequence] = {}
    for sequence_name, track in boxes.items():
        video = videos[sequence_name]
        sizes = read_sizes(folder, video) if clip else None
        said = read_presence(folder, sequence_name, len(video))
        scored[sequence_name] = score_sequence(video, track - [shift, shift, 0, 0], _times(folder, video), said, sizes)
    return SavedTracker(name, folder, scored, problems)


def common_sequences(trackers: Sequence[SavedTracker], names: Sequence[str]) -> tuple[list[str], dict[str, str]]:
    """The sequences of which every tracker has results, and why the others are left out, a line each."""
    reasons: dict[str, str] = {}
    for tracker in trackers:
        for name, reason in tracker.problems.items():
            reasons.setdefault(name, f"'{tracker.name}': {reason}")
    return [name for name in names if name not in reasons], {name: reasons[name] for name in names if name in reasons}


def check_complete(trackers: Iterable[SavedTracker]) -> None:
    """Refuse trackers that lack results of some sequences.

    Raises:
        InputError: One does; the message says which and what to do.
    """
    for tracker in trackers:
        if tracker.problems:
            name, reason = next(iter(tracker.problems.items()))
            total = len(tracker.problems) + len(tracker.sequences)
            raise InputError(
                f"'{tracker.name}' ('{tracker.folder}') lacks usable results of {len(tracker.problems)} of {total} "
                f"sequences: {shown_names(tracker.problems)}; '{name}': {reason}. --on-bad leave-out "
                "(on_bad 'leave out') compares all trackers on the other sequences"
            )


def _holds_results(folder: Path, names: Iterable[str]) -> bool:
    return any(_files(folder, name) for name in names)


def _files(folder: Path, name: str) -> list[Path]:
    """The files of a sequence's boxes, by run; a second target is `Jogging.2`, `Jogging-2` or `Jogging_2`."""
    for spelled in dict.fromkeys((name, name.replace(".", "-"), name.replace(".", "_"))):
        runs = sorted((folder / spelled).glob(f"{_escaped(spelled)}_[0-9][0-9][0-9].txt"))
        flat = folder / f"{spelled}.txt"
        if runs or flat.is_file():
            return runs or [flat]
    return []


def _escaped(name: str) -> str:
    return "".join(f"[{letter}]" if letter in "*?[" else letter for letter in name)


def _boxes(folder: Path, sequence: Video, repeated: list[str]) -> np.ndarray:
    files = _files(folder, sequence.name)
    if not files:
        raise InputError(f"there is neither '{sequence.name}.txt' nor '{sequence.name}/{sequence.name}_001.txt'")
    if len(files) > 1:
        repeated.append(sequence.name)
    boxes = read_rows(files[0], 4)
    if len(boxes) != len(sequence):
        raise InputError(
            f"'{files[0]}' holds {len(boxes)} boxes for {len(sequence)} frames: a result has a line for every frame, "
            "the first for the box given"
        )
    return boxes


def _times(folder: Path, sequence: Video) -> np.ndarray | None:
    """Seconds a frame; None where they are not known, or are of other frames."""
    for file in (*(f.with_name(f"{sequence.name}_time.txt") for f in _files(folder, sequence.name)),
                 folder / "times" / f"{sequence.name}_time.txt"):  # fmt: skip
        if file.is_file():
            try:
                times = read_rows(file, 1, ignore_rest=True)[:, 0]
            except InputError:
                return None
            return times if len(times) == len(sequence) else None
    return None


def _counts_from_one(offsets: Sequence[np.ndarray]) -> int:
    """1 where the first boxes stand about a pixel right of and below those given, else 0.

    pysot's begin another half a pixel off: it counts pixels, not edges.
    """
    if not len(offsets):
        return 0
    middle = np.median(np.array(offsets), axis=0)
    return int(((middle > 0.75) & (middle < 1.75)).all())


def _near(box: np.ndarray, given: np.ndarray) -> bool:
    return bool((np.abs(box - given) <= np.maximum(2, 0.1 * given[[2, 3, 2, 3]])).all())


def _refuse_supervised(folder: Path) -> None:
    if (folder / RECORD_NAME).is_file() and read_run_record(folder).get("protocol") in ("vot", "vot supervised"):
        raise InputError(
            f"'{folder}' holds results of VOT's supervised protocol, in which trackers are started again after "
            "failures: trackers are compared in one pass"
        )
