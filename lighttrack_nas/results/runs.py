"""One search run, read from its study, and what runs that differ have to do with each other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from lighttrack_nas.benchmarks.latency.fingerprint import fingerprint_differences
from lighttrack_nas.search_spaces.space import Space
from lighttrack_nas.strategies.search.goals.objectives import Constraint, Objective, parse_constraints, parse_objectives
from lighttrack_nas.strategies.search.storage.trials import (
    FAILURE,
    UNCOUNTED,
    TrialRecord,
    completed_trials,
    latency_references,
    load_search,
    space_of,
)
from lighttrack_nas.trackers.base.errors import InputError
from lighttrack_nas.trackers.base.parsing import short

if TYPE_CHECKING:
    from optuna import Study

JOURNAL = "journal.log"
"""The study's file in a run's folder."""
LATENCY_AGAIN = "latency_again"
"""User attribute of a study: network's digest -> milliseconds of the front's networks, measured again at the end."""
# What of an evaluator's record decides latencies, in journals of version 0.2.
_LATENCY_CONDITIONS = ("device", "processor", "runtime", "latency_threads", "torch")

_KINDS: Mapping[str, type] = MappingProxyType(
    {**dict.fromkeys(("evaluator", "latency", "versions", LATENCY_AGAIN), dict), UNCOUNTED: list}
)
_GOALS = ("objectives", "constraints")
_RECORD = ("strategy", "evaluator", "latency", "versions", "objectives", "constraints")


@dataclass(frozen=True, eq=False)
class Run:
    """One search run.

    Attributes:
        name: What tables call it.
        space: Rebuilt from the study.
        objectives: What it searched for.
        constraints: What it kept to.
        record: What it says of itself: strategy, evaluator, latency, versions, objectives, constraints.
        trials: The completed ones.
        failures: Why trials failed, where the evaluator could not measure them.
        latency_again: Network's digest -> milliseconds, of networks that were measured again at the end.
        uncounted: Operators that "macs" leave out.
        latency_references: Milliseconds of one network, timed again in between, in the order of the trials.
    """

    name: str
    space: Space
    objectives: tuple[Objective, ...]
    constraints: tuple[Constraint, ...]
    record: Mapping[str, Any]
    trials: Sequence[TrialRecord]
    failures: Sequence[str]
    latency_again: Mapping[str, float]
    latency_references: Sequence[float] = ()
    uncounted: Sequence[str] = ()


def search_folder(folder: Path) -> Path:
    """The folder of a search: the given one, or the search's in a whole chain's."""
    in_chain = not (folder / JOURNAL).is_file() and (folder / "search" / JOURNAL).is_file()
    return folder / "search" if in_chain else folder


def read_run(folder: Path, name: str) -> Run:
    """Read the run in a folder; a search may be writing it.

    Raises:
        InputError: There is none, or its journal is damaged.
    """
    folder = search_folder(folder)
    if not (folder / JOURNAL).is_file():
        named = sorted(str(path.parent) for path in folder.glob(f"search-*/{JOURNAL}"))
        more = f"; its searches have names: {', '.join(named)}" if named else ""
        raise InputError(f"'{folder}' is no folder of a search: there is no {JOURNAL} in it{more}")
    return run_of(load_search(folder / JOURNAL), name)


def run_of(study: Study, name: str) -> Run:
    """Read a study.

    Raises:
        InputError: It is not of a search.
    """
    space = space_of(study)
    attributes = study.user_attrs
    for key, kind in _KINDS.items():
        if not isinstance(attributes.get(key), kind | None):
            raise InputError(f"study '{study.study_name}' is damaged: {key} cannot be {short(attributes[key])}")
    trials = completed_trials(study, space)
    failures = [trial.user_attrs[FAILURE] for trial in study.get_trials(deepcopy=False) if FAILURE in trial.user_attrs]
    return Run(
        name=name,
        space=space,
        objectives=parse_objectives(attributes.get("objectives", ())),
        constraints=parse_constraints(attributes.get("constraints", ())),
        record={key: attributes.get(key) for key in _RECORD} | {key: attributes.get(key) or [] for key in _GOALS},
        trials=trials,
        failures=failures,
        latency_again=dict(attributes.get(LATENCY_AGAIN) or {}),
        latency_references=latency_references(study),
        uncounted=tuple(map(str, attributes.get(UNCOUNTED) or ())),
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
        keys = different_keys(first["evaluator"] or {}, other["evaluator"] or {})
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


def different_keys(one: Mapping[str, Any], other: Mapping[str, Any]) -> list[str]:
    """The keys of two records under which they differ."""
    return sorted(key for key in one.keys() | other.keys() if one.get(key) != other.get(key))


def latency_problem(runs: Sequence[Run]) -> str:
    """Why latencies of these runs cannot be compared: they were measured on different ground; "" if they can."""
    timed = [run for run in runs if any("latency_ms" in trial.measurements for trial in run.trials)]
    grounds = [_latency_ground(run) for run in timed]
    for run, other in zip(timed[1:], grounds[1:], strict=True):
        different = fingerprint_differences(grounds[0], other)
        if different:
            return (
                f"runs '{timed[0].name}' and '{run.name}' measured latency_ms on different ground ({different}): such "
                "latencies cannot be compared; look at each run alone, or at other measurements"
            )
    return ""


def _latency_ground(run: Run) -> Mapping[str, Any]:
    """The device's fingerprint, and where latencies come from."""
    if run.record["latency"]:
        return dict(run.record["latency"])
    evaluator = run.record["evaluator"] or {}
    return {key: evaluator[key] for key in _LATENCY_CONDITIONS if key in evaluator}
