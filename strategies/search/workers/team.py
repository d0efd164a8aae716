"""One worker among those of a search: what the others are at, and what becomes of the trials of one that died.

Two workers may draw one network while neither has noted it. Each notes what it drew before it looks at the others, so
that one of them sees the other at least, and the network is measured once: see `Team.ahead_with`.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import suppress

import optuna
from optuna.exceptions import UpdateFinishedTrialError
from optuna.trial import FrozenTrial, TrialState

from lighttrack_nas.strategies.search.storage.trial_reader import TrialReader
from lighttrack_nas.strategies.search.storage.trials import Key
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
        known_by: The user attribute by which a network is known.

    Attributes:
        complete: How many trials were complete at the last look.
    """

    def __init__(self, study: optuna.Study, locks: WorkerLocks, known_by: Key) -> None:
        self._study = study
        self._locks = locks
        self._known_by = known_by
        # When a running trial that is no worker's was first seen, by its number.
        self._ownerless: dict[int, float] = {}
        self._reader = TrialReader(study)
        self.complete = 0
        self._of_network: dict[str, list[FrozenTrial]] = {}

    @property
    def running(self) -> list[FrozenTrial]:
        """The trials that were running at the last look, this worker's own among them."""
        return self._reader.running

    def of_network(self, network: str) -> Sequence[FrozenTrial]:
        """The trials of a network that were complete at the last look.

        Args:
            network: Its key of that name.
        """
        return self._of_network.get(network, ())

    def look(self, own: int | None = None) -> None:
        """Take in what has happened since the last look, and tell the trials of dead workers as failed.

        Args:
            own: The number of the trial that this worker is running.
        """
        self._read()
        others = [trial for trial in self.running if trial.number != own]
        # In this order: a worker holds its number before it makes a trial, so that one without it now is dead.
        dead = self._dead(others) if others else []
        for trial in dead:
            self.fail(trial.number)
        if dead:
            self._read()

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
        """Say by the last look whether a trial of ours shall be measured, so that there is none too many in the end.

        Args:
            number: The trial's. Those with lower numbers go first.
            n_trials: Completed trials that are wanted.
        """
        ahead = sum(trial.number < number for trial in self.running)
        return self.complete + ahead < n_trials

    def ahead_with(self, network: str, number: int) -> int | None:
        """Say who goes first, where others have drawn the network of a trial of ours too.

        That is the trial with the lowest number. It waits for the others: they leave the network to it, or have begun
        to measure before they could see it, and what they measure is taken over then.

        Args:
            network: Its key by which the search knows networks.
            number: Of our trial, which has it noted.

        Returns:
            The trial that goes before ours; None where ours does, and nobody else is at the network any more.
        """
        while True:
            self.look(own=number)
            rivals = [
                t.number for t in self.running if t.number != number and t.user_attrs.get(self._known_by) == network
            ]
            if not rivals or min(rivals) < number:
                return min(rivals, default=None)
            self.wait()

    def wait_for(self, number: int) -> None:
        """Wait until a trial is running no more."""
        self.look()
        while any(trial.number == number for trial in self.running):
            self.wait()
            self.look()

    def wait(self) -> None:
        """Let some time pass until the next look at the others."""
        time.sleep(_PAUSE)

    def _read(self) -> None:
        for trial in self._reader.ended():
            if trial.state == TrialState.COMPLETE:
                self.complete += 1
                self._of_network.setdefault(trial.user_attrs.get("network", ""), []).append(trial)

    def _dead(self, running: Sequence[FrozenTrial]) -> list[FrozenTrial]:
        """The running trials of workers that died, and those that have been no worker's for `_PATIENCE`."""
        now = time.monotonic()
        owners = {trial.user_attrs[WORKER] for trial in running if WORKER in trial.user_attrs}
        # One of this worker's that it does not know: the answer to its making was lost.
        gone = self._locks.dead(owners) | {self._locks.number}
        dead = [trial for trial in running if trial.user_attrs.get(WORKER) in gone]
        for trial in running:
            if WORKER not in trial.user_attrs and now - self._ownerless.setdefault(trial.number, now) > _PATIENCE:
                dead.append(trial)
        return dead
