"""Files of targets: a box a line, with a name or without."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np

from lighttrack_nas.trackers.base.boxes import checked_box
from lighttrack_nas.trackers.base.errors import InputError
from lighttrack_nas.trackers.base.parsing import parse_number, read_text, short

# A name becomes a file's.
_NAME = re.compile(r"\w[\w.-]{0,99}")


def read_boxes(path: Path) -> dict[str, np.ndarray]:
    """Read the targets of a video.

    Args:
        path: A text file with a target a line, ``x,y,w,h`` or ``name,x,y,w,h``, in pixels of the first frame. A target
            without a name is called by its number, from 1. Empty lines are skipped.

    Returns:
        By name, in the file's order, ``(4,)`` x, y, w, h.

    Raises:
        InputError: Unreadable or empty, a line of another form, a box without area, or two targets of one name.
    """
    boxes: dict[str, np.ndarray] = {}
    lines: dict[str, int] = {}
    for number, line in enumerate(read_text(path, "file of boxes").splitlines(), 1):
        if not line.strip():
            continue
        where = f"'{path}', line {number}"
        name, box = _target(line, str(len(boxes) + 1), where)
        # Files of names that differ in upper and lower case alone are one file on some systems.
        first = lines.setdefault(name.casefold(), number)
        if first != number:
            raise InputError(f"{where}: a second target is called '{name}', as in line {first}; give each its own name")
        boxes[name] = box
    if not boxes:
        raise InputError(f"'{path}' holds no box: expected a target a line, x,y,width,height or name,x,y,width,height")
    return boxes


def _target(line: str, otherwise: str, where: str) -> tuple[str, np.ndarray]:
    """A line's name and box."""
    parts = [part.strip() for part in line.split(",")]
    name, numbers = (parts[0], parts[1:]) if len(parts) == 5 else (otherwise, parts)
    try:
        values = [parse_number(part) for part in numbers]
    except ValueError:
        values = []
    if len(values) != 4:
        raise InputError(
            f"{where}: expected x,y,width,height or name,x,y,width,height, such as 120,80,60,40 or "
            f"dog,120,80,60,40, got {short(line.strip())}"
        )
    if not _NAME.fullmatch(name):
        raise InputError(
            f"{where}: the name {short(name)} cannot name a file: expected letters, digits and _.-, 100 at most"
        )
    return name, checked_box(values, where=where)
