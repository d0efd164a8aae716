"""UAV123: `data_seq/UAV123/FOLDER/000001.jpg ...`, `anno/UAV123/SEQUENCE.txt`, and `configSeqs.m`, which joins them."""

import re
from pathlib import Path

import numpy as np

from lighttrack_nas.trackers.base.errors import InputError
from lighttrack_nas.trackers.data.frames import natural_order
from lighttrack_nas.trackers.data.readers.common import make_sequence, sequence_images
from lighttrack_nas.trackers.data.readers.text import read_lines, read_rows
from lighttrack_nas.trackers.data.sequence import Sequence

_ENTRY = re.compile(r"struct\((.*?)\)")
_FIELD = re.compile(r"'(\w+)'\s*,\s*(?:'([^']*)'|(\d+))")


def read(root: Path) -> list[Sequence]:
    """Read all sequences.

    Several sequences may be ranges of one folder: bird1_1, bird1_2 and bird1_3 are frames 1-253, 775-1477 and 1573-2437
    of `bird1`. `configSeqs.m` says so; without it only sequences with a folder of their own can be read. Rows of NaN
    mean an absent target. The files count pixels from 1. Every sequence of the file's list `seqUAV123` whose folder is
    there must be annotated.

    Args:
        root: The folder that holds `anno`, `data_seq` and `configSeqs.m`.

    Raises:
        InputError: A sequence is broken, or `configSeqs.m` is needed and missing; the message names it.
    """
    config = root / "configSeqs.m"
    ranges = parse_ranges(config) if config.is_file() else {}
    if config.is_file() and _own_list(config):
        _check_annotated(root, ranges)
    sequences = []
    for source in sorted((root / "anno" / "UAV123").glob("[!.]*.txt"), key=natural_order):
        name = source.stem
        folder, first, last = ranges.get(name, (name, None, None))
        frames = root / "data_seq" / "UAV123" / folder
        if name not in ranges and not frames.is_dir():
            raise InputError(
                f"sequence '{name}': there is no folder '{frames}', and no entry in '{config}' names another"
            )
        images = sequence_images(name, frames)
        if first is not None and last is not None:
            images = tuple(image for image in images if image.stem.isdecimal() and first <= int(image.stem) <= last)
        sequences.append(make_sequence(name, images, read_rows(source, 4) - np.array([1, 1, 0, 0]), source))
    return sequences


def parse_ranges(config: Path) -> dict[str, tuple[str, int, int]]:
    r"""Read the sequences' folders and frame ranges from the Matlab file.

    It holds one list of `struct('name','bird1_2','path','...\bird1\','startFrame',775,'endFrame',1477,...)` a data set;
    names repeat between the lists (UAV20L, UAV123_10fps), so that only `seqUAV123={...}` counts if there is one.

    Returns:
        Folder, first and last frame (counted from 1, both included) by the sequence's name.

    Raises:
        InputError: An entry lacks one of them.
    """
    ranges = {}
    for entry in _ENTRY.findall(_own_list(config) or _content(config)):
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


def _own_list(config: Path) -> str:
    """The content of `seqUAV123={...}`; empty if there is no such list."""
    section = re.search(r"\bseqUAV123\s*=\s*\{(.*?)\}", _content(config), re.DOTALL)
    return section[1] if section else ""


def _check_annotated(root: Path, ranges: dict[str, tuple[str, int, int]]) -> None:
    for name, (folder, _, _) in ranges.items():
        source = root / "anno" / "UAV123" / f"{name}.txt"
        if (root / "data_seq" / "UAV123" / folder).is_dir() and not source.is_file():
            raise InputError(f"sequence '{name}': ground truth '{source}' does not exist")
