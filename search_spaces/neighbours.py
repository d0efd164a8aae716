"""Neighbours: architectures that differ from one in a single choice."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from lighttrack_nas.search_spaces.space import Architecture


class Neighbour(NamedTuple):
    """An architecture one choice away from another.

    Attributes:
        label: The choice that differs.
        before: The other's value there.
        after: This one's.
        architecture: The neighbour; genes that its network does not have are reset.
    """

    label: str
    before: str
    after: str
    architecture: Architecture


def one_choice_away(architecture: Architecture) -> Iterator[Architecture]:
    """Give the architectures that differ in one choice that its network has, in a fixed order."""
    for neighbour in _changes(architecture):
        yield neighbour.architecture


def neighbours(architecture: Architecture) -> list[Neighbour]:
    """List the different networks one choice away, in the order of the space's labels.

    A network that several changes lead to stands once, and the architecture's own network not at all: moving a skip
    within a tower changes an architecture, but not its network.
    """
    networks = {architecture.canonical()}
    listed = []
    for neighbour in _changes(architecture):
        network = neighbour.architecture.canonical()
        if network not in networks:
            networks.add(network)
            listed.append(neighbour._replace(architecture=neighbour.architecture.path()))
    return listed


def _changes(architecture: Architecture) -> Iterator[Neighbour]:
    space = architecture.space
    dead = space.dead_labels(architecture)
    for place, (label, values) in enumerate(space.labels.items()):
        before = architecture.values[place]
        for value in () if label in dead else values:
            if value != before:
                changed = (*architecture.values[:place], value, *architecture.values[place + 1 :])
                yield Neighbour(label, before, value, Architecture(space, changed))
