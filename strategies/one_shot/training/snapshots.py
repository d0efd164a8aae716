"""States of the weights that are kept of the last part of a training, to take the best of."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import pytorch_lightning as pl
from torch import nn

from lighttrack_nas.strategies.one_shot.training.callbacks import MovingAverage, stepped
from lighttrack_nas.trackers.base.files import make_folder
from lighttrack_nas.trackers.weights.weights import save_weights

KIND = "snapshot of a training"
SNAPSHOTS = "snapshots"
"""Their folder in that of the training."""


def snapshot_steps(steps: int, count: int, share: float) -> tuple[int, ...]:
    """After which optimiser steps a state is kept: evenly spaced over the last part, its end always among them.

    Args:
        steps: Of the training.
        count: How many; fewer where the last part has fewer steps.
        share: The last part, as a share of the steps.
    """
    if not count:
        return ()
    first = max(round(steps * (1 - share)), 1)
    # From the end, so that one alone is the end.
    return tuple(sorted({int(step) for step in np.linspace(steps, first, count).round()}))


def snapshot_files(output: Path) -> Mapping[int, Path]:
    """The states that a training has kept, by their steps, ascending."""
    files = {file.stem.removeprefix("step-"): file for file in (output / SNAPSHOTS).glob("step-*.safetensors")}
    return dict(sorted((int(step), file) for step, file in files.items() if step.isascii() and step.isdigit()))


class Snapshots(pl.Callback):
    """Writes the model's weights after some steps; with a moving average, the average's.

    To be called before checkpoints are written, so that a resumed training lacks none.

    Args:
        model: Whose.
        output: Folder of the training.
        steps: After which.
        average: Of the weights, if there is one.
    """

    def __init__(self, model: nn.Module, output: Path, steps: tuple[int, ...], average: MovingAverage | None) -> None:
        self._model, self._folder, self._steps, self._average = model, output / SNAPSHOTS, frozenset(steps), average

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, index: int
    ) -> None:
        """Write, if it is time."""
        step = trainer.global_step
        if step not in self._steps or not stepped(trainer, index) or not trainer.is_global_zero:
            return
        make_folder(self._folder)
        with nullcontext() if self._average is None else self._average.in_place():
            save_weights(self._model, self._folder / f"step-{step:09d}.safetensors", {"kind": KIND, "step": step})
