"""Evolution in generations: Optuna keeps them and chooses the parents, a strategy says how a child is made."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any, Protocol, TypeVar, cast

import numpy as np
import optuna
from optuna.samplers import NSGAIIISampler, NSGAIISampler
from optuna.trial import FrozenTrial

from lighttrack_nas.search_spaces.space import Architecture, Space
from lighttrack_nas.strategies.search.sampling import Ask, distributions, uniform
from lighttrack_nas.trackers.base.errors import InputError

Selection = NSGAIISampler | NSGAIIISampler
"""Optuna's sampler, of which the book-keeping of generations and the selection are used; see `selection_of`."""
_MOST_RUNNING = 512
"""More trials of one generation than its population are those that ran when it was complete: two a worker at most."""
Kind = TypeVar("Kind", NSGAIISampler, NSGAIIISampler)


def selection_of(kind: type[Kind], name: str, space: Space) -> type[Kind]:
    """Make a class of Optuna's whose parents are architectures of a space: a study may hold other trials.

    What Optuna works out anew for every question is kept: the instances of one class look at one study at a time.

    Args:
        kind: Optuna's class.
        name: Of the new one. Optuna notes generations in the study under it, so that a resumed search needs the same.
        space: The space.
    """
    asked: list[tuple[FrozenTrial, int]] = []  # for one trial, which does not show what Optuna notes of it
    noted: list[tuple[optuna.Study, int, list[FrozenTrial]]] = []  # of one generation

    def select_parent(self: Kind, study: optuna.Study, generation: int) -> list[FrozenTrial]:
        selected = kind.select_parent(self, study, generation)
        return [trial for trial in selected if trial.params.keys() >= space.labels.keys()]

    def get_trial_generation(self: Kind, study: optuna.Study, trial: FrozenTrial) -> int:
        if not asked or asked[0][0] is not trial:
            asked[:] = [(trial, kind.get_trial_generation(self, study, trial))]
        return asked[0][1]

    def get_parent_population(self: Kind, study: optuna.Study, generation: int) -> list[FrozenTrial]:
        for of_study, of_generation, parents in noted:
            if of_study is study and of_generation == generation:
                return parents
        first = kind.get_parent_population(self, study, generation)
        # As Optuna gives them from now on, whether this call has noted them or found them noted.
        again = kind.get_parent_population(self, study, generation)
        noted[:] = [(study, generation, again)]  # the generations before it are not asked for again
        return first

    methods = {
        "select_parent": select_parent,
        "get_trial_generation": get_trial_generation,
        "get_parent_population": get_parent_population,
    }
    return type(name, (kind,), methods)


def _latest_only(ask: Ask, population: int) -> optuna.Study:
    """The study as if it held no more than its latest completed trials that are of a generation.

    Generations follow each other: of so many of the last trials, all are of the last generations.
    """
    latest = islice(filter(_has_generation, reversed(ask.past.complete)), 2 * population + _MOST_RUNNING)
    return cast(optuna.Study, _LatestOnly(ask.study, [*latest][::-1]))


class _LatestOnly:
    """A study that shows its latest trials where Optuna's samplers look through all of them, and is itself elsewhere.

    Should Optuna look by another name one day, it finds the study's own: slower, and just as right.
    """

    def __init__(self, study: optuna.Study, trials: list[FrozenTrial]) -> None:
        self._whole, self._shown = study, trials

    def _get_trials(self, **_: Any) -> list[FrozenTrial]:
        return self._shown

    def __getattr__(self, name: str) -> Any:
        return getattr(self._whole, name)


def _has_generation(trial: FrozenTrial) -> bool:
    """Whether Optuna noted a generation of it; trials that were added by hand have none."""
    return any("generation" in key for key in trial.system_attrs)


@dataclass(frozen=True)
class Family:
    """What a child is made of.

    Attributes:
        generation: The child's, from 1.
        parents: In the order of their numbers; at least one.
        elder: How many of the child's own generation are complete.
    """

    generation: int
    parents: list[FrozenTrial]
    elder: int


class Offspring(Protocol):
    """Makes children."""

    def __call__(self, ask: Ask, family: Family) -> Iterator[Architecture]:
        """Give children, one after the other."""
        ...


class Generations:
    """Draws uniformly in the first generation, and children of selected parents afterwards.

    Args:
        space: What to draw from.
        selection: Makes Optuna's sampler for a seed of 32 bits.
        offspring: Makes children.
        seed: Of the strategy.
    """

    def __init__(self, space: Space, selection: Callable[[int], Selection], offspring: Offspring, seed: int) -> None:
        self._space = space
        self._selection = selection
        self._book = selection(0)
        self._offspring = offspring
        self._seed = seed
        self._noted: tuple[optuna.Study, int, list[FrozenTrial]] | None = None

    def draws(self, ask: Ask) -> Iterator[Architecture]:
        """See `Proposer.draws`."""
        # Also where the draws are not wanted: trials that were asked for are of a generation.
        latest = _latest_only(ask, self._book.population_size or 0)
        generation = self._book.get_trial_generation(latest, ask.trial)
        parents = self._parents(ask.study, generation)
        if not parents:
            return uniform(self._space, ask.rng)
        elder = len(self._book.get_population(latest, generation))
        return self._offspring(ask, Family(generation, parents, elder))

    def _parents(self, study: optuna.Study, generation: int) -> list[FrozenTrial]:
        """The parents of a generation, in the order of their numbers.

        Optuna gives them in the order of its selection the first time, and in the study's when it has noted them:
        a search that was resumed in between would draw others.
        """
        if generation == 0:
            return []
        # Once noted they are the same for the whole generation.
        if self._noted is not None and self._noted[0] is study and self._noted[1] == generation:
            return self._noted[2]
        # A selection that draws lots does so anew for every generation, whoever opened the study in between.
        seed = int(np.random.default_rng([self._seed, generation]).integers(2**32))
        parents = self._selection(seed).get_parent_population(study, generation)
        self._noted = study, generation, sorted(parents, key=lambda parent: parent.number)
        return self._noted[2]


class OptunasChildren:
    """Children as Optuna's NSGA-II and NSGA-III make them: uniform crossover, then mutation.

    Args:
        space: What to draw from.
        selection: As of `Generations`; its crossover and mutation are used.
    """

    def __init__(self, space: Space, selection: Callable[[int], Selection]) -> None:
        self._space = space
        self._selection = selection
        self._distributions = distributions(space)

    def __call__(self, ask: Ask, family: Family) -> Iterator[Architecture]:
        """See `Offspring`."""
        sampler = self._selection(int(ask.rng.integers(2**32)))
        while True:
            try:
                inherited = sampler.sample_relative(ask.study, ask.trial, self._distributions)
            except KeyError as missing:
                raise InputError(
                    f"study '{ask.study.study_name}': a completed trial has no parameter {missing}: it is of another "
                    "space, or the storage is damaged"
                ) from None
            # Optuna leaves out what it mutates, to be drawn uniformly.
            drawn = dict(self._space.sample(ask.rng).choices) | inherited
            yield self._space.architecture(drawn)
