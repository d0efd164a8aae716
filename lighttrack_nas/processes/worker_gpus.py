"""A GPU for each of several processes."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence

VISIBLE = "CUDA_VISIBLE_DEVICES"


def visible_gpus(environment: Mapping[str, str], count: Callable[[], int]) -> tuple[str, ...]:
    """The GPUs that a process may use, as CUDA reads them.

    Args:
        environment: Where ``CUDA_VISIBLE_DEVICES`` may name them, by number or by a name such as ``GPU-8932f937``.
        count: How many there are where it does not; else it is not called.

    Returns:
        Their names, in order; a number below 0 ends the list, as CUDA has it.
    """
    if VISIBLE not in environment:
        return tuple(str(index) for index in range(count()))
    gpus: list[str] = []
    for name in environment[VISIBLE].split(","):
        if not name.strip() or name.strip().startswith("-"):
            break
        gpus.append(name.strip())
    return tuple(gpus)


def worker_environment(worker: int, gpus: Sequence[str]) -> dict[str, str]:
    """What a worker sets in its environment before it uses CUDA.

    Args:
        worker: Its number, from 0; workers take turns where there are fewer GPUs.
        gpus: What there is; empty where workers use none, or share one.
    """
    return {VISIBLE: gpus[worker % len(gpus)]} if gpus else {}


def gpus_of_workers(device: str | None) -> tuple[str, ...]:
    """The GPUs that workers share out.

    Args:
        device: Where they work. One that names its GPU, such as "cuda:1", is all workers'.

    Returns:
        Nothing unless it is "cuda".
    """
    if device != "cuda":
        return ()
    import torch

    # Counted without starting CUDA in this process.
    return visible_gpus(os.environ, torch.cuda.device_count)
