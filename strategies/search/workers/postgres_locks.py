"""Which workers are alive, told by PostgreSQL's advisory locks, which end with the connection that took them."""

from __future__ import annotations

import itertools
import threading
import time
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

from sqlalchemy import text
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from lighttrack_nas.strategies.search.storage.patience import Patience
from lighttrack_nas.strategies.search.storage.storage import connect_arguments
from lighttrack_nas.trackers.base.errors import InputError

if TYPE_CHECKING:
    from sqlalchemy import Connection

_PATIENCE = 600.0
"""Seconds to wait for others that start, which takes each of them some on a busy machine."""
_BEAT = 2.0
"""Seconds after which a worker looks whether it still has its lock."""
_SETTLED = 10.0
"""Seconds after a start of the server by which every worker that is alive has its lock again."""
_GONE = 5.0
"""Seconds for which a number must be nobody's before its worker is taken for dead."""
_STARTING = zlib.crc32(b"lighttrack-nas starts") >> 1

_TAKE = "SELECT pg_try_advisory_lock(:kind, :number)"
_RELEASE = "SELECT pg_advisory_unlock(:kind, :number)"
_UPTIME = "SELECT extract(epoch FROM clock_timestamp() - pg_postmaster_start_time())"
_HELD = """
    SELECT objid FROM pg_locks JOIN pg_database ON pg_database.oid = pg_locks.database
    WHERE locktype = 'advisory' AND granted AND objsubid = 2 AND datname = current_database()
    AND classid::bigint = :kind
"""


class PostgresLocks:
    """See `WorkerLocks`. A thread watches over the connection, and takes the lock again where the server restarted.

    Args:
        url: As Optuna takes it.
        study_name: Workers of other studies have their own numbers.
        waiting: For how long a server that goes away is waited for.
    """

    def __init__(self, url: str, study_name: str, waiting: Patience | None = None) -> None:
        self._url = url
        self._waiting = waiting or Patience("the server", seconds=0.0)
        # When a number was first seen to be nobody's.
        self._free: dict[int, float] = {}
        # Two integers of 31 bits name a lock in a database.
        self._kind = zlib.crc32(f"lighttrack-nas worker of {study_name}".encode()) >> 1
        self._connection: Connection | None = None
        self._mutex = threading.RLock()
        self._stop = threading.Event()
        self._keeper: threading.Thread | None = None
        self.number = 0

    @contextmanager
    def starting(self) -> Iterator[None]:
        """See `WorkerLocks`."""
        end = time.monotonic() + _PATIENCE
        while not self._ask(_TAKE, kind=_STARTING, number=0):
            if time.monotonic() > end:
                raise InputError(f"another worker has been starting for {_PATIENCE:.0f} seconds on this server")
            time.sleep(0.05)
        try:
            yield
        finally:
            with suppress(Exception):  # the connection is gone, and the lock with it
                self._run(_RELEASE, kind=_STARTING, number=0)

    def settle(self, numbers: Iterable[int]) -> None:
        """See `WorkerLocks`."""
        while (left := _SETTLED - float(self._ask(_UPTIME))) > 0:
            time.sleep(min(left, 1.0) + 0.01)
        end = time.monotonic() + _GONE
        while set(numbers) - self._waiting(self._held) and time.monotonic() < end:
            time.sleep(0.1)

    def take(self) -> int:
        """See `WorkerLocks`."""
        self._waiting(self._take_lowest)
        self._keeper = threading.Thread(target=self._keep, name="worker's lock", daemon=True)
        self._keeper.start()
        return self.number

    def dead(self, numbers: Iterable[int]) -> set[int]:
        """See `WorkerLocks`."""
        wanted = set(numbers) - {self.number}
        if not wanted:
            return set()
        try:
            free = wanted - self._held()
            # In this order: locks that were read before a restart are no older than the server.
            uptime = float(self._run(_UPTIME)[0][0])
        except SQLAlchemyError:
            return set()
        if uptime <= _SETTLED:
            return set()
        # A connection that was cut off takes its lock along, which its worker takes again at its next beat.
        now = time.monotonic()
        self._free = {number: self._free.get(number, now) for number in free}
        return {number for number, since in self._free.items() if now - since >= _GONE}

    def others(self) -> set[int]:
        """See `WorkerLocks`."""
        return self._waiting(self._held) - {self.number}

    def leave(self) -> None:
        """See `WorkerLocks`."""
        self._stop.set()
        with self._mutex:
            if self._connection is not None and self._keeper is not None:
                # Said, as a server notices a closed connection only some time later.
                with suppress(Exception):
                    self._connection.execute(text(_RELEASE), {"kind": self._kind, "number": self.number})
            self._close()
        if self._keeper is not None:
            self._keeper.join(2 * _BEAT)

    def _held(self) -> set[int]:
        return {int(row[0]) for row in self._run(_HELD, kind=self._kind)}

    def _take_lowest(self) -> None:
        for number in itertools.count():
            if self._run(_TAKE, kind=self._kind, number=number)[0][0]:
                self.number = number
                return

    def _keep(self) -> None:
        while not self._stop.wait(_BEAT):
            with suppress(Exception), self._mutex:  # away: the next beat tries again
                if not self._stop.is_set():
                    self._run("SELECT 1")

    def _ask(self, statement: str, **values: Any) -> Any:
        return self._waiting(lambda: self._run(statement, **values)[0][0])

    def _run(self, statement: str, **values: Any) -> list[Any]:
        """Run a statement on the one connection that holds the lock; where it is lost, make another, and take it again.

        Raises:
            sqlalchemy.exc.SQLAlchemyError: The server does not answer.
        """
        with self._mutex:
            if self._connection is not None:
                try:
                    return list(self._connection.execute(text(statement), values))
                except DBAPIError:
                    self._close()
            again = self._keeper is not None and not self._stop.is_set()
            self._open()
            assert self._connection is not None
            own = {"kind": self._kind, "number": self.number}
            if again and not self._connection.execute(text(_TAKE), own).scalar():
                self._take_lowest()
            return list(self._connection.execute(text(statement), values))

    def _open(self) -> None:
        from sqlalchemy import create_engine
        from sqlalchemy.pool import NullPool

        engine = create_engine(
            self._url, poolclass=NullPool, isolation_level="AUTOCOMMIT", connect_args=connect_arguments(self._url)
        )
        self._connection = engine.connect()
        # Others may have been cut off too.
        self._free = {}

    def _close(self) -> None:
        if self._connection is not None:
            with suppress(Exception):
                self._connection.close()
        self._connection = None
