"""The sampler: Optuna's own tests of samplers, and what is added to it."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import optuna
import pytest
from optuna.samplers import BaseSampler
from optuna.testing.pytest_samplers import BasicSamplerTestCase, MultiObjectiveSamplerTestCase
from optuna.trial import TrialState

from lighttrack_nas.search_spaces.loading.loading import load_space
from lighttrack_nas.search_spaces.space import Architecture, Space
from lighttrack_nas.strategies.search.duplicates import REDRAWS
from lighttrack_nas.strategies.search.goals.objectives import parse_constraints
from lighttrack_nas.strategies.search.samplers.lighttrack import LightTrack
from lighttrack_nas.strategies.search.samplers.nsga2 import NSGA2
from lighttrack_nas.strategies.search.samplers.nsga3 import NSGA3
from lighttrack_nas.strategies.search.sampling import distributions
from lighttrack_nas.strategies.search.search_problem import SearchProblem, SearchStrategy
from lighttrack_nas.strategies.search.storage.trials import digest
from lighttrack_nas.trackers.base.errors import InputError


class TestOptunasOwn(BasicSamplerTestCase, MultiObjectiveSamplerTestCase):
    """`RelativeSamplerTestCase` asks for parameters other than an architecture's: ours, as NSGA-II's, does not fit."""

    @pytest.fixture
    def sampler(self, tiny: Space) -> Callable[[], BaseSampler]:
        return lambda: NSGA2(population_size=4).sampler(SearchProblem(space=tiny))


def ask_and_tell(
    study: optuna.Study, space: Space, count: int, values: Callable[[Architecture], list[float]]
) -> list[Architecture]:
    """Run trials as anybody would who has the sampler alone."""
    asked = []
    for _ in range(count):
        trial = study.ask(distributions(space))
        asked.append(space.architecture(trial.params))
        trial.set_user_attr("path", digest(asked[-1].path()))
        study.tell(trial, values(asked[-1]))
    return asked


@pytest.fixture
def values(evaluator: Any) -> Callable[[Architecture], list[float]]:
    return lambda a: [evaluator.measure(a, ["ao"])["ao"], evaluator.costs(a)["macs"]]


def make_study(sampler: BaseSampler) -> optuna.Study:
    return optuna.create_study(directions=["maximize", "minimize"], sampler=sampler)


def test_the_space_is_full_from_the_first_trial_on(tiny: Space) -> None:
    study = make_study(NSGA2().sampler(SearchProblem(space=tiny)))
    trial = study.ask()
    space = study.sampler.infer_relative_search_space(study, study.trials[0])
    assert {label: distribution.choices for label, distribution in space.items()} == dict(tiny.labels)
    assert study.ask(space).params.keys() == tiny.labels.keys()
    assert trial.params == {}


def test_labels_without_a_choice_are_none(tmp_path: Any) -> None:
    path = tmp_path / "narrow.yaml"
    path.write_text("extends: lighttrack-tiny\nname: narrow\noutputs: [stage3-block1]\n")
    space = load_space(path)
    assert "output" not in space.labels
    trial = make_study(NSGA2().sampler(SearchProblem(space=space))).ask(distributions(space))
    assert space.architecture(trial.params).space == space


def test_the_first_generation_is_uniform(tiny: Space) -> None:
    label, candidates = next(iter(tiny.labels.items()))
    counts = dict.fromkeys(candidates, 0)
    for seed in range(300):
        trial = make_study(NSGA2(seed=seed).sampler(SearchProblem(space=tiny))).ask()
        counts[trial.suggest_categorical(label, candidates)] += 1
    expected = 300 / len(candidates)
    assert all(abs(count - expected) < 5 * np.sqrt(expected) for count in counts.values()), counts


def test_a_proposal_is_a_function_of_seed_and_ended_trials(
    tiny: Space, values: Callable[[Architecture], list[float]]
) -> None:
    def sampler(seed: int = 5) -> BaseSampler:
        return NSGA2(population_size=6, seed=seed).sampler(SearchProblem(space=tiny))

    whole = ask_and_tell(make_study(sampler()), tiny, 30, values)
    study = make_study(sampler())
    parts = []
    for count in (3, 1, 10, 16):
        # A new process: nothing of the sampler's state is left.
        study.sampler = sampler()
        parts += ask_and_tell(study, tiny, count, values)
        # Trials that were lost on the way change nothing.
        study.tell(study.ask(distributions(tiny)), state=TrialState.FAIL)
    assert parts == whole
    assert ask_and_tell(make_study(sampler(6)), tiny, 30, values) != whole


def test_children_come_from_parents(tiny: Space, values: Callable[[Architecture], list[float]]) -> None:
    strategy = NSGA2(population_size=6, mutation_probability=0.0)
    study = make_study(strategy.sampler(SearchProblem(space=tiny)))
    first = ask_and_tell(study, tiny, 6, values)
    genes = {label: {a.choices[label] for a in first} for label in tiny.labels}
    for child in ask_and_tell(study, tiny, 12, values):
        assert all(child.choices[label] in genes[label] for label in tiny.labels)
    mutants = make_study(NSGA2(population_size=6, mutation_probability=1.0).sampler(SearchProblem(space=tiny)))
    ask_and_tell(mutants, tiny, 6, values)
    drawn = ask_and_tell(mutants, tiny, 6, values)
    assert any(child.choices[label] not in genes[label] for child in drawn for label in tiny.labels)


@pytest.mark.parametrize(
    "strategy", [NSGA2(population_size=6), NSGA3(population_size=6), LightTrack(population_size=6)]
)
def test_trials_of_other_parameters_are_nobodys_parents(
    strategy: SearchStrategy, tiny: Space, values: Callable[[Architecture], list[float]]
) -> None:
    study = make_study(strategy.sampler(SearchProblem(space=tiny)))
    ask_and_tell(study, tiny, 5, values)
    foreign = study.ask()
    foreign.suggest_float("learning_rate", 0.0, 1.0)
    study.tell(foreign, [1.0, 0.0])  # better than any
    assert len(set(ask_and_tell(study, tiny, 12, values))) == 12


def test_costs_are_redrawn_in_every_generation(
    tiny: Space, evaluator: Any, values: Callable[[Architecture], list[float]]
) -> None:
    rng = np.random.default_rng(0)
    macs = sorted(evaluator.costs(tiny.sample(rng))["macs"] for _ in range(200))
    bounds = parse_constraints(f"macs <= {macs[20]}")
    study = make_study(
        NSGA2(population_size=10).sampler(SearchProblem(space=tiny, costs=evaluator.costs, constraints=bounds))
    )
    asked = ask_and_tell(study, tiny, 40, values)
    assert all(evaluator.costs(a)["macs"] <= macs[20] for a in asked)
    assert len({a.path() for a in asked}) == 40


def test_bounds_that_nothing_keeps(tiny: Space, evaluator: Any) -> None:
    seen: list[float] = []

    def costs(architecture: Architecture) -> Mapping[str, float]:
        found = evaluator.costs(architecture)
        seen.append(found["macs"])
        return found

    bounds = parse_constraints("macs <= 1")
    study = make_study(NSGA2().sampler(SearchProblem(space=tiny, costs=costs, constraints=bounds)))
    trial = study.ask(distributions(tiny))
    assert len(seen) == REDRAWS
    assert evaluator.costs(tiny.architecture(trial.params))["macs"] == min(seen)


@pytest.mark.parametrize("known_by", ["path", "network"])
def test_a_space_that_is_used_up_gives_known_networks(
    tmp_path: Any, known_by: Any, values: Callable[[Architecture], list[float]]
) -> None:
    path = tmp_path / "small.yaml"
    path.write_text(
        "extends: lighttrack-tiny\nname: small\noutputs: [stage2-block0]\n"
        "stages:\n"
        "  - {name: stage0, channels: 16, blocks: 1, stride: 1, operations: [separable3]}\n"
        "  - {name: stage1, channels: 24, blocks: 1, stride: 2, operations: [k3e2, k5e4]}\n"
        "  - {name: stage2, channels: 40, blocks: 1, stride: 2, operations: [k3e2]}\n"
        "towers:\n"
        "  cls: {widths: [48], layers: [{operations: [k3]}, {operations: [k3, skip], repeat: 2}]}\n"
        "  reg: {widths: [48], layers: [{operations: [k3]}]}\n"
    )
    space = load_space(path)
    assert (space.size.labels, space.size.networks) == (8, 6)
    study = make_study(NSGA2(population_size=50).sampler(SearchProblem(space=space, known_by=known_by)))
    different = {"path": 8, "network": 6}[known_by]

    def key(architecture: Architecture) -> Architecture:
        return architecture.path() if known_by == "path" else architecture.canonical()

    asked = []
    for _ in range(12):
        trial = study.ask(distributions(space))
        asked.append(key(space.architecture(trial.params)))
        trial.set_user_attr(known_by, digest(asked[-1]))
        study.tell(trial, values(asked[-1]))
    assert len(set(asked[:different])) == len(set(asked)) == different


def test_settings_are_checked(tiny: Space, lighttrack: Space) -> None:
    with pytest.raises(InputError, match="population_size: expected 2 or more, got 1"):
        NSGA2(population_size=1)
    with pytest.raises(InputError, match="seed: expected 0 or more"):
        NSGA2(seed=-1)
    for name in ("crossover_probability", "swapping_probability", "mutation_probability"):
        with pytest.raises(InputError, match=f"{name}: expected a probability"):
            NSGA2(**{name: 1.5})
    foreign = lighttrack.sample(np.random.default_rng(0))
    with pytest.raises(InputError, match=re.escape("is of space 'lighttrack'")):
        NSGA2().sampler(SearchProblem(space=tiny, first=(foreign,)))
    assert NSGA2(seed=2**40).sampler(SearchProblem(space=tiny))


def test_the_global_generators_are_left_alone(tiny: Space, values: Callable[[Architecture], list[float]]) -> None:
    before = np.random.get_state()[1].copy()  # noqa: NPY002 - that it stays is the test
    ask_and_tell(make_study(NSGA2(population_size=3).sampler(SearchProblem(space=tiny))), tiny, 9, values)
    assert (np.random.get_state()[1] == before).all()  # noqa: NPY002 - the global state is what is compared
