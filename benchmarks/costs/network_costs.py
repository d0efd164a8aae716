"""Parameters and multiply-adds of a network in the form in which it is deployed, counted by fvcore."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import torch

from lighttrack_nas.benchmarks.costs.macs_counting import (
    CONVENTION,
    COUNTER,
    count_operations,
    parameters_of,
    uncounted_of,
)
from lighttrack_nas.search_spaces.building.builder import build_network
from lighttrack_nas.search_spaces.space import Architecture
from lighttrack_nas.trackers.base.errors import InputError
from lighttrack_nas.trackers.network.network import SiameseNetwork, TemplateBranch, TrackBranch
from lighttrack_nas.trackers.network.reparameterise import reparameterise
from lighttrack_nas.trackers.network.wrapped_network import WrappedNetwork

SMALLEST_CROP, LARGEST_CROP = 16, 2048
"""Sides of a crop, pixels, as a space may declare them."""

NETWORK_PARTS: dict[str, tuple[str, ...]] = {
    "backbone": ("backbone",),
    "neck": ("necks",),
    "fusion": ("fusions",),
    "cls_head": ("cls_head", "heads.cls_head"),
    "reg_head": ("reg_head", "heads.reg_head"),
    "shared_head": ("heads.tower",),
}
"""Parts of a network, with the modules that belong to each where it has them."""


@dataclass(frozen=True)
class Costs:
    """What one architecture costs when it is deployed: branches that exist for training alone are merged first.

    Attributes:
        params: Parameters of the deployed network.
        macs: Multiply-adds of one tracked frame: the search branch, the template's features given. This is what the
            paper calls FLOPs (530 M for LightTrack-Mobile).
        macs_template: Multiply-adds of the template branch, paid once a target.
        parts: Parameters and MACs by part: backbone, neck, fusion, cls_head, reg_head, or shared_head in place of the
            last two where one tower serves both branches; of a network of somebody's own, by its own modules.
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


def measure_costs(subject: Architecture | SiameseNetwork, search_size: int | None = None) -> Costs:
    """Count an architecture's or a plain network's parameters and multiply-adds.

    What is counted is its deployed form (`trackers.network.reparameterise`); most networks have no other. The
    template size is the network's own: the correlation's kernels are its positions.

    Args:
        subject: An architecture, which is built, or a network, which is left as it is.
        search_size: Side of the search crop, pixels, 16 to 2048; None means the smaller of the network's own.

    Returns:
        The costs, with the counter, its convention and what it left out.

    Raises:
        InputError: The search size is out of range.
    """
    network = reparameterise(_with_zeros(subject) if isinstance(subject, Architecture) else subject)
    modes = {module: module.training for module in network.modules()}
    device = next(network.parameters()).device
    template_size = network.geometry.template_size
    search_size = checked_search_size(search_size, network.geometry.search_sizes)
    network.eval()  # in training mode fvcore counts BatchNorm otherwise
    try:
        with torch.no_grad():
            image = torch.zeros(1, 3, template_size, template_size, device=device)
            search = torch.zeros(1, 3, search_size, search_size, device=device)
            features = network.template(image)
            template = count_operations(TemplateBranch(network), (image,))
            track = count_operations(TrackBranch(network), (features, search))
    finally:
        for module, training in modes.items():
            module.training = training
    by_module = track.by_module()
    there = {name for name, _ in network.named_modules()}
    parts = {part: [name for name in names if name in there] for part, names in _parts_of(network).items()}
    return Costs(
        params=parameters_of(network),
        macs=int(track.total()),
        macs_template=int(template.total()),
        parts={
            part: {
                "params": sum(parameters_of(network.get_submodule(name)) for name in names),
                "macs": int(sum(by_module[f"network.{name}"] for name in names)),
            }
            for part, names in parts.items()
            if names
        },
        search_size=search_size,
        template_size=template_size,
        uncounted=uncounted_of(track),
    )


def checked_search_size(size: int | None, sizes: Sequence[int]) -> int:
    """The search size to count with.

    Args:
        size: What was asked for, pixels; None for the smaller of `sizes`.
        sizes: The space's own, ascending.

    Raises:
        InputError: It is out of the range that a space may declare.
    """
    if size is None:
        return sizes[0]
    if isinstance(size, bool) or not isinstance(size, int) or not SMALLEST_CROP <= size <= LARGEST_CROP:
        raise InputError(
            f"search size: a whole number of pixels from {SMALLEST_CROP} to {LARGEST_CROP} expected, got {size}"
        )
    return size


def _with_zeros(architecture: Architecture) -> SiameseNetwork:
    """Build without drawing weights, so that torch's generator stays where it is: counting needs shapes alone."""
    with torch.device("meta"):
        network = build_network(architecture)
    if any(tensor.is_meta for tensor in network.state_dict().values()):  # somebody's own builds on the CPU
        network.to_empty(device="cpu")
    for tensor in network.state_dict().values():
        tensor.zero_()
    return network


def _parts_of(network: SiameseNetwork) -> dict[str, tuple[str, ...]]:
    if isinstance(network, WrappedNetwork):
        return {name: (f"own.{name}",) for name, _ in network.own.named_children()}
    return NETWORK_PARTS
