"""Who is alive: locks that end with their holder, on a disk and on a server; and a storage that goes away."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import optuna
import pytest
from optuna.exceptions import StorageInternalError
from optuna.storages import BaseStorage, InMemoryStorage
from optuna.trial import TrialState
from sqlalchemy.exc import DatabaseError

from lighttrack_nas.strategies.search.run import run_search
from lighttrack_nas.strategies.search.samplers.random_search import RandomSearch
from lighttrack_nas.strategies.search.storage.patience import Patience
from lighttrack_nas.strategies.search.storage.storage import connect, open_for_writing
from lighttrack_nas.strategies.search.storage.trials import load_search
from lighttrack_nas.strategies.search.workers import postgres_locks
from lighttrack_nas.strategies.search.workers.liveness import NoLocks, WorkerLocks, shareable, worker_locks
from lighttrack_nas.strategies.search.workers.worker_storage import WORKER, WorkerStorage
from lighttrack_nas.trackers.base.errors import InputError

STORAGES = ["journal", pytest.param("postgres", marks=pytest.mark.postgres)]

HOLD = """
import sys, time
from lighttrack_nas.strategies.search.workers.liveness import worker_locks
locks = worker_locks(sys.argv[1], "search")
with locks.starting():
    print(locks.take(), flush=True)
time.sleep(600)
"""


@pytest.fixture
def storage(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if getattr(request, "param", "journal") == "postgres":
        return str(request.getfixturevalue("postgres_url"))
    return str(tmp_path / "journal.log")


@pytest.fixture
def workers(storage: str) -> Iterator[list[WorkerLocks]]:
    """Three workers of a study."""
    found = [worker_locks(storage, "search") for _ in range(3)]
    for locks in found:
        with locks.starting():
            locks.take()
    yield found
    for locks in found:
        locks.leave()


@pytest.mark.parametrize("storage", STORAGES, indirect=True)
def test_numbers_are_the_lowest_that_are_free(
    storage: str, workers: list[WorkerLocks], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgres_locks, "_SETTLED", 0.0)
    monkeypatch.setattr(postgres_locks, "_GONE", 0.0)
    first, second, third = workers
    assert [locks.number for locks in workers] == [0, 1, 2]
    assert first.others() == {1, 2}
    assert first.dead([0, 1, 2, 3]) == {3}
    second.leave()
    assert first.dead([0, 1, 2]) == {1}
    assert third.others() == {0}
    fourth = worker_locks(storage, "search")
    with fourth.starting():
        assert fourth.take() == 1
    other_study = worker_locks(storage, "another")
    assert other_study.take() == 0
    assert other_study.others() == set()
    for locks in (fourth, other_study, first, third):
        locks.leave()
    if "postgres" not in storage:
        assert not list(Path(storage).parent.iterdir())


@pytest.mark.parametrize("storage", STORAGES, indirect=True)
def test_a_killed_worker_is_known_at_once(storage: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(postgres_locks, "_SETTLED", 0.0)
    monkeypatch.setattr(postgres_locks, "_GONE", 0.0)
    with subprocess.Popen([sys.executable, "-c", HOLD, storage], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        assert process.stdout.readline() == "0\n"
        locks = worker_locks(storage, "search")
        assert locks.take() == 1
        assert locks.dead([0]) == set()
        process.kill()
        process.wait()
    end = time.monotonic() + 10
    while locks.dead([0]) != {0}:
        assert time.monotonic() < end
        time.sleep(0.01)
    locks.leave()
    if "postgres" not in storage:
        assert not list(Path(storage).parent.iterdir())


def test_a_forked_child_holds_no_lock(storage: str) -> None:
    """As processes that make batches are; they outlive a parent that is killed by seconds."""
    locks, other = worker_locks(storage, "search"), worker_locks(storage, "search")
    locks.take()
    ready, wait = os.pipe(), os.pipe()
    child = os.fork()
    if child == 0:
        os.write(ready[1], b"r")
        os.read(wait[0], 1)
        os._exit(0)
    os.read(ready[0], 1)
    assert other.take() == 1
    assert other.dead([0]) == set()
    # As a kill does: the file is closed without a word.
    locks._held.close()  # of locks on files
    assert other.dead([0]) == {0}
    os.write(wait[1], b"w")
    os.waitpid(child, 0)
    other.leave()
    for descriptor in (*ready, *wait):
        os.close(descriptor)


def test_starting_waits_for_another_start(storage: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lighttrack_nas.strategies.search.workers.file_locks._PATIENCE", 0.1)
    one, other = worker_locks(storage, "search"), worker_locks(storage, "search")
    with (
        one.starting(),
        pytest.raises(InputError, match=r"another worker has been starting .*journal.log.workers'"),
        other.starting(),
    ):
        pass
    with other.starting():
        pass
    assert not Path(storage + ".workers").exists()


@pytest.mark.parametrize(
    ("storage", "shared"),
    [
        ("runs/journal.log", True),
        ("sqlite:///search.db", True),
        ("sqlite://", False),
        ("sqlite:///:memory:", False),
        ("mysql://host/search", False),
        ("postgresql+psycopg2://host/search", True),
        (InMemoryStorage(), False),
    ],
)
def test_what_can_be_shared(storage: Any, shared: bool) -> None:
    assert shareable(storage) is shared
    if not shared:
        locks = worker_locks(storage, "search")
        assert isinstance(locks, NoLocks)
        assert locks.take() == 0
        assert locks.dead([0, 1]) == {1}


@pytest.mark.slow
@pytest.mark.postgres
def test_locks_come_back_after_a_restart_of_the_server(
    postgres_server: Any, postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgres_locks, "_BEAT", 0.2)
    monkeypatch.setattr(postgres_locks, "_SETTLED", 3.0)
    monkeypatch.setattr(postgres_locks, "_GONE", 0.0)
    one, other = worker_locks(postgres_url, "search"), worker_locks(postgres_url, "search")
    one.take()
    other.take()
    postgres_server.stop()
    postgres_server.start()
    # Before the other has taken its lock again, nobody is taken for dead.
    assert one.dead([1]) == set()
    naps: list[float] = []

    def sleep(seconds: float) -> None:
        naps.append(seconds)
        time.sleep(seconds)

    monkeypatch.setattr(postgres_locks, "time", SimpleNamespace(sleep=sleep, monotonic=time.monotonic))
    other.settle([0, 1])
    assert sum(naps) < 4
    assert one.dead([0, 1, 2]) == {2}
    assert one.others() == {1}
    one.leave()
    other.leave()


# A storage that goes away -------------------------------------------------------------------------------------------


class Flaky(InMemoryStorage):
    """Fails when it is told to: before or after it has done what was asked."""

    def __init__(self) -> None:
        super().__init__()
        self.before = self.after = 0

    def set_trial_state_values(self, *arguments: Any, **keywords: Any) -> bool:
        if self.before:
            self.before -= 1
            raise OSError(5, "Input/output error")
        done = super().set_trial_state_values(*arguments, **keywords)
        if self.after:
            self.after -= 1
            raise OSError(5, "Input/output error")
        return done


def study_in(storage: BaseStorage, **settings: Any) -> optuna.Study:
    return optuna.create_study(
        storage=WorkerStorage(storage, lambda: 7, Patience("storage 'x'", **settings)), study_name="search"
    )


@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_write_is_repeated(moment: str) -> None:
    flaky, said = Flaky(), []
    study = study_in(flaky, say=said.append)
    trial = study.ask()
    assert trial.user_attrs == {WORKER: 7}
    setattr(flaky, moment, 2 if moment == "before" else 1)
    study.tell(trial, 1.0)
    assert study.trials[0].state == TrialState.COMPLETE
    assert study.trials[0].value == 1.0
    assert said == ["storage 'x' does not answer (Input/output error): trying again for 60 seconds"]
    # Somebody else's end is not taken for ours.
    trial = study.ask()
    flaky.set_trial_state_values(1, TrialState.FAIL)
    with pytest.raises(ValueError, match="Cannot tell a FAIL trial"):
        study.tell(trial, 1.0)


def test_a_storage_that_is_gone_is_not_said_to_be_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    study = study_in(flaky := Flaky(), seconds=0)

    def gone(*_: object) -> None:
        raise FileNotFoundError(2, "No such file or directory")

    monkeypatch.setattr(flaky, "create_new_trial", gone)
    with pytest.raises(InputError, match=r"\(No such file or directory\); it is gone, and with it all that it held"):
        study.ask()


def test_patience_ends_once(monkeypatch: pytest.MonkeyPatch) -> None:
    flaky = Flaky()
    study = study_in(flaky, seconds=0.6)
    trial = study.ask()
    flaky.before = 1000
    start = time.monotonic()
    said = r"^storage 'x' has not answered for 1 seconds \(Input/output error\); nothing"
    with pytest.raises(InputError, match=said):
        study.tell(trial, 1.0)
    assert time.monotonic() - start >= 0.6
    left = flaky.before
    with pytest.raises(InputError, match=said):
        study.tell(trial, 1.0)
    assert flaky.before == left - 1  # no pause and no second try
    flaky.before = 0
    study.tell(trial, 1.0)


def test_a_database_that_is_found_damaged_is_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    study = study_in(flaky := Flaky())

    def damaged(*_: object) -> None:
        raise StorageInternalError from DatabaseError("INSERT", {}, Exception("database disk image is malformed"))

    monkeypatch.setattr(flaky, "create_new_trial", damaged)
    with pytest.raises(InputError, match=r"^storage 'x' is damaged, .*: database disk image is malformed$"):
        study.ask()


def test_other_errors_are_no_reason_to_wait() -> None:
    study = study_in(InMemoryStorage())
    with pytest.raises(KeyError):
        study._storage.get_trial(99)
    with pytest.raises(optuna.exceptions.DuplicatedStudyError):
        optuna.create_study(storage=study._storage, study_name="search")


def test_a_journal_that_is_held_all_the_time(storage: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lighttrack_nas.strategies.search.storage.journal.PATIENCE", 0.1)
    from lighttrack_nas.strategies.search.storage.storage import open_shared

    opened = open_shared(storage)
    with open_for_writing(storage), pytest.raises(TimeoutError, match="another process has locked"):
        optuna.create_study(storage=opened)
    optuna.create_study(storage=opened)


@pytest.mark.postgres
@pytest.mark.slow
def test_connections_that_are_cut_off_and_a_start_while_the_server_is_away(
    postgres_server: Any, postgres_url: str, tmp_path: Path, warm: Any
) -> None:
    settings = {"storage": postgres_url, "pool": 1000, "seconds": 0.1, "n_trials": 60}
    settings |= {"log": str(tmp_path / "log"), "go": str(tmp_path / "go")}
    command = [Path(__file__).parents[1] / "search_process.py", json.dumps(settings)]
    (tmp_path / "go").touch()

    def start() -> Any:
        process = warm.start(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        assert process.stdout.readline() == "started\n"
        return process

    processes = [start()]
    while not re.match(r"\d+/60 ao", processes[0].stdout.readline()):
        assert processes[0].poll() is None
    postgres_server.cut_connections()
    postgres_server.crash()
    with postgres_server.hanging():
        processes.append(start())
        time.sleep(1)
    postgres_server.stop(fast=True)
    processes.append(start())
    said = processes[2].stdout.readline()
    postgres_server.start()
    assert re.fullmatch(r"storage 'postgresql://.*' does not answer: trying for 60 seconds\n", said)
    for process in processes:
        output = process.communicate()[0]
        assert process.returncode == 0, output
        assert "Traceback" not in output
    trials = load_search(postgres_url).trials
    assert sum(trial.state == TrialState.COMPLETE for trial in trials) == 60
    assert {trial.state for trial in trials} <= {TrialState.COMPLETE, TrialState.FAIL}


@pytest.mark.parametrize("method", ["set_trial_param", "set_trial_user_attr"])
def test_a_worker_whose_trial_others_ended_while_it_was_drawn_draws_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, evaluator: Any, tiny: Any, method: str
) -> None:
    write, ended = getattr(WorkerStorage, method), []

    def end_first(self: WorkerStorage, trial_id: int, *arguments: Any) -> None:
        if trial_id == 1 and not ended:
            ended.append(self.set_trial_state_values(trial_id, TrialState.FAIL))
        write(self, trial_id, *arguments)

    monkeypatch.setattr(WorkerStorage, method, end_first)
    study = run_search(
        tiny,
        evaluator=evaluator,
        strategy=RandomSearch(),
        objectives=["ao", "macs"],
        n_trials=3,
        storage=tmp_path / "journal.log",
    )
    assert [trial.state.name[0] for trial in study.trials] == ["C", "F", "C", "C"]


@pytest.mark.postgres
@pytest.mark.slow
def test_a_server_that_restarts_and_one_that_is_gone(
    postgres_server: Any, postgres_url: str, tmp_path: Path, warm: Any
) -> None:
    def start(**settings: Any) -> Any:
        settings = {"storage": postgres_url, "pool": 1000, "seconds": 0.1, "log": str(tmp_path / "log")} | settings
        settings["go"] = str(tmp_path / "go")
        command = [Path(__file__).parents[1] / "search_process.py", json.dumps(settings)]
        return warm.start(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)

    def complete() -> int:
        return sum(trial.state == TrialState.COMPLETE for trial in load_search(postgres_url).trials)

    connect(postgres_url)  # makes the tables: who finds another one making them waits for seconds
    processes = [start(n_trials=60) for _ in range(2)]
    for process in processes:
        assert process.stdout
        assert process.stdout.readline() == "started\n"
    (tmp_path / "go").touch()  # together, so that neither does all the work before the other begins
    for process in processes:
        assert process.stdout
        while not re.match(r"\d+/60 ao", process.stdout.readline()):
            assert process.poll() is None
    postgres_server.stop()
    time.sleep(1)
    postgres_server.start()
    for process in processes:
        output = process.communicate()[0]
        assert process.returncode == 0, output
        assert re.search(
            r"^storage 'postgresql://.*' does not answer \(.*\): trying again for 60 seconds$", output, re.M
        )
        assert "Traceback" not in output
    assert complete() == 60
    log = (tmp_path / "log").read_text().split()
    states = {trial.state for trial in load_search(postgres_url).trials}
    assert states <= {TrialState.COMPLETE, TrialState.FAIL}
    assert len(set(log)) == len(log)

    process = start(n_trials=300, patience=1)
    assert process.stdout
    while not re.match(r"\d+/300 ao", process.stdout.readline()):
        assert process.poll() is None
    before = complete()
    postgres_server.stop()
    output = process.communicate()[0]
    postgres_server.start()
    assert process.returncode == 1
    last = output.splitlines()[-1]
    assert re.fullmatch(
        r"error: storage 'postgresql://.*' has not answered for 1 seconds \(.*\); nothing that ended is lost: the same "
        r"command goes on when it is back",
        last,
    )
    ended = complete()
    assert ended >= before
    process = start(n_trials=ended + 3)
    output = process.communicate()[0]
    assert process.returncode == 0, output
    assert complete() == ended + 3
    assert TrialState.RUNNING not in {trial.state for trial in load_search(postgres_url).trials}
