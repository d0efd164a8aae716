"""A database whose trials are read a page at a time."""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from optuna.exceptions import StorageInternalError
from optuna.storages import RDBStorage
from optuna.trial import FrozenTrial, TrialState

from lighttrack_nas.strategies.search.storage.kept_trials import Common, is_value, may_be_noted, misnamed
from lighttrack_nas.strategies.search.storage.patience import went_away
from lighttrack_nas.trackers.base.errors import InputError
from lighttrack_nas.trackers.base.parsing import require_shallow, short

PAGE = 250
"""Trials that are read at once."""

_HIGHEST_ID = 2**31 - 1
_OF_OTHER_TYPES = (TypeError, AttributeError, RecursionError)


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
            with self._reading(study_id):
                trials = super(PagedStorage, self)._get_trials(study_id, states, ids, above)
                for trial in trials:
                    _check(trial)
                return trials

        # Later reads ask for the few trials that are new or had not ended.
        if trial_id_greater_than >= 0:
            return read(included_trial_ids, trial_id_greater_than)
        ids = self._ids(study_id)
        if len(ids) <= PAGE:
            trials = read(included_trial_ids, trial_id_greater_than)
        else:
            common, trials = Common(), []
            for start in range(0, len(ids), PAGE):
                # Those of the page, and those above the highest number that a trial may have: none.
                page = read(set(ids[start : start + PAGE]), _HIGHEST_ID)
                for trial in page:
                    if trial.state.is_finished():
                        common.share(trial)
                trials += page
        with self._reading(study_id):
            # Everybody finds trials by them.
            if states is None and [trial.number for trial in trials] != [*range(len(trials))]:
                raise InputError(f"the trials' numbers: expected all from 0 to {len(trials) - 1}, in their order")
        return trials

    def get_study_system_attrs(self, study_id: int) -> dict[str, Any]:
        """See `RDBStorage`.

        Raises:
            InputError: One is none that Optuna can have noted.
        """
        with self._reading(study_id):
            notes = super().get_study_system_attrs(study_id)
            _check_notes(notes, "the study")
            return notes

    def get_study_user_attrs(self, study_id: int) -> dict[str, Any]:
        """See `RDBStorage`.

        Raises:
            InputError: One cannot be read, or is nested too deep.
        """
        with self._reading(study_id):
            attributes = super().get_study_user_attrs(study_id)
            require_shallow(attributes, "the study")
            return attributes

    @contextmanager
    def _reading(self, study_id: int) -> Iterator[None]:
        """Turn what reading damaged rows ends in into a sentence; a study that is not there stays a `KeyError`."""
        try:
            yield
        except (StorageInternalError, ValueError, ArithmeticError, LookupError, *_OF_OTHER_TYPES) as error:
            # SQLite says of a text that is none what it says of a file that is away.
            no_text = "Could not decode to UTF-8" in str(error.__cause__) and self.engine.dialect.name == "sqlite"
            if (went_away(error) and not no_text) or (isinstance(error, KeyError) and not self._is_there(study_id)):
                raise
            place = self.engine.url.render_as_string(hide_password=True)
            said = str(error) if isinstance(error, InputError) else f"{type(error).__name__}: {error}"
            raise InputError(
                f"database '{place}' holds what cannot be read: {said.splitlines()[0][:200]}; take an earlier copy of "
                "it, or begin another search"
            ) from None

    def _ids(self, study_id: int) -> list[int]:
        return self._first_column("SELECT trial_id FROM trials WHERE study_id = :study ORDER BY trial_id", study_id)

    def _is_there(self, study_id: int) -> bool:
        return bool(self._first_column("SELECT study_id FROM studies WHERE study_id = :study", study_id))

    def _first_column(self, query: str, study_id: int) -> list[int]:
        from sqlalchemy import text

        with self.engine.connect() as connection:
            return list(connection.execute(text(query), {"study": study_id}).scalars())


def _check(trial: FrozenTrial) -> None:
    where = f"trial {trial.number}"
    _check_notes(trial.system_attrs, where)
    require_shallow(trial.user_attrs, where)
    if odd := misnamed(trial.user_attrs):
        raise InputError(f"{where}: {odd}")
    if not all(map(is_value, trial.values or ())):
        raise InputError(f"{where}: values: expected numbers, got {short(trial.values)}")


def _check_notes(notes: Mapping[Any, object], where: str) -> None:
    for key, value in notes.items():
        if not isinstance(key, str) or not may_be_noted(key, value):
            raise InputError(f"{where}: {short(key)}: {short(value)} cannot stand there")
