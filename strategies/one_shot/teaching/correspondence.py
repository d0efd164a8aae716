"""Which parts of a space's networks do what a teacher does: between maps of the same stride, the same work.

A teacher's backbone is cut behind its stem and its blocks. Where a space has a block of the same name whose output has
the same stride, both maps correspond; of strides at which no name does, the last maps do, and so does the last of the
teacher's, where its features leave. What lies between two corresponding maps learns together.
"""

from __future__ import annotations

from typing import NamedTuple

from lighttrack_nas.search_spaces.description.description import SpaceDescription
from lighttrack_nas.search_spaces.space import Architecture, Space
from lighttrack_nas.trackers.base.errors import InputError

STEM = ""
"""The name of the map behind the stem, beside those of blocks."""


class Map(NamedTuple):
    """A map of features in a backbone.

    Attributes:
        name: Of the block behind which it is; `STEM` behind the stem.
        stage: The block's; "" for the stem.
        stride: Pixels of the image per step.
    """

    name: str
    stage: str
    stride: int


class Segment(NamedTuple):
    """Blocks that learn together, from one of the teacher's maps to another.

    Attributes:
        blocks: Names in the space, in order; `STEM` among them where it learns too.
        source: The map that they read, a pair of names: the space's and the teacher's. None: the image.
        target: The map that they give, likewise.
    """

    blocks: tuple[str, ...]
    source: tuple[str, str] | None
    target: tuple[str, str]


def segments(space: Space, teacher: Architecture) -> tuple[Segment, ...]:
    """Cut a space's backbone where it corresponds to a teacher's.

    Args:
        space: Who learns.
        teacher: The teacher's architecture, of this or another space.

    Returns:
        In order; blocks behind the last corresponding map are in none.

    Raises:
        InputError: No map corresponds.
    """
    ours = backbone_maps(space.description, space.blocks_up_to(space.description.exits[-1].name))
    theirs = backbone_maps(teacher.space.description, live_blocks(teacher))
    pairs = _corresponding(ours, theirs)
    if not pairs:
        raise InputError(
            f"the teacher, of space '{teacher.space.name}', has nothing in common with space '{space.name}': its maps "
            f"have the strides {_strides(theirs)}, the space's {_strides(ours)}"
        )
    backbone_segments, first, source = [], 0, None
    names = [map_.name for map_ in ours]
    for pair in pairs:
        last = names.index(pair[0])
        backbone_segments.append(Segment(tuple(names[first : last + 1]), source, pair))
        first, source = last + 1, pair
    return tuple(backbone_segments)


def live_blocks(architecture: Architecture) -> tuple[str, ...]:
    """Names of the blocks that an architecture's network runs, in order."""
    space, chosen = architecture.space, architecture.space.chosen(architecture)
    dead = space.dead_labels(architecture)
    return tuple(name for name in space.blocks_up_to(chosen["output"]) if name not in dead)


def backbone_maps(description: SpaceDescription, blocks: tuple[str, ...]) -> list[Map]:
    """The maps of a backbone, in order.

    Args:
        description: Of its space.
        blocks: Names of the blocks that there are.
    """
    stem = [Map(STEM, "", description.stem_stride)] if description.stem else []
    return stem + [Map(b.name, b.stage, b.total_stride) for b in description.blocks if b.name in blocks]


def _corresponding(ours: list[Map], theirs: list[Map]) -> list[tuple[str, str]]:
    """Pairs of names, the order of both backbones kept."""
    known = {map_.name: map_ for map_ in theirs}
    named = {map_.name: map_.name for map_ in ours if map_.name in known and known[map_.name].stride == map_.stride}
    strides = {map_.stride for map_ in ours if map_.name in named}
    for stride in sorted({map_.stride for map_ in ours} & {map_.stride for map_ in theirs} - strides):
        here = [map_.name for map_ in ours if map_.stride == stride]
        named[here[-1]] = [map_.name for map_ in theirs if map_.stride == stride][-1]
    leaving = theirs[-1]
    alike = [map_.name for map_ in ours if map_.stride == leaving.stride]
    if alike and leaving.name not in named.values():
        named[alike[-1]] = leaving.name
    order = {map_.name: index for index, map_ in enumerate(theirs)}
    kept: list[tuple[str, str]] = []
    for map_ in ours:
        partner = named.get(map_.name)
        if partner is not None and (not kept or order[partner] > order[kept[-1][1]]):
            kept.append((map_.name, partner))
    return kept


def _strides(maps: list[Map]) -> str:
    return ", ".join(map(str, sorted({map_.stride for map_ in maps})))
