"""What can befall a command that works long: each fault calls a job once or twice, and tells how that ended."""

from __future__ import annotations

import os
import resource
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jobs import Job

COMMAND = (sys.executable, "-m", "lighttrack_nas")
LONGEST = 400.0
"""Seconds after which a call hangs."""
HANGS = 1000
_REFUSED = frozenset((1, 2))
_SIGNALS = {
    "kill": (signal.SIGKILL, frozenset((-9,))),
    # Python itself ends so, before the command has said otherwise.
    "terminate": (signal.SIGTERM, frozenset((130, -15))),
    "interrupt": (signal.SIGINT, frozenset((130, -2))),
    "stop": (signal.SIGSTOP, frozenset()),
}


@dataclass(frozen=True)
class Ended:
    """How a call ended.

    Attributes:
        code: Of its exit, below 0 of a signal.
        said: On both streams.
        allowed: Exit codes that the fault may lead to, beside 0.
    """

    code: int
    said: str
    allowed: frozenset[int] = frozenset()

    @property
    def ended_by_library(self) -> bool:
        """Whether a library of others ended the process, for lack of memory and with a word about it."""
        return any(words in self.said for words in ("OpenBLAS error: Memory", "std::bad_alloc"))

    @property
    def problems(self) -> list[str]:
        """What is wrong about that."""
        if self.ended_by_library:
            return []
        problems = [f"exit code {self.code}"] if self.code not in {0, *self.allowed} else []
        if "Traceback" in self.said:
            problems.append("a traceback")
        if "Exception ignored" in self.said:
            problems.append("an ignored exception")
        sentence = any(line.lower().startswith("error: ") for line in self.said.splitlines())
        if self.code in _REFUSED and self.said and not sentence:
            problems.append("no sentence")
        return problems


@dataclass(frozen=True)
class Case:
    """A job in a folder, and how long and large it is undisturbed.

    Attributes:
        job: What is called.
        folder: Where.
        seconds: That it takes.
        memory: Most bytes of addresses that its process had.
        rng: Of all that is left to chance.
    """

    job: Job
    folder: Path
    seconds: float
    memory: int
    rng: Random


def call(
    job: Job,
    folder: Path,
    disturb: Callable[[subprocess.Popen[bytes]], None] = lambda process: None,
    setup: Callable[[], None] | None = None,
    around: Sequence[str] = (),
    environment: Mapping[str, str] = {},
    allowed: frozenset[int] = frozenset(),
) -> Ended:
    """Call a job's command in a folder, within another command where one is given."""
    said, code = b"", HANGS
    (folder / "tmp").mkdir(exist_ok=True)
    own = {"LIGHTTRACK_NAS_CACHE": str(folder / "cache"), "TMPDIR": str(folder / "tmp")}
    process = subprocess.Popen(
        [*around, *COMMAND, *job.call], cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, preexec_fn=setup, start_new_session=True,
        env=os.environ | {"OMP_NUM_THREADS": "1", "DISPLAY": ""} | own | environment,
    )  # fmt: skip
    try:
        disturb(process)
        said, _ = process.communicate(timeout=LONGEST)
        code = process.returncode
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        said, _ = process.communicate()
    finally:
        if process.returncode is None:  # the harness itself is stopped
            os.killpg(process.pid, signal.SIGKILL)
    with (folder / "log.txt").open("ab") as log:
        shown = " ".join((*around, *job.call))
        log.write(f"\n$ {shown}\n".encode() + said + f"\nexit code {code}\n".encode())
    return Ended(code, said.decode(errors="replace"), allowed)


def measured(job: Job, folder: Path) -> tuple[Ended, float, int]:
    """Call a job undisturbed: how it ended, its seconds, and the most bytes of addresses that it had."""
    peak = 0

    def watch(process: subprocess.Popen[bytes]) -> None:
        def look() -> None:
            nonlocal peak
            while process.returncode is None:
                try:
                    status = Path(f"/proc/{process.pid}/status").read_text()
                except OSError:
                    return
                sizes = [int(line.split()[1]) << 10 for line in status.splitlines() if line.startswith("VmPeak")]
                peak = max(peak, *sizes, 0)
                time.sleep(0.05)

        threading.Thread(target=look, daemon=True).start()

    start = time.monotonic()
    ended = call(job, folder, watch)
    return ended, time.monotonic() - start, peak


def _by_signal(case: Case, fault: str) -> list[Ended]:
    number, allowed = _SIGNALS[fault]

    def send(process: subprocess.Popen[bytes]) -> None:
        process.send_signal(number)
        if fault == "stop":
            time.sleep(1 + 4 * case.rng.random())
            process.send_signal(signal.SIGCONT)

    return [call(case.job, case.folder, _later(case, send), allowed=allowed)]


def _later(case: Case, act: Callable[[subprocess.Popen[bytes]], None]) -> Callable[[subprocess.Popen[bytes]], None]:
    """Something done at a random moment, if the process still lives."""
    moment = case.seconds * case.rng.random()

    def disturb(process: subprocess.Popen[bytes]) -> None:
        try:
            process.wait(moment)
        except subprocess.TimeoutExpired:
            act(process)

    return disturb


def _limited(case: Case, limit: int, size: int) -> list[Ended]:
    def setup() -> None:
        # A file that reaches the limit fails as on a full disk, only with another number of the error.
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(limit, (size, size))

    return [call(case.job, case.folder, setup=setup, allowed=_REFUSED)]


def _full_disk(case: Case) -> list[Ended]:
    return _limited(case, resource.RLIMIT_FSIZE, int(2 ** (8 + 14 * case.rng.random())))


def _little_memory(case: Case) -> list[Ended]:
    return _limited(case, resource.RLIMIT_AS, int(case.memory * case.rng.uniform(0.6, 1.0)))


def _few_files(case: Case) -> list[Ended]:
    return _limited(case, resource.RLIMIT_NOFILE, case.rng.randrange(5, 14))


def _streams(case: Case, redirected: str) -> list[Ended]:
    around = ("sh", "-c", f'exec "$@" {redirected}', "sh")
    return [call(case.job, case.folder, around=around, allowed=_REFUSED)]


def _no_streams(case: Case) -> list[Ended]:
    return _streams(case, "<&- >&- 2>&-")


def _full_streams(case: Case) -> list[Ended]:
    return _streams(case, ">/dev/full 2>/dev/full")


def _read_only(case: Case) -> list[Ended]:
    """The folder of all results takes nothing any more, from a random moment on."""
    # A folder in which files are open for writing cannot be made so: try for a while.
    waits = f"sleep {case.seconds * max(0.0, case.rng.uniform(-0.3, 1.0)):.2f}"
    locks = "for i in $(seq 200); do mount -o remount,bind,ro run && break; sleep .02; done"
    begins = f"mkdir -p run && mount --bind run run && cd . && ({waits}; {locks}) >/dev/null 2>&1 &"
    around = (*namespace(), "sh", "-c", f'{begins} exec "$@"', "sh")
    return [call(case.job, case.folder, around=around, allowed=_REFUSED)]


@cache
def namespace() -> tuple[str, ...]:
    """The command that gives another one file systems of its own; () where none may."""
    for options in (("--mount",), ("--mount", "--map-root-user")):
        command = ("unshare", *options)
        try:
            if subprocess.run([*command, "true"], capture_output=True, check=False).returncode == 0:
                return command
        except OSError:
            break
    return ()


def _vanished(case: Case) -> list[Ended]:
    """What the command writes is deleted at a random moment after it was begun, or moved away."""
    output = case.folder / case.job.output
    moves, moment = case.rng.random() < 0.5, 0.7 * case.seconds * case.rng.random() ** 2

    def vanish(process: subprocess.Popen[bytes]) -> None:
        while process.poll() is None and not output.exists():
            time.sleep(0.02)
        time.sleep(moment)
        if moves and output.exists():
            output.rename(case.folder / "moved")
        elif output.is_file():
            output.unlink()
        else:
            shutil.rmtree(output, ignore_errors=True)

    return [call(case.job, case.folder, vanish, allowed=_REFUSED)]


def _clock(case: Case) -> list[Ended]:
    """The clock jumps, by hours or by a year, at a random moment."""
    clock = case.folder / "clock"
    clock.write_text("+0\n")
    jump = case.rng.choice(("-400d", "-2h", "+2h", "+400d"))
    environment = {
        "LD_PRELOAD": clock_library(),
        "FAKETIME_TIMESTAMP_FILE": str(clock),
        "FAKETIME_CACHE_DURATION": "1",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        "NO_FAKE_STAT": "1",
    }

    def act(process: subprocess.Popen[bytes]) -> None:
        clock.write_text(f"{jump}\n")

    return [call(case.job, case.folder, _later(case, act), environment=environment)]


@cache
def clock_library() -> str:
    """Where libfaketime is; "" where it is not installed."""
    files = sorted(path for root in ("/usr/lib", "/usr/local/lib") for path in Path(root).glob("**/libfaketimeMT.so.1"))
    return str(files[0]) if files else ""


def _two_at_once(case: Case) -> list[Ended]:
    """The command is called again while it works."""
    moment = case.seconds * case.rng.random() ** 2
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(call, case.job, case.folder, allowed=_REFUSED)
        time.sleep(moment)
        second = pool.submit(call, case.job, case.folder, allowed=_REFUSED)
        return [first.result(), second.result()]


FAULTS: Mapping[str, Callable[[Case], list[Ended]]] = {
    **{name: partial(_by_signal, fault=name) for name in _SIGNALS},
    "full disk": _full_disk,
    "no streams": _no_streams,
    "full streams": _full_streams,
    "read-only": _read_only,
    "vanished": _vanished,
    "little memory": _little_memory,
    "few files": _few_files,
    "clock": _clock,
    "two at once": _two_at_once,
}


def possible() -> tuple[str, ...]:
    """The faults that can be made here; says of others why they cannot."""
    left = {
        "read-only": "" if namespace() else "unshare may not make a namespace of mounts here",
        "clock": "" if clock_library() else "libfaketime is not installed (Debian's package faketime)",
    }
    for name, why in left.items():
        if why:
            print(f"no fault '{name}': {why}", flush=True)
    return tuple(name for name in FAULTS if not left.get(name))
