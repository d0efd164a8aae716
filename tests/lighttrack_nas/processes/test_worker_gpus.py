"""A GPU for each worker: which, and that it is set before a worker does anything."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from lighttrack_nas.processes import parallel_jobs
from lighttrack_nas.processes.parallel_jobs import Job, in_processes, run_jobs
from lighttrack_nas.processes.search_processes import run_workers
from lighttrack_nas.processes.worker_gpus import VISIBLE, gpus_of_workers, visible_gpus, worker_environment
from lighttrack_nas.trackers.base.progress import Progress


@pytest.mark.parametrize(
    ("environment", "there", "expected"),
    [
        ({}, 3, ("0", "1", "2")),
        ({}, 0, ()),
        ({VISIBLE: "2,0"}, 8, ("2", "0")),
        ({VISIBLE: " 1 , GPU-8932f937"}, 8, ("1", "GPU-8932f937")),
        ({VISIBLE: ""}, 8, ()),
        ({VISIBLE: "-1"}, 8, ()),
        ({VISIBLE: "3,-1,2"}, 8, ("3",)),
    ],
)
def test_what_is_visible_is_what_cuda_sees(environment: dict[str, str], there: int, expected: tuple[str, ...]) -> None:
    assert visible_gpus(environment, lambda: there) == expected


@pytest.mark.parametrize(
    ("gpus", "expected"),
    [
        ((), [None, None, None]),
        (("5",), ["5", "5", "5"]),
        (("2", "0"), ["2", "0", "2"]),
        (("0", "1", "2", "3"), ["0", "1", "2"]),
    ],
)
def test_workers_take_turns(gpus: tuple[str, ...], expected: list[str | None]) -> None:
    assert [worker_environment(worker, gpus).get(VISIBLE) for worker in range(3)] == expected


@pytest.mark.parametrize(("device", "expected"), [("cuda", ("7", "4")), ("cuda:1", ()), ("cpu", ()), (None, ())])
def test_only_a_device_that_names_no_gpu_is_shared_out(
    device: str | None, expected: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(VISIBLE, "7,4")
    assert gpus_of_workers(device) == expected


class _Seen:
    """Tells what a process sees when it is read there, which is where tensors would go to the GPU."""

    def __init__(self) -> None:
        self.gpu = "before"

    def __setstate__(self, state: dict[str, str]) -> None:
        self.gpu = os.environ.get(VISIBLE, "none")

    def __call__(self, progress: Callable[[int, int, str], None], say: Callable[[str], None]) -> None:
        say(self.gpu)


class _Start(_Seen):
    def __call__(self) -> Callable[[int], str]:
        return lambda task: self.gpu


class _Noted(_Seen):
    def __init__(self, file: Path) -> None:
        super().__init__()
        self.file = file

    def __setstate__(self, state: dict[str, Path]) -> None:
        self.file = state["file"]

    def __call__(self, told: Progress) -> None:
        self.file.write_text(os.environ.get(VISIBLE, "none"))


@pytest.mark.slow
def test_workers_of_a_search_have_their_gpus_before_they_read_their_work(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VISIBLE, "3,5")
    said: list[str] = []
    run_workers(_Seen(), 2, lambda *_: None, said.append, ("3", "5"))
    assert sorted(said) == ["3", "5"]
    assert os.environ[VISIBLE] == "3,5"


@pytest.mark.slow
def test_workers_without_gpus_see_what_their_parent_sees(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VISIBLE, "3,5")
    said: list[str] = []
    run_workers(_Seen(), 2, lambda *_: None, said.append)
    assert said == ["3,5"]


def test_processes_of_tasks_have_their_gpus() -> None:
    assert {gpu for _, gpu in in_processes(_Start(), range(6), 2, ("3", "5"))} <= {"3", "5"}
    assert dict(in_processes(_Start(), [0], 2, ("5", "3"))) == {0: "5"}


def test_jobs_at_work_have_a_gpu_each(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parallel_jobs, "_PRELOADED", [])
    files = [tmp_path / str(number) for number in range(3)]
    assert run_jobs([Job(file.name, _Noted(file)) for file in files], 1, gpus=("5", "3")) == {}
    assert [file.read_text() for file in files] == ["5", "5", "5"]
    assert run_jobs([Job(file.name, _Noted(file)) for file in files], 2, gpus=("5", "3")) == {}
    assert [file.read_text() for file in files][:2] == ["5", "3"]
