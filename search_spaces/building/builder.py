"""From a description to modules. One definition builds the supernet's skeleton and every plain network.

`build` walks the description and leaves each decision to a `Chooser`: the plain network takes the chosen candidate and
builds nothing else, NNI's model space (`model_space.py`) makes every candidate and wraps them in a choice.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial, singledispatch
from typing import Protocol

from torch import nn

from lighttrack_nas.search_spaces.base.labels import (
    CORRELATION,
    OUTPUT,
    TEMPLATE_SIZE,
    TOWERS,
    depth_label,
    expansion_label,
    layer_label,
    layer_width_label,
    stage_width_label,
    width_label,
)
from lighttrack_nas.search_spaces.base.normal_forms import number_text
from lighttrack_nas.search_spaces.description.description import SpaceDescription
from lighttrack_nas.search_spaces.description.space_parts import BackboneBlock, StageDescription, TowerDescription
from lighttrack_nas.search_spaces.space import Architecture, Space
from lighttrack_nas.trackers.network.backbone import Backbone, Step
from lighttrack_nas.trackers.network.blocks import Stem
from lighttrack_nas.trackers.network.correlation import DepthwiseFusion, Fusion, Neck
from lighttrack_nas.trackers.network.heads import SeparateTowers, SharedTower, Tower
from lighttrack_nas.trackers.network.network import ChosenOutput, Exit, Geometry, SiameseNetwork

Factories = Mapping[str, Callable[[], nn.Module]]


class Chooser(Protocol):
    """Decides at every place of a network, or leaves the decision open."""

    def decided(self, label: str) -> str | None:
        """The value of a choice that decides sizes; None where it stays open."""

    def layer(self, label: str, factories: Factories) -> nn.Module:
        """Make the module at a place from the factories of its candidates (two or more)."""

    def output(self, exits: Sequence[str]) -> tuple[nn.Module, tuple[int, ...]]:
        """Make the output layer over named exits; also say which exits can be taken, so that no dead block is built."""

    def depth(self, label: str, count: int) -> nn.Module:
        """Make what takes the features behind one of so many numbers of blocks; asked only where it is not decided."""


class _Decided:
    """The chooser of a plain network."""

    def __init__(self, chosen: Mapping[str, str]) -> None:
        self._chosen = chosen

    def decided(self, label: str) -> str | None:
        return self._chosen.get(label)

    def layer(self, label: str, factories: Factories) -> nn.Module:
        return factories[self._chosen[label]]()

    def output(self, exits: Sequence[str]) -> tuple[nn.Module, tuple[int, ...]]:
        index = list(exits).index(self._chosen[OUTPUT])
        return ChosenOutput(index), (index,)

    def depth(self, label: str, count: int) -> nn.Module:
        raise AssertionError(f"'{label}' is decided")


def build_network(architecture: Architecture) -> SiameseNetwork:
    """Build the plain network of an architecture with fresh weights; it holds no block behind its output.

    Torch's global generator initialises the weights: seed it for the same weights again. Of a declared space it needs
    no NNI.
    """
    return network_in(architecture.space, architecture)


@singledispatch
def network_in(space: Space, architecture: Architecture) -> SiameseNetwork:
    """`build_network`, by the kind of space: others than declared ones register theirs.

    Args:
        space: The architecture's.
        architecture: What is chosen.
    """
    return build(space, _Decided(space.chosen(architecture)))


def build(space: Space, chooser: Chooser) -> SiameseNetwork:
    """Build the network of a space, with a chooser deciding at every place."""
    description = space.description
    template_size = int(chooser.decided(TEMPLATE_SIZE) or description.template_size)
    exits = tuple(_exit(description, block, template_size, chooser) for block in description.exits)
    output, takeable = chooser.output([exit_.block for exit_ in exits])
    reachable = space.blocks_up_to(exits[max(takeable)].block)
    live = [(exits[index], description.exits[index]) for index in takeable]
    necks = {exit_.neck_key: block for exit_, block in sorted(live, key=lambda pair: pair[0].channels)}
    fusions = {
        exit_.fusion_key: block for exit_, block in sorted(live, key=lambda pair: (pair[0].kernels, pair[0].channels))
    }
    # In the order in which a frame meets them: a seed gives its weights to what is built first.
    backbone = build_backbone(space, chooser, reachable)
    made_necks = {key: _neck(description, block, chooser) for key, block in necks.items()}
    made_fusions = {key: _fusion(description, block, chooser) for key, block in fusions.items()}
    cls_head, reg_head, heads = _heads(description, chooser)
    return SiameseNetwork(
        backbone=backbone,
        exits=exits,
        output=output,
        necks=made_necks,
        fusions=made_fusions,
        cls_head=cls_head,
        reg_head=reg_head,
        geometry=Geometry(
            template_size=template_size,
            search_sizes=description.search_sizes_of(template_size),
            score_scale=description.predictions.score_scale,
            box_activation=description.predictions.box_activation,
            box_scale=description.predictions.box_scale,
        ),
        heads=heads,
    )


def _exit(description: SpaceDescription, block: BackboneBlock, template_size: int, chooser: Chooser) -> Exit:
    """An exit with its sizes, the largest where they are open. Its keys are the same whatever is decided."""
    channels = int(chooser.decided(stage_width_label(block.stage)) or block.outputs)
    kernels = description.kernels(block, template_size)
    free_width = len(description.widths(block.stage)) > 1
    behind = f"stride{block.total_stride}" if len(description.all_template_sizes) > 1 else str(kernels)
    # Only the kernels decide on a pixel-wise fusion, so that outputs of several widths share one.
    fusion = behind if description.correlation == ("pixelwise",) else f"{behind}x{_width_key(description, block)}"
    return Exit(
        block.name,
        channels,
        block.total_stride,
        kernels,
        fusion="" if fusion == str(kernels) else fusion,
        neck=block.stage if free_width else "",
    )


def _width_key(description: SpaceDescription, block: BackboneBlock) -> str:
    return block.stage if len(description.widths(block.stage)) > 1 else str(block.outputs)


def _neck(description: SpaceDescription, block: BackboneBlock, chooser: Chooser) -> nn.Module:
    return build_for_width(description, block.stage, chooser, lambda width: Neck(width, description.neck_attention))


def _fusion(description: SpaceDescription, block: BackboneBlock, chooser: Chooser) -> nn.Module:
    def compared(kernels: int, channels: int) -> nn.Module:
        factories: dict[str, Callable[[], nn.Module]] = {
            "pixelwise": lambda: Fusion(kernels, description.fused_channels),
            "depthwise": lambda: DepthwiseFusion(channels, description.fused_channels),
        }
        return _choose(chooser, CORRELATION, {name: factories[name] for name in description.correlation})

    def sized(size: int) -> nn.Module:
        kernels = description.kernels(block, size)
        if description.correlation == ("pixelwise",):
            return compared(kernels, block.outputs)
        return build_for_width(description, block.stage, chooser, lambda width: compared(kernels, width))

    return _given(chooser, TEMPLATE_SIZE, description.all_template_sizes, sized)


def build_backbone(space: Space, chooser: Chooser, names: Sequence[str]) -> Backbone:
    """Build stem and blocks of a space.

    Args:
        space: The space.
        chooser: Decides every block's operation.
        names: The blocks to build, unless a stage is decided to have fewer.
    """
    description = space.description
    stem = description.stem
    first = Stem(stem.channels, stem.kernel, stem.stride) if stem else nn.Identity()
    exits = {block.name for block in description.exits}
    blocks: dict[str, nn.Module] = {}
    depths: dict[str, nn.Module] = {}
    steps: list[Step] = []
    for index, stage in enumerate(description.stages):
        places = [block for block in description.stage_blocks(index) if block.name in names]
        if not places:
            break
        label = depth_label(stage.name)
        is_exit = [block.name in exits for block in places]
        if len(stage.all_depths) == 1:
            steps += [Step((block.name,), leaves) for block, leaves in zip(places, is_exit, strict=True)]
        elif (decided := chooser.decided(label)) is not None:
            places = places[: int(decided)]
            steps.append(Step(tuple(block.name for block in places), is_exit[-1]))
        else:
            depths[stage.name] = chooser.depth(label, len(stage.depths))
            steps.append(Step(tuple(block.name for block in places), is_exit[-1], stage.name, stage.depths))
        blocks |= {block.name: _block(description, stage, block, chooser) for block in places}
    return Backbone(first, blocks, steps, depths)


def _block(description: SpaceDescription, stage: StageDescription, block: BackboneBlock, chooser: Chooser) -> nn.Module:
    def of_operation(name: str, inputs: int, outputs: int) -> nn.Module:
        operation = description.operations[name]
        if not stage.expansions or name in description.skips:
            return operation.build(inputs, outputs, block.stride)
        factories = {
            number_text(expansion): partial(operation.with_expansion(expansion).build, inputs, outputs, block.stride)
            for expansion in stage.expansions
        }
        return _choose(chooser, expansion_label(block.name), factories)

    def of_widths(inputs: int, outputs: int) -> nn.Module:
        return _choose(
            chooser, block.name, {name: partial(of_operation, name, inputs, outputs) for name in block.operations}
        )

    def after(inputs: int) -> nn.Module:
        return build_for_width(description, stage.name, chooser, lambda outputs: of_widths(inputs, outputs))

    if block.before == stage.name:
        return build_for_width(description, stage.name, chooser, lambda width: of_widths(width, width))
    return build_for_width(description, block.before, chooser, after)


def _heads(
    description: SpaceDescription, chooser: Chooser
) -> tuple[nn.Module | None, nn.Module | None, nn.Module | None]:
    """Both towers, or what stands for them where they may be one."""
    towers = description.towers

    def both() -> tuple[nn.Module, nn.Module]:
        return _head(description, chooser, "cls", towers.cls, 1), _head(description, chooser, "reg", towers.reg, 4)

    if towers.sharing == ("separate",):
        return *both(), None
    factories: dict[str, Callable[[], nn.Module]] = {
        "separate": lambda: SeparateTowers(*both()),
        "shared": lambda: SharedTower(_head(description, chooser, "reg", towers.reg, 5)),
    }
    return None, None, _choose(chooser, TOWERS, {name: factories[name] for name in towers.sharing})


def _head(
    description: SpaceDescription, chooser: Chooser, branch: str, tower: TowerDescription, outputs: int
) -> nn.Module:
    def layer(index: int, inputs: int, width: int) -> nn.Module:
        def factory(name: str) -> Callable[[], nn.Module]:
            return lambda: description.operations[name].build(inputs, width, 1)

        names = tower.candidates[index]
        return _choose(chooser, layer_label(branch, index), {name: factory(name) for name in names})

    def prediction(width: int) -> nn.Module:
        return nn.Conv2d(width, outputs, 3, padding=1)

    def tied(width: int) -> nn.Module:
        inputs = [description.fused_channels, *([width] * (len(tower.candidates) - 1))]
        return Tower([layer(index, channels, width) for index, channels in enumerate(inputs)], prediction(width))

    # Whole towers, one a width, whose inner choices share their labels across the widths: this trains under every
    # one-shot strategy of NNI, which channel counts as choices do not.
    if tower.tied:
        return _given(chooser, width_label(branch), tower.widths, tied)

    def of_widths(index: int, build: Callable[[int], nn.Module]) -> nn.Module:
        return _given(chooser, layer_width_label(branch, index), tower.widths, build)

    def between(index: int, inputs: int) -> nn.Module:
        return of_widths(index, lambda width: layer(index, inputs, width))

    layers = [between(0, description.fused_channels)]
    layers += [of_widths(index - 1, partial(between, index)) for index in range(1, len(tower.candidates))]
    return Tower(layers, of_widths(len(tower.candidates) - 1, prediction))


def build_for_width(
    description: SpaceDescription, stage: str, chooser: Chooser, build: Callable[[int], nn.Module]
) -> nn.Module:
    """Build what depends on the width of a stage; "" for the stem."""
    return _given(chooser, stage_width_label(stage), description.widths(stage), build)


def _given(chooser: Chooser, label: str, sizes: Sequence[int], build: Callable[[int], nn.Module]) -> nn.Module:
    """What depends on a size that is chosen elsewhere, or here: of every size one, which share no weights."""
    return _choose(chooser, label, {str(size): partial(build, size) for size in sizes})


def _choose(chooser: Chooser, label: str, factories: Factories) -> nn.Module:
    if len(factories) == 1:
        return next(iter(factories.values()))()
    return chooser.layer(label, factories)
