"""A supernet's first weights, where it learns from a teacher: each candidate starts from what the teacher has there."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import torch
from torch import Tensor, nn

from lighttrack_nas.search_spaces.base.labels import width_label
from lighttrack_nas.search_spaces.building.model_space import TrackerModelSpace
from lighttrack_nas.search_spaces.building.nni_adapter import LayerChoice
from lighttrack_nas.search_spaces.building.tasks import TaskBlock, TaskTower, task_ends
from lighttrack_nas.strategies.one_shot.teaching.correspondence import STEM
from lighttrack_nas.strategies.one_shot.teaching.least_squares import fit_last
from lighttrack_nas.strategies.one_shot.teaching.lessons import Chosen, Lessons
from lighttrack_nas.strategies.one_shot.teaching.starts import Channels, settle, start
from lighttrack_nas.strategies.one_shot.teaching.teacher_channels import tower_channels, tower_layers
from lighttrack_nas.trackers.network.blocks import TowerConvolution
from lighttrack_nas.trackers.network.heads import Tower
from lighttrack_nas.trackers.network.network import SiameseNetwork
from lighttrack_nas.trackers.training.batches import TensorBatch


@torch.no_grad()
def start_from_teacher(model_space: TrackerModelSpace, lessons: Lessons, batch: TensorBatch) -> None:
    """Give a fresh model space its first weights; what corresponds to nothing stays as it is.

    Args:
        model_space: With the lessons' tasks, not a supernet yet.
        lessons: Say what corresponds.
        batch: Pairs on which layers that shall do the work of several are fitted; some thousands of positions.
    """
    network = model_space.network
    _start_backbone(network, lessons, batch.search)
    _start_fusions(network, lessons)
    fused = lessons.teacher.answers(batch.template, batch.search).fused
    for branch in lessons.space.description.towers.branches:
        _start_tower(network, lessons, branch, fused)


def leaves(module: nn.Module, given: Chosen | None = None) -> Iterator[tuple[Chosen, nn.Module]]:
    """The modules that a place's choices lead to, with the choices."""
    given = given or {}
    if isinstance(module, LayerChoice):
        for name in module.names:
            yield from leaves(module[name], {**given, module.label: name})
    else:
        yield given, module


def _start_backbone(network: SiameseNetwork, lessons: Lessons, search: Tensor) -> None:
    """Start the backbone's candidates with the teacher's tensors, and fit their last convolutions to its maps.

    Segments of several blocks are left out: no map of the teacher's says what is to leave each of their blocks.
    """
    backbone, theirs = network.backbone, lessons.teacher.network.backbone
    exit_name, maps = lessons.teacher.exit, lessons.teacher.maps(search)
    before = dict(zip(maps, [None, *maps], strict=False))
    for segment in lessons.segments:
        if len(segment.blocks) > 1 or (segment.source is None) != (segment.blocks[0] == STEM):
            continue
        name, target = segment.blocks[0], segment.target
        is_behind = segment.source is not None and segment.source[1] == exit_name
        old: nn.Module | None = None
        if is_behind:
            old = nn.Identity()
        elif before[target[1]] == (None if segment.source is None else segment.source[1]):
            # Else several of the teacher's blocks do what this one shall.
            old = theirs.stem if target[1] == STEM else theirs.blocks[target[1]]
        new = backbone.stem if name == STEM else backbone.blocks[name]
        goals = {new.inner: target[1], new.last: exit_name} if isinstance(new, TaskBlock) else {new: target[1]}
        for module, goal in goals.items():
            for given, candidate in leaves(module):
                chosen = _chosen(lessons, given)
                outputs = lessons.channels(name, goal, chosen)
                if segment.source is None:
                    inputs, features = Channels.all(3), search
                else:
                    inputs = lessons.channels(*segment.source, chosen)
                    features = inputs.of(maps[segment.source[1]])
                if old is not None:
                    start(candidate, old, inputs, lessons.channels(*target, chosen))
                fit_last(candidate, features, outputs, maps[goal])


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


def _start_tower(network: SiameseNetwork, lessons: Lessons, branch: str, fused: Tensor) -> None:
    """Start each candidate of a tower for each task: the part of the teacher's tower that it is to do."""
    head = getattr(network, f"{branch}_head")
    old = getattr(lessons.teacher.network, f"{branch}_head")
    if head is None or not isinstance(old, Tower):
        return
    inputs = lessons.space.description.fused_channels
    layers = tower_layers(lessons.teacher, branch)
    states = [fused]
    for layer in layers:
        states.append(layer(states[-1]))
    for given, tower in leaves(head):
        width = int(given.get(width_label(branch), lessons.space.tower(branch).widths[0]))
        if not isinstance(tower, TaskTower):
            continue
        channels = tower_channels(lessons.teacher, branch, width, inputs)
        for task, layer in tower.tasks():
            first, last = task_ends(task)
            if first == last:
                _start_identity(layer)
            elif start(layer, layers[first], channels[first], channels[first + 1]) and last > first + 1:
                fit_last(layer, channels[first].of(states[first]), channels[last], states[last])
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
