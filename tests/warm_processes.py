"""Python processes that start in no time: forks of one that has imported what they need.

Importing torch, NNI and Optuna takes seconds, which are paid once a test worker. A warm process has the folder,
the environment, the pipes, the signals and the end of a fresh one. It has neither warnings while it imports nor a hash
seed of its own: tests of those start fresh ones.
"""

from __future__ import annotations

import atexit
import contextlib
import gc
import importlib
import io
import json
import os
import runpy
import signal
import socket
import subprocess
import sys
import threading
import traceback
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn

# What most commands import sooner or later. None of them starts a thread while it is imported.
IMPORTED = (
    "lighttrack_nas.cli.app",
    "lighttrack_nas.cli.search.run_chain",
    "lighttrack_nas.cli.tracker.track",
    "lighttrack_nas.chain.searching",
    "lighttrack_nas.strategies.one_shot.training.fit",
)


class WarmProcess:
    """A process that `WarmProcesses` started, with the methods of `subprocess.Popen` that tests use."""

    def __init__(self, status: int, stdout: int | None, stderr: int | None) -> None:
        self._status = os.fdopen(status, "rb", buffering=0)
        self.stdout = None if stdout is None else io.TextIOWrapper(io.FileIO(stdout))
        self.stderr = None if stderr is None else io.TextIOWrapper(io.FileIO(stderr))
        self.pid = int(self._status.read(16))
        self.returncode: int | None = None

    def poll(self) -> int | None:
        if self.returncode is None:
            os.set_blocking(self._status.fileno(), False)
            said = self._status.read(16)
            os.set_blocking(self._status.fileno(), True)
            self._end(said)
        return self.returncode

    def wait(self) -> int:
        if self.returncode is None:
            self._end(self._status.read(16))
        assert self.returncode is not None
        return self.returncode

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    def communicate(self) -> tuple[str, str]:
        # Both at once: a process that fills one pipe while the other is read would wait for ever.
        found: dict[str, str] = {"out": "", "err": ""}

        def drain(name: str, stream: io.TextIOWrapper) -> None:
            found[name] = stream.read()
            stream.close()

        threads = [
            threading.Thread(target=drain, args=(name, stream))
            for name, stream in (("out", self.stdout), ("err", self.stderr))
            if stream is not None
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.wait()
        return found["out"], found["err"]

    def __enter__(self) -> WarmProcess:
        return self

    def __exit__(self, *_: object) -> None:
        for stream in (self.stdout, self.stderr):
            if stream is not None:
                stream.close()
        self.wait()

    def _end(self, said: bytes | None) -> None:
        if said:
            self.returncode = os.waitstatus_to_exitcode(int(said))
            self._status.close()
        elif said == b"":
            raise RuntimeError("the process that started others is gone")


class WarmProcesses:
    """Starts processes as forks of one that has imported everything; made when the first is wanted."""

    def __init__(self) -> None:
        self._server: subprocess.Popen[bytes] | None = None
        self._socket: socket.socket | None = None

    def start(
        self,
        arguments: Sequence[object],
        cwd: Path | None = None,
        env: Mapping[str, str] | None = None,
        stdout: int | None = None,
        stderr: int | None = None,
    ) -> WarmProcess:
        """Start what `python *arguments` would start.

        Args:
            arguments: ``-W error`` or nothing, then ``-m MODULE``, ``-c CODE`` or a script's file, then its words.
            cwd: Its folder; None for this process's.
            env: Its environment; None for this process's.
            stdout: `subprocess.PIPE` or None, which leaves it what this process has.
            stderr: As `stdout`, or `subprocess.STDOUT`.
        """
        content = {
            "arguments": [str(each) for each in arguments],
            "cwd": str(cwd or Path.cwd()),
            "env": dict(os.environ if env is None else env),
        }
        status, told = os.pipe()
        out = os.pipe() if stdout == subprocess.PIPE else None
        err = os.pipe() if stderr == subprocess.PIPE else None
        output = out[1] if out else 1
        given = [told, output, err[1] if err else output if stderr == subprocess.STDOUT else 2]
        text = json.dumps(content).encode()
        server = self._connected()
        socket.send_fds(server, [len(text).to_bytes(8, "big")], given)
        server.sendall(text)
        for end in (told, *(pair[1] for pair in (out, err) if pair)):
            os.close(end)
        return WarmProcess(status, out and out[0], err and err[0])

    def run(self, arguments: Sequence[object], **options: Any) -> subprocess.CompletedProcess[str]:
        """Run to the end; what it wrote is captured."""
        process = self.start(arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **options)
        out, err = process.communicate()
        return subprocess.CompletedProcess(list(arguments), process.wait(), out, err)

    def close(self) -> None:
        """End the process that starts others."""
        if self._server is not None and self._socket is not None:
            self._socket.close()
            self._server.wait()

    def _connected(self) -> socket.socket:
        if self._socket is None:
            self._socket, theirs = socket.socketpair()
            number = theirs.fileno()
            self._server = subprocess.Popen([sys.executable, __file__, str(number)], pass_fds=[number])
            theirs.close()
        return self._socket


def _requests(server: socket.socket) -> dict[str, Any] | None:
    """Fork for every request; in the fork its content, at the end None."""
    while True:
        size, given, *_ = socket.recv_fds(server, 8, 3)
        if not size:
            return None
        left, text = int.from_bytes(size, "big"), b""
        while left > len(text):
            text += server.recv(left - len(text))
        if os.fork() == 0:
            server.close()
            _watch(given)
            return json.loads(text)
        for each in given:
            os.close(each)
        with contextlib.suppress(ChildProcessError):
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass


def _watch(given: list[int]) -> None:
    """Fork once more, tell of that one's start and end, and go on in it."""
    told, out, err = given
    child = os.fork()
    if child:
        for each in (out, err):
            os.close(each)
        os.write(told, f"{child:<16}".encode())
        _, status = os.waitpid(child, 0)
        with contextlib.suppress(BrokenPipeError):
            os.write(told, f"{status:<16}".encode())
        os._exit(0)
    os.dup2(out, 1)
    os.dup2(err, 2)
    for each in given:
        os.close(each)


def _become(content: dict[str, Any]) -> None:
    """Run a request in this process, as Python would."""
    os.chdir(content["cwd"])
    os.environ.clear()
    os.environ.update(content["env"])
    arguments = content["arguments"]
    if arguments[0] == "-W":
        warnings.simplefilter(arguments[1])
        arguments = arguments[2:]
    if arguments[0] == "-c":
        sys.argv = ["-c", *arguments[2:]]
        exec(compile(arguments[1], "<string>", "exec"), {"__name__": "__main__"})
    elif arguments[0] == "-m":
        sys.argv = arguments[1:]
        sys.path.insert(0, content["cwd"])
        runpy.run_module(arguments[1], run_name="__main__", alter_sys=True)
    else:
        sys.argv = arguments
        sys.path.insert(0, str(Path(arguments[0]).resolve().parent))
        runpy.run_path(arguments[0], run_name="__main__")


def _end_after(content: dict[str, Any]) -> NoReturn:
    """Run a request and end, without taking apart what was imported: seconds, since it is shared with the others."""
    code = 0
    try:
        _become(content)
    except SystemExit as ended:
        code = ended.code if isinstance(ended.code, int) else int(ended.code is not None)
        if isinstance(ended.code, str):
            print(ended.code, file=sys.stderr)
    except BaseException as error:
        traceback.print_exception(error)
        code = -signal.SIGINT if isinstance(error, KeyboardInterrupt) else 1
    threading._shutdown()
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    if code < 0:
        signal.signal(-code, signal.SIG_DFL)
        os.kill(os.getpid(), -code)
    os._exit(code & 0xFF)


if __name__ == "__main__":
    # This folder has a `lighttrack_nas` of its own.
    del sys.path[0]
    with socket.socket(fileno=int(sys.argv[1])) as connected:
        for module in IMPORTED:
            importlib.import_module(module)
        # Not looked at again by the forks' garbage collection, which would copy all of it.
        gc.freeze()
        request = _requests(connected)
    if request is not None:
        _end_after(request)
