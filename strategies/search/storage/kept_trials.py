"""Trials in memory: what many of them have in common is kept once, and those that have ended are not looked up again.

Optuna's storages make every choice, name and distribution of every trial anew from what they read: 23 KiB a trial of
LightTrack's space, most of which says the same of all trials.
"""

from __future__ import annotations

import itertools
import sys
from collections.abc import Container, Mapping
from typing import Any

from optuna.distributions import BaseDistribution, CategoricalDistribution
from optuna.storages import BaseStorage
from optuna.trial import FrozenTrial, TrialState

from lighttrack_nas.trackers.base.parsing import short


class Common:
    """What trials have in common, by what it is."""

    def __init__(self) -> None:
        self._choices: dict[tuple[Any, ...], CategoricalDistribution] = {}
        self._mappings: dict[tuple[tuple[str, int], ...], dict[str, BaseDistribution]] = {}

    def share(self, trial: FrozenTrial) -> None:
        """Let a trial that has ended have its parts in common with others; it stays equal to what it was."""
        distributions = {sys.intern(name): self._distribution(kind) for name, kind in trial.distributions.items()}
        # Identities stay taken, as the mapping that is kept holds what they are of.
        key = tuple((name, id(kind)) for name, kind in distributions.items())
        trial.distributions = self._mappings.setdefault(key, distributions)
        trial.params = _interned(trial.params)
        trial.user_attrs = _interned(trial.user_attrs)
        trial.system_attrs = _interned(trial.system_attrs)

    def _distribution(self, kind: BaseDistribution) -> BaseDistribution:
        # Of texts alone: 1, 1.0 and True are equal, and different choices.
        if isinstance(kind, CategoricalDistribution) and all(type(choice) is str for choice in kind.choices):
            return self._choices.setdefault(kind.choices, kind)
        return kind


def _interned(value: Any) -> Any:
    """A copy of JSON-able data whose texts are shared with all others that are equal; floats and the like stay."""
    if type(value) is str:
        return sys.intern(value)
    if type(value) is dict:
        return {sys.intern(name) if type(name) is str else name: _interned(item) for name, item in value.items()}
    if type(value) is list:
        return [_interned(item) for item in value]
    return value


class KeptTrials:
    """The trials of a storage's studies, of which only those are looked at again that had not ended at the last look.

    Optuna's storages go through all trials, one by one, whenever somebody asks for some of them.

    Args:
        storage: Whose trials.
        singly: Whether to ask for trials one by one. A journal answers from memory; a server is better asked once.
    """

    def __init__(self, storage: BaseStorage, singly: bool = False) -> None:
        self._storage = storage
        self._singly = singly
        self._common = Common()
        self._studies: dict[int, _Study] = {}

    def read(self, study_id: int, states: Container[TrialState] | None = None) -> list[FrozenTrial]:
        """The trials of a study as they are now, by number; not to be changed.

        Args:
            study_id: Optuna's.
            states: Only those in one of these states.

        Raises:
            KeyError: There is no such study.
        """
        study = self._studies.get(study_id)
        if study is None or not self._singly:
            trials = self._storage.get_all_trials(study_id, deepcopy=False)
            # What a journal holds when it is opened shares already.
            first, study = study is None, study or self._studies.setdefault(study_id, _Study())
            latest = {number: trials[number] for number in [*study.running, *range(len(study.trials), len(trials))]}
            study.take_in(latest, None if first and self._singly else self._common)
        else:
            study.take_in(self._asked_for(study_id, study), self._common)
        if states is None:
            return study.trials.copy()
        if any(state.is_finished() and state in states for state in TrialState):
            return [trial for trial in study.trials if trial.state in states]
        return [study.trials[number] for number in study.running if study.trials[number].state in states]

    def _asked_for(self, study_id: int, study: _Study) -> dict[int, FrozenTrial]:
        latest = {number: self._storage.get_trial(study.trials[number]._trial_id) for number in study.running}
        for number in itertools.count(len(study.trials)):
            try:
                trial_id = self._storage.get_trial_id_from_study_id_trial_number(study_id, number)
            except KeyError:
                return latest
            latest[number] = self._storage.get_trial(trial_id)
        raise AssertionError


class _Study:
    """Attributes: trials by number; those of them that had not ended, by number."""

    def __init__(self) -> None:
        self.trials: list[FrozenTrial] = []
        self.running: list[int] = []

    def take_in(self, latest: Mapping[int, FrozenTrial], common: Common | None) -> None:
        """Take in trials as they are now: all that were running, and the new ones in their order."""
        for number, trial in latest.items():
            if common is not None and trial.state.is_finished():
                common.share(trial)
            self.trials[number : number + 1] = [trial]
        self.running = [number for number, trial in latest.items() if not trial.state.is_finished()]


def is_value(value: object) -> bool:
    """Whether Optuna can have noted a value as a number."""
    return isinstance(value, int | float) and not isinstance(value, bool) and value == value  # no NaN


def misnamed(attributes: Mapping[str, object]) -> str:
    """What of a trial's attributes cannot name its network or its worker, as every reader takes them; "" if nothing."""
    kinds = {"path": str, "network": str, "worker": int}
    odd = [name for name, kind in kinds.items() if name in attributes and type(attributes[name]) is not kind]
    return f"{odd[0]}: {short(attributes[odd[0]])} cannot stand there" if odd else ""


def may_be_noted(key: str, value: object) -> bool:
    """Whether Optuna can have noted a value under a key: generations, their parents, by how much limits are broken."""
    if key.endswith("generation"):
        return isinstance(value, int) and not isinstance(value, bool) and value >= 0
    if ":parent:" in key:
        return isinstance(value, list) and all(isinstance(parent, int) and parent >= 0 for parent in value)
    return not key.startswith("constraints:") or is_value(value)
