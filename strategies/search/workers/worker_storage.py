"""A storage as one worker of a search sees it: its trials carry its number, and one that goes away is waited for."""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Container, Sequence
from typing import Any, TypeVar

from optuna.distributions import BaseDistribution
from optuna.exceptions import StorageInternalError, UpdateFinishedTrialError
from optuna.storages import BaseStorage, JournalStorage, RDBStorage, get_storage
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, TrialState, create_trial

from lighttrack_nas.strategies.search.storage.kept_trials import KeptTrials
from lighttrack_nas.trackers.base.errors import InputError
from lighttrack_nas.trackers.base.progress import Say

WORKER = "worker"
"""User attribute of a trial: the number of the worker that made it."""
PATIENCE = 60.0
"""Seconds for which a storage that went away is waited for."""
_LONGEST_PAUSE = 2.0

T = TypeVar("T")


class WorkerStorage(BaseStorage):
    """Hands every call to a storage; repeats it, with growing pauses, while the storage does not answer.

    A call whose answer was lost may have been carried out. Attributes and parameters may be written twice, a trial's
    end is looked up, and of a trial that was made twice the one that the search does not know is told as failed.

    Args:
        storage: Optuna's.
        number: Gives the worker's number.
        name: What the storage is called in sentences.
        patience: Seconds after which the storage is given up.
        say: Told when the storage goes away.
    """

    def __init__(
        self,
        storage: BaseStorage,
        number: Callable[[], int],
        name: str,
        patience: float = PATIENCE,
        say: Say | None = None,
    ) -> None:
        self._database = storage
        # What Optuna does with a database that it is given.
        self._storage = get_storage(storage)
        self._kept = KeptTrials(self._storage, singly=isinstance(storage, JournalStorage))
        self._number = number
        self._name = name
        self._patience = patience
        self._waited = 0.0
        self._say = say or (lambda sentence: None)

    def close(self) -> None:
        """Close a database's connections; a further call makes new ones."""
        if isinstance(self._database, RDBStorage):
            self._database.remove_session()
            self._database.engine.dispose()

    def _patiently(self, action: Callable[[], T]) -> T:
        end, pause = 0.0, 0.1
        while True:
            try:
                return action()
            except Exception as error:
                if not _went_away(error):
                    raise
                reason, gone = _reason(error), error
            now = time.monotonic()
            if not end:
                end = now + self._patience
                if self._patience:
                    self._say(f"{self._name} does not answer ({reason}): trying again for {self._patience:.0f} seconds")
            if now >= end:
                # Whoever cleans up after this does not wait once more.
                self._waited, self._patience = max(self._waited, self._patience), 0.0
                raise InputError(
                    f"{self._name} has not answered for {self._waited:.0f} seconds ({reason}); "
                    + (
                        "it is gone, and with it all that it held, unless it comes back: the same command goes on then"
                        if isinstance(gone, FileNotFoundError)
                        else "nothing that ended is lost: the same command goes on when it is back"
                    )
                )
            try:
                time.sleep(min(pause, end - now))
            except BaseException:
                self._patience = 0.0
                raise
            pause = min(2 * pause, _LONGEST_PAUSE)

    # Studies --------------------------------------------------------------------------------------------------------

    def create_new_study(self, directions: Sequence[StudyDirection], study_name: str | None = None) -> int:
        return self._patiently(lambda: self._storage.create_new_study(directions, study_name))

    def delete_study(self, study_id: int) -> None:
        self._patiently(lambda: self._storage.delete_study(study_id))

    def set_study_user_attr(self, study_id: int, key: str, value: Any) -> None:
        self._patiently(lambda: self._storage.set_study_user_attr(study_id, key, value))

    def set_study_system_attr(self, study_id: int, key: str, value: Any) -> None:
        self._patiently(lambda: self._storage.set_study_system_attr(study_id, key, value))

    def get_study_id_from_name(self, study_name: str) -> int:
        return self._patiently(lambda: self._storage.get_study_id_from_name(study_name))

    def get_study_name_from_id(self, study_id: int) -> str:
        return self._patiently(lambda: self._storage.get_study_name_from_id(study_id))

    def get_study_directions(self, study_id: int) -> list[StudyDirection]:
        return self._patiently(lambda: self._storage.get_study_directions(study_id))

    def get_study_user_attrs(self, study_id: int) -> dict[str, Any]:
        return self._patiently(lambda: self._storage.get_study_user_attrs(study_id))

    def get_study_system_attrs(self, study_id: int) -> dict[str, Any]:
        return self._patiently(lambda: self._storage.get_study_system_attrs(study_id))

    def get_all_studies(self) -> list[Any]:
        return self._patiently(lambda: self._storage.get_all_studies())

    # Trials ---------------------------------------------------------------------------------------------------------

    def create_new_trial(self, study_id: int, template_trial: FrozenTrial | None = None) -> int:
        """Make a trial; one that is not a copy of another says from its first moment whose it is."""

        def create() -> int:
            ours = create_trial(state=TrialState.RUNNING, user_attrs={WORKER: self._number()})
            return self._storage.create_new_trial(study_id, template_trial or ours)

        return self._patiently(create)

    def set_trial_param(
        self, trial_id: int, param_name: str, param_value_internal: float, distribution: BaseDistribution
    ) -> None:
        self._patiently(lambda: self._storage.set_trial_param(trial_id, param_name, param_value_internal, distribution))

    def get_trial_id_from_study_id_trial_number(self, study_id: int, trial_number: int) -> int:
        return self._patiently(lambda: self._storage.get_trial_id_from_study_id_trial_number(study_id, trial_number))

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

        return self._patiently(write)

    def set_trial_intermediate_value(self, trial_id: int, step: int, intermediate_value: float) -> None:
        self._patiently(lambda: self._storage.set_trial_intermediate_value(trial_id, step, intermediate_value))

    def set_trial_user_attr(self, trial_id: int, key: str, value: Any) -> None:
        self._patiently(lambda: self._storage.set_trial_user_attr(trial_id, key, value))

    def set_trial_system_attr(self, trial_id: int, key: str, value: Any) -> None:
        self._patiently(lambda: self._storage.set_trial_system_attr(trial_id, key, value))

    def get_trial(self, trial_id: int) -> FrozenTrial:
        return self._patiently(lambda: self._storage.get_trial(trial_id))

    def get_all_trials(
        self, study_id: int, deepcopy: bool = True, states: Container[TrialState] | None = None
    ) -> list[FrozenTrial]:
        """The trials by number; where they are no copies, what they have in common is shared from their end on."""
        trials = self._patiently(lambda: self._kept.read(study_id, states))
        return copy.deepcopy(trials) if deepcopy else trials


def _went_away(error: BaseException) -> bool:
    """Whether an error may pass: the disk's, or the connection's to a database."""
    from sqlalchemy.exc import InterfaceError, OperationalError, PendingRollbackError

    if isinstance(error, StorageInternalError) and error.__cause__ is not None:
        error = error.__cause__
    return isinstance(error, (OSError, OperationalError, InterfaceError, PendingRollbackError))


def _reason(error: BaseException) -> str:
    if isinstance(error, StorageInternalError) and error.__cause__ is not None:
        error = error.__cause__
    if isinstance(error, OSError):
        return error.strerror or str(error)
    return str(getattr(error, "orig", None) or error).strip().splitlines()[0]
