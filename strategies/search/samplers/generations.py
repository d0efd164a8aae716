"""Evolution in generations: Optuna keeps them and chooses the parents, a strategy says how a child is made."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol, TypeVar

import numpy as np
import optuna
from optuna.samplers import NSGAIIISampler, NSGAIISampler
from optuna.trial import FrozenTrial

from lighttrack_nas.search_spaces.space import Architecture, Space
from lighttrack_nas.strategies.search.sampling import Ask, distributions, uniform

Selection = NSGAIISampler | NSGAIIISampler
"""Optuna's sampler, of which the book-keeping of generations and the selection are used; see `selection_of`."""
Kind = TypeVar("Kind", NSGAIISampler, NSGAIIISampler)


def selection_of(kind: type[Kind], name: str, space: Space) -> type[Kind]:
    """Make a class of Optuna's whose parents are architectures of a space: a study may hold other trials.

    Args:
        kind: Optuna's class.
        name: Of the new one. Optuna notes generations in the study under it, so that a resumed search needs the same.
        space: The space.
    """

    def select_parent(self: Kind, study: optuna.Study, generation: int) -> list[FrozenTrial]:
        selected = kind.select_parent(self, study, generation)
        return [trial for trial in selected if trial.params.keys() >= space.labels.keys()]

    return type(name, (kind,), {"select_parent": select_parent})


@dataclass(frozen=True)
class Family:
    """What a child is made of.

    Attributes:
        generation: The child's, from 1.
        parents: In the order of their numbers; at least one.
        book: Knows who is of which generation.
    """

    generation: int
    parents: list[FrozenTrial]
    book: Selection

    def elder(self, study: optuna.Study) -> int:
        """Count the completed trials of the child's own generation."""
        return len(self.book.get_population(study, self.generation))


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
        generation = self._book.get_trial_generation(ask.study, ask.trial)
        parents = self._parents(ask.study, generation)
        if not parents:
            return uniform(self._space, ask.rng)
        return self._offspring(ask, Family(generation, parents, self._book))

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
        # As it is now: its generation is noted with it.
        trial = ask.study.get_trials(deepcopy=False)[ask.trial.number]
        while True:
            inherited = sampler.sample_relative(ask.study, trial, self._distributions)
            # Optuna leaves out what it mutates, to be drawn uniformly.
            drawn = dict(self._space.sample(ask.rng).choices) | inherited
            yield self._space.architecture(drawn)
