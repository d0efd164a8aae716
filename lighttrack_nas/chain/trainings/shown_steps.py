"""What the steps of the chain share: showing their progress, and asking for what the step before them leaves."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from lighttrack_nas.reporting.progress_bar import progress
from lighttrack_nas.strategies.one_shot.devices.device_processes import is_first_process
from lighttrack_nas.trackers.base.errors import InputError

if TYPE_CHECKING:
    from lighttrack_nas.strategies.one_shot.training.callbacks import AfterStep
    from lighttrack_nas.strategies.one_shot.training.training_settings import TrainingSettings


@contextmanager
def shown_steps(
    title: str, settings: TrainingSettings, after_step: AfterStep | None = None
) -> Iterator[AfterStep | None]:
    """Show the steps of a training and their losses; the processes of further devices show nothing.

    Args:
        title: What is trained.
        settings: Of the training.
        after_step: Told of each step in place of a progress bar.
    """
    if after_step is not None or not is_first_process():
        yield after_step
        return
    with progress(title, settings.steps, "steps") as advance:
        yield lambda steps, losses: advance(steps, ", ".join(f"{name} {value:.3f}" for name, value in losses.items()))


def require_file(file: Path, command: str) -> None:
    """Ask for a file that another command writes.

    Raises:
        InputError: It is not there.
    """
    if not file.exists():
        raise InputError(f"'{file}' does not exist: run `lighttrack-nas {command}` with this configuration first")
