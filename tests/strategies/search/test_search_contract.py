"""What every search strategy promises, on every preset."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import optuna
import pytest
from optuna.samplers import BaseSampler
from optuna.testing.pytest_samplers import BasicSamplerTestCase, MultiObjectiveSamplerTestCase

from lighttrack_nas.search_spaces.loading.loading import load_space
from lighttrack_nas.search_spaces.presets import preset_names
from lighttrack_nas.search_spaces.space import Space
from lighttrack_nas.strategies.search.goals.objectives import parse_objectives
from lighttrack_nas.strategies.search.run import run_search
from lighttrack_nas.strategies.search.sampling import distributions
from lighttrack_nas.strategies.search.search_problem import SearchProblem, require_budget
from lighttrack_nas.strategies.search.search_registry import (
    SEARCH_STRATEGIES,
    search_strategy,
    strategy_record,
)
from lighttrack_nas.strategies.search.storage.trials import completed_trials, digest
from lighttrack_nas.trackers.base.errors import InputError

# Small enough to be past its beginning after a few trials. A new strategy joins by a line.
SMALL: dict[str, dict[str, Any]] = {
    "random": {},
    "nsga2": {"population_size": 6},
    "nsga3": {"population_size": 6},
    "lighttrack": {"population_size": 6, "parents": 3},
    "tpe": {"startup": 6},
    "regularized-evolution": {"population_size": 6, "weights": {"ao": 1.0, "macs": 0.07}},
    "local-search": {"start": 5},
    "optuna": {"algorithm": "TPESampler", "options": {"n_startup_trials": 6, "constant_liar": False}, "redraws": 2},
    "screened": {"inner": {"name": "nsga2", "population_size": 6}, "start": 10, "draws": 3, "regressor": "ridge"},
}
TRIALS = 22
strategies = pytest.mark.parametrize("name", SMALL)
presets = pytest.mark.parametrize("preset", preset_names())


def small(name: str, **changes: Any) -> Any:
    return search_strategy(name, **SMALL[name] | changes)


@cache
def space_of(preset: str) -> Space:
    return load_space(preset)


@cache
def limit(preset: str, make: Callable[[], Any]) -> float:
    """A bound on MACs that two of ten architectures keep."""
    rng = np.random.default_rng(0)
    return float(np.quantile([make().costs(space_of(preset).sample(rng))["macs"] for _ in range(100)], 0.2))


@pytest.fixture
def search(make_evaluator: Any) -> Callable[..., optuna.Study]:
    def run(name: str, preset: str = "lighttrack-tiny", **changes: Any) -> optuna.Study:
        settings: dict[str, Any] = {
            "evaluator": make_evaluator(),
            "strategy": small(name),
            "objectives": ["ao", "macs"],
            "n_trials": TRIALS,
            "storage": optuna.storages.InMemoryStorage(),
            "constraints": f"macs <= {limit(preset, make_evaluator)}",
        }
        return run_search(space_of(preset), **settings | changes)

    return run


def proposed(study: optuna.Study) -> list[tuple[str, ...]]:
    return [tuple(trial.params.values()) for trial in study.trials]


def test_every_strategy_is_here() -> None:
    assert SMALL.keys() == SEARCH_STRATEGIES.keys()


@pytest.mark.slow
@presets
@strategies
def test_proposals_keep_the_bound_and_are_all_different(
    search: Any, make_evaluator: Any, name: str, preset: str
) -> None:
    space, evaluator = space_of(preset), make_evaluator()
    # Asked for, and beyond the bound.
    rng = np.random.default_rng(1)
    bound = limit(preset, make_evaluator)
    dear = [a for a in (space.sample(rng) for _ in range(50)) if evaluator.costs(a)["macs"] > bound][:2]
    study = search(name, preset, evaluator=evaluator, enqueue=dear)
    records = completed_trials(study, space)
    assert len(study.trials) == len(records) == len(evaluator.measured) == TRIALS
    assert [record.architecture for record in records[:2]] == dear
    assert not any(record.feasible for record in records[:2])
    for trial, record in zip(study.trials, records, strict=True):
        assert trial.params == dict(record.architecture.choices)
        assert trial.params.keys() == space.labels.keys()
        assert all(trial.params[label] in values for label, values in space.labels.items())
    assert all(record.feasible for record in records[2:])
    assert len({record.architecture.path() for record in records}) == TRIALS


@pytest.mark.slow
@strategies
def test_networks_alone_are_known_by_their_network(search: Any, make_evaluator: Any, name: str) -> None:
    study = search(name, evaluator=make_evaluator(inherits_weights=False))
    assert len({record.architecture.canonical() for record in completed_trials(study)}) == TRIALS


@pytest.mark.slow
@strategies
def test_a_seed_decides(search: Any, name: str) -> None:
    first = proposed(search(name))
    assert first == proposed(search(name))
    assert first != proposed(search(name, strategy=small(name, seed=1)))


@pytest.mark.slow
@presets
@strategies
def test_resuming_changes_nothing(search: Any, tmp_path: Path, name: str, preset: str) -> None:
    whole = search(name, preset)
    for n_trials in (1, 6, 7, 15, TRIALS):
        parts = search(name, preset, n_trials=n_trials, storage=tmp_path / "journal.log", strategy=small(name))
        if n_trials == 7:
            # A trial that a kill ended is none of the past.
            parts.tell(parts.ask(distributions(space_of(preset))), state=optuna.trial.TrialState.FAIL)
    complete = [tuple(record.architecture.values) for record in completed_trials(parts)]
    assert complete == [tuple(record.architecture.values) for record in completed_trials(whole)]


@pytest.fixture(scope="module")
def elsewhere() -> dict[str, list[list[str]]]:
    """Every strategy's proposals in a process whose strings hash otherwise."""
    code = (
        "import importlib.util, json, sys\n"
        "def load(name, path):\n"
        "    spec = importlib.util.spec_from_file_location(name, path)\n"
        "    module = sys.modules[name] = importlib.util.module_from_spec(spec)\n"
        "    spec.loader.exec_module(module)\n"
        "    return module\n"
        "evaluators, contract = (load(*pair) for pair in zip(('a', 'b'), sys.argv[1:]))\n"
        "run = contract.search.__wrapped__(evaluators.AnalyticEvaluator)\n"
        "print(json.dumps({name: contract.proposed(run(name)) for name in contract.SMALL}))\n"
    )
    here = Path(__file__)
    hash_seed = "1" if os.environ.get("PYTHONHASHSEED") != "1" else "2"
    done = subprocess.run(
        [sys.executable, "-c", code, str(here.with_name("conftest.py")), str(here)],
        capture_output=True,
        text=True,
        check=True,
        env=os.environ | {"PYTHONHASHSEED": hash_seed},
    )
    found: dict[str, list[list[str]]] = json.loads(done.stdout)
    return found


@strategies
def test_another_process_proposes_the_same(search: Any, elsewhere: dict[str, list[list[str]]], name: str) -> None:
    assert [tuple(values) for values in elsewhere[name]] == proposed(search(name))


@strategies
def test_a_record_makes_the_strategy_again(search: Any, name: str) -> None:
    strategy = small(name, seed=7)
    record = strategy_record(strategy)
    assert json.loads(json.dumps(record)) == record
    assert search(name, strategy=strategy, n_trials=6).user_attrs["strategy"] == record
    assert record.pop("name") == type(strategy).__name__
    assert record["seed"] == 7
    if name == "screened":
        assert record["inner"].pop("name") == "NSGA2"
        record["inner"] |= {"name": "nsga2"}
    assert search_strategy(name, **record) == strategy
    study = search(name, n_trials=6)
    with pytest.raises(InputError, match="search for something else"):
        search(name, n_trials=6, strategy=small(name, seed=1), storage=study._storage)


@strategies
def test_workers_draw_from_streams_of_their_own(tiny: Space, name: str) -> None:
    goals = parse_objectives(["ao", "macs"])

    def first(worker: int) -> dict[str, Any]:
        sampler = small(name).sampler(SearchProblem(space=tiny, objectives=goals, worker=worker))
        study = optuna.create_study(directions=["maximize", "minimize"], sampler=sampler)
        return study.ask(distributions(tiny)).params

    assert first(1) == first(1)
    assert len({tuple(first(worker).values()) for worker in range(4)}) == 4


@strategies
@pytest.mark.parametrize("key", ["path", "network"])
def test_what_others_evaluate_is_known(tmp_path: Path, evaluator: Any, name: str, key: Any) -> None:
    path = tmp_path / "small.yaml"
    path.write_text(
        "extends: lighttrack-tiny\nname: small\noutputs: [stage2-block0]\n"
        "stages:\n"
        "  - {name: stage0, channels: 16, blocks: 1, stride: 1, operations: [separable3]}\n"
        "  - {name: stage1, channels: 24, blocks: 1, stride: 2, operations: [k3e2, k5e4]}\n"
        "  - {name: stage2, channels: 40, blocks: 1, stride: 2, operations: [k3e2, k5e4]}\n"
        "towers:\n"
        "  cls: {widths: [48], layers: [{operations: [k3]}, {operations: [k3, skip], repeat: 2}]}\n"
        "  reg: {widths: [48], layers: [{operations: [k3]}]}\n"
    )
    space = load_space(path)
    different = {"path": 16, "network": 12}[key]
    study = optuna.create_study(directions=["maximize", "minimize"])
    wish = space.sample(np.random.default_rng(3))

    def problem(worker: int) -> SearchProblem:
        goals = parse_objectives(["ao", "macs"])
        return SearchProblem(space=space, objectives=goals, known_by=key, worker=worker, first=(wish,))

    samplers = [small(name).sampler(problem(worker)) for worker in range(3)]
    keys, pending = [], []
    for number in range(different):
        study.sampler = samplers[number % 3]
        trial = study.ask(distributions(space))
        architecture = space.architecture(trial.params)
        for kind, form in (("path", architecture.path()), ("network", architecture.canonical())):
            trial.set_user_attr(kind, digest(form))
        keys.append(trial.user_attrs[key])
        pending.append((trial, [evaluator.measure(architecture, ["ao"])["ao"], evaluator.costs(architecture)["macs"]]))
        if len(pending) == 3:
            # The oldest but one ends first.
            study.tell(*pending.pop(1))
    assert len(set(keys)) == different
    assert study.trials[0].params == dict(wish.choices)
    assert sum(trial.params == dict(wish.choices) for trial in study.trials) == 1


@strategies
def test_a_budget_below_the_population_is_refused(name: str) -> None:
    strategy = small(name)
    if "population_size" in SMALL[name] or name == "screened":
        with pytest.raises(InputError, match="5 trials are fewer than the population_size of 6"):
            require_budget(strategy, 5)
    else:
        require_budget(strategy, 1)
    require_budget(strategy, 6)
    require_budget(strategy, None)


@strategies
def test_every_strategy_checks_its_seed_and_its_settings_names(name: str) -> None:
    with pytest.raises(InputError, match="seed: expected 0 or more, got -1"):
        small(name, seed=-1)
    with pytest.raises(InputError, match=f"unknown setting of search strategy '{name}', 'sede'; did you mean 'seed'"):
        small(name, sede=1)


def sampler_of(name: str, problem: SearchProblem, **changes: Any) -> Callable[[], BaseSampler]:
    return lambda: small(name, **changes).sampler(problem)


class TestOptunasBasics(BasicSamplerTestCase):
    """`RelativeSamplerTestCase` asks for parameters other than an architecture's, and does not fit."""

    @pytest.fixture(params=SMALL)
    def sampler(self, request: Any, tiny: Space) -> Callable[[], BaseSampler]:
        changes = {"weights": None} if request.param == "regularized-evolution" else {}
        return sampler_of(request.param, SearchProblem(space=tiny), **changes)


class TestOptunasObjectives(MultiObjectiveSamplerTestCase):
    @pytest.fixture(params=SMALL)
    def sampler(self, request: Any, tiny: Space) -> Callable[[], BaseSampler]:
        return sampler_of(request.param, SearchProblem(space=tiny, objectives=parse_objectives(["ao", "macs"])))
