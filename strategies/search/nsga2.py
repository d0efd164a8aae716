"""NSGA-II over the choices of a space: Optuna's sampler, with draws that cost nothing to refuse refused.

Optuna selects the parents, crosses and mutates (`optuna.samplers.NSGAIISampler`). What is added:

- The first generation is drawn uniformly from the space.
- A draw is repeated while its costs break a constraint or its network is known: neither is worth an evaluation.
- A proposal is a function of the seed and of the trials that have ended. Optuna's own sampler goes through one stream
  of random numbers, and repeats it from the start when a study is opened again.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution
from optuna.samplers import NSGAIISampler
from optuna.trial import FrozenTrial, TrialState

from lighttrack_nas.search_spaces.architecture import Architecture
from lighttrack_nas.search_spaces.space import Space
from lighttrack_nas.strategies.search.objectives import total_violation
from lighttrack_nas.strategies.search.problem import SearchProblem
from lighttrack_nas.strategies.search.trials import FAILURE, digest
from lighttrack_nas.trackers.errors import InputError

REDRAWS = 200
"""Draws for one proposal, after which the least bad of them is taken."""


@dataclass(frozen=True, kw_only=True)
class NSGA2:
    """The settings of the evolution.

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
        if self.population_size < 2:
            raise InputError(f"population_size: expected 2 or more, got {self.population_size}")
        if self.seed < 0:
            raise InputError(f"seed: expected 0 or more, got {self.seed}")
        for name in ("crossover_probability", "swapping_probability", "mutation_probability"):
            value = getattr(self, name)
            if value is not None and not 0 <= value <= 1:
                raise InputError(f"{name}: expected a probability from 0 to 1, got {value}")

    def optuna_sampler(self, seed: int) -> NSGAIISampler:
        """Make Optuna's own sampler with these settings.

        Args:
            seed: From 0 to 2**32 - 1, in place of the strategy's.
        """
        return NSGAIISampler(
            population_size=self.population_size,
            crossover_prob=self.crossover_probability,
            swapping_prob=self.swapping_probability,
            mutation_prob=self.mutation_probability,
            seed=seed,
        )

    def sampler(self, problem: SearchProblem) -> ArchitectureSampler:
        """See `SearchStrategy.sampler`."""
        return ArchitectureSampler(self, problem)


class ArchitectureSampler(NSGAIISampler):
    """Optuna's sampler for architectures; `NSGA2.sampler` makes it.

    For one trial at a time: two that are asked for between the same ended trials are the same. Optuna keeps the
    generations under this class's name in the study, so another name would not find those of older studies.
    """

    def __init__(self, strategy: NSGA2, problem: SearchProblem) -> None:
        super().__init__(population_size=strategy.population_size, seed=strategy.seed % 2**32)
        self._strategy = strategy
        self._problem = problem
        self._first = {digest(architecture.path()): architecture for architecture in problem.first}
        self._distributions = distributions(problem.space)

    def infer_relative_search_space(self, study: optuna.Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        """Give every choice of the space, from the first trial on."""
        return self._distributions

    def sample_relative(
        self, study: optuna.Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """Propose an architecture: the choice for every label."""
        ended = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE, TrialState.FAIL))
        complete = [other for other in ended if other.state == TrialState.COMPLETE]
        failed = [other for other in ended if other.state == TrialState.FAIL and FAILURE in other.user_attrs]
        generation = self.get_trial_generation(study, trial)
        proposal = self._next_of_first(complete + failed)
        if proposal is None:
            rng = np.random.default_rng([self._strategy.seed, len(complete)])
            parents = self._parents(study, generation)
            draw = self._child(study, parents, rng) if parents else lambda: self._problem.space.sample(rng)
            proposal = self._best_draw(draw, self._keys(complete), self._keys(failed))
        return {label: value for label, value in proposal.choices.items() if label in search_space}

    def _parents(self, study: optuna.Study, generation: int) -> list[FrozenTrial]:
        """The parents of a generation, in the order of their numbers.

        Optuna gives them in the order of its selection the first time, and in the study's when it has noted them:
        a search that was resumed in between would draw others.
        """
        parents = self.get_parent_population(study, generation)
        # A study may hold trials of other parameters, which are nobody's parents.
        fitting = [parent for parent in parents if parent.params.keys() >= self._distributions.keys()]
        return sorted(fitting, key=lambda parent: parent.number)

    def _next_of_first(self, ended: Sequence[FrozenTrial]) -> Architecture | None:
        done = {trial.user_attrs.get("path") for trial in ended}
        return next((architecture for path, architecture in self._first.items() if path not in done), None)

    def _keys(self, trials: Sequence[FrozenTrial]) -> set[str]:
        return {
            trial.user_attrs[self._problem.known_by] for trial in trials if self._problem.known_by in trial.user_attrs
        }

    def _child(
        self, study: optuna.Study, parents: list[FrozenTrial], rng: np.random.Generator
    ) -> Callable[[], Architecture]:
        # Optuna has no public call for its crossover and mutation alone; a sampler of its own brings its own stream.
        generate = self._strategy.optuna_sampler(int(rng.integers(2**32)))._child_generation_strategy

        def child() -> Architecture:
            inherited = generate(study, self._distributions, parents)
            # Optuna leaves out what it mutates, to be drawn uniformly.
            return self._problem.space.architecture(dict(self._problem.space.sample(rng).choices) | inherited)

        return child

    def _best_draw(self, draw: Callable[[], Architecture], known: set[str], failed: set[str]) -> Architecture:
        """Draw until a network is new and within the bounds; otherwise give the least bad of the draws.

        A network that cannot be measured is worst. A known one within the bounds costs nothing, which is better than
        one that breaks them; among those, the new ones come first, and the least violating of them.
        """
        best, best_badness = None, (True, True, True, float("inf"))
        for _ in range(REDRAWS):
            candidate = draw()
            key = digest(candidate.path() if self._problem.known_by == "path" else candidate.canonical())
            violation = (
                total_violation(self._problem.constraints, self._problem.costs(candidate))
                if self._problem.costs
                else 0.0
            )
            badness = (key in failed, violation > 0, key in known, violation)
            if best is None or badness < best_badness:
                best, best_badness = candidate, badness
            if not any(badness):
                break
        assert best is not None
        return best


def distributions(space: Space) -> dict[str, BaseDistribution]:
    """The space as Optuna sees it: a categorical for every choice, under the choice's label."""
    return {label: CategoricalDistribution(values) for label, values in space.labels.items()}
