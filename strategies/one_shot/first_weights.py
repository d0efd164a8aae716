"""A supernet's first weights, where it learns from a teacher: each candidate starts from what the teacher has there."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import torch
from torch import nn

from lighttrack_nas.search_spaces.labels import width_label
from lighttrack_nas.search_spaces.model_space import TrackerModelSpace
from lighttrack_nas.search_spaces.nni_adapter import LayerChoice
from lighttrack_nas.search_spaces.tasks import TaskBlock, TaskTower, task_ends
from lighttrack_nas.strategies.one_shot.correspondence import STEM
from lighttrack_nas.strategies.one_shot.lessons import Chosen, Lessons
from lighttrack_nas.strategies.one_shot.starts import Channels, settle, start, start_silent
from lighttrack_nas.strategies.one_shot.teacher_channels import joined, tower_channels, tower_layers
from lighttrack_nas.trackers.blocks import TowerConvolution
from lighttrack_nas.trackers.heads import Tower
from lighttrack_nas.trackers.network import SiameseNetwork


@torch.no_grad()
def start_from_teacher(model_space: TrackerModelSpace, lessons: Lessons) -> None:
    """Give a fresh model space its first weights; what corresponds to nothing stays as it is.

    Args:
        model_space: With the lessons' tasks, not a supernet yet.
        lessons: Say what corresponds.
    """
    network = model_space.network
    _start_backbone(network, lessons)
    _start_fusions(network, lessons)
    for branch in lessons.space.description.towers.branches:
        _start_tower(network, lessons, branch)


def leaves(module: nn.Module, given: Chosen | None = None) -> Iterator[tuple[Chosen, nn.Module]]:
    """The modules that a place's choices lead to, with the choices."""
    given = given or {}
    if isinstance(module, LayerChoice):
        for name in module.names:
            yield from leaves(module[name], {**given, module.label: name})
    else:
        yield given, module


def _start_backbone(network: SiameseNetwork, lessons: Lessons) -> None:
    backbone, theirs = network.backbone, lessons.teacher.network.backbone
    exit_name = lessons.teacher.exit
    for segment in lessons.segments:
        if segment.source is not None and segment.source[1] == exit_name:
            for _, candidate in leaves(backbone.blocks[segment.blocks[0]]):
                start_silent(candidate)
            continue
        if len(segment.blocks) > 1 or (segment.source is None) != (segment.blocks[0] == STEM):
            continue
        name, target = segment.blocks[0], segment.target
        old = theirs.stem if target[1] == STEM else theirs.blocks[target[1]]
        new = backbone.stem if name == STEM else backbone.blocks[name]
        for module in (new.inner, new.last) if isinstance(new, TaskBlock) else (new,):
            for given, candidate in leaves(module):
                chosen = _chosen(lessons, given)
                inputs = Channels.all(3) if segment.source is None else lessons.channels(*segment.source, chosen)
                start(candidate, old, inputs, lessons.channels(*target, chosen))


def _start_fusions(network: SiameseNetwork, lessons: Lessons) -> None:
    theirs, exit_ = lessons.teacher.network, lessons.teacher.network.exit
    old_neck, old_fusion = theirs.necks[exit_.neck_key], theirs.fusions[exit_.fusion_key]
    for ours in network.exits:
        for given, neck in leaves(network.necks[ours.neck_key]):
            channels = lessons.channels(ours.block, lessons.teacher.exit, _chosen(lessons, given))
            for name in ("template_norm", "search_norm"):
                new, old = getattr(neck, name), getattr(old_neck, name)
                # What the teacher has not is not listened to at first.
                new.weight.copy_(torch.where(channels.index < 0, 0.0, old.weight[channels.index.clamp(min=0)]))
                new.bias.copy_(torch.where(channels.index < 0, 0.0, old.bias[channels.index.clamp(min=0)]))
                settle(new)
            start(neck, old_neck, channels, channels)
        for _, fusion in leaves(network.fusions[ours.fusion_key]):
            start(fusion, old_fusion, Channels.all(1), Channels.all(1))


def _start_tower(network: SiameseNetwork, lessons: Lessons, branch: str) -> None:
    head = getattr(network, f"{branch}_head")
    old = getattr(lessons.teacher.network, f"{branch}_head")
    if head is None or not isinstance(old, Tower):
        return
    inputs = lessons.space.description.fused_channels
    for given, tower in leaves(head):
        width = int(given.get(width_label(branch), lessons.space.tower(branch).widths[0]))
        if not isinstance(tower, TaskTower):
            continue
        layers, channels = tower_layers(lessons.teacher, branch), tower_channels(lessons.teacher, branch, width, inputs)
        for task, layer in tower.tasks():
            first, last = task_ends(task)
            convolutions = [each for each in layers[first:last] if isinstance(each, TowerConvolution)]
            if first == last:
                _start_identity(layer)
            elif len(convolutions) == last - first:
                start(layer, joined(convolutions), channels[first], channels[last])
            elif last == first + 1:
                start(layer, layers[first], channels[first], channels[last])
        _start_prediction(tower.prediction, old.prediction, channels[-1])


def _start_prediction(new: nn.Module, old: nn.Module, channels: Channels) -> None:
    """Start a tower's last convolution; it listens to no channel that the teacher has not."""
    assert isinstance(new, nn.Conv2d)
    assert isinstance(old, nn.Conv2d)
    new.weight.copy_(channels.of(old.weight))
    assert new.bias is not None
    assert old.bias is not None
    new.bias.copy_(old.bias)


def _start_identity(layer: nn.Module) -> None:
    """Let a layer of a tower pass on what it gets, which its activation leaves alone: it has been through one."""
    if isinstance(layer, TowerConvolution) and layer.depthwise.in_channels == layer.pointwise.out_channels:
        middle, width = layer.depthwise.kernel_size[0] // 2, layer.pointwise.out_channels
        layer.depthwise.weight.zero_()
        layer.depthwise.weight[:, :, middle, middle] = 1.0
        layer.pointwise.weight.zero_()
        layer.pointwise.weight[range(width), range(width)] = 1.0
        settle(layer.norm)


def _chosen(lessons: Lessons, given: Mapping[str, str]) -> Chosen:
    """A value at every place, of which some are given."""
    return {label: values[0] for label, values in lessons.space.candidates.items()} | dict(given)
