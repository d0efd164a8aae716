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
import shutil
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from optuna.storages import JournalStorage
from optuna.storages.journal import BaseJournalBackend
from optuna.trial import TrialState

from lighttrack_nas.strategies.search.storage.kept_trials import KeptTrials, is_value, may_be_noted, misnamed
from lighttrack_nas.trackers.base.errors import InputError
from lighttrack_nas.trackers.base.parsing import DEEPEST, is_deep, short

PATIENCE = 60.0
"""Seconds for which a write waits for others, which take milliseconds."""
_BEGIN = b'{"op_code":'
_BLOCK = 1 << 16
_AT_ONCE = 5000
"""Lines that are replayed before their trials are made to share: some hundred trials of a large space."""


class DamagedJournalError(InputError):
    """A journal that cannot be read from some line on.

    Attributes:
        whole: Bytes of the lines before that one.
        damage: The sentence without what `search` can do about it.
    """

    def __init__(self, path: Path, line: int, whole: int, reason: str) -> None:
        self.damage = (
            f"journal '{path}' is damaged at line {line} ({reason}); the {line - 1} lines before it are whole"
            if line > 1
            else f"'{path}' is no journal of Optuna, or a damaged one: its first line is no entry ({reason})"
        )
        repair = ": `lighttrack-nas search CONFIG --repair` sets the rest aside, and goes on from them"
        super().__init__(self.damage + (repair if line > 1 else ""))
        self.whole = whole


class JournalFile(BaseJournalBackend):
    """A journal to read and write.

    Args:
        path: The file; made where it is missing.
    """

    def __init__(self, path: Path) -> None:
        path.open("ab").close()
        self._path = path
        self._read = (0, 0)  # lines, and the bytes that they take
        self._before = (0, 0)  # the same, before the line that was given last
        self._descriptor = -1
        self._depth = 0
        self._until = sys.maxsize  # lines that are read at most
        self._stopped = False  # whether the last reading left some for that reason

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
        """Read the lines from one on; the last one may be in the writing, and is left for the next time.

        Raises:
            DamagedJournalError: A line is no entry of a journal.
        """
        number, place = self._read if self._read[0] <= log_number_from else (0, 0)
        self._stopped = False
        with self._path.open("rb") as file:
            end = os.fstat(file.fileno()).st_size
            file.seek(place)
            for line in file:
                if place + len(line) > end or not line.endswith(b"\n"):
                    return
                if number == self._until:
                    self._stopped = True
                    return
                self._before = (number, place)
                if number >= log_number_from:
                    yield self._entry(line)
                number, place = self._read = (number + 1, place + len(line))

    def replay(self) -> JournalStorage:
        """Open the journal as Optuna's storage; its trials share in memory what they have in common.

        Raises:
            DamagedJournalError: A line is no entry of a journal, or goes against those before it.
        """
        self._until = _AT_ONCE
        try:
            storage = JournalStorage(self)
            kept = KeptTrials(storage)
            while self._stopped:
                self._until += _AT_ONCE
                for study in storage.get_all_studies():  # reads on, and what follows does not
                    kept.read(storage.get_study_id_from_name(study.study_name))
            return storage
        except (InputError, OSError, MemoryError):
            raise
        except Exception as error:  # whatever Optuna meets in entries that it never wrote
            raise self._damaged(f"{type(error).__name__}: {str(error)[:100]}") from None
        finally:
            self._until = sys.maxsize

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
        """Remove what a killed process wrote of its last line, and no whole one. To be called with the lock.

        Raises:
            DamagedJournalError: The file does not begin as a journal; it is left as it is.
        """
        begin = os.pread(self._descriptor, len(_BEGIN), 0)
        if not _BEGIN.startswith(begin):
            raise DamagedJournalError(self._path, 1, 0, f"it begins with {begin!r}")
        _without_cut_line(self._descriptor)

    def repair(self) -> Path | None:
        """Cut the journal off before the first line that cannot be read. To be called with the lock.

        What is behind it speaks of trials by their numbers, which a lost line may have given: it cannot be trusted.

        Returns:
            A copy of the journal as it was; None where nothing was damaged.

        Raises:
            DamagedJournalError: Its first line cannot be read: it is no journal, and left as it is.
        """
        self.drop_cut_line()
        try:
            self.replay()
            return None
        except DamagedJournalError as damage:
            whole = damage.whole
            if not whole:
                raise
        copy = place_aside(self._path)
        shutil.copyfile(self._path, copy)
        os.ftruncate(self._descriptor, whole)
        os.fsync(self._descriptor)
        self._read = (0, 0)
        return copy

    def _entry(self, line: bytes) -> dict[str, Any]:
        try:
            entry = json.loads(line)
        except json.JSONDecodeError as error:
            raise self._damaged(f"{error.msg} at column {error.colno}") from None
        except (ValueError, RecursionError) as error:
            raise self._damaged(f"{type(error).__name__}: {str(error)[:100]}") from None
        if not isinstance(entry, dict):
            raise self._damaged("no entry of a journal")
        if line.count(b"[") + line.count(b"{") > DEEPEST and is_deep(entry):
            raise self._damaged(f"more than {DEEPEST} lists or mappings inside each other")
        values = entry.get("values")
        if values is not None and not (isinstance(values, list) and all(map(is_value, values))):
            raise self._damaged(f"values: expected numbers, got {short(values)}")
        for attributes in (entry.get("user_attr"), entry.get("user_attrs")):
            if isinstance(attributes, dict) and (odd := misnamed(attributes)):
                raise self._damaged(odd)
        noted = entry.get("system_attr")
        for key, value in noted.items() if isinstance(noted, dict) else ():
            if not may_be_noted(key, value):
                raise self._damaged(f"{short(key)}: {short(value)} cannot stand there")
        return entry

    def _damaged(self, reason: str) -> DamagedJournalError:
        number, place = self._before
        return DamagedJournalError(self._path, number + 1, place, reason)

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


def place_aside(path: Path) -> Path:
    """Where a damaged journal is kept: beside it, under a name that nothing has yet."""
    number = 1
    while (copy := path.with_name(f"{path.name}.damaged-{number}")).exists():
        number += 1
    return copy


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
