"""Optuna's journal in a file, for searches that a kill at any moment must not stop, neither this one nor the others.

The format is Optuna's: `JournalFileBackend` and the dashboard read it, also while it is written. What differs is how it
is written:

- The lock is the kernel's, on the journal itself: it ends with its holder. Optuna's lock files outlive the process that
  made them, and the next one waits half a minute. It is held for a single write, or for as long as `acquire` says.
- A line that was cut short is removed before anything is written. It would join the next line. Whoever reads meanwhile
  stops where the file ended, within the line that replaces it, and leaves that for the next time.
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
from optuna.trial import TrialState

from lighttrack_nas.trackers.base.errors import InputError

PATIENCE = 60.0
"""Seconds for which a write waits for others, which take milliseconds."""
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
            OSError: The disk is full, the file is gone, or somebody holds it for longer than `PATIENCE`.
        """
        data = "".join(json.dumps(log, separators=(",", ":")) + "\n" for log in logs).encode()
        if not self.acquire(PATIENCE):
            raise TimeoutError(f"another process has locked '{self._path}' for {PATIENCE:.0f} seconds")
        try:
            size = _without_cut_line(self._descriptor)
            try:
                while data:
                    data = data[os.write(self._descriptor, data) :]
            except BaseException:
                os.ftruncate(self._descriptor, size)
                raise
            if any("state" in log and TrialState(log["state"]).is_finished() for log in logs):
                os.fsync(self._descriptor)
        finally:
            self.release()

    def drop_cut_line(self) -> None:
        """Remove what a killed process wrote of its last line. To be called with the lock.

        Raises:
            InputError: The file is no journal; it is left as it is.
        """
        begin = os.pread(self._descriptor, len(_BEGIN), 0)
        if not _BEGIN.startswith(begin):
            raise InputError(f"'{self._path}' is no journal of Optuna: it begins with {begin!r}")
        _without_cut_line(self._descriptor)

    def _open(self, patience: float | None) -> bool:
        descriptor = os.open(self._path, os.O_RDWR | os.O_APPEND | os.O_CLOEXEC)
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


def _without_cut_line(descriptor: int) -> int:
    """Truncate a file to its last whole line; give its size then."""
    end = kept = os.fstat(descriptor).st_size
    if not end or os.pread(descriptor, 1, end - 1) == b"\n":
        return end
    while kept:
        start = max(0, kept - _BLOCK)
        place = os.pread(descriptor, kept - start, start).rfind(b"\n")
        if place >= 0:
            kept = start + place + 1
            break
        kept = start
    os.ftruncate(descriptor, kept)
    return kept


def _flock(descriptor: int, patience: float | None) -> bool:
    if patience is None:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        return True
    end, pause = time.monotonic() + patience, 0.0005
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        except BlockingIOError:
            if time.monotonic() >= end:
                return False
            time.sleep(pause)
            pause = min(2 * pause, 0.05)
