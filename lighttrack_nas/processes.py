"""Independent tasks in several processes, whose failures come back as sentences."""

from __future__ import annotations

import multiprocessing
import signal
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from multiprocessing.connection import Connection, wait
from typing import Any, TypeVar

from lighttrack_nas.trackers.errors import InputError

Task = TypeVar("Task")
Answer = TypeVar("Answer")

_ANSWER, _MISTAKE, _FAILURE = "answer", "mistake", "failure"


def in_processes(
    start: Callable[[], Callable[[Task], Answer]], tasks: Sequence[Task], workers: int
) -> Iterator[tuple[Task, Answer]]:
    """Do tasks in processes of their own, each process one task after the other.

    Args:
        start: Called once in every process; gives what does a task. It must pickle, as must tasks and answers.
        tasks: What to do.
        workers: How many processes, 1 or more; no more are started than there are tasks.

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
        for _ in range(min(workers, len(tasks))):
            ours, theirs = context.Pipe()
            process = context.Process(target=_work, args=(start, theirs), daemon=True)
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


def _answer(connection: Connection, process: Any) -> Any:
    try:
        kind, content = connection.recv()
    except (EOFError, ConnectionResetError):
        process.join()
        raise InputError(
            f"a worker process ended before its task did (exit code {process.exitcode}; -9 is what a system that runs "
            "out of memory gives): what was done before is kept, and the same call goes on"
        ) from None
    if kind == _MISTAKE:
        raise InputError(content)
    if kind == _FAILURE:
        raise RuntimeError(f"a worker process failed:\n{content}")
    return content


def _work(start: Callable[[], Callable[[Any], Any]], connection: Connection) -> None:
    # Ctrl-C reaches every process of a terminal; the one that waits for us ends us.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with suppress(EOFError, BrokenPipeError, ConnectionResetError):  # the other side has gone: nobody waits any more
        try:
            do = start()
            while True:
                connection.send((_ANSWER, do(connection.recv())))
        except InputError as error:
            connection.send((_MISTAKE, str(error)))
        except (EOFError, BrokenPipeError, ConnectionResetError):
            raise
        except Exception:
            connection.send((_FAILURE, traceback.format_exc()))
