"""Annotation files: numbers in lines, separated by commas, tabs or spaces."""

import re
from pathlib import Path

import numpy as np

from lighttrack_nas.trackers.base.boxes import LARGEST_PLACE
from lighttrack_nas.trackers.base.errors import InputError
from lighttrack_nas.trackers.base.parsing import parse_number

_SEPARATOR = re.compile(r"\s*,\s*|\s+")


def read_lines(path: Path) -> list[str]:
    """Read a text file's lines, without the empty ones at its end.

    Raises:
        InputError: The file is missing, cannot be read, or is no text.
    """
    try:
        return path.read_text(encoding="utf-8-sig").rstrip().splitlines()
    except FileNotFoundError:
        raise InputError(f"'{path}' does not exist") from None
    except UnicodeDecodeError:
        raise InputError(f"'{path}' is not a text file") from None
    except OSError as error:
        raise InputError(f"'{path}' cannot be read: {error.strerror}") from None


def read_rows(path: Path, *columns: int, ignore_rest: bool = False) -> np.ndarray:
    """Read a table of numbers, one row a line.

    Args:
        path: The text file.
        columns: How many numbers a line may hold (`4`, or `4, 8`); the first line decides, the others must agree.
        ignore_rest: Lines may go on after these numbers, with anything.

    Returns:
        ``(lines, columns)`` float64, with NaN where the file says `nan`; ``(0, columns)`` for an empty file.

    Raises:
        InputError: The file is missing, or a line holds something else; the message names file and line.
    """
    allowed = columns
    rows = []
    for number, line in enumerate(read_lines(path), start=1):
        rows.append(read_numbers(line, path, number, allowed, ignore_rest=ignore_rest))
        allowed = (len(rows[-1]),)
    return np.array(rows, dtype=float).reshape(len(rows), allowed[0])


def read_numbers(
    line: str, path: Path, number: int, allowed: tuple[int, ...], otherwise: str = "", *, ignore_rest: bool = False
) -> np.ndarray:
    """Read the numbers of one line.

    Args:
        line: The line.
        path: Its file, for messages.
        number: Which line it is, counted from 1.
        allowed: How many numbers there may be.
        otherwise: What else the line could be, for the message.
        ignore_rest: The line may go on after the largest number allowed, with anything.

    Returns:
        ``(numbers,)`` float64, with NaN where the line says `nan`.

    Raises:
        InputError: Another count, something that is no number, or a number beyond `LARGEST_PLACE`.
    """
    fields = _SEPARATOR.split(line.strip()) if line.strip() else []
    if ignore_rest:
        fields = fields[: max(allowed)]
    if len(fields) not in allowed:
        expected = " or ".join(map(str, allowed))
        raise InputError(
            f"'{path}', line {number}: expected {expected} numbers{otherwise}, got {len(fields)}: {line[:80]!r}"
        )
    values = np.array([_number(field, path, number) for field in fields])
    if (np.abs(values) > LARGEST_PLACE).any():
        raise InputError(
            f"'{path}', line {number}: {line.strip()[:80]!r} lies more than {LARGEST_PLACE} pixels out: no picture is "
            "so large"
        )
    return values


def read_labels(path: Path, count: int, of: str = "frames") -> np.ndarray:
    """Read one number a frame or attribute, whether they stand in one line or each in its own.

    Args:
        path: The text file.
        count: How many there must be.
        of: What there are so many of, for the message.

    Returns:
        ``(count,)`` float64.

    Raises:
        InputError: The file is missing, holds something else than numbers, or another count.
    """
    labels = [
        _number(field, path, number)
        for number, line in enumerate(read_lines(path), start=1)
        for field in _SEPARATOR.split(line.strip().rstrip(","))
    ]
    if len(labels) != count:
        raise InputError(f"'{path}' holds {len(labels)} labels for {count} {of}")
    return np.array(labels)


def _number(field: str, path: Path, line: int) -> float:
    try:
        value = parse_number(field)
    except ValueError:
        raise InputError(f"'{path}', line {line}: '{field[:40]}' is not a number") from None
    if np.isinf(value):
        raise InputError(f"'{path}', line {line}: '{field[:40]}' is not finite (only nan is allowed, for no box)")
    return value
