"""Screening: of several draws of another strategy, the one that promises most is evaluated.

What promises is a surrogate fitted on what was evaluated so far, or a cheap evaluator, such as a zero-cost proxy.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, get_args

import numpy as np
import optuna

from lighttrack_nas.search_spaces.space import Architecture
from lighttrack_nas.strategies.search.duplicates import GOOD, REDRAWS
from lighttrack_nas.strategies.search.goals.evaluator import Evaluator
from lighttrack_nas.strategies.search.goals.hypervolume import hypervolume
from lighttrack_nas.strategies.search.ranking import RunningFront, losses
from lighttrack_nas.strategies.search.samplers.surrogate import (
    FOLDS,
    Regressor,
    Surrogate,
    fit_surrogate,
    one_hot,
    require_sklearn,
)
from lighttrack_nas.strategies.search.sampling import (
    ArchitectureSampler,
    Ask,
    Proposer,
    ProposingStrategy,
    then_uniform,
)
from lighttrack_nas.strategies.search.search_problem import SearchProblem
from lighttrack_nas.strategies.search.setting_checks import require_at_least
from lighttrack_nas.trackers.base.errors import InputError
from lighttrack_nas.trackers.base.names import checked_name

SCREENING = "screening"
"""User attribute of a study: for every fit of the surrogate, the trials it saw and Kendall's tau by objective."""


ZERO_COST = "zero-cost"
"""The judge that configurations name; whoever reads them makes it, as it needs torch."""


@dataclass(frozen=True, kw_only=True)
class Screened:
    """Another strategy, whose draws are screened.

    Objectives that the search's costs give are known exactly; the others are predicted. Of the draws that are new and
    within the bounds, the one that adds most hypervolume to the front is evaluated.

    Attributes:
        inner: The strategy that draws: its name, a mapping of `name` and settings, or a strategy. Its seed is this
            one's unless given.
        draws: How many are compared; 2 or more.
        judge: "surrogate", "zero-cost" (a configuration's; from Python a `ZeroCostEvaluator`), or from Python any
            evaluator: it gives the objectives that it measures, and its "proxy" stands for the others.
        regressor: The surrogate's: "random-forest", "gradient-boosting" or "ridge".
        start: Evaluated networks before the first fit of a surrogate; 10 or more.
        growth: By what share these grow before it is fitted again.
        seed: 0 or more.
    """

    inner: ProposingStrategy | str | Mapping[str, Any] = "nsga2"
    draws: int = 10
    judge: Evaluator | str = "surrogate"
    regressor: Regressor = "random-forest"
    start: int = 48
    growth: float = 0.25
    seed: int = 0

    def __post_init__(self) -> None:
        from lighttrack_nas.strategies.search.search_registry import named_strategy

        require_at_least(self, 0, "seed")
        require_at_least(self, 2, "draws")
        require_at_least(self, 2 * FOLDS, "start")
        checked_name(self.regressor, get_args(Regressor), "regressor")
        if not isinstance(self.growth, (int, float)) or not 0 < self.growth <= 10:
            raise InputError(f"growth: expected a share above 0 and at most 10, got {self.growth}")
        if isinstance(self.judge, str):
            checked_name(self.judge, ("surrogate", ZERO_COST), "judge", "or from Python an evaluator")
        if self.judge == "surrogate":
            require_sklearn()
        inner: Any = self.inner
        if isinstance(inner, (str, Mapping)):
            inner = named_strategy(inner, where="inner", seed=self.seed)
        if not hasattr(inner, "proposer") or isinstance(inner, Screened):
            raise InputError(f"inner: expected a strategy of this package that draws itself, got {inner!r}")
        object.__setattr__(self, "inner", inner)

    @property
    def drawing(self) -> ProposingStrategy:
        """The strategy that draws."""
        assert not isinstance(self.inner, (str, Mapping))
        return self.inner

    def proposer(self, problem: SearchProblem) -> Screen:
        """See `ProposingStrategy.proposer`."""
        if self.judge == ZERO_COST:
            raise InputError("judge: 'zero-cost' is a configuration's word; from Python give a ZeroCostEvaluator")
        return Screen(self, self.drawing.proposer(problem), problem)

    def sampler(self, problem: SearchProblem) -> ArchitectureSampler:
        """See `SearchStrategy.sampler`."""
        return ArchitectureSampler(self.proposer(problem), problem, self.seed)


class Screen:
    """Draws of another, the most promising first."""

    def __init__(self, strategy: Screened, inner: Proposer, problem: SearchProblem) -> None:
        self._strategy = strategy
        self._inner = inner
        self._problem = problem
        self._front = RunningFront()
        self._study: optuna.Study | None = None
        self._size = 0
        self._surrogates: dict[int, Surrogate] = {}

    @property
    def note(self) -> str:
        """How well the surrogate ranks, once there is one."""
        names = self._names()
        return ", ".join(f"tau {names[place]} {fitted.tau:.2f}" for place, fitted in self._surrogates.items())

    def draws(self, ask: Ask) -> Iterator[Architecture]:
        """See `Proposer.draws`."""
        drawn = self._inner.draws(ask)
        if isinstance(self._strategy.judge, str) and not self._fitted(ask):
            return drawn
        return self._screened(ask, drawn)

    def _screened(self, ask: Ask, drawn: Iterator[Architecture]) -> Iterator[Architecture]:
        seen: list[Architecture] = []
        good: dict[tuple[str, ...], Architecture] = {}
        for candidate in islice(then_uniform(drawn, self._problem.space, ask.rng), REDRAWS):
            seen.append(candidate)
            if ask.badness(candidate) == GOOD:
                good.setdefault(candidate.path().values, candidate)
            if len(good) == self._strategy.draws:
                break
        candidates = list(good.values())
        if len(candidates) > 1:
            self._front.read(ask.study, ask.past)
            everything = losses(ask.study, ask.past.evaluated)
            candidates = [
                candidates[place]
                for place in promising(self._predicted(ask, candidates), self._front.losses, everything)
            ]
        yield from candidates
        yield from seen

    def _names(self) -> list[str]:
        return [objective.name for objective in self._problem.objectives]

    def _predicted(self, ask: Ask, candidates: Sequence[Architecture]) -> np.ndarray:
        """The objectives of candidates, small is good."""
        judge = self._strategy.judge
        columns: list[Sequence[float]] = []
        costs = [self._problem.costs(candidate) if self._problem.costs else {} for candidate in candidates]
        features = one_hot(self._problem.space, candidates, self._problem.known_by)
        for place, objective in enumerate(self._problem.objectives):
            if objective.name in costs[0]:
                columns.append([objective.sign * cost[objective.name] for cost in costs])
            elif isinstance(judge, str):
                columns.append(list(objective.sign * self._surrogates[place].predict(features)))
            else:
                name = objective.name if objective.name in judge.measurements else "proxy"
                sign = objective.sign if name == objective.name else -1.0
                columns.append([sign * float(judge.measure(candidate, [name])[name]) for candidate in candidates])
        return np.array(columns).T

    def _fitted(self, ask: Ask) -> bool:
        """Fit the surrogates if enough was evaluated since the last fit; say whether there are any.

        What they are fitted on is a function of how many trials were evaluated, so that a resumed search has the same.
        """
        if ask.study is not self._study:
            self._study, self._size, self._surrogates = ask.study, 0, {}
        size = self._training_size(len(ask.past.evaluated))
        if not self._problem.objectives or size == 0:
            return False
        if size != self._size:
            trials = ask.past.evaluated[:size]
            architectures = [ask.past.architecture(trial) for trial in trials]
            features = one_hot(self._problem.space, architectures, self._problem.known_by)
            given = self._problem.costs(architectures[0]) if self._problem.costs else {}
            seed = int(np.random.default_rng([self._strategy.seed, size]).integers(2**32))
            self._surrogates = {
                place: fit_surrogate(
                    features, np.array([trial.values[place] for trial in trials]), self._strategy.regressor, seed
                )
                for place, objective in enumerate(self._problem.objectives)
                if objective.name not in given
            }
            self._size = size
            self._note_down(ask.study, size)
        return True

    def _training_size(self, evaluated: int) -> int:
        size = self._strategy.start
        if evaluated < size:
            return 0
        while (larger := max(size + 1, int(size * (1 + self._strategy.growth)))) <= evaluated:
            size = larger
        return size

    def _note_down(self, study: optuna.Study, size: int) -> None:
        noted = list(study.user_attrs.get(SCREENING, ()))
        if all(entry["trials"] < size for entry in noted):
            names = self._names()
            taus = {
                names[place]: None if np.isnan(fitted.tau) else fitted.tau for place, fitted in self._surrogates.items()
            }
            study.set_user_attr(SCREENING, [*noted, {"trials": size, "tau": taus}])


def promising(predicted: np.ndarray, front: np.ndarray, evaluated: np.ndarray) -> list[int]:
    """Order candidates by what they promise to add to a front.

    By the hypervolume that each alone would add; where that is the same, by the sum of the objectives. Objectives count
    as shares of the range of what was evaluated, and up to a tenth beyond its worst.

    Args:
        predicted: (candidates, objectives) Small is good.
        front: (points, objectives) Of the evaluated, the best.
        evaluated: (trials, objectives) All of them.

    Returns:
        Places of the candidates, the most promising first.
    """
    everything = np.vstack([evaluated, predicted])
    least = everything.min(axis=0)
    extent = np.ptp(everything, axis=0)
    extent = np.where(extent > 0, extent, 1.0)
    points = (predicted - least) / extent
    known = (front.reshape(-1, predicted.shape[1]) - least) / extent
    reference = np.full(predicted.shape[1], 1.1)
    before = hypervolume(known, reference)
    gains = [hypervolume(np.vstack([known, point]), reference) - before for point in points]
    return sorted(range(len(points)), key=lambda place: (-gains[place], float(points[place].sum()), place))
