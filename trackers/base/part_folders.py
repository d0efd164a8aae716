"""Files and folders that appear whole: they are written under a hidden name, and held by a writer that lives."""

from __future__ import annotations

import fcntl
import glob
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from typing import Any

PART = ".part"


def part_folder(place: Path) -> AbstractContextManager[Path]:
    """Make a hidden folder ``.NAME.….part`` beside a place, in which what shall be there is written.

    What killed processes left of the same place is removed first. At the end the folder is gone, unless it was renamed.

    Args:
        place: Of the whole; its parent exists.

    Returns:
        A context that gives the folder, readable by its owner alone.

    Raises:
        OSError: The folder cannot be made; or from within, with a name.
    """
    return _part(place, tempfile.mkdtemp)


def part_file(place: Path) -> AbstractContextManager[Path]:
    """As `part_folder`, an empty file."""
    return _part(place, _empty_file)


@contextmanager
def _part(place: Path, make: Callable[..., str]) -> Iterator[Path]:
    """See `part_folder`; `make` takes ``dir``, ``prefix`` and ``suffix``, and gives the path of something new."""
    for left in hidden_beside(place, PART):
        with suppress(OSError), held(left):
            _remove(left)
    part, descriptor = _held_part(place, make)
    try:
        yield part
    except OSError as error:
        # A full disk is noticed without a name.
        raise OSError(error.errno, error.strerror or str(error), error.filename or str(place)) from None
    finally:
        _remove(part)
        os.close(descriptor)


def _held_part(place: Path, make: Callable[..., str]) -> tuple[Path, int]:
    """Make something hidden beside a place; give its path, and a descriptor that holds it until it is closed."""
    while True:
        part = Path(make(dir=place.parent, prefix=f".{place.name}.", suffix=PART))
        with suppress(FileNotFoundError):  # taken for a killed one's before it was held
            descriptor = _opened(part)
            with suppress(OSError):  # no locks on this file system: there nothing is ever taken for a killed one's
                fcntl.flock(descriptor, fcntl.LOCK_EX)
            if part.exists():
                return part, descriptor
            os.close(descriptor)


def _remove(part: Path) -> None:
    if part.is_dir():
        shutil.rmtree(part, ignore_errors=True)
    else:
        part.unlink(missing_ok=True)


def _empty_file(**named: Any) -> str:
    descriptor, part = tempfile.mkstemp(**named)
    os.close(descriptor)
    return part


def hidden_beside(place: Path, suffix: str) -> list[Path]:
    """What lies hidden as ``.NAME.…SUFFIX`` beside a place, without what is of another whose name begins like it."""
    hidden = place.parent.glob(f".{glob.escape(place.name)}.*{suffix}")
    return [path for path in hidden if "." not in path.name[len(f".{place.name}.") : -len(suffix)]]


@contextmanager
def held(part: Path) -> Iterator[None]:
    """Hold a file or folder as the writer of a part does, also under another name.

    Raises:
        BlockingIOError: Somebody who lives holds it.
        OSError: It is gone.
    """
    descriptor = _opened(part)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    finally:
        os.close(descriptor)


def _opened(part: Path) -> int:
    return os.open(part, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
