"""LaSOT: `CATEGORY/CATEGORY-1/img/00000001.jpg ...`, `groundtruth.txt`, `full_occlusion.txt`, `out_of_view.txt`."""

from pathlib import Path

import numpy as np

from lighttrack_nas.trackers.data.readers.common import make_sequence, sequence_images, subfolders
from lighttrack_nas.trackers.data.readers.text import read_labels, read_rows
from lighttrack_nas.trackers.data.sequence import Sequence


def read(root: Path) -> list[Sequence]:
    """Read all sequences, one category, or a single sequence.

    The target is absent where it is fully occluded or out of view; either file of labels may be missing. The files
    count pixels from 1.

    Args:
        root: Folder of categories, or of sequences without categories between, or one folder that holds `img`.

    Raises:
        InputError: A sequence is broken; the message names it.
    """
    if _is_sequence(root):
        return [_read_sequence(root)]
    folders = []
    for folder in subfolders(root):
        folders += [folder] if _is_sequence(folder) else [inner for inner in subfolders(folder) if _is_sequence(inner)]
    return [_read_sequence(folder) for folder in folders]


def _is_sequence(folder: Path) -> bool:
    return (folder / "groundtruth.txt").is_file() or (folder / "img").is_dir()


def _read_sequence(folder: Path) -> Sequence:
    images = sequence_images(folder.name, folder / "img")
    source = folder / "groundtruth.txt"
    boxes = read_rows(source, 4) - np.array([1, 1, 0, 0])
    absent = np.zeros(len(images), bool)
    for labels in (folder / "full_occlusion.txt", folder / "out_of_view.txt"):
        if labels.is_file():
            absent |= read_labels(labels, len(images)) == 1
    return make_sequence(folder.name, images, boxes, source, absent=absent)
