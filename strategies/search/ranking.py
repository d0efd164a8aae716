"""The trials of a study, compared: what is best so far, and how it is spread."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import optuna
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial

from lighttrack_nas.strategies.search.earlier_trials import Past


def losses(study: optuna.Study, trials: Sequence[FrozenTrial]) -> np.ndarray:
    """The objectives of completed trials, turned so that small is good: (trials, objectives)."""
    signs = np.array([-1.0 if way == StudyDirection.MAXIMIZE else 1.0 for way in study.directions])
    return np.array([trial.values for trial in trials], float).reshape(-1, len(signs)) * signs


def violation(trial: FrozenTrial) -> float:
    """By how much a completed trial breaks its constraints, summed; 0.0 where it keeps all."""
    return float(sum(value for value in trial.constraints.values() if value > 0))


def crowding(values: np.ndarray) -> np.ndarray:
    """How far a point's neighbours on a front are: NSGA-II's crowding distance.

    Args:
        values: (points, objectives) of a front.

    Returns:
        (points,) Sums over objectives of the gap between both neighbours, as a share of the front's extent; infinite at
        the ends.
    """
    values = np.asarray(values, float)
    distance = np.zeros(len(values))
    for column in values.T:
        order = np.argsort(column, kind="stable")
        extent = column[order[-1]] - column[order[0]]
        distance[order[[0, -1]]] = np.inf
        if extent > 0:
            distance[order[1:-1]] += (column[order[2:]] - column[order[:-2]]) / extent
    return distance


class RunningFront:
    """The front of what was evaluated, kept up to date as trials end.

    Feasible trials that no other feasible one dominates; while none is feasible, the least violating ones.

    Attributes:
        trials: The front's.
        losses: (trials, objectives) Theirs, small is good.
    """

    def __init__(self) -> None:
        self._study: optuna.Study | None = None
        self._forget()

    def _forget(self) -> None:
        self.trials: list[FrozenTrial] = []
        self.losses = np.zeros((0, 0))
        self._violation = np.inf
        self._seen: set[int] = set()

    def read(self, study: optuna.Study, past: Past) -> None:
        """Take in the trials that have ended since the last call."""
        if study is not self._study:
            self._forget()
            self._study = study
        new = [trial for trial in past.evaluated if trial.number not in self._seen]
        for trial, point in zip(new, losses(study, new), strict=True):
            self._seen.add(trial.number)
            self._take_in(trial, point)

    def _take_in(self, trial: FrozenTrial, point: np.ndarray) -> None:
        broken = violation(trial)
        if broken > self._violation:
            return
        if broken < self._violation:
            self.trials, self.losses, self._violation = [trial], point[None], broken
            return
        if broken == 0:
            if np.any(np.all(self.losses <= point, axis=1) & np.any(self.losses < point, axis=1)):
                return
            kept = ~(np.all(point <= self.losses, axis=1) & np.any(point < self.losses, axis=1))
            self.trials = [other for other, keep in zip(self.trials, kept, strict=True) if keep]
            self.losses = self.losses[kept]
        self.trials.append(trial)
        self.losses = np.vstack([self.losses, point])
