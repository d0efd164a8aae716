"""The network of an architecture as people see it, for tables and drawings: what is there, as it was chosen."""

from __future__ import annotations

from typing import NamedTuple

from lighttrack_nas.places.shown_places import (
    SHARED,
    ShownPlace,
    ShownTower,
    backbone_places,
    is_skip,
    names_at,
    tower_of,
)
from lighttrack_nas.search_spaces.base.labels import (
    CORRELATION,
    TEMPLATE_SIZE,
    TOWERS,
    expansion_label,
    layer_width_label,
    stage_width_label,
    width_label,
)
from lighttrack_nas.search_spaces.base.normal_forms import number_text
from lighttrack_nas.search_spaces.description.space_parts import BRANCHES
from lighttrack_nas.search_spaces.space import Architecture


class ChosenPlace(NamedTuple):
    """A block or layer of a network.

    Attributes:
        place: As its space shows it.
        operation: The candidate that stands there.
        name: What it is called in drawings, such as "MB6 5x5".
        channels: What it gives.
        expansion: The one chosen by itself or set by its stage; None where the operation has its own, or none.
    """

    place: ShownPlace
    operation: str
    name: str
    channels: int
    expansion: float | None


class ChosenTower(NamedTuple):
    """A tower of a network.

    Attributes:
        of: As its space shows it; "shared" where both branches have this one.
        layers: Those that are no skip.
        width: Channels of all layers; None where each has its own.
    """

    of: ShownTower
    layers: tuple[ChosenPlace, ...]
    width: int | None

    @property
    def text(self) -> str:
        """Widths and layers in words."""
        widths = ", ".join(str(layer.channels) for layer in self.layers)
        shown = f"widths {widths}" if self.width is None else f"width {self.width}"
        return f"{shown}, {len(self.layers)} of {len(self.of.places)} layers"


class ShownNetwork(NamedTuple):
    """What a network is made of.

    Attributes:
        blocks: Of the backbone, up to the output and within their stages' depths, without skips.
        correlation: How template and search features are compared.
        kernels: Positions of the template's map.
        towers: Both branches', or one.
        template_size: Side of its template crop, pixels.
        search_sizes: Sides of its search crop, pixels.
    """

    blocks: tuple[ChosenPlace, ...]
    correlation: str
    kernels: int
    towers: tuple[ChosenTower, ...]
    template_size: int
    search_sizes: tuple[int, ...]

    @property
    def output(self) -> ChosenPlace:
        """The block behind which the features leave: the last."""
        return self.blocks[-1]

    @property
    def total_stride(self) -> int:
        """Pixels of the input per step of the output."""
        assert self.output.place.total_stride is not None
        return self.output.place.total_stride


def shown_network(architecture: Architecture) -> ShownNetwork:
    """Say what an architecture's network is made of."""
    space = architecture.space
    description, chosen = space.description, space.chosen(architecture)
    dead = space.dead_labels(architecture)

    def chosen_place(place: ShownPlace, width: str) -> ChosenPlace | None:
        operation = chosen.get(place.label, place.candidates[0])
        if place.label in dead or is_skip(space, operation):
            return None
        value = chosen.get(expansion_label(place.label))
        expansion = next((candidate for candidate in place.expansions if value in (None, number_text(candidate))), None)
        channels = int(chosen.get(width, place.widths[0]))
        return ChosenPlace(place, operation, names_at(space, place, expansion)[operation], channels, expansion)

    blocks = [chosen_place(place, stage_width_label(place.group)) for place in backbone_places(space)]
    template_size = int(chosen.get(TEMPLATE_SIZE, description.template_size))
    towers = []
    for name in BRANCHES if chosen.get(TOWERS) != SHARED else (SHARED,):
        tower = tower_of(space, name)
        layers = [
            chosen_place(place, width_label(tower.branch) if tower.is_tied else layer_width_label(tower.branch, index))
            for index, place in enumerate(tower.places)
        ]
        width = int(chosen.get(width_label(tower.branch), tower.widths[0])) if tower.is_tied else None
        towers.append(ChosenTower(tower, tuple(filter(None, layers)), width))
    present = tuple(filter(None, blocks))
    last = next(block for block in description.blocks if block.name == present[-1].place.label)
    return ShownNetwork(
        blocks=present,
        correlation=chosen[CORRELATION],
        kernels=description.kernels(last, template_size),
        towers=tuple(towers),
        template_size=template_size,
        search_sizes=description.search_sizes_of(template_size),
    )
