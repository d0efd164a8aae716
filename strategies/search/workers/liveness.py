"""Which workers of a study are alive, on each kind of storage that several of them may share."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import Protocol

from optuna.storages import BaseStorage

from lighttrack_nas.strategies.search.storage.patience import Patience
from lighttrack_nas.strategies.search.storage.storage import failures_of, is_server, journal_path, sqlite_path
from lighttrack_nas.strategies.search.workers.file_locks import FileLocks
from lighttrack_nas.strategies.search.workers.postgres_locks import PostgresLocks


class WorkerLocks(Protocol):
    """Numbers for the workers of a study: each holds the lock of its number, which ends when its process does."""

    number: int
    """This worker's, once `take` gave it. It changes where a server lost the lock and somebody else took the number."""

    def starting(self) -> AbstractContextManager[None]:
        """Keep other workers from starting or being counted meanwhile.

        Raises:
            InputError: Another one takes a minute.
        """

    def settle(self, numbers: Iterable[int]) -> None:
        """Wait until locks can be trusted: where a server lost them, the workers take theirs again.

        Args:
            numbers: Of workers that seem to be at work.
        """

    def take(self) -> int:
        """Take the lowest number that is free."""

    def dead(self, numbers: Iterable[int]) -> set[int]:
        """Which of these numbers nobody holds; none where that cannot be told just now."""

    def others(self) -> set[int]:
        """The numbers that other workers hold."""

    def leave(self) -> None:
        """Give the number back."""


class NoLocks:
    """For a storage that only one process at a time may search: whoever left a running trial is dead."""

    number = 0

    def starting(self) -> AbstractContextManager[None]:
        """See `WorkerLocks`."""
        return nullcontext()

    def settle(self, numbers: Iterable[int]) -> None:
        """See `WorkerLocks`."""

    def take(self) -> int:
        """See `WorkerLocks`."""
        return 0

    def dead(self, numbers: Iterable[int]) -> set[int]:
        """See `WorkerLocks`."""
        return set(numbers) - {0}

    def others(self) -> set[int]:
        """See `WorkerLocks`."""
        return set()

    def leave(self) -> None:
        """See `WorkerLocks`."""


def worker_locks(storage: str | Path | BaseStorage, study_name: str, waiting: Patience | None = None) -> WorkerLocks:
    """The locks for a study in a storage: files beside a journal or an SQLite file, PostgreSQL's own, or none.

    Args:
        storage: A journal file, a URL or a storage.
        study_name: The study's.
        waiting: For how long a server that goes away is waited for; not at all without it.
    """
    path = journal_path(storage) or sqlite_path(storage)
    if path is not None:
        return FileLocks(path.with_name(path.name + ".workers"), study_name)
    return PostgresLocks(str(storage), study_name, waiting) if shareable(storage) else NoLocks()


def shareable(storage: str | Path | BaseStorage) -> bool:
    """Whether several workers may search in a storage at once."""
    path = journal_path(storage) or sqlite_path(storage)
    return path is not None or is_server(storage)


@contextmanager
def worker_number(storage: str | Path | BaseStorage, study_name: str) -> Iterator[int]:
    """Hold the lowest free number among a study's workers: 0 where nobody else is at work.

    Raises:
        InputError: The storage cannot be opened.
    """
    with failures_of(storage):
        locks = worker_locks(storage, study_name)
        with locks.starting():
            locks.take()
    try:
        yield locks.number
    finally:
        locks.leave()
