"""Torch as it is, and shared means of torch's other programs."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from lighttrack_nas.trackers.base.errors import InputError
from lighttrack_nas.trackers.runtimes.graphs import Graph
from lighttrack_nas.trackers.runtimes.program import Options, first_line


class TorchProgram:
    """Runs a callable on tensors; any batch that the callable takes.

    Args:
        function: Tensors in, a tensor or a tuple of tensors out, on the device and in the precision of the options.
        options: How to run; torch's threads are set for the time of each run.
    """

    def __init__(self, function: Callable[..., Any], options: Options) -> None:
        self._function, self._options = function, options
        self._precision = getattr(torch, options.precision)

    @torch.inference_mode()
    def run(self, *arrays: np.ndarray) -> tuple[np.ndarray, ...]:
        """See `Program.run`."""
        with _threads(self._options.threads):
            outputs = self._function(*(self._tensor(array) for array in arrays))
        outputs = (outputs,) if isinstance(outputs, Tensor) else outputs
        return tuple(output.float().cpu().numpy() for output in outputs)

    def _tensor(self, array: np.ndarray) -> Tensor:
        tensor = torch.from_numpy(np.ascontiguousarray(array)).to(self._options.device)
        return tensor.to(self._precision) if tensor.is_floating_point() else tensor


def make_program(graph: Graph, options: Options) -> TorchProgram:
    """A program of the module itself."""
    return TorchProgram(placed(copy.deepcopy(graph.module), options), options)


def placed(module: nn.Module, options: Options) -> nn.Module:
    """Move a module to the options' device and precision.

    Raises:
        InputError: Torch does not know the device, or cannot use it here.
    """
    try:
        return module.to(device=options.device, dtype=getattr(torch, options.precision))
    except (RuntimeError, AssertionError) as error:
        raise InputError(f"device '{options.device}' cannot be used here: {first_line(error)}") from None


@contextmanager
def _threads(number: int) -> Iterator[None]:
    before = torch.get_num_threads()
    if before == number:
        yield
        return
    torch.set_num_threads(number)
    try:
        yield
    finally:
        torch.set_num_threads(before)
