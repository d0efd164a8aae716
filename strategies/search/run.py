"""The loop of a search: propose, measure, record, and go on where a killed one stopped."""

from __future__ import annotations

import contextlib
import json
import math
import platform
import time
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

import optuna
from optuna.storages import BaseStorage
from optuna.trial import Trial, TrialState

from lighttrack_nas.search_spaces.architecture import Architecture
from lighttrack_nas.search_spaces.space import Space
from lighttrack_nas.strategies.search.evaluator import Evaluator, LatencyEvaluator
from lighttrack_nas.strategies.search.objectives import (
    Constraint,
    Objective,
    parse_constraints,
    parse_objectives,
    short_number,
)
from lighttrack_nas.strategies.search.problem import SearchProblem, SearchStrategy
from lighttrack_nas.strategies.search.registry import strategy_record
from lighttrack_nas.strategies.search.sampling import distributions
from lighttrack_nas.strategies.search.storage import failures_of, open_for_writing
from lighttrack_nas.strategies.search.trials import FAILURE, Key, digest
from lighttrack_nas.trackers.errors import InputError
from lighttrack_nas.trackers.names import checked_name

Progress = Callable[[int, int, str], None]
"""Called with the completed trials, those wanted, and a few words on the last."""

FAILURES_IN_A_ROW = 5
"""Architectures that cannot be measured, one after the other, after which something else must be wrong."""

_DECIDES = ("space_hash", "objectives", "constraints", "evaluator", "latency", "strategy")
"""User attributes of a study that must be equal for a search to go on in it."""


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
    progress: Progress | None = None,
) -> optuna.Study:
    """Search a space, or go on with a search that was stopped at any moment.

    What is proposed next is a function of the strategy's seed and of the trials that have ended, so that a search that
    was killed and resumed gives what an undisturbed one gives. One process at a time may run a study. For a journal
    that is checked; with a URL it is up to you.

    A network that is proposed again is not measured again. One that cannot be measured makes its trial fail, and is not
    proposed again.

    Args:
        space: What to search.
        evaluator: What measures.
        strategy: How to search.
        objectives: What to make large or small: "maximize ao", "minimize macs", or names alone.
        constraints: What to keep to: "macs <= 600M", or names of `CONSTRAINT_SETS`.
        n_trials: Completed trials to have at the end, those of an earlier run included.
        storage: A journal file, an Optuna URL such as `sqlite:///search.db`, or an Optuna storage.
        study_name: The study's name in the storage.
        enqueue: Architectures to evaluate before any other, whatever they cost; those that have a trial are left out.
        progress: Told of every completed trial.

    Returns:
        The study; `completed_trials` reads it.

    Raises:
        InputError: A mistake in the arguments; the storage cannot be opened, or holds a search for something else; or
            five architectures in a row could not be measured.
    """
    if n_trials < 1:
        raise InputError(f"n_trials: expected 1 or more, got {n_trials}")
    goals, bounds = parse_objectives(objectives), parse_constraints(constraints)
    names = tuple(dict.fromkeys([goal.name for goal in goals] + [bound.name for bound in bounds]))
    for name in names:
        checked_name(name, evaluator.measurements, "measurement of this evaluator")
    try:
        json.dumps(evaluator.record())
    except TypeError as error:
        raise InputError(f"the evaluator's record() cannot be kept with the search: {error}") from None
    known_by: Key = "path" if evaluator.inherits_weights else "network"
    sampler = strategy.sampler(
        SearchProblem(
            space=space,
            objectives=goals,
            constraints=bounds,
            costs=evaluator.costs,
            known_by=known_by,
            first=tuple(enqueue),
            trials=n_trials,
        )
    )
    attributes = {
        "space": space.description.model_dump(mode="json"),
        "space_hash": space.hash,
        "objectives": [str(goal) for goal in goals],
        "constraints": [str(bound) for bound in bounds],
        "evaluator": evaluator.record(),
        "strategy": strategy_record(strategy),
        "versions": _versions(),
    }
    if "latency_ms" in names and isinstance(evaluator, LatencyEvaluator):
        attributes["latency"] = evaluator.latency_record()
    with open_for_writing(storage) as opened:
        with failures_of(storage):
            study = optuna.create_study(
                storage=opened,
                study_name=study_name,
                directions=[goal.direction for goal in goals],
                sampler=sampler,
                load_if_exists=True,
            )
            _describe(study, attributes, goals)
        with _running_trials_failed(study):
            _Search(study, space, evaluator, goals, bounds, names, known_by).run(n_trials, progress)
    return study


@dataclass(frozen=True)
class _Search:
    """A search on an open study. `names` are the measurements that objectives and constraints speak of."""

    study: optuna.Study
    space: Space
    evaluator: Evaluator
    objectives: tuple[Objective, ...]
    constraints: tuple[Constraint, ...]
    names: tuple[str, ...]
    known_by: Key

    def run(self, n_trials: int, progress: Progress | None) -> None:
        wanted = distributions(self.space)
        failures = 0
        while (done := len(self._complete())) < n_trials:
            trial = self.study.ask(wanted)
            failure, text = self._evaluate(trial)
            failures = failures + 1 if failure else 0
            if failures >= FAILURES_IN_A_ROW:
                raise InputError(
                    f"{failures} architectures in a row could not be measured; the last one, trial {trial.number}: "
                    f"{failure}; they will not be proposed again: where they are not to blame, start a new search"
                )
            if progress and not failure:
                progress(done + 1, n_trials, text)

    def _evaluate(self, trial: Trial) -> tuple[str, str]:
        """Carry one trial to its end; give what failed, and what to say of it."""
        architecture = self.space.architecture(trial.params)
        keys = {"path": digest(architecture.path()), "network": digest(architecture.canonical())}
        for key, value in keys.items():
            trial.set_user_attr(key, value)
        start = time.perf_counter()
        try:
            measurements, source = self._measurements(architecture, keys)
        except InputError as error:
            trial.set_user_attr(FAILURE, str(error))
            self.study.tell(trial, state=TrialState.FAIL)
            return str(error), ""
        trial.set_user_attr("measurements", measurements)
        trial.set_user_attr("seconds", time.perf_counter() - start)
        if source is not None:
            trial.set_user_attr("copied_from", source)
        for constraint in self.constraints:
            trial.set_constraint(str(constraint), constraint.violation(measurements))
        self.study.tell(trial, [measurements[objective.name] for objective in self.objectives])
        text = ", ".join(f"{name} {short_number(measurements[name])}" for name in self.names)
        note = getattr(self.study.sampler, "note", "")
        text += f"; {note}" if note else ""
        return "", text + ("" if source is None else f" (copied from trial {source})")

    def _measurements(self, architecture: Architecture, keys: dict[str, str]) -> tuple[dict[str, float], int | None]:
        """Measure what no earlier trial has measured; give all, and the trial that had everything."""
        costs = self.evaluator.costs(architecture)
        found = {name: float(costs[name]) for name in self.evaluator.measurements if name in costs}
        dear = [name for name in self.names if name not in found]
        source = None
        for trial in self._complete():
            attributes = trial.user_attrs
            if attributes.get("network") != keys["network"]:
                continue
            if attributes[self.known_by] == keys[self.known_by]:
                source = attributes.get("copied_from", trial.number)
                found = attributes["measurements"] | found
                break
            # The same network on other weights of the supernet: as fast, but not as good.
            if "latency_ms" in dear:
                found["latency_ms"] = attributes["measurements"]["latency_ms"]
        missing = [name for name in dear if name not in found]
        if missing:
            measured = self.evaluator.measure(architecture, missing)
            found |= {name: float(measured[name]) for name in missing if name in measured}
        for name in self.names:
            if not math.isfinite(found.get(name, math.nan)):
                raise InputError(f"'{name}' was measured as {found.get(name, 'nothing')}, which is no finite number")
        return found, source

    def _complete(self) -> list[optuna.trial.FrozenTrial]:
        return self.study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))


def _describe(study: optuna.Study, attributes: dict[str, Any], objectives: Sequence[Objective]) -> None:
    """Write what a study is for, or see that a study that is there is for the same."""
    # As JSON gives it back: lists for tuples.
    attributes = json.loads(json.dumps(attributes))
    there = study.user_attrs
    if "space_hash" not in there and study.get_trials(deepcopy=False):
        raise InputError(f"study '{study.study_name}' holds trials of something else; give another file or name")
    different = [
        _difference(name, there[name], attributes.get(name))
        for name in _DECIDES
        if name in there and there[name] != attributes.get(name)
    ]
    directions = [direction.name.lower() for direction in study.directions]
    wanted = [objective.direction for objective in objectives]
    if directions != wanted and not different:
        different = [f"directions were {', '.join(directions)}, are {', '.join(wanted)}"]
    if different:
        raise InputError(
            f"study '{study.study_name}' is a search for something else, and cannot go on: " + "; ".join(different)
        )
    # A kill may have come between any two of them.
    for name, value in attributes.items():
        if name not in there:
            study.set_user_attr(name, value)
    if study.metric_names is None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            study.set_metric_names([objective.name for objective in objectives])


def _difference(name: str, there: Any, here: Any) -> str:
    if isinstance(there, dict) and isinstance(here, dict):
        keys = [key for key in there | here if there.get(key) != here.get(key)]
        return f"{name}: " + ", ".join(f"{key} was {there.get(key)!r}, is {here.get(key)!r}" for key in keys)
    return f"{name} was {there!r}, is {here!r}"


@contextmanager
def _running_trials_failed(study: optuna.Study) -> Iterator[None]:
    """Leave no trial running: neither one of a process that was killed, nor ours when an exception ends it.

    Their architectures are proposed again, as nothing but ended evaluations decides on what comes next.
    """

    def fail() -> None:
        for trial in study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
            study.tell(trial.number, state=TrialState.FAIL)

    fail()
    try:
        yield
    except BaseException:
        with contextlib.suppress(Exception):
            fail()
        raise


def _versions() -> dict[str, str]:
    packages = ("lighttrack-nas", "numpy", "optuna")
    return {"python": platform.python_version()} | {name: metadata.version(name) for name in packages}
