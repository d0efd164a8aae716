"""Parameters and multiply-adds of a network, counted by fvcore."""

from __future__ import annotations

import warnings
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor, nn

from lighttrack_nas.search_spaces.architecture import Architecture
from lighttrack_nas.trackers.network import SiameseNetwork

COUNTER = "fvcore"
CONVENTION = (
    "one multiply-add counts as one; BatchNorm (2 an element, eval mode), pooling and the correlation's matmul are "
    "counted, activations and additions are not"
)
# Element-wise operations, which fvcore leaves out by design; anything else that it leaves out is reported.
_FREE = {
    "aten::add",
    "aten::mul",
    "aten::silu_",
    "aten::hardsigmoid",
    "aten::relu_",
    "aten::sigmoid",
    "aten::exp",
    "aten::clamp",
}
_PARTS = {
    "backbone": ("backbone",),
    "neck": ("necks",),
    "fusion": ("fusions",),
    "cls_head": ("cls_head",),
    "reg_head": ("reg_head",),
}


@dataclass(frozen=True)
class Costs:
    """What one architecture costs.

    Attributes:
        params: Trainable parameters.
        macs: Multiply-adds of one tracked frame: the search branch, the template's features given. This is what the
            paper calls FLOPs (530 M for LightTrack-Mobile).
        macs_template: Multiply-adds of the template branch, paid once a target.
        parts: Parameters and MACs by part: backbone, neck, fusion, cls_head, reg_head.
        search_size: Side of the search crop counted with, pixels.
        template_size: Side of the template crop counted with, pixels.
        uncounted: Operations that the counter does not know, with their number; empty is good.
        counter: Who counted.
        convention: What counts as one.
    """

    params: int
    macs: int
    macs_template: int
    parts: dict[str, dict[str, int]]
    search_size: int
    template_size: int
    uncounted: dict[str, int]
    counter: str = COUNTER
    convention: str = CONVENTION

    def to_dict(self) -> dict[str, Any]:
        """All fields, JSON-able."""
        return asdict(self)


class _TrackBranch(nn.Module):
    def __init__(self, network: SiameseNetwork) -> None:
        super().__init__()
        self.network = network

    def forward(self, features: Tensor, image: Tensor) -> tuple[Tensor, Tensor]:
        return self.network.track(features, image)


class _TemplateBranch(nn.Module):
    def __init__(self, network: SiameseNetwork) -> None:
        super().__init__()
        self.network = network

    def forward(self, image: Tensor) -> Tensor:
        return self.network.template(image)


def measure_costs(subject: Architecture | SiameseNetwork) -> Costs:
    """Count an architecture's or a plain network's parameters and multiply-adds.

    The sizes are the network's own: the template size and the smaller search size.

    Args:
        subject: An architecture, which is built, or a network, which is left in the mode it was in.

    Returns:
        The costs, with the counter, its convention and what it left out.
    """
    network = _with_zeros(subject) if isinstance(subject, Architecture) else subject
    modes = {module: module.training for module in network.modules()}
    device = next(network.parameters()).device
    template_size, search_size = network.geometry.template_size, network.geometry.search_sizes[0]
    network.eval()  # in training mode fvcore counts BatchNorm otherwise
    try:
        with torch.no_grad():
            image = torch.zeros(1, 3, template_size, template_size, device=device)
            search = torch.zeros(1, 3, search_size, search_size, device=device)
            features = network.template(image)
            template = _count(_TemplateBranch(network), (image,))
            track = _count(_TrackBranch(network), (features, search))
    finally:
        for module, training in modes.items():
            module.training = training
    by_module = track.by_module()
    return Costs(
        params=_parameters(network),
        macs=int(track.total()),
        macs_template=int(template.total()),
        parts={
            part: {
                "params": sum(_parameters(network.get_submodule(name)) for name in names),
                "macs": int(sum(by_module[f"network.{name}"] for name in names)),
            }
            for part, names in _PARTS.items()
        },
        search_size=search_size,
        template_size=template_size,
        uncounted={name: count for name, count in sorted(track.unsupported_ops().items()) if name not in _FREE},
    )


def _with_zeros(architecture: Architecture) -> SiameseNetwork:
    """Build without drawing weights, so that torch's generator stays where it is: counting needs shapes alone."""
    with torch.device("meta"):
        network = architecture.space.network(architecture)
    network.to_empty(device="cpu")
    for tensor in network.state_dict().values():
        tensor.zero_()
    return network


def _count(module: nn.Module, inputs: tuple[Tensor, ...]) -> Any:
    with warnings.catch_warnings():
        # fvcore counts on TorchScript graphs, whose entry points newer torch calls deprecated.
        warnings.filterwarnings("ignore", message=r".*torch\.jit", category=FutureWarning)
        warnings.filterwarnings("ignore", message=r".*torch\.jit", category=DeprecationWarning)
        from fvcore.nn import FlopCountAnalysis

        analysis = FlopCountAnalysis(module, inputs)
        analysis.unsupported_ops_warnings(False)
        analysis.uncalled_modules_warnings(False)
        analysis.total()
    return analysis


def _parameters(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())
