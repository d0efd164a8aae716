"""Generations and parents as Optuna's own sampler finds them, which looks through all trials every time."""

import gc
import weakref
from types import SimpleNamespace
from typing import Any

import numpy as np
import optuna
import pytest
from optuna.distributions import BaseDistribution, CategoricalDistribution
from optuna.samplers import NSGAIISampler
from optuna.trial import TrialState, create_trial

from lighttrack_nas.search_spaces.space import Space
from lighttrack_nas.strategies.search.samplers import generations
from lighttrack_nas.strategies.search.samplers.generations import selection_of

LABELS = {"depth": ("1", "2", "3")}
DISTRIBUTIONS: dict[str, BaseDistribution] = {
    label: CategoricalDistribution(candidates) for label, candidates in LABELS.items()
}


@pytest.fixture(scope="module")
def space() -> Any:
    return SimpleNamespace(labels=LABELS)


def samplers(space: Space, population: int, count: int) -> list[NSGAIISampler]:
    kind = selection_of(NSGAIISampler, "Sampler", space)
    return [kind(population_size=population, seed=seed) for seed in range(count)]


def optunas(population: int) -> NSGAIISampler:
    return type("Sampler", (NSGAIISampler,), {})(population_size=population, seed=0)


class Unwritten:
    """A study to which nothing is written."""

    def __init__(self, study: optuna.Study) -> None:
        self._study, self._storage = study, SimpleNamespace(set_trial_system_attr=lambda *_: None)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._study, name)


@pytest.mark.parametrize("seed", range(12))
def test_generations_are_optunas_own(space: Space, seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    # Up to eight trials run at once; some fail, were added by hand or enqueued, or are of another sampler; and the
    # search is stopped and resumed.
    monkeypatch.setattr(generations, "_MOST_RUNNING", 16)
    rng = np.random.default_rng(seed)
    population, most_running = int(rng.integers(2, 6)), 1 + seed % 8
    study = optuna.create_study(directions=["maximize", "minimize"])
    ours, theirs = samplers(space, population, 2), optunas(population)
    running: list[optuna.Trial] = []

    def asked() -> optuna.Trial:
        trial = study.ask(DISTRIBUTIONS)
        frozen = study._storage.get_trial(trial._trial_id)
        sampler = ours[int(rng.integers(2))]
        expected = theirs.get_trial_generation(Unwritten(study), frozen)
        generation = sampler.get_trial_generation(study, frozen)
        assert generation == expected
        found, stock = (each.get_parent_population(study, generation) for each in (sampler, theirs))
        assert {parent.number for parent in found} == {parent.number for parent in stock}
        return trial

    for _ in range(200):
        event = rng.random()
        by_hand: dict[str, Any] = {
            "params": {"depth": "1"},
            "distributions": DISTRIBUTIONS,
            "values": rng.random(2).tolist(),
        }
        if event < 0.03:
            study.add_trial(create_trial(**by_hand))
        elif event < 0.05:
            study.add_trial(create_trial(**by_hand, system_attrs={"Other:generation": 99}))
        elif event < 0.08:
            study.enqueue_trial({"depth": "2"})
        elif event < 0.1:
            ours = samplers(space, population, 2)
        elif len(running) < most_running and event < 0.6:
            running.append(asked())
        elif running:
            trial = running.pop(int(rng.integers(len(running))))
            if rng.random() < 0.8:
                study.tell(trial, rng.random(2).tolist())
            else:
                study.tell(trial, state=TrialState.FAIL)


def test_a_study_whose_parents_are_kept_is_not_collected(space: Space) -> None:
    # Another study might lie where it lay, and be taken for it.
    (sampler,) = samplers(space, 2, 1)
    study = optuna.create_study(directions=["maximize", "minimize"])
    for value in (0.0, 1.0):
        trial = study.ask(DISTRIBUTIONS)
        study._storage.set_trial_system_attr(trial._trial_id, "Sampler:generation", 0)
        study.tell(trial, [value, 0.0])
    first, again = (sampler.get_parent_population(study, 1) for _ in range(2))
    assert [parent.number for parent in again] == sorted(parent.number for parent in first)
    known = weakref.ref(study)
    del study, trial
    gc.collect()
    assert known() is not None
