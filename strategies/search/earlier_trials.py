"""What the trials of a study say to somebody who makes the next proposal."""

from __future__ import annotations

from bisect import insort

import optuna
from optuna.trial import FrozenTrial, TrialState

from lighttrack_nas.search_spaces.space import Architecture, Space
from lighttrack_nas.strategies.search.storage.trial_reader import TrialReader
from lighttrack_nas.strategies.search.storage.trials import FAILURE, Key, digest


class Past:
    """The trials of one study, each of which is read once when it has ended.

    Trials that failed for another reason than their architecture, as those of a killed process, are none of the past.

    Args:
        space: The study's.
        known_by: By which key a network is known.

    Attributes:
        complete: Completed trials by number, those of other parameters included.
        evaluated: The completed trials that are architectures of the space, by number.
        known: Keys of the networks that were evaluated, or are being evaluated by somebody.
        failed: Keys of those that cannot be measured.
        paths: Keys by path of all of these.
    """

    def __init__(self, space: Space, known_by: Key) -> None:
        self._space = space
        self._known_by: Key = known_by
        self._study: optuna.Study | None = None

    def _start(self, study: optuna.Study) -> None:
        self._study = study
        self._reader = TrialReader(study)
        self.complete: list[FrozenTrial] = []
        self.evaluated: list[FrozenTrial] = []
        self.known: set[str] = set()
        self.failed: set[str] = set()
        self.paths: set[str] = set()
        self._done: tuple[set[str], set[str]] = set(), set()

    def read(self, study: optuna.Study) -> None:
        """Take in what has happened since the last call.

        Args:
            study: Where it is another object than at the last call, everything is read again.
        """
        if study is not self._study:
            self._start(study)
        for trial in self._reader.ended():
            self._take_in(trial)
        known, paths = self._done
        running = [trial.user_attrs for trial in self._reader.running]
        at_work = {attributes[self._known_by] for attributes in running if self._known_by in attributes}
        paths_at_work = {attributes["path"] for attributes in running if "path" in attributes}
        self.known = known | at_work if at_work else known
        self.paths = paths | paths_at_work if paths_at_work else paths

    def architecture(self, trial: FrozenTrial) -> Architecture:
        """The architecture of a trial of `evaluated`."""
        return Architecture(self._space, tuple(trial.params[label] for label in self._space.labels))

    def _take_in(self, trial: FrozenTrial) -> None:
        known, paths = self._done
        if trial.state == TrialState.COMPLETE:
            insort(self.complete, trial, key=lambda other: other.number)
            if all(trial.params.get(label) in values for label, values in self._space.labels.items()):
                insort(self.evaluated, trial, key=lambda other: other.number)
                known.add(self._key(trial, self._known_by))
                paths.add(self._key(trial, "path"))
        elif FAILURE in trial.user_attrs and self._known_by in trial.user_attrs:
            self.failed.add(trial.user_attrs[self._known_by])
            paths.add(trial.user_attrs.get("path", ""))

    def _key(self, trial: FrozenTrial, kind: Key) -> str:
        """A trial's key; searches of this project note it, other people's loops need not."""
        return trial.user_attrs.get(kind) or key_of(self.architecture(trial), kind)


def key_of(architecture: Architecture, kind: Key) -> str:
    """The value that a trial of this architecture has under "path" or "network"."""
    return digest(architecture.path() if kind == "path" else architecture.canonical())
