"""The readers by their layouts' names: a further data set is a module beside this one and a line in the table."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from lighttrack_nas.trackers.base.errors import InputError
from lighttrack_nas.trackers.base.names import checked_name
from lighttrack_nas.trackers.base.progress import Say
from lighttrack_nas.trackers.data.readers import got10k, lasot, nfs, otb, trackingnet, uav123, vot
from lighttrack_nas.trackers.data.readers.choosing import Choice, read_chosen
from lighttrack_nas.trackers.data.readers.common import Listed
from lighttrack_nas.trackers.data.sequence import Sequence


@dataclass(frozen=True)
class _Layout:
    """How a data set is read.

    Attributes:
        list_sequences: Lists the sequences of a folder and a split; opens none.
        files: The files by which it knows the layout, for the message when there are none.
        splits: Those that the data set itself names.
    """

    list_sequences: Callable[[Path, str], list[Listed]]
    files: str
    splits: tuple[str, ...] = ()


_READERS = {
    "got10k": _Layout(got10k.list_sequences, "SEQUENCE/groundtruth.txt", got10k.SPLITS),
    "otb": _Layout(otb.list_sequences, "SEQUENCE/groundtruth_rect.txt and SEQUENCE/img"),
    "lasot": _Layout(
        lasot.list_sequences, "CATEGORY/SEQUENCE/groundtruth.txt or SEQUENCE/groundtruth.txt", tuple(lasot.LISTS)
    ),
    "trackingnet": _Layout(
        trackingnet.list_sequences,
        "TRAIN_0/anno/SEQUENCE.txt, TEST/anno/SEQUENCE.txt or anno/SEQUENCE.txt",
        ("train", "test"),
    ),
    "uav123": _Layout(
        uav123.list_sequences, "anno/UAV123/SEQUENCE.txt, anno/UAV123_10fps/SEQUENCE.txt or anno/UAV20L/SEQUENCE.txt"
    ),
    "uav123_10fps": _Layout(partial(uav123.list_sequences, subset="UAV123_10fps"), "anno/UAV123_10fps/SEQUENCE.txt"),
    "uav20l": _Layout(partial(uav123.list_sequences, subset="UAV20L"), "anno/UAV20L/SEQUENCE.txt"),
    "vot": _Layout(vot.list_sequences, "SEQUENCE/groundtruth.txt"),
    "nfs": _Layout(nfs.list_sequences, "SEQUENCE/30/SEQUENCE.txt or SEQUENCE/240/SEQUENCE.txt"),
}

LAYOUTS = tuple(_READERS)
SPLITS = ("all", "train", "val", "test")
"""Parts of a data set; "all" is what lies in the folder."""


def read_sequences(
    root: Path | str,
    layout: str = "got10k",
    split: str = "all",
    *,
    only: Collection[str] = (),
    without: Collection[str] = (),
    on_bad: str = "refuse",
    say: Say | None = None,
) -> list[Sequence]:
    """Read the sequences of a data set.

    Boxes come out as x, y, w, h, 0-based, top-left, whatever the data set counts from. A box is NaN where the target is
    absent (and the frame marked so), or where the data set does not publish it (test splits that give the first box
    only; those frames are not marked absent).

    Args:
        root: The data set's folder, or for `got10k`, `otb`, `lasot`, `vot` and `nfs` the folder of one sequence.
        layout: One of `LAYOUTS`. The module of that name in this package describes the files.
        split: "train", "val" or "test" by the data set's own lists or folders, for `got10k`, `lasot` and `trackingnet`;
            "all" takes what lies in the folder.
        only: Names of sequences to take; empty takes all. The others are not opened.
        without: Names of sequences to leave out, unopened.
        on_bad: What to do with a sequence that cannot be read: "refuse" the data set, or "leave out" the sequence.
        say: Told which sequences were left out and why, and which of several sets was taken.

    Returns:
        The sequences, in the order of the data set's list or else in natural order of their names.

    Raises:
        InputError: An unknown layout, split or name, no such folder, nothing in it that looks like the layout, or a
            broken sequence that is not to be left out: no frames, no ground truth, a malformed line, another number of
            boxes than of frames, no first box.
    """
    choice = choose_sequences(root, layout, split, only=only, without=without, on_bad=on_bad, say=say)
    if say is not None:
        for sentence in choice.report():
            say(sentence)
    return choice.sequences


def choose_sequences(
    root: Path | str,
    layout: str = "got10k",
    split: str = "all",
    *,
    only: Collection[str] = (),
    without: Collection[str] = (),
    on_bad: str = "refuse",
    say: Say | None = None,
) -> Choice:
    """Read sequences as `read_sequences` does, and give those that were left out, too; of these `say` is not told.

    Raises:
        InputError: See there.
    """
    root, listed = _listed(root, layout, split)
    if say is not None and split == "all":
        for sentence in _hints(root, layout):
            say(sentence)
    return read_chosen(listed, root, only, without, on_bad)


def _listed(root: Path | str, layout: str, split: str) -> tuple[Path, list[Listed]]:
    """List a folder's sequences; the folder comes back with its name."""
    reader = _READERS[checked_name(layout, LAYOUTS, "layout")]
    checked_name(split, SPLITS, "split")
    root = Path(root).expanduser()
    if not root.is_dir():
        raise InputError(f"there is no folder '{root}' to read {layout} sequences from")
    if root.name in ("", ".."):
        # A sequence takes its name from its folder, which "." and ".." do not tell.
        root = root.resolve()
    if split not in ("all", *reader.splits):
        has = f"the splits {' and '.join(reader.splits)}" if reader.splits else "no splits: choose sequences by name"
        raise InputError(f"split '{split}' of '{root}': layout '{layout}' has {has}")
    listed = reader.list_sequences(root, split)
    if not listed:
        held = sorted(path.name for path in root.iterdir())
        shown = ", ".join(held[:5]) + (", ..." if len(held) > 5 else "") if held else "nothing"
        hint = (
            "; a split takes one of these" if layout == "got10k" and split == "all" and got10k.own_splits(root) else ""
        )
        raise InputError(f"'{root}' holds no {layout} sequences: expected {reader.files}, found {shown}{hint}")
    return root, listed


def _hints(root: Path, layout: str) -> list[str]:
    """What a user may not know to have chosen."""
    subsets = uav123.own_subsets(root) if layout == "uav123" else []
    if len(subsets) > 1 or subsets[:1] not in ([], ["UAV123"]):
        others = " and ".join(f"layout {subset.lower()} takes {subset}" for subset in subsets[1:])
        return [f"'{root}': {subsets[0]} is taken" + (f"; {others}" if others else "")]
    splits = lasot.own_splits(root) if layout == "lasot" else []
    if splits:
        takes = " or ".join(f"'{split}' takes what '{lasot.LISTS[split]}' lists" for split in splits)
        return [f"'{root}': every sequence is taken; split {takes}"]
    return []
