"""What happens around a training step: rates, freezing, bad losses, averages, progress."""

from __future__ import annotations

import math
import signal
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import pytorch_lightning as pl
import torch
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.swa_utils import get_ema_multi_avg_fn

from lighttrack_nas.strategies.one_shot.devices.device_processes import leave_word_to_first
from lighttrack_nas.strategies.one_shot.training.schedule import rate_share
from lighttrack_nas.strategies.one_shot.training.training_settings import TrainingSettings
from lighttrack_nas.trackers.base.errors import InputError
from lighttrack_nas.trackers.network.norms import folded_norms

AfterStep = Callable[[int, Mapping[str, float]], None]
"""Called with the number of steps done since the last call, and the latest losses by name.

The first call of a resumed training also counts the steps of the interrupted one.
"""


class Schedule(pl.Callback):
    """Sets the learning rates, and keeps the backbone as it is for the first steps.

    Args:
        settings: Rates and the frozen share.
        backbone: What is frozen.
    """

    def __init__(self, settings: TrainingSettings, backbone: nn.Module) -> None:
        self._settings, self._backbone = settings, backbone
        self._frozen = False

    def on_train_batch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule, batch: Any, index: int) -> None:
        """Prepare the step; every value follows from its number."""
        rate = self._settings.learning_rate * rate_share(trainer.global_step, self._settings)
        for group in trainer.optimizers[0].param_groups:
            group["lr"] = rate * group["rate"]
        frozen = trainer.global_step < self._settings.frozen_steps
        if frozen != self._frozen:
            self._backbone.requires_grad_(not frozen)
            self._backbone.train(not frozen)
            self._frozen = frozen


class FoldedNorms(pl.Callback):
    """Keeps folded norms the affine maps that they are (see `trackers.network.norms`); their weights learn.

    To be called after whatever puts parts of the model into training mode, and so after `Schedule`.

    Args:
        model: Whose.
    """

    def __init__(self, model: nn.Module) -> None:
        self._model = model
        self._names: list[str] | None = None
        self._norms: list[nn.Module] | None = None

    def on_train_batch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule, batch: Any, index: int) -> None:
        """Put them into eval mode again."""
        if self._norms is None:
            modules = dict(self._model.named_modules())
            if self._names is None:
                folded = set(folded_norms(self._model))
                self._names = [name for name, module in modules.items() if module in folded]
            self._norms = [modules[name] for name in self._names]
        for norm in self._norms:
            norm.eval()

    def state_dict(self) -> dict[str, Any]:
        """Which they are. In the middle of a training on several devices others may look like them.

        The weights of a norm that another device's path has run are trained, while its statistics here are fresh.
        """
        return {"names": self._names}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take up which they are."""
        self._names = state_dict["names"]


class BadSteps(pl.Callback):
    """Skips steps whose loss or gradient is no finite number, counts them, and ends a training that has lost its way.

    Args:
        settings: The largest loss and the patience.
    """

    def __init__(self, settings: TrainingSettings) -> None:
        self._settings = settings
        self.skipped = 0
        self.in_a_row = 0
        self._worst = 0.0

    def on_after_backward(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Remember the worst loss of the batches that share an optimiser step."""
        loss = _latest(pl_module)["loss"]
        if not loss <= self._worst:  # also where it is no number
            self._worst = loss

    def on_before_optimizer_step(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, optimizer: Optimizer
    ) -> None:
        """Look at losses and gradients, and skip the step on all devices if it is bad on one of them."""
        gradients = [p.grad for group in optimizer.param_groups for p in group["params"] if p.grad is not None]
        norm = float(torch.nn.utils.get_total_norm(gradients)) if gradients else 0.0
        loss, self._worst = self._worst, 0.0
        good = math.isfinite(norm) and math.isfinite(loss) and loss <= self._settings.largest_loss
        if trainer.strategy.reduce_boolean_decision(good):
            self.in_a_row = 0
            return
        optimizer.zero_grad(set_to_none=True)  # a parameter without a gradient is left alone
        self.skipped += 1
        self.in_a_row += 1
        if self.in_a_row >= self._settings.patience:
            if not trainer.is_global_zero:
                leave_word_to_first()
            raise InputError(
                f"training stopped at step {trainer.global_step}: loss or gradient was not finite, or the loss above "
                f"{self._settings.largest_loss:g}, in {self.in_a_row} steps in a row (last loss: {loss:g}); lower "
                "learning_rate, or lengthen warmup_steps; the last checkpoint is kept"
            )

    def state_dict(self) -> dict[str, Any]:
        """The counts, for the checkpoint."""
        return {"skipped": self.skipped, "in_a_row": self.in_a_row}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take up the counts."""
        self.skipped, self.in_a_row = int(state_dict["skipped"]), int(state_dict["in_a_row"])


class MovingAverage(pl.Callback):
    """Keeps an exponential moving average of a model's weights and statistics.

    Args:
        model: Whose.
        decay: Of the average, near 1; smaller in the first steps, so that the start is forgotten.
    """

    def __init__(self, model: nn.Module, decay: float) -> None:
        self._model, self._decay = model, decay
        self._average: list[Tensor] | None = None
        self._followed: list[Tensor] | None = None

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, index: int
    ) -> None:
        """Follow the weights after every optimiser step."""
        if not stepped(trainer, index):
            return
        if self._followed is None:
            # Once: a supernet's state holds thousands of tensors, and finding them takes longer than averaging them.
            self._followed = self._tensors()
            # A loaded average starts on the CPU.
            start = self._followed if self._average is None else self._average
            self._average = [a.to(t.device, copy=True) for a, t in zip(start, self._followed, strict=True)]
        decay = min(self._decay, (1 + trainer.global_step) / (10 + trainer.global_step))
        get_ema_multi_avg_fn(decay)(self._average, self._followed, trainer.global_step)

    def finish(self) -> None:
        """Put the average in the model's place."""
        if self._average is not None:
            for tensor, average in zip(self._tensors(), self._average, strict=True):
                tensor.copy_(average)

    @contextmanager
    def in_place(self) -> Iterator[None]:
        """Put the average in the model's place for a while."""
        own = [tensor.clone() for tensor in self._tensors()]
        self.finish()
        try:
            yield
        finally:
            for tensor, value in zip(self._tensors(), own, strict=True):
                tensor.copy_(value)

    def _tensors(self) -> list[Tensor]:
        return [t.detach() for t in self._model.state_dict().values() if t.is_floating_point()]

    def state_dict(self) -> dict[str, Any]:
        """The average, for the checkpoint."""
        return {"average": self._average}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take up the average."""
        self._average = state_dict["average"]


class PoliteKill(pl.Callback):
    """Leaves SIGTERM to the handler there was: Lightning's waits for the other devices, which cannot answer."""

    def __init__(self) -> None:
        self._handler = signal.getsignal(signal.SIGTERM)

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Put it back; Lightning has just set its own."""
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, self._handler)


class Reporter(pl.Callback):
    """Tells losses to the loggers and to whoever shows progress.

    Args:
        every: Optimiser steps between two lines of the logs.
        progress: Called after every optimiser step.
    """

    def __init__(self, every: int, progress: AfterStep | None) -> None:
        self._every, self._progress = every, progress
        self._told = 0

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, index: int
    ) -> None:
        """Report the step."""
        if not stepped(trainer, index) or not trainer.is_global_zero:
            return
        latest = _latest(pl_module)
        if trainer.global_step % self._every == 0:
            rate = float(trainer.optimizers[0].param_groups[-1]["lr"])
            for logger in trainer.loggers:
                logger.log_metrics({**latest, "learning_rate": rate}, step=trainer.global_step)
        if self._progress is not None:
            told, self._told = self._told, trainer.global_step
            self._progress(trainer.global_step - told, latest)


def stepped(trainer: pl.Trainer, batch_index: int) -> bool:
    """Whether the batch that has just ended was the last of its optimiser step."""
    return (batch_index + 1) % trainer.accumulate_grad_batches == 0


def _latest(pl_module: pl.LightningModule) -> dict[str, float]:
    """The latest losses; NNI's wrapper holds the module that computed them."""
    inner: Any = getattr(pl_module, "training_module", pl_module)
    return {name: float(value) for name, value in inner.latest.items()}
