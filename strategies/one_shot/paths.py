"""Single-path uniform sampling (SPOS) through NNI, with paths that are a function of seed and step."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from torch import Tensor

from lighttrack_nas.search_spaces.architecture import Architecture
from lighttrack_nas.search_spaces.model_space import nni_sample
from lighttrack_nas.search_spaces.nni_adapter import BaseSuperNetModule
from lighttrack_nas.search_spaces.space import Space

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from nni.nas.oneshot.pytorch.sampling import RandomSamplingLightningModule
    from nni.nas.oneshot.pytorch.strategy import RandomOneShot

# Keeps the paths' random numbers apart from the data's, which come from the same seed.
_PATHS = 0x9A7


def path_at(space: Space, seed: int, step: int, rank: int = 0) -> Architecture:
    """The architecture that trains at a step: every candidate of every label equally likely.

    Args:
        space: The space.
        seed: Of the training.
        step: Optimiser step, from 0.
        rank: Of the device; each samples its own paths.
    """
    return space.sample(np.random.default_rng([seed, step, rank, _PATHS]))


class SeededRandomOneShot(RandomOneShot):
    """NNI's RandomOneShot, which samples from a global generator, with our paths instead.

    Args:
        space: The space.
        seed: Of the training.
    """

    def __init__(self, space: Space, seed: int) -> None:
        super().__init__()
        self._space, self._seed = space, seed

    def configure_oneshot_module(self, training_module: Any) -> RandomSamplingLightningModule:
        """Wrap the training step; called by NNI."""
        return _SeededPaths(training_module, self._space, self._seed)


class _SeededPaths(RandomSamplingLightningModule):
    def __init__(self, training_module: Any, space: Space, seed: int) -> None:
        super().__init__(training_module)
        self._space, self._seed = space, seed
        self._choices: list[BaseSuperNetModule] | None = None

    def resample(self) -> dict[str, Any]:
        """Decide the step's path; batches that are accumulated share it."""
        if self._choices is None:
            self._choices = list(self.supernet_modules())
        sample = nni_sample(path_at(self._space, self._seed, self.trainer.global_step, self.trainer.global_rank))
        for choice in self._choices:
            choice.resample(memo=sample)
        return sample

    def training_step(self, *args: Any, **kwargs: Any) -> Tensor:
        """Sample, then train."""
        self.resample()
        return self.training_module.training_step(*args, **kwargs)
