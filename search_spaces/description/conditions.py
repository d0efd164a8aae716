"""Which choices have a say only where others are made so: blocks behind the output, the layers of an unused tower."""

from __future__ import annotations

from collections.abc import Mapping

from lighttrack_nas.search_spaces.base.labels import (
    OUTPUT,
    TOWERS,
    depth_label,
    expansion_label,
    layer_label,
    layer_width_label,
    stage_width_label,
    width_label,
)
from lighttrack_nas.search_spaces.description.description import SpaceDescription

Conditions = Mapping[str, Mapping[str, frozenset[str]]]
"""By label: what the values of others must be, all of them, for the label to have a say. Others always have."""


def conditions_of(description: SpaceDescription, candidates: Mapping[str, tuple[str, ...]]) -> Conditions:
    """Find the conditions of a space's labels.

    Args:
        description: The space's.
        candidates: Its values by label; conditions that always hold are left out.
    """
    conditions: dict[str, dict[str, frozenset[str]]] = {}
    order = {block.name: index for index, block in enumerate(description.blocks)}
    for index, stage in enumerate(description.stages):
        blocks = description.stage_blocks(index)
        for number, block in enumerate(blocks):
            running = frozenset(exit_.name for exit_ in description.exits if order[exit_.name] >= order[block.name])
            given = {OUTPUT: running}
            if stage.depths:
                given[depth_label(stage.name)] = frozenset(str(depth) for depth in stage.depths if depth > number)
            conditions[block.name] = given
            conditions[expansion_label(block.name)] = given | {
                block.name: frozenset(block.operations) - description.skips
            }
        for label in (stage_width_label(stage.name), depth_label(stage.name)):
            conditions[label] = {OUTPUT: conditions[blocks[0].name][OUTPUT]}
    for index in range(len(description.towers.cls.candidates)):
        for label in (width_label("cls"), layer_label("cls", index), layer_width_label("cls", index)):
            conditions[label] = {TOWERS: frozenset({"separate"})}
    needed = {
        label: {given: values for given, values in of_label.items() if not values >= set(candidates.get(given, ()))}
        for label, of_label in conditions.items()
        if label in candidates
    }
    return {label: of_label for label, of_label in needed.items() if of_label}
