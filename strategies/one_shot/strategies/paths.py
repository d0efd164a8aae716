"""Path sampling through NNI: every pass trains one path, and the paths are a function of seed and step."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

from lighttrack_nas.search_spaces.building.model_space import nni_sample
from lighttrack_nas.search_spaces.building.nni_adapter import BaseSuperNetModule, is_supernet
from lighttrack_nas.search_spaces.space import Architecture

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from nni.nas.oneshot.pytorch.sampling import RandomSamplingLightningModule
    from nni.nas.oneshot.pytorch.strategy import RandomOneShot

# Keeps the paths' random numbers apart from the data's, which come from the same seed.
PATHS = 0x9A7

Model = TypeVar("Model", bound=nn.Module)
Paths = Callable[[int, int], Sequence[Architecture]]
"""The paths that train at an optimiser step, from 0, on a device, from 0: one for each pass over a batch.

Where all devices train the same (`TrainingSettings.paths`) they train the paths of device 0.
"""


class PathSampling(RandomOneShot):
    """NNI's RandomOneShot, which samples from a global generator, with our paths instead.

    Args:
        paths: What to train; batches that are accumulated share them.
    """

    def __init__(self, paths: Paths) -> None:
        super().__init__()
        self._paths = paths

    def mutate_model(self, model: Model) -> Model:
        """Make the supernet, unless it is one; called by NNI."""
        if is_supernet(model):
            return model
        # NNI makes somebody's Mutable layers anew: the same weights again when a training starts anew.
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(PATHS)
            mutated: Model = super().mutate_model(model)
        return mutated

    def configure_oneshot_module(self, training_module: Any) -> RandomSamplingLightningModule:
        """Wrap the training step; called by NNI."""
        return PathTraining(training_module, self._paths)


class PathTraining(RandomSamplingLightningModule):
    """The training step of `PathSampling`.

    Args:
        training_module: What it wraps.
        paths: See `PathSampling`.
    """

    def __init__(self, training_module: Any, paths: Paths) -> None:
        super().__init__(training_module)
        self._paths = paths
        self._step = -1
        self._drawn: Sequence[Architecture] = ()
        self._choices: list[BaseSuperNetModule] | None = None

    def pin(self, batch_idx: int) -> int:
        """Let a batch run its path.

        Args:
            batch_idx: As Lightning counts them: each pass over a batch counts.

        Returns:
            The number of the pass over this batch, from 0.
        """
        if self._choices is None:
            self._choices = list(self.supernet_modules())
        if self._step != self.trainer.global_step:
            self._step = self.trainer.global_step
            device = self.training_module.settings.path_of(self.trainer.global_rank)
            self._drawn = self._paths(self._step, device)
        number = batch_idx % len(self._drawn)
        sample = nni_sample(self._drawn[number])
        for choice in self._choices:
            choice.resample(memo=sample)
        return number

    def training_step(self, batch: Any, batch_idx: int) -> Tensor:
        """Pin a path, then train."""
        self.pin(batch_idx)
        loss: Tensor = self.training_module.training_step(batch, batch_idx)
        return loss
