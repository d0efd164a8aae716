"""What a study says of itself, so that whoever goes on with it or joins it searches for the same."""

from __future__ import annotations

import json
import platform
import warnings
from collections.abc import Sequence
from importlib import metadata
from typing import Any

import optuna

from lighttrack_nas.strategies.search.goals.objectives import Objective
from lighttrack_nas.trackers.base.errors import InputError

_DECIDES = ("space_hash", "objectives", "constraints", "evaluator", "latency", "strategy")
"""User attributes of a study that must be equal for a search to go on in it."""
_PACKAGES = ("lighttrack-nas", "numpy", "optuna")
"""Of whose versions proposals and measurements are a function, beside those that the evaluator's record has."""


def describe_study(
    study: optuna.Study, attributes: dict[str, Any], objectives: Sequence[Objective], joined: bool = False
) -> None:
    """Write what a study is for, or see that a study that is there is for the same.

    Args:
        study: New, or of any search.
        attributes: Of the search that is to go on in it, "versions" among them.
        objectives: The same as the attribute.
        joined: Whether others are at work in the study. One that starts alone may have other versions than its first
            run; workers of one search may not.

    Raises:
        InputError: The study is for something else, or its workers have other versions.
    """
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
    _check_versions(study, there.get("versions"), attributes["versions"], joined)
    # A kill may have come between any two of them.
    for name, value in attributes.items():
        if name not in there:
            study.set_user_attr(name, value)
    if study.metric_names is None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            study.set_metric_names([objective.name for objective in objectives])


def versions() -> dict[str, str]:
    """Of Python and of what decides on proposals."""
    return {"python": platform.python_version()} | {name: metadata.version(name) for name in _PACKAGES}


def _check_versions(study: optuna.Study, there: Any, here: dict[str, str], joined: bool) -> None:
    if there is None or all(there.get(name) == here[name] for name in _PACKAGES):
        return
    if joined:
        raise InputError(
            f"study '{study.study_name}' is being searched by workers of other versions, which cannot be joined: "
            + _difference("versions", {name: there.get(name) for name in _PACKAGES}, {n: here[n] for n in _PACKAGES})
        )
    study.set_user_attr("earlier_versions", [*study.user_attrs.get("earlier_versions", []), there])
    study.set_user_attr("versions", here)


def _difference(name: str, there: Any, here: Any) -> str:
    if isinstance(there, dict) and isinstance(here, dict):
        keys = [key for key in there | here if there.get(key) != here.get(key)]
        return f"{name}: " + ", ".join(f"{key} was {there.get(key)!r}, is {here.get(key)!r}" for key in keys)
    return f"{name} was {there!r}, is {here!r}"
