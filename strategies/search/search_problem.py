"""What a search strategy is told of the search that it shall make proposals for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from optuna.samplers import BaseSampler

from lighttrack_nas.search_spaces.space import Architecture, Space
from lighttrack_nas.strategies.search.goals.objectives import Constraint, Objective
from lighttrack_nas.strategies.search.storage.trials import Key
from lighttrack_nas.trackers.base.errors import InputError

Costs = Callable[[Architecture], Mapping[str, float]]


@dataclass(frozen=True, kw_only=True)
class SearchProblem:
    """A search, as a strategy sees it.

    Attributes:
        space: What to draw from.
        objectives: What to make large or small.
        constraints: What to keep to. Those on measurements that `costs` does not give are left to the selection.
        costs: Gives an architecture's costs in microseconds to milliseconds; None to draw without looking at costs.
        known_by: The trials' user attribute by which a network is known: "path" or "network".
        first: Architectures to propose before any other, whatever they cost.
        trials: Completed trials that are wanted; None where nobody knows.
        worker: Which of the processes that share the study asks, from 0. Two of them never draw from one stream.

    Raises:
        InputError: One of `first` is of another space.
    """

    space: Space
    objectives: tuple[Objective, ...] = ()
    constraints: tuple[Constraint, ...] = ()
    costs: Costs | None = None
    known_by: Key = "path"
    first: tuple[Architecture, ...] = ()
    trials: int | None = None
    worker: int = 0

    def __post_init__(self) -> None:
        for architecture in self.first:
            self.space.require(architecture)
        if self.worker < 0:
            raise InputError(f"worker: expected 0 or more, got {self.worker}")


class SearchStrategy(Protocol):
    """A way of searching: a frozen dataclass of settings, which a study keeps as its record.

    `lighttrack_nas.strategies.search.search_registry` knows them by name.
    """

    @property
    def seed(self) -> int:
        """0 or more: proposals are a function of it and of the trials that have ended."""

    def sampler(self, problem: SearchProblem) -> BaseSampler:
        """Make the sampler of a search.

        Raises:
            InputError: The strategy does not fit the problem, such as one of a single objective that is given two.
        """
        ...


def require_budget(strategy: Any, trials: int | None) -> None:
    """Check that the population of a strategy that has one, or of the strategy inside, fits into the trials.

    For whoever starts a search with all of its trials. Samplers do not check: a search may go on in small steps.

    Args:
        strategy: With or without a `population_size`.
        trials: Completed trials that are wanted; None where nobody knows.

    Raises:
        InputError: It does not: what comes after the first generation would never be tried.
    """
    population = getattr(getattr(strategy, "inner", strategy), "population_size", None)
    if trials is not None and population is not None and trials < population:
        raise InputError(
            f"{trials} trials are fewer than the population_size of {population}, so that all would be random; give "
            f"{population} trials or more, or a smaller population"
        )
