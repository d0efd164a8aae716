"""The pieces that the networks of a space are made of, each once, and which of them an architecture runs for a frame.

A piece is a candidate, in its deployed form, on the shapes on which it works. The space alone decides on these, so that
blocks of one stage, and layers of one tower width, share most of their pieces.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product

import torch
from torch import Tensor, nn

from lighttrack_nas.benchmarks.costs.module_places import BuiltPlace, Shape, Variant, place_modules
from lighttrack_nas.search_spaces.base.labels import CORRELATION, expansion_label
from lighttrack_nas.search_spaces.space import Architecture, Space

LATENCY_PARTS = ("backbone", "fusion", "towers")
"""Where a piece may stand; the neck counts as fusion."""


@dataclass(frozen=True)
class Piece:
    """Something that can be timed alone.

    Attributes:
        module: In eval mode, with random weights.
        inputs: Shapes, batch 1.
    """

    module: nn.Module
    inputs: tuple[tuple[int, ...], ...]


@dataclass(frozen=True)
class TimedPlace:
    """A place, and what may stand there.

    Attributes:
        part: One of `LATENCY_PARTS`.
        labels: The choices on which it depends, in the space's order.
        pieces: Names of pieces by the values of `labels`. Where a place is missing, or a skip stands, there is none.
    """

    part: str
    labels: tuple[str, ...]
    pieces: Mapping[tuple[str, ...], str]


@dataclass(frozen=True)
class Pieces:
    """All pieces of a space, and where they stand.

    Attributes:
        space: The space.
        pieces: By name, which is the candidate's with the shapes.
        places: In the order in which a frame meets them.
    """

    space: Space
    pieces: Mapping[str, Piece]
    places: Sequence[TimedPlace]

    def of(self, architecture: Architecture) -> dict[str, list[str]]:
        """Names of the pieces that an architecture runs for a frame, by part; some more than once.

        Raises:
            InputError: The architecture is of another space.
        """
        self.space.require(architecture)
        chosen = architecture.choices
        used: dict[str, list[str]] = {part: [] for part in LATENCY_PARTS}
        for place in self.places:
            name = place.pieces.get(tuple(chosen[label] for label in place.labels))
            if name is not None:
                used[place.part].append(name)
        return used


def find_pieces(space: Space) -> Pieces:
    """Build every candidate of a space, with the shapes of a frame of its network's smaller search size.

    Args:
        space: The space.

    Returns:
        The pieces, in the order in which a frame meets them.
    """
    pieces_by_name: dict[str, Piece] = {}
    names: dict[tuple[nn.Module, tuple[Shape, ...]], str] = {}
    places = []
    for place in _with_fused(place_modules(space)):
        pieces: dict[tuple[str, ...], str] = {}
        for variant in place.variants:
            if isinstance(variant.module, nn.Identity):
                continue
            known = variant.module, variant.search
            if known not in names:  # behind several outputs of one stride it is the same
                names[known], piece = _piece(_called(space, place, variant), *known)
                pieces_by_name.setdefault(names[known], piece)
            cells = zip(place.labels, place.cells(space, variant), strict=True)
            values = [[space.labels[label][index] for index in indices] for label, indices in cells]
            pieces |= dict.fromkeys(product(*values), names[known])
        part = place.part if place.part in LATENCY_PARTS else "towers"
        places.append(TimedPlace(part, place.labels, pieces))
    return Pieces(space, pieces_by_name, places)


class Fused(nn.Module):
    """What stands between both branches and the towers: neck and fusion of one exit."""

    def __init__(self, neck: nn.Module, fusion: nn.Module) -> None:
        super().__init__()
        self.neck = neck
        self.fusion = fusion

    def forward(self, template: Tensor, search: Tensor) -> Tensor:
        """Features of both branches to what the towers read; shapes as in `Fusion.forward`."""
        fused: Tensor = self.fusion(*self.neck(template, search))
        return fused


def _with_fused(places: Sequence[BuiltPlace]) -> Iterator[BuiltPlace]:
    """The places, with the neck as a part of the fusion: alone it is too little to be timed."""
    necks = next(place for place in places if place.part == "neck")
    joined: dict[tuple[nn.Module, nn.Module], Fused] = {}
    for place in places:
        if place.part == "fusion":
            variants = []
            for variant in place.variants:
                neck = next(neck for neck in necks.variants if neck.given.items() <= variant.given.items())
                pair = neck.module, variant.module
                variants.append(variant._replace(module=joined.setdefault(pair, Fused(*pair))))
            yield place._replace(variants=tuple(variants))
        elif place.part != "neck":
            yield place


def _called(space: Space, place: BuiltPlace, variant: Variant) -> str:
    """What a variant is, for people."""
    if not place.label:
        return "stem" if place.part == "backbone" else "prediction"
    name = variant.given.get(place.label, space.candidates[place.label][0])
    if place.label == CORRELATION:
        return "fusion" if name == "pixelwise" else f"{name} fusion"
    expansion = variant.given.get(expansion_label(place.label))
    return f"{name} expansion {expansion}" if expansion else name


@torch.no_grad()
def _piece(called: str, module: nn.Module, shapes: Sequence[Shape]) -> tuple[str, Piece]:
    inputs = [torch.zeros(1, *shape) for shape in shapes]
    outputs = tuple(module(*inputs).shape)
    name = f"{called} {' and '.join(map(_text, shapes))} to {_text(outputs[1:])}"
    return name, Piece(module, tuple((1, *shape) for shape in shapes))


def _text(shape: Sequence[int]) -> str:
    return "x".join(map(str, shape))
