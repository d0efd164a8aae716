"""Torch's compiler."""

from __future__ import annotations

import copy

import torch

from lighttrack_nas.trackers.runtimes.graphs import Graph
from lighttrack_nas.trackers.runtimes.program import Options
from lighttrack_nas.trackers.runtimes.torch_eager import TorchProgram, placed


def make_program(graph: Graph, options: Options) -> TorchProgram:
    """A program of the compiled module; the first run compiles, which takes up to minutes and a C++ compiler."""
    return TorchProgram(torch.compile(placed(copy.deepcopy(graph.module), options)), options)
