"""Several workers of one search: no trial lost, different proposals, no repeats, one end."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import optuna
import pytest
from optuna.distributions import CategoricalDistribution
from optuna.trial import TrialState

from lighttrack_nas.search_spaces.space import Space
from lighttrack_nas.strategies.search import study_description as description
from lighttrack_nas.strategies.search.run import run_search
from lighttrack_nas.strategies.search.samplers.nsga2 import NSGA2
from lighttrack_nas.strategies.search.storage.storage import connect
from lighttrack_nas.strategies.search.storage.trials import completed_trials, digest, load_search
from lighttrack_nas.strategies.search.workers import postgres_locks
from lighttrack_nas.strategies.search.workers.liveness import WorkerLocks, worker_locks
from lighttrack_nas.strategies.search.workers.worker_storage import WORKER
from lighttrack_nas.trackers.base.errors import InputError

STORAGES = ["journal", "sqlite", pytest.param("postgres", marks=pytest.mark.postgres)]


@pytest.fixture
def storage(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    kind = getattr(request, "param", "journal")
    if kind == "postgres":
        return str(request.getfixturevalue("postgres_url"))
    return f"sqlite:///{tmp_path}/search.db" if kind == "sqlite" else str(tmp_path / "search" / "journal.log")


class Processes:
    """Searches in processes of their own."""

    def __init__(self, folder: Path, warm: Any) -> None:
        self.warm = warm
        self.log = folder / "measured.txt"
        self.log.touch()
        self.go = folder / "go"
        self.started: list[Any] = []

    def start(self, **settings: Any) -> Any:
        settings = {"log": str(self.log), "go": str(self.go), "pool": 30, "n_trials": 40, "seconds": 0.02} | settings
        command = [Path(__file__).parents[1] / "search_process.py", json.dumps(settings)]
        process = self.warm.start(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        self.started.append(process)
        return process

    def together(self) -> None:
        """Let those that were started begin, when all are ready."""
        for process in self.started:
            assert process.stdout
            assert process.stdout.readline() == "started\n"
        self.go.touch()

    def finish(self) -> list[str]:
        """Wait for all, and give what they wrote."""
        return [process.communicate()[0] for process in self.started]

    def measured(self) -> list[str]:
        return self.log.read_text().split()


@pytest.fixture
def processes(tmp_path: Path, warm: Any) -> Iterator[Processes]:
    found = Processes(tmp_path, warm)
    yield found
    for process in found.started:
        process.kill()
        process.wait()
        assert process.stdout
        process.stdout.close()


def wait_for(condition: Callable[[], object], seconds: float = 120) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it never came"
        time.sleep(0.01)


def until_it_has_measured(process: Any) -> int:
    """Read what a worker writes until it has ended a trial of its own; give the worker's number."""
    number = 0
    while not re.match(r"\d+/12 ao", line := process.stdout.readline()):
        assert line, "it ended before it had measured"
        joined = re.search(r"joined the search as worker (\d+)", line)
        number = int(joined[1]) if joined else number
    return number


def states(storage: str) -> Counter[str]:
    return Counter(trial.state.name for trial in load_search(storage).trials)


@pytest.mark.parametrize("storage", STORAGES, indirect=True)
@pytest.mark.slow
def test_all_end_together_and_repeat_nothing(storage: str, processes: Processes) -> None:
    n_trials, count = (60, 6) if "sqlite" not in storage else (24, 3)
    for _ in range(count):
        # Longer than the last of them takes to connect, so that all find something left to do.
        processes.start(storage=storage, n_trials=n_trials, pool=1000, seconds=1.0)
    processes.together()
    output = processes.finish()
    assert [process.returncode for process in processes.started] == [0] * count, output
    study = load_search(storage)
    complete = [trial for trial in study.trials if trial.state == TrialState.COMPLETE]
    # All of them end together, without one trial too many.
    assert len(complete) == n_trials
    # Whatever was measured is in a trial, and what was not was copied from one that was.
    measured = processes.measured()
    records = {record.number: record for record in completed_trials(study)}
    copies = [record for record in records.values() if record.copied_from is not None]
    assert set(measured) == {trial.user_attrs["path"] for trial in complete}
    assert len(measured) == n_trials - len(copies)
    for record in copies:
        assert records[record.copied_from].measurements == record.measurements
        assert records[record.copied_from].copied_from is None
    assert len(measured) == len(set(measured))
    assert {trial.state for trial in study.trials} <= {TrialState.COMPLETE, TrialState.FAIL}
    by_worker = Counter(trial.user_attrs[WORKER] for trial in complete)
    assert len(by_worker) >= count - 1
    assert sum("joined the search as worker" in text for text in output) == count - 1


@pytest.mark.parametrize("storage", STORAGES, indirect=True)
@pytest.mark.slow
def test_a_killed_worker_stops_nobody_and_loses_nothing(storage: str, processes: Processes) -> None:
    for _ in range(3):
        # Long enough for a slow storage to tell of a trial while it is still measured.
        processes.start(storage=storage, n_trials=12, pool=1000, seconds=3.0)
    processes.together()
    workers = [until_it_has_measured(process) for process in processes.started]
    victim = processes.started[1]

    def measuring() -> list[int]:
        running = [t for t in load_search(storage).trials if t.state == TrialState.RUNNING and "path" in t.user_attrs]
        return [trial.number for trial in running if trial.user_attrs[WORKER] == workers[1]]

    wait_for(measuring)
    number = measuring()
    victim.kill()
    processes.finish()
    assert [process.returncode for process in processes.started] == [0, -signal.SIGKILL, 0]
    study = load_search(storage)
    assert states(storage)["COMPLETE"] == 12
    assert set(states(storage)) == {"COMPLETE", "FAIL"}
    left = [
        trial for trial in study.trials if trial.state == TrialState.FAIL and trial.user_attrs[WORKER] == workers[1]
    ]
    assert [trial.number for trial in left][-1] >= number[0]
    # The trial of the dead one was told while the others were at work, not at the end.
    assert left[-1].datetime_complete < max(t.datetime_complete for t in study.trials if t.values)
    if "postgres" not in storage:
        assert not list(Path(storage.removeprefix("sqlite:///")).parent.glob("*.workers"))


@pytest.mark.slow
def test_writers_that_are_killed_leave_a_journal_that_goes_on(tmp_path: Path, processes: Processes) -> None:
    storage = str(tmp_path / "journal.log")
    processes.go.touch()
    survivor = processes.start(storage=storage, n_trials=60, pool=1000, seconds=0.3)
    for _ in range(6):
        other = processes.start(storage=storage, n_trials=60, pool=1000, seconds=0.0)
        assert other.stdout
        wait_for(lambda p=other: re.match(r"\d+/60 ao", p.stdout.readline()) or p.poll() is not None)
        other.kill()
        # What a write that was cut short leaves; the survivor is writing too.
        with Path(storage).open("ab") as file:
            file.write(b'{"op_code":8,"trial_id":')
    survivor.communicate()
    assert survivor.returncode == 0
    assert states(storage)["COMPLETE"] == 60
    lines = Path(storage).read_bytes().splitlines()
    assert all(json.loads(line) for line in lines[:-1])


# In one process: the test is the other worker ----------------------------------------------------------------------


@pytest.fixture
def search(tiny: Space, evaluator: Any, storage: str) -> Callable[..., optuna.Study]:
    def run(**changes: Any) -> optuna.Study:
        settings = {
            "evaluator": evaluator,
            "strategy": NSGA2(population_size=4),
            "objectives": ["ao", "macs"],
            "n_trials": 4,
            "storage": storage,
        }
        return run_search(tiny, **settings | changes)

    return run


@pytest.fixture
def other(storage: str) -> Iterator[WorkerLocks]:
    """Another worker that is alive: number 0, if nobody was there."""
    locks = worker_locks(storage, "search")
    with locks.starting():
        locks.take()
    yield locks
    locks.leave()


@pytest.mark.slow
@pytest.mark.parametrize("storage", STORAGES, indirect=True)
def test_who_joins_is_told_and_leaves_the_others_trials_alone_until_they_die(
    storage: str,
    search: Callable[..., optuna.Study],
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(postgres_locks, "_SETTLED", 0.0)
    monkeypatch.setattr(postgres_locks, "_GONE", 0.0)
    said: list[str] = []
    search(n_trials=2, say=said.append)
    assert said == []
    other = request.getfixturevalue("other")
    theirs = optuna.load_study(study_name="search", storage=connect(storage)).ask()
    theirs.set_user_attr(WORKER, other.number)
    theirs.set_user_attr("path", "of another network")
    seen: list[str] = []

    def die() -> None:
        study = load_search(storage)
        wait_for(lambda: len(study.trials) == 4 and study.trials[3].state == TrialState.COMPLETE)
        time.sleep(0.5)
        # One trial is left, and somebody is at it.
        seen.append("".join(trial.state.name[0] for trial in study.trials))
        other.leave()

    thread = threading.Thread(target=die)
    thread.start()
    study = search(n_trials=4, say=said.append)
    thread.join()
    assert seen == ["CCRC"]
    assert said == ["joined the search as worker 1, beside 1 other"]
    assert "".join(trial.state.name[0] for trial in study.trials) == "CCFCC"
    assert [trial.user_attrs[WORKER] for trial in study.trials] == [0, 0, 0, 1, 1]
    assert search(n_trials=5, say=said.append).trials[-1].user_attrs[WORKER] == 0
    assert len(said) == 1


def test_a_trial_too_many_is_not_measured(
    storage: str, search: Callable[..., optuna.Study], evaluator: Any, tiny: Space, other: WorkerLocks
) -> None:
    """The other worker makes its trial while ours is proposed; it ends well, so that ours is one too many."""
    search(n_trials=1, constraints="macs <= 900M")
    costs, theirs = evaluator.costs, []
    wish = tiny.sample(np.random.default_rng(3))
    values = {"ao": 0.5} | dict(costs(wish))
    study = optuna.load_study(study_name="search", storage=connect(storage))

    def choose(architecture: Any) -> Any:
        if not theirs:
            theirs.append(study.ask({label: CategoricalDistribution(c) for label, c in tiny.labels.items()}))
            for name, value in {WORKER: other.number, "path": "p", "network": "n", "measurements": values}.items():
                theirs[0].set_user_attr(name, value)
            study.tell(theirs[0], [values["ao"], values["macs"]])
        return costs(architecture)

    evaluator.costs = choose
    evaluator.measured.clear()
    found = search(n_trials=2, constraints="macs <= 900M")
    assert [trial.state.name[0] for trial in found.trials] == ["C", "F", "C"]
    assert not evaluator.measured


@pytest.mark.slow
@pytest.mark.parametrize("storage", STORAGES, indirect=True)
@pytest.mark.parametrize("theirs_is_first", [True, False])
def test_of_two_that_draw_one_network_the_first_measures_it(
    storage: str,
    search: Callable[..., optuna.Study],
    evaluator: Any,
    tiny: Space,
    other: WorkerLocks,
    theirs_is_first: bool,
) -> None:
    """The other worker notes the network of ours after ours was proposed, and measures it, whoever is first."""
    search(n_trials=1, constraints="macs <= 900M")  # so that costs are looked at while a network is proposed
    evaluator.measured.clear()
    study = optuna.load_study(study_name="search", storage=connect(storage))
    choices = {label: CategoricalDistribution(values) for label, values in tiny.labels.items()}
    costs, noted, telling = evaluator.costs, [], []

    def ask() -> optuna.Trial:
        trial = study.ask(choices)
        trial.set_user_attr(WORKER, other.number)
        return trial

    def tell(architecture: Any) -> None:
        theirs.set_user_attr("measurements", {"ao": 0.5} | dict(costs(architecture)))
        study.tell(theirs, [0.5, costs(architecture)["macs"]])

    def choose(architecture: Any) -> Any:
        nonlocal theirs
        if not noted:
            noted.append(architecture)
            theirs = theirs or ask()
            theirs.set_user_attr("path", digest(architecture.path()))
            theirs.set_user_attr("network", digest(architecture.canonical()))
            telling.append(threading.Timer(0.5, tell, [architecture]))
            telling[0].start()
        return costs(architecture)

    theirs: Any = ask() if theirs_is_first else None
    evaluator.costs = choose
    after = search(n_trials=3, constraints="macs <= 900M")
    telling[0].join()
    states = [trial.state.name[0] for trial in after.trials]
    if theirs_is_first:
        assert states[:3] == ["C", "C", "F"]
        assert after.trials[2].user_attrs["path"] == after.trials[1].user_attrs["path"]
    else:
        assert states == ["C", "C", "C"]
        assert after.trials[1].user_attrs["copied_from"] == 2
    assert noted[0].path() not in [architecture.path() for architecture, _ in evaluator.measured]


@pytest.mark.slow
@pytest.mark.parametrize("storage", STORAGES, indirect=True)
def test_workers_of_another_configuration_or_version_are_refused(
    storage: str,
    search: Callable[..., optuna.Study],
    make_evaluator: Any,
    other: WorkerLocks,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    search(n_trials=1)
    with pytest.raises(InputError, match="strategy: seed was 0, is 1"):
        search(strategy=NSGA2(population_size=4, seed=1))
    with pytest.raises(InputError, match="evaluator: version was 1, is 2"):
        search(evaluator=make_evaluator(version=2))
    now = description.versions()
    monkeypatch.setattr("lighttrack_nas.strategies.search.run.versions", lambda: now | {"optuna": "5.9", "python": "4"})
    with pytest.raises(InputError, match=r"workers of other versions.*: optuna was '5[^']*', is '5.9'$"):
        search()
    # Who was refused is no worker any more.
    assert other.others() == set()
    # Alone one may go on with other versions, which is noted.
    other.leave()
    study = search(n_trials=2)
    assert study.user_attrs["versions"]["optuna"] == "5.9"
    assert study.user_attrs["earlier_versions"] == [now]


def test_a_trial_that_others_took_for_dead_is_not_lost(
    storage: str, search: Callable[..., optuna.Study], evaluator: Any
) -> None:
    search(n_trials=1)

    def told_by_somebody_else(architecture: Any) -> None:
        if len(evaluator.measured) == 3:
            study = optuna.load_study(study_name="search", storage=connect(storage))
            study.tell(study.trials[-1].number, state=TrialState.FAIL)

    evaluator.fails = told_by_somebody_else
    study = search(n_trials=4, constraints=[])
    assert [trial.state.name[0] for trial in study.trials] == ["C", "C", "F", "C", "C"]
    assert study.trials[2].params == study.trials[3].params
    assert len(evaluator.measured) == 4
