"""A search from its arguments to its study: opened or joined, gone on with where a killed one stopped, and closed."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

import optuna
from optuna.storages import BaseStorage

from lighttrack_nas.search_spaces.space import Architecture, Space
from lighttrack_nas.strategies.search.goals.evaluator import CountingEvaluator, Evaluator, LatencyEvaluator
from lighttrack_nas.strategies.search.goals.objectives import (
    Constraint,
    Objective,
    parse_constraints,
    parse_objectives,
)
from lighttrack_nas.strategies.search.joining import ended, take_place
from lighttrack_nas.strategies.search.latency_watch import LatencyWatch
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
    UNCOUNTED,
    Key,
    latency_references,
    open_search,
    trials_with_values,
)
from lighttrack_nas.strategies.search.study_description import versions
from lighttrack_nas.strategies.search.trial_loop import AfterTrial, TrialLoop
from lighttrack_nas.strategies.search.workers.liveness import worker_locks
from lighttrack_nas.strategies.search.workers.worker_storage import WorkerStorage
from lighttrack_nas.trackers.base.errors import InputError
from lighttrack_nas.trackers.base.names import checked_name
from lighttrack_nas.trackers.base.progress import Say


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
            trials_with_values(study)  # samplers compare their values
            team = take_place(study, locks, attributes, goals, known_by, say)
        study.sampler = strategy.sampler(replace(problem, worker=locks.number))
        with quiet_optuna(optuna.logging.ERROR), ended(team):
            watch = LatencyWatch(evaluator, names, latency_references(study))
            loop = TrialLoop(study, team, locks, space, evaluator, goals, bounds, names, known_by, watch)
            loop.run(n_trials, progress)
    finally:
        locks.leave()
        if opened is not None:
            opened.close()
    if isinstance(storage, BaseStorage):
        return study
    with failures_of(storage):
        return waiting(lambda: open_search(storage, study_name))
