"""UAV123: `data_seq/UAV123/FOLDER/000001.jpg ...`, `anno/UAV123/SEQUENCE.txt`, and `configSeqs.m`, which joins them.

UAV123@10fps lies the same way in folders `UAV123_10fps`; UAV20L is `anno/UAV20L` on the frames of UAV123.
"""

import re
from functools import partial
from pathlib import Path

import numpy as np

from lighttrack_nas.trackers.base.errors import InputError
from lighttrack_nas.trackers.data.frames import natural_order
from lighttrack_nas.trackers.data.readers.common import Listed, listed_broken, make_sequence, sequence_images
from lighttrack_nas.trackers.data.readers.text import read_lines, read_rows
from lighttrack_nas.trackers.data.sequence import Sequence

SUBSETS = ("UAV123", "UAV123_10fps", "UAV20L")
"""The sets, as their folders are called."""

_ANY_LIST = re.compile(r"\bseqUAV\w+\s*=\s*\{")
_ENTRY = re.compile(r"struct\((.*?)\)")
_FIELD = re.compile(r"'(\w+)'\s*,\s*(?:'([^']*)'|(\d+))")


def list_sequences(root: Path, split: str = "all", subset: str | None = None) -> list[Listed]:
    """List all sequences of one of the three sets.

    Several sequences may be ranges of one folder: bird1_1, bird1_2 and bird1_3 are frames 1-253, 775-1477 and 1573-2437
    of `bird1`. `configSeqs.m` says so; without it only sequences with a folder of their own can be read. Rows of NaN
    mean an absent target. The files count pixels from 1. Every sequence of the file's list of the set (`seqUAV123`)
    whose folder is there must be annotated.

    Args:
        root: The folder that holds `anno`, `data_seq` and `configSeqs.m`.
        split: UAV123 has none.
        subset: One of `SUBSETS`; None takes the first of them that is there.

    Raises:
        InputError: `configSeqs.m` cannot be understood.
    """
    if subset is None:
        subset = next(iter(own_subsets(root)), SUBSETS[0])
    config = root / "configSeqs.m"
    ranges = parse_ranges(config, subset) if config.is_file() else {}
    unannotated = _unannotated(root, subset, ranges) if config.is_file() and _own_list(config, subset) else {}
    return [
        *(
            Listed(source.stem, partial(_read_sequence, root, subset, source, ranges.get(source.stem)))
            for source in sorted((root / "anno" / subset).glob("[!.]*.txt"), key=natural_order)
        ),
        *(listed_broken(name, problem) for name, problem in unannotated.items()),
    ]


def own_subsets(root: Path) -> list[str]:
    """Those of `SUBSETS` that are annotated in a folder."""
    return [subset for subset in SUBSETS if (root / "anno" / subset).is_dir()]


def _read_sequence(root: Path, subset: str, source: Path, place: tuple[str, int, int] | None) -> Sequence:
    name = source.stem
    folder, first, last = place or (name, None, None)
    frames = _frames_folder(root, subset) / folder
    if place is None and not frames.is_dir():
        raise InputError(
            f"sequence '{name}': there is no folder '{frames}', and no entry in '{root / 'configSeqs.m'}' names another"
        )
    images = sequence_images(name, frames)
    if first is not None and last is not None:
        images = tuple(image for image in images if image.stem.isdecimal() and first <= int(image.stem) <= last)
    return make_sequence(name, images, read_rows(source, 4) - np.array([1, 1, 0, 0]), source)


def _frames_folder(root: Path, subset: str) -> Path:
    """UAV20L is annotated beside UAV123, whose frames it shares."""
    own = root / "data_seq" / subset
    return root / "data_seq" / "UAV123" if subset == "UAV20L" and not own.is_dir() else own


def parse_ranges(config: Path, subset: str = "UAV123") -> dict[str, tuple[str, int, int]]:
    r"""Read the sequences' folders and frame ranges from the Matlab file.

    It holds one list of `struct('name','bird1_2','path','...\bird1\','startFrame',775,'endFrame',1477,...)` a data set;
    names repeat between the lists, so that where there are any, only the set's own (`seqUAV123={...}`) counts.

    Args:
        config: The file.
        subset: One of `SUBSETS`.

    Returns:
        Folder, first and last frame (counted from 1, both included) by the sequence's name.

    Raises:
        InputError: An entry lacks one of them.
    """
    ranges = {}
    content = _content(config)
    entries = _own_list(config, subset) if _ANY_LIST.search(content) else content
    for entry in _ENTRY.findall(entries):
        fields = {key: word or number for key, word, number in _FIELD.findall(entry)}
        try:
            folder = re.split(r"[\\/]", fields["path"].rstrip("\\/"))[-1]
            ranges[fields["name"]] = (folder, int(fields["startFrame"]), int(fields["endFrame"]))
        except (KeyError, ValueError):
            raise InputError(
                f"'{config}': struct({entry[:60]}...) lacks one of 'name', 'path', 'startFrame', 'endFrame'"
            ) from None
    return ranges


def _content(config: Path) -> str:
    return "\n".join(line for line in read_lines(config) if not line.lstrip().startswith("%"))


def _own_list(config: Path, subset: str) -> str:
    """The content of `seqUAV123={...}`; empty if there is no such list."""
    section = re.search(rf"\bseq{subset}\s*=\s*\{{(.*?)\}}", _content(config), re.DOTALL)
    return section[1] if section else ""


def _unannotated(root: Path, subset: str, ranges: dict[str, tuple[str, int, int]]) -> dict[str, str]:
    """The sequences of the list whose frames are there and whose annotation is not, and what to say of them."""
    problems = {}
    for name, (folder, _, _) in ranges.items():
        source = root / "anno" / subset / f"{name}.txt"
        if (_frames_folder(root, subset) / folder).is_dir() and not source.is_file():
            problems[name] = f"sequence '{name}': ground truth '{source}' does not exist"
    return problems
