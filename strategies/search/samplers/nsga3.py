"""NSGA-III over the choices of a space: as NSGA-II, with survivors spread along reference directions."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from math import comb

from optuna.exceptions import ExperimentalWarning
from optuna.samplers import NSGAIIISampler

from lighttrack_nas.strategies.search.samplers.generations import Generations, OptunasChildren, selection_of
from lighttrack_nas.strategies.search.sampling import ArchitectureSampler
from lighttrack_nas.strategies.search.search_problem import SearchProblem
from lighttrack_nas.strategies.search.setting_checks import require_at_least, require_probabilities
from lighttrack_nas.trackers.base.errors import InputError


@dataclass(frozen=True, kw_only=True)
class NSGA3:
    """The settings of the evolution (https://doi.org/10.1109/TEVC.2013.2281535). For two objectives or more.

    Attributes:
        population_size: Networks of a generation, and parents that survive it; 2 or more.
        divisions: Reference points along an edge of the plane of objectives, less one; None: as many as the population
            has members for, as the paper advises.
        crossover_probability: How often a child has two parents; otherwise it starts as a copy of one.
        swapping_probability: How often a choice of a child of two comes from the second.
        mutation_probability: How often a choice is drawn anew; None means once a child on average.
        seed: 0 or more.
    """

    population_size: int = 48
    divisions: int | None = None
    crossover_probability: float = 0.9
    swapping_probability: float = 0.5
    mutation_probability: float | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        require_at_least(self, 2, "population_size")
        require_at_least(self, 1, "divisions")
        require_at_least(self, 0, "seed")
        require_probabilities(self, "crossover_probability", "swapping_probability", "mutation_probability")

    def optuna_sampler(
        self, seed: int, objectives: int = 2, kind: type[NSGAIIISampler] = NSGAIIISampler
    ) -> NSGAIIISampler:
        """Make Optuna's own sampler with these settings.

        Args:
            seed: From 0 to 2**32 - 1, in place of the strategy's.
            objectives: Of the study; what None for `divisions` means depends on it.
            kind: Its class.
        """
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ExperimentalWarning)
            return kind(
                population_size=self.population_size,
                dividing_parameter=self.divisions or most_divisions(self.population_size, objectives),
                crossover_prob=self.crossover_probability,
                swapping_prob=self.swapping_probability,
                mutation_prob=self.mutation_probability,
                seed=seed,
            )

    def proposer(self, problem: SearchProblem) -> Generations:
        """See `ProposingStrategy.proposer`."""
        count = len(problem.objectives) or 2
        if count == 1:
            raise InputError(
                f"search strategy 'nsga3' spreads a front of two objectives or more, and got only "
                f"'{problem.objectives[0]}'; take 'nsga2' for one"
            )

        kind = selection_of(NSGAIIISampler, "NSGAIIISampler", problem.space)

        def selection(seed: int) -> NSGAIIISampler:
            return self.optuna_sampler(seed, count, kind)

        return Generations(problem.space, selection, OptunasChildren(problem.space, selection), self.seed)

    def sampler(self, problem: SearchProblem) -> ArchitectureSampler:
        """See `SearchStrategy.sampler`."""
        return ArchitectureSampler(self.proposer(problem), problem, self.seed)


def most_divisions(population_size: int, objectives: int) -> int:
    """The finest division of the plane of objectives with no more points than a population has members; 1 or more.

    Example:
        >>> most_divisions(48, 2), most_divisions(48, 3)
        (47, 8)
    """
    divisions = 1
    while comb(divisions + objectives, objectives - 1) <= population_size:
        divisions += 1
    return divisions
