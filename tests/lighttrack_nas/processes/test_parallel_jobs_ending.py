"""Jobs in processes: what they tell, how they fail, and that none outlives its caller."""

import os
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import pytest

from lighttrack_nas.processes import parallel_jobs
from lighttrack_nas.processes.parallel_jobs import Job, run_jobs
from lighttrack_nas.trackers.base.errors import InputError
from lighttrack_nas.trackers.base.progress import Progress


@pytest.fixture(autouse=True)
def _nothing_preloaded(monkeypatch: pytest.MonkeyPatch) -> None:
    """These jobs need nothing of what a training does, which takes seconds to import."""
    monkeypatch.setattr(parallel_jobs, "_PRELOADED", [])


def write(path: Path, told: Progress) -> None:
    told(1, "half")
    path.write_text(str(os.getpid()))
    told(1, "whole")


def refuse(told: Progress) -> None:
    raise InputError("this cannot be done")


def die(told: Progress) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def break_down(told: Progress) -> None:
    raise ZeroDivisionError


def meet(mine: Path, other: Path, told: Progress) -> None:
    """Ends only when another job runs at the same time."""
    mine.touch()
    while not other.exists():
        time.sleep(0.01)


def hang(path: Path, told: Progress) -> None:
    path.write_text(str(os.getpid()))
    time.sleep(600)


def alive(pid: int) -> bool:
    """Whether a process runs; one that ended counts as gone also where nobody has taken note of it yet."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


@pytest.mark.slow
def test_what_a_broken_job_says_is_seen() -> None:
    """In a program of its own: jobs say it where the server that forks them was started."""
    code = (
        "from lighttrack_nas.processes.parallel_jobs import Job, run_jobs\n"
        "from tests.lighttrack_nas.processes.test_parallel_jobs_ending import break_down\n"
        "if __name__ == '__main__': run_jobs([Job('broken', break_down)], 1)"
    )
    root = Path(__file__).resolve().parents[3]
    done = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True)
    assert "ZeroDivisionError" in done.stderr


def test_jobs_tell_and_fail_one_by_one(tmp_path: Path) -> None:
    heard = []
    jobs = [
        Job("refused", refuse),
        Job("written", partial(write, tmp_path / "one")),
        Job("killed", die),
        Job("broken", break_down),
        Job("last", partial(write, tmp_path / "two")),
    ]
    failures = run_jobs(jobs, 2, lambda job, amount, where: heard.append((job.name, amount, where)))
    assert failures == {
        "refused": "this cannot be done",
        "killed": "its process was killed (SIGKILL), as happens when memory is short",
        "broken": "its process ended with exit code 1; what it said is above",
    }
    assert sorted(heard) == sorted((name, 1, where) for name in ("written", "last") for where in ("half", "whole"))
    pids = {(tmp_path / name).read_text() for name in ("one", "two")}
    assert len(pids) == 2
    assert str(os.getpid()) not in pids


def test_as_many_at_a_time_as_there_are_workers(tmp_path: Path) -> None:
    names = [tmp_path / name for name in ("a", "b")]
    assert run_jobs([Job("a", partial(meet, *names)), Job("b", partial(meet, *names[::-1]))], 2) == {}


def test_nothing_to_do() -> None:
    assert run_jobs([], 3) == {}


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_no_job_outlives_its_caller(tmp_path: Path, number: signal.Signals) -> None:
    script = tmp_path / "caller.py"
    script.write_text(
        "import signal\nfrom functools import partial\nfrom pathlib import Path\n"
        "from test_parallel_jobs_ending import hang\nfrom lighttrack_nas.processes import parallel_jobs\n"
        "from lighttrack_nas.processes.parallel_jobs import Job, run_jobs\nparallel_jobs._PRELOADED = []\n"
        # A shell that runs the tests in its background lets them ignore Ctrl-C.
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "if __name__ == '__main__':\n"
        f"    run_jobs([Job('hangs', partial(hang, Path({str(tmp_path / 'pid')!r})))], 1)\n"
    )
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parent)}
    caller = subprocess.Popen([sys.executable, str(script)], stderr=subprocess.DEVNULL, env=environment)
    while not (tmp_path / "pid").exists() or not (tmp_path / "pid").read_text():
        assert caller.poll() is None
        time.sleep(0.05)
    pid = int((tmp_path / "pid").read_text())
    caller.send_signal(number)
    caller.wait()
    deadline = time.monotonic() + 30
    while alive(pid) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not alive(pid)
