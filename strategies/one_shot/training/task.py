"""What is trained for: batches by number, and a loss."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import torch
from torch import Tensor, nn

from lighttrack_nas.trackers.training.batches import to_tensors
from lighttrack_nas.trackers.training.losses import Losses, LossSettings, distillation_loss, tracking_loss
from lighttrack_nas.trackers.training.pairs.pair import PairBatch, PairSource, draw_batch
from lighttrack_nas.trackers.training.targets import TargetSettings


class Task(Protocol):
    """A stream of batches and what to minimise on them. It travels to worker processes, so it must pickle."""

    def batch(self, index: int) -> Any:
        """Batch number `index`, the same whenever it is asked for, as numpy arrays."""

    def loss(self, model: nn.Module, batch: Any, device: torch.device) -> Mapping[str, Tensor]:
        """Named scalars; the one called "loss" is minimised, the others are logged."""
        ...


@runtime_checkable
class DistillingTask(Task, Protocol):
    """A task whose answers can be compared with those of another network, as the sandwich rule asks."""

    def distillation(self, answers: Any, teacher: Any) -> Mapping[str, Tensor]:
        """Named scalars as `Task.loss` gives them, from what two networks returned on the same batch."""
        ...


@dataclass(frozen=True)
class Bundled:
    """A task's batches several at a time: number i holds those from ``i * size`` on.

    Attributes:
        task: Whose.
        size: How many.
    """

    task: Task
    size: int

    def batch(self, index: int) -> tuple[Any, ...]:
        """See `Task.batch`."""
        return tuple(self.task.batch(index * self.size + number) for number in range(self.size))

    def loss(self, model: nn.Module, batch: Any, device: torch.device) -> Mapping[str, Tensor]:
        """See `Task.loss`; of one of the batches."""
        return self.task.loss(model, batch, device)


@dataclass(frozen=True)
class TrackingTask:
    """Training pairs and the tracking loss.

    Attributes:
        pairs: Where they come from.
        batch_size: Pairs a batch.
        seed: Pair i is a function of (seed, i).
        targets: How labels are made.
        losses: How they are compared with.
    """

    pairs: PairSource
    batch_size: int
    seed: int
    targets: TargetSettings
    losses: LossSettings

    def batch(self, index: int) -> PairBatch:
        """See `Task.batch`."""
        return draw_batch(self.pairs, self.seed, index * self.batch_size, self.batch_size)

    def loss(self, model: nn.Module, batch: PairBatch, device: torch.device) -> Mapping[str, Tensor]:
        """See `Task.loss`."""
        losses = tracking_loss(model, to_tensors(batch, str(device)), self.targets, self.losses)
        return _named(losses)

    def distillation(self, answers: tuple[Tensor, Tensor], teacher: tuple[Tensor, Tensor]) -> Mapping[str, Tensor]:
        """See `DistillingTask.distillation`."""
        return _named(distillation_loss(answers, teacher, self.losses))


def _named(losses: Losses) -> Mapping[str, Tensor]:
    return {"loss": losses.total, "classification": losses.classification, "regression": losses.regression}
