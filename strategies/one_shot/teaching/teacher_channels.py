"""Which of a teacher's channels matter, where those who learn from it have room for fewer."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from lighttrack_nas.strategies.one_shot.teaching.correspondence import STEM, backbone_maps, live_blocks
from lighttrack_nas.strategies.one_shot.teaching.starts import Channels
from lighttrack_nas.strategies.one_shot.teaching.teacher import Teacher
from lighttrack_nas.trackers.network.heads import Tower

_COLOURS = 3


def stage_channels(teacher: Teacher, name: str, width: int) -> Channels:
    """The channels of a map of the teacher's backbone that a map of another width keeps.

    All maps of a stage keep the same ones, since blocks add to what they are given.

    Args:
        teacher: Whose.
        name: Of the map.
        width: How many places there are.
    """
    backbone, live = teacher.network.backbone, live_blocks(teacher.architecture)
    maps = backbone_maps(teacher.architecture.space.description, live)
    stage = next(map_.stage for map_ in maps if map_.name == name)
    here = [map_.name for map_ in maps if map_.stage == stage]
    modules = {map_.name: backbone.stem if map_.name == STEM else backbone.blocks[map_.name] for map_ in maps}
    names = list(modules)
    # A block without a convolution, such as a skip, passes on what it gets; in front of all of them are images.
    given = [_outputs(modules[block]) for block in names[: names.index(here[-1]) + 1]]
    count = next((outputs for outputs in reversed(given) if outputs), _COLOURS)
    if count == width:
        return Channels.all(width)
    matters = torch.zeros(count)
    for block in here:
        following = names[names.index(block) + 1 :][:1]
        matters += _made(modules[block], count) * (_read(modules[following[0]], count) if following else 1.0)
    return Channels.best(matters, width)


def fused_channels(teacher: Teacher, width: int) -> Channels:
    """The channels of the teacher's fused map that towers of other inputs read."""
    count = teacher.architecture.space.description.fused_channels
    if count == width:
        return Channels.all(width)
    matters = torch.zeros(count)
    for branch in teacher.architecture.space.description.towers.branches:
        layers = tower_layers(teacher, branch)
        matters += _read(layers[0], count) if layers else 0.0
    return Channels.best(matters, width)


def tower_layers(teacher: Teacher, branch: str) -> list[nn.Module]:
    """The layers of a teacher's tower that are no skips; none where it has no such tower."""
    head = getattr(teacher.network, f"{branch}_head")
    return [layer for layer in head.layers if not isinstance(layer, nn.Identity)] if isinstance(head, Tower) else []


def tower_channels(teacher: Teacher, branch: str, width: int, inputs: int) -> list[Channels]:
    """The channels of a teacher's tower that one of another width keeps: of the fused map, then behind each layer.

    Args:
        teacher: Whose.
        branch: "cls" or "reg".
        width: Channels of the other tower.
        inputs: Channels that it reads.
    """
    layers = tower_layers(teacher, branch)
    head = getattr(teacher.network, f"{branch}_head")
    channels = [fused_channels(teacher, inputs)]
    for layer, following in zip(layers, [*layers[1:], head.prediction], strict=True):
        count = _outputs(layer)
        channels.append(Channels.best(_made(layer, count) * _read(following, count), width))
    return channels


def _outputs(module: nn.Module) -> int:
    """Channels that a module gives; 0 where it has no convolution, and passes on what it gets."""
    convolutions = [layer for layer in module.modules() if isinstance(layer, nn.Conv2d)]
    return convolutions[-1].out_channels if convolutions else 0


def _made(module: nn.Module, count: int) -> Tensor:
    """How strongly a module gives each of so many channels: what its last norm scales by, times what that scales."""
    weight = torch.ones(count)
    for kind in (nn.BatchNorm2d, nn.Conv2d):
        fitting = [layer for layer in module.modules() if isinstance(layer, kind) and len(layer.weight) == count]
        if fitting:
            weight = weight * _row_sizes(fitting[-1]).cpu()
    return weight


def _row_sizes(module: nn.BatchNorm2d | nn.Conv2d) -> Tensor:
    return module.weight.detach().abs().reshape(len(module.weight), -1).sum(dim=1)


def _read(module: nn.Module, count: int) -> Tensor:
    """How strongly a module reads each of so many channels: by its first convolutions, up to one that is full."""
    weight = torch.ones(count)
    for layer in (m for m in module.modules() if isinstance(m, nn.Conv2d) and m.in_channels == count):
        if layer.groups == 1:
            return weight * layer.weight.detach().abs().sum(dim=(0, 2, 3)).cpu()
        weight = weight * _row_sizes(layer).cpu()
    return weight
