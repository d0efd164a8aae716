"""The form that architectures of the same network share: skips as late as they can stand, the output as early."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from lighttrack_nas.search_spaces.base.labels import OUTPUT, expansion_label, layer_label
from lighttrack_nas.search_spaces.base.normal_forms import block_letters, earliest_placement, letter_of
from lighttrack_nas.search_spaces.description.description import SpaceDescription
from lighttrack_nas.search_spaces.description.space_parts import BackboneBlock, TowerDescription


def moved_skips(
    description: SpaceDescription, chosen: Mapping[str, str], alive: Collection[str], exits: Collection[str]
) -> dict[str, str]:
    """The values that change when every skip moves to the end of its stage or tower, and the output as early as it can.

    Args:
        description: The space's.
        chosen: The value at every place.
        alive: Names of the blocks up to the output.
        exits: Names of the blocks that may be the output.
    """
    moved: dict[str, str] = {}
    for index, stage in enumerate(description.stages):
        blocks = [block for block in description.stage_blocks(index) if block.name in alive]
        if stage.skip and blocks:
            moved |= _moved_in_stage(description, blocks, stage.expansions, chosen, exits)
    for branch in description.towers.branches:
        tower: TowerDescription = getattr(description.towers, branch)
        if tower.tied:
            labels = [layer_label(branch, index) for index in range(len(tower.candidates))]
            placed = earliest_placement([chosen[label] for label in labels], tower.candidates, description.skips)
            moved.update(zip(labels, placed, strict=True))
    return moved


def _moved_in_stage(
    description: SpaceDescription,
    blocks: list[BackboneBlock],
    expansions: tuple[float, ...],
    chosen: Mapping[str, str],
    exits: Collection[str],
) -> dict[str, str]:
    skips = description.skips
    layers = [block_letters(block.operations, expansions, skips) for block in blocks]

    def letter(block: BackboneBlock) -> str:
        operation, expansion = chosen[block.name], chosen.get(expansion_label(block.name))
        return operation if expansion is None or operation in skips else letter_of(operation, expansion)

    placed = earliest_placement([letter(block) for block in blocks], layers, skips)
    moved = {}
    for block, value in zip(blocks, placed, strict=True):
        operation, _, expansion = value.partition("/")
        moved[block.name] = operation
        if expansion:
            moved[expansion_label(block.name)] = expansion
    if blocks[-1].name == chosen[OUTPUT]:
        last = max(number for number, value in enumerate(placed) if value not in skips)
        moved[OUTPUT] = next(block.name for block in blocks[last:] if block.name in exits)
    return moved
