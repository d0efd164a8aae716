"""Trainings on several devices: Lightning, or a launcher, starts the same command once more for every further device.

Under a launcher (`torchrun`, `srun`) all processes are there from the start. Either way the first goes on alone after
a training, and the others end.
"""

from __future__ import annotations

import os
import re
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import NoReturn

from lighttrack_nas.strategies.one_shot.devices.launchers import launch
from lighttrack_nas.trackers.base.errors import InputError

_GROUP = ("MASTER_ADDR", "MASTER_PORT", "NODE_RANK", "LOCAL_RANK", "WORLD_SIZE")
# By which a launcher is recognised, numbers its processes and lets them meet.
_LAUNCHED = re.compile("TORCHELASTIC_.*|RANK|GROUP_RANK|LOCAL_WORLD_SIZE|SLURM_NTASKS|SLURM_PROCID|" + "|".join(_GROUP))
# A launcher's processes meet once: a second group would find, where they met, what the first has left there.
_KEEPS_GROUP: ContextVar[bool] = ContextVar("keeps_group", default=False)
_SECONDS_TO_SPEAK = 3.0
_SECONDS_TO_WRITE = 600.0


class FurtherProcessEnds(SystemExit):
    """A process that is not the first has done its part of a training."""


def is_first_process(environment: Mapping[str, str] = os.environ) -> bool:
    """Whether this process is the one that writes files and speaks to the user: alone, or the first of several.

    Args:
        environment: Where processes are numbered: over all nodes (``RANK``, of `torchrun`), on each node
            (``LOCAL_RANK``, and the node itself by ``NODE_RANK``, of Lightning), or as a task of SLURM's.
    """
    if "RANK" in environment:
        return environment["RANK"] == "0"
    if "LOCAL_RANK" in environment or "NODE_RANK" in environment:
        return environment.get("LOCAL_RANK", "0") == "0" and environment.get("NODE_RANK", "0") == "0"
    return environment.get("SLURM_PROCID", "0") == "0"


@contextmanager
def own_group() -> Iterator[None]:
    """Leave neither process group nor environment variables behind: the next training starts processes of its own."""
    with _environment_kept(_GROUP):
        try:
            yield
        finally:
            import torch.distributed

            if not _KEEPS_GROUP.get() and torch.distributed.is_available() and torch.distributed.is_initialized():
                torch.distributed.destroy_process_group()


def only_first_goes_on() -> None:
    """End this process if it is not the first, which found a training finished as this one did.

    Raises:
        FurtherProcessEnds: It is not.
    """
    if not is_first_process():
        raise FurtherProcessEnds(0)


def end_further_processes(first: bool) -> None:
    """End this process if it is not the first, which forgets the launcher: its next training starts processes itself.

    Args:
        first: Whether it is.

    Raises:
        FurtherProcessEnds: It is not.
    """
    if not first:
        raise FurtherProcessEnds(0)
    for name in _launched():
        del os.environ[name]


@contextmanager
def going_on_together(file: Path) -> Iterator[None]:
    """Let a launcher's processes go on together after a training, because another one follows it.

    Args:
        file: What the first process writes when the training is done. The others wait for it.

    Raises:
        InputError: The file does not come.
    """
    launched = launch() is not None
    kept = _KEEPS_GROUP.set(launched)
    with _environment_kept(_launched()):
        try:
            yield
        except FurtherProcessEnds:
            if not launched:
                raise
            end = time.monotonic() + _SECONDS_TO_WRITE
            while not file.exists():
                if time.monotonic() > end:
                    raise InputError(
                        f"'{file}' did not come in {_SECONDS_TO_WRITE / 60:g} minutes after its training: all nodes "
                        "must see the same folder"
                    ) from None
                time.sleep(0.5)
        finally:
            _KEEPS_GROUP.reset(kept)


def leave_word_to_first() -> NoReturn:
    """End a process that is not the first, which says what is wrong.

    A launcher kills all processes as soon as one has failed: the first needs a moment to speak.
    """
    if launch() is not None:
        time.sleep(_SECONDS_TO_SPEAK)
    sys.exit(1)


def _launched() -> list[str]:
    return [name for name in os.environ if _LAUNCHED.fullmatch(name)]


@contextmanager
def _environment_kept(names: Sequence[str]) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in names}
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
