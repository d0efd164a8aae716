"""A PostgreSQL server of one's own, to be disturbed."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

_CLIENTS = "SELECT pid FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()"


def postgres_binary(name: str) -> str | None:
    """A program of PostgreSQL's server: on the path, or where Debian puts it."""
    places = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"))
    return shutil.which(name) or (str(places[-1]) if places else None)


class PostgresServer:
    """A PostgreSQL server in a temporary folder, on a socket in it, stopped and started at will."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="lighttrack-nas-postgres-"))
        # The server refuses to run as root.
        self._user = "postgres" if os.geteuid() == 0 else None
        if self._user:
            shutil.chown(self.folder, self._user)
        self._data = self.folder / "data"
        self._process: subprocess.Popen[bytes] | None = None
        self._databases = 0
        self._run(
            [postgres_binary("initdb") or "initdb", "-D", str(self._data), "-U", "test", "-A", "trust", "--no-sync"]
        )
        self.start()

    def start(self) -> None:
        """Start, and wait until it answers."""
        command = [postgres_binary("postgres") or "postgres", "-D", str(self._data), "-k", str(self.folder)]
        command += ["-F", "-c", "listen_addresses="]
        with (self.folder / "server.log").open("ab") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log, user=self._user, cwd="/")
        end = time.monotonic() + 60
        while time.monotonic() < end:
            # The server itself says when it takes connections.
            file = self._data / "postmaster.pid"
            if file.exists() and "ready" in file.read_text():
                return
            time.sleep(0.05)
        raise RuntimeError((self.folder / "server.log").read_text())

    def stop(self, fast: bool = False) -> None:
        """Stop at once: connections are cut, and what is not committed is lost.

        Args:
            fast: Whether to take leave of the clients; otherwise as after a crash.
        """
        assert self._process is not None
        self._process.send_signal(signal.SIGINT if fast else signal.SIGQUIT)
        self._process.wait(60)

    @contextmanager
    def hanging(self) -> Iterator[None]:
        """Let no process of the server do anything: connections stand, and nothing comes through them."""
        stopped: list[int] = []
        # The parent first, so that none is added meanwhile.
        while left := [number for number in self._processes() if number not in stopped]:
            for number in left:
                with suppress(ProcessLookupError):
                    os.kill(number, signal.SIGSTOP)
            stopped += left
        try:
            yield
        finally:
            for number in stopped:
                with suppress(ProcessLookupError):
                    os.kill(number, signal.SIGCONT)

    def cut_connections(self, share: float = 1.0) -> None:
        """End connections of clients, each with a probability."""
        self.execute(f"SELECT pg_terminate_backend(pid) FROM ({_CLIENTS}) AS clients WHERE random() < {share}")

    def crash(self) -> None:
        """Kill the process behind one client's connection: the server restarts all of itself for that."""
        for number in self.execute(f"{_CLIENTS} ORDER BY random() LIMIT 1").split():
            with suppress(ProcessLookupError):
                os.kill(int(number), signal.SIGKILL)

    def execute(self, statement: str) -> str:
        """Run a statement; give what it gives, a row a line."""
        psql = postgres_binary("psql") or "psql"
        return self._run([psql, "-h", str(self.folder), "-U", "test", "-At", "-c", statement, "postgres"])

    def _processes(self) -> list[int]:
        """The server's, as Linux tells: the parent first."""
        assert self._process is not None
        parent = self._process.pid
        return [parent, *map(int, Path(f"/proc/{parent}/task/{parent}/children").read_text().split())]

    def url(self) -> str:
        """Make an empty database; give its URL."""
        self._databases += 1
        name = f"test{self._databases}"
        self.execute(f"CREATE DATABASE {name}")
        return f"postgresql://test@/{name}?host={self.folder}"

    def remove(self) -> None:
        """Stop, and remove all files."""
        if self._process is not None and self._process.poll() is None:
            self.stop()
        shutil.rmtree(self.folder)

    def _run(self, command: Sequence[str]) -> str:
        done = subprocess.run(command, capture_output=True, text=True, user=self._user, cwd="/", check=False)
        if done.returncode:
            raise RuntimeError(done.stdout + done.stderr)
        return done.stdout
