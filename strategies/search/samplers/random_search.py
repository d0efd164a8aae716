"""Random search: what every other strategy must beat."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from lighttrack_nas.search_spaces.space import Architecture, Space
from lighttrack_nas.strategies.search.sampling import ArchitectureSampler, Ask, uniform
from lighttrack_nas.strategies.search.search_problem import SearchProblem
from lighttrack_nas.strategies.search.setting_checks import require_at_least


@dataclass(frozen=True, kw_only=True)
class RandomSearch:
    """Every candidate of every choice is equally likely, among those networks that keep the bounds and are new.

    Attributes:
        seed: 0 or more.
    """

    seed: int = 0

    def __post_init__(self) -> None:
        require_at_least(self, 0, "seed")

    def proposer(self, problem: SearchProblem) -> Uniform:
        """See `ProposingStrategy.proposer`."""
        return Uniform(problem.space)

    def sampler(self, problem: SearchProblem) -> ArchitectureSampler:
        """See `SearchStrategy.sampler`."""
        return ArchitectureSampler(self.proposer(problem), problem, self.seed)


@dataclass(frozen=True)
class Uniform:
    """Draws uniformly."""

    space: Space

    def draws(self, ask: Ask) -> Iterator[Architecture]:
        """See `Proposer.draws`."""
        return uniform(self.space, ask.rng)
