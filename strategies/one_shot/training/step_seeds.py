"""Chance inside networks, such as dropout's, as a function of the step: a resumed training repeats it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytorch_lightning as pl
import torch
from torch import nn

_INSIDE = 0x5EED


def draws(model: nn.Module) -> bool:
    """Whether a model draws numbers while it trains."""
    return any(isinstance(module, nn.Dropout) and module.p > 0 for module in model.modules())


class StepSeeds(pl.Callback):
    """Seeds torch before each batch, from the training's seed, the step, the batch in it and the device.

    Args:
        seed: Of the training.
    """

    def __init__(self, seed: int) -> None:
        self._seed = seed

    def on_train_batch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule, batch: Any, index: int) -> None:
        """Seed."""
        place = trainer.global_step, index % trainer.accumulate_grad_batches, trainer.global_rank
        torch.manual_seed(int(np.random.default_rng([self._seed, *place, _INSIDE]).integers(2**63)))
