"""NSGA-II over the choices of a space: Optuna selects the parents, crosses and mutates."""

from __future__ import annotations

from dataclasses import dataclass

from optuna.samplers import NSGAIISampler

from lighttrack_nas.strategies.search.samplers.generations import Generations, OptunasChildren, selection_of
from lighttrack_nas.strategies.search.sampling import ArchitectureSampler
from lighttrack_nas.strategies.search.search_problem import SearchProblem
from lighttrack_nas.strategies.search.setting_checks import require_at_least, require_probabilities


@dataclass(frozen=True, kw_only=True)
class NSGA2:
    """The settings of the evolution (https://doi.org/10.1109/4235.996017).

    Attributes:
        population_size: Networks of a generation, and parents that survive it; 2 or more. 48 as in LightTrack's search.
        crossover_probability: How often a child has two parents; otherwise it starts as a copy of one.
        swapping_probability: How often a choice of a child of two comes from the second.
        mutation_probability: How often a choice is drawn anew; None means once a child on average.
        seed: 0 or more.
    """

    population_size: int = 48
    crossover_probability: float = 0.9
    swapping_probability: float = 0.5
    mutation_probability: float | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        require_at_least(self, 2, "population_size")
        require_at_least(self, 0, "seed")
        require_probabilities(self, "crossover_probability", "swapping_probability", "mutation_probability")

    def optuna_sampler(self, seed: int, kind: type[NSGAIISampler] = NSGAIISampler) -> NSGAIISampler:
        """Make Optuna's own sampler with these settings.

        Args:
            seed: From 0 to 2**32 - 1, in place of the strategy's.
            kind: Its class.
        """
        return kind(
            population_size=self.population_size,
            crossover_prob=self.crossover_probability,
            swapping_prob=self.swapping_probability,
            mutation_prob=self.mutation_probability,
            seed=seed,
        )

    def proposer(self, problem: SearchProblem) -> Generations:
        """See `ProposingStrategy.proposer`."""
        kind = selection_of(NSGAIISampler, "ArchitectureSampler", problem.space)

        def selection(seed: int) -> NSGAIISampler:
            return self.optuna_sampler(seed, kind)

        return Generations(problem.space, selection, OptunasChildren(problem.space, selection), self.seed)

    def sampler(self, problem: SearchProblem) -> ArchitectureSampler:
        """See `SearchStrategy.sampler`."""
        return ArchitectureSampler(self.proposer(problem), problem, self.seed)
