"""The places of a space's networks as people see them, for tables and drawings."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from lighttrack_nas.search_spaces.base.labels import CORRELATION, layer_label, width_label
from lighttrack_nas.search_spaces.description.candidates import candidates_of
from lighttrack_nas.search_spaces.description.space_parts import BRANCHES, BackboneBlock
from lighttrack_nas.search_spaces.operations.package_parts import PackagePart
from lighttrack_nas.search_spaces.space import Space

SHARED = "shared"
"""What the one tower of both branches is called; its places have the labels of the regression tower."""
BRANCH_NAMES = {"cls": "classification", "reg": "regression", SHARED: "both branches"}


class ShownPlace(NamedTuple):
    """A block of the backbone, or a layer of a tower.

    Attributes:
        group: The block's stage, or the tower.
        label: As in `Space.candidates`.
        candidates: What may stand there.
        widths: The numbers of channels that it may give, ascending.
        expansions: Those that its stage chooses from, ascending; none where each operation has its own.
        stride: Of the place itself.
        total_stride: Pixels of the input per step of the block's output; None in towers, which keep the output's.
        is_exit: Whether the features may leave behind it: where a stage of free depth may end, for one.
    """

    group: str
    label: str
    candidates: tuple[str, ...]
    widths: tuple[int, ...]
    expansions: tuple[float, ...]
    stride: int
    total_stride: int | None
    is_exit: bool

    @property
    def is_fixed(self) -> bool:
        """Whether the space leaves no choice of operation here."""
        return len(self.candidates) == 1

    @property
    def channels(self) -> str:
        """What it gives, such as "24", or "16 / 24" where that is open."""
        return alternatives(self.widths)


class ShownTower(NamedTuple):
    """A tower of a space.

    Attributes:
        name: "cls", "reg", or "shared" where both branches always have one.
        branch: "cls" or "reg": by which its places' labels begin.
        places: Its layers.
        widths: The numbers of channels that it, or each of its layers, may have, ascending.
        is_tied: Whether all layers have one width.
    """

    name: str
    branch: str
    places: tuple[ShownPlace, ...]
    widths: tuple[int, ...]
    is_tied: bool


def backbone_places(space: Space) -> list[ShownPlace]:
    """The blocks of the backbone, in order."""
    exits = {exit_.name: exit_.stage for exit_ in space.description.exits}
    return [
        ShownPlace(
            block.stage,
            block.name,
            space.candidates.get(block.name, block.operations),
            space.description.widths(block.stage),
            space.description.stage(block.stage).expansions,
            block.stride,
            block.total_stride,
            _may_be_last(space, block, exits),
        )
        for block in space.description.blocks
    ]


def _may_be_last(space: Space, block: BackboneBlock, exits: Mapping[str, str]) -> bool:
    depths = space.description.stage(block.stage).depths
    if len(depths) > 1 and block.stage in exits.values():
        return int(block.name.rpartition("-block")[2]) + 1 in depths
    return block.name in exits


def towers(space: Space) -> tuple[ShownTower, ...]:
    """The towers that a space's networks may have; one where both branches always share it."""
    if space.description.towers.sharing == (SHARED,):
        return (_tower(space, SHARED, "reg"),)
    return tuple(_tower(space, branch, branch) for branch in BRANCHES)


def tower_of(space: Space, name: str) -> ShownTower:
    """The "cls", "reg" or "shared" tower; the shared one is described as the regression's."""
    return _tower(space, name, "reg" if name == SHARED else name)


def _tower(space: Space, name: str, branch: str) -> ShownTower:
    tower = space.tower(branch)
    labels = [layer_label(branch, index) for index in range(len(tower.candidates))]
    places = tuple(
        ShownPlace(name, label, space.candidates.get(label, candidates), tower.widths, (), 1, None, False)
        for label, candidates in zip(labels, tower.candidates, strict=True)
    )
    return ShownTower(name, branch, places, tower.widths, tower.tied)


def widths_of(space: Space, branch: str) -> tuple[str, ...]:
    """The candidates of a tower's width."""
    return space.candidates.get(width_label(branch), tuple(map(str, space.tower(branch).widths)))


def input_sizes(space: Space) -> list[tuple[int, tuple[int, ...]]]:
    """Sides of the template crop, pixels, each with those of the search crop that go with it."""
    description = space.description
    return [(size, description.search_sizes_of(size)) for size in description.all_template_sizes]


def other_choices(space: Space) -> dict[str, tuple[str, ...]]:
    """The choices that no place, width, depth or size shows: the correlation, and what this module does not know."""
    known = candidates_of(space.description).keys() - {CORRELATION}
    return {label: values for label, values in space.candidates.items() if label not in known and len(values) > 1}


def alternatives(values: Iterable[object]) -> str:
    """Write what is open: "16 / 24"."""
    return " / ".join(map(str, values))


def either(values: Iterable[object]) -> str:
    """Join alternatives: "128, 192 or 256"."""
    *most, last = map(str, values)
    return f"{', '.join(most)} or {last}" if most else last


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
    # Beside a choice of expansions a name stands for all of them.
    free = _names_of_all_expansions(space)
    return _told_apart(
        {
            name: _short_name(name, space, None if name in free else _own_expansion(space, name))
            for name in space.description.operations
        }
    )


def names_at(space: Space, place: ShownPlace, expansion: float | None = None) -> dict[str, str]:
    """What a place's candidates are called in drawings: "MB 5x5" where the expansion is open, else as the space's.

    Args:
        space: The place's.
        place: Where they stand.
        expansion: The one that is chosen there; None leaves it open.
    """
    if not place.expansions:
        names = operation_names(space)
        return {name: names.get(name, name) for name in place.candidates}
    decided = place.expansions[0] if len(place.expansions) == 1 else expansion
    short = _told_apart({name: _short_name(name, space, decided) for name in place.candidates})
    if decided is None:
        return short
    # A name of its own may speak of the expansion that the operation has elsewhere.
    return {
        name: f"{name} /{decided:g}" if text == name and not is_skip(space, name) else text
        for name, text in short.items()
    }


def map_side(pixels: int, total_stride: int) -> int:
    """Cells along a side of the map that a square crop leaves."""
    return math.ceil(pixels / total_stride)


_SHORT_KINDS = {"mbconv": "MB", "separable": "Sep", "dsconv": "DS"}


def _told_apart(short: dict[str, str]) -> dict[str, str]:
    count = Counter(short.values())
    return {name: text if count[text] == 1 else name for name, text in short.items()}


def _names_of_all_expansions(space: Space) -> set[str]:
    """Operations that stand only in stages which choose the expansion, so that their own expansion says nothing."""
    stages = space.description.stages
    layers = [names for branch in BRANCHES for names in space.tower(branch).candidates]
    fixed = {name for names in (*layers, *(s.operations for s in stages if not s.expansions)) for name in names}
    return {name for stage in stages if stage.expansions for name in stage.operations} - fixed


def _own_expansion(space: Space, name: str) -> float | None:
    expansion = getattr(space.description.operations[name], "expansion", None)
    return expansion if isinstance(expansion, (int, float)) else None


def _short_name(name: str, space: Space, expansion: float | None) -> str:
    operation = space.description.operations[name]
    kernel = kernel_of(space, name)
    if operation.kind == "skip":
        return "skip"
    if isinstance(operation, PackagePart):
        return f"{operation.model} {operation.part}"
    if kernel is None:
        return name
    kind = _SHORT_KINDS.get(operation.kind, operation.kind)
    more = f"{expansion:g}" if expansion is not None else ""
    return f"{kind}{more} {kernel}x{kernel}"
