"""Several processes that work on one search: started together, shown as one, and ended together."""

from __future__ import annotations

import os
import pickle
import signal
import sys
import threading
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import Any

from lighttrack_nas.processes.starting import start_process
from lighttrack_nas.processes.worker_gpus import worker_environment
from lighttrack_nas.trackers.base.errors import InputError
from lighttrack_nas.trackers.base.progress import Say

Work = Callable[[Callable[[int, int, str], None], Say], object]
"""Called in each process with what it shall tell of progress (done by all, wanted, a few words) and in sentences."""

_GRACE = 15.0
"""Seconds for a process to end its trial when it is asked to."""


def run_workers(
    work: Work,
    count: int,
    progress: Callable[[int, int, str], None],
    say: Say,
    gpus: Sequence[str] = (),
) -> None:
    """Run the same work in several processes until all of them have ended.

    A process that is killed or fails does not end the others. A user's mistake does, and so does Ctrl-C.

    Args:
        work: Must pickle; processes share nothing with this one.
        count: Of processes.
        progress: Told what the processes tell, as far as it is news.
        say: Told what the processes say, each sentence once.
        gpus: Of which each process gets one, in turns; see `gpus_of_workers`. None: they see what this one sees.

    Raises:
        InputError: The work does not pickle, a process met a mistake of the user, or all of them were killed.
        RuntimeError: All of them failed; the message holds the last one's traceback.
    """
    try:
        pickle.dumps(work)
    except (pickle.PicklingError, TypeError, AttributeError) as error:
        raise InputError(
            f"workers: what they need cannot be sent to other processes, evaluator and strategy must pickle: {error}"
        ) from None
    running: dict[Connection, BaseProcess] = {}
    said: set[str] = set()
    best, well, reason = -1, 0, ""

    def say_once(sentence: str) -> None:
        if sentence not in said:
            said.add(sentence)
            say(sentence)

    try:
        with _interrupts_ignored():
            for number in range(count):
                act, environment = partial(_run, threads_of_each(count)), worker_environment(number, gpus)
                receiver, process = start_process(act, work, environment, "worker", signal.default_int_handler)
                running[receiver] = process
        while running:
            for receiver in [pipe for pipe in wait(list(running)) if isinstance(pipe, Connection)]:
                try:
                    kind, *content = receiver.recv()
                except (EOFError, OSError):
                    process = running.pop(receiver)
                    process.join()
                    code = process.exitcode or 0
                    well += code == 0
                    if code < 0:
                        say(f"a worker was killed (signal {-code})" + _go_on(len(running)))
                    continue
                if kind == "progress" and content[0] > best:
                    best = content[0]
                    progress(*content)
                elif kind == "say":
                    say_once(content[0])
                elif kind == "mistake":
                    raise InputError(content[0])
                elif kind == "failed":
                    reason = content[0]
                    say(f"a worker failed ({reason.strip().splitlines()[-1]})" + _go_on(len(running) - 1))
    finally:
        _end(list(running.values()))
    if not well:
        if reason:
            raise RuntimeError(f"all workers failed; the last one:\n{reason}")
        raise InputError("all workers were killed; nothing that ended is lost: the same command goes on")


def _go_on(others: int) -> str:
    return "; the others go on, and its trial comes again" if others else ""


def threads_of_each(count: int) -> int | None:
    """Torch threads for each of several processes; None where this one does not use torch."""
    torch = sys.modules.get("torch")
    return None if torch is None else max(1, min(torch.get_num_threads(), (os.cpu_count() or 1) // count))


def _end(processes: list[BaseProcess]) -> None:
    for process in processes:
        process.terminate()
    for process in processes:
        process.join(_GRACE)
        if process.is_alive():
            process.kill()
            process.join()


def _run(threads: int | None, sender: Connection, read: Callable[[], Work]) -> None:
    """What a process does. It ends its trial before it ends itself."""
    if threads is not None:
        import torch

        torch.set_num_threads(threads)

    def send(*message: Any) -> None:
        with suppress(OSError):  # nobody listens any more, and SIGTERM is on its way
            sender.send(message)

    try:
        work = read()
        work(lambda done, total, text: send("progress", done, total, text), lambda sentence: send("say", sentence))
    except InputError as error:
        send("mistake", str(error))
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(1)
    except Exception:  # whatever it is, the caller says it, and the other workers go on
        send("failed", traceback.format_exc())
        sys.exit(1)


@contextmanager
def _interrupts_ignored() -> Iterator[None]:
    """Let processes that start now ignore Ctrl-C from their first moment."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
