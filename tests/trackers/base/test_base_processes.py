"""A process that another one started: it hears no Ctrl-C, and ends with its parent."""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path

import pytest

from lighttrack_nas.trackers.base.processes import begin_child

PARENT = """
import multiprocessing, sys, time
from lighttrack_nas.trackers.base.processes import begin_child

def child(file, waits_for_term):
    def say(number, frame):
        open(file + ".ended", "w").close()
        raise SystemExit
    begin_child(say if waits_for_term else None)
    open(file, "w").close()
    time.sleep(600)

if __name__ == "__main__":
    process = multiprocessing.get_context("fork").Process(target=child, args=(sys.argv[1], sys.argv[2] == "yes"))
    process.start()
    print(process.pid, flush=True)
    process.join()
"""


POOL = """
import os, sys, time
from lighttrack_nas.trackers.base.processes import fresh_process

if __name__ == "__main__":
    with fresh_process() as process:
        print(process.submit(os.getpid).result(), flush=True)
        process.submit(time.sleep, 600).result()
"""


def is_running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def wait_until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)


@pytest.mark.parametrize("waits", ["no", "yes"])
def test_a_child_ends_with_its_parent(waits: str, tmp_path: Path) -> None:
    script, begun = tmp_path / "parent.py", tmp_path / "begun"
    script.write_text(PARENT)
    with subprocess.Popen(
        [sys.executable, str(script), str(begun), waits], stdout=subprocess.PIPE, text=True
    ) as parent:
        assert parent.stdout
        pid = int(parent.stdout.readline())
        wait_until(begun.exists)
        os.kill(pid, signal.SIGINT)
        time.sleep(0.1)
        assert is_running(pid)
        parent.kill()
    wait_until(lambda: not is_running(pid))
    assert (tmp_path / "begun.ended").exists() is (waits == "yes")


def _sleep(connection: Connection) -> None:
    begin_child()
    connection.send("begun")
    time.sleep(600)


def test_a_child_can_be_ended() -> None:
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_sleep, args=(theirs,))
    process.start()
    assert ours.recv() == "begun"
    process.terminate()
    process.join(30)
    assert process.exitcode == -signal.SIGTERM


def test_a_fresh_process_ends_with_a_killed_parent(tmp_path: Path) -> None:
    script = tmp_path / "parent.py"
    script.write_text(POOL)
    with subprocess.Popen([sys.executable, str(script)], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout
        pid = int(parent.stdout.readline())
        assert is_running(pid)
        parent.kill()
    wait_until(lambda: not is_running(pid))
