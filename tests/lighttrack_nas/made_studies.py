"""Studies as searches write them, made by hand."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import optuna
from optuna.distributions import CategoricalDistribution
from optuna.trial import create_trial

from lighttrack_nas.search_spaces.loading.loading import load_space
from lighttrack_nas.search_spaces.space import Architecture, Space
from lighttrack_nas.strategies.search.goals.objectives import parse_objectives
from lighttrack_nas.strategies.search.storage.trials import digest

TINY = load_space("lighttrack-tiny")
OBJECTIVES = ("maximize ao", "minimize macs")
Trial = tuple[Architecture, Mapping[str, float]] | tuple[Architecture, Mapping[str, float], int]


def architecture(space: Space = TINY, **chosen: str) -> Architecture:
    """The first candidate everywhere, but for what is given, with "_" for "-"."""
    first = {label: values[0] for label, values in space.labels.items()}
    return space.architecture(first | {label.replace("_", "-"): value for label, value in chosen.items()})


def others(count: int, space: Space = TINY) -> list[Architecture]:
    """So many architectures, each another network."""
    rng = np.random.default_rng(0)
    found: dict[str, Architecture] = {}
    while len(found) < count:
        drawn = space.sample(rng)
        found[digest(drawn.canonical())] = drawn
    return list(found.values())


def study(
    trials: Sequence[Trial],
    *,
    space: Space = TINY,
    objectives: Sequence[str] = OBJECTIVES,
    constraints: Sequence[str] = (),
    evaluator: Mapping[str, Any] | None = None,
    folder: Path | None = None,
    storage: str | None = None,
    name: str = "search",
    strategy: Mapping[str, Any] | None = None,
    latency: Mapping[str, Any] | None = None,
) -> optuna.Study:
    """A study as a search writes it, in memory, in a folder or in a storage."""
    kept: str | optuna.storages.JournalStorage | None = storage
    if folder is not None:
        folder.mkdir(parents=True)
        backend = optuna.storages.journal.JournalFileBackend(str(folder / "journal.log"))
        kept = optuna.storages.JournalStorage(backend)
    goals = parse_objectives(objectives)
    made = optuna.create_study(study_name=name, storage=kept, directions=[goal.direction for goal in goals])
    attributes = {
        "space": space.description.model_dump(mode="json"),
        "space_hash": space.hash,
        "objectives": list(objectives),
        "constraints": list(constraints),
        "evaluator": dict(evaluator or {"evaluator": "made up"}),
        "strategy": dict(strategy or {"name": "by hand"}),
        "latency": latency,
        "versions": {},
    }
    for key, value in attributes.items():
        made.set_user_attr(key, value)
    for chosen, measurements, *copied in trials:
        about = {
            "measurements": dict(measurements),
            "path": digest(chosen.path()),
            "network": digest(chosen.canonical()),
            "seconds": 1.5,
        } | ({"copied_from": copied[0]} if copied else {})
        values = [measurements[goal.name] for goal in goals]
        made.add_trial(
            create_trial(values=values, params=dict(chosen.choices), distributions=wanted(space), user_attrs=about)
        )
    return made


def wanted(space: Space) -> dict[str, CategoricalDistribution]:
    return {label: CategoricalDistribution(values) for label, values in space.labels.items()}


def by_hand() -> list[Trial]:
    """Four networks; the third is dominated by the second."""
    a, b, c, d = others(4)
    return [
        (a, {"ao": 0.5, "macs": 10e6, "params": 1e5}),
        (b, {"ao": 0.6, "macs": 20e6, "params": 2e5}),
        (c, {"ao": 0.55, "macs": 30e6, "params": 3e5}),
        (d, {"ao": 0.7, "macs": 40e6, "params": 4e5}),
    ]


def digests(trials: Sequence[Trial], *indices: int) -> list[str]:
    return [digest(trials[index][0].canonical()) for index in indices]
