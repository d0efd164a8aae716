"""What every protocol does with a data set's sequences: one after the other, with results outside the data set."""

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

from lighttrack_nas.trackers.base.errors import InputError
from lighttrack_nas.trackers.data.sequence import Sequence as Video
from lighttrack_nas.trackers.tracking.protocol import Tracker

T = TypeVar("T")
TrackerSource = Tracker | Callable[[], Tracker]
"""A tracker, or a function that makes one; it is called once for every sequence that must be run."""
AfterSequence = Callable[[str, Mapping[str, float] | None], None]
"""Called after each sequence with its name and figures; the figures are None if it failed."""


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
