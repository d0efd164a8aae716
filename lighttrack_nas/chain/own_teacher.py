"""A teacher of a chain's own, where none is at hand: the dearest network that the limits allow, trained alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeGuard

import numpy as np

from lighttrack_nas.benchmarks.sums.elimination import Factor
from lighttrack_nas.benchmarks.sums.exact_fronts import Criterion, exact_front
from lighttrack_nas.chain.data import training_pairs
from lighttrack_nas.chain.evaluators import targets_and_losses
from lighttrack_nas.chain.pair_sources import decoding_processes, expanded
from lighttrack_nas.chain.trainings.training import MODEL_FILE, retrain
from lighttrack_nas.config.config import Config
from lighttrack_nas.config.config_data import UNLABELLED
from lighttrack_nas.costing.cost_analysis import EXACT, load_cost_table
from lighttrack_nas.models.architecture_files import find_architecture
from lighttrack_nas.place_tables.place_criteria import criteria
from lighttrack_nas.search_spaces.base.labels import OUTPUT
from lighttrack_nas.search_spaces.loading.loading import load_space
from lighttrack_nas.search_spaces.space import Architecture, Space
from lighttrack_nas.strategies.one_shot.devices.device_processes import going_on_together
from lighttrack_nas.strategies.search.goals.objectives import Constraint, Objective, parse_constraints
from lighttrack_nas.trackers.base.errors import InputError
from lighttrack_nas.trackers.base.progress import Say
from lighttrack_nas.trackers.tracking.hyper_parameters import load_hyper_parameters

if TYPE_CHECKING:
    from lighttrack_nas.benchmarks.costs.cost_table import CostTable
    from lighttrack_nas.strategies.one_shot.strategies.blockwise import Blockwise
    from lighttrack_nas.strategies.one_shot.teaching.teacher import Teacher
    from lighttrack_nas.strategies.one_shot.training.callbacks import AfterStep
    from lighttrack_nas.strategies.one_shot.training.one_shot_problem import OneShotStrategy
    from lighttrack_nas.strategies.one_shot.training.training_settings import TrainingSettings

UNNAMED = "of its own"
"""What messages call a teacher that is still to be trained."""


def learns_from_teacher(strategy: OneShotStrategy) -> TypeGuard[Blockwise]:
    """Whether a strategy learns from a teacher."""
    from lighttrack_nas.strategies.one_shot.strategies.blockwise import Blockwise

    return isinstance(strategy, Blockwise)


def lacks_teacher(strategy: OneShotStrategy) -> TypeGuard[Blockwise]:
    """Whether a strategy learns from a teacher that nobody has named."""
    return learns_from_teacher(strategy) and strategy.teacher is None


def with_expanded_teacher(strategy: OneShotStrategy) -> OneShotStrategy:
    """Put environment variables' values into the name of a strategy's teacher, where it has one.

    Raises:
        InputError: A variable is not set.
    """
    if not learns_from_teacher(strategy) or strategy.teacher is None:
        return strategy
    return replace(strategy, teacher=expanded(strategy.teacher))


def teacher_settings(config: Config) -> TrainingSettings:
    """How a chain trains a teacher of its own.

    Raises:
        InputError: Unknown field or impossible value.
    """
    return config.training(config.supernet.teacher_training, "supernet.teacher_training")


def teacher_record(config: Config) -> dict[str, Any]:
    """What decides a teacher of a chain's own, beside what decides all trainings of the chain; JSON-able."""
    part = config.supernet
    limits = [str(limit) for limit in _limits(config)] if part.teacher_architecture is None else None
    return {"architecture": part.teacher_architecture, "limits": limits, "training": dict(part.teacher_training)}


def dearest_architecture(table: CostTable, constraints: Sequence[Constraint]) -> Architecture:
    """The network of the most multiply-adds that keeps limits, exactly, at the deepest output with which one does.

    Args:
        table: Of the space.
        constraints: On "macs" and "params".

    Raises:
        InputError: No network keeps them.
    """
    space = table.space
    sums = {name: table.factors(name) for name in EXACT}
    wanted = criteria(sums, [Objective("macs", "maximize")], constraints)
    for output in reversed(space.candidates[OUTPUT]):
        architectures = exact_front(space, [*wanted, *_leaving_at(space, output)]).architectures
        if architectures:
            return architectures[0].path()
    limits = " and ".join(map(str, constraints))
    raise InputError(
        f"no network of space '{space.name}' keeps {limits}, so that none can be its teacher: ease search.constraints, "
        "or give supernet.teacher_architecture"
    )


def _leaving_at(space: Space, output: str) -> list[Criterion]:
    """Nothing for other networks than those of one output."""
    if OUTPUT not in space.labels:
        return []
    others = np.array([int(candidate != output) for candidate in space.labels[OUTPUT]])
    return [Criterion([Factor((OUTPUT,), others)], 0, False)]


def taught_by_own(
    config: Config,
    strategy: Blockwise,
    settings: TrainingSettings,
    folder: Path,
    say: Say,
    progress: AfterStep | None = None,
) -> Blockwise:
    """Train a teacher of the chain's own, or go on where that was stopped, and let the strategy learn from it.

    Args:
        config: Whose data, and `supernet.teacher_architecture` and `supernet.teacher_training`.
        strategy: Names no teacher.
        settings: The supernet's, for what would be refused after hours.
        folder: The training's; the teacher is its ``model.safetensors``.
        say: See `Say`.
        progress: Called after every step of the teacher's.

    Returns:
        The strategy, with the teacher.

    Raises:
        InputError: The space's networks cannot learn from one of them, no source has labels, a mistake in the
            configuration, or see `retrain`.
    """
    from lighttrack_nas.strategies.one_shot.training.one_shot_problem import OneShotProblem

    check_start(config, strategy)
    labelled, space = labelled_only(config), load_space(config.space)
    chosen = cache(partial(_architecture, config, space, say))
    # Now rather than after the teacher's training: whether the space can learn from one of its networks.
    replace(strategy, teacher=UNNAMED).plan(
        OneShotProblem(space=space, settings=settings, load_teacher=lambda *_: _untrained(chosen()))
    )
    architecture = chosen()
    file, how = folder / MODEL_FILE, teacher_settings(config)
    named = "no teacher is named: the supernet learns from one of its own"
    if file.exists():
        say(f"{named}, '{file}'")
    else:
        macs = load_cost_table(space).costs(architecture)["macs"]
        say(
            f"{named}, a network of {macs / 1e6:,.1f}M multiply-adds that is trained alone first, {how.steps:,} steps, "
            f"in '{folder}'"
        )
    targets, losses = targets_and_losses(config)
    with going_on_together(file):
        retrain(
            architecture,
            training_pairs(labelled, space, processes=decoding_processes(how)),
            settings=how,
            output=folder,
            targets=targets,
            losses=losses,
            hyper_parameters=load_hyper_parameters(config.search.hyper_parameters),
            record=labelled.data.model_dump(mode="json"),
            progress=progress,
        )
    return replace(strategy, teacher=str(file))


def labelled_only(config: Config) -> Config:
    """A configuration with its sources that have labels only.

    Raises:
        InputError: There is none.
    """
    sources = tuple(source for source in config.data.sources if source.kind not in UNLABELLED)
    if not sources:
        raise InputError(
            "supernet.strategy: no teacher is named, and none can be trained alone, since no source of data.sources "
            "has labels: name one, such as {name: blockwise, teacher: lighttrack-tiny-generated}, or add a source "
            "with labels"
        )
    return config.model_copy(update={"data": config.data.model_copy(update={"sources": sources})})


def _limits(config: Config) -> list[Constraint]:
    return [limit for limit in parse_constraints(config.search.constraints) if limit.name in EXACT]


def _architecture(config: Config, space: Space, say: Say) -> Architecture:
    given = config.supernet.teacher_architecture
    if given is not None:
        return find_architecture(given, config.space, say)
    return dearest_architecture(load_cost_table(space), _limits(config))


def check_start(config: Config, strategy: Blockwise) -> None:
    """Refuse what does not go with a teacher, and what not with one of the chain's own.

    Raises:
        InputError: The supernet is to start from something else, or a code is given without a teacher.
    """
    part = config.supernet
    if config.pretraining is not None or part.backbone is not None or part.start_from is not None:
        raise InputError(
            "supernet.strategy: a supernet that learns from a teacher starts from it: leave out pretraining, "
            "supernet.backbone and supernet.start_from"
        )
    if strategy.teacher is None and strategy.code is not None:
        raise InputError(
            f"supernet.strategy: code '{strategy.code}' is a teacher's, and none is named: name its checkpoint as "
            "teacher, or leave the code out"
        )


def _untrained(architecture: Architecture) -> Teacher:
    """A teacher of fresh weights, of which everything but what it knows can be checked."""
    import torch

    from lighttrack_nas.search_spaces.building.builder import build_network
    from lighttrack_nas.strategies.one_shot.teaching.teacher import Teacher

    with torch.random.fork_rng(devices=[]):
        return Teacher.of(build_network(architecture), architecture, UNNAMED, "")
