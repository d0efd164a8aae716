"""One search run, read from its study, and what runs that differ have to do with each other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lighttrack_nas.search_spaces.space import Space
from lighttrack_nas.strategies.search.objectives import Constraint, Objective, parse_constraints, parse_objectives
from lighttrack_nas.strategies.search.trials import FAILURE, TrialRecord, completed_trials, load_search, space_of
from lighttrack_nas.trackers.errors import InputError

if TYPE_CHECKING:
    from optuna import Study

JOURNAL = "journal.log"
"""The study's file in a run's folder."""
# What of an evaluator's record decides latencies.
_LATENCY_CONDITIONS = ("device", "processor", "runtime", "latency_threads", "torch")


@dataclass(frozen=True, eq=False)
class Run:
    """One search run.

    Attributes:
        name: What tables call it.
        space: Rebuilt from the study.
        objectives: What it searched for.
        constraints: What it kept to.
        record: What it says of itself: strategy, evaluator, versions, objectives, constraints.
        trials: The completed ones.
        failures: Why trials failed, where the evaluator could not measure them.
    """

    name: str
    space: Space
    objectives: tuple[Objective, ...]
    constraints: tuple[Constraint, ...]
    record: Mapping[str, Any]
    trials: Sequence[TrialRecord]
    failures: Sequence[str]


def read_run(folder: Path, name: str) -> Run:
    """Read the run in a folder; a search may be writing it.

    Raises:
        InputError: There is none, or its journal is damaged.
    """
    if not (folder / JOURNAL).is_file() and (folder / "search" / JOURNAL).is_file():
        folder = folder / "search"  # the whole chain's folder
    if not (folder / JOURNAL).is_file():
        raise InputError(f"'{folder}' is no folder of a search: there is no {JOURNAL} in it")
    return run_of(load_search(folder / JOURNAL), name)


def run_of(study: Study, name: str) -> Run:
    """Read a study.

    Raises:
        InputError: It is not of a search.
    """
    space = space_of(study)
    attributes = study.user_attrs
    trials = completed_trials(study, space)
    failures = [trial.user_attrs[FAILURE] for trial in study.get_trials(deepcopy=False) if FAILURE in trial.user_attrs]
    return Run(
        name=name,
        space=space,
        objectives=parse_objectives(attributes.get("objectives", ())),
        constraints=parse_constraints(attributes.get("constraints", ())),
        record={key: attributes.get(key) for key in ("strategy", "evaluator", "versions", "objectives", "constraints")},
        trials=trials,
        failures=failures,
    )


def notes_on(runs: Sequence[Run]) -> list[str]:
    """What a reader of several runs together must know, a sentence each: failed trials, runs that differ."""
    notes = []
    for run in runs:
        if run.failures:
            count = f"{len(run.failures)} architecture{'s' if len(run.failures) > 1 else ''}"
            notes.append(f"run '{run.name}': {count} could not be measured; the last one: {run.failures[-1]}")
    for run in runs[1:]:
        first, other = runs[0].record, run.record
        pair = f"runs '{runs[0].name}' and '{run.name}'"
        keys = _different(first["evaluator"] or {}, other["evaluator"] or {})
        if keys:
            notes.append(
                f"{pair} measured differently ({', '.join(keys)}): their scores may not be of one scale, and the "
                "front is of both taken as equal"
            )
        if set(first["objectives"]) != set(other["objectives"]):
            notes.append(f"{pair} have different objectives: the front is of those they have in common")
        if set(first["constraints"]) != set(other["constraints"]):
            notes.append(f"{pair} have different constraints: all of them hold here")
    return notes


def _different(one: Mapping[str, Any], other: Mapping[str, Any]) -> list[str]:
    return sorted(key for key in one.keys() | other.keys() if one.get(key) != other.get(key))


def latency_problem(runs: Sequence[Run]) -> str:
    """Why latencies of these runs cannot be compared: they were measured on different ground; "" if they can."""
    conditions = [{k: (run.record["evaluator"] or {}).get(k) for k in _LATENCY_CONDITIONS} for run in runs]
    for run, other in zip(runs[1:], conditions[1:], strict=True):
        keys = _different(conditions[0], other)
        if keys:
            differences = ", ".join(f"{key} {conditions[0][key]!r} and {other[key]!r}" for key in keys)
            return (
                f"runs '{runs[0].name}' and '{run.name}' measured latency_ms on different ground ({differences}): such "
                "latencies cannot be compared; look at each run alone, or at other measurements"
            )
    return ""
