"""Independent jobs in processes of their own, a few at a time: one that dies leaves the others alone."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections import deque
from collections.abc import Callable, Sequence
from multiprocessing.connection import Connection, wait
from typing import NamedTuple

from lighttrack_nas.memory import keep_freed_memory
from lighttrack_nas.trackers.errors import InputError

Told = Callable[[int, str], None]
"""Told of units of work done since the last call, and a few words on where the job is."""

# Imported once, in the process that the others are split off from: torch and NNI take seconds.
_PRELOADED = ["lighttrack_nas.strategies.one_shot.fit"]


class Job(NamedTuple):
    """Something to do.

    Attributes:
        name: What it is called where it fails.
        work: Does it; it must pickle.
    """

    name: str
    work: Callable[[Told], None]


def run_jobs(jobs: Sequence[Job], workers: int, told: Callable[[Job, int, str], None] | None = None) -> dict[str, str]:
    """Do jobs in processes of their own.

    When the caller is stopped (Ctrl-C, a polite kill) the jobs are ended at once; when it is killed they end within
    seconds.

    Args:
        jobs: What to do, in this order.
        workers: How many at the same time.
        told: Told of the jobs' progress, in this process.

    Returns:
        The failed jobs: name -> why, a sentence.
    """
    methods = multiprocessing.get_all_start_methods()
    context = multiprocessing.get_context("forkserver" if "forkserver" in methods else "spawn")
    if "forkserver" in methods:
        context.set_forkserver_preload(_PRELOADED)
    waiting, failures = deque(jobs), dict[str, str]()
    running: dict[Connection, tuple[Job, multiprocessing.process.BaseProcess]] = {}
    try:
        while waiting or running:
            while waiting and len(running) < workers:
                job = waiting.popleft()
                ours, theirs = context.Pipe(duplex=False)
                process = context.Process(target=_work, args=(job, theirs), name=job.name)  # type: ignore[attr-defined]
                process.start()
                theirs.close()  # so that its end is seen here when the process dies
                running[ours] = job, process
            for connection in wait(list(running)):
                assert isinstance(connection, Connection)
                job, process = running[connection]
                try:
                    message = connection.recv()
                except (EOFError, OSError):
                    message = ""
                if isinstance(message, tuple):
                    if told is not None:
                        told(job, *message)
                    continue
                del running[connection]
                connection.close()
                process.join()
                if message is not None:
                    failures[job.name] = message or _death(process.exitcode)
    finally:
        for connection, (_, process) in running.items():
            process.kill()
            process.join()
            connection.close()
    return failures


def _work(job: Job, connection: Connection) -> None:
    """Do a job in its process. Sent are progress (a tuple), then None or the sentence that says why it failed."""
    # Ctrl-C reaches every process of a terminal; the caller ends this one.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    threading.Thread(target=_end_with_caller, daemon=True).start()
    keep_freed_memory()

    def tell(amount: int, where: str) -> None:
        connection.send((amount, where))

    try:
        job.work(tell)
    except InputError as error:
        connection.send(str(error) or "no reason was given")
    else:
        connection.send(None)


def _end_with_caller() -> None:
    # Not the process that this one was split off from, which lives as long as this one.
    caller = multiprocessing.parent_process()
    assert caller is not None
    caller.join()
    os._exit(1)


def _death(exitcode: int | None) -> str:
    if exitcode is not None and exitcode < 0:
        return f"its process was killed ({signal.Signals(-exitcode).name}), as happens when memory is short"
    return f"its process ended with exit code {exitcode}; what it said is above"
