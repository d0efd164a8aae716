"""TrackingNet: `TRAIN_0 ... TRAIN_11` and `TEST`, each with `frames/SEQUENCE/0.jpg ...` and `anno/SEQUENCE.txt`."""

from functools import partial
from pathlib import Path

from lighttrack_nas.trackers.base.errors import InputError
from lighttrack_nas.trackers.data.frames import natural_order
from lighttrack_nas.trackers.data.readers.common import (
    Listed,
    listed_broken,
    make_sequence,
    sequence_images,
    subfolders,
)
from lighttrack_nas.trackers.data.readers.text import read_rows
from lighttrack_nas.trackers.data.sequence import Sequence

_SPLITS = {"TRAIN": "train", "TEST": "test"}


def list_sequences(root: Path, split: str = "all") -> list[Listed]:
    """List the sequences of all subsets found, of a split's, or of one.

    Frames are numbered from 0 without leading zeros and taken in the order of their numbers. `TEST` gives the first box
    only. All of `TRAIN` is 14 million frames, whose paths alone fill gigabytes: give one subset where that is enough.

    Args:
        root: Folder of the subsets' folders, or of one subset.
        split: "train" takes `TRAIN_0` and so on, "test" takes `TEST`, "all" takes both.

    Raises:
        InputError: There is no subset of the split.
    """
    folders = [root] if (root / "anno").is_dir() else [s for s in subfolders(root) if (s / "anno").is_dir()]
    subsets = [subset for subset in folders if split in ("all", _split(subset))]
    if folders and not subsets:
        names = ", ".join(subset.name for subset in folders)
        raise InputError(f"split '{split}': '{root}' holds nothing of it: its subsets are {names}")
    return [sequence for subset in subsets for sequence in _list_subset(subset)]


def _split(subset: Path) -> str | None:
    """By the name, be it that of a link: `TRAIN_3` and `TRAIN` are train."""
    names = subset.name, subset.resolve().name
    return next((_SPLITS[first] for name in names if (first := name.partition("_")[0]) in _SPLITS), None)


def _list_subset(subset: Path) -> list[Listed]:
    sources = sorted((subset / "anno").glob("[!.]*.txt"), key=natural_order)
    frames = subset / "frames"
    without = {folder.name for folder in subfolders(frames)} - {s.stem for s in sources} if frames.is_dir() else set()
    return [
        *(Listed(source.stem, partial(_read_sequence, subset, source)) for source in sources),
        *(
            listed_broken(name, f"sequence '{name}': ground truth '{subset / 'anno' / name}.txt' does not exist")
            for name in sorted(without)
        ),
    ]


def _read_sequence(subset: Path, source: Path) -> Sequence:
    images = sequence_images(source.stem, subset / "frames" / source.stem)
    return make_sequence(source.stem, images, read_rows(source, 4), source, first_box_only=_split(subset) != "train")
