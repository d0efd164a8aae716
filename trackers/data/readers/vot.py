"""VOT: `SEQUENCE/color/00000001.jpg ...` (older years: `SEQUENCE/00000001.jpg`), `groundtruth.txt`, `list.txt`."""

from functools import partial
from pathlib import Path

import numpy as np

from lighttrack_nas.trackers.base.boxes import polygon_to_box
from lighttrack_nas.trackers.data.readers.common import Listed, list_folders, make_sequence, sequence_images
from lighttrack_nas.trackers.data.readers.text import read_lines, read_numbers
from lighttrack_nas.trackers.data.readers.vot_masks import is_mask, mask_box
from lighttrack_nas.trackers.data.sequence import Sequence


def list_sequences(root: Path, split: str = "all") -> list[Listed]:
    """List all sequences, or a single one.

    A line of ground truth is a box (four numbers), a rotated one (its corners, eight numbers) or, from VOT2020 on, a
    mask (`m` and whole numbers), of which the tight box is taken. Where every line holds corners they become
    `polygons`, and `boxes` holds `polygon_to_box` of them; else there are no polygons. Coordinates stay as they are.
    Rows of NaN and empty masks mean an absent target.

    Args:
        root: Folder with or without `list.txt` (without: the subfolders that hold a `groundtruth.txt` or images), or
            a folder that holds a `groundtruth.txt` itself.
        split: VOT has none.

    Raises:
        InputError: The list cannot be read.
    """
    if (root / "groundtruth.txt").is_file():
        return [Listed(root.name, partial(_read_sequence, root))]
    return list_folders(root, _read_sequence, ".", "color")


def _read_sequence(folder: Path) -> Sequence:
    images = sequence_images(folder.name, folder / "color" if (folder / "color").is_dir() else folder)
    source = folder / "groundtruth.txt"
    regions = [_region(line, source, number) for number, line in enumerate(read_lines(source), start=1)]
    boxes = np.array([polygon_to_box(r) if len(r) == 8 else r for r in regions]).reshape(-1, 4)
    # A target that is absent may have four NaN or eight.
    known = [region for region in regions if np.isfinite(region).all()]
    if not known or any(len(region) != 8 for region in known):
        return make_sequence(folder.name, images, boxes, source)
    corners = np.array([region if len(region) == 8 else np.full(8, np.nan) for region in regions])
    return make_sequence(folder.name, images, boxes, source, polygons=corners)


def _region(line: str, source: Path, number: int) -> np.ndarray:
    """A line's box ``(4,)`` or corners ``(8,)``."""
    if is_mask(line):
        return mask_box(line, f"'{source}', line {number}")
    return read_numbers(line, source, number, (4, 8), " or a mask (m and whole numbers)")
