"""The one way to start a process that does work of ours: it has a pipe to us, and ends when we do."""

from __future__ import annotations

import multiprocessing
import os
import pickle
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from types import FrameType
from typing import Any, TypeAlias

from lighttrack_nas.processes.memory import keep_freed_memory
from lighttrack_nas.trackers.base.processes import begin_child

Handler: TypeAlias = Callable[[int, FrameType | None], object]


def start_process(
    act: Callable[[Connection, Callable[[], Any]], object],
    given: Any,
    environment: Mapping[str, str],
    name: str,
    on_terminate: Handler | None = None,
    preloaded: Sequence[str] = (),
) -> tuple[Connection, BaseProcess]:
    """Start a process.

    Args:
        act: Called there with its end of a pipe, and with what reads what is given.
        given: Anything that pickles. Whoever acts reads it there, and can tell of what fails then. So nothing of it is
            made before the process has its GPU.
        environment: Added to the process's own; see `worker_environment`.
        name: What it is called, in its traceback too.
        on_terminate: Handles SIGTERM there, which comes too when this process has ended. None: it ends at once.
        preloaded: Modules that take long to import. Where the system can, they are imported once, in a process that
            those are split off from which ask for them.

    Returns:
        This side's end of the pipe, which is at its end when the process is, and the process.

    Raises:
        pickle.PicklingError, TypeError, AttributeError: What is given does not pickle.
    """
    split_off = bool(preloaded) and "forkserver" in multiprocessing.get_all_start_methods()
    # Any: the types of both ways have a Process, that of what they share has none.
    context: Any = multiprocessing.get_context("forkserver" if split_off else "spawn")
    if split_off:
        context.set_forkserver_preload(list(preloaded))
    content = pickle.dumps(given)
    ours, theirs = context.Pipe()
    process = context.Process(target=_run, args=(act, content, theirs, dict(environment), on_terminate), name=name)
    process.start()
    theirs.close()  # so that the process's end is the pipe's end
    return ours, process


def _run(
    act: Callable[[Connection, Callable[[], Any]], object],
    given: bytes,
    pipe: Connection,
    environment: dict[str, str],
    on_terminate: Handler | None,
) -> None:
    os.environ.update(environment)
    begin_child(on_terminate)
    keep_freed_memory()
    act(pipe, partial(pickle.loads, given))  # what the process that started this one made a moment ago
