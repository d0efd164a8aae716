"""What a training's `run.json` says: what was asked for, which decides whether it can go on, and what came out."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lighttrack_nas.benchmarks.evaluation.result_files import write_run_record
from lighttrack_nas.reporting.environment import cpu_name, versions
from lighttrack_nas.search_spaces.space import Space
from lighttrack_nas.strategies.one_shot.devices.device_processes import is_first_process

if TYPE_CHECKING:
    from lighttrack_nas.strategies.one_shot.training.fit import FitReport
    from lighttrack_nas.strategies.one_shot.training.training_settings import TrainingSettings

WITHOUT_EFFECT = frozenset({"workers", "checkpoint_steps", "log_steps"})
"""Settings that change how a training runs, not what comes out: a resumed call may give others."""
OF_SEVERAL_DEVICES = frozenset({"nodes", "paths"})
"""Settings that say nothing on one device, whose records are those of the time before there were any."""


def task_record(task: Any) -> dict[str, Any]:
    """How a task makes labels and weighs errors."""
    return {"targets": vars(task.targets), "losses": vars(task.losses)}


def training_record(
    command: str, space: Space, settings: TrainingSettings, record: Mapping[str, Any] | None
) -> dict[str, Any]:
    """What is trained by which command, with what settings, on data that `record` tells of."""
    return {
        "command": command,
        "space": space.name,
        "space_hash": space.hash,
        "settings": settings_record(settings),
        "data": dict(record or {}),
        "versions": versions(),
    }


def settings_record(settings: TrainingSettings) -> dict[str, Any]:
    """Settings of a training that decide what comes out, JSON-able."""
    without = WITHOUT_EFFECT | (OF_SEVERAL_DEVICES if settings.world_size == 1 else frozenset())
    return settings.model_dump(mode="json", exclude=set(without))


def begin_run(output: Path, record: Mapping[str, Any]) -> None:
    """See `write_run_record`; of several devices' processes the first does it."""
    if is_first_process():
        write_run_record(output, record)


def outcome(report: FitReport) -> dict[str, Any]:
    """What came out, beside what was asked for."""
    return {
        "steps": report.steps,
        "skipped_steps": report.skipped,
        "last_losses": report.losses,
        "seconds_of_last_call": round(report.seconds, 1),
        "machine": cpu_name(),
    }
