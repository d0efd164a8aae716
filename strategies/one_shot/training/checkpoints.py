"""Checkpoints: the whole state of a training, in a file that is always whole."""

from __future__ import annotations

import os
import time
from io import BytesIO
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from pytorch_lightning.plugins.io import TorchCheckpointIO

from lighttrack_nas.strategies.one_shot.training.callbacks import BadSteps, stepped
from lighttrack_nas.trackers.base.errors import InputError
from lighttrack_nas.trackers.base.part_folders import part_file

_SECONDS_BETWEEN_CHECKPOINTS = 30.0


class PlainFiles(TorchCheckpointIO):
    """Writes a checkpoint where it shall be.

    Lightning's own goes by way of the folder of temporary files: a kill leaves it there for ever, and no room there
    ends a training whose own disk has enough.
    """

    def save_checkpoint(self, checkpoint: dict[str, Any], path: Any, storage_options: Any = None) -> None:
        """Write it; through memory, for on a full disk torch's own file writer ends the process."""
        content = BytesIO()
        torch.save(checkpoint, content)
        Path(path).write_bytes(content.getbuffer())


class Checkpoints(pl.Callback):
    """Writes the whole state of a training now and then; the file is the old one or the new one, never a part.

    Args:
        path: The file.
        every: Most optimiser steps between two writings; it is also written when half a minute has passed.
        bad_steps: While steps are being skipped nothing is written, so that the file holds weights worth going on from.
    """

    def __init__(self, path: Path, every: int, bad_steps: BadSteps) -> None:
        self._path, self._every, self._bad_steps = path, every, bad_steps
        self._written = time.monotonic()

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, index: int
    ) -> None:
        """Write, if it is time."""
        if not stepped(trainer, index) or self._bad_steps.in_a_row > 0:
            return
        # By the clock on one device only: several would not agree.
        late = trainer.world_size == 1 and time.monotonic() - self._written > _SECONDS_BETWEEN_CHECKPOINTS
        if late or trainer.global_step % self._every == 0:
            self._write(trainer)
            self._written = time.monotonic()

    def _write(self, trainer: pl.Trainer) -> None:
        try:
            with part_file(self._path) as part:
                trainer.save_checkpoint(part)
                if trainer.is_global_zero:
                    with part.open("rb") as file:
                        os.fsync(file.fileno())
                    part.chmod(0o644)
                    os.replace(part, self._path)
        except FileNotFoundError:
            raise InputError(
                f"checkpoint '{self._path}' cannot be written at step {trainer.global_step}: its folder is gone, and "
                "with it what was trained, unless it comes back; start again, and training goes on from what is there"
            ) from None
        except (OSError, RuntimeError) as error:
            # Torch reports a full disk as a RuntimeError.
            if isinstance(error, RuntimeError) and "PytorchStreamWriter" not in str(error):
                raise
            reason = getattr(error, "strerror", None) or str(error).splitlines()[0]
            raise InputError(
                f"checkpoint '{self._path}' cannot be written at step {trainer.global_step}: {reason}; make room and "
                "start again: training goes on from the last whole checkpoint"
            ) from None
