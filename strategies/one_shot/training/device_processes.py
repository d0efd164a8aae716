"""Trainings on several devices: Lightning starts the same command once more for every further device."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

_RANKS = ("RANK", "LOCAL_RANK", "SLURM_PROCID")
_GROUP = ("MASTER_ADDR", "MASTER_PORT", "NODE_RANK", "LOCAL_RANK", "WORLD_SIZE")


def is_first_process() -> bool:
    """Whether this process is the one that writes files and speaks to the user: alone, or the first of several."""
    return next((os.environ[name] for name in _RANKS if name in os.environ), "0") == "0"


@contextmanager
def own_group() -> Iterator[None]:
    """Leave neither process group nor environment variables behind: the next training starts processes of its own."""
    before = {name: os.environ.get(name) for name in _GROUP}
    try:
        yield
    finally:
        import torch.distributed

        if torch.distributed.is_available() and torch.distributed.is_initialized():
            torch.distributed.destroy_process_group()
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
