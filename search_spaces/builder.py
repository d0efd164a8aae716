"""From a description to modules. One definition builds the supernet's skeleton and every plain network.

`build` walks the description and leaves each decision to a `Chooser`: the plain network takes the chosen candidate and
builds nothing else, NNI's model space (`model_space.py`) makes every candidate and wraps them in a choice.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from torch import nn

from lighttrack_nas.search_spaces.architecture import Architecture
from lighttrack_nas.search_spaces.description import BlockPlace, SpaceDescription, TowerDescription
from lighttrack_nas.search_spaces.labels import CORRELATION, OUTPUT, layer_label, width_label
from lighttrack_nas.search_spaces.space import Space
from lighttrack_nas.trackers.blocks import Stem
from lighttrack_nas.trackers.correlation import DepthwiseFusion, Fusion, Neck
from lighttrack_nas.trackers.network import Backbone, ChosenOutput, Exit, Geometry, SiameseNetwork, Tower

Factories = Mapping[str, Callable[[], nn.Module]]


class Chooser(Protocol):
    """Decides at every place of a network, or leaves the decision open."""

    def layer(self, label: str, factories: Factories) -> nn.Module:
        """Make the module at a place from the factories of its candidates (two or more)."""

    def output(self, exits: Sequence[str]) -> tuple[nn.Module, tuple[int, ...]]:
        """Make the output layer over named exits; also say which exits can be taken, so that no dead block is built."""


class _Decided:
    """The chooser of a plain network."""

    def __init__(self, chosen: Mapping[str, str]) -> None:
        self._chosen = chosen

    def layer(self, label: str, factories: Factories) -> nn.Module:
        return factories[self._chosen[label]]()

    def output(self, exits: Sequence[str]) -> tuple[nn.Module, tuple[int, ...]]:
        index = list(exits).index(self._chosen[OUTPUT])
        return ChosenOutput(index), (index,)


def build_network(architecture: Architecture) -> SiameseNetwork:
    """Build an architecture's plain network with fresh weights. It needs no NNI."""
    return build(architecture.space, _Decided(architecture.space.chosen(architecture)))


def build(space: Space, chooser: Chooser) -> SiameseNetwork:
    """Build the network of a space, with a chooser deciding at every place."""
    description = space.description
    exits = tuple(_exit(description, block) for block in description.exits)
    output, takeable = chooser.output([exit_.block for exit_ in exits])
    reachable = space.blocks_up_to(exits[max(takeable)].block)
    live = [exits[index] for index in takeable]
    return SiameseNetwork(
        backbone=build_backbone(space, chooser, reachable),
        exits=exits,
        output=output,
        necks={
            str(channels): Neck(channels, description.neck_attention)
            for channels in sorted({exit_.channels for exit_ in live})
        },
        fusions={
            exit_.fusion_key: _fusion(description, exit_, chooser)
            for exit_ in sorted(live, key=lambda exit_: (exit_.kernels, exit_.channels))
        },
        cls_head=_head(description, "cls", description.towers.cls, 1, chooser),
        reg_head=_head(description, "reg", description.towers.reg, 4, chooser),
        geometry=Geometry(
            template_size=description.template_size,
            search_sizes=description.search_sizes,
            score_scale=description.predictions.score_scale,
            box_activation=description.predictions.box_activation,
            box_scale=description.predictions.box_scale,
        ),
    )


def _exit(description: SpaceDescription, block: BlockPlace) -> Exit:
    kernels = description.kernels(block)
    # Only the kernels decide on a pixel-wise fusion, so that outputs of several widths share one.
    fusion = "" if description.correlation == ("pixelwise",) else f"{kernels}x{block.outputs}"
    return Exit(block.name, block.outputs, block.total_stride, kernels, fusion)


def _fusion(description: SpaceDescription, exit_: Exit, chooser: Chooser) -> nn.Module:
    factories: dict[str, Callable[[], nn.Module]] = {
        "pixelwise": lambda: Fusion(exit_.kernels, description.fused_channels),
        "depthwise": lambda: DepthwiseFusion(exit_.channels, description.fused_channels),
    }
    return _choose(chooser, CORRELATION, {name: factories[name] for name in description.correlation})


def build_backbone(space: Space, chooser: Chooser, names: Sequence[str]) -> Backbone:
    """Build stem and blocks of a space.

    Args:
        space: The space.
        chooser: Decides every block's operation.
        names: The blocks to build.
    """
    description = space.description
    return Backbone(
        stem=Stem(description.stem.channels, description.stem.kernel, description.stem.stride),
        blocks={block.name: _block(description, block, chooser) for block in description.blocks if block.name in names},
        exits=[block.name for block in description.exits],
    )


def _block(description: SpaceDescription, block: BlockPlace, chooser: Chooser) -> nn.Module:
    def factory(name: str) -> Callable[[], nn.Module]:
        return lambda: description.operations[name].build(block.inputs, block.outputs, block.stride)

    return _choose(chooser, block.name, {name: factory(name) for name in block.operations})


def _head(
    description: SpaceDescription, branch: str, tower: TowerDescription, outputs: int, chooser: Chooser
) -> nn.Module:
    def layer(index: int, names: Sequence[str], width: int) -> nn.Module:
        inputs = description.fused_channels if index == 0 else width

        def factory(name: str) -> Callable[[], nn.Module]:
            return lambda: description.operations[name].build(inputs, width, 1)

        return _choose(chooser, layer_label(branch, index), {name: factory(name) for name in names})

    def build_tower(width: int) -> Callable[[], nn.Module]:
        return lambda: Tower([layer(i, names, width) for i, names in enumerate(tower.candidates)], width, outputs)

    # Whole towers, one a width, whose inner choices share their labels across the widths: this trains under every
    # one-shot strategy of NNI, which channel counts as choices do not.
    return _choose(chooser, width_label(branch), {str(width): build_tower(width) for width in tower.widths})


def _choose(chooser: Chooser, label: str, factories: Factories) -> nn.Module:
    if len(factories) == 1:
        return next(iter(factories.values()))()
    return chooser.layer(label, factories)
