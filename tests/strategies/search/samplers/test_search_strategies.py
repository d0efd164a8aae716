"""What each search strategy does of its own."""

from __future__ import annotations

import sys
from collections.abc import Callable
from math import comb
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import optuna
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from optuna.samplers import BaseSampler, CmaEsSampler, QMCSampler, RandomSampler

from lighttrack_nas.search_spaces.space import Space
from lighttrack_nas.strategies.search.goals.hypervolume import non_dominated
from lighttrack_nas.strategies.search.goals.objectives import parse_objectives
from lighttrack_nas.strategies.search.ranking import RunningFront, crowding
from lighttrack_nas.strategies.search.run import run_search
from lighttrack_nas.strategies.search.samplers.lighttrack import LightTrack, inherited_together
from lighttrack_nas.strategies.search.samplers.local_search import LocalSearch
from lighttrack_nas.strategies.search.samplers.nsga3 import NSGA3, most_divisions
from lighttrack_nas.strategies.search.samplers.optuna_algorithm import OptunaAlgorithm
from lighttrack_nas.strategies.search.samplers.regularized_evolution import RegularizedEvolution, reward
from lighttrack_nas.strategies.search.samplers.screened import SCREENING, Screened, promising
from lighttrack_nas.strategies.search.samplers.surrogate import fit_surrogate, one_hot
from lighttrack_nas.strategies.search.search_problem import SearchProblem
from lighttrack_nas.strategies.search.search_registry import search_strategy, strategy_record
from lighttrack_nas.strategies.search.storage.trials import completed_trials
from lighttrack_nas.trackers.base.errors import InputError

GOALS = parse_objectives(["ao", "macs"])
points = arrays(float, st.tuples(st.integers(1, 30), st.just(2)), elements=st.integers(0, 6).map(float))


@pytest.fixture
def search(tiny: Space, evaluator: Any) -> Callable[..., optuna.Study]:
    def run(strategy: Any, n_trials: int = 40, objectives: Any = GOALS, **changes: Any) -> optuna.Study:
        storage = optuna.storages.InMemoryStorage()
        settings = {"evaluator": evaluator, "storage": storage} | changes
        return run_search(tiny, strategy=strategy, n_trials=n_trials, objectives=objectives, **settings)

    return run


# Settings -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "settings", "message"),
    [
        ("nsga3", {"population_size": 1}, "population_size: expected 2 or more, got 1"),
        ("nsga3", {"divisions": 0}, "divisions: expected 1 or more, got 0"),
        ("nsga3", {"mutation_probability": 2}, "mutation_probability: expected a probability from 0 to 1, got 2"),
        ("lighttrack", {"parents": 1}, "parents: expected 2 or more, got 1"),
        ("lighttrack", {"mutations": 49}, "mutations: expected at most the population_size of 48, got 49"),
        ("lighttrack", {"population_size": 4.5}, "population_size: expected 2 or more, got 4.5"),
        ("tpe", {"startup": 1}, "startup: expected 2 or more, got 1"),
        ("tpe", {"multivariate": "yes"}, "multivariate: expected true or false, got 'yes'"),
        ("regularized-evolution", {"sample_size": 49}, "sample_size: expected at most the population_size of 48, got"),
        ("regularized-evolution", {"weights": {"ao": 0}}, "weights: expected a number above 0 for 'ao', got 0"),
        ("regularized-evolution", {"weights": 3}, "weights: expected a number for each objective by its name, got 3"),
        ("regularized-evolution", {"reward": "sums"}, "unknown reward 'sums'; did you mean 'sum'"),
        ("local-search", {"start": 0}, "start: expected 1 or more, got 0"),
        ("optuna", {}, "search strategy 'optuna': .*algorithm"),
        ("optuna", {"algorithm": "TPESampla"}, "unknown sampler of Optuna 'TPESampla'; did you mean 'TPESampler'"),
        ("optuna", {"algorithm": "TPESampler", "options": {"seed": 1}}, "the seed is the strategy's own setting"),
        (
            "optuna",
            {"algorithm": "TPESampler", "options": {"n_startup": 1}},
            "unknown option of Optuna's 'TPESampler', 'n_startup'; did you mean 'n_startup_trials'",
        ),
        (
            "optuna",
            {"algorithm": "NSGAIISampler", "options": {"population_size": 1}},
            "Optuna's 'NSGAIISampler' does not take these options: `population_size` must",
        ),
        ("optuna", {"algorithm": lambda seed: seed}, "expected a function that makes an Optuna sampler, and it made 0"),
        ("optuna", {"algorithm": RandomSampler(), "options": {"a": 1}}, "options: they belong to a sampler that is"),
        (
            "optuna",
            {"algorithm": RandomSampler},
            r"got the class RandomSampler; give lambda seed: RandomSampler\(seed=se",
        ),
        ("screened", {"draws": 1}, "draws: expected 2 or more, got 1"),
        ("screened", {"start": 9}, "start: expected 10 or more, got 9"),
        ("screened", {"growth": 0}, "growth: expected a share above 0 and at most 10, got 0"),
        ("screened", {"judge": "surrogat"}, "unknown judge 'surrogat'; did you mean 'surrogate'"),
        ("screened", {"inner": {"seed": 1}}, "inner: expected a name, or a mapping with a name, got {'seed': 1}"),
        ("screened", {"inner": "nsga"}, "unknown search strategy 'nsga'; did you mean 'nsga3'|'nsga2'"),
        ("screened", {"inner": "screened"}, "inner: expected a strategy of this package that draws itself"),
        ("screened", {"regressor": "forest"}, "unknown regressor 'forest'"),
    ],
)
def test_settings_are_checked(name: str, settings: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        search_strategy(name, **settings)


@pytest.mark.parametrize(
    ("strategy", "message"),
    [
        (NSGA3(), "'nsga3' spreads a front of two objectives or more, and got only 'maximize ao'"),
        (RegularizedEvolution(weights={"ao": 1, "mac": 1}), "unknown objective in weights, 'mac'"),
        (Screened(judge="zero-cost"), "judge: 'zero-cost' is a configuration's word"),
    ],
)
def test_strategies_that_do_not_fit(tiny: Space, strategy: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        strategy.sampler(SearchProblem(space=tiny, objectives=parse_objectives("ao")))


def test_one_number_is_followed(tiny: Space) -> None:
    problem = SearchProblem(space=tiny, objectives=GOALS)
    with pytest.raises(InputError, match="follows one objective, and got 'maximize ao', 'minimize macs'; give one, or"):
        RegularizedEvolution().sampler(problem)
    with pytest.raises(InputError, match="weights: no weight for the objective 'macs'"):
        RegularizedEvolution(weights={"ao": 1}).sampler(problem)


@pytest.mark.parametrize(
    "algorithm",
    ["CmaEsSampler", CmaEsSampler(), lambda seed: CmaEsSampler(seed=seed)],
    ids=["name", "sampler", "function"],
)
def test_samplers_of_one_objective_are_refused_before_a_study_is_there(
    search: Callable[..., optuna.Study], tmp_path: Path, algorithm: Any
) -> None:
    with pytest.raises(InputError, match="'CmaEsSampler' cannot search this space for 2 objectives: If the study is"):
        search(OptunaAlgorithm(algorithm=algorithm), storage=tmp_path / "journal.log")
    assert not any(tmp_path.iterdir())
    assert len(completed_trials(search(OptunaAlgorithm(algorithm=algorithm), 3, parse_objectives("ao")))) == 3


def test_a_sampler_is_tried_out_on_a_copy(search: Callable[..., optuna.Study]) -> None:
    tried, fresh = (RandomSampler(seed=3) for _ in range(2))
    search(OptunaAlgorithm(algorithm=tried), n_trials=1)
    first = search(OptunaAlgorithm(algorithm=fresh), n_trials=2).trials[1].params
    assert search(OptunaAlgorithm(algorithm=tried), n_trials=1).trials[0].params == first


# Ranking ------------------------------------------------------------------------------------------------------------


@given(points)
def test_crowding_is_nsga2s(values: np.ndarray) -> None:
    values = np.unique(values, axis=0)
    values = values[non_dominated(values)]
    expected = np.zeros(len(values))
    for column in values.T:
        order = np.argsort(column, kind="stable")
        for place, index in enumerate(order):
            if place in (0, len(order) - 1):
                expected[index] = np.inf
            elif column.max() > column.min():
                expected[index] += (column[order[place + 1]] - column[order[place - 1]]) / (column.max() - column.min())
    np.testing.assert_allclose(crowding(values), expected)


@given(points, st.lists(st.sampled_from([0.0, 0.0, 0.5, 1.0]), min_size=30, max_size=30), st.integers(1, 30))
def test_the_running_front_is_the_front(values: np.ndarray, broken: list[float], step: int) -> None:
    directions = [optuna.study.StudyDirection.MAXIMIZE, optuna.study.StudyDirection.MINIMIZE]
    study: Any = SimpleNamespace(directions=directions)
    trials = [
        SimpleNamespace(number=number, values=[-one, other], constraints={"limit": broken[number], "kept": -1.0})
        for number, (one, other) in enumerate(values)
    ]
    front = RunningFront()
    for count in [*range(0, len(trials), step), len(trials)]:
        past: Any = SimpleNamespace(evaluated=trials[:count])
        front.read(study, past)
    violations = np.array(broken[: len(values)])
    expected = np.flatnonzero(violations == violations.min())
    if violations.min() == 0:
        expected = expected[non_dominated(values[expected])]
    assert sorted(trial.number for trial in front.trials) == list(expected)


@pytest.mark.parametrize("weights", [(1.0, 0.07), (0.5, 2.0)])
def test_a_product_reward_is_mnasnet_s(weights: tuple[float, float]) -> None:
    ao, macs = np.array([0.5, 0.6, 0.6, 0.0]), np.array([30e6, 60e6, 30e6, 20e6])
    found = reward(np.stack([-ao, macs], axis=1), np.array(weights), "product")
    np.testing.assert_allclose(found[:3], np.log(ao[:3] ** weights[0] * macs[:3] ** -weights[1]))
    assert found.argmin() == 3


def test_a_weighted_sum_counts_shares() -> None:
    values = np.array([[-0.2, 10.0], [-0.6, 30.0], [-0.4, 20.0]])
    np.testing.assert_allclose(reward(values, np.array([2.0, 1.0]), "sum"), [1.0, 2.0, 1.5])
    np.testing.assert_allclose(reward(values[:1], np.array([2.0, 1.0]), "sum"), [0.0])


# Strategies ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("population", "objectives"), [(48, 2), (48, 3), (6, 3), (2, 2), (10, 4)])
def test_reference_points_fit_the_population(population: int, objectives: int) -> None:
    divisions = most_divisions(population, objectives)
    count = comb(divisions + objectives - 1, objectives - 1)
    assert count <= population or divisions == 1
    assert comb(divisions + objectives, objectives - 1) > population


def test_lighttrack_crosses_stages_whole(tiny: Space, search: Any) -> None:
    groups = inherited_together(tiny)
    assert sorted(label for group in groups for label in group) == sorted(tiny.labels)
    for group in groups:
        assert len({label.partition("-block")[0] for label in group}) == 1
    assert max(map(len, groups)) > 1
    assert ("output",) in groups
    assert ("cls-layer1",) in groups
    study = search(LightTrack(population_size=8, parents=3, mutations=0), n_trials=16)
    records = completed_trials(study)
    first = [record.architecture.choices for record in records[:8]]
    for record in records[8:]:
        child = record.architecture.choices
        for group in groups:
            assert any(all(child[label] == parent[label] for label in group) for parent in first)


def test_lighttracks_parents_are_the_best_of_all_so_far(search: Any) -> None:
    study = search(LightTrack(population_size=8, parents=3), n_trials=24, objectives="ao")
    noted = study._storage.get_study_system_attrs(study._study_id)
    for generation in (1, 2):
        ids = next(value for key, value in noted.items() if key.endswith(f"parent:{generation}"))
        best = sorted(study.trials[: 8 * generation], key=lambda trial: -trial.value)[:3]
        assert set(ids) == {trial._trial_id for trial in best}


def test_half_a_generation_mutates(search: Any, tiny: Space) -> None:
    study = search(LightTrack(population_size=10, parents=2, mutation_probability=0.0), n_trials=20)
    genes = [{label: trial.params[label] for label in tiny.labels} for trial in study.trials]
    # Mutants without mutations are known, so that random networks take their places; crossed ones are of parents.
    from_first = [all(any(g[label] == f[label] for f in genes[:10]) for label in tiny.labels) for g in genes[10:]]
    assert all(from_first[5:])


def test_local_search_stays_around_the_front(search: Any, tiny: Space) -> None:
    records = completed_trials(search(LocalSearch(start=6), n_trials=30))
    for place, record in enumerate(records[6:], start=6):
        nearest = min(
            sum(a != b for a, b in zip(record.architecture.values, earlier.architecture.path().values, strict=True))
            for earlier in records[:place]
        )
        assert nearest == 1


def test_regularized_evolution_has_its_parents_among_the_youngest(search: Any) -> None:
    # With the youngest two alone and no mutation, every gene of a child is a parent's.
    study = search(
        RegularizedEvolution(population_size=4, sample_size=4, mutation_probability=0.15), n_trials=30, objectives="ao"
    )
    records = completed_trials(study)
    for place in range(4, 30):
        youngest = records[place - 4 : place]
        best = max(youngest, key=lambda record: record.measurements["ao"]).architecture
        shared = sum(a == b for a, b in zip(best.values, records[place].architecture.values, strict=True))
        assert shared >= 0.5 * len(best.values)


@pytest.mark.parametrize("name", ["RandomSampler", "NSGAIIISampler", "QMCSampler", "BruteForceSampler"])
def test_optunas_samplers_by_name(search: Any, name: str) -> None:
    study = search(OptunaAlgorithm(algorithm=name), n_trials=12)
    assert len({record.architecture.path() for record in completed_trials(study)}) == 12
    assert study.user_attrs["strategy"]["algorithm"] == name


def halton(seed: int) -> BaseSampler:
    return QMCSampler(qmc_type="halton", scramble=True, seed=seed, warn_independent_sampling=False)


@pytest.mark.filterwarnings("ignore::optuna.exceptions.ExperimentalWarning")
def test_optunas_samplers_from_python(search: Any) -> None:
    made = search(OptunaAlgorithm(algorithm=halton), n_trials=6)
    assert made.user_attrs["strategy"]["algorithm"].endswith("halton")
    given_ = search(OptunaAlgorithm(algorithm=RandomSampler(seed=3)), n_trials=6)
    assert given_.user_attrs["strategy"]["algorithm"] == "optuna.samplers._random.RandomSampler"
    assert len(completed_trials(given_)) == 6


# Screening ----------------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_surrogates_rank_what_they_were_not_fitted_to(tiny: Space, evaluator: Any) -> None:
    rng = np.random.default_rng(0)
    architectures = [tiny.sample(rng) for _ in range(160)]
    features = one_hot(tiny, architectures, "path")
    assert features.shape == (160, sum(map(len, tiny.labels.values())))
    assert (features.sum(axis=1) == len(tiny.labels)).all()
    values = np.array([evaluator.measure(architecture, ["ao"])["ao"] for architecture in architectures])
    for kind in ("random-forest", "gradient-boosting", "ridge"):
        fitted = fit_surrogate(features[:120], values[:120], kind, seed=0)
        again = fit_surrogate(features[:120], values[:120], kind, seed=0)
        held_out = fitted.predict(features[120:])
        assert (held_out == again.predict(features[120:])).all()
        assert fitted.tau == again.tau > 0.2
        assert np.corrcoef(held_out, values[120:])[0, 1] > 0.4
    shuffled = np.random.default_rng(1).permutation(values)
    assert abs(fit_surrogate(features, shuffled, "ridge", seed=0).tau) < 0.2
    assert np.isnan(fit_surrogate(features, np.ones(160), "ridge", seed=0).tau)


def test_promising_draws_add_hypervolume() -> None:
    evaluated = np.array([[0.0, 1.0], [0.5, 0.5], [1.0, 0.0], [1.0, 1.0]])
    predicted = np.array([[0.6, 0.6], [0.25, 0.25], [0.9, 0.9], [0.45, 0.45]])
    assert promising(predicted, evaluated[:3], evaluated) == [1, 3, 0, 2]
    one = np.array([[3.0], [1.0], [2.0]])
    assert promising(one, np.array([[0.0]]), np.array([[0.0], [4.0]])) == [1, 2, 0]


def test_screening_finds_better_networks_and_says_how_well_it_ranks(search: Any) -> None:
    plain = search(search_strategy("random"), n_trials=60, objectives="ao")
    told: list[str] = []
    screened = search(
        Screened(inner="random", start=20, draws=30, regressor="ridge"),
        n_trials=60,
        objectives="ao",
        progress=lambda done, total, text: told.append(text),
    )
    assert [t.params for t in plain.trials[:20]] == [t.params for t in screened.trials[:20]]
    values = [[trial.value for trial in study.trials[20:]] for study in (plain, screened)]
    assert np.mean(values[1]) > np.mean(values[0]) + 0.5 * np.std(values[0])
    noted = screened.user_attrs[SCREENING]
    assert [entry["trials"] for entry in noted] == [20, 25, 31, 38, 47, 58]
    assert all(-1 <= entry["tau"]["ao"] <= 1 for entry in noted)
    assert "tau" not in told[0]
    assert told[-1].endswith(f"tau ao {noted[-1]['tau']['ao']:.2f}")


def test_a_cheap_evaluator_judges(search: Any, make_evaluator: Any) -> None:
    class Proxy:
        measurements = ("proxy",)
        inherits_weights = False

        def costs(self, architecture: Any) -> dict[str, float]:
            return {}

        def measure(self, architecture: Any, names: Any) -> dict[str, float]:
            assert list(names) == ["proxy"]
            return {"proxy": make_evaluator().measure(architecture, ["ao"])["ao"]}

        def record(self) -> dict[str, Any]:
            return {"kind": "fake"}

    strategy = Screened(inner="random", draws=20, judge=Proxy())
    assert strategy_record(strategy)["judge"] == {"kind": "fake"}
    judged = search(strategy, n_trials=15, objectives="ao")
    plain = search(search_strategy("random"), n_trials=15, objectives="ao")
    assert SCREENING not in judged.user_attrs
    assert min(trial.value for trial in judged.trials[1:]) > np.mean([trial.value for trial in plain.trials])


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sklearn", None)
    with pytest.raises(InputError, match=r'scikit-learn, which is not installed: pip install "lighttrack-nas\[surr'):
        Screened()
