"""Where a study is kept: an Optuna journal in a file, or any storage that Optuna has a URL for."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import optuna
from optuna.storages import BaseStorage

from lighttrack_nas.strategies.search.storage.journal import JournalFile
from lighttrack_nas.strategies.search.storage.paged_storage import PagedStorage
from lighttrack_nas.trackers.base.errors import InputError, is_out_of_memory
from lighttrack_nas.trackers.base.files import make_folder
from lighttrack_nas.trackers.base.progress import Say

PATIENCE = 6.0
"""Seconds to wait for a journal that another process holds: a killed one's data loaders outlive it by five."""

# In what a client says of a server that is down, or coming up.
_AWAY = (
    *("refused", "starting up", "shutting down", "timeout", "timed out", "closed the connection", "No such file"),
    *("terminating connection", "recovery", "not yet accepting", "reset by peer"),
)


def open_shared(storage: str | Path | BaseStorage, patience: float = PATIENCE, keep: bool = False) -> BaseStorage:
    """Open a storage for a search that other workers may have open too.

    Args:
        storage: As of `open_for_writing`.
        patience: Seconds to wait for a journal that another process holds for itself, such as a search of version 0.3.
        keep: See `connect`.

    Raises:
        InputError: It cannot be opened, is no journal, or another process holds it for itself.
    """
    path = journal_path(storage)
    if path is None:
        with failures_of(storage):
            return connect(storage, keep)
    # The others go on meanwhile: thousands of trials are read for many seconds.
    with _held(path, patience) as journal, failures_of(path):
        journal.drop_cut_line()
    with failures_of(path):
        return journal.replay()


@contextmanager
def open_for_writing(
    storage: str | Path | BaseStorage, patience: float = PATIENCE, keep: bool = False
) -> Iterator[BaseStorage]:
    """Open a storage, and hold a journal against all other writers until the end.

    Args:
        storage: A journal file (made with its folder where missing), a URL such as `sqlite:///search.db`, or a storage.
        patience: Seconds to wait for a journal that another process holds.
        keep: See `connect`.

    Yields:
        The storage, which stays usable afterwards.

    Raises:
        InputError: It cannot be opened, is no journal, or another process holds it.
    """
    path = journal_path(storage)
    if path is None:
        with failures_of(storage):
            opened = connect(storage, keep)
        yield opened
        return
    with _held(path, patience) as journal:
        with failures_of(path):
            journal.drop_cut_line()
            opened = journal.replay()
        yield opened


@contextmanager
def _held(path: Path, patience: float) -> Iterator[JournalFile]:
    make_folder(path.parent)
    with failures_of(path):
        journal = JournalFile(path)
        held = journal.acquire(patience)
    if not held:
        raise InputError(f"journal '{path}' is held by another search; wait for its end, or give another file")
    try:
        yield journal
    finally:
        journal.release()


def repair_journal(path: Path, patience: float = PATIENCE) -> Path | None:
    """Cut a damaged journal off before the first line that cannot be read; see `JournalFile.repair`.

    Raises:
        InputError: There is none, or another process holds it.
    """
    if not path.is_file():
        raise InputError(f"'{path}' is no journal of a search: no such file")
    journal = JournalFile(path)
    if not journal.acquire(patience):
        raise InputError(f"journal '{path}' is held by another search; wait for its end")
    try:
        return journal.repair()
    finally:
        journal.release()


def connect(storage: str | Path | BaseStorage, keep: bool = False) -> BaseStorage:
    """Open a storage to read it; of a journal, while another process may write it.

    Args:
        storage: A journal file, a URL, or a storage.
        keep: Whether to keep connections to a database open, for many calls; `WorkerStorage.close` closes them.

    Raises:
        Exception: What Optuna or the database raises; see `failures_of`.
    """
    if isinstance(storage, BaseStorage):
        return storage
    path = journal_path(storage)
    if path is not None:
        return JournalFile(path).replay()
    from sqlalchemy.pool import NullPool

    # A connection that was lost while an architecture was measured is noticed before it is used.
    pool: dict[str, Any] = {"pool_pre_ping": True} if keep else {"poolclass": NullPool}
    return PagedStorage(str(storage), pool | {"connect_args": connect_arguments(str(storage))})


def connect_to_server(storage: str | Path | BaseStorage) -> BaseStorage:
    """As `connect`, and keeps the connections; others may make the tables at the same moment."""
    from sqlalchemy.exc import IntegrityError, ProgrammingError

    try:
        return connect(storage, keep=True)
    except (IntegrityError, ProgrammingError):
        # A server that failed lost what keeps apart those that start, and another one makes the tables just now.
        time.sleep(2)
        return connect(storage, keep=True)


def await_server(storage: str | Path | BaseStorage, patience: float, say: Say) -> None:
    """Wait for a PostgreSQL server that does not answer; whoever opens the storage then says what is wrong.

    Args:
        storage: As of `open_for_writing`; what is no PostgreSQL server is not waited for.
        patience: Seconds.
        say: Told once that the server does not answer.
    """
    if not is_server(storage):
        return
    from sqlalchemy import create_engine
    from sqlalchemy.exc import OperationalError
    from sqlalchemy.pool import NullPool

    url = str(storage)
    engine = create_engine(url, poolclass=NullPool, connect_args=connect_arguments(url))
    end, said = time.monotonic() + patience, False
    while True:
        try:
            engine.connect().close()
            return
        except OperationalError as error:
            # A wrong password or name of a database gets no better.
            if not any(words in str(error.orig) for words in _AWAY) or time.monotonic() >= end:
                return
        if not said:
            say(f"{shown_storage(storage)} does not answer: trying for {patience:.0f} seconds")
            said = True
        time.sleep(0.5)


def is_server(storage: str | Path | BaseStorage) -> bool:
    """Whether a storage is a PostgreSQL server, which may go away and come back."""
    return isinstance(storage, str) and storage.startswith("postgresql")


def connect_arguments(url: str) -> dict[str, Any]:
    """What a database's driver is told, so that neither end waits long for one that is gone.

    Raises:
        Exception: What SQLAlchemy raises; see `failures_of`.
    """
    from sqlalchemy import make_url

    if make_url(url).get_driver_name() not in ("psycopg2", "psycopg"):
        return {}
    seconds = {"idle": 10, "interval": 5, "count": 3}
    ours = {f"keepalives_{name}": value for name, value in seconds.items()}
    servers = " ".join(f"-c tcp_keepalives_{name}={value}" for name, value in seconds.items())
    return {"connect_timeout": 10, "options": servers} | ours


def journal_path(storage: str | Path | BaseStorage) -> Path | None:
    """The journal's file; None for URLs and storages."""
    if isinstance(storage, BaseStorage) or "://" in str(storage):
        return None
    return Path(storage)


def sqlite_path(storage: str | Path | BaseStorage) -> Path | None:
    """The file of an SQLite URL; None for all else."""
    from sqlalchemy import make_url
    from sqlalchemy.exc import ArgumentError

    if not isinstance(storage, str) or not storage.startswith("sqlite"):
        return None
    try:
        database = make_url(storage).database
    except ArgumentError:
        return None
    return Path(database) if database and database != ":memory:" and not database.startswith("file:") else None


def shown_storage(storage: str | Path | BaseStorage) -> str:
    """A storage in a sentence, without its password."""
    shown = str(storage) if isinstance(storage, (str, Path)) else type(storage).__name__
    return "storage '" + re.sub(r"(://[^:/@]*):[^@]*@", r"\1:***@", shown) + "'"


@contextmanager
def quiet_optuna(level: int = optuna.logging.WARNING) -> Iterator[None]:
    """Keep back what Optuna announces below a level, until the end."""
    verbosity = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(max(verbosity, level))
    try:
        yield
    finally:
        optuna.logging.set_verbosity(verbosity)


@contextmanager
def failures_of(storage: str | Path | BaseStorage) -> Iterator[None]:
    """Keep Optuna's announcements back, and turn what opening a storage may raise into an `InputError`."""
    from sqlalchemy.exc import SQLAlchemyError

    where = shown_storage(storage)
    try:
        with quiet_optuna():
            yield
    except InputError:
        raise
    except OSError as error:
        raise InputError(f"{where} cannot be opened: {error.strerror or error}") from None
    except ImportError as error:
        extra = ': pip install "lighttrack-nas[postgres]"' if str(storage).startswith("postgresql") else f": {error}"
        raise InputError(f"{where} needs a database package that is not installed{extra}") from None
    except (SQLAlchemyError, optuna.exceptions.OptunaError) as error:
        raise InputError(f"{where} cannot be opened: {str(error).splitlines()[0]}") from None
    except (ValueError, ArithmeticError, LookupError, TypeError, AssertionError, AttributeError, RuntimeError) as error:
        if is_out_of_memory(error):
            raise
        # What reading lines that are no journal ends in, or rows that are no study. Its repr may hold all the bytes.
        said = f"{type(error).__name__}: {str(error)[:100]}"
        what = "database" if journal_path(storage) is None else "journal"
        raise InputError(f"{where} is no {what} of Optuna, or a damaged one: {said}") from None
