"""Makes what is timed: programs of graphs on a runtime, whose files are written in processes of their own."""

from __future__ import annotations

import hashlib
import multiprocessing
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch

from lighttrack_nas.benchmarks.latency.latency_timing import Step
from lighttrack_nas.trackers.base.processes import begin_child
from lighttrack_nas.trackers.runtimes.graphs import Graph
from lighttrack_nas.trackers.runtimes.program import Options, make_program, open_program, write_graph
from lighttrack_nas.trackers.runtimes.runtime_registry import RUNTIMES

WRITTEN_BY_A_PROCESS = 16
"""Files; then another process comes in its place."""


class StepMaker:
    """Makes programs of graphs; keeps their files, and opens those that are there.

    Files are written in processes that end after some of them: the exporters never give back what they take, some 20 MB
    a network.

    Args:
        runtime: That runs the programs.
        options: How.
        drafts: Folder for the files; None takes a temporary one.
    """

    def __init__(self, runtime: str, options: Options, drafts: Path | None) -> None:
        self._runtime, self._options = runtime, options
        self._open = ExitStack()
        self._drafts = drafts

    def __enter__(self) -> StepMaker:
        if RUNTIMES[self._runtime].suffixes:
            if self._drafts is None:
                self._drafts = Path(self._open.enter_context(TemporaryDirectory()))
            self._writer = self._open.enter_context(
                ProcessPoolExecutor(
                    1,
                    mp_context=multiprocessing.get_context("spawn"),
                    initializer=_begin_writing,
                    initargs=(self._options.threads,),
                    max_tasks_per_child=WRITTEN_BY_A_PROCESS,
                )
            )
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()

    def step(self, name: str, make: Callable[[], Graph]) -> Step:
        """A call that runs a graph once."""
        if not RUNTIMES[self._runtime].suffixes:
            graph = make()
            arrays = [tensor.numpy() for tensor in graph.inputs]
            program = make_program(self._runtime, graph, self._options)
        else:
            assert self._drafts is not None
            path = self._drafts / hashlib.sha256(name.encode()).hexdigest()[:24]
            arrays = self._writer.submit(_write, self._runtime, make, path).result()
            program = open_program(self._runtime, path, self._options)
        return lambda: program.run(*arrays)


def _begin_writing(threads: int) -> None:
    begin_child()
    torch.set_num_threads(threads)


def _write(runtime: str, make: Callable[[], Graph], path: Path) -> list[np.ndarray]:
    """Write a graph's files unless they are there, and give its inputs."""
    graph = make()
    if not all(path.with_suffix(suffix).is_file() for suffix in RUNTIMES[runtime].suffixes):
        write_graph(runtime, graph, path)
    return [tensor.numpy() for tensor in graph.inputs]
