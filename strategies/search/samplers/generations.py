"""Evolution in generations: Optuna keeps them and chooses the parents, a strategy says how a child is made."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from optuna.samplers import NSGAIIISampler, NSGAIISampler
from optuna.trial import FrozenTrial

from lighttrack_nas.search_spaces.space import Architecture, Space
from lighttrack_nas.strategies.search.sampling import Ask, distributions, uniform

Selection = NSGAIISampler | NSGAIIISampler
"""Optuna's sampler, of which the book-keeping of generations and the selection are used."""


@dataclass(frozen=True)
class Family:
    """What a child is made of.

    Attributes:
        parents: In the order of their numbers; at least one.
        elder: Completed trials of the child's own generation.
    """

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

    def draws(self, ask: Ask) -> Iterator[Architecture]:
        """See `Proposer.draws`."""
        # Also where the draws are not wanted: trials that were asked for are of a generation.
        generation = self._book.get_trial_generation(ask.study, ask.trial)
        parents = self._parents(ask, generation)
        if not parents:
            return uniform(self._space, ask.rng)
        return self._offspring(ask, Family(parents, self._elder(ask, generation)))

    def _parents(self, ask: Ask, generation: int) -> list[FrozenTrial]:
        """The parents of a generation, in the order of their numbers.

        Optuna gives them in the order of its selection the first time, and in the study's when it has noted them:
        a search that was resumed in between would draw others.
        """
        if generation == 0:
            return []
        # A selection that draws lots does so anew for every generation, whoever opened the study in between.
        seed = int(np.random.default_rng([self._seed, generation]).integers(2**32))
        parents = self._selection(seed).get_parent_population(ask.study, generation)
        # A study may hold trials of other parameters, which are nobody's parents.
        fitting = [parent for parent in parents if parent.params.keys() >= self._space.labels.keys()]
        return sorted(fitting, key=lambda parent: parent.number)

    def _elder(self, ask: Ask, generation: int) -> int:
        key = self._book._get_generation_key()
        return sum(trial.system_attrs.get(key) == generation for trial in ask.past.complete)


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
        # Optuna has no public call for its crossover and mutation alone; a sampler of its own brings its own stream.
        generate: Callable[..., Mapping[str, Any]] = self._selection(
            int(ask.rng.integers(2**32))
        )._child_generation_strategy
        while True:
            inherited = generate(ask.study, self._distributions, family.parents)
            # Optuna leaves out what it mutates, to be drawn uniformly.
            drawn = dict(self._space.sample(ask.rng).choices) | dict(inherited)
            yield self._space.architecture(drawn)
