"""The loop of a search: propose, measure, record, beside other workers."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import optuna
from optuna.distributions import BaseDistribution
from optuna.exceptions import UpdateFinishedTrialError
from optuna.trial import Trial, TrialState

from lighttrack_nas.search_spaces.space import Architecture, Space
from lighttrack_nas.strategies.search.duplicates import measured_before
from lighttrack_nas.strategies.search.goals.evaluator import Evaluator
from lighttrack_nas.strategies.search.goals.objectives import Constraint, Objective, short_number
from lighttrack_nas.strategies.search.latency_watch import LatencyWatch
from lighttrack_nas.strategies.search.sampling import distributions
from lighttrack_nas.strategies.search.storage.trials import (
    FAILURE,
    LATENCY_REFERENCE,
    REFERENCE_SECONDS,
    WITHOUT_SAY,
    Key,
    digest,
    labels_without_say,
)
from lighttrack_nas.strategies.search.workers.liveness import WorkerLocks
from lighttrack_nas.strategies.search.workers.team import Team
from lighttrack_nas.strategies.search.workers.worker_storage import WORKER
from lighttrack_nas.trackers.base.errors import InputError

AfterTrial = Callable[[int, int, str], None]
"""Called with the completed trials of all workers, those wanted, and a few words on the last of this one."""

FAILURES_IN_A_ROW = 5
"""Architectures that cannot be measured, one after the other, after which something else must be wrong."""


@dataclass
class TrialLoop:
    """The trials of one worker on an open study.

    Attributes:
        study: Optuna's, with the sampler.
        team: What all workers know of each other's trials.
        locks: Give this worker's number.
        space: What is searched.
        evaluator: What measures.
        objectives: In the order of the study's values.
        constraints: What to keep to.
        names: The measurements that objectives and constraints speak of.
        known_by: What of two networks must be equal for one to be measured.
        watch: Times a network again and again where latencies are measured.
    """

    study: optuna.Study
    team: Team
    locks: WorkerLocks
    space: Space
    evaluator: Evaluator
    objectives: tuple[Objective, ...]
    constraints: tuple[Constraint, ...]
    names: tuple[str, ...]
    known_by: Key
    watch: LatencyWatch

    def run(self, n_trials: int, progress: AfterTrial | None) -> None:
        """Draw, measure and tell, until so many trials of all workers are complete.

        Raises:
            InputError: `FAILURES_IN_A_ROW` networks, one after the other, could not be measured.
        """
        wanted = distributions(self.space)
        failures = 0
        told, text, yielded = None, "", False
        while True:
            self.team.look()
            done = self.team.complete
            if progress and told is not None and done > told:
                progress(done, n_trials, text or "by other workers")
            told, text = done, ""
            if done >= n_trials:
                return
            if done + len(self.team.running) >= n_trials:
                self.team.wait()  # others are at the last ones; what they leave is for us
                continue
            try:
                trial, architecture, keys = self._draw(wanted)
            except UpdateFinishedTrialError:
                continue  # others took this worker for dead, as a server's failure cut it off
            rival = self.team.ahead_with(keys[self.known_by], trial.number)
            if rival is not None or not self.team.is_wanted(trial.number, n_trials):
                self.team.fail(trial.number)
                # Another draw is mostly another network; where it is not, there may be no other.
                if rival is not None and yielded:
                    self.team.wait_for(rival)
                yielded = rival is not None
                continue
            yielded = False
            failure, text = self._evaluate(trial, architecture, keys)
            failures = failures + 1 if failure else 0
            if failures >= FAILURES_IN_A_ROW:
                raise InputError(
                    f"{failures} architectures in a row could not be measured; the last one, trial {trial.number}: "
                    f"{failure}; they will not be proposed again: where they are not to blame, start a new search"
                )

    def _draw(self, wanted: dict[str, BaseDistribution]) -> tuple[Trial, Architecture, dict[str, str]]:
        """Ask for a trial, and note what it is of."""
        trial = self.study.ask(wanted)
        if WORKER not in trial.user_attrs:  # from Optuna's queue
            trial.set_user_attr(WORKER, self.locks.number)
        architecture = self.space.architecture(trial.params)
        keys = {"path": digest(architecture.path()), "network": digest(architecture.canonical())}
        for key, value in keys.items():
            trial.set_user_attr(key, value)
        return trial, architecture, keys

    def _evaluate(self, trial: Trial, architecture: Architecture, keys: dict[str, str]) -> tuple[str, str]:
        """Carry one trial to its end; give what failed, and what to say of it."""
        start = time.perf_counter()
        try:
            measurements, source = self._measurements(architecture, keys)
        except InputError as error:
            self._tell(trial, {FAILURE: str(error)}, TrialState.FAIL)
            return str(error), ""
        measured = time.perf_counter()
        attributes = {"measurements": measurements, "seconds": measured - start}
        attributes[WITHOUT_SAY] = labels_without_say(architecture)
        if source is not None:
            attributes["copied_from"] = source
        elif (reference := self.watch.after_measured()) is not None:
            attributes |= {LATENCY_REFERENCE: reference, REFERENCE_SECONDS: time.perf_counter() - measured}
        self._tell(trial, attributes, TrialState.COMPLETE, measurements)
        text = ", ".join(f"{name} {short_number(measurements[name])}" for name in self.names)
        for note in (self.watch.words, getattr(self.study.sampler, "note", "")):
            text += f"; {note}" if note else ""
        return "", text + ("" if source is None else f" (copied from trial {source})")

    def _tell(
        self, trial: Trial, attributes: dict[str, Any], state: TrialState, measurements: dict[str, float] | None = None
    ) -> None:
        """End a trial. Where others took this worker for dead and told it as failed, what it found gets a new one."""
        values = None if measurements is None else [measurements[objective.name] for objective in self.objectives]
        bounds = {}
        if measurements is not None:
            bounds = {str(constraint): constraint.violation(measurements) for constraint in self.constraints}
        try:
            for name, value in attributes.items():
                trial.set_user_attr(name, value)
            for name, violation in bounds.items():
                trial.set_constraint(name, violation)
            self.study.tell(trial, values, state=state)
        except (UpdateFinishedTrialError, ValueError):
            frozen = self.study.get_trials(deepcopy=False)[trial.number]
            if not frozen.state.is_finished():
                raise
            self.study.add_trial(
                optuna.trial.create_trial(
                    state=state,
                    values=values,
                    params=frozen.params,
                    distributions=frozen.distributions,
                    user_attrs=frozen.user_attrs | attributes,
                    constraints=bounds,
                )
            )

    def _measurements(self, architecture: Architecture, keys: dict[str, str]) -> tuple[dict[str, float], int | None]:
        """Measure what no earlier trial has measured; give all, and the trial that had everything."""
        costs = self.evaluator.costs(architecture)
        measurements = {name: float(costs[name]) for name in self.evaluator.measurements if name in costs}
        wanted = [name for name in self.names if name not in measurements]
        before, source = measured_before(keys, self.known_by, self.team.of_network(keys["network"]))
        if source is None:
            before = {name: before[name] for name in wanted if name in before}
        measurements = before | measurements
        missing = [name for name in wanted if name not in measurements]
        if missing:
            measured = self.evaluator.measure(architecture, missing)
            measurements |= {name: float(measured[name]) for name in missing if name in measured}
        for name in self.names:
            if not math.isfinite(measurements.get(name, math.nan)):
                value = measurements.get(name, "nothing")
                raise InputError(f"'{name}' was measured as {value}, which is no finite number")
        return measurements, source
