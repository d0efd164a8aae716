"""A network's graphs, in its deployed form: one for the template, one for every frame."""

from __future__ import annotations

import copy
import math
from collections.abc import Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor, fx, nn
from torch.nn import functional

from lighttrack_nas.trackers.base.errors import InputError
from lighttrack_nas.trackers.base.names import checked_name
from lighttrack_nas.trackers.network.correlation import Fusion
from lighttrack_nas.trackers.network.network import SiameseNetwork, TemplateBranch, TrackBranch
from lighttrack_nas.trackers.network.reparameterise import reparameterise
from lighttrack_nas.trackers.runtimes.folding import fold_into_convolutions
from lighttrack_nas.trackers.tracking.crops import DEVIATION, MEAN

CORRELATIONS = ("matmul", "convolution")
"""How a track graph correlates: a product of matrices, or a 1x1 convolution whose kernels are the template's map.

A depthwise correlation is a convolution with either.
"""


@dataclass(frozen=True)
class Graph:
    """A module with what an exporter must know of it.

    Attributes:
        module: In eval mode, its parameters without gradients; tensors in, a tensor or a tuple of tensors out.
        inputs: Examples, whose shapes are the graph's.
        input_names: One each.
        output_names: One for each output.
        free: Input name -> the axes whose size is decided at run time.
        opset: ONNX's operator set to write it in; None leaves it to the exporter. Other formats have none.
    """

    module: nn.Module
    inputs: tuple[Tensor, ...]
    input_names: tuple[str, ...]
    output_names: tuple[str, ...]
    free: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    opset: int | None = None


def template_graph(network: SiameseNetwork, *, size: int | None = None, raw: bool = False) -> Graph:
    """The graph of `SiameseNetwork.template`, batch 1, norms folded; the network is left as it is.

    Args:
        network: A plain network.
        size: Side of the template crop, pixels; None takes the network's own.
        raw: Take the crop itself, see `track_graph`.

    Raises:
        InputError: The size gives another number of correlation kernels than the network was built for.
    """
    side = _checked_template_size(network, size)
    module = fold_into_convolutions(TemplateBranch(reparameterise(network)))
    return Graph(module, (_take_image(module, side, raw),), ("image",), ("features",))


def track_graph(
    network: SiameseNetwork,
    search_size: int,
    *,
    template_size: int | None = None,
    correlation: str = "matmul",
    raw: bool = False,
    dynamic: bool = False,
) -> Graph:
    """The graph of `SiameseNetwork.track`, batch 1, norms folded; the network is left as it is.

    Args:
        network: A plain network.
        search_size: Side of the search crop, pixels.
        template_size: Side of the crop from which the template's features come; None takes the network's own.
        correlation: One of `CORRELATIONS`; equal but for rounding.
        raw: Take the crop itself, ``(1, side, side, 3)`` BGR uint8, instead of `crops.network_input` of it.
        dynamic: Leave the crop's side open; `search_size` is then the example.

    Raises:
        InputError: An unknown correlation, or a size that does not fit the network.
    """
    checked_name(correlation, CORRELATIONS, "correlation")
    _checked_template_size(network, template_size)
    stride = network.stride
    if search_size < stride or math.ceil(search_size / stride) != round(search_size / stride):
        raise InputError(
            f"search size {search_size}: expected a multiple of the network's stride {stride}, or a little less"
        )
    network = copy.deepcopy(reparameterise(network))
    if correlation == "convolution":
        for name, fusion in network.fusions.items():
            if isinstance(fusion, Fusion):
                network.fusions[name] = _ConvolutionFusion(fusion)
    rows = math.isqrt(network.exit.kernels)
    features = _noise(1, network.exit.channels, rows, rows)
    module = fold_into_convolutions(TrackBranch(network))
    image = _take_image(module, search_size, raw)
    free = {"image": (1, 2) if raw else (2, 3)} if dynamic else {}
    return Graph(module, (features, image), ("features", "image"), ("logits", "distances"), free)


def exported(graph: Graph) -> torch.export.ExportedProgram:
    """A graph as torch's exporter sees it; what writes files starts there."""
    dynamic = torch.export.Dim.DYNAMIC
    axes = tuple({axis: dynamic for axis in graph.free.get(name, ())} for name in graph.input_names)
    return torch.export.export(graph.module, graph.inputs, dynamic_shapes=axes)


class _ConvolutionFusion(nn.Module):
    """A fusion whose correlation is a convolution with computed kernels; batch 1."""

    def __init__(self, fusion: Fusion) -> None:
        super().__init__()
        self.attention, self.adapter = fusion.attention, fusion.adapter

    def forward(self, template: Tensor, search: Tensor) -> Tensor:
        kernels = template.flatten(2).permute(2, 1, 0).unsqueeze(3)
        fused: Tensor = self.adapter(self.attention(functional.conv2d(search, kernels)))
        return fused


class _Pixels(nn.Module):
    """Pixels of a crop, ``(1, h, w, 3)``, as centred planes ``(1, 3, h, w)``, still BGR and unscaled."""

    def __init__(self, mean: Tensor) -> None:
        super().__init__()
        self.mean = nn.Parameter(mean.float()[:, None, None], requires_grad=False)

    def forward(self, crop: Tensor) -> Tensor:
        return crop.permute(0, 3, 1, 2).to(self.mean.dtype) - self.mean


def _take_image(module: fx.GraphModule, side: int, raw: bool) -> Tensor:
    """Make an example of the image input; if it shall be the raw crop, teach the module to take it."""
    if not raw:
        return _noise(1, 3, side, side)
    image = next(node for node in module.graph.nodes if node.op == "placeholder" and node.target == "image")
    (first,) = image.users
    mean, factor = torch.from_numpy(MEAN * 255), torch.from_numpy(1 / (DEVIATION * 255))
    # Order and scale go into the first convolution. The mean cannot: what the convolution pads with is the mean colour.
    convolution = module.get_submodule(first.target)
    assert isinstance(convolution, nn.Conv2d)
    scaled = convolution.weight.double() * factor[:, None, None]
    convolution.weight = nn.Parameter(scaled.flip(1).float(), requires_grad=False)
    module.add_submodule("pixels", _Pixels(mean.flip(0)))
    with module.graph.inserting_after(image):
        first.replace_input_with(image, module.graph.call_module("pixels", (image,)))
    module.recompile()
    return torch.randint(0, 256, (1, side, side, 3), dtype=torch.uint8, generator=_generator())


def _checked_template_size(network: SiameseNetwork, size: int | None) -> int:
    size = network.geometry.template_size if size is None else size
    stride, kernels = network.stride, network.exit.kernels
    if size < 1 or math.ceil(size / stride) ** 2 != kernels:
        fitting = math.isqrt(kernels) * stride
        raise InputError(
            f"template size {size}: the network correlates {kernels} positions at stride {stride}; sizes from "
            f"{fitting - stride + 1} to {fitting} give as many"
        )
    return size


def _noise(*shape: int) -> Tensor:
    return torch.randn(shape, generator=_generator())


def _generator() -> torch.Generator:
    return torch.Generator().manual_seed(0)
