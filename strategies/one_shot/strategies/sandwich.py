"""The sandwich rule: the largest network learns from the labels, all others from the largest, in the same update."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from torch import Tensor

from lighttrack_nas.search_spaces.base.labels import TEMPLATE_SIZE
from lighttrack_nas.search_spaces.space import Architecture, Space
from lighttrack_nas.strategies.one_shot.strategies.paths import PATHS, PathSampling, PathTraining
from lighttrack_nas.strategies.one_shot.training.one_shot_problem import MacsPaths, OneShotProblem, TrainingPlan
from lighttrack_nas.strategies.one_shot.training.task import DistillingTask
from lighttrack_nas.trackers.base.errors import InputError

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from nni.nas.oneshot.pytorch.sampling import RandomSamplingLightningModule


@dataclass(frozen=True)
class Sandwich:
    """Sandwich rule with in-place distillation (Yu and Huang, "Universally Slimmable Networks", 2019).

    An update trains the largest path, the smallest and random ones on the same batch: the largest on the labels, the
    others on the answers that the largest has just given. The largest is the architecture of the most MACs, the
    smallest that of the fewest. The update takes the mean of the paths' gradients, where the paper takes their sum:
    with AdamW that is the same.

    Attributes:
        random_paths: Random paths an update, 0 to 30; the paper takes 2.
    """

    random_paths: int = 2

    def __post_init__(self) -> None:
        if type(self.random_paths) is not int or not 0 <= self.random_paths <= 30:
            raise InputError(
                "one-shot strategy 'sandwich', random_paths: expected a whole number from 0 to 30, got "
                f"{self.random_paths!r}"
            )

    def plan(self, problem: OneShotProblem) -> TrainingPlan:
        """See `OneShotStrategy.plan`."""
        problem.require_own_gradients("sandwich")
        if TEMPLATE_SIZE in problem.space.labels:
            raise InputError(
                "one-shot strategy 'sandwich' compares the answers of paths, which needs crops of one size, and space "
                f"'{problem.space.name}' chooses them ({TEMPLATE_SIZE}): take spos or fair"
            )
        macs, space, seed = problem.known_macs("sandwich"), problem.space, problem.settings.seed

        def paths(step: int, rank: int) -> list[Architecture]:
            return sandwich_paths(space, macs, self.random_paths, seed, step)

        return TrainingPlan(_Distilling(paths), passes=2 + self.random_paths)


def sandwich_paths(space: Space, macs: MacsPaths, random_paths: int, seed: int, step: int) -> list[Architecture]:
    """The paths that train at a step: the largest, the smallest, then random ones.

    Args:
        space: The space.
        macs: Which are the largest and the smallest.
        random_paths: How many random ones.
        seed: Of the training.
        step: Optimiser step, from 0.
    """
    rng = np.random.default_rng([seed, step, PATHS])
    return [macs.dearest, macs.cheapest, *(space.sample(rng) for _ in range(random_paths))]


class _Distilling(PathSampling):
    def configure_oneshot_module(self, training_module: Any) -> RandomSamplingLightningModule:
        task = training_module.task
        if not isinstance(task, DistillingTask):
            raise InputError(f"one-shot strategy 'sandwich': {type(task).__name__} cannot compare networks' answers")
        return _SandwichTraining(training_module, self._paths)


class _SandwichTraining(PathTraining):
    """The first pass over a batch trains on labels and leaves its answers to the passes that follow."""

    _teacher: Any = None

    def training_step(self, batch: Any, batch_idx: int) -> Tensor:
        number = self.pin(batch_idx)
        inner, answers = self.training_module, []

        def recording(*inputs: Tensor) -> Any:
            answers.append(inner.model(*inputs))
            return answers[-1]

        losses = inner.task.loss(recording, batch.content, inner.device)
        if number == 0:
            self._teacher = _detached(answers[-1])
            inner.latest = {name: value.detach() for name, value in losses.items()}
        else:
            losses = inner.task.distillation(answers[-1], self._teacher)
            # The log keeps the largest network's losses; "loss" is always that of the pass.
            loss = losses["loss"].detach()
            inner.latest = dict(inner.latest) | {"loss": loss, "distillation": loss}
        return losses["loss"]


def _detached(answers: Sequence[Tensor]) -> tuple[Tensor, ...]:
    return tuple(answer.detach() for answer in answers)
