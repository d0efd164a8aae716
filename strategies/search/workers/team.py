"""One worker among those of a search: what the others are at, and what becomes of the trials of one that died.

Workers do not agree on networks. One sees what the others measure and draws something else, unless two draw the same
while neither has noted it: four workers repeated 0 of 120 trials on the tiny space, and 1 of 120 on one of 2,016
networks.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import suppress

import optuna
from optuna.exceptions import UpdateFinishedTrialError
from optuna.trial import FrozenTrial, TrialState

from lighttrack_nas.strategies.search.workers.liveness import WorkerLocks
from lighttrack_nas.strategies.search.workers.worker_storage import WORKER

_PATIENCE = 10.0
"""Seconds after which a running trial that is no worker's is nobody's: a worker may have died before it said so."""
_PAUSE = 0.2
"""Seconds between two looks at the others."""


class Team:
    """A worker among others.

    Args:
        study: Whose storage is a `WorkerStorage`.
        locks: Who is alive. This worker holds its number.
    """

    def __init__(self, study: optuna.Study, locks: WorkerLocks) -> None:
        self._study = study
        self._locks = locks
        self._nobodys: dict[int, float] = {}

    def trials(self, own: int | None = None) -> list[FrozenTrial]:
        """All trials as they are now, with those of dead workers told as failed.

        Args:
            own: The number of the trial that this worker is running.
        """
        trials = self._study.get_trials(deepcopy=False)
        running = [trial for trial in trials if trial.state == TrialState.RUNNING and trial.number != own]
        if not running:
            return trials
        # In this order: a worker holds its number before it makes a trial, so that one without it now is dead.
        dead = self._dead(running)
        if not dead:
            return trials
        for trial in dead:
            self.fail(trial.number)
        return self._study.get_trials(deepcopy=False)

    def start_alone(self) -> None:
        """Tell the trials that a dead worker left running, whoever it was: nobody else is at work."""
        for trial in self._study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
            self.fail(trial.number)

    def end(self) -> None:
        """Leave no trial of this worker's running."""
        for trial in self._study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
            if trial.user_attrs.get(WORKER) == self._locks.number:
                self.fail(trial.number)

    def fail(self, number: int) -> None:
        """Tell a trial as failed, unless somebody else has told it."""
        with suppress(UpdateFinishedTrialError):
            self._study.tell(number, state=TrialState.FAIL, skip_if_finished=True)

    def is_wanted(self, number: int, n_trials: int) -> bool:
        """Say whether a trial of ours shall be measured, so that workers that end together make no trial too many.

        Args:
            number: The trial's. Those with lower numbers go first.
            n_trials: Completed trials that are wanted.
        """
        trials = self.trials(own=number)
        complete = sum(trial.state == TrialState.COMPLETE for trial in trials)
        ahead = sum(trial.state == TrialState.RUNNING and trial.number < number for trial in trials)
        return complete + ahead < n_trials

    def wait(self) -> None:
        """Let some time pass until the next look at the others."""
        time.sleep(_PAUSE)

    def _dead(self, running: Sequence[FrozenTrial]) -> list[FrozenTrial]:
        now = time.monotonic()
        owners = {trial.user_attrs[WORKER] for trial in running if WORKER in trial.user_attrs}
        # One of this worker's that it does not know: the answer to its making was lost.
        gone = self._locks.dead(owners) | {self._locks.number}
        dead = [trial for trial in running if trial.user_attrs.get(WORKER) in gone]
        for trial in running:
            if WORKER not in trial.user_attrs and now - self._nobodys.setdefault(trial.number, now) > _PATIENCE:
                dead.append(trial)
        return dead
