"""VOT: `SEQUENCE/color/00000001.jpg ...` (older years: `SEQUENCE/00000001.jpg`), `groundtruth.txt`, `list.txt`."""

from pathlib import Path

import numpy as np

from lighttrack_nas.trackers.base.boxes import polygon_to_box
from lighttrack_nas.trackers.data.readers.common import make_sequence, sequence_folders, sequence_images
from lighttrack_nas.trackers.data.readers.text import read_rows
from lighttrack_nas.trackers.data.sequence import Sequence


def read(root: Path) -> list[Sequence]:
    """Read all sequences, or a single one.

    Ground truth of eight numbers a line becomes `polygons`, and `boxes` holds `polygon_to_box` of them; with four
    numbers a line there are no polygons. Coordinates stay as they are. Rows of NaN mean an absent target.

    Args:
        root: Folder with or without `list.txt` (without: the subfolders that hold a `groundtruth.txt` or images), or
            a folder that holds a `groundtruth.txt` itself.

    Raises:
        InputError: A sequence is broken; the message names it.
    """
    if (root / "groundtruth.txt").is_file():
        return [_read_sequence(root)]
    return [_read_sequence(folder) for folder in sequence_folders(root, ".", "color")]


def _read_sequence(folder: Path) -> Sequence:
    images = sequence_images(folder.name, folder / "color" if (folder / "color").is_dir() else folder)
    source = folder / "groundtruth.txt"
    rows = read_rows(source, 4, 8)
    if rows.shape[1] == 4:
        return make_sequence(folder.name, images, rows, source)
    boxes = np.array([polygon_to_box(row) for row in rows])
    return make_sequence(folder.name, images, boxes, source, polygons=rows)
