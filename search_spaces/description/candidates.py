"""The places of a space where something may be chosen, and what."""

from __future__ import annotations

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
from lighttrack_nas.search_spaces.description.space_parts import TowerDescription

Candidates = dict[str, tuple[str, ...]]


def candidates_of(description: SpaceDescription) -> Candidates:
    """The values of every place by its label, in a fixed order: backbone, output, towers.

    Blocks, output, correlation, tied widths and layers are places also where they leave no choice; others only where
    they do.
    """
    candidates: Candidates = {}
    for index, stage in enumerate(description.stages):
        open_ones = {
            stage_width_label(stage.name): tuple(str(width) for width in stage.widths),
            depth_label(stage.name): tuple(str(depth) for depth in stage.depths),
        }
        candidates |= {label: values for label, values in open_ones.items() if len(values) > 1}
        for block in description.stage_blocks(index):
            candidates[block.name] = block.operations
            if len(stage.expansions) > 1:
                candidates[expansion_label(block.name)] = tuple(
                    number_text(expansion) for expansion in stage.expansions
                )
    candidates[OUTPUT] = tuple(block.name for block in description.exits)
    candidates[CORRELATION] = description.correlation
    if len(description.template_sizes) > 1:
        candidates[TEMPLATE_SIZE] = tuple(str(size) for size in description.template_sizes)
    if description.towers.sharing != ("separate",):
        candidates[TOWERS] = description.towers.sharing
    for branch in description.towers.branches:
        candidates |= _of_tower(branch, getattr(description.towers, branch))
    return candidates


def _of_tower(branch: str, tower: TowerDescription) -> Candidates:
    widths = tuple(str(width) for width in tower.widths)
    candidates: Candidates = {width_label(branch): widths} if tower.tied else {}
    for index, names in enumerate(tower.candidates):
        if not tower.tied:
            candidates[layer_width_label(branch, index)] = widths
        candidates[layer_label(branch, index)] = names
    return candidates
