"""OTB: `SEQUENCE/img/0001.jpg ...` and `groundtruth_rect.txt`, or `groundtruth_rect.1.txt ...` for several targets."""

import re
from functools import partial
from pathlib import Path

import numpy as np

from lighttrack_nas.trackers.base.errors import InputError
from lighttrack_nas.trackers.data.frames import natural_order
from lighttrack_nas.trackers.data.readers.common import (
    Listed,
    listed_broken,
    make_sequence,
    sequence_images,
    subfolders,
)
from lighttrack_nas.trackers.data.readers.text import read_lines, read_rows
from lighttrack_nas.trackers.data.sequence import Sequence

# Sequences whose folder holds more frames than are annotated: the numbers of the first and the last annotated frame, as
# in the files' names. (The folders of BlurCar1, BlurCar3 and BlurCar4 begin at a later number and are annotated whole.)
_ANNOTATED = {
    "David": (300, 770),
    "Diving": (1, 215),
    "Football1": (1, 74),
    "Freeman3": (1, 460),
    "Freeman4": (1, 283),
}


def list_sequences(root: Path, split: str = "all") -> list[Listed]:
    """List all sequences, or a single one.

    A target with a file of its own is a sequence of its own: `Jogging.1`, `Jogging.2`. Annotation files without content
    are passed over (Human4 has one), so that Human4's only target is `Human4.2`. The files count pixels from 1.

    Args:
        root: Folder of the sequences' folders, or one folder that holds `img`.
        split: OTB has none.
    """
    folders = [root] if (root / "img").is_dir() else subfolders(root)
    return [sequence for folder in folders for sequence in _list_folder(folder)]


def _list_folder(folder: Path) -> list[Listed]:
    sources = sorted(folder.glob("groundtruth_rect*.txt"), key=natural_order)
    if not sources and not (folder / "img").is_dir():
        return []
    filled = [source for source in sources if not _is_empty(source)]
    if not filled:
        problem = "is empty" if sources else "does not exist"
        sentence = f"sequence '{folder.name}': ground truth '{folder / 'groundtruth_rect.txt'}' {problem}"
        return [listed_broken(folder.name, sentence)]
    return [Listed(_target_name(folder, source), partial(_read_target, folder, source)) for source in filled]


def _is_empty(source: Path) -> bool:
    try:
        return not read_lines(source)
    except InputError:
        return False  # and broken, which shows when it is read


def _target_name(folder: Path, source: Path) -> str:
    target = re.fullmatch(r"groundtruth_rect(\.\d+)?\.txt", source.name)
    return folder.name + (target[1] or "" if target else "")


def _read_target(folder: Path, source: Path) -> Sequence:
    """Read one target; some sequences have boxes for a stretch of their frames alone (`_ANNOTATED`)."""
    name = _target_name(folder, source)
    boxes = read_rows(source, 4) - np.array([1, 1, 0, 0])
    images = sequence_images(name, folder / "img")
    if len(boxes) != len(images) and folder.name in _ANNOTATED:
        first, last = _ANNOTATED[folder.name]
        images = tuple(image for image in images if image.stem.isdecimal() and first <= int(image.stem) <= last)
    return make_sequence(name, images, boxes, source)
