"""How a network or a supernet is trained, as one typed value."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal, Self

from pydantic import ConfigDict, Field, model_validator

from lighttrack_nas.search_spaces.base.careful_models import CarefulModel
from lighttrack_nas.search_spaces.base.parts import WithLaterKeys

LARGEST_BATCH = 4096
"""Pairs: at crops of 127 and 255 pixels they take 4 GB as numbers of the network."""
LARGEST_SEED = 2**63 - 1
"""What torch takes on every device."""
_MOST_STEPS = 10**9  # of a step a millisecond, eleven days
Share = Annotated[float, Field(ge=0, le=1)]


class TrainingSettings(CarefulModel, WithLaterKeys):
    """Optimiser, schedule and bookkeeping of one training.

    Attributes:
        steps: Optimiser steps in all.
        batch_size: Pairs (or images) a batch, on every device; at most 4,096, which at crops of 127 and 255 pixels take
            4 GB.
        accumulate: Batches an optimiser step; all of them share one path.
        optimizer: "adamw", "sgd" (with momentum) or "rmsprop" (with momentum, a memory of .9 and an epsilon of .0316,
            which is TensorFlow's .001 inside the root: what MobileNets and EfficientNets are trained with).
        momentum: Of "sgd" and "rmsprop".
        nesterov: Whether the momentum of "sgd" is Nesterov's.
        learning_rate: At the top of the schedule.
        final_rate: At its end, as a share of `learning_rate`.
        decay: "cosine", "log" (straight in the logarithm, LightTrack's tracking recipe) or "linear" (its ImageNet one).
        schedule_steps: Steps of the whole schedule of rates, where the training ends before it does (LightTrack's
            supernet stops at epoch 30 of 50); None: `steps`.
        warmup_steps: Steps over which the rate rises to `learning_rate`.
        warmup_start: Where it starts, as a share; the rise is geometric.
        weight_decay: On weights of two dimensions or more; norms and biases are left alone.
        backbone_rate: The backbone's rate as a share of the others'.
        backbone_frozen: Share of the steps, from the first, in which the backbone's parameters and BatchNorm
            statistics stay as they are.
        clip: Largest norm of the gradient; None leaves it alone.
        average: Decay of the exponential moving average of the weights, which then are the result; None takes the last.
        precision: "32", or mixed "16" (CUDA) or "bf16".
        channels_last: Keep images with their channels last, which convolutions on most machines prefer.
        accelerator: Lightning's name: "cpu", "gpu" or "auto".
        devices: How many of them, on each node.
        nodes: Machines with as many devices each, which see the same files; `torchrun` or SLURM starts the command on
            each.
        paths: On several devices: "same", all train the same path at a step, as LightTrack's authors did, or "own",
            each draws its own. A candidate's gradient is the mean over the devices that ran it. It also says whether
            they share the noise of a differentiable strategy.
        strategy: Lightning's name; "auto" on several devices is data-parallel processes that suit path sampling.
        workers: Processes that prepare batches, up to 256; 0 prepares them in the training's own process.
        checkpoint_steps: Most optimiser steps between checkpoints, which on one device are also written every half
            minute; a stopped run goes on from the last.
        log_steps: Optimiser steps between lines in the logs.
        largest_loss: A step with a larger loss, or one that is no number, is skipped.
        patience: So many skipped steps in a row end the training.
        seed: Of weights, data and paths; up to 2**63 - 1, which torch takes on every device.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    steps: int = Field(ge=1, le=_MOST_STEPS)
    batch_size: int = Field(default=16, ge=1, le=LARGEST_BATCH)
    accumulate: int = Field(default=1, ge=1, le=4096)
    optimizer: Literal["adamw", "sgd", "rmsprop"] = "adamw"
    momentum: float = Field(default=0.9, ge=0, lt=1)
    nesterov: bool = True
    learning_rate: float = Field(default=3e-3, gt=0)
    final_rate: Share = 0.01
    decay: Literal["cosine", "log", "linear"] = "cosine"
    schedule_steps: int | None = Field(default=None, ge=1, le=_MOST_STEPS)
    warmup_steps: int = Field(default=60, ge=0, le=_MOST_STEPS)
    warmup_start: float = Field(default=0.1, gt=0, le=1)
    weight_decay: float = Field(default=0.02, ge=0)
    backbone_rate: Share = 1.0
    backbone_frozen: Share = 0.0
    clip: float | None = Field(default=5.0, gt=0)
    average: float | None = Field(default=None, gt=0, lt=1)
    precision: Literal["32", "16", "bf16"] = "32"
    channels_last: bool = True
    accelerator: str = "cpu"
    devices: int = Field(default=1, ge=1, le=1024)
    nodes: int = Field(default=1, ge=1, le=1024)
    paths: Literal["same", "own"] = "same"
    strategy: str = "auto"
    workers: int = Field(default=1, ge=0, le=256)
    checkpoint_steps: int = Field(default=100, ge=1, le=_MOST_STEPS)
    log_steps: int = Field(default=20, ge=1, le=_MOST_STEPS)
    largest_loss: float = Field(default=1e4, gt=0)
    patience: int = Field(default=20, ge=1, le=_MOST_STEPS)
    seed: int = Field(default=0, ge=0, le=LARGEST_SEED)

    LATER: ClassVar[frozenset[str]] = frozenset({"momentum", "nesterov", "schedule_steps"})

    @model_validator(mode="after")
    def _schedule_covers_training(self) -> Self:
        if self.schedule_steps is not None and self.schedule_steps < self.steps:
            raise ValueError(f"schedule_steps: expected at least steps ({self.steps}), got {self.schedule_steps}")
        return self

    @property
    def samples_per_step(self) -> int:
        """Pairs, or images, that an optimiser step sees on all devices."""
        return self.batch_size * self.accumulate * self.world_size

    @property
    def world_size(self) -> int:
        """Devices on all nodes together."""
        return self.devices * self.nodes

    def path_of(self, device: int) -> int:
        """The device whose path a device trains: itself, or the first."""
        return device if self.paths == "own" else 0

    @property
    def frozen_steps(self) -> int:
        """Optimiser steps with a frozen backbone."""
        return round(self.backbone_frozen * self.steps)
