"""What a study holds, read back: its space, and what was measured of which architecture."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import optuna
from optuna.trial import FrozenTrial, TrialState

from lighttrack_nas.search_spaces.loading.loading import parse_space
from lighttrack_nas.search_spaces.space import Architecture, Space
from lighttrack_nas.strategies.search.goals.hypervolume import non_dominated
from lighttrack_nas.strategies.search.goals.objectives import Objective, parse_constraints, total_violation
from lighttrack_nas.strategies.search.storage.storage import connect, failures_of, journal_path
from lighttrack_nas.trackers.base.errors import InputError
from lighttrack_nas.trackers.base.parsing import is_finite, short

Key = Literal["path", "network"]
"""User attributes of a trial that tell its network: `digest` of `path()`, and of `canonical()`."""

WITHOUT_SAY = "without_say"
"""User attribute of a trial: the labels whose parameters have no say in it, such as those of blocks behind its output.

Every trial has a parameter for every choice of the space: Optuna's own samplers, NSGA-II's crossover first of all, need
one fixed space, and so do studies that are taken up again. What conditions leave without a say is therefore drawn as
well, and listed here, sorted. Older studies have no such attribute; `results` finds the labels anew from the space.
"""

FAILURE = "failure"
"""User attribute of a trial whose architecture cannot be measured: why."""


UNCOUNTED = "uncounted"
"""User attribute of a study: the operators that its "macs" leave out, where there are any."""

LATENCY_REFERENCE = "latency_reference_ms"
"""User attribute of a trial: the time of the evaluator's reference network, taken after it, milliseconds."""

REFERENCE_SECONDS = "latency_reference_seconds"
"""User attribute of a trial: what taking that time took; it is part of the trial's duration, and of no evaluation."""


@dataclass(frozen=True)
class TrialRecord:
    """A completed trial.

    Attributes:
        number: Optuna's number of it.
        architecture: What was proposed.
        measurements: Value by name: the objectives', the constraints', and all costs.
        feasible: Whether it keeps every constraint.
        violation: By what parts of their limits it breaks the constraints, summed; 0.0 when feasible.
        seconds: What its evaluation took.
        copied_from: Number of the trial of the same network whose measurements it took over; None where it was
            measured.
    """

    number: int
    architecture: Architecture
    measurements: Mapping[str, float]
    feasible: bool
    violation: float
    seconds: float
    copied_from: int | None


def digest(architecture: Architecture) -> str:
    """Sixteen hexadecimal digits that tell an architecture from the others of its space."""
    return hashlib.sha256("\n".join(architecture.values).encode()).hexdigest()[:16]


def labels_without_say(architecture: Architecture) -> list[str]:
    """The choices that have no say in an architecture's network, sorted."""
    return sorted(architecture.space.dead_labels(architecture) & architecture.space.labels.keys())


def load_search(storage: str | Path | optuna.storages.BaseStorage, study_name: str = "search") -> optuna.Study:
    """Open the study of a search for reading, also while the search runs.

    Args:
        storage: A journal file, or a URL that Optuna knows.
        study_name: The study's name in it.

    Raises:
        InputError: Nothing to read there, or no such study.
    """
    path = journal_path(storage)
    if path is not None and not path.is_file():
        raise InputError(f"'{path}' is no journal of a search: no such file")
    with failures_of(storage):
        study = open_search(storage, study_name)
        study.get_trials(deepcopy=False)  # here, where what cannot be read is said of the storage
        return study


def open_search(storage: str | Path | optuna.storages.BaseStorage, study_name: str) -> optuna.Study:
    """As `load_search`, and raises what Optuna and the database raise."""
    opened = connect(storage)
    names = [study.study_name for study in opened.get_all_studies()]
    if study_name not in names:
        raise InputError(f"{storage}: no study '{study_name}'; there is " + (", ".join(names) or "none"))
    return optuna.load_study(study_name=study_name, storage=opened)


def space_of(study: optuna.Study) -> Space:
    """The space that a study searched.

    Raises:
        InputError: The study is none of this project's, or its space does not fit this version.
    """
    return parse_space(_attribute(study, "space"), where=f"study '{study.study_name}', space")


def completed_trials(study: optuna.Study, space: Space | None = None) -> list[TrialRecord]:
    """Read back the completed trials, in their order.

    Args:
        study: From `run_search` or `load_search`.
        space: The study's space, where it is at hand already.

    Raises:
        InputError: The study is of another space, or none of this project's.
    """
    space = space or space_of(study)
    if _attribute(study, "space_hash") != space.hash:
        raise InputError(
            f"study '{study.study_name}' is of space {study.user_attrs['space_hash']}, not of '{space.name}' "
            f"({space.hash})"
        )
    constraints = parse_constraints(_attribute(study, "constraints"))
    records = []
    for trial in trials_with_values(study):
        attributes = trial.user_attrs
        measurements = measurements_of(trial, study.study_name)
        violation = total_violation(constraints, measurements)
        records.append(
            TrialRecord(
                number=trial.number,
                architecture=space.architecture(trial.params),
                measurements=measurements,
                feasible=violation <= 0,
                violation=violation,
                seconds=_number(attributes.get("seconds", 0.0), study.study_name, trial, "seconds"),
                copied_from=attributes.get("copied_from"),
            )
        )
    return records


def measurements_of(trial: FrozenTrial, study_name: str = "search") -> dict[str, float]:
    """What was measured of a trial's network, by name.

    Args:
        trial: A completed one.
        study_name: For the message.

    Raises:
        InputError: It holds none, or one that is no finite number.
    """
    measurements = trial.user_attrs.get("measurements")
    if not isinstance(measurements, dict):
        raise InputError(f"study '{study_name}', trial {trial.number}: holds no measurements")
    for name, value in measurements.items():
        _number(value, study_name, trial, f"measurement '{name}'")
    return dict(measurements)


def _number(value: Any, study_name: str, trial: FrozenTrial, what: str) -> float:
    if not is_finite(value):
        raise InputError(
            f"study '{study_name}', trial {trial.number}: {what}: expected a finite number, got {short(value)}"
        )
    return value


def trials_with_values(study: optuna.Study) -> list[FrozenTrial]:
    """The completed trials of a study, in their order.

    Raises:
        InputError: One has more or fewer values than the study has objectives.
    """
    trials = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
    for trial in trials:
        if len(trial.values or ()) != len(study.directions):
            raise InputError(
                f"study '{study.study_name}', trial {trial.number}: expected a value for each of "
                f"{len(study.directions)} objectives, got {short(trial.values)}"
            )
    return trials


def latency_references(study: optuna.Study) -> list[float]:
    """Times of the evaluator's reference network during a search, milliseconds, in the order of the trials."""
    trials = study.get_trials(deepcopy=False)
    return [trial.user_attrs[LATENCY_REFERENCE] for trial in trials if LATENCY_REFERENCE in trial.user_attrs]


def pareto_front(records: Sequence[TrialRecord], objectives: Sequence[Objective]) -> list[TrialRecord]:
    """Choose the records worth having: feasible, and dominated by no other feasible one.

    Args:
        records: Of one search.
        objectives: What counts; every record holds their measurements.

    Returns:
        In the order given, without the copies of records that are there. Where none is feasible, the least violating
        ones, whose `feasible` says so.
    """
    numbers = {record.number for record in records}
    measured = [record for record in records if record.copied_from not in numbers]
    if not measured:
        return []
    feasible = [record for record in measured if record.feasible]
    if not feasible:
        least = min(record.violation for record in measured)
        return [record for record in measured if record.violation == least]
    values = np.array([[o.sign * record.measurements[o.name] for o in objectives] for record in feasible])
    return [record for record, keep in zip(feasible, non_dominated(values), strict=True) if keep]


def _attribute(study: optuna.Study, name: str) -> Any:
    if name not in study.user_attrs:
        raise InputError(f"study '{study.study_name}' is no architecture search: it has no attribute '{name}'")
    return study.user_attrs[name]
