"""Multi-objective tree-structured Parzen estimators, by Optuna."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from optuna.samplers import TPESampler

from lighttrack_nas.search_spaces.space import Architecture
from lighttrack_nas.strategies.search.sampling import ArchitectureSampler, Ask, distributions, uniform
from lighttrack_nas.strategies.search.search_problem import SearchProblem
from lighttrack_nas.strategies.search.setting_checks import require_at_least
from lighttrack_nas.trackers.base.errors import InputError


@dataclass(frozen=True, kw_only=True)
class TPE:
    """The settings of the estimators (https://doi.org/10.1145/3377930.3389817).

    Limits on costs are kept before anything is evaluated; Optuna takes the others from the trials' constraints.

    Attributes:
        startup: Random networks before the first estimate; 2 or more.
        candidates: Draws of the good networks' density, of which the most promising is proposed; 1 or more.
        multivariate: One density of all choices, rather than one for each.
        redraws: Estimates for one proposal while its network is known or breaks a limit; then random ones follow. 1 or
            more.
        seed: 0 or more.
    """

    startup: int = 24
    candidates: int = 24
    multivariate: bool = True
    redraws: int = 10
    seed: int = 0

    def __post_init__(self) -> None:
        require_at_least(self, 2, "startup")
        require_at_least(self, 1, "candidates", "redraws")
        require_at_least(self, 0, "seed")
        if not isinstance(self.multivariate, bool):
            raise InputError(f"multivariate: expected true or false, got {self.multivariate!r}")

    def optuna_sampler(self, seed: int) -> TPESampler:
        """Make Optuna's own sampler with these settings.

        Args:
            seed: From 0 to 2**32 - 1, in place of the strategy's.
        """
        return TPESampler(
            n_startup_trials=self.startup,
            n_ei_candidates=self.candidates,
            multivariate=self.multivariate,
            # Running trials are nobody's past, and their networks are not proposed anyway.
            constant_liar=False,
            seed=seed,
        )

    def proposer(self, problem: SearchProblem) -> Estimates:
        """See `ProposingStrategy.proposer`."""
        return Estimates(self, problem)

    def sampler(self, problem: SearchProblem) -> ArchitectureSampler:
        """See `SearchStrategy.sampler`."""
        return ArchitectureSampler(self.proposer(problem), problem, self.seed)


class Estimates:
    """Draws by Optuna's sampler, made anew for every proposal."""

    def __init__(self, strategy: TPE, problem: SearchProblem) -> None:
        self._strategy = strategy
        self._space = problem.space
        self._distributions = distributions(problem.space)

    def draws(self, ask: Ask) -> Iterator[Architecture]:
        """See `Proposer.draws`."""
        if len(ask.past.evaluated) < self._strategy.startup:
            yield from uniform(self._space, ask.rng)
        sampler = self._strategy.optuna_sampler(int(ask.rng.integers(2**32)))
        for _ in range(self._strategy.redraws):
            if self._strategy.multivariate:
                chosen = sampler.sample_relative(ask.study, ask.trial, self._distributions)
            else:
                chosen = {
                    label: sampler.sample_independent(ask.study, ask.trial, label, distribution)
                    for label, distribution in self._distributions.items()
                }
            yield self._space.architecture(chosen)
