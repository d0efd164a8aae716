"""The sampler that all strategies share: what is proposed, whoever draws.

A strategy says how an architecture is drawn (`Proposer`). What holds for every draw is here:

- Architectures that were asked for come first.
- A draw is repeated while its costs break a constraint or its network is known: neither is worth an evaluation. Known
  are also the networks that other processes evaluate at the moment.
- A proposal is a function of the seed, the worker and the trials that have ended. Optuna's own samplers go through one
  stream of random numbers, and repeat it from the start when a study is opened again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any, Protocol

import numpy as np
import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution
from optuna.samplers import BaseSampler, RandomSampler
from optuna.trial import FrozenTrial

from lighttrack_nas.search_spaces.space import Architecture, Space
from lighttrack_nas.strategies.search.duplicates import Badness, badness_of, best_draw
from lighttrack_nas.strategies.search.earlier_trials import Past, key_of
from lighttrack_nas.strategies.search.search_problem import SearchProblem


@dataclass(frozen=True)
class Ask:
    """One question for an architecture.

    Attributes:
        study: Whose trial is asked for.
        trial: The trial, running and without parameters yet.
        past: What is known of the other trials.
        rng: The only source of chance.
        badness: Tells what speaks against evaluating an architecture; `GOOD` where nothing does.
    """

    study: optuna.Study
    trial: FrozenTrial
    past: Past
    rng: np.random.Generator
    badness: Callable[[Architecture], Badness]


class Proposer(Protocol):
    """How a strategy draws. It may remember what it worked out from ended trials, and nothing else."""

    def draws(self, ask: Ask) -> Iterator[Architecture]:
        """Give draws, the preferred ones first; the first that is `GOOD` is proposed.

        It is called for every trial, and looked into only as far as needed. Where the draws end before one is good,
        uniform ones follow.
        """
        ...


class ProposingStrategy(Protocol):
    """A search strategy whose draws others can use too; all of this folder are."""

    @property
    def seed(self) -> int:
        """As of `SearchStrategy`."""

    def proposer(self, problem: SearchProblem) -> Proposer:
        """Make what draws in a search.

        Raises:
            InputError: The strategy does not fit the problem.
        """
        ...


class ArchitectureSampler(BaseSampler):
    """Optuna's view of a strategy; `SearchStrategy.sampler` makes it.

    Args:
        proposer: Draws.
        problem: The search.
        seed: Of the strategy; 0 or more.
    """

    def __init__(self, proposer: Proposer, problem: SearchProblem, seed: int) -> None:
        self._proposer = proposer
        self._problem = problem
        self._seed = seed
        self._past = Past(problem.space, problem.known_by)
        self._first = {key_of(architecture, "path"): architecture for architecture in problem.first}
        self._distributions = distributions(problem.space)
        # For parameters that are no choices of the space, which only other people's studies have.
        self._others = RandomSampler(seed=seed % 2**32)

    def infer_relative_search_space(self, study: optuna.Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        """Give every choice of the space, from the first trial on."""
        return self._distributions

    def sample_relative(
        self, study: optuna.Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """Propose an architecture: the choice for every label."""
        past = self._past
        past.read(study)
        worker = (self._problem.worker,) if self._problem.worker else ()
        rng = np.random.default_rng([self._seed, len(past.complete), *worker])
        badness = badness_of(self._problem, past)
        draws = self._proposer.draws(Ask(study, trial, past, rng, badness))
        wishes = [wish for path, wish in self._first.items() if path not in past.paths]
        if wishes:
            # Workers that begin together begin with different ones.
            proposal = wishes[self._problem.worker % len(wishes)]
        else:
            proposal = best_draw(then_uniform(draws, self._problem.space, rng), badness)
        return {label: value for label, value in proposal.choices.items() if label in search_space}

    def sample_independent(
        self, study: optuna.Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution
    ) -> Any:
        """Draw a parameter that is no choice of the space."""
        return self._others.sample_independent(study, trial, param_name, param_distribution)

    def reseed_rng(self) -> None:
        """Let parameters that are no choices of the space differ between threads."""
        self._others.reseed_rng()

    @property
    def note(self) -> str:
        """A few words of the strategy on how it does, for the progress; mostly none."""
        return str(getattr(self._proposer, "note", ""))


def then_uniform(draws: Iterator[Architecture], space: Space, rng: np.random.Generator) -> Iterator[Architecture]:
    """Give the draws, and uniform ones after their end."""
    yield from draws
    yield from uniform(space, rng)


def uniform(space: Space, rng: np.random.Generator, count: int | None = None) -> Iterator[Architecture]:
    """Draw uniformly from a space, for ever or so many times."""
    endless = iter(lambda: space.sample(rng), None)
    return endless if count is None else islice(endless, count)


def distributions(space: Space) -> dict[str, BaseDistribution]:
    """The space as Optuna sees it: a categorical for every choice, under the choice's label.

    The space is fixed: choices that have a say only where others are made so are drawn in every trial, and the trial
    says which of them have none (`trials.WITHOUT_SAY`).
    """
    return {label: CategoricalDistribution(values) for label, values in space.labels.items()}
