"""Optuna's journal in a file, for a search that a kill at any moment must not stop from being resumed.

The format is Optuna's: `JournalFileBackend` and the dashboard read it, also while it is written. What differs is how it
is written:

- The lock is the kernel's, on the journal itself: it ends with its holder. Optuna's lock files outlive the process that
  made them, and the next one waits half a minute.
- A line that was cut short is removed before anything is written. It would join the next line.
- The disk is waited for when a trial ends, not after each of its forty lines. A kill loses nothing by that; only a
  power failure may, and at most the trial that was running.
"""

from __future__ import annotations

import fcntl
import json
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from optuna.storages.journal import BaseJournalBackend, JournalFileBackend

from lighttrack_nas.trackers.errors import InputError

_BEGIN = b'{"op_code":'
_BLOCK = 1 << 16


class JournalFile(BaseJournalBackend):
    """A journal to write.

    Args:
        path: The file; made where it is missing.
    """

    def __init__(self, path: Path) -> None:
        self._reader = JournalFileBackend(str(path))
        self._path = path
        self._descriptor = -1
        self._depth = 0

    def acquire(self, patience: float | None = None) -> bool:
        """Take the lock, which one holder may take several times.

        Args:
            patience: Seconds to try; None to wait for ever.

        Returns:
            Whether it was taken.
        """
        if self._depth == 0 and not self._open(patience):
            return False
        self._depth += 1
        return True

    def release(self) -> None:
        """Give back what one `acquire` took."""
        self._depth -= 1
        if self._depth == 0:
            # Said, not left to the closing: a forked child may have the file open too.
            fcntl.flock(self._descriptor, fcntl.LOCK_UN)
            os.close(self._descriptor)

    def read_logs(self, log_number_from: int) -> Iterator[dict[str, Any]]:
        """Read the lines from one on."""
        return self._reader.read_logs(log_number_from)

    def append_logs(self, logs: list[dict[str, Any]]) -> None:
        """Write some lines, all or none.

        Raises:
            OSError: The disk is full, or the file is gone.
        """
        data = "".join(json.dumps(log, separators=(",", ":")) + "\n" for log in logs).encode()
        self.acquire()
        try:
            size = os.fstat(self._descriptor).st_size
            try:
                while data:
                    data = data[os.write(self._descriptor, data) :]
            except BaseException:
                os.ftruncate(self._descriptor, size)
                raise
            if any("state" in log for log in logs):
                os.fsync(self._descriptor)
        finally:
            self.release()

    def drop_cut_line(self) -> None:
        """Remove what a killed process wrote of its last line. To be called with the lock.

        Raises:
            InputError: The file is no journal; it is left as it is.
        """
        with self._path.open("r+b") as file:
            begin = file.read(len(_BEGIN))
            if not _BEGIN.startswith(begin):
                raise InputError(f"'{self._path}' is no journal of Optuna: it begins with {begin!r}")
            end = kept = file.seek(0, os.SEEK_END)
            while kept:
                start = max(0, kept - _BLOCK)
                file.seek(start)
                place = file.read(kept - start).rfind(b"\n")
                if place >= 0:
                    kept = start + place + 1
                    break
                kept = start
            if kept < end:
                file.truncate(kept)

    def _open(self, patience: float | None) -> bool:
        descriptor = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC)
        try:
            taken = _flock(descriptor, patience)
        except BaseException:
            os.close(descriptor)
            raise
        if taken:
            self._descriptor = descriptor
        else:
            os.close(descriptor)
        return taken


def _flock(descriptor: int, patience: float | None) -> bool:
    if patience is None:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        return True
    end = time.monotonic() + patience
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        except BlockingIOError:
            if time.monotonic() >= end:
                return False
            time.sleep(0.05)
