"""The places of a space's networks as people see them, for tables and drawings."""

from __future__ import annotations

import math
from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

from lighttrack_nas.search_spaces.backbones import PackagePart
from lighttrack_nas.search_spaces.description import BRANCHES
from lighttrack_nas.search_spaces.labels import OUTPUT, layer_label, width_label
from lighttrack_nas.search_spaces.space import Space

if TYPE_CHECKING:
    from lighttrack_nas.search_spaces.architecture import Architecture

BRANCH_NAMES = {"cls": "classification", "reg": "regression"}


class ShownPlace(NamedTuple):
    """A block of the backbone, or a layer of a tower.

    Attributes:
        group: The block's stage, or the tower's branch.
        label: As in `Space.candidates`.
        candidates: What may stand there.
        channels: What it gives; None in towers, where it is the tower's width.
        stride: Of the place itself.
        total_stride: Pixels of the input per step of the block's output; None in towers, which keep the output's.
        is_exit: Whether the features may leave behind it.
    """

    group: str
    label: str
    candidates: tuple[str, ...]
    channels: int | None
    stride: int
    total_stride: int | None
    is_exit: bool

    @property
    def is_fixed(self) -> bool:
        """Whether the space leaves no choice here."""
        return len(self.candidates) == 1


def backbone_places(space: Space) -> list[ShownPlace]:
    """The blocks of the backbone, in order."""
    exits = {block.name for block in space.description.exits}
    return [
        ShownPlace(
            block.stage,
            block.name,
            space.candidates.get(block.name, block.operations),
            block.outputs,
            block.stride,
            block.total_stride,
            block.name in exits,
        )
        for block in space.description.blocks
    ]


def tower_places(space: Space, branch: str) -> list[ShownPlace]:
    """The layers of a tower, in order."""
    labels = [layer_label(branch, index) for index in range(len(space.tower(branch).candidates))]
    return [
        ShownPlace(branch, label, space.candidates.get(label, candidates), None, 1, None, False)
        for label, candidates in zip(labels, space.tower(branch).candidates, strict=True)
    ]


def widths_of(space: Space, branch: str) -> tuple[str, ...]:
    """The candidates of a tower's width."""
    return space.candidates.get(width_label(branch), tuple(map(str, space.tower(branch).widths)))


def other_choices(space: Space) -> dict[str, tuple[str, ...]]:
    """The choices that are neither an operation of a place, nor the output, nor a tower's width."""
    known = {OUTPUT, *map(width_label, BRANCHES)} | {place.label for place in backbone_places(space)}
    known |= {place.label for branch in BRANCHES for place in tower_places(space, branch)}
    return {label: values for label, values in space.candidates.items() if label not in known and len(values) > 1}


def present_places(architecture: Architecture) -> tuple[list[ShownPlace], dict[str, list[ShownPlace]]]:
    """The places that an architecture's network has.

    Returns:
        The blocks up to the output; by branch, the layers that are no skip.
    """
    space = architecture.space
    dead, chosen = space.dead_labels(architecture), space.chosen(architecture)

    def stands(place: ShownPlace) -> bool:
        return place.label not in dead and not is_skip(space, chosen.get(place.label, ""))

    blocks = [place for place in backbone_places(space) if stands(place)]
    return blocks, {branch: [p for p in tower_places(space, branch) if stands(p)] for branch in BRANCHES}


def exit_of(architecture: Architecture) -> ShownPlace:
    """The block behind which the features leave."""
    exits = [place for place in backbone_places(architecture.space) if place.is_exit]
    output = architecture.space.chosen(architecture).get(OUTPUT)
    return next((place for place in exits if place.label == output), exits[0])


def width_of(architecture: Architecture, branch: str) -> str:
    """A tower's width; its candidates where the tower as a whole has none."""
    chosen = architecture.space.chosen(architecture).get(width_label(branch))
    return chosen or "/".join(widths_of(architecture.space, branch))


def is_skip(space: Space, name: str) -> bool:
    """Whether a candidate is the identity."""
    return name in space.description.operations and space.description.operations[name].kind == "skip"


def kernel_of(space: Space, name: str) -> int | None:
    """The kernel of a candidate; None where it has none."""
    return getattr(space.description.operations.get(name), "kernel", None)


def operation_names(space: Space) -> dict[str, str]:
    """What the space's operations are called in drawings, such as "MB6 5x5".

    An operation whose short name another one has as well goes by its own.
    """
    short = {name: _short_name(name, space) for name in space.description.operations}
    count = Counter(short.values())
    return {name: text if count[text] == 1 else name for name, text in short.items()}


def map_side(pixels: int, total_stride: int) -> int:
    """Cells along a side of the map that a square crop leaves."""
    return math.ceil(pixels / total_stride)


_SHORT_KINDS = {"mbconv": "MB", "separable": "Sep", "dsconv": "DS"}


def _short_name(name: str, space: Space) -> str:
    operation = space.description.operations[name]
    kernel, expansion = kernel_of(space, name), getattr(operation, "expansion", None)
    if operation.kind == "skip":
        return "skip"
    if isinstance(operation, PackagePart):
        return f"{operation.model} {operation.part}"
    if kernel is None:
        return name
    kind = _SHORT_KINDS.get(operation.kind, operation.kind)
    more = f"{expansion:g}" if isinstance(expansion, (int, float)) else ""
    return f"{kind}{more} {kernel}x{kernel}"
