"""What has happened in a study since the last look.

A search looks at its trials several times a trial. Reading all of them each time would cost more with every trial
behind it; those that have ended do not change any more.
"""

from __future__ import annotations

import optuna
from optuna.trial import FrozenTrial, TrialState


class TrialReader:
    """Hands out each trial of a study once, when it has ended.

    Args:
        study: Whose trials.

    Attributes:
        running: The trials that were running at the last look, by number.
    """

    def __init__(self, study: optuna.Study) -> None:
        self._study = study
        self.running: list[FrozenTrial] = []
        # All trials below the first number have been handed out, and of the others these.
        self._first = 0
        self._handed_out: set[int] = set()

    def ended(self) -> list[FrozenTrial]:
        """Look again, and give the trials that have ended since the last look, by number."""
        trials = self._study.get_trials(deepcopy=False)
        later = [trial for trial in trials[self._first :] if trial.number not in self._handed_out]
        ended = [trial for trial in later if trial.state.is_finished()]
        self.running = [trial for trial in later if trial.state == TrialState.RUNNING]
        self._handed_out.update(trial.number for trial in ended)
        while self._first in self._handed_out:
            self._handed_out.remove(self._first)
            self._first += 1
        return ended
