"""A table as a problem for Optuna: its shape, its true front, and samplers that know nothing of us."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import optuna
import pytest
from optuna.samplers import NSGAIISampler, RandomSampler, TPESampler
from optuna.study import StudyDirection

from lighttrack_nas.benchmarks.scoring.place_scores import PlaceScores
from lighttrack_nas.benchmarks.scoring.tabular_benchmark import BenchmarkTable
from lighttrack_nas.comparisons.problems import TabularProblem
from lighttrack_nas.search_spaces.enumeration import paths
from lighttrack_nas.search_spaces.loading.loading import load_space
from lighttrack_nas.trackers.base.errors import InputError

SPACE = load_space("lighttrack-table")
ALL = list(paths(SPACE))


@pytest.fixture(scope="module")
def table() -> BenchmarkTable:
    rng = np.random.default_rng(0)
    macs = rng.uniform(5e6, 2e7, len(ALL))
    return BenchmarkTable(SPACE, ALL, {"ao": rng.random(len(ALL)) * macs / 2e7, "macs": macs}, {})


def test_a_tabular_problem_has_the_members_of_optunahub(table: BenchmarkTable) -> None:
    problem = TabularProblem(table)
    assert {name: found.choices for name, found in problem.search_space.items()} == dict(SPACE.labels)
    assert problem.directions == [StudyDirection.MAXIMIZE, StudyDirection.MINIMIZE]
    assert problem.metric_names == ["ao", "macs"]
    row = 11
    assert problem.evaluate(ALL[row].choices) == [table.columns["ao"][row], table.columns["macs"][row]]
    problem.reseed(3)


@pytest.mark.parametrize("constraints", [(), ("macs <= 10M",)])
def test_front_is_what_nothing_dominates(table: BenchmarkTable, constraints: tuple[str, ...]) -> None:
    problem = TabularProblem(table, constraints=constraints)
    front = problem.front()
    values = [(table.columns["ao"][row], table.columns["macs"][row]) for row in range(len(ALL))]
    kept = [(ao, macs) for ao, macs in values if not constraints or macs <= 10e6]
    expected = {
        (ao, macs) for ao, macs in kept if not any(a >= ao and m <= macs and (a, m) != (ao, macs) for a, m in kept)
    }
    assert {(ao, macs) for _, (ao, macs) in front} == expected
    for architecture, found in front:
        assert problem.evaluate(architecture.choices) == found
    assert [macs for _, (_, macs) in front] == sorted(macs for _, (_, macs) in front)


@pytest.mark.parametrize("sampler", [RandomSampler, NSGAIISampler, TPESampler])
def test_optunas_samplers_run_on_it(table: BenchmarkTable, sampler: type) -> None:
    problem = TabularProblem(table, constraints="macs <= 10M")
    study = optuna.create_study(directions=problem.directions, sampler=sampler(seed=0))
    study.optimize(problem, n_trials=12)
    for trial in study.trials:
        assert trial.values == problem.evaluate(trial.params)
        assert problem.evaluate_constraints(trial.params) == [max(0.0, trial.values[1] / 10e6 - 1)]
    assert all(trial.values[1] <= 10e6 for trial in study.best_trials)


def test_a_table_of_places_is_a_problem(random_places: Callable[..., PlaceScores], tmp_path: Path) -> None:
    places = random_places(SPACE)
    places.save(tmp_path)
    problem = TabularProblem(str(tmp_path / "places.json"), ["minimize nsr", "minimize macs"], "macs <= 15M")
    assert {name: found.choices for name, found in problem.search_space.items()} == dict(SPACE.labels)
    assert problem.directions == [StudyDirection.MINIMIZE, StudyDirection.MINIMIZE]
    assert problem.evaluate(ALL[5].choices)[0] == pytest.approx(places.score(ALL[5]), rel=1e-4)
    front = problem.front()
    assert len(front) > 1
    for architecture, found in front:
        assert problem.evaluate(architecture.choices) == found
        assert problem.evaluate_constraints(architecture.choices) == [0.0]
    assert [macs for _, (_, macs) in front] == sorted(macs for _, (_, macs) in front)
    assert problem.worst["macs"] == 15e6
    study = optuna.create_study(directions=problem.directions, sampler=RandomSampler(seed=0))
    study.optimize(problem, n_trials=5)
    assert all(trial.values == problem.evaluate(trial.params) for trial in study.trials)
    for name in ("values", "feasible", "front_rows"):
        with pytest.raises(InputError, match="the table of places of 'lighttrack-table' has no rows"):
            getattr(problem, name)
    with pytest.raises(InputError, match="unknown measurement of this table 'ao'; known: nsr, macs, params"):
        TabularProblem(places)


def test_worst_values_are_those_of_feasible_rows(table: BenchmarkTable) -> None:
    kept = table.columns["macs"] <= 10e6
    found = TabularProblem(table, constraints="macs <= 10M").worst
    assert found == {"ao": table.columns["ao"][kept].min(), "macs": table.columns["macs"][kept].max()}
    nothing = TabularProblem(table, constraints="macs <= 1M")
    assert (nothing.worst, nothing.front()) == ({}, [])


def test_a_table_of_rows_needs_no_torch() -> None:
    code = (
        "import sys\nsys.modules['torch'] = None\nimport lighttrack_nas as ltn\n"
        "assert ltn.TabularProblem('lighttrack-table', ['minimize macs']).front()"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_problem_that_a_table_cannot_answer_is_refused(table: BenchmarkTable) -> None:
    with pytest.raises(InputError, match="unknown measurement of this table 'loss'; known: ao, macs"):
        TabularProblem(table, ["loss"])
    with pytest.raises(InputError, match="unknown table 'lighttrack-tabel'"):
        TabularProblem("lighttrack-tabel")
    with pytest.raises(InputError, match="no value for"):
        TabularProblem(table).evaluate({"output": "stage3-block0"})
