"""Any of Optuna's samplers, or one that follows its interface."""

from __future__ import annotations

import copy
import inspect
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Literal, cast

import optuna
from optuna.exceptions import ExperimentalWarning
from optuna.samplers import BaseSampler
from optuna.trial import FrozenTrial

from lighttrack_nas.search_spaces.space import Architecture
from lighttrack_nas.strategies.search.sampling import ArchitectureSampler, Ask, distributions
from lighttrack_nas.strategies.search.search_problem import SearchProblem
from lighttrack_nas.strategies.search.setting_checks import require_at_least
from lighttrack_nas.strategies.search.storage.storage import quiet_optuna
from lighttrack_nas.trackers.base.errors import InputError
from lighttrack_nas.trackers.base.names import checked_name


@dataclass(frozen=True, kw_only=True)
class OptunaAlgorithm:
    """A sampler that makes the draws; bounds, known networks and resuming are taken care of.

    A sampler by name or from a factory is made anew for every proposal, with a seed that depends on the trials that
    have ended, so that a resumed search goes on as an undisturbed one. An instance is used as it is: its stream of
    random numbers starts again when a search is resumed. `BaseSampler.after_trial` is not called.

    Attributes:
        algorithm: A name in `optuna.samplers`, such as "TPESampler"; from Python also a function that makes a sampler
            for a seed from 0 to 2**32 - 1, or a sampler.
        options: Arguments of a named sampler, without its seed.
        redraws: Draws for one proposal while its network is known or breaks a limit; then random ones follow. 1 or
            more.
        seed: 0 or more.
    """

    algorithm: str | Callable[[int], BaseSampler] | BaseSampler
    options: Mapping[str, Any] = field(default_factory=dict)
    redraws: int = 10
    seed: int = 0

    def __post_init__(self) -> None:
        require_at_least(self, 1, "redraws")
        require_at_least(self, 0, "seed")
        if not isinstance(self.options, Mapping):
            raise InputError(f"options: expected arguments by name, got {self.options!r}")
        if self.options and not isinstance(self.algorithm, str):
            raise InputError("options: they belong to a sampler that is named; a function or a sampler has its own")
        if isinstance(self.algorithm, type) and issubclass(self.algorithm, BaseSampler):
            name = self.algorithm.__name__
            raise InputError(
                f"algorithm: expected a name, a sampler, or a function that makes one for a seed, and got the class "
                f"{name}; give lambda seed: {name}(seed=seed)"
            )
        self.make(0)

    def make(self, seed: int) -> BaseSampler:
        """Make the sampler, or give the one there is.

        Args:
            seed: From 0 to 2**32 - 1.

        Raises:
            InputError: No such sampler, or it does not take the options.
        """
        if isinstance(self.algorithm, BaseSampler):
            return self.algorithm
        with _experiments_allowed():
            made = self._named(self.algorithm, seed) if isinstance(self.algorithm, str) else self.algorithm(seed)
        if not isinstance(made, BaseSampler):
            raise InputError(f"algorithm: expected a function that makes an Optuna sampler, and it made {made!r}")
        return made

    def proposer(self, problem: SearchProblem) -> OptunasDraws:
        """See `ProposingStrategy.proposer`.

        Raises:
            InputError: The sampler cannot draw for such a study, as one of a single objective that is given two.
        """
        draws = OptunasDraws(self, problem)
        draws.try_out([objective.direction for objective in problem.objectives])
        return draws

    def sampler(self, problem: SearchProblem) -> ArchitectureSampler:
        """See `SearchStrategy.sampler`; raises what `proposer` raises."""
        return ArchitectureSampler(self.proposer(problem), problem, self.seed)

    def _named(self, name: str, seed: int) -> BaseSampler:
        sampler_class = getattr(optuna.samplers, checked_name(name, _names(), "sampler of Optuna"))
        taken = inspect.signature(sampler_class).parameters
        if "seed" in self.options:
            raise InputError(f"options of '{name}': the seed is the strategy's own setting")
        for option in self.options:
            checked_name(option, [key for key in taken if key != "seed"], f"option of Optuna's '{name}',")
        seeded = {"seed": seed} if "seed" in taken else {}
        try:
            return cast(BaseSampler, sampler_class(**self.options, **seeded))
        except (TypeError, ValueError) as error:
            raise InputError(f"Optuna's '{name}' does not take these options: {str(error).splitlines()[0]}") from None
        except ImportError as error:
            raise InputError(
                f"Optuna's '{name}' needs a package that is missing: {str(error).splitlines()[0]}"
            ) from None


class OptunasDraws:
    """Draws by a sampler of the user."""

    def __init__(self, strategy: OptunaAlgorithm, problem: SearchProblem) -> None:
        self._strategy = strategy
        self._space = problem.space
        self._distributions = distributions(problem.space)

    def try_out(self, directions: Sequence[Literal["minimize", "maximize"]]) -> None:
        """Let the sampler draw once for a study of its own, which nobody keeps.

        Raises:
            InputError: It cannot.
        """
        try:
            # The first draw of a sampler that is used as it is belongs to the search.
            sampler = copy.deepcopy(self._strategy.make(0))
        except TypeError:
            return  # it holds what cannot be copied
        with quiet_optuna(optuna.logging.ERROR):
            study = optuna.create_study(directions=directions or ["minimize"])
        trial = _as_it_is(study, study.ask().number)
        try:
            with _experiments_allowed():
                self._draw(sampler, study, trial)
        except (
            ValueError,
            TypeError,
            NotImplementedError,
        ) as error:  # how samplers refuse spaces and objectives
            raise InputError(
                f"Optuna's '{type(sampler).__name__}' cannot search this space for {len(directions)} "
                f"objective{'' if len(directions) == 1 else 's'}: {str(error).splitlines()[0]}"
            ) from None

    def draws(self, ask: Ask) -> Iterator[Architecture]:
        """See `Proposer.draws`."""
        sampler = self._strategy.make(int(ask.rng.integers(2**32)))
        for _ in range(self._strategy.redraws):
            with _experiments_allowed():
                yield self._space.architecture(self._draw(sampler, ask.study, ask.trial))

    def _draw(self, sampler: BaseSampler, study: optuna.Study, asked: FrozenTrial) -> dict[str, Any]:
        """Ask the sampler as a trial of Optuna does."""
        sampler.before_trial(study, asked)
        # What the sampler noted with the trial is to be seen by it, and one choice after the other.
        trial = copy.copy(_as_it_is(study, asked.number))
        inferred = sampler.infer_relative_search_space(study, trial)
        known = {label: inferred[label] for label in inferred if label in self._distributions}
        chosen = sampler.sample_relative(study, trial, known)
        for label, distribution in self._distributions.items():
            if label not in chosen:
                chosen[label] = sampler.sample_independent(study, trial, label, distribution)
            trial.distributions = {**trial.distributions, label: distribution}
            trial.params = {**trial.params, label: chosen[label]}
        return {label: chosen[label] for label in self._distributions}


def _as_it_is(study: optuna.Study, number: int) -> FrozenTrial:
    return study.get_trials(deepcopy=False)[number]


def _names() -> list[str]:
    listed = [(name, getattr(optuna.samplers, name)) for name in optuna.samplers.__all__]
    abstract = {"BaseSampler", "BaseGASampler", "PartialFixedSampler"}
    return [
        name
        for name, exported in listed
        if name not in abstract and isinstance(exported, type) and issubclass(exported, BaseSampler)
    ]


@contextmanager
def _experiments_allowed() -> Iterator[None]:
    """Whoever names a sampler knows that Optuna calls it experimental."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ExperimentalWarning)
        yield
