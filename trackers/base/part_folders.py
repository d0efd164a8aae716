"""Folders that appear whole: they are written under a hidden name, which their writer holds as long as it lives."""

from __future__ import annotations

import fcntl
import glob
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

PART = ".part"


@contextmanager
def part_folder(place: Path) -> Iterator[Path]:
    """Make a hidden folder ``.NAME.….part`` beside a place, in which what shall be there is written.

    What killed processes left of the same place is removed first. At the end the folder is gone, unless it was renamed.

    Args:
        place: Of the whole; its parent exists.

    Yields:
        The folder, readable by its owner alone.

    Raises:
        OSError: The folder cannot be made; or from within, with a name.
    """
    for left in hidden_beside(place, PART):
        with suppress(OSError), held(left):
            shutil.rmtree(left, ignore_errors=True)
    part, descriptor = _made(place)
    try:
        yield part
    except OSError as error:
        # A full disk is noticed without a name.
        raise OSError(error.errno, error.strerror or str(error), error.filename or str(place)) from None
    finally:
        shutil.rmtree(part, ignore_errors=True)
        os.close(descriptor)


def hidden_beside(place: Path, suffix: str) -> list[Path]:
    """The hidden folders ``.NAME.…SUFFIX`` of a place, without those of another one whose name begins like it."""
    hidden = place.parent.glob(f".{glob.escape(place.name)}.*{suffix}")
    return [path for path in hidden if "." not in path.name[len(f".{place.name}.") : -len(suffix)]]


@contextmanager
def held(folder: Path) -> Iterator[None]:
    """Hold a folder as the writer of a part does, also under another name.

    Raises:
        BlockingIOError: Somebody who lives holds it.
        OSError: It is no folder, or gone.
    """
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    finally:
        os.close(descriptor)


def _made(place: Path) -> tuple[Path, int]:
    while True:
        part = Path(tempfile.mkdtemp(dir=place.parent, prefix=f".{place.name}.", suffix=PART))
        with suppress(FileNotFoundError):  # taken for a killed one's before it was held
            descriptor = os.open(part, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            if part.exists():
                return part, descriptor
            os.close(descriptor)
