"""Which workers are alive, told by locks on small files beside a study on a disk."""

from __future__ import annotations

import fcntl
import itertools
import os
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.parse import quote

from lighttrack_nas.trackers.base.errors import InputError
from lighttrack_nas.trackers.base.locked_files import HeldFile, lock_file

_STARTING = "starting"
_PATIENCE = 600.0
"""Seconds to wait for others that start, which takes each of them some on a busy machine."""


class FileLocks:
    """See `WorkerLocks`. The kernel's locks end with their holder: a killed worker is known at once.

    Args:
        folder: Of the files, one a worker; made when wanted and removed by the last worker to leave.
        study_name: Workers of other studies have their own numbers.
    """

    def __init__(self, folder: Path, study_name: str) -> None:
        self._folder = folder
        self._prefix = quote(study_name, safe="") + "-"
        self._held: HeldFile | None = None
        self.number = 0

    @contextmanager
    def starting(self) -> Iterator[None]:
        """See `WorkerLocks`."""
        end = time.monotonic() + _PATIENCE
        while (held := lock_file(self._folder / _STARTING)) is None:
            if time.monotonic() > end:
                raise InputError(f"another worker has been starting for {_PATIENCE:.0f} seconds, see '{self._folder}'")
            time.sleep(0.02)
        try:
            yield
        finally:
            held.release()
            self._remove_folder()

    def settle(self, numbers: Iterable[int]) -> None:
        """See `WorkerLocks`."""

    def take(self) -> int:
        """See `WorkerLocks`."""
        for number in itertools.count():
            # Somebody may be looking at it just now, which takes microseconds.
            for _ in range(3):
                self._held = lock_file(self._file(number))
                if self._held is not None:
                    self.number = number
                    return number
                time.sleep(0.005)
        raise AssertionError

    def dead(self, numbers: Iterable[int]) -> set[int]:
        """See `WorkerLocks`."""
        return {number for number in numbers if number != self.number and _is_free(self._file(number))}

    def others(self) -> set[int]:
        """See `WorkerLocks`."""
        with suppress(FileNotFoundError):
            names = [path.name for path in self._folder.iterdir() if path.name.startswith(self._prefix)]
            numbers = {int(end) for name in names if (end := name.removeprefix(self._prefix)).isdigit()}
            return numbers - self.dead(numbers) - {self.number}
        return set()

    def leave(self) -> None:
        """See `WorkerLocks`."""
        if self._held is None:
            return
        self._held.release()
        self._held = None
        # What killed workers left.
        with suppress(FileNotFoundError):
            for path in list(self._folder.iterdir()):
                if path.name != _STARTING and (held := lock_file(path)) is not None:
                    held.release()
        self._remove_folder()

    def _file(self, number: int) -> Path:
        return self._folder / f"{self._prefix}{number}"

    def _remove_folder(self) -> None:
        with suppress(OSError):  # others are at work
            self._folder.rmdir()


def _is_free(path: Path) -> bool:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return True
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        return True
    except BlockingIOError:
        return False
    finally:
        os.close(descriptor)
