"""What is counted of a network for findings, and how likely it is in uniform draws of its space."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import NamedTuple

import numpy as np

from lighttrack_nas.places.shown_places import SHARED, ShownTower, tower_of
from lighttrack_nas.search_spaces.base.labels import OUTPUT, TOWERS, expansion_label, layer_label, layer_width_label
from lighttrack_nas.search_spaces.base.normal_forms import number_text
from lighttrack_nas.search_spaces.description.space_parts import BRANCHES, BackboneBlock, StageDescription
from lighttrack_nas.search_spaces.space import Architecture, Space

BLOCK_FIGURES = ("kernel", "expansion", "operation")
"""What is counted over blocks: kernels, expansions, and kinds of operations in stages that mix them."""


class Features(NamedTuple):
    """What is counted of one architecture.

    Attributes:
        blocks: By figure, and by stage, its value in each block that leaves a choice and is there; a kind of operation
            is text.
        output: Label of the exit.
        depths: By tower ("cls" and "reg", or "shared"), its layers that are no skip.
        layer_widths: By tower whose layers choose their widths, those of its layers that are no skip.
        choices: The choices that have a say.
    """

    blocks: Mapping[str, Mapping[str, list[float | str]]]
    output: str
    depths: Mapping[str, int]
    layer_widths: Mapping[str, list[str]]
    choices: Mapping[str, str]


def features_of(architecture: Architecture) -> Features:
    """Look at one architecture."""
    space = architecture.space
    chosen, dead = space.chosen(architecture), space.dead_labels(architecture)
    blocks: dict[str, dict[str, list[float | str]]] = {name: {} for name in BLOCK_FIGURES}
    for stage, block in _blocks(space):
        if block.name in dead:
            continue
        for name in BLOCK_FIGURES:
            if _is_counted(space, stage, block, name):
                expansion = chosen.get(expansion_label(block.name))
                value = _value(space, stage, chosen[block.name], name, expansion)
                blocks[name].setdefault(stage.name, []).extend([] if value is None else [value])
    depths, layer_widths = {}, {}
    for name in (SHARED,) if chosen.get(TOWERS) == SHARED else BRANCHES:
        tower = tower_of(space, name)
        layers = [
            index
            for index in range(len(tower.places))
            if space.description.operations[chosen[layer_label(tower.branch, index)]].kind != "skip"
        ]
        depths[name] = len(layers)
        if not tower.is_tied:
            layer_widths[name] = [chosen[layer_width_label(tower.branch, index)] for index in layers]
    live = {label: value for label, value in chosen.items() if label not in dead}
    return Features(blocks, chosen[OUTPUT], depths, layer_widths, live)


def possible_towers(space: Space) -> list[ShownTower]:
    """Every tower that a network of the space may have."""
    sharing = space.description.towers.sharing
    names = (*(BRANCHES if "separate" in sharing else ()), *((SHARED,) if SHARED in sharing else ()))
    return [tower_of(space, name) for name in names]


def block_shares(space: Space, name: str, of_stage: str | None = None) -> dict[float | str, float]:
    """What the backbone's choices offer of a figure, ascending, with the share of each in uniform draws.

    The share is that of the expected numbers: of blocks with the value, and of blocks that the network has.

    Args:
        space: The space.
        name: One of `BLOCK_FIGURES`.
        of_stage: Of this stage's blocks alone; None takes all.
    """
    expected: dict[float | str, float] = {}
    for stage, block in _blocks(space):
        if of_stage not in (None, stage.name) or not _is_counted(space, stage, block, name):
            continue
        odds = _odds_of(space, block.name) / len(block.operations)
        choices = (
            [number_text(expansion) for expansion in stage.expansions]
            if name == "expansion" and stage.expansions
            else [""]
        )
        for operation in block.operations:
            for expansion in choices:
                value = _value(space, stage, operation, name, expansion or None)
                if value is not None:
                    expected[value] = expected.get(value, 0.0) + odds / len(choices)
    total = sum(expected.values()) or 1.0
    return {value: expected[value] / total for value in sorted(expected, key=lambda value: (str(type(value)), value))}


def depth_odds(space: Space, branch: str) -> np.ndarray:
    """Odds of a tower's depths 0, 1, 2 ... in uniform draws."""
    odds = np.ones(1)
    for names in space.tower(branch).candidates:
        skipped = sum(space.description.operations[name].kind == "skip" for name in names) / len(names)
        odds = np.convolve(odds, [skipped, 1 - skipped])
    return odds


def _blocks(space: Space) -> Iterator[tuple[StageDescription, BackboneBlock]]:
    for index, stage in enumerate(space.description.stages):
        for block in space.description.stage_blocks(index):
            yield stage, block


def _odds_of(space: Space, label: str) -> float:
    """How likely a label's conditions hold: choices are drawn independently."""
    needed = space.conditions.get(label, {})
    return math.prod(len(values) / len(space.candidates[given]) for given, values in needed.items())


def _is_counted(space: Space, stage: StageDescription, block: BackboneBlock, name: str) -> bool:
    if name == "expansion" and len(stage.expansions) > 1:
        return True
    if name == "operation":
        kinds = {space.description.operations[operation].kind for operation in stage.operations} - {"skip"}
        return len(kinds) > 1
    return len(block.operations) > 1


def _value(
    space: Space, stage: StageDescription, operation: str, name: str, expansion: str | None
) -> float | str | None:
    made = space.description.operations[operation]
    if name == "operation":
        return made.kind if made.kind != "skip" else None
    if name == "expansion" and stage.expansions and hasattr(made, "expansion"):
        return next((candidate for candidate in stage.expansions if expansion in (None, number_text(candidate))), None)
    value: float | None = getattr(made, name, None)
    return value
