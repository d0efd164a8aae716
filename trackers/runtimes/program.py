"""A runtime's program: maps arrays to arrays. Graphs are written as programs' files, and opened, here."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np

from lighttrack_nas.trackers.base.errors import InputError
from lighttrack_nas.trackers.base.files import require_utf8, write_atomically
from lighttrack_nas.trackers.base.names import checked_name
from lighttrack_nas.trackers.base.packages import naming_packages
from lighttrack_nas.trackers.runtimes.runtime_registry import (
    RUNTIMES,
    Runtime,
    check_installed,
    checked_runtime,
    runtime_module,
)

if TYPE_CHECKING:
    from lighttrack_nas.trackers.runtimes.graphs import Graph

PRECISIONS = ("float32", "float16", "bfloat16")
"""In which programs compute."""
STORED = ("float32", "float16")
"""In which `write_graph` stores weights; `quantise_graph` makes int8 files."""


@dataclass(frozen=True)
class Options:
    """How a program runs.

    Attributes:
        threads: On the CPU, 1 or more.
        device: "cpu", or what the runtime calls its accelerator, such as "cuda".
        precision: In which the program computes: "float32", or a lower one that the runtime offers. What the weights
            are stored in is decided when the files are written; a graph in int8 computes in int8 where it says so, and
            in this precision elsewhere.

    Raises:
        InputError: No thread, or an unknown precision.
    """

    threads: int = 1
    device: str = "cpu"
    precision: str = "float32"

    def __post_init__(self) -> None:
        if self.threads < 1:
            raise InputError(f"threads: at least 1 expected, got {self.threads}")
        checked_name(self.precision, PRECISIONS, "precision")


class Program(Protocol):
    """A graph that is ready to run, for a batch of 1."""

    def run(self, *arrays: np.ndarray) -> tuple[np.ndarray, ...]:
        """Map the graph's inputs to its outputs.

        Args:
            *arrays: In the graph's order, of its shapes (batch 1) and types.

        Returns:
            float32, in the graph's order; they are the caller's to keep.
        """


def open_program(name: str, path: Path, options: Options) -> Program:
    """Open a graph's files.

    Args:
        name: A runtime that runs files.
        path: The files without their suffixes, such as ``folder/track``.
        options: How to run.

    Raises:
        InputError: The runtime is missing or refuses the files or the options, or a file is missing or has a name that
            few libraries open.
    """
    runtime = _with_files(name)
    require_utf8(path, "exported network")
    for suffix in runtime.suffixes:
        if not path.with_suffix(suffix).is_file():
            raise InputError(f"'{path.with_suffix(suffix)}' is missing: the exported network is not whole")
    with naming_packages():
        program: Program = runtime_module(runtime).open_program(path, options)
    return program


def write_graph(name: str, graph: Graph, path: Path, precision: str = "float32") -> None:
    """Write a graph as a runtime's files; imports torch.

    Args:
        name: A runtime that runs files.
        graph: What to write, with float32 weights; its inputs and outputs keep their types.
        path: The files without their suffixes; missing folders are made.
        precision: One of `STORED`, of the weights: float16 halves the files. In which precision the program computes
            is a matter of `Options`.

    Raises:
        InputError: The runtime is missing, runs no files, or cannot take the graph. Nothing is written then.
    """
    runtime = _with_files(name, writing=True)
    checked_name(precision, STORED, "precision of the stored weights")
    _write_all(runtime, path, lambda draft: runtime_module(runtime).write_graph(graph, draft, precision))


def quantise_graph(name: str, graph: Graph, path: Path, int8_examples: Iterable[tuple[np.ndarray, ...]]) -> None:
    """Write a graph as a runtime's files in int8, by post-training quantisation; imports torch.

    Convolutions compute on 8 bits, but for those where that would cost accuracy or time on that runtime: they compute
    in float32, with weights stored in half precision.

    Args:
        name: A runtime that runs files.
        graph: What to write, as for `write_graph`.
        path: The files without their suffixes; missing folders are made.
        int8_examples: Inputs of the graph as they occur, which tell the ranges; a hundred or more.

    Raises:
        InputError: The runtime is missing, has no int8, or cannot take the graph, or there is no calibration. Nothing
            is written then.
    """
    runtime = _with_files(name, writing=True)
    if not runtime.quantising:
        able = " and ".join(other for other in RUNTIMES if RUNTIMES[other].quantising)
        raise InputError(f"precision 'int8': runtime '{name}' has no post-training quantisation here; {able} have")
    check_installed(f"int8 for runtime '{name}'", runtime.quantising, "int8")
    examples = list(int8_examples)
    if not examples:
        raise InputError("precision 'int8': no calibration inputs were given")
    _write_all(runtime, path, lambda draft: runtime_module(runtime).quantise_graph(graph, draft, examples))


def make_program(name: str, graph: Graph, options: Options) -> Program:
    """Make a program of a graph, through files of a temporary folder where the runtime runs files; imports torch.

    Raises:
        InputError: As `write_graph` and `open_program`.
    """
    runtime = checked_runtime(name, writing=True)
    if not runtime.suffixes:
        with naming_packages():
            program: Program = runtime_module(runtime).make_program(graph, options)
        return program
    with tempfile.TemporaryDirectory() as folder:
        write_graph(name, graph, Path(folder) / "graph")
        return open_program(name, Path(folder) / "graph", options)


def first_line(error: Exception) -> str:
    """What another library's error says, as short as a sentence can take it."""
    return next(iter(str(error).splitlines()), type(error).__name__)[:300]


def _with_files(name: str, writing: bool = False) -> Runtime:
    runtime = checked_runtime(name, writing)
    if not runtime.suffixes:
        raise InputError(f"runtime '{name}' runs modules, not files")
    return runtime


def _write_all(runtime: Runtime, path: Path, write: Callable[[Path], None]) -> None:
    """Let a runtime write somewhere else first, so that no part of its files appears if it fails."""
    with tempfile.TemporaryDirectory() as folder:
        draft = Path(folder) / path.name
        with naming_packages():
            write(draft)
        for suffix in runtime.suffixes:
            write_atomically(path.with_suffix(suffix), draft.with_suffix(suffix).read_bytes())
