"""LaSOT: `CATEGORY/CATEGORY-1/img/00000001.jpg ...`, `groundtruth.txt`, `full_occlusion.txt`, `out_of_view.txt`."""

from functools import partial
from pathlib import Path

import numpy as np

from lighttrack_nas.trackers.base.errors import InputError
from lighttrack_nas.trackers.data.readers.common import (
    Listed,
    listed_broken,
    listed_names,
    make_sequence,
    sequence_images,
    subfolders,
)
from lighttrack_nas.trackers.data.readers.text import read_labels, read_rows
from lighttrack_nas.trackers.data.sequence import Sequence

LISTS = {"train": "training_set.txt", "test": "testing_set.txt"}
"""The data set's own lists, by split."""


def list_sequences(root: Path, split: str = "all") -> list[Listed]:
    """List all sequences, those of a split, of one category, or a single sequence.

    The target is absent where it is fully occluded or out of view; either file of labels may be missing. The files
    count pixels from 1.

    Args:
        root: Folder of categories, or of sequences without categories between, or one folder that holds `img`.
        split: "train" or "test": what `training_set.txt` or `testing_set.txt` beside the categories names; "all" takes
            every sequence that is there.

    Raises:
        InputError: There is no list of the split.
    """
    if split == "all":
        return [Listed(folder.name, partial(_read_sequence, folder)) for folder in _folders(root)]
    listing = root / LISTS[split]
    if not listing.is_file():
        present = ", ".join(f"'{LISTS[other]}' ({other})" for other in own_splits(root)) or "no list of a split"
        raise InputError(f"split '{split}': '{root}' holds no '{LISTS[split]}', LaSOT's list of it; it holds {present}")
    folders = {folder.name: folder for folder in _folders(root)}
    return [
        Listed(name, partial(_read_sequence, folders[name]))
        if name in folders
        else listed_broken(name, f"'{listing}', line {number}: there is no sequence '{name}' in '{root}'")
        for number, name in listed_names(listing)
    ]


def own_splits(root: Path) -> list[str]:
    """The splits whose lists are in a folder."""
    return [split for split, name in LISTS.items() if (root / name).is_file()]


def _folders(root: Path) -> list[Path]:
    if _is_sequence(root):
        return [root]
    folders = []
    for folder in subfolders(root):
        folders += [folder] if _is_sequence(folder) else [inner for inner in subfolders(folder) if _is_sequence(inner)]
    return folders


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
