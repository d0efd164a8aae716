"""NNI's regularized evolution, asked for one architecture at a time.

NNI's class submits models to an engine and waits. Its draws need neither: they are a function of the population, which
is the last trials that have ended, and of a stream of random numbers. So for every proposal one is made, told the
population, and asked to draw.
"""

from __future__ import annotations

import logging
import math
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
import optuna
from optuna.trial import FrozenTrial

from lighttrack_nas.search_spaces.space import Architecture, Space
from lighttrack_nas.strategies.search.duplicates import REDRAWS
from lighttrack_nas.strategies.search.ranking import losses, violation
from lighttrack_nas.strategies.search.sampling import ArchitectureSampler, Ask
from lighttrack_nas.strategies.search.search_problem import SearchProblem
from lighttrack_nas.strategies.search.setting_checks import require_at_least, require_probabilities
from lighttrack_nas.trackers.base.errors import InputError
from lighttrack_nas.trackers.base.names import checked_name

Reward = Literal["product", "sum"]


@dataclass(frozen=True, kw_only=True)
class RegularizedEvolution:
    """Aging evolution (Real et al., https://arxiv.org/abs/1802.01548), by `nni.nas.strategy.RegularizedEvolution`.

    It follows one number. With one objective that is the objective; several become one by `weights`:

    - "product": each objective to the power of its weight, multiplied (those to be small with a negative power):
      MnasNet's reward (https://arxiv.org/abs/1807.11626), with {ao: 1, macs: 0.07} as there.
    - "sum": each objective times its weight, added, where 0 is the worst and 1 the best that was evaluated.

    A network that breaks a constraint is worse than all that keep them.

    Attributes:
        population_size: Youngest networks, among which parents are sought; 1 or more.
        sample_size: Of these, how many a parent must beat; from 1 to `population_size`. None means a quarter, as in the
            paper.
        mutation_probability: How often a choice is drawn anew.
        crossover: Whether a child has two parents.
        weights: Of every objective, above 0; None with one objective.
        reward: How several objectives become one.
        seed: 0 or more.
    """

    population_size: int = 48
    sample_size: int | None = None
    mutation_probability: float = 0.05
    crossover: bool = False
    weights: Mapping[str, float] | None = None
    reward: Reward = "product"
    seed: int = 0

    def __post_init__(self) -> None:
        require_at_least(self, 1, "population_size", "sample_size")
        require_at_least(self, 0, "seed")
        require_probabilities(self, "mutation_probability")
        checked_name(self.reward, get_args(Reward), "reward")
        if not isinstance(self.crossover, bool):
            raise InputError(f"crossover: expected true or false, got {self.crossover!r}")
        if (self.sample_size or 0) > self.population_size:
            raise InputError(
                f"sample_size: expected at most the population_size of {self.population_size}, got {self.sample_size}"
            )
        if self.weights is not None and not isinstance(self.weights, Mapping):
            raise InputError(f"weights: expected a number for each objective by its name, got {self.weights!r}")
        for name, weight in (self.weights or {}).items():
            if isinstance(weight, bool) or not isinstance(weight, (int, float)) or not 0 < weight < math.inf:
                raise InputError(f"weights: expected a number above 0 for '{name}', got {weight!r}")

    def proposer(self, problem: SearchProblem) -> Aging:
        """See `ProposingStrategy.proposer`."""
        return Aging(self, problem.space, self._ordered_weights(problem))

    def sampler(self, problem: SearchProblem) -> ArchitectureSampler:
        """See `SearchStrategy.sampler`."""
        return ArchitectureSampler(self.proposer(problem), problem, self.seed)

    def _ordered_weights(self, problem: SearchProblem) -> tuple[float, ...]:
        names = [objective.name for objective in problem.objectives]
        if self.weights is None:
            if len(names) > 1:
                raise InputError(
                    "search strategy 'regularized-evolution' follows one objective, and got "
                    + ", ".join(f"'{objective}'" for objective in problem.objectives)
                    + "; give one, or weights such as {ao: 1, macs: 0.07}"
                )
            return (1.0,)
        for name in self.weights:
            checked_name(name, names, "objective in weights,")
        missing = [name for name in names if name not in self.weights]
        if missing:
            raise InputError(f"weights: no weight for the objective '{missing[0]}'")
        return tuple(float(self.weights[name]) for name in names)


class Aging:
    """Draws by NNI's class, made anew for every proposal."""

    def __init__(self, strategy: RegularizedEvolution, space: Space, weights: tuple[float, ...]) -> None:
        self._strategy = strategy
        self._space = space
        self._weights = weights
        self._nni_space = _nni_space(space)

    def draws(self, ask: Ask) -> Iterator[Architecture]:
        """See `Proposer.draws`."""
        draw = self._draw(ask)
        # Where all that mutation reaches is known, random networks follow.
        for _ in range(REDRAWS // 2):
            with _quiet():
                sample = draw()
            yield self._space.architecture(sample)

    def _draw(self, ask: Ask) -> Callable[[], Mapping[str, str]]:
        with _quiet():
            from nni.nas.strategy.evolution import Individual
            from nni.nas.strategy.evolution import RegularizedEvolution as NnisEvolution
        size = self._strategy.population_size
        evolution = NnisEvolution(
            population_size=size,
            sample_size=self._strategy.sample_size or max(1, size // 4),
            mutation_prob=self._strategy.mutation_probability,
            crossover=self._strategy.crossover,
            # Which networks are known is said by the study.
            dedup=False,
        )
        evolution.initialize(self._nni_space, _Engine())
        evaluated = ask.past.evaluated
        evolution.load_state_dict(
            {
                "population": [
                    Individual(dict(ask.past.architecture(trial).choices), fitness)
                    for trial, fitness in zip(evaluated[-size:], self._fitness(ask.study, evaluated), strict=True)
                ],
                "individual_counter": len(evaluated),
                "random_state": np.random.RandomState(int(ask.rng.integers(2**32))).get_state(),
            }
        )
        return evolution.random if len(evaluated) < size else evolution.new_individual

    def _fitness(self, study: optuna.Study, evaluated: Sequence[FrozenTrial]) -> list[tuple[float, float]]:
        """What is compared, of the youngest: first the constraints, then the reward."""
        values = losses(study, evaluated)
        youngest = slice(-self._strategy.population_size, None)
        if values.shape[1] != len(self._weights):
            raise InputError(f"the study has {values.shape[1]} objectives, and there are {len(self._weights)} weights")
        if len(self._weights) == 1:
            rewards = -values[youngest, 0]
        else:
            rewards = reward(values, np.array(self._weights), self._strategy.reward)[youngest]
        return [(-violation(trial), float(value)) for trial, value in zip(evaluated[youngest], rewards, strict=True)]


def reward(values: np.ndarray, weights: np.ndarray, kind: Reward) -> np.ndarray:
    """Make one number of several objectives; large is good.

    Args:
        values: (trials, objectives) Small is good: those to be large are negative.
        weights: (objectives,) Above 0.
        kind: See `RegularizedEvolution`.

    Returns:
        (trials,) Of "product" the logarithm, which has the same order.
    """
    if kind == "product":
        # Also a 0 has the sign of its direction. It is as bad or good as can be; its logarithm must stay a number.
        return np.where(np.signbit(values), 1.0, -1.0) * np.log(np.maximum(np.abs(values), 1e-12)) @ weights
    worst, best = values.max(axis=0, initial=-np.inf), values.min(axis=0, initial=np.inf)
    return (worst - values) / np.where(worst > best, worst - best, 1.0) @ weights


class _Engine:
    """What NNI's class registers itself with; nothing is ever submitted."""

    def register_model_event_callback(self, *_: Any) -> None:
        pass


def _nni_space(space: Space) -> Any:
    """The space as NNI's mutables: without any network, which its models would carry."""
    with _quiet():
        from nni.mutable import Categorical, MutableDict
    return MutableDict({label: Categorical(list(values), label=label) for label, values in space.labels.items()})


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep back what NNI says of torch while it is imported, and of every draw."""
    logger = logging.getLogger("nni.nas.strategy.evolution")
    disabled, logger.disabled = logger.disabled, True
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.disabled = disabled
