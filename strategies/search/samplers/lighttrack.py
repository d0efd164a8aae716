"""LightTrack's own evolution, for several objectives.

Its search was never released; the recipe is the paper's. The ten best networks of all so far are kept, and half of a
generation is made by mutating one of them, half by crossing two: stage by stage in the backbone, layer by layer in the
heads. "Best" is NSGA-II's ranking here, so that one objective gives the original and several give a front.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from optuna.samplers import NSGAIISampler

from lighttrack_nas.search_spaces.space import Architecture, Space
from lighttrack_nas.strategies.search.duplicates import REDRAWS
from lighttrack_nas.strategies.search.samplers.generations import Family, Generations, selection_of
from lighttrack_nas.strategies.search.sampling import ArchitectureSampler, Ask
from lighttrack_nas.strategies.search.search_problem import SearchProblem
from lighttrack_nas.strategies.search.setting_checks import require_at_least, require_probabilities
from lighttrack_nas.trackers.base.errors import InputError


@dataclass(frozen=True, kw_only=True)
class LightTrack:
    """The settings of the evolution, in the order of LightTrack's (https://arxiv.org/abs/2104.14545, section 4).

    Attributes:
        population_size: Networks of a generation; 2 or more.
        parents: Networks that have children: the best of all so far; 2 or more.
        mutations: Of a generation, how many are mutants; the others are crossed. None means half.
        mutation_probability: How often a choice of a mutant is drawn anew.
        seed: 0 or more.
    """

    population_size: int = 48
    parents: int = 10
    mutations: int | None = None
    mutation_probability: float = 0.1
    seed: int = 0

    def __post_init__(self) -> None:
        require_at_least(self, 2, "population_size", "parents")
        require_at_least(self, 0, "mutations", "seed")
        require_probabilities(self, "mutation_probability")
        if (self.mutations or 0) > self.population_size:
            raise InputError(
                f"mutations: expected at most the population_size of {self.population_size}, got {self.mutations}"
            )

    def proposer(self, problem: SearchProblem) -> Generations:
        """See `ProposingStrategy.proposer`."""
        mutations = self.population_size // 2 if self.mutations is None else self.mutations
        children = _Children(problem.space, mutations, self.mutation_probability)
        kind = selection_of(NSGAIISampler, "_BestSoFar", problem.space)

        def selection(seed: int) -> NSGAIISampler:
            # A selection keeps as many as it was made for; a generation has as many members as is said afterwards.
            best_so_far = kind(population_size=self.parents)
            best_so_far.population_size = self.population_size
            return best_so_far

        return Generations(problem.space, selection, children, self.seed)

    def sampler(self, problem: SearchProblem) -> ArchitectureSampler:
        """See `SearchStrategy.sampler`."""
        return ArchitectureSampler(self.proposer(problem), problem, self.seed)


class _Children:
    def __init__(self, space: Space, mutations: int, probability: float) -> None:
        self._space = space
        self._mutations = mutations
        self._probability = probability
        self._groups = inherited_together(space)

    def __call__(self, ask: Ask, family: Family) -> Iterator[Architecture]:
        parents = [parent.params for parent in family.parents]
        # Parents that are too alike have no new children: random networks fill up then, as in the original.
        for _ in range(REDRAWS // 2):
            if family.elder < self._mutations:
                yield self._mutant(parents, ask.rng)
            else:
                yield self._crossed(parents, ask.rng)

    def _mutant(self, parents: list[dict[str, Any]], rng: np.random.Generator) -> Architecture:
        chosen = parents[rng.integers(len(parents))]
        drawn = self._space.sample(rng).choices
        mutated = rng.random(len(self._space.labels)) < self._probability
        return self._space.architecture(
            {
                label: drawn[label] if new else chosen[label]
                for label, new in zip(self._space.labels, mutated, strict=True)
            }
        )

    def _crossed(self, parents: list[dict[str, Any]], rng: np.random.Generator) -> Architecture:
        pair = rng.permutation(len(parents))[:2]
        child: dict[str, str] = {}
        for labels in self._groups:
            source: Mapping[str, str] = parents[pair[rng.integers(len(pair))]]
            child |= {label: source[label] for label in labels}
        return self._space.architecture(child)


def inherited_together(space: Space) -> list[tuple[str, ...]]:
    """Labels that a crossed child takes from one parent: a stage of the backbone, the output, a layer of a head.

    Of a space without stages, each alone.
    """
    if not space.is_declared:
        return [(label,) for label in space.labels]
    stages = {stage.name for stage in space.description.stages}
    groups: dict[str, list[str]] = {}
    for label in space.labels:
        start = label.partition("-")[0]
        groups.setdefault(start if start in stages else label.removesuffix("-width"), []).append(label)
    return [tuple(labels) for labels in groups.values()]
