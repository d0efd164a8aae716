"""Whole searches with an evaluator that needs no video."""

from __future__ import annotations

import json
import logging
import re
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import optuna
import pytest
from optuna.trial import TrialState

from lighttrack_nas.search_spaces.space import Architecture, Space
from lighttrack_nas.strategies.search.goals.hypervolume import hypervolume
from lighttrack_nas.strategies.search.goals.objectives import parse_objectives
from lighttrack_nas.strategies.search.run import run_search
from lighttrack_nas.strategies.search.samplers.nsga2 import NSGA2
from lighttrack_nas.strategies.search.storage.trials import (
    TrialRecord,
    completed_trials,
    digest,
    load_search,
    pareto_front,
    space_of,
)
from lighttrack_nas.strategies.search.trial_loop import FAILURES_IN_A_ROW
from lighttrack_nas.trackers.base.errors import InputError

Search = Callable[..., optuna.Study]


@pytest.fixture
def search(tiny: Space, evaluator: Any, tmp_path: Path) -> Search:
    """Run a search in a journal; what is not said has a default."""

    def run(**changes: Any) -> optuna.Study:
        settings: dict[str, Any] = {
            "space": tiny,
            "evaluator": evaluator,
            "strategy": NSGA2(population_size=8),
            "objectives": ["ao", "macs"],
            "n_trials": 20,
            "storage": tmp_path / "journal.log",
        }
        settings |= changes
        return run_search(settings.pop("space"), **settings)

    return run


def architectures(study: optuna.Study) -> list[Architecture]:
    return [record.architecture for record in completed_trials(study)]


def states(study: optuna.Study) -> str:
    return "".join(trial.state.name[0] for trial in study.trials)


def test_importing_needs_no_torch() -> None:
    code = (
        "import sys\nsys.modules['torch'] = None\nsys.modules['cv2'] = None\n"
        "import lighttrack_nas.strategies.search.run, lighttrack_nas.strategies.search.goals.evaluator\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_what_a_study_holds(search: Search, tiny: Space, evaluator: Any, tmp_path: Path) -> None:
    told: list[tuple[int, int, str]] = []
    study = search(
        constraints=["Mobile", "latency_ms <= 4"],
        objectives=["ao", "macs", "params"],
        progress=lambda *what: told.append(what),
    )
    assert [done for done, _, _ in told] == list(range(1, 21))
    assert {total for _, total, _ in told} == {20}
    assert re.fullmatch(r"ao 0\.\d+, macs [\d.]+M, params [\d.]+[MK], latency_ms [\d.]+", told[0][2])
    assert [direction.name for direction in study.directions] == ["MAXIMIZE", "MINIMIZE", "MINIMIZE"]
    assert study.metric_names == ["ao", "macs", "params"]
    attributes = study.user_attrs
    assert attributes["space_hash"] == tiny.hash
    assert attributes["objectives"] == ["maximize ao", "minimize macs", "minimize params"]
    assert attributes["constraints"] == ["macs <= 600M", "params <= 2M", "latency_ms <= 4"]
    assert attributes["evaluator"] == {"kind": "analytic", "version": 1, "videos": ["a", "b"]}
    assert attributes["strategy"]["name"] == "NSGA2"
    assert attributes["versions"]["optuna"] == optuna.__version__
    json.dumps(attributes)
    assert space_of(load_search(tmp_path / "journal.log")) == tiny

    records = completed_trials(study, tiny)
    for trial, record in zip(study.trials, records, strict=True):
        architecture = record.architecture
        assert dict(architecture.choices) == trial.params
        assert {len(trial.user_attrs[key]) for key in ("path", "network")} == {16}
        assert trial.user_attrs["path"] == digest(architecture.path())
        assert trial.user_attrs["network"] == digest(architecture.canonical())
        dear = evaluator.measure(architecture, ["ao", "latency_ms"])
        costs = {name: evaluator.costs(architecture)[name] for name in ("macs", "params")}
        assert record.measurements == costs | dear
        assert trial.values == [record.measurements[name] for name in ("ao", "macs", "params")]
        assert set(trial.constraints) == set(attributes["constraints"])
        assert record.feasible == all(value <= 0 for value in trial.constraints.values())
        assert record.violation == pytest.approx(sum(trial.constraints.values()))
        assert record.seconds >= 0


def test_optunas_own_views_work(search: Search) -> None:
    study = search(constraints="macs <= 400M")
    figure = optuna.visualization.plot_pareto_front(study)
    assert "ao" in str(figure.layout)
    with pytest.warns(UserWarning, match="low `target` values"):
        importances = optuna.importance.get_param_importances(study, target=lambda trial: -trial.values[0])
    assert set(importances) == set(study.trials[0].params)
    best = {trial.number for trial in study.best_trials}
    assert best == {record.number for record in pareto_front(completed_trials(study), parse_objectives(["ao", "macs"]))}


def test_the_front_of_one_objective_is_its_best_trial(search: Search) -> None:
    study = search(objectives="loss")
    records = completed_trials(study)
    front = pareto_front(records, parse_objectives("loss"))
    assert [record.number for record in front] == [study.best_trial.number]


def test_cost_objectives_measure_nothing(search: Search, evaluator: Any) -> None:
    search(objectives=["macs", "params"])
    assert not evaluator.measured


def test_nothing_global_changes(search: Search, caplog: pytest.LogCaptureFixture, tmp_path: Path) -> None:
    verbosity = optuna.logging.get_verbosity()
    optuna.logging.enable_propagation()
    try:
        with caplog.at_level(logging.INFO):
            search()
            search()
    finally:
        optuna.logging.disable_propagation()
    assert not caplog.records
    assert optuna.logging.get_verbosity() == verbosity


def test_two_runs_are_equal(search: Search, tmp_path: Path) -> None:
    first = search(storage=tmp_path / "first.log", n_trials=40)
    second = search(storage=tmp_path / "second.log", n_trials=40)
    other = search(storage=tmp_path / "other.log", n_trials=40, strategy=NSGA2(population_size=8, seed=1))
    assert architectures(first) == architectures(second) != architectures(other)


@pytest.mark.slow
@pytest.mark.parametrize("url", [False, True])
def test_n_trials_counts_all_runs(search: Search, evaluator: Any, tmp_path: Path, url: bool) -> None:
    # Every write to SQLite waits for the disk: few trials.
    total, strategy = (5, NSGA2(population_size=2)) if url else (20, NSGA2(population_size=8))
    whole = search(storage=optuna.storages.InMemoryStorage(), n_trials=total, strategy=strategy)
    evaluator.measured.clear()
    storage = f"sqlite:///{tmp_path}/parts.db" if url else str(tmp_path / "parts.log")
    for n_trials in (1, 4, 2, total, total):
        study = search(storage=storage, n_trials=n_trials, strategy=strategy)
    assert states(study) == "C" * total
    assert len(evaluator.measured) == total
    assert architectures(study) == architectures(whole)


def test_a_search_may_stay_in_memory(search: Search) -> None:
    assert states(search(storage=optuna.storages.InMemoryStorage())) == "C" * 20


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"objectives": ["ao", "params"]}, "objectives was ['maximize ao', 'minimize macs'], is ["),
        ({"objectives": "ao"}, "objectives was"),
        ({"constraints": "Mobile"}, "constraints was [], is ['macs <= 600M', 'params <= 2M']"),
        ({"strategy": NSGA2(population_size=8, seed=3)}, "strategy: seed was 0, is 3"),
        ({"space": "lighttrack", "objectives": "loss"}, "space_hash was"),
    ],
)
def test_a_study_for_something_else(search: Search, lighttrack: Space, changes: dict, message: str) -> None:
    search(n_trials=2)
    if "space" in changes:
        changes = changes | {"space": lighttrack}
    with pytest.raises(InputError, match=re.escape(message)) as caught:
        search(**changes)
    assert "search for something else" in str(caught.value)
    assert states(search(n_trials=3)) == "CCC"


def test_an_evaluator_that_measures_otherwise(search: Search, make_evaluator: Any) -> None:
    search(n_trials=2)
    with pytest.raises(InputError, match="evaluator: version was 1, is 2"):
        search(evaluator=make_evaluator(version=2))


def test_a_study_of_somebody_else(search: Search, tmp_path: Path) -> None:
    storage = f"sqlite:///{tmp_path}/other.db"
    study = optuna.create_study(storage=storage, study_name="search")
    study.add_trial(optuna.create_trial(value=1.0))
    with pytest.raises(InputError, match="holds trials of something else"):
        search(storage=storage)
    with pytest.raises(InputError, match="is no architecture search: it has no attribute 'space'"):
        completed_trials(optuna.load_study(storage=storage, study_name="search"))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"n_trials": 0}, "n_trials: expected 1 or more, got 0"),
        ({"objectives": []}, "no objective was given"),
        ({"objectives": ["aoo"]}, "unknown objective 'aoo'; did you mean 'ao'?"),
        ({"constraints": ["Mobil"]}, "did you mean 'Mobile'?"),
    ],
)
def test_wrong_arguments_are_refused_before_a_journal_is_made(
    search: Search, tmp_path: Path, changes: dict, message: str
) -> None:
    with pytest.raises(InputError, match=re.escape(message)):
        search(**changes)
    assert not (tmp_path / "journal.log").exists()


def test_an_evaluator_gives_what_it_gives(search: Search, evaluator: Any) -> None:
    evaluator.measurements = ("loss", "macs")
    with pytest.raises(InputError, match="unknown measurement of this evaluator 'ao'; known: loss, macs"):
        search()
    with pytest.raises(InputError, match="'latency_ms'"):
        search(objectives="loss", constraints="latency_ms <= 3")
    assert set(completed_trials(search(objectives="loss"))[0].measurements) == {"loss", "macs"}


# What is not evaluated ----------------------------------------------------------------------------------------------


def test_costs_beyond_the_bounds_are_never_evaluated(search: Search, evaluator: Any) -> None:
    study = search(constraints=["macs <= 280M", "params <= 1M"], n_trials=40)
    assert len(evaluator.measured) == 40
    for architecture, _ in evaluator.measured:
        costs = evaluator.costs(architecture)
        assert costs["macs"] <= 280e6
        assert costs["params"] <= 1e6
    assert all(record.feasible for record in completed_trials(study))


@pytest.mark.slow
def test_bounds_that_nobody_meets(search: Search) -> None:
    study = search(constraints=["macs <= 1M"], n_trials=20)
    records = completed_trials(study)
    assert len(records) == 20
    assert not any(record.feasible for record in records)
    front = pareto_front(records, parse_objectives(["ao", "macs"]))
    assert {record.violation for record in front} == {min(record.violation for record in records)}
    assert not front[0].feasible
    # Selection goes towards the bounds.
    assert np.mean([r.violation for r in records[-8:]]) < np.mean([r.violation for r in records[:8]])


def test_a_measured_constraint_is_left_to_selection(search: Search) -> None:
    study = search(constraints="latency_ms <= 3.7", n_trials=64)
    feasible = [record.feasible for record in completed_trials(study)]
    assert 0 < sum(feasible[:16]) < 16
    assert sum(feasible[-16:]) > sum(feasible[:16])


@pytest.mark.parametrize("inherits_weights", [True, False])
def test_a_network_is_measured_once(search: Search, tiny: Space, make_evaluator: Any, inherits_weights: bool) -> None:
    evaluator = make_evaluator(inherits_weights=inherits_weights)
    base = tiny.sample(np.random.default_rng(0))
    shared = dict(base.choices) | {"output": "stage2-block0", "cls-layer1": "k3", "cls-layer2": "k5"}
    same_path = [
        tiny.architecture(shared | {"cls-layer3": "skip", "stage3-block1": value}) for value in ("k3e2", "k5e4")
    ]
    same_network = tiny.architecture(shared | {"cls-layer1": "skip", "cls-layer2": "k3", "cls-layer3": "k5"})
    assert same_network.canonical() == same_path[0].canonical()
    told: list[str] = []
    study = search(
        evaluator=evaluator,
        objectives=["ao", "latency_ms"],
        enqueue=[same_path[0], same_network],
        n_trials=2,
        progress=lambda done, total, text: told.append(text),
    )
    records = completed_trials(study)
    if inherits_weights:
        assert [names for _, names in evaluator.measured] == [("ao", "latency_ms"), ("ao",)]
        assert records[1].copied_from is None
        assert records[0].measurements["ao"] != records[1].measurements["ao"]
        assert records[0].measurements["latency_ms"] == records[1].measurements["latency_ms"]
    else:
        assert [names for _, names in evaluator.measured] == [("ao", "latency_ms")]
        assert records[1].copied_from == 0
        assert records[0].measurements == records[1].measurements
        assert told[1].endswith("(copied from trial 0)")
        assert pareto_front(records, parse_objectives(["ao"])) == records[:1]
    # The same path is the same in every respect: it has its trial.
    search(evaluator=evaluator, objectives=["ao", "latency_ms"], enqueue=same_path, n_trials=3)
    assert same_path[1] not in architectures(study)


def test_copies_of_copies_name_the_measured_one(search: Search, tiny: Space, evaluator: Any) -> None:
    study = search(n_trials=1)
    first = architectures(study)[0]
    # Somebody else's requests, through Optuna's own queue.
    for _ in range(3):
        study.enqueue_trial(dict(first.choices))
    records = completed_trials(search(n_trials=4))
    assert [record.copied_from for record in records] == [None, 0, 0, 0]
    assert len(evaluator.measured) == 1


def test_proposals_are_new_networks(search: Search) -> None:
    study = search(n_trials=120)
    assert len({a.path() for a in architectures(study)}) == 120


# Known architectures ------------------------------------------------------------------------------------------------


def test_the_published_architecture_goes_first(
    search: Search, lighttrack: Space, evaluator: Any, mobile_code: str
) -> None:
    mobile = lighttrack.decode(mobile_code)
    for n_trials in (5, 8):
        # The bound holds for draws; what was asked for is evaluated, and said to break it.
        study = search(space=lighttrack, enqueue=[mobile], constraints="macs <= 480M", n_trials=n_trials)
    records = completed_trials(study)
    assert records[0].architecture == mobile
    assert not records[0].feasible
    assert all(record.feasible for record in records[1:])
    assert [a for a, _ in evaluator.measured].count(mobile) == 1
    assert lighttrack.encode(records[0].architecture.path()) == lighttrack.encode(mobile.path())


def test_enqueued_architectures_are_neither_lost_nor_doubled(
    search: Search, tiny: Space, evaluator: Any, lighttrack: Space
) -> None:
    rng = np.random.default_rng(7)
    wanted = [tiny.sample(rng) for _ in range(5)]
    interrupted = iter([False, False, True, False, True])

    def interrupt(architecture: Architecture) -> None:
        if next(interrupted, False):
            raise KeyboardInterrupt

    evaluator.fails = interrupt
    for _ in range(2):
        with pytest.raises(KeyboardInterrupt):
            search(enqueue=[*wanted, wanted[0]])
    study = search(enqueue=wanted)
    assert architectures(study)[:5] == wanted
    assert not set(wanted) & set(architectures(study)[5:])
    assert states(study).count("F") == 2
    # A wish that comes later comes next.
    late = tiny.sample(rng)
    assert architectures(search(enqueue=[*wanted, late], n_trials=22))[20] == late
    with pytest.raises(InputError, match="is of space 'lighttrack'"):
        search(enqueue=[lighttrack.sample(rng)])


# What goes wrong ----------------------------------------------------------------------------------------------------


def test_an_architecture_that_cannot_be_measured(search: Search, evaluator: Any, broken: InputError) -> None:
    evaluator.fails = lambda a: broken if a.choices["cls-width"] == "96" else None
    study = search()
    assert states(study).count("C") == 20
    failed = [trial for trial in study.trials if trial.state == TrialState.FAIL]
    assert failed
    assert {trial.user_attrs["failure"] for trial in failed} == {str(broken)}
    assert len({trial.user_attrs["path"] for trial in failed}) == len(failed)
    assert all(a.choices["cls-width"] != "96" for a in architectures(study))
    assert search().trials == study.trials


@pytest.mark.parametrize("value", ["nan", "exception"])
def test_a_resumed_search_leaves_failed_ones_alone(
    search: Search, evaluator: Any, broken: InputError, value: str
) -> None:
    evaluator.fails = lambda a: "nan" if value == "nan" else broken
    with pytest.raises(InputError, match="5 architectures in a row could not be measured; the last one, trial 4: "):
        search()
    evaluator.fails = lambda a: None
    study = search(n_trials=10)
    assert states(study) == "F" * FAILURES_IN_A_ROW + "C" * 10
    assert len({trial.user_attrs["path"] for trial in study.trials}) == 15
    reason = "no finite number" if value == "nan" else "does not converge"
    assert reason in study.trials[0].user_attrs["failure"]


def test_failures_are_part_of_the_past(search: Search, evaluator: Any, broken: InputError, tmp_path: Path) -> None:
    evaluator.fails = lambda a: broken if a.choices["cls-width"] == "96" else None
    whole = search(storage=tmp_path / "whole.log")
    for n_trials in range(1, 21):
        study = search(n_trials=n_trials)
    assert architectures(study) == architectures(whole)
    assert states(study) == states(whole)


def test_a_failing_wish_is_not_repeated(search: Search, tiny: Space, evaluator: Any, broken: InputError) -> None:
    wish = tiny.sample(np.random.default_rng(1))
    evaluator.fails = lambda a: broken if a == wish else None
    study = search(enqueue=[wish], n_trials=3)
    assert states(search(enqueue=[wish], n_trials=5)) == "FCCCCC"
    assert study.trials[0].params == dict(wish.choices)


def test_a_missing_measurement_is_a_failure(search: Search, evaluator: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(evaluator, "measure", lambda architecture, names: {})
    with pytest.raises(InputError, match="'ao' was measured as nothing, which is no finite number"):
        search()


@pytest.mark.parametrize("error", [KeyboardInterrupt(), SystemExit(1), RuntimeError("out of memory")])
def test_an_interrupted_trial_is_told_and_repeated(
    search: Search, evaluator: Any, tmp_path: Path, error: BaseException
) -> None:
    whole = search(storage=tmp_path / "whole.log")
    evaluator.measured.clear()

    def interrupt(architecture: Architecture) -> None:
        if len(evaluator.measured) == 8:
            raise error

    evaluator.fails = interrupt
    with pytest.raises(type(error)):
        search()
    study = load_search(tmp_path / "journal.log")
    assert states(study) == "CCCCCCCF"
    assert "failure" not in study.trials[-1].user_attrs
    assert architectures(search()) == architectures(whole)


def test_errors_of_proposals_leave_no_trial_running(
    search: Search, evaluator: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    study = search(n_trials=3)
    costs = evaluator.costs
    monkeypatch.setattr(evaluator, "costs", lambda a: {}[0])
    with pytest.raises(KeyError):
        search()
    monkeypatch.setattr(evaluator, "costs", costs)
    assert states(search(n_trials=4)) == "CCCFC"
    assert states(study) == "CCCFC"


@pytest.mark.parametrize("url", [False, True])
def test_trials_of_a_dead_process_are_told(search: Search, tmp_path: Path, url: bool, evaluator: Any) -> None:
    storage = f"sqlite:///{tmp_path}/search.db" if url else tmp_path / "dead.log"
    whole = search(n_trials=6)
    study = search(storage=storage, n_trials=3)
    study.ask()
    half = study.ask({label: d for label, d in whole.trials[0].distributions.items() if label != "output"})
    half.set_user_attr("measurements", {"ao": 1.0})
    study = search(storage=storage, n_trials=6)
    assert states(study) == "CCCFFCCC"
    assert architectures(study) == architectures(whole)


def test_a_study_that_was_killed_while_it_was_described(search: Search, tmp_path: Path) -> None:
    whole = search(storage=tmp_path / "whole.log", n_trials=3)
    lines = (tmp_path / "whole.log").read_bytes().splitlines(keepends=True)
    first_trial = next(i for i, line in enumerate(lines) if line.startswith(b'{"op_code":4'))
    for count in range(first_trial + 1):
        (tmp_path / "journal.log").write_bytes(b"".join(lines[:count]))
        study = search(n_trials=3)
        assert study.user_attrs == whole.user_attrs
        assert study.metric_names == ["ao", "macs"]
        assert architectures(study) == architectures(whole)


def test_a_study_without_a_description_still_has_directions(search: Search, tmp_path: Path) -> None:
    path = tmp_path / "journal.log"
    search(n_trials=1)
    path.write_bytes(path.read_bytes().splitlines(keepends=True)[0])
    with pytest.raises(InputError, match="directions were maximize, minimize, are minimize"):
        search(objectives=["loss"])
    assert states(search(n_trials=2)) == "CC"


def test_a_journal_that_was_cut_anywhere(search: Search, tmp_path: Path) -> None:
    whole = search(storage=tmp_path / "whole.log", n_trials=12)
    content = (tmp_path / "whole.log").read_bytes()
    rng = np.random.default_rng(3)
    for size in sorted(rng.integers(len(content) // 3, len(content), 12).tolist()):
        (tmp_path / "journal.log").write_bytes(content[:size])
        study = search(n_trials=12)
        assert architectures(study) == architectures(whole)
        assert [t.values for t in study.trials if t.values] == [t.values for t in whole.trials]


# What comes out -----------------------------------------------------------------------------------------------------


def test_trials_of_another_space_are_not_read(search: Search, lighttrack: Space, tiny: Space) -> None:
    study = search()
    with pytest.raises(InputError, match=re.escape(f"is of space {tiny.hash}, not of 'lighttrack'")):
        completed_trials(study, lighttrack)
    assert pareto_front([], parse_objectives("ao")) == []


def test_a_front_of_records(tiny: Space) -> None:
    architecture = tiny.sample(np.random.default_rng(0))

    def record(number: int, ao: float, macs: float, violation: float = 0.0, copied_from: Any = None) -> TrialRecord:
        values = {"ao": ao, "macs": macs}
        return TrialRecord(number, architecture, values, violation == 0, violation, 1.0, copied_from)

    goals = parse_objectives(["ao", "macs"])
    records = [
        record(0, 0.5, 5),
        record(1, 0.6, 5),
        record(2, 0.4, 1),
        record(3, 0.9, 1, violation=0.1),
        record(4, 0.6, 5, copied_from=1),
        record(5, 0.7, 9, copied_from=99),
    ]
    assert [r.number for r in pareto_front(records, goals)] == [1, 2, 5]
    infeasible = [record(0, 0.5, 5, 0.3), record(1, 0.1, 9, 0.2), record(2, 0.9, 1, 0.2), record(3, 1, 1, 0.25)]
    assert [r.number for r in pareto_front(infeasible, goals)] == [1, 2]


class Timed:
    """An evaluator that says on what it measures latencies; given a table, it has them among the costs."""

    def __init__(self, evaluator: Any, device: str, table: bool = False) -> None:
        self._evaluator, self._device, self._table = evaluator, device, table
        self.measurements, self.inherits_weights = evaluator.measurements, evaluator.inherits_weights
        self.record, self.measured = evaluator.record, evaluator.measured

    def costs(self, architecture: Architecture) -> dict[str, float]:
        costs = dict(self._evaluator.costs(architecture))
        return costs | ({"latency_ms": 1 + costs["macs"] / 1e8} if self._table else {})

    def measure(self, architecture: Architecture, names: Any) -> Any:
        return self._evaluator.measure(architecture, names)

    def latency_record(self) -> dict[str, str]:
        return {"processor": self._device}

    def latencies_again(self, architectures: Any, progress: Any = None) -> list[float]:
        return [1.0 for _ in architectures]


def test_latencies_of_two_devices_never_mix(search: Search, evaluator: Any, tmp_path: Path) -> None:
    settings = {"objectives": ["ao", "latency_ms"], "storage": tmp_path / "journal.log"}
    search(evaluator=evaluator, n_trials=2, **settings)  # a journal of version 0.2 says nothing of the device
    study = search(evaluator=Timed(evaluator, "one"), n_trials=3, **settings)
    assert study.user_attrs["latency"] == {"processor": "one"}
    with pytest.raises(InputError, match="latency: processor was 'one', is 'two'"):
        search(evaluator=Timed(evaluator, "two"), n_trials=4, **settings)
    # Where latency is not asked for, it does not matter.
    settings = {"objectives": ["ao", "macs"], "storage": tmp_path / "other.log"}
    for number, device in enumerate(("one", "two")):
        study = search(evaluator=Timed(evaluator, device), n_trials=2 + number, **settings)
    assert "latency" not in study.user_attrs


def test_a_limit_on_predicted_latency_is_kept_before_anything_is_measured(search: Search, evaluator: Any) -> None:
    timed = Timed(evaluator, "one", table=True)
    study = search(evaluator=timed, objectives="ao", constraints="latency_ms <= 3.7", n_trials=30)
    assert all(trial.feasible for trial in completed_trials(study))
    assert {names for _, names in timed.measured} == {("ao",)}
    known = [timed.costs(architecture)["latency_ms"] for architecture, _ in timed.measured]
    assert max(known) <= 3.7
    with pytest.raises(InputError, match=r"latency was {'processor': 'one'}, is None"):
        search(evaluator=evaluator, objectives="ao", constraints="latency_ms <= 3.7", n_trials=31)
    memory = optuna.storages.InMemoryStorage()
    plain = search(evaluator=evaluator, objectives="ao", constraints="latency_ms <= 3.7", n_trials=30, storage=memory)
    assert not all(trial.feasible for trial in completed_trials(plain))


@pytest.mark.slow
def test_evolution_beats_chance(search: Search, lighttrack: Space, evaluator: Any) -> None:
    """By what their fronts cover beyond the median of chance, after as many evaluations, for every seed."""

    def values(architectures: list[Architecture]) -> np.ndarray:
        return np.array(
            [[-evaluator.measure(a, ["ao"])["ao"], evaluator.costs(a)["macs"] / 1e9] for a in architectures]
        )

    for seed in range(3):
        study = search(
            space=lighttrack,
            strategy=NSGA2(population_size=24, seed=seed),
            n_trials=240,
            storage=optuna.storages.InMemoryStorage(),
        )
        rng = np.random.default_rng(seed)
        drawn = values([lighttrack.sample(rng) for _ in range(240)])
        reference = np.median(drawn, axis=0)
        chance, evolved = hypervolume(drawn, reference), hypervolume(values(architectures(study)), reference)
        assert evolved > 1.5 * chance > 0, (seed, evolved, chance)


def test_a_trial_without_a_parameter_is_a_sentence(search: Search, tmp_path: Path) -> None:
    """The journal's lines are whole, one of them is gone."""
    path = tmp_path / "journal.log"
    search(n_trials=9)
    lines = path.read_bytes().splitlines(keepends=True)
    label = next(iter(load_search(path).trials[0].params))
    kept = [line for line in lines if b'"op_code":5' not in line or f'"{label}"'.encode() not in line]
    assert len(kept) < len(lines)
    path.write_bytes(b"".join(kept))
    with pytest.raises(InputError, match=f"{label}"):
        search(n_trials=30)


def test_a_trial_that_lacks_a_value_is_named_before_the_search_goes_on(search: Search, tmp_path: Path) -> None:
    storage = f"sqlite:///{tmp_path / 'search.db'}"
    search(storage=storage, n_trials=2)
    with closing(sqlite3.connect(tmp_path / "search.db")) as database:
        database.execute("DELETE FROM trial_values WHERE objective = 1")
        database.commit()
    with pytest.raises(InputError, match="trial 0: expected a value for each of 2 objectives"):
        search(storage=storage, n_trials=3)
