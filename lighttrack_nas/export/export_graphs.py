"""What an export writes: the graphs of a network, with the options that a user gave."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING

import numpy as np

from lighttrack_nas.export.export_checks import Example
from lighttrack_nas.trackers.base.errors import InputError
from lighttrack_nas.trackers.base.names import checked_name
from lighttrack_nas.trackers.base.progress import Say
from lighttrack_nas.trackers.runtimes.exported import TEMPLATE_GRAPH, track_graph_name
from lighttrack_nas.trackers.runtimes.program import Options, open_program, quantise_graph, write_graph
from lighttrack_nas.trackers.runtimes.runtime_registry import RUNTIMES
from lighttrack_nas.trackers.tracking.crops import network_input, raw_input
from lighttrack_nas.trackers.tracking.hyper_parameters import HyperParameters

if TYPE_CHECKING:
    from lighttrack_nas.trackers.network.network import SiameseNetwork
    from lighttrack_nas.trackers.runtimes.graphs import Graph


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What to write.

    Attributes:
        runtime: That shall run the graphs.
        template_size: Side of the template crop, pixels.
        search_sizes: One or two sides of the search crop, ascending.
        dynamic: One track graph for every size, not one for each.
        correlation: "matmul" or "convolution".
        precision: Of the weights: "float32", "float16" or "int8".
        raw: Whether the graphs take crops as they are.
        hyper_parameters: To track with.
        opset: ONNX's operator set; None leaves it to the exporter.

    Raises:
        InputError: No search size, or more than two; an unknown correlation, or one that the runtime cannot do; an
            operator set for files that have none.
    """

    runtime: str
    template_size: int
    search_sizes: tuple[int, ...]
    dynamic: bool
    correlation: str
    precision: str
    raw: bool
    hyper_parameters: HyperParameters
    opset: int | None = None

    def __post_init__(self) -> None:
        if not 1 <= len(self.search_sizes) <= 2:
            raise InputError(
                "search sizes: one or two expected, the larger of which serves small targets, got "
                + (", ".join(map(str, self.search_sizes)) or "none")
            )
        checked_name(self.correlation, ("matmul", "convolution"), "correlation")
        if self.correlation == "convolution" and self.runtime == "ncnn":
            raise InputError(
                "correlation 'convolution': not for ncnn, whose converter, pnnx, translates convolutions with computed "
                "kernels wrongly: correlate as matmul"
            )
        if self.opset is not None and not self.in_onnx:
            raise InputError(f"opset {self.opset}: operator sets are ONNX's, and files for {self.runtime} have none")

    @property
    def in_onnx(self) -> bool:
        """Whether the files are ONNX."""
        return ".onnx" in RUNTIMES[self.runtime].suffixes

    @property
    def track_graphs(self) -> dict[str, list[int]]:
        """Names of the track graphs, with the search sizes that each serves."""
        names: dict[str, list[int]] = {}
        for size in self.search_sizes:
            names.setdefault(track_graph_name(size, self.dynamic), []).append(size)
        return names


def build_graphs(network: SiameseNetwork, plan: Plan) -> dict[str, Graph]:
    """The template graph and the track graphs by name; imports torch.

    Raises:
        InputError: A size does not fit the network.
    """
    from lighttrack_nas.trackers.runtimes.graphs import template_graph, track_graph

    graphs = {TEMPLATE_GRAPH: template_graph(network, size=plan.template_size, raw=plan.raw)}
    for name, sizes in plan.track_graphs.items():
        graphs[name] = track_graph(
            network,
            sizes[0],
            template_size=plan.template_size,
            correlation=plan.correlation,
            raw=plan.raw,
            dynamic=plan.dynamic,
        )
    return {name: replace(graph, opset=plan.opset) for name, graph in graphs.items()}


def write_graphs(
    graphs: Mapping[str, Graph],
    plan: Plan,
    examples: Mapping[int, Sequence[Example]],
    folder: Path,
    say: Say,
    first_took: Callable[[float], None],
) -> None:
    """Write graphs as the runtime's files.

    Args:
        graphs: Of `build_graphs`.
        plan: How.
        examples: By search size; they calibrate int8.
        folder: For the files.
        say: Told of every graph.
        first_took: Told how many seconds the first graph, the template's, has taken.

    Raises:
        InputError: The runtime cannot take the network.
    """

    def write(name: str, int8_examples: Iterable[tuple[np.ndarray, ...]]) -> None:
        if plan.precision == "int8":
            quantise_graph(plan.runtime, graphs[name], folder / name, int8_examples)
        else:
            write_graph(plan.runtime, graphs[name], folder / name, plan.precision)
        say(f"graph '{name}' written")

    begun = monotonic()
    write(TEMPLATE_GRAPH, graph_inputs(TEMPLATE_GRAPH, plan, examples, folder))
    first_took(monotonic() - begun)
    for name in plan.track_graphs:
        write(name, graph_inputs(name, plan, examples, folder))


def graph_inputs(
    name: str, plan: Plan, examples: Mapping[int, Sequence[Example]], folder: Path
) -> Iterator[tuple[np.ndarray, ...]]:
    """A graph's inputs over the examples, one after another.

    Args:
        name: A graph of the plan.
        plan: How the graphs are written.
        examples: By search size.
        folder: Of the files; those of the template graph give what the track graphs correlate with.
    """
    prepare = raw_input if plan.raw else network_input
    if name == TEMPLATE_GRAPH:
        yield from ((prepare(crop),) for crop in _template_crops(examples, plan.template_size))
        return
    template = open_program(plan.runtime, folder / TEMPLATE_GRAPH, Options())
    for size in plan.track_graphs[name]:
        for one in examples[size]:
            yield template.run(prepare(one.template))[0], prepare(one.search)


def _template_crops(examples: Mapping[int, Sequence[Example]], size: int) -> list[np.ndarray]:
    """Template crops of every frame: both kinds of crop have one scale, so that it is the middle of a search crop."""
    crops = []
    for example in next(iter(examples.values())):
        start = (len(example.search) - size) // 2
        crops.append(example.search[start : start + size, start : start + size])
    return crops
