"""Work in several processes: tasks that share what a process has set up, and jobs with a process each.

A process that dies is noticed, and named in a sentence. When the caller is stopped the processes are ended at once;
when it is killed they end within seconds.
"""

from __future__ import annotations

import multiprocessing
import os
import pickle
import signal
import traceback
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from multiprocessing.connection import Connection, wait
from typing import Any, NamedTuple, TypeVar

from lighttrack_nas.processes.memory import keep_freed_memory
from lighttrack_nas.processes.worker_gpus import worker_environment
from lighttrack_nas.trackers.base.errors import InputError
from lighttrack_nas.trackers.base.processes import begin_child
from lighttrack_nas.trackers.base.progress import Progress

Task = TypeVar("Task")
Answer = TypeVar("Answer")

_ANSWER, _MISTAKE, _FAILURE = "answer", "mistake", "failure"


# Imported once, in the process that the others are split off from: torch and NNI take seconds.
_PRELOADED = ["lighttrack_nas.strategies.one_shot.training.fit"]


class Job(NamedTuple):
    """Something to do.

    Attributes:
        name: What it is called where it fails.
        work: Does it; it must pickle.
    """

    name: str
    work: Callable[[Progress], None]


def in_processes(
    start: Callable[[], Callable[[Task], Answer]], tasks: Sequence[Task], workers: int, gpus: Sequence[str] = ()
) -> Iterator[tuple[Task, Answer]]:
    """Do tasks in processes of their own, each process one task after the other.

    Args:
        start: Called once in every process; gives what does a task. It must pickle, as must tasks and answers.
        tasks: What to do.
        workers: How many processes, 1 or more; no more are started than there are tasks.
        gpus: Of which each process gets one, in turns; see `gpus_of_workers`. None: they see what this one sees.

    Yields:
        Each task with its answer, as they come.

    Raises:
        InputError: What `start` or a task raised; or a process was killed.
        RuntimeError: `start` or a task failed otherwise; holds the process's traceback.
    """
    waiting = list(reversed(tasks))
    running: dict[Connection, tuple[Any, Task]] = {}
    context = multiprocessing.get_context("spawn")
    processes = []
    try:
        for number in range(min(workers, len(tasks))):
            ours, theirs = context.Pipe()
            # As bytes, so that nothing of it is made before the process has its GPU.
            content = pickle.dumps(start), theirs, worker_environment(number, gpus)
            process = context.Process(target=_do_tasks, args=content, daemon=True)
            process.start()
            theirs.close()
            processes.append(process)
            running[ours] = (process, waiting.pop())
            ours.send(running[ours][1])
        while running:
            for ready in wait(list(running)):
                assert isinstance(ready, Connection)
                process, task = running.pop(ready)
                yield task, _answer(ready, process)
                if waiting:
                    running[ready] = (process, waiting.pop())
                    ready.send(running[ready][1])
                else:
                    ready.close()
    finally:
        for process in processes:
            process.terminate()
        for process in processes:
            process.join()


def run_jobs(
    jobs: Sequence[Job],
    workers: int,
    told: Callable[[Job, int, str], None] | None = None,
    gpus: Sequence[str] = (),
) -> dict[str, str]:
    """Do jobs in processes of their own.

    One that fails or dies leaves the others alone.

    Args:
        jobs: What to do, in this order.
        workers: How many at the same time.
        told: Told of the jobs' progress, in this process.
        gpus: Of which each of the jobs at work gets one, in turns; see `gpus_of_workers`. None: they see what this
            process sees.

    Returns:
        The failed jobs: name -> why, a sentence.
    """
    methods = multiprocessing.get_all_start_methods()
    # Any: the types of both ways have a Process, that of what they share has none.
    context: Any = multiprocessing.get_context("forkserver" if "forkserver" in methods else "spawn")
    if "forkserver" in methods:
        context.set_forkserver_preload(_PRELOADED)
    waiting, failures = deque(jobs), dict[str, str]()
    running: dict[Connection, tuple[Job, multiprocessing.process.BaseProcess]] = {}
    places: dict[Connection, int] = {}
    try:
        while waiting or running:
            while waiting and len(running) < workers:
                job = waiting.popleft()
                ours, theirs = context.Pipe(duplex=False)
                places[ours] = min(set(range(workers)) - set(places.values()))
                content = job, theirs, worker_environment(places[ours], gpus)
                process = context.Process(target=_do_job, args=content, name=job.name)
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
                del running[connection], places[connection]
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


def _answer(connection: Connection, process: Any) -> Any:
    try:
        kind, content = connection.recv()
    except (EOFError, ConnectionResetError):
        process.join()
        raise InputError(
            f"a task was not done: {_death(process.exitcode)}; what was done before is kept, and the same call goes on"
        ) from None
    if kind == _MISTAKE:
        raise InputError(content)
    if kind == _FAILURE:
        raise RuntimeError(f"a worker process failed:\n{content}")
    return content


def _do_tasks(start: bytes, connection: Connection, environment: dict[str, str]) -> None:
    _begin(environment)
    with suppress(EOFError, BrokenPipeError, ConnectionResetError):  # the other side has gone: nobody waits any more
        try:
            do = pickle.loads(start)()  # noqa: S301 - what this program's first process made a moment ago
            while True:
                connection.send((_ANSWER, do(connection.recv())))
        except InputError as error:
            connection.send((_MISTAKE, str(error)))
        except (EOFError, BrokenPipeError, ConnectionResetError):
            raise
        except Exception:  # whatever it is, the caller raises it with this traceback
            connection.send((_FAILURE, traceback.format_exc()))


def _do_job(job: Job, connection: Connection, environment: dict[str, str]) -> None:
    """Do a job in its process. Sent are progress (a tuple), then None or the sentence that says why it failed."""
    _begin(environment)

    def tell(amount: int, where: str) -> None:
        connection.send((amount, where))

    try:
        job.work(tell)
    except InputError as error:
        connection.send(str(error) or "no reason was given")
    else:
        connection.send(None)


def _begin(environment: dict[str, str]) -> None:
    """What a process does first."""
    os.environ.update(environment)
    begin_child()
    keep_freed_memory()


def _death(exitcode: int | None) -> str:
    if exitcode is not None and exitcode < 0:
        return f"its process was killed ({signal.Signals(-exitcode).name}), as happens when memory is short"
    return f"its process ended with exit code {exitcode}; what it said is above"
