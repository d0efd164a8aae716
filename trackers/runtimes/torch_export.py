"""Torch's exported programs (.pt2)."""

from __future__ import annotations

import copy
from dataclasses import replace
from io import BytesIO
from pathlib import Path

import torch

from lighttrack_nas.trackers.base.errors import InputError
from lighttrack_nas.trackers.runtimes.graphs import Graph, exported
from lighttrack_nas.trackers.runtimes.program import Options, first_line
from lighttrack_nas.trackers.runtimes.torch_eager import TorchProgram, placed


def open_program(path: Path, options: Options) -> TorchProgram:
    """Open ``path.pt2``."""
    file = path.with_suffix(".pt2")
    try:
        module = torch.export.load(file).module()
    except Exception as error:  # its errors have no common type of their own
        raise InputError(f"'{file}': torch cannot open it: {first_line(error)}") from None
    return TorchProgram(placed(module, options), options)


def write_graph(graph: Graph, path: Path, precision: str) -> None:
    """Write ``path.pt2``; see `program.write_graph`."""
    dtype = getattr(torch, precision)
    inputs = tuple(tensor.to(dtype) if tensor.is_floating_point() else tensor for tensor in graph.inputs)
    program = exported(replace(graph, module=copy.deepcopy(graph.module).to(dtype), inputs=inputs))
    # Through memory: on a full disk, torch's own file writer ends the process.
    content = BytesIO()
    torch.export.save(program, content)
    path.with_suffix(".pt2").write_bytes(content.getbuffer())
