"""A storage as one worker of a search sees it: its trials carry its number, and one that goes away is waited for."""

from __future__ import annotations

import copy
from collections.abc import Callable, Container, Sequence
from typing import Any

from optuna.distributions import BaseDistribution
from optuna.exceptions import UpdateFinishedTrialError
from optuna.storages import BaseStorage, JournalStorage, RDBStorage, get_storage
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, TrialState, create_trial

from lighttrack_nas.strategies.search.storage.kept_trials import KeptTrials
from lighttrack_nas.strategies.search.storage.patience import Patience

WORKER = "worker"
"""User attribute of a trial: the number of the worker that made it."""


class WorkerStorage(BaseStorage):
    """Hands every call to a storage; repeats it, with growing pauses, while the storage does not answer.

    A call whose answer was lost may have been carried out. Attributes and parameters may be written twice, a trial's
    end is looked up, and of a trial that was made twice the one that the search does not know is told as failed.

    Args:
        storage: Optuna's.
        number: Gives the worker's number.
        waiting: For how long it is waited for.
    """

    def __init__(self, storage: BaseStorage, number: Callable[[], int], waiting: Patience) -> None:
        self._database = storage
        # What Optuna does with a database that it is given.
        self._storage = get_storage(storage)
        self._kept = KeptTrials(self._storage, singly=isinstance(storage, JournalStorage))
        self._number = number
        self._waiting = waiting

    def close(self) -> None:
        """Close a database's connections; a further call makes new ones."""
        if isinstance(self._database, RDBStorage):
            self._database.remove_session()
            self._database.engine.dispose()

    # Studies --------------------------------------------------------------------------------------------------------

    def create_new_study(self, directions: Sequence[StudyDirection], study_name: str | None = None) -> int:
        return self._waiting(lambda: self._storage.create_new_study(directions, study_name))

    def delete_study(self, study_id: int) -> None:
        self._waiting(lambda: self._storage.delete_study(study_id))

    def set_study_user_attr(self, study_id: int, key: str, value: Any) -> None:
        self._waiting(lambda: self._storage.set_study_user_attr(study_id, key, value))

    def set_study_system_attr(self, study_id: int, key: str, value: Any) -> None:
        self._waiting(lambda: self._storage.set_study_system_attr(study_id, key, value))

    def get_study_id_from_name(self, study_name: str) -> int:
        return self._waiting(lambda: self._storage.get_study_id_from_name(study_name))

    def get_study_name_from_id(self, study_id: int) -> str:
        return self._waiting(lambda: self._storage.get_study_name_from_id(study_id))

    def get_study_directions(self, study_id: int) -> list[StudyDirection]:
        return self._waiting(lambda: self._storage.get_study_directions(study_id))

    def get_study_user_attrs(self, study_id: int) -> dict[str, Any]:
        return self._waiting(lambda: self._storage.get_study_user_attrs(study_id))

    def get_study_system_attrs(self, study_id: int) -> dict[str, Any]:
        return self._waiting(lambda: self._storage.get_study_system_attrs(study_id))

    def get_all_studies(self) -> list[Any]:
        return self._waiting(lambda: self._storage.get_all_studies())

    # Trials ---------------------------------------------------------------------------------------------------------

    def create_new_trial(self, study_id: int, template_trial: FrozenTrial | None = None) -> int:
        """Make a trial; one that is not a copy of another says from its first moment whose it is."""

        def create() -> int:
            ours = create_trial(state=TrialState.RUNNING, user_attrs={WORKER: self._number()})
            return self._storage.create_new_trial(study_id, template_trial or ours)

        return self._waiting(create)

    def set_trial_param(
        self, trial_id: int, param_name: str, param_value_internal: float, distribution: BaseDistribution
    ) -> None:
        self._waiting(lambda: self._storage.set_trial_param(trial_id, param_name, param_value_internal, distribution))

    def get_trial_id_from_study_id_trial_number(self, study_id: int, trial_number: int) -> int:
        return self._waiting(lambda: self._storage.get_trial_id_from_study_id_trial_number(study_id, trial_number))

    def set_trial_state_values(self, trial_id: int, state: TrialState, values: Sequence[float] | None = None) -> bool:
        """End a trial, or start a waiting one; the end of one that this call had ended already is its end."""
        tries = 0

        def write() -> bool:
            nonlocal tries
            tries += 1
            try:
                return self._storage.set_trial_state_values(trial_id, state, values)
            except UpdateFinishedTrialError:
                if tries > 1 and self._storage.get_trial(trial_id).state == state:
                    return True
                raise

        return self._waiting(write)

    def set_trial_intermediate_value(self, trial_id: int, step: int, intermediate_value: float) -> None:
        self._waiting(lambda: self._storage.set_trial_intermediate_value(trial_id, step, intermediate_value))

    def set_trial_user_attr(self, trial_id: int, key: str, value: Any) -> None:
        self._waiting(lambda: self._storage.set_trial_user_attr(trial_id, key, value))

    def set_trial_system_attr(self, trial_id: int, key: str, value: Any) -> None:
        self._waiting(lambda: self._storage.set_trial_system_attr(trial_id, key, value))

    def get_trial(self, trial_id: int) -> FrozenTrial:
        return self._waiting(lambda: self._storage.get_trial(trial_id))

    def get_all_trials(
        self, study_id: int, deepcopy: bool = True, states: Container[TrialState] | None = None
    ) -> list[FrozenTrial]:
        """The trials by number; where they are no copies, what they have in common is shared from their end on."""
        trials = self._waiting(lambda: self._kept.read(study_id, states))
        return copy.deepcopy(trials) if deepcopy else trials
