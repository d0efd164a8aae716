"""How large a space is, exactly."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from lighttrack_nas.search_spaces.base.normal_forms import block_letters, count_words
from lighttrack_nas.search_spaces.description.description import SpaceDescription
from lighttrack_nas.search_spaces.description.space_parts import BRANCHES, TowerDescription


@dataclass(frozen=True)
class SpaceSize:
    """How large a space is.

    Attributes:
        labels: Product of the candidates of all labels: what a sampler may draw.
        networks: Different networks, after genes that have no say and the places of skips are removed.
    """

    labels: int
    networks: int


def count_networks(description: SpaceDescription) -> int:
    """The number of different networks of a space."""
    heads = {branch: _towers(getattr(description.towers, branch), description.skips) for branch in BRANCHES}
    ways = {"separate": math.prod(heads.values()), "shared": heads["reg"]}
    return (
        _backbones(description)
        * sum(ways[sharing] for sharing in description.towers.sharing)
        * len(description.correlation)
        * len(description.all_template_sizes)
    )


def _backbones(description: SpaceDescription) -> int:
    total, earlier, exits = 0, 1, {block.name for block in description.exits}
    for index, stage in enumerate(description.stages):
        blocks = description.stage_blocks(index)
        layers = [block_letters(block.operations, stage.expansions, description.skips) for block in blocks]
        behind = [number + 1 for number, block in enumerate(blocks) if block.name in exits]
        earlier *= len(stage.all_widths)
        if stage.depths:
            whole = sum(_product(layers[:depth]) for depth in stage.depths)
            total += earlier * whole if behind else 0
        elif stage.skip:
            # What leaves behind an early block also leaves behind a late one, with skips between.
            total += earlier * count_words(layers[: max(behind)], description.skips) if behind else 0
            whole = count_words(layers, description.skips)
        else:
            total += earlier * sum(_product(layers[:count]) for count in behind)
            whole = count_words(layers, description.skips)
        earlier *= whole
    return total


def _towers(tower: TowerDescription, skips: frozenset[str]) -> int:
    if tower.tied:
        return len(tower.widths) * count_words(tower.candidates, skips)
    return math.prod(len(tower.widths) * len(names) for names in tower.candidates)


def _product(layers: Sequence[Sequence[str]]) -> int:
    return math.prod(map(len, layers))
