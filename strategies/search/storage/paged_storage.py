"""A database whose trials are read a page at a time."""

from __future__ import annotations

from collections.abc import Container, Mapping
from typing import Any

from optuna.exceptions import StorageInternalError
from optuna.storages import RDBStorage
from optuna.trial import FrozenTrial, TrialState

from lighttrack_nas.strategies.search.storage.kept_trials import Common, is_value, may_be_noted
from lighttrack_nas.strategies.search.storage.patience import went_away
from lighttrack_nas.trackers.base.errors import InputError
from lighttrack_nas.trackers.base.parsing import short

PAGE = 250
"""Trials that are read at once."""

_HIGHEST_ID = 2**31 - 1


class PagedStorage(RDBStorage):
    """Optuna's storage in a database, which needs no more memory to read a long search than to keep it.

    Optuna's reads all trials of a study as objects of SQLAlchemy, 90 KiB a trial of LightTrack's space, before it
    makes the first of its own. This class overrides what Optuna calls inside: a version that calls something else
    reads all at once again, and gives the same trials.
    """

    def _get_trials(
        self,
        study_id: int,
        states: Container[TrialState] | None,
        included_trial_ids: set[int],
        trial_id_greater_than: int,
    ) -> list[FrozenTrial]:
        def read(ids: set[int], above: int) -> list[FrozenTrial]:
            try:
                trials = super(PagedStorage, self)._get_trials(study_id, states, ids, above)
                for trial in trials:
                    _check_notes(trial.system_attrs)
                    if not all(map(is_value, trial.values or ())):
                        raise ValueError(f"trial {trial.number}: values {short(trial.values)}")
                return trials
            except (StorageInternalError, ValueError, ArithmeticError, LookupError, TypeError, AttributeError) as error:
                # SQLite says of a text that is none what it says of a file that is away.
                if went_away(error) and "decode" not in str(error.__cause__):
                    raise
                raise _damaged(self, error) from None

        # Later reads ask for the few trials that are new or had not ended.
        ids = self._ids(study_id) if trial_id_greater_than < 0 else []
        if len(ids) <= PAGE:
            return read(included_trial_ids, trial_id_greater_than)
        common, trials = Common(), list[FrozenTrial]()
        for start in range(0, len(ids), PAGE):
            # Those of the page, and those above the highest number that a trial may have: none.
            page = read(set(ids[start : start + PAGE]), _HIGHEST_ID)
            for trial in page:
                if trial.state.is_finished():
                    common.share(trial)
            trials += page
        return trials

    def get_study_system_attrs(self, study_id: int) -> dict[str, Any]:
        """See `RDBStorage`.

        Raises:
            InputError: One is none that Optuna can have noted.
        """
        notes = super().get_study_system_attrs(study_id)
        try:
            _check_notes(notes)
        except ValueError as error:
            raise _damaged(self, error) from None
        return notes

    def _ids(self, study_id: int) -> list[int]:
        from sqlalchemy import text

        with self.engine.connect() as connection:
            query = text("SELECT trial_id FROM trials WHERE study_id = :study ORDER BY trial_id")
            return list(connection.execute(query, {"study": study_id}).scalars())


def _check_notes(notes: Mapping[Any, object]) -> None:
    for key, value in notes.items():
        if not isinstance(key, str) or not may_be_noted(key, value):
            raise ValueError(f"{short(key)}: {short(value)} cannot stand there")


def _damaged(storage: RDBStorage, error: Exception) -> InputError:
    said = f"{type(error).__name__}: {str(error)[:100]}".splitlines()[0]
    place = storage.engine.url.render_as_string(hide_password=True)
    return InputError(f"database '{place}' holds what cannot be read: {said}")
