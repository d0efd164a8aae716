"""Where a study is kept: an Optuna journal in a file, or any storage that Optuna has a URL for."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import optuna
from optuna.storages import BaseStorage, JournalStorage, RDBStorage
from optuna.storages.journal import JournalFileBackend

from lighttrack_nas.strategies.search.journal import JournalFile
from lighttrack_nas.trackers.errors import InputError
from lighttrack_nas.trackers.files import make_folder

PATIENCE = 6.0
"""Seconds to wait for a journal that another process holds: a killed one's data loaders outlive it by five."""


@contextmanager
def open_for_writing(storage: str | Path | BaseStorage, patience: float = PATIENCE) -> Iterator[BaseStorage]:
    """Open a storage for a search, and hold a journal against other searches until the end.

    Args:
        storage: A journal file (made with its folder where missing), a URL such as `sqlite:///search.db`, or a storage.
        patience: Seconds to wait for a journal that another process holds.

    Yields:
        The storage, which stays usable afterwards.

    Raises:
        InputError: It cannot be opened, is no journal, or another process holds it.
    """
    path = journal_path(storage)
    if path is None:
        with failures_of(storage):
            opened = connect(storage)
        yield opened
        return
    make_folder(path.parent)
    with failures_of(path):
        journal = JournalFile(path)
        held = journal.acquire(patience)
    if not held:
        raise InputError(f"journal '{path}' is held by another search; wait for its end, or give another file")
    try:
        with failures_of(path):
            journal.drop_cut_line()
            opened = JournalStorage(journal)
        yield opened
    finally:
        journal.release()


def connect(storage: str | Path | BaseStorage) -> BaseStorage:
    """Open a storage to read it; of a journal, while another process may write it.

    Raises:
        Exception: What Optuna or the database raises; see `failures_of`.
    """
    if isinstance(storage, BaseStorage):
        return storage
    path = journal_path(storage)
    return RDBStorage(str(storage)) if path is None else JournalStorage(JournalFileBackend(str(path)))


def journal_path(storage: str | Path | BaseStorage) -> Path | None:
    """The journal's file; None for URLs and storages."""
    if isinstance(storage, BaseStorage) or "://" in str(storage):
        return None
    return Path(storage)


@contextmanager
def failures_of(storage: str | Path | BaseStorage) -> Iterator[None]:
    """Keep Optuna's announcements back, and turn what opening a storage may raise into an `InputError`."""
    from sqlalchemy.exc import SQLAlchemyError

    shown = str(storage) if isinstance(storage, (str, Path)) else type(storage).__name__
    # A password stays out of messages.
    where = "storage '" + re.sub(r"(://[^:/@]*):[^@]*@", r"\1:***@", shown) + "'"
    verbosity = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(max(verbosity, optuna.logging.WARNING))
    try:
        yield
    except InputError:
        raise
    except OSError as error:
        raise InputError(f"{where} cannot be opened: {error.strerror or error}") from None
    except ImportError as error:
        raise InputError(f"{where} needs a database package that is not installed: {error}") from None
    except (SQLAlchemyError, optuna.exceptions.OptunaError) as error:
        raise InputError(f"{where} cannot be opened: {str(error).splitlines()[0]}") from None
    except (ValueError, KeyError, TypeError, AssertionError) as error:
        # What reading lines that are no journal ends in.
        raise InputError(f"{where} is no journal of Optuna, or a damaged one: {error!r}") from None
    finally:
        optuna.logging.set_verbosity(verbosity)
