"""Batches in order, prepared ahead by worker processes."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Iterator, Sequence
from multiprocessing.connection import wait
from multiprocessing.process import BaseProcess
from typing import Any

import cv2
import torch
from torch.utils.data import DataLoader, Dataset

from lighttrack_nas.strategies.one_shot.training.task import Task
from lighttrack_nas.trackers.base.errors import InputError
from lighttrack_nas.trackers.base.processes import begin_child


class Sealed:
    """A batch as the task made it. Lightning takes collections apart to move them; the task moves its own.

    Attributes:
        content: The batch; on its way from a worker also the error that came instead, which torch would wrap.
    """

    def __init__(self, content: Any) -> None:
        self.content = content


class BatchLoader:
    """Batches of a task from a given one on; Lightning's training loop reads it.

    Batch i of device r of n is the task's number ``i * n + r``, so that a run that was stopped goes on with the batches
    that it would have seen.

    Args:
        task: What makes the batches.
        first: The first batch wanted: how many were trained on before.
        total: Batches of the whole training.
        workers: Processes; 0 prepares each batch when it is asked for.
        passes: How often each batch is given, in a row.

    Iterating raises:
        InputError: The task's own, wherever it was raised, or a worker was killed.
    """

    def __init__(self, task: Task, *, first: int, total: int, workers: int, passes: int = 1) -> None:
        self._task, self._first, self._total, self._workers = task, first, total, workers
        self._passes = passes

    def __len__(self) -> int:
        return self._total * self._passes

    def __iter__(self) -> Iterator[Sealed]:
        world, rank = 1, 0
        if torch.distributed.is_available() and torch.distributed.is_initialized():
            world, rank = torch.distributed.get_world_size(), torch.distributed.get_rank()
        batches = DataLoader(
            _Numbered(self._task),
            batch_size=None,
            sampler=range(self._first * world + rank, self._total * world, world),
            num_workers=self._workers,
            prefetch_factor=4 if self._workers else None,
            worker_init_fn=_start_worker,
            # Without one of its own the loader draws from torch's global generator.
            generator=torch.Generator(),
        )
        prepared = iter(batches)
        watched = _watch(prepared)
        try:
            for sealed in prepared:
                if isinstance(sealed.content, InputError):
                    raise sealed.content
                for _ in range(self._passes):
                    yield sealed
        except (RuntimeError, EOFError, OSError) as error:
            if not _is_a_death(error, watched):
                raise
            reason = str(error).splitlines()[0] if str(error) else "its queue ended"
            raise InputError(
                f"training stopped: a process that prepares batches was killed ({reason}), as happens when memory is "
                "short; lower workers or batch_size, and start again: training goes on"
            ) from None

    def state_dict(self) -> dict[str, Any]:
        """Nothing: where to start follows from the number of steps. Lightning asks resumable loaders for it."""
        return {}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """See `state_dict`."""


class _Numbered(Dataset):
    def __init__(self, task: Task) -> None:
        self._task = task

    def __getitem__(self, index: int) -> Sealed:
        try:
            return Sealed(self._task.batch(index))
        except InputError as error:
            return Sealed(error)


def _is_a_death(error: Exception, watched: Sequence[BaseProcess]) -> bool:
    """Whether an error of torch's iterator comes of a worker's death."""
    if isinstance(error, RuntimeError):
        # Torch has no type of its own for it.
        return re.match(r"DataLoader worker .* (killed|exited)", str(error)) is not None
    # The queue ends a moment before the process does; torch, which asks the process at once, passes the error on.
    return bool(watched and wait([worker.sentinel for worker in watched], timeout=1.0))


def _watch(prepared: Any) -> Sequence[BaseProcess]:
    """Let the death of a worker end the queue, which would be waited on for ever otherwise.

    The reader sees the end only when no process can write: torch keeps the writing end open in this one too, and the
    other workers wait for a lock that may have died with its holder. Torch's own watch, a signal handler that raises
    wherever the program happens to be, is taken off: what it raises may be lost, or hit what has nothing to do with it.

    Torch has no public way to either. A torch that keeps them elsewhere is left to its own watch.

    Args:
        prepared: Torch's iterator.

    Returns:
        The workers that are watched over; none where there are none, or torch watches itself.
    """
    try:
        workers, writer = prepared._workers, prepared._worker_result_queue._writer
        forget, _ = torch._C._remove_worker_pids, prepared._worker_pids_set
    except AttributeError:
        return []
    forget(id(prepared))
    prepared._worker_pids_set = False
    writer.close()
    threading.Thread(target=_end_together, args=(list(workers),), daemon=True).start()
    return list(workers)


def _end_together(workers: Sequence[BaseProcess]) -> None:
    ended = wait([worker.sentinel for worker in workers])
    first = next(worker for worker in workers if worker.sentinel in ended)
    while first.exitcode is None:  # its end of the pipe closes a moment before the process is gone
        time.sleep(0.01)
    if first.exitcode != 0:
        for worker in workers:
            worker.kill()


def _start_worker(worker: int) -> None:
    # Workers run beside the training's threads; OpenCV's own would fight them.
    cv2.setNumThreads(0)
    # Its batches would wait for a reader that was killed, and torch's own watch for that.
    begin_child()
