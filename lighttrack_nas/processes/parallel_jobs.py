"""Work in several processes: tasks that share what a process has set up, and jobs with a process each.

A process that dies is noticed, and named in a sentence. When the caller is stopped the processes are ended at once;
when it is killed they end within seconds.
"""

from __future__ import annotations

import signal
import traceback
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import Any, NamedTuple, TypeVar

from lighttrack_nas.processes.starting import start_process
from lighttrack_nas.processes.worker_gpus import worker_environment
from lighttrack_nas.trackers.base.errors import InputError
from lighttrack_nas.trackers.base.progress import Progress

Task = TypeVar("Task")
Answer = TypeVar("Answer")

_ANSWER, _MISTAKE, _FAILURE = "answer", "mistake", "failure"

# Torch and NNI take seconds, and a job's process is its own.
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
    running: dict[Connection, tuple[BaseProcess, Task]] = {}
    processes = []
    try:
        for number in range(min(workers, len(tasks))):
            ours, process = start_process(_do_tasks, start, worker_environment(number, gpus), "worker")
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
    waiting, failures = deque(jobs), dict[str, str]()
    running: dict[Connection, tuple[Job, BaseProcess]] = {}
    places: dict[Connection, int] = {}
    try:
        while waiting or running:
            while waiting and len(running) < workers:
                job = waiting.popleft()
                place = min(set(range(workers)) - set(places.values()))
                environment = worker_environment(place, gpus)
                ours, process = start_process(_do_job, job, environment, job.name, preloaded=_PRELOADED)
                running[ours], places[ours] = (job, process), place
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


def _answer(connection: Connection, process: BaseProcess) -> Any:
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


def _do_tasks(connection: Connection, read: Callable[[], Callable[[], Callable[[Any], Any]]]) -> None:
    with suppress(EOFError, BrokenPipeError, ConnectionResetError):  # the other side has gone: nobody waits any more
        try:
            start = read()
            do = start()
            while True:
                connection.send((_ANSWER, do(connection.recv())))
        except InputError as error:
            connection.send((_MISTAKE, str(error)))
        except (EOFError, BrokenPipeError, ConnectionResetError):
            raise
        except Exception:  # whatever it is, the caller raises it with this traceback
            connection.send((_FAILURE, traceback.format_exc()))


def _do_job(connection: Connection, read: Callable[[], Job]) -> None:
    """Do a job in its process. Sent are progress (a tuple), then None or the sentence that says why it failed."""

    def tell(amount: int, where: str) -> None:
        connection.send((amount, where))

    try:
        read().work(tell)
    except InputError as error:
        connection.send(str(error) or "no reason was given")
    else:
        connection.send(None)


def _death(exitcode: int | None) -> str:
    if exitcode is not None and exitcode < 0:
        return f"its process was killed ({signal.Signals(-exitcode).name}), as happens when memory is short"
    return f"its process ended with exit code {exitcode}; what it said is above"
