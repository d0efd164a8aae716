"""The readers by their layouts' names: a further data set is a module beside this one and a line in the table."""

from collections import Counter
from collections.abc import Callable
from pathlib import Path

from lighttrack_nas.trackers.base.errors import InputError
from lighttrack_nas.trackers.base.names import checked_name
from lighttrack_nas.trackers.data.readers import got10k, lasot, nfs, otb, trackingnet, uav123, vot
from lighttrack_nas.trackers.data.sequence import Sequence

# The reader of each layout, and the files by which it knows the layout, for the message when there are none.
_READERS: dict[str, tuple[Callable[[Path], list[Sequence]], str]] = {
    "got10k": (got10k.read, "SEQUENCE/groundtruth.txt"),
    "otb": (otb.read, "SEQUENCE/groundtruth_rect.txt and SEQUENCE/img"),
    "lasot": (lasot.read, "CATEGORY/SEQUENCE/groundtruth.txt or SEQUENCE/groundtruth.txt"),
    "trackingnet": (trackingnet.read, "TRAIN_0/anno/SEQUENCE.txt, TEST/anno/SEQUENCE.txt or anno/SEQUENCE.txt"),
    "uav123": (uav123.read, "anno/UAV123/SEQUENCE.txt"),
    "vot": (vot.read, "SEQUENCE/groundtruth.txt"),
    "nfs": (nfs.read, "SEQUENCE/30/SEQUENCE.txt or SEQUENCE/240/SEQUENCE.txt"),
}

LAYOUTS = tuple(_READERS)


def read_sequences(root: Path | str, layout: str = "got10k") -> list[Sequence]:
    """Read the sequences of a data set.

    Boxes come out as x, y, w, h, 0-based, top-left, whatever the data set counts from. A box is NaN where the target is
    absent (and the frame marked so), or where the data set does not publish it (test splits that give the first box
    only; those frames are not marked absent).

    Args:
        root: The data set's folder, or for `got10k`, `otb`, `lasot`, `vot` and `nfs` the folder of one sequence.
        layout: One of `LAYOUTS`. The module of that name in this package describes the files.

    Returns:
        The sequences, in the order of the data set's list or else in natural order of their names.

    Raises:
        InputError: An unknown layout, no such folder, nothing in it that looks like the layout, or a broken sequence:
            no frames, no ground truth, a malformed line, another number of boxes than of frames, no first box.
    """
    read, files = _READERS[checked_name(layout, LAYOUTS, "layout")]
    root = Path(root).expanduser()
    if not root.is_dir():
        raise InputError(f"there is no folder '{root}' to read {layout} sequences from")
    if root.name in ("", ".."):
        # A sequence takes its name from its folder, which "." and ".." do not tell.
        root = root.resolve()
    sequences = read(root)
    if not sequences:
        held = sorted(path.name for path in root.iterdir())
        shown = ", ".join(held[:5]) + (", ..." if len(held) > 5 else "") if held else "nothing"
        raise InputError(f"'{root}' holds no {layout} sequences: expected {files}, found {shown}")
    name, count = Counter(sequence.name for sequence in sequences).most_common(1)[0]
    if count > 1:
        # Results are kept by name: the second would overwrite the first.
        raise InputError(f"'{root}' holds {count} sequences named '{name}'")
    return sequences
