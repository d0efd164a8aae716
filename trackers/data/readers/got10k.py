"""GOT-10k: `SEQUENCE/00000001.jpg ...`, `groundtruth.txt`, labels; `list.txt` names the sequences of a split."""

from pathlib import Path

import numpy as np

from lighttrack_nas.trackers.data.readers.common import make_sequence, sequence_folders, sequence_images
from lighttrack_nas.trackers.data.readers.text import read_labels, read_rows
from lighttrack_nas.trackers.data.sequence import Sequence


def read(root: Path) -> list[Sequence]:
    """Read a split, or a single sequence.

    A frame is absent where `absence.label` is 1 or `cover.label` is 0 (nothing of the target visible: the official
    scores leave such frames out). Both files may be missing, as in the test split, which also gives the first box only.

    Args:
        root: Folder of a split, with or without `list.txt` (without: the subfolders that hold a `groundtruth.txt` or
            images), or a folder that holds a `groundtruth.txt` itself.

    Raises:
        InputError: A sequence is broken; the message names it.
    """
    if (root / "groundtruth.txt").is_file():
        return [_read_sequence(root)]
    return [_read_sequence(folder) for folder in sequence_folders(root, ".")]


def _read_sequence(folder: Path) -> Sequence:
    images = sequence_images(folder.name, folder)
    source = folder / "groundtruth.txt"
    absent = np.zeros(len(images), bool)
    if (folder / "absence.label").is_file():
        absent |= read_labels(folder / "absence.label", len(images)) == 1
    if (folder / "cover.label").is_file():
        absent |= read_labels(folder / "cover.label", len(images)) == 0
    return make_sequence(folder.name, images, read_rows(source, 4), source, absent=absent, first_box_only=True)
