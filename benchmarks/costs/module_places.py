"""Every module of a space at every place where it may stand, with the shapes of what it is given there.

The space alone decides on these shapes: those of a block follow from its place and the widths around it, those of a
tower's layer from widths and from the output's stride. What is counted or timed once for each of them serves every
architecture (`cost_parts.py`, `latency_pieces.py`).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import torch
from torch import nn

from lighttrack_nas.search_spaces.base.labels import (
    CORRELATION,
    OUTPUT,
    TEMPLATE_SIZE,
    layer_label,
    layer_width_label,
    stage_width_label,
    width_label,
)
from lighttrack_nas.search_spaces.building.builder import Factories, build
from lighttrack_nas.search_spaces.description.description import SpaceDescription
from lighttrack_nas.search_spaces.description.space_parts import TowerDescription
from lighttrack_nas.search_spaces.space import Space
from lighttrack_nas.trackers.base.errors import InputError
from lighttrack_nas.trackers.network.heads import SeparateTowers, SharedTower, Tower
from lighttrack_nas.trackers.network.network import ChosenOutput, SiameseNetwork
from lighttrack_nas.trackers.network.reparameterise import reparameterise

Shape = tuple[int, int, int]
"""Channels, height, width of one example."""
Given = Mapping[str, str]
"""Values of choices by label."""


_MOST_COMBINATIONS = 2_000_000


class Variant(NamedTuple):
    """One module at a place.

    Attributes:
        given: The choices that lead to it there.
        module: In its deployed form.
        search: Shapes of its inputs while a frame is tracked.
        template: Shape of its input while the template's features are computed; None where it has no part in that.
    """

    given: Given
    module: nn.Module
    search: tuple[Shape, ...]
    template: Shape | None = None


class BuiltPlace(NamedTuple):
    """A place of the network.

    Attributes:
        part: The part it belongs to, as in `costs.Costs.parts`.
        label: Its label in `Space.candidates`; "" where there is nothing to choose, such as the stem.
        labels: The choices on which depends what stands there, in the space's order; also those that may leave it out.
        variants: What may stand there.
    """

    part: str
    label: str
    labels: tuple[str, ...]
    variants: tuple[Variant, ...]

    def cells(self, space: Space, variant: Variant) -> tuple[list[int], ...]:
        """Where a variant belongs in an array with an axis for each of `labels`: for every axis the indices."""
        needed = space.conditions.get(self.label, {})

        def indices(label: str) -> list[int]:
            values = space.labels[label]
            if label in variant.given:
                return [values.index(variant.given[label])]
            return [index for index, value in enumerate(values) if value in needed.get(label, values)]

        return tuple(indices(label) for label in self.labels)


class AllCandidates:
    """The chooser that makes every candidate, so that the builder alone knows how."""

    def decided(self, label: str) -> str | None:
        """Nothing is."""
        return None

    def layer(self, label: str, factories: Factories) -> nn.Module:
        """All candidates of a place."""
        return _Candidates(label, tuple(factories), [factory() for factory in factories.values()])

    def output(self, exits: Sequence[str]) -> tuple[nn.Module, tuple[int, ...]]:
        """The first exit, with every exit kept."""
        return ChosenOutput(0), tuple(range(len(exits)))

    def depth(self, label: str, count: int) -> nn.Module:
        """The features behind the most blocks."""
        return ChosenOutput(count - 1)


@torch.no_grad()
def place_modules(space: Space, search_size: int | None = None) -> list[BuiltPlace]:
    """Build every candidate of a space, and say where each may stand.

    Args:
        space: The space.
        search_size: Side of the search crop, pixels; None for the smaller one that belongs to each template size.

    Returns:
        The places in the order in which a frame meets them.

    Raises:
        InputError: What stands at a place depends on more combinations of choices than can be counted.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)  # weights of ordinary size, the same every time
        network = reparameterise(build(space, AllCandidates()).eval())
    by_place: dict[tuple[str, str], list[Variant]] = {}
    for part, label, variant in _variants(space.description, network, search_size):
        by_place.setdefault((part, label), []).append(variant)
    return [
        BuiltPlace(part, label, _deciding(space, label or part, variants), tuple(variants))
        for (part, label), variants in by_place.items()
    ]


def _deciding(space: Space, label: str, variants: Sequence[Variant]) -> tuple[str, ...]:
    needed = set(space.conditions.get(label, ())).union(*(variant.given for variant in variants))
    deciding = tuple(choice for choice in space.labels if choice in needed)
    combinations = math.prod(len(space.labels[choice]) for choice in deciding)
    if combinations > _MOST_COMBINATIONS:
        raise InputError(
            f"space '{space.name}', '{label}': what stands there depends on {len(deciding)} choices with "
            f"{combinations:,} combinations ({', '.join(deciding)}); at most {_MOST_COMBINATIONS:,} can be counted: "
            "offer fewer widths, depths or sizes"
        )
    return deciding


class _Candidates(nn.ModuleList):
    """All candidates of a place, in the space's order."""

    def __init__(self, label: str, names: tuple[str, ...], modules: Sequence[nn.Module]) -> None:
        super().__init__(modules)
        self.label = label
        self.names = names


def _leaves(module: nn.Module, given: Given | None = None) -> Iterator[tuple[Given, nn.Module]]:
    """The modules that the choices of a place lead to."""
    given = given or {}
    if isinstance(module, _Candidates):
        for name, candidate in zip(module.names, module, strict=True):
            yield from _leaves(candidate, {**given, module.label: name})
    else:
        yield given, module


class _Sizes(NamedTuple):
    """Sides of both crops, pixels."""

    given: Given
    template: int
    search: int


def _sizes(description: SpaceDescription, search_size: int | None) -> list[_Sizes]:
    sizes = description.all_template_sizes
    return [
        _Sizes(
            {TEMPLATE_SIZE: str(size)} if len(sizes) > 1 else {},
            size,
            search_size or description.search_sizes_of(size)[0],
        )
        for size in sizes
    ]


_PlacedVariant = tuple[str, str, Variant]
"""Part, label, and what stands there."""


def _variants(
    description: SpaceDescription, network: SiameseNetwork, search_size: int | None
) -> Iterator[_PlacedVariant]:
    for sizes in _sizes(description, search_size):
        yield from _in_backbone(description, network, sizes)
        yield from _in_fusions(description, network, sizes)
        for branch, tower, given, module in _towers(description, network):
            yield from _in_tower(description, branch, tower, given, module, sizes)


def _map(channels: int, size: int, stride: int) -> Shape:
    side = math.ceil(size / stride)
    return channels, side, side


def _in_backbone(description: SpaceDescription, network: SiameseNetwork, sizes: _Sizes) -> Iterator[_PlacedVariant]:
    """The stem and every block that the network has, each with the channels and map sizes that reach it."""
    image, template = _map(3, sizes.search, 1), _map(3, sizes.template, 1)
    yield "backbone", "", Variant(sizes.given, network.backbone.stem, (image,), template)
    for block in description.blocks:
        if block.name not in network.backbone.blocks:
            continue
        before = block.total_stride // block.stride
        for given, module in _leaves(network.backbone.blocks[block.name], sizes.given):
            channels = int(given.get(stage_width_label(block.before), block.inputs))
            search, target = (_map(channels, size, before) for size in (sizes.search, sizes.template))
            yield "backbone", block.name, Variant(given, module, (search,), target)


def _in_fusions(description: SpaceDescription, network: SiameseNetwork, sizes: _Sizes) -> Iterator[_PlacedVariant]:
    """Necks and fusions of every exit, once for each width that the exit's stage may have."""
    for exit_, block in zip(network.exits, description.exits, strict=True):
        label = stage_width_label(block.stage)
        widths = description.widths(block.stage)
        start = {OUTPUT: exit_.block, **sizes.given} if len(network.exits) > 1 else sizes.given
        modules = {
            ("neck", ""): network.necks[exit_.neck_key],
            ("fusion", CORRELATION): network.fusions[exit_.fusion_key],
        }
        for (part, own), candidates in modules.items():
            for given, module in _leaves(candidates):
                if given.get(TEMPLATE_SIZE, str(sizes.template)) != str(sizes.template):
                    continue
                for width in [int(given[label])] if label in given else widths:
                    here = {label: str(width)} if len(widths) > 1 else {}
                    shapes = tuple(_map(width, size, exit_.stride) for size in (sizes.template, sizes.search))
                    yield part, own, Variant({**start, **given, **here}, module, shapes)


def _towers(
    description: SpaceDescription, network: SiameseNetwork
) -> Iterator[tuple[str, TowerDescription, Given, Tower]]:
    """Branch, description, choices and module of every tower; one for both branches counts as the regression's."""
    cls, reg = description.towers.cls, description.towers.reg
    listed: list[tuple[str, TowerDescription, Given, nn.Module]] = []
    if network.cls_head is not None and network.reg_head is not None:
        listed = [("cls", cls, {}, network.cls_head), ("reg", reg, {}, network.reg_head)]
    for given, heads in _leaves(network.heads) if network.heads is not None else ():
        if isinstance(heads, SeparateTowers):
            listed += [("cls", cls, given, heads.cls_head), ("reg", reg, given, heads.reg_head)]
        elif isinstance(heads, SharedTower):
            listed.append(("reg", reg, given, heads.tower))
    for branch, tower, start, head in listed:
        for given, module in _leaves(head, start):
            assert isinstance(module, Tower)
            yield branch, tower, given, module


def _in_tower(
    description: SpaceDescription, branch: str, tower: TowerDescription, given: Given, module: Tower, sizes: _Sizes
) -> Iterator[_PlacedVariant]:
    """A tower's layers and its prediction, once for each exit, whose stride sets the size of the map."""
    part = f"{branch}_head"
    labels = [*(layer_label(branch, index) for index in range(len(tower.candidates))), ""]
    exits = description.exits
    for exit_ in exits:
        start = {**given, **sizes.given, **({OUTPUT: exit_.name} if len(exits) > 1 else {})}
        for index, (label, layer) in enumerate(zip(labels, [*module.layers, module.prediction], strict=True)):
            before = width_label(branch) if tower.tied else layer_width_label(branch, index - 1)
            for here, leaf in _leaves(layer, start):
                channels = int(here.get(before, tower.widths[0])) if index else description.fused_channels
                yield part, label, Variant(here, leaf, (_map(channels, sizes.search, exit_.total_stride),))
