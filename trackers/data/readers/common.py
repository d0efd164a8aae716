"""What the layouts share: finding the sequences' folders, and checking a sequence's ground truth."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import NoReturn

import numpy as np

from lighttrack_nas.trackers.base.boxes import checked_box
from lighttrack_nas.trackers.base.errors import InputError
from lighttrack_nas.trackers.data.frames import list_images, natural_order
from lighttrack_nas.trackers.data.readers.text import read_lines
from lighttrack_nas.trackers.data.sequence import Sequence


@dataclass(frozen=True)
class Listed:
    """A sequence that is there to be read; nothing of it is opened yet.

    Attributes:
        name: Its name in the data set.
        read: Reads it. Raises InputError where it is broken.
    """

    name: str
    read: Callable[[], Sequence]


def listed_broken(name: str, problem: str) -> Listed:
    """A sequence of which listing alone shows that it cannot be read.

    Args:
        name: Its name.
        problem: What `Listed.read` says, a sentence.
    """
    return Listed(name, partial(_refuse, problem))


def listed_names(listing: Path) -> list[tuple[int, str]]:
    """Read a data set's own list: names, one a line, with the numbers of their lines.

    Raises:
        InputError: The list cannot be read, or a line between is empty.
    """
    names = [(number, line.strip()) for number, line in enumerate(read_lines(listing), start=1)]
    for number, name in names:
        if not name:
            raise InputError(f"'{listing}', line {number}: expected the name of a sequence, got an empty line")
    return names


def subfolders(folder: Path) -> list[Path]:
    """List the folders inside a folder in natural order, hidden ones left out."""
    inside = (path for path in folder.iterdir() if path.is_dir() and not path.name.startswith("."))
    return sorted(inside, key=natural_order)


def list_folders(root: Path, read: Callable[[Path], Sequence], *frame_folders: str) -> list[Listed]:
    """List the sequences of layouts with a `groundtruth.txt` in each folder.

    Args:
        root: Folder with or without `list.txt`, which names folders, one a line. Where a list names them, all are
            sequences, and one that is not there is broken.
        read: Reads the sequence in a folder.
        frame_folders: Where a sequence keeps its frames, in its folder: `.` for the folder itself. Without a list, a
            folder that holds frames is a sequence, even without its `groundtruth.txt`, which is then found to be
            missing.

    Raises:
        InputError: The list cannot be read.
    """
    listing = root / "list.txt"
    if listing.is_file():
        listed = []
        for number, name in listed_names(listing):
            folder = root / name
            if folder.is_dir():
                listed.append(Listed(folder.name, partial(read, folder)))
            else:
                problem = f"'{listing}', line {number}: there is no folder '{name}' in '{root}'"
                listed.append(listed_broken(folder.name, problem))
        return listed
    return [
        Listed(folder.name, partial(read, folder))
        for folder in subfolders(root)
        if (folder / "groundtruth.txt").is_file() or any(_holds_images(folder / inside) for inside in frame_folders)
    ]


def sequence_images(name: str, folder: Path) -> tuple[Path, ...]:
    """List a sequence's frames in natural order.

    Raises:
        InputError: There are none; the message names the sequence.
    """
    try:
        return list_images(folder)
    except InputError as error:
        raise InputError(f"sequence '{name}': {error}") from None


def make_sequence(
    name: str,
    images: tuple[Path, ...],
    boxes: np.ndarray,
    source: Path,
    *,
    absent: np.ndarray | None = None,
    polygons: np.ndarray | None = None,
    first_box_only: bool = False,
) -> Sequence:
    """Build a sequence from what its files say, once that is known to fit together.

    Frames whose box is NaN or has no area become absent, too. Absent frames get NaN boxes. The first frame, where a
    tracker is started, is never absent.

    Args:
        name: Unique in the data set.
        images: The frames.
        boxes: ``(rows, 4)`` x, y, w, h as published.
        source: The file that the boxes come from.
        absent: ``(frames,)`` bool from separate label files; None without such files.
        polygons: ``(rows, 8)`` corners that belong to the boxes, or None.
        first_box_only: Accept a single row: the data set keeps the rest to itself. The other boxes become NaN, and
            their frames are not absent.

    Raises:
        InputError: Another number of rows than of frames, or no usable first box.
    """
    frames = len(images)
    if frames == 0 or (len(boxes) != frames and not (first_box_only and len(boxes) == 1)):
        folder = images[0].parent if images else source.parent
        raise InputError(
            f"sequence '{name}': ground truth '{source}' has {len(boxes)} lines for {frames} frames in '{folder}'"
        )
    checked_box(boxes[0], where=f"sequence '{name}': first box in '{source}'")
    # Comparisons with NaN are False, so that this finds the NaN rows as well.
    empty = ~((boxes[:, 2:] > 0).all(axis=1) & np.isfinite(boxes).all(axis=1))
    all_absent = np.zeros(frames, bool) if absent is None else absent.copy()
    all_absent[: len(empty)] |= empty
    all_absent[0] = False
    return Sequence(
        name=name,
        frame_paths=images,
        boxes=_with_gaps(boxes, all_absent),
        absent=all_absent,
        polygons=None if polygons is None else _with_gaps(polygons, all_absent),
        source=source,
    )


def _refuse(problem: str) -> NoReturn:
    raise InputError(problem)


def _holds_images(folder: Path) -> bool:
    try:
        return bool(list_images(folder))
    except InputError:
        return False


def _with_gaps(rows: np.ndarray, absent: np.ndarray) -> np.ndarray:
    """``(frames, n)`` copy of the rows, NaN where absent and after the last row."""
    filled = np.full((len(absent), rows.shape[1]), np.nan)
    filled[: len(rows)] = rows
    filled[absent] = np.nan
    return filled
