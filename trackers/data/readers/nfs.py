"""NfS (Need for Speed): `SEQUENCE/30/SEQUENCE/00001.jpg ...` and `SEQUENCE/30/SEQUENCE.txt`, the same for 240 fps."""

from functools import partial
from pathlib import Path

import numpy as np

from lighttrack_nas.trackers.data.readers.common import Listed, make_sequence, sequence_images, subfolders
from lighttrack_nas.trackers.data.readers.text import read_rows
from lighttrack_nas.trackers.data.sequence import Sequence

# The frames of the 30 fps videos are every eighth of the 240 fps ones.
_RATIO = 8


def list_sequences(root: Path, split: str = "all") -> list[Listed]:
    """List all sequences, or a single one: at 30 fps where the folder `30` is there, else at 240 fps.

    A line is `id x1 y1 x2 y2 frame lost occluded generated "class"`; the target is absent where `lost` is 1. The 30 fps
    folders carry the annotation of the 240 fps video, of which every eighth line counts. Some sequences have one frame
    more or less than annotated; the odd one at the end is left out.

    Args:
        root: Folder of the sequences' folders, or one folder that holds `30` or `240`.
        split: NfS has none.
    """
    folders = [root] if _rate(root) else [folder for folder in subfolders(root) if _rate(folder)]
    return [Listed(folder.name, partial(_read_sequence, folder, _rate(folder))) for folder in folders]


def _rate(folder: Path) -> str:
    return next((rate for rate in ("30", "240") if (folder / rate).is_dir()), "")


def _read_sequence(folder: Path, rate: str) -> Sequence:
    name = folder.name
    images = sequence_images(name, folder / rate / name)
    source = folder / rate / f"{name}.txt"
    rows = read_rows(source, 9, ignore_rest=True)
    # An own annotation of the 30 fps video has a line a frame; the other one has about eight.
    if rate == "30" and abs(len(rows[::_RATIO]) - len(images)) <= 1 < abs(len(rows) - len(images)):
        rows = rows[::_RATIO]
    if len(rows) and abs(len(rows) - len(images)) == 1:
        rows, images = rows[: len(images)], images[: len(rows)]
    boxes = np.hstack([rows[:, 1:3], rows[:, 3:5] - rows[:, 1:3]])
    return make_sequence(name, images, boxes, source, absent=rows[:, 6] == 1)
