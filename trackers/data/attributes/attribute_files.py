"""Attributes of sequences, such as "occlusion", as the data sets' own files say them.

| layout | files | what they say |
|---|---|---|
| `got10k` | `SEQUENCE/cover.label`, `cut_by_image.label` | frames |
| `got10k` | `SEQUENCE/meta_info.ini` | sequences: the kind of target, how it moves |
| `vot` | `SEQUENCE/occlusion.tag` and its like (`.label` in older years) | frames |
| `otb` | `anno/att/SEQUENCE.txt` or `att/SEQUENCE.txt` | sequences |
| `lasot` | the toolkit's `annos/att/SEQUENCE.txt`, or `att/SEQUENCE.txt` | sequences |
| `uav123`, `uav20l` | `anno/UAV123/att/SEQUENCE.txt` | sequences |
| any | pysot's list in the data set's folder, such as `OTB100.json` or `NFS30.json` | sequences |

In `meta_info.ini`, `challenge: small target, look-alike` names attributes of one's own.
"""

from __future__ import annotations

import configparser
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from lighttrack_nas.trackers.base.errors import InputError
from lighttrack_nas.trackers.base.parsing import parse_json, read_text
from lighttrack_nas.trackers.data.readers.text import read_labels
from lighttrack_nas.trackers.data.sequence import Sequence

Attributes = dict[str, dict[str, np.ndarray]]
"""Name of an attribute -> name of a sequence -> ``(frames,)`` bool, the frames that have it; all where it is the
sequence's."""

# The columns of the files, in the order of the data sets' own toolkits.
_OTB = (
    *("illumination variation", "out-of-plane rotation", "scale variation", "occlusion", "deformation", "motion blur"),
    *("fast motion", "in-plane rotation", "out-of-view", "background clutter", "low resolution"),
)
_UAV123 = (
    *("scale variation", "aspect ratio change", "low resolution", "fast motion", "full occlusion"),
    *("partial occlusion", "out-of-view", "background clutter", "illumination variation", "viewpoint change"),
    *("camera motion", "similar object"),
)
_LASOT = (
    *("illumination variation", "partial occlusion", "deformation", "motion blur", "camera motion", "rotation"),
    *("background clutter", "viewpoint change", "scale variation", "full occlusion", "fast motion", "out-of-view"),
    *("low resolution", "aspect ratio change"),
)
_COLUMNS = {"otb": _OTB, "lasot": _LASOT, "uav123": _UAV123, "uav123_10fps": _UAV123, "uav20l": _UAV123}
_PYSOT = ("OTB50", "OTB100", "CVPR13", "UAV123", "UAV20L", "NFS30", "NFS240", "LaSOT")
_TAGS = ("camera_motion", "illum_change", "motion_change", "occlusion", "size_change")
# GOT-10k's levels of visibility: 0 is nothing (such frames are absent), 8 all of the target; 5 ends at 75 %.
_MOSTLY_VISIBLE = 6
_META = {"root_class": "target: ", "motion_adverb": "moves ", "challenge": ""}


def read_attributes(root: Path | str, layout: str, sequences: list[Sequence]) -> Attributes:
    """Read what a data set says of its sequences.

    Args:
        root: The data set's folder, as `read_sequences` takes it.
        layout: Its layout; NfS and TrackingNet have no files of attributes of their own.
        sequences: Those that it is asked about.

    Returns:
        The attributes that some sequence has, those of the most sequences first; empty where the set has none.

    Raises:
        InputError: A file holds something else than its layout says; the message names it.
    """
    root = Path(root).expanduser()
    lists = list(_json_lists(root))
    attributes: Attributes = {}
    for sequence in sequences:
        for name, frames in _of_sequence(root, layout, sequence, lists):
            if frames.any():
                attributes.setdefault(name, {})[sequence.name] = frames
    return dict(sorted(attributes.items(), key=lambda item: (-len(item[1]), item[0])))


def _of_sequence(
    root: Path, layout: str, sequence: Sequence, lists: list[dict[str, Any]]
) -> Iterator[tuple[str, np.ndarray]]:
    whole = np.ones(len(sequence), bool)
    for listed in lists:
        entry = next((listed[name] for name in _spellings(sequence.name) if name in listed), None)
        if isinstance(entry, dict) and isinstance(entry.get("attr"), list):
            yield from ((str(name).lower(), whole) for name in entry["attr"])
    if sequence.source is None:
        return
    folder = sequence.source.parent
    if layout in _COLUMNS:
        file = _column_file(root, folder, sequence.name)
        if file is not None:
            flags = read_labels(file, len(_COLUMNS[layout]), f"attributes of layout '{layout}'")
            yield from ((name, whole) for name, flag in zip(_COLUMNS[layout], flags, strict=True) if flag > 0)
    elif layout == "got10k":
        if (folder / "cover.label").is_file():
            cover = read_labels(folder / "cover.label", len(sequence))
            yield "occluded by a quarter or more", (cover > 0) & (cover < _MOSTLY_VISIBLE)
        if (folder / "cut_by_image.label").is_file():
            yield "cut by the image", read_labels(folder / "cut_by_image.label", len(sequence)) > 0
        yield from ((name, whole) for name in _of_meta(folder / "meta_info.ini"))
    elif layout == "vot":
        for tag in _TAGS:
            file = next((f for end in (".tag", ".label") if (f := folder / f"{tag}{end}").is_file()), None)
            if file is not None:
                yield tag.replace("_", " "), _tagged(file, len(sequence))


def _column_file(root: Path, folder: Path, name: str) -> Path | None:
    for where in (folder / "att", root / "att", root / "anno" / "att", root / "annos" / "att", folder.parent / "att"):
        for spelled in _spellings(name):
            # OTB's toolkit writes some names in small letters.
            for file in (where / f"{spelled}.txt", where / f"{spelled.lower()}.txt"):
                if file.is_file():
                    return file
    return None


def _spellings(name: str) -> list[str]:
    """A second target is `Jogging.2` in OTB and got10k, `Jogging-2` in pysot and OTB's toolkit."""
    return list(dict.fromkeys((name, name.replace(".", "-"))))


def _tagged(file: Path, frames: int) -> np.ndarray:
    """The frames that a tag of VOT marks; its file may end before the video does."""
    flags = [line.strip() for line in read_text(file, "tag file").split()]
    if len(flags) > frames or not set(flags) <= {"0", "1"}:
        raise InputError(f"'{file}': expected 0 or 1 a line, for at most {frames} frames")
    return np.array([flag == "1" for flag in flags] + [False] * (frames - len(flags)))


def _of_meta(file: Path) -> Iterator[str]:
    if not file.is_file():
        return
    parser = configparser.ConfigParser(interpolation=None, strict=False)
    try:
        parser.read_string(read_text(file, "file of GOT-10k's meta information"))
    except configparser.Error as error:
        raise InputError(f"'{file}' is no INI file: {' '.join(str(error).split())}") from None
    for section in parser.sections():
        for key, prefix in _META.items():
            values = parser.get(section, key, fallback="").split(",")
            yield from (f"{prefix}{value.strip()}" for value in values if value.strip())


def _json_lists(root: Path) -> Iterator[dict[str, Any]]:
    for file in (root / f"{name}.json" for name in _PYSOT):
        if file.is_file():
            content = parse_json(read_text(file, "list of sequences"), f"'{file}'")
            if not isinstance(content, dict):
                raise InputError(f"'{file}': expected pysot's list, sequences by name, got {type(content).__name__}")
            yield content
