"""What is trained for: batches by number, and a loss."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from lighttrack_nas.trackers.batches import to_tensors
from lighttrack_nas.trackers.losses import LossSettings, tracking_loss
from lighttrack_nas.trackers.pairs.pair import PairBatch, PairSource, draw_batch
from lighttrack_nas.trackers.targets import TargetSettings


class Task(Protocol):
    """A stream of batches and what to minimise on them. It travels to worker processes, so it must pickle."""

    def batch(self, index: int) -> Any:
        """Batch number `index`, the same whenever it is asked for, as numpy arrays."""

    def loss(self, model: nn.Module, batch: Any, device: torch.device) -> Mapping[str, Tensor]:
        """Named scalars; the one called "loss" is minimised, the others are logged."""
        ...


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
        found = tracking_loss(model, to_tensors(batch, str(device)), self.targets, self.losses)
        return {"loss": found.total, "classification": found.classification, "regression": found.regression}
