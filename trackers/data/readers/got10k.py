"""GOT-10k: `SEQUENCE/00000001.jpg ...`, `groundtruth.txt`, labels; `list.txt` names the sequences of a split."""

from functools import partial
from pathlib import Path

import numpy as np

from lighttrack_nas.trackers.base.errors import InputError
from lighttrack_nas.trackers.data.readers.common import Listed, list_folders, make_sequence, sequence_images
from lighttrack_nas.trackers.data.readers.text import read_labels, read_rows
from lighttrack_nas.trackers.data.sequence import Sequence

SPLITS = ("train", "val", "test")


def list_sequences(root: Path, split: str = "all") -> list[Listed]:
    """List the sequences of a split, or a single sequence.

    A frame is absent where `absence.label` is 1 or `cover.label` is 0 (nothing of the target visible: the official
    scores leave such frames out). Both files may be missing, as in the test split, which also gives the first box only.

    Args:
        root: Folder of a split, with or without `list.txt` (without: the subfolders that hold a `groundtruth.txt` or
            images), or a folder that holds a `groundtruth.txt` itself. With `split`, the folder above the splits' too.
        split: "train", "val" or "test": the folder of that name; "all" takes `root` as it is.

    Raises:
        InputError: There is no such split.
    """
    folder = root if split == "all" else _split_folder(root, split)
    if (folder / "groundtruth.txt").is_file():
        return [Listed(folder.name, partial(_read_sequence, folder))]
    return list_folders(folder, _read_sequence, ".")


def own_splits(root: Path) -> list[str]:
    """The splits whose folders are in a folder."""
    return [split for split in SPLITS if (root / split).is_dir()]


def _split_folder(root: Path, split: str) -> Path:
    if (root / split).is_dir():
        return root / split
    if split in (root.name, root.resolve().name):
        return root
    splits = ", ".join(own_splits(root)) or "no folder of a split"
    raise InputError(f"split '{split}': '{root}' holds no folder '{split}', as GOT-10k's has; it holds {splits}")


def _read_sequence(folder: Path) -> Sequence:
    images = sequence_images(folder.name, folder)
    source = folder / "groundtruth.txt"
    absent = np.zeros(len(images), bool)
    if (folder / "absence.label").is_file():
        absent |= read_labels(folder / "absence.label", len(images)) == 1
    if (folder / "cover.label").is_file():
        absent |= read_labels(folder / "cover.label", len(images)) == 0
    return make_sequence(folder.name, images, read_rows(source, 4), source, absent=absent, first_box_only=True)
