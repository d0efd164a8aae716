"""TrackingNet: `TRAIN_0 ... TRAIN_11` and `TEST`, each with `frames/SEQUENCE/0.jpg ...` and `anno/SEQUENCE.txt`."""

from pathlib import Path

from lighttrack_nas.trackers.base.errors import InputError
from lighttrack_nas.trackers.data.frames import natural_order
from lighttrack_nas.trackers.data.readers.common import make_sequence, sequence_images, subfolders
from lighttrack_nas.trackers.data.readers.text import read_rows
from lighttrack_nas.trackers.data.sequence import Sequence


def read(root: Path) -> list[Sequence]:
    """Read all subsets found, or one.

    Frames are numbered from 0 without leading zeros and taken in the order of their numbers. `TEST` gives the first box
    only. All of `TRAIN` is 14 million frames, whose paths alone fill gigabytes: give one subset where that is enough.

    Args:
        root: Folder of the subsets' folders, or of one subset.

    Raises:
        InputError: A sequence is broken; the message names it.
    """
    subsets = [root] if (root / "anno").is_dir() else [s for s in subfolders(root) if (s / "anno").is_dir()]
    return [sequence for subset in subsets for sequence in _read_subset(subset)]


def _read_subset(subset: Path) -> list[Sequence]:
    sources = sorted((subset / "anno").glob("[!.]*.txt"), key=natural_order)
    frames = subset / "frames"
    without = {folder.name for folder in subfolders(frames)} - {s.stem for s in sources} if frames.is_dir() else set()
    if without:
        name = min(without)
        raise InputError(f"sequence '{name}': ground truth '{subset / 'anno' / name}.txt' does not exist")
    return [
        make_sequence(
            source.stem,
            sequence_images(source.stem, frames / source.stem),
            read_rows(source, 4),
            source,
            first_box_only=True,
        )
        for source in sources
    ]
