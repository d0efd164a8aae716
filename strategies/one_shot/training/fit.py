"""Training from the first step to the last, whatever interrupts it: plain networks, and supernets through NNI."""

from __future__ import annotations

import logging
import re
import signal
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import Any

import pytorch_lightning as pl
import torch
from pytorch_lightning.loggers import TensorBoardLogger
from pytorch_lightning.utilities.exceptions import MisconfigurationException
from torch import nn

from lighttrack_nas.strategies.one_shot.devices.device_processes import (
    end_further_processes,
    is_first_process,
    leave_word_to_first,
    own_group,
)
from lighttrack_nas.strategies.one_shot.devices.gradients import SharedGradients
from lighttrack_nas.strategies.one_shot.devices.launchers import cluster_environment, require_launch
from lighttrack_nas.strategies.one_shot.training.callbacks import (
    AfterStep,
    BadSteps,
    FoldedNorms,
    MovingAverage,
    PoliteKill,
    Reporter,
    Schedule,
)
from lighttrack_nas.strategies.one_shot.training.checkpoints import Checkpoints, PlainFiles
from lighttrack_nas.strategies.one_shot.training.loader import BatchLoader
from lighttrack_nas.strategies.one_shot.training.module import TrainingModule
from lighttrack_nas.strategies.one_shot.training.one_shot_problem import TrainingPlan
from lighttrack_nas.strategies.one_shot.training.snapshots import Snapshots
from lighttrack_nas.strategies.one_shot.training.step_seeds import StepSeeds, draws
from lighttrack_nas.strategies.one_shot.training.task import Bundled, Task
from lighttrack_nas.strategies.one_shot.training.training_settings import TrainingSettings
from lighttrack_nas.trackers.base.errors import InputError
from lighttrack_nas.trackers.base.files import make_folder
from lighttrack_nas.trackers.weights.weights import load_torch_file

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from nni.nas.evaluator.pytorch import Lightning, Trainer
    from nni.nas.execution import SequentialExecutionEngine
    from nni.nas.space import RawFormatModelSpace

CHECKPOINT = "last.ckpt"
_PRECISIONS = {"32": "32-true", "16": "16-mixed", "bf16": "bf16-mixed"}


@dataclass(frozen=True)
class FitReport:
    """What a training did.

    Attributes:
        steps: Optimiser steps in all.
        resumed_at: Steps that an earlier, interrupted call had done.
        skipped: Steps without an update, because their loss was no number or too large.
        losses: The latest losses by name.
        seconds: Of this call.
    """

    steps: int
    resumed_at: int
    skipped: int
    losses: dict[str, float]
    seconds: float


def fit(
    model: nn.Module,
    backbone: nn.Module,
    task: Task,
    settings: TrainingSettings,
    output: Path,
    *,
    plan: TrainingPlan | None = None,
    snapshots: tuple[int, ...] = (),
    progress: AfterStep | None = None,
) -> FitReport:
    """Train a model in place, or go on with a training that was stopped.

    On a CPU a training that was stopped at any moment and resumed gives the same weights, bit for bit, as one that was
    not: batches, paths and rates are functions of the step's number. Folded norms stay affine maps, see `FoldedNorms`.

    On several devices Lightning runs the same command once more for each further device, unless a launcher (`torchrun`,
    `srun`) has started all of them. Those processes end here; the first goes on alone with the trained model.

    Args:
        model: A network, or with `plan` a model space, which NNI turns into a supernet.
        backbone: The part that is frozen at first and learns at its own rate.
        task: Batches and loss.
        settings: How to train.
        output: Folder for the checkpoint (``last.ckpt``) and the logs (``tensorboard/``).
        plan: How a one-shot strategy trains it; None trains the model as it is.
        snapshots: Steps after which the weights are kept, in ``snapshots/``.
        progress: Called after every optimiser step, in the first process.

    Raises:
        InputError: The loss is not finite for too long, a checkpoint cannot be written, or it belongs to another
            model, another device's process has ended, or a launcher started other processes than the settings ask for;
            the last whole checkpoint is kept.
        KeyboardInterrupt: The user stopped it.
    """
    require_launch(settings.devices, settings.nodes)
    make_folder(output)
    checkpoint = output / CHECKPOINT
    done = _steps_done(checkpoint)
    if settings.channels_last:
        model.to(memory_format=torch.channels_last)
    bad_steps = BadSteps(settings)
    average = MovingAverage(model, settings.average) if settings.average is not None else None
    module = TrainingModule(task, settings, backbone)
    callbacks: list[pl.Callback] = [PoliteKill(), Schedule(settings, backbone), FoldedNorms(model), bad_steps]
    callbacks += [average] if average is not None else []
    callbacks += [StepSeeds(settings.seed)] if draws(model) else []
    callbacks += [Snapshots(model, output, snapshots, average)] if snapshots else []
    callbacks += [
        Checkpoints(checkpoint, settings.checkpoint_steps, bad_steps),
        Reporter(settings.log_steps, progress),
    ]
    passes = 1 if plan is None else plan.passes
    batches = BatchLoader(
        task if plan is None or plan.batches == 1 else Bundled(task, plan.batches),
        first=done * settings.accumulate,
        total=settings.steps * settings.accumulate,
        workers=settings.workers,
        passes=passes,
    )
    resume: dict[str, Any] = {"ckpt_path": str(checkpoint), "weights_only": True} if done else {}
    start = perf_counter()
    with _quiet(), _own_interrupts(), own_group(), _failures(checkpoint):
        trainer = _trainer(
            max_steps=settings.steps,
            max_epochs=1,
            accumulate_grad_batches=settings.accumulate * passes,
            gradient_clip_val=settings.clip,
            precision=_PRECISIONS[settings.precision],
            accelerator=settings.accelerator,
            devices=settings.devices,
            num_nodes=settings.nodes,
            plugins=[plugin for plugin in (PlainFiles(), cluster_environment()) if plugin is not None],
            strategy=_lightning_strategy(settings),
            callbacks=callbacks,
            # Without the steps that were logged after the checkpoint and come again.
            logger=TensorBoardLogger(str(output), name="tensorboard", version="", purge_step=done + 1),
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
            use_distributed_sampler=False,
            num_sanity_val_steps=0,
            limit_val_batches=0,
        )
        # Also where no step is left: it loads what the checkpoint holds.
        if plan is None:
            module.set_model(model)
            trainer.fit(module, batches, [], **resume)
        else:
            evaluator = Lightning(module, trainer, batches, [], fit_kwargs=resume)
            plan.nni(RawFormatModelSpace(model, evaluator), SequentialExecutionEngine())
    if settings.world_size > 1:
        end_further_processes(trainer.is_global_zero)
    if average is not None:
        average.finish()
    backbone.requires_grad_(True)
    return FitReport(
        steps=settings.steps,
        resumed_at=done,
        skipped=bad_steps.skipped,
        losses={name: float(value) for name, value in module.latest.items()},
        seconds=perf_counter() - start,
    )


def _steps_done(checkpoint: Path) -> int:
    if not checkpoint.exists():
        return 0
    try:
        content = load_torch_file(checkpoint)
    except InputError as error:
        raise InputError(f"{error}; remove it to start the training afresh") from None
    if not isinstance(content, dict) or not isinstance(content.get("global_step"), int):
        raise InputError(f"'{checkpoint}' is no checkpoint of a training: remove it to start afresh")
    return content["global_step"]


@contextmanager
def _failures(checkpoint: Path) -> Iterator[None]:
    """Say in a sentence what torch reports as a RuntimeError though no program is wrong."""
    try:
        yield
    except RuntimeError as error:
        text = str(error)
        if text.startswith("Error(s) in loading state_dict"):
            raise InputError(
                f"'{checkpoint}' is of another model: give another folder, or remove it to start afresh"
            ) from None
        if torch.distributed.is_initialized() and re.search("gloo|nccl|closed by peer", text, re.IGNORECASE):
            if not is_first_process():
                leave_word_to_first()
            raise InputError(
                "training stopped: the process of another device has ended; start again, and it goes on from the last "
                "checkpoint"
            ) from None
        raise


def _lightning_strategy(settings: TrainingSettings) -> str | SharedGradients:
    several = settings.world_size > 1 and settings.strategy == "auto"
    return SharedGradients() if several else settings.strategy


def _trainer(**arguments: Any) -> pl.Trainer:
    """Make Lightning's trainer, as NNI wants it.

    Raises:
        InputError: Lightning does not know a name, or has no such device here.
    """
    try:
        return Trainer(**arguments)
    except (ValueError, MisconfigurationException) as error:
        reason = str(error).splitlines()[0]
        raise InputError(f"training settings (accelerator, devices, nodes, strategy, precision): {reason}") from None


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep back what Lightning and NNI say about devices, loaders and versions; our report says what matters."""
    loggers = [logging.getLogger(name) for name in ("pytorch_lightning", "lightning_fabric", "nni")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        # NNI reports an interrupt as an error of its own.
        logger.setLevel(logging.CRITICAL)
    try:
        with warnings.catch_warnings():
            for module in ("pytorch_lightning", "lightning_fabric", "nni", "torch.jit", "torch.optim.lr_scheduler"):
                warnings.filterwarnings("ignore", module=rf"{module}($|\.)")
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)


@contextmanager
def _own_interrupts() -> Iterator[None]:
    """Let Ctrl-C end in KeyboardInterrupt: Lightning switches it off for good, and exits."""
    try:
        before = signal.getsignal(signal.SIGINT)
        yield
    except SystemExit as ended:
        if isinstance(ended.__context__, KeyboardInterrupt):
            raise KeyboardInterrupt from None
        raise
    finally:
        if signal.getsignal(signal.SIGINT) is signal.SIG_IGN and callable(before):
            signal.signal(signal.SIGINT, before)
