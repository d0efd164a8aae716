"""The loop of a search: propose, measure, record, and go on where a killed one stopped or beside other workers."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import optuna
from optuna.distributions import BaseDistribution
from optuna.exceptions import UpdateFinishedTrialError
from optuna.storages import BaseStorage
from optuna.trial import Trial, TrialState

from lighttrack_nas.search_spaces.space import Architecture, Space
from lighttrack_nas.strategies.search.duplicates import measured_before
from lighttrack_nas.strategies.search.goals.evaluator import CountingEvaluator, Evaluator, LatencyEvaluator
from lighttrack_nas.strategies.search.goals.objectives import (
    Constraint,
    Objective,
    parse_constraints,
    parse_objectives,
    short_number,
)
from lighttrack_nas.strategies.search.joining import ended, take_place
from lighttrack_nas.strategies.search.latency_watch import LatencyWatch
from lighttrack_nas.strategies.search.sampling import distributions
from lighttrack_nas.strategies.search.search_problem import SearchProblem, SearchStrategy
from lighttrack_nas.strategies.search.search_registry import strategy_record
from lighttrack_nas.strategies.search.storage.patience import PATIENCE, Patience
from lighttrack_nas.strategies.search.storage.storage import (
    await_server,
    connect_to_server,
    failures_of,
    is_server,
    open_shared,
    quiet_optuna,
    shown_storage,
)
from lighttrack_nas.strategies.search.storage.trials import (
    FAILURE,
    LATENCY_REFERENCE,
    REFERENCE_SECONDS,
    UNCOUNTED,
    WITHOUT_SAY,
    Key,
    digest,
    labels_without_say,
    latency_references,
    open_search,
)
from lighttrack_nas.strategies.search.study_description import versions
from lighttrack_nas.strategies.search.workers.liveness import WorkerLocks, worker_locks
from lighttrack_nas.strategies.search.workers.team import Team
from lighttrack_nas.strategies.search.workers.worker_storage import WORKER, WorkerStorage
from lighttrack_nas.trackers.base.errors import InputError
from lighttrack_nas.trackers.base.names import checked_name
from lighttrack_nas.trackers.base.progress import Say

AfterTrial = Callable[[int, int, str], None]
"""Called with the completed trials of all workers, those wanted, and a few words on the last of this one."""

FAILURES_IN_A_ROW = 5
"""Architectures that cannot be measured, one after the other, after which something else must be wrong."""


def run_search(
    space: Space,
    *,
    evaluator: Evaluator,
    strategy: SearchStrategy,
    objectives: str | Objective | Iterable[str | Objective],
    constraints: str | Constraint | Iterable[str | Constraint] = (),
    n_trials: int,
    storage: str | Path | BaseStorage,
    study_name: str = "search",
    enqueue: Sequence[Architecture] = (),
    progress: AfterTrial | None = None,
    say: Say | None = None,
    patience: float = PATIENCE,
) -> optuna.Study:
    """Search a space, go on with a search that was stopped at any moment, or join one as a further worker.

    What is proposed next is a function of the strategy's seed and of the trials that have ended, so that a search that
    was killed and resumed gives what an undisturbed one gives: exactly so with one worker at a time.

    Several workers, on one machine or many, share a journal, an SQLite file or a PostgreSQL server: each calls this
    with the same arguments. They have numbers from 0, end together, and take over what one that was killed leaves. A
    network that another one measures is not drawn; of two that draw one at the same moment, the first one measures it.
    In another storage one process at a time may run a study, which is up to you.

    A network that is proposed again is not measured again. One that cannot be measured makes its trial fail, and is not
    proposed again.

    Args:
        space: What to search.
        evaluator: What measures.
        strategy: How to search.
        objectives: What to make large or small: "maximize ao", "minimize macs", or names alone.
        constraints: What to keep to: "macs <= 600M", or names of `CONSTRAINT_SETS`.
        n_trials: Completed trials to have at the end, those of earlier runs and of other workers included.
        storage: A journal file, an Optuna URL such as `sqlite:///search.db`, or an Optuna storage.
        study_name: The study's name in the storage.
        enqueue: Architectures to evaluate before any other, whatever they cost; those that have a trial are left out.
        progress: Told of every completed trial.
        say: Told in a sentence that others were joined, or that the storage went away.
        patience: Seconds to wait for a storage that goes away.

    Returns:
        The study; `completed_trials` reads it.

    Raises:
        InputError: A mistake in the arguments; the storage cannot be opened, went away, or holds a search for something
            else or by workers of other versions; or five architectures in a row could not be measured.
    """
    if n_trials < 1:
        raise InputError(f"n_trials: expected 1 or more, got {n_trials}")
    measured = getattr(evaluator, "space", space)
    if measured != space:
        raise InputError(
            f"the evaluator measures networks of space '{measured.name}' ({measured.hash}), and the search is of "
            f"'{space.name}' ({space.hash})"
        )
    goals, bounds = parse_objectives(objectives), parse_constraints(constraints)
    names = tuple(dict.fromkeys([goal.name for goal in goals] + [bound.name for bound in bounds]))
    for name in names:
        checked_name(name, evaluator.measurements, "measurement of this evaluator")
    try:
        json.dumps(evaluator.record())
    except TypeError as error:
        raise InputError(f"the evaluator's record() cannot be kept with the search: {error}") from None
    known_by: Key = "path" if evaluator.inherits_weights else "network"
    problem = SearchProblem(
        space=space,
        objectives=goals,
        constraints=bounds,
        costs=evaluator.costs,
        known_by=known_by,
        first=tuple(enqueue),
        trials=n_trials,
    )
    strategy.sampler(problem)  # what does not fit is refused before anything is opened
    attributes = {
        "space": space.record(),
        "space_hash": space.hash,
        "objectives": [str(goal) for goal in goals],
        "constraints": [str(bound) for bound in bounds],
        "evaluator": evaluator.record(),
        "strategy": strategy_record(strategy),
        "versions": versions(),
    }
    if "macs" in evaluator.measurements and isinstance(evaluator, CountingEvaluator) and evaluator.uncounted:
        attributes[UNCOUNTED] = list(evaluator.uncounted)
    if "latency_ms" in names and isinstance(evaluator, LatencyEvaluator):
        attributes["latency"] = evaluator.latency_record()
    with failures_of(storage):
        await_server(storage, patience, say or (lambda _: None))
        waiting = Patience(shown_storage(storage), patience, say)
        locks = worker_locks(storage, study_name, waiting)
    opened = None
    try:
        with failures_of(storage), locks.starting():
            # What opens a file says itself what is wrong with it; a server may go away at any moment.
            if is_server(storage):
                database = waiting(lambda: connect_to_server(storage))
            else:
                database = open_shared(storage, keep=True)
            opened = WorkerStorage(database, lambda: locks.number, waiting)
            study = optuna.create_study(
                storage=opened,
                study_name=study_name,
                directions=[goal.direction for goal in goals],
                load_if_exists=True,
            )
            team = take_place(study, locks, attributes, goals, known_by, say)
        study.sampler = strategy.sampler(replace(problem, worker=locks.number))
        with quiet_optuna(optuna.logging.ERROR), ended(team):
            watch = LatencyWatch(evaluator, names, latency_references(study))
            _Search(study, team, locks, space, evaluator, goals, bounds, names, known_by, watch).run(n_trials, progress)
    finally:
        locks.leave()
        if opened is not None:
            opened.close()
    if isinstance(storage, BaseStorage):
        return study
    with failures_of(storage):
        return waiting(lambda: open_search(storage, study_name))


@dataclass
class _Search:
    """A search on an open study. `names` are the measurements that objectives and constraints speak of."""

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
