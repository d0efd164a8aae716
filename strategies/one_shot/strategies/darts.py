"""DARTS and its Gumbel variant: every candidate is computed, and their sum is weighted by the architecture."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from lighttrack_nas.strategies.one_shot.strategies.differentiable import AlphaTraining, Differentiable, SeededDarts
from lighttrack_nas.strategies.one_shot.training.one_shot_problem import OneShotProblem, TrainingPlan
from lighttrack_nas.trackers.base.errors import InputError

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from nni.nas.oneshot.pytorch.differentiable import LinearTemperatureScheduler
    from nni.nas.oneshot.pytorch.supermodule.differentiable import GumbelSoftmax


@dataclass(frozen=True)
class Darts(Differentiable):
    """DARTS, first order (Liu et al., "DARTS", 2019): the sum of all candidates, weighted by the softmax of alpha.

    All operations are computed and kept in memory, all exits too: see `Differentiable` for the settings.
    """

    _name = "darts"

    def plan(self, problem: OneShotProblem) -> TrainingPlan:
        """See `OneShotStrategy.plan`."""
        self._require_layers(problem)
        self._require_precision(problem, "32", "bf16")
        self._require_mixable(problem)
        return TrainingPlan(SeededDarts(problem, self), batches=1 if self.joint else 2)


@dataclass(frozen=True)
class GumbelDarts(Differentiable):
    """DARTS with Gumbel noise (Xie et al., "SNAS", 2019; Wu et al., "FBNet", 2019).

    The weights of the sum are a sample that nears a single candidate as the temperature falls. Places that share a
    label share their noise, as they share their choice.

    Attributes:
        temperature: Of the softmax at the first step, 0.01 to 100.
        final_temperature: At the last step, as much at most; it falls evenly.
    """

    _name = "gumbel-darts"

    temperature: float = 1.0
    final_temperature: float = 0.33

    def __post_init__(self) -> None:
        super().__post_init__()
        self._require_number("temperature", 0.01, 100.0)
        self._require_number("final_temperature", 0.01, 100.0)
        if self.final_temperature > self.temperature:
            raise InputError(
                f"one-shot strategy '{self._name}': final_temperature must be at most temperature "
                f"({self.temperature:g}), "
                f"got {self.final_temperature:g}"
            )

    def plan(self, problem: OneShotProblem) -> TrainingPlan:
        """See `OneShotStrategy.plan`."""
        self._require_layers(problem)
        self._require_precision(problem, "32", "bf16")
        self._require_mixable(problem)
        return TrainingPlan(_SeededGumbel(problem, self), batches=1 if self.joint else 2)


class _SharedNoise(GumbelSoftmax):
    """NNI's softmax with noise that is drawn once a pass for every alpha."""

    def __init__(self) -> None:
        super().__init__()
        self._noise: dict[int, Tensor] = {}

    def draw(self, alphas: Sequence[nn.Parameter], rng: np.random.Generator) -> None:
        self._noise = {
            id(alpha): torch.as_tensor(rng.gumbel(size=len(alpha)), dtype=alpha.dtype, device=alpha.device)
            for alpha in alphas
        }

    def forward(self, inputs: Tensor) -> Tensor:
        return torch.softmax((inputs + self._noise[id(inputs)]) / self.tau, dim=-1)


class _SeededGumbel(SeededDarts):
    _chosen: GumbelDarts

    def __init__(self, problem: OneShotProblem, chosen: GumbelDarts) -> None:
        super().__init__(problem, chosen)
        self._softmax = _SharedNoise()

    def configure_softmax(self) -> nn.Module:
        return self._softmax

    def configure_oneshot_module(self, training_module: Any) -> AlphaTraining:
        return _GumbelTraining(training_module, self._problem, self._chosen, self._softmax)


class _GumbelTraining(AlphaTraining):
    def __init__(
        self, training_module: Any, problem: OneShotProblem, chosen: GumbelDarts, softmax: _SharedNoise
    ) -> None:
        super().__init__(training_module, problem, chosen)
        self._softmax = softmax
        self._temperatures = LinearTemperatureScheduler(float(chosen.temperature), float(chosen.final_temperature))

    def draw(self, step: int, rng: np.random.Generator) -> None:
        self._softmax.tau = self._temperatures.step(step, max(self._problem.settings.steps - 1, 1))
        self._softmax.draw(self._alphas, rng)
