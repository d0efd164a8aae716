"""ProxylessNAS: one sampled path is trained; the architecture learns from what the others would have given."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from lighttrack_nas.search_spaces.building.model_space import nni_sample
from lighttrack_nas.strategies.one_shot.strategies.differentiable import (
    AlphaTraining,
    Differentiable,
    SeededDarts,
    learnt_distribution,
    statistics_kept,
    to_coarsest,
)
from lighttrack_nas.strategies.one_shot.training.one_shot_problem import OneShotProblem, TrainingPlan

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from nni.nas.oneshot.pytorch.supermodule.proxyless import ProxylessMixedInput, ProxylessMixedLayer


@dataclass(frozen=True)
class Proxyless(Differentiable):
    """ProxylessNAS (Cai et al., 2019): a path is sampled from the softmax of alpha, and only its operations train.

    Where the architecture learns, each choice also computes its other candidates, one after the other and without
    keeping them, for the gradient of its alpha. See `Differentiable` for the settings.
    """

    _name = "proxyless"

    def plan(self, problem: OneShotProblem) -> TrainingPlan:
        """See `OneShotStrategy.plan`."""
        # The other candidates are computed in the backward pass, where mixed precision is off.
        self._require_layers(problem)
        self._require_precision(problem, "32")
        self._require_mixable(problem)
        return TrainingPlan(_SeededProxyless(problem, self), batches=1 if self.joint else 2)


class _PathLayer(ProxylessMixedLayer):
    """NNI's choice, which leaves statistics of candidates that were not sampled alone, and works only when it must."""

    def forward(self, *args: Any) -> Any:
        if self._arch_alpha.requires_grad and torch.is_grad_enabled():
            return super().forward(*args)
        return self.forward_path(self._sample_idx, *args)

    def forward_path(self, index: int, *args: Any, **kwargs: Any) -> Any:
        candidate = self[self.names[index]]
        if torch.is_grad_enabled():
            return candidate(*args, **kwargs)
        with statistics_kept(candidate):  # the backward pass asks what another candidate would give
            return candidate(*args, **kwargs)


class _PathInput(ProxylessMixedInput):
    """NNI's choice; exits of several strides are compared at the coarsest one's."""

    def forward(self, inputs: Sequence[Tensor]) -> Any:
        if self._arch_alpha.requires_grad and torch.is_grad_enabled():
            return super().forward(to_coarsest(inputs))
        return inputs[self._sampled[0]]


class _SeededProxyless(SeededDarts):
    def default_mutation_hooks(self) -> list[Any]:
        return [_PathLayer.mutate, _PathInput.mutate]

    def configure_oneshot_module(self, training_module: Any) -> AlphaTraining:
        return _ProxylessTraining(training_module, self._problem, self._chosen)


class _ProxylessTraining(AlphaTraining):
    def draw(self, step: int, rng: np.random.Generator) -> None:
        distribution = learnt_distribution(self._problem.space, self.model)
        assert distribution is not None
        sample = nni_sample(distribution.sample(rng))
        for choice in self.supernet_modules():
            choice.resample(memo=sample)
