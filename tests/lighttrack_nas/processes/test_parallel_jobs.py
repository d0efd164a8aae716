"""Tasks in processes: answers, mistakes, failures and kills."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from functools import partial

import pytest

from lighttrack_nas.processes.parallel_jobs import in_processes
from lighttrack_nas.trackers.base.errors import InputError


def _start(kind: str) -> Callable[[int], tuple[int, int]]:
    if kind == "cannot start":
        raise InputError("no supernet there")

    def work(task: int) -> tuple[int, int]:
        if task == 3 and kind == "mistake":
            raise InputError("three is no good")
        if task == 3 and kind == "failure":
            raise ZeroDivisionError("by three")
        if task == 3 and kind == "killed":
            os.kill(os.getpid(), signal.SIGKILL)
        return task * task, os.getpid()

    return work


def test_every_task_is_answered_by_processes_that_stay() -> None:
    found = dict(in_processes(partial(_start, ""), range(9), 2))
    assert {task: square for task, (square, _) in found.items()} == {n: n * n for n in range(9)}
    processes = {process for _, process in found.values()}
    assert len(processes) <= 2
    assert os.getpid() not in processes


def test_without_tasks_there_are_no_answers() -> None:
    assert list(in_processes(partial(_start, ""), [], 2)) == []


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "error", "words"),
    [
        ("mistake", InputError, "three is no good"),
        ("cannot start", InputError, "no supernet there"),
        ("failure", RuntimeError, "ZeroDivisionError: by three"),
        ("killed", InputError, r"its process was killed \(SIGKILL\)"),
    ],
)
def test_what_goes_wrong(kind: str, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        list(in_processes(partial(_start, kind), range(6), 2))
