"""Local search: what differs in one choice from the networks on the front."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from lighttrack_nas.search_spaces.neighbours import one_choice_away
from lighttrack_nas.search_spaces.space import Architecture
from lighttrack_nas.strategies.search.earlier_trials import key_of
from lighttrack_nas.strategies.search.ranking import RunningFront, crowding
from lighttrack_nas.strategies.search.sampling import ArchitectureSampler, Ask, uniform
from lighttrack_nas.strategies.search.search_problem import SearchProblem
from lighttrack_nas.strategies.search.setting_checks import require_at_least


@dataclass(frozen=True, kw_only=True)
class LocalSearch:
    """Evaluates the neighbours of the front that nobody has seen (as in https://arxiv.org/abs/2004.08996).

    The network on the front whose neighbours are least known comes first; of several, the one that stands most alone.
    Random networks follow where all neighbours are known.

    Attributes:
        start: Random networks at the beginning; 1 or more.
        seed: 0 or more.
    """

    start: int = 24
    seed: int = 0

    def __post_init__(self) -> None:
        require_at_least(self, 1, "start")
        require_at_least(self, 0, "seed")

    def proposer(self, problem: SearchProblem) -> Neighbours:
        """See `ProposingStrategy.proposer`."""
        return Neighbours(self.start, problem)

    def sampler(self, problem: SearchProblem) -> ArchitectureSampler:
        """See `SearchStrategy.sampler`."""
        return ArchitectureSampler(self.proposer(problem), problem, self.seed)


class Neighbours:
    """Draws from around the front."""

    def __init__(self, start: int, problem: SearchProblem) -> None:
        self._start = start
        self._problem = problem
        self._front = RunningFront()
        self._around: dict[tuple[str, ...], list[tuple[Architecture, str]]] = {}

    def draws(self, ask: Ask) -> Iterator[Architecture]:
        """See `Proposer.draws`."""
        if len(ask.past.evaluated) < self._start:
            yield from uniform(self._problem.space, ask.rng)
        self._front.read(ask.study, ask.past)
        met = ask.past.known | ask.past.failed
        members = {ask.past.architecture(trial).path(): index for index, trial in enumerate(self._front.trials)}
        alone = crowding(self._front.losses)
        ranked = []
        for member, index in members.items():
            around = self._neighbours(member)
            unseen = [neighbour for neighbour, key in around if key not in met]
            ranked.append((len(around) - len(unseen), -alone[index], self._front.trials[index].number, unseen))
        for *_, unseen in sorted(ranked, key=lambda entry: entry[:3]):
            for place in ask.rng.permutation(len(unseen)):
                yield unseen[place]

    def _neighbours(self, member: Architecture) -> list[tuple[Architecture, str]]:
        """The different networks around one, each with the key by which it is known."""
        if member.values not in self._around:
            by_key = {key_of(neighbour, self._problem.known_by): neighbour for neighbour in one_choice_away(member)}
            by_key.pop(key_of(member, self._problem.known_by), None)
            self._around[member.values] = [(neighbour, key) for key, neighbour in by_key.items()]
        return self._around[member.values]
