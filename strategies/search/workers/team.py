"""One worker among those of a search: whose a network is, and what becomes of the trials of a worker that died."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import suppress
from typing import Literal

import optuna
from optuna.exceptions import UpdateFinishedTrialError
from optuna.trial import FrozenTrial, TrialState

from lighttrack_nas.strategies.search.storage.trials import FAILURE, Key
from lighttrack_nas.strategies.search.workers.liveness import WorkerLocks
from lighttrack_nas.strategies.search.workers.worker_storage import WORKER

GIVEN_UP = "given_up"
"""User attribute of a failed trial that nothing was measured for: why. It says nothing of the architecture."""
_PATIENCE = 10.0
"""Seconds after which a running trial that is no worker's is nobody's: a worker may have died before it said so."""
_PAUSES = (0.005, 0.2)
"""Seconds between two looks at the others, at first and at most."""

Whose = Literal["ours", "theirs", "undecided"]


class Team:
    """A worker among others.

    Args:
        study: Whose storage is a `WorkerStorage`.
        locks: Who is alive. This worker holds its number.
        known_by: The trials' user attribute by which a network is known.
    """

    def __init__(self, study: optuna.Study, locks: WorkerLocks, known_by: Key) -> None:
        self._study = study
        self._locks = locks
        self._known_by = known_by
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

    def give_up(self, trial: optuna.Trial, reason: str) -> None:
        """Tell a trial as failed that nothing is measured for."""
        with suppress(UpdateFinishedTrialError):
            trial.set_user_attr(GIVEN_UP, reason)
            self._study.tell(trial, state=TrialState.FAIL, skip_if_finished=True)

    def claim(self, number: int, key: str, n_trials: int, failed: set[int], patient: bool) -> str:
        """Find out whether a trial of ours, whose key is written, may be measured.

        Args:
            number: The trial's.
            key: Tells its network.
            n_trials: Completed trials that are wanted.
            failed: Numbers of the trials whose networks could not be measured, from before this one was made.
            patient: Whether to wait for another worker that is measuring the network, to copy what it finds.

        Returns:
            Why it is given up; "" where it is ours.
        """
        pause, longest = _PAUSES
        while True:
            trials = self.trials(own=number)
            newly_failed = (t for t in trials if FAILURE in t.user_attrs and t.number not in failed)
            for trial in newly_failed:
                if trial.user_attrs.get(self._known_by) == key:
                    return f"the network of trial {trial.number} could not be measured"
            ahead = [trial for trial in trials if trial.number < number and _at_work(trial)]
            whose, other = claim(ahead, key, self._known_by)
            if whose == "theirs" and not patient:
                return f"trial {other} is measuring the same network"
            if whose == "ours":
                complete = sum(trial.state == TrialState.COMPLETE for trial in trials)
                return "" if complete + len(ahead) < n_trials else "enough trials are running"
            time.sleep(pause)
            pause = min(2 * pause, longest)

    def wait(self) -> None:
        """Let some time pass until the next look at the others."""
        time.sleep(_PAUSES[1])

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


def claim(ahead: Sequence[FrozenTrial], key: str, known_by: Key) -> tuple[Whose, int | None]:
    """Say whose a network is, of a trial and those that run and have lower numbers.

    Lamport's bakery: whoever has the lower number goes first. A trial ahead that has not written its key is still
    choosing. One behind will see ours: it was made later than this one, whose key was written before we looked.

    Args:
        ahead: Trials at work with lower numbers.
        key: Of the trial whose worker asks.
        known_by: The user attribute that holds keys.

    Returns:
        Whose it is, and the number of the trial that decides it.
    """
    undecided = None
    for trial in ahead:
        other = trial.user_attrs.get(known_by)
        if other == key:
            return "theirs", trial.number
        if other is None:
            undecided = trial.number
    return ("ours" if undecided is None else "undecided"), undecided


def _at_work(trial: FrozenTrial) -> bool:
    return trial.state == TrialState.RUNNING and GIVEN_UP not in trial.user_attrs
