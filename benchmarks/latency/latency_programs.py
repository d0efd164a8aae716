"""What is timed of a network: a program of one of its branches, and how it runs."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace

import torch
from torch import Tensor, nn

from lighttrack_nas.search_spaces.building.builder import build_network
from lighttrack_nas.search_spaces.space import Architecture
from lighttrack_nas.trackers.base.errors import InputError
from lighttrack_nas.trackers.network.network import SiameseNetwork
from lighttrack_nas.trackers.network.reparameterise import reparameterise
from lighttrack_nas.trackers.runtimes.graphs import Graph, template_graph, track_graph
from lighttrack_nas.trackers.runtimes.program import Options, make_program
from lighttrack_nas.trackers.runtimes.runtime_registry import checked_runtime

BRANCHES = ("track", "template")
"""What can be timed: the work of every frame, and the work of once a target."""

Subject = Architecture | SiameseNetwork


def checked_options(threads: int, device: str, precision: str) -> Options:
    """How a program runs, where its latency is to be measured.

    Raises:
        InputError: As `Options`; for int8 it says what to do instead.
    """
    if precision == "int8":
        raise InputError(
            "precision 'int8' is no way to run a float32 network: it needs calibration on pairs; export the model with "
            "--precision int8 and time what was exported"
        )
    return Options(threads, device, precision)


def checked_device(name: str) -> torch.device:
    """The torch device of a name.

    Raises:
        InputError: Torch does not know it, or cannot use it here.
    """
    try:
        return torch.empty(0, device=name).device
    except (RuntimeError, AssertionError) as error:
        raise InputError(f"device '{name}' cannot be used here: {str(error).splitlines()[0]}") from None


@contextmanager
def fixed_threads(number: int) -> Iterator[None]:
    """Torch with a number of threads; what was set before is restored."""
    before = torch.get_num_threads()
    torch.set_num_threads(number)
    try:
        yield
    finally:
        torch.set_num_threads(before)


class _AsItIs(nn.Module):
    """A branch of a network with its norms, as `TorchNetwork` runs it."""

    def __init__(self, network: SiameseNetwork, branch: str) -> None:
        super().__init__()
        self.network = network
        self.branch = branch

    def forward(self, *inputs: Tensor) -> Tensor | tuple[Tensor, Tensor]:
        return self.network.template(*inputs) if self.branch == "template" else self.network.track(*inputs)


def branch_step(subject: Subject, branch: str, runtime: str, options: Options) -> tuple[Callable[[], object], int]:
    """A call that runs a branch once, and the side of its crop."""
    checked_runtime(runtime, writing=True)
    graph = branch_graph(network_of(subject), branch, runtime)
    arrays = [tensor.numpy() for tensor in graph.inputs]
    program = make_program(runtime, graph, options)
    return lambda: program.run(*arrays), graph.inputs[-1].shape[-1]


def branch_graph(network: SiameseNetwork, branch: str, runtime: str) -> Graph:
    """A branch of a deployed network, as a runtime is timed with it: as it is in torch, else with its norms folded."""
    size = network.geometry.search_sizes[0]
    graph = template_graph(network) if branch == "template" else track_graph(network, size)
    return replace(graph, module=_AsItIs(network, branch)) if runtime == "torch" else graph


def network_of(subject: Subject) -> SiameseNetwork:
    """A network to time, deployed, in eval mode on the CPU: a copy, or an architecture's with random weights."""
    if isinstance(subject, SiameseNetwork):
        return reparameterise(copy.deepcopy(subject).cpu().eval())
    # Weights of ordinary size: denormal numbers would cost extra.
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return reparameterise(build_network(subject).eval())
