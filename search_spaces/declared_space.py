"""The space that a description declares."""

from __future__ import annotations

import math
from functools import cached_property
from typing import Any

from lighttrack_nas.search_spaces import codec
from lighttrack_nas.search_spaces.base.labels import (
    OUTPUT,
    TEMPLATE_SIZE,
    depth_label,
    layer_width_label,
    stage_width_label,
)
from lighttrack_nas.search_spaces.base.plugins import load_all
from lighttrack_nas.search_spaces.description.candidates import candidates_of
from lighttrack_nas.search_spaces.description.canonical import moved_skips
from lighttrack_nas.search_spaces.description.conditions import conditions_of
from lighttrack_nas.search_spaces.description.counting import SpaceSize, count_networks
from lighttrack_nas.search_spaces.description.description import SpaceDescription
from lighttrack_nas.search_spaces.description.space_parts import BRANCHES
from lighttrack_nas.search_spaces.operations.operation_registry import plugin_files
from lighttrack_nas.search_spaces.space import Architecture, Space


class DeclaredSpace(Space):
    """A space, from its description. Equal when the descriptions build the same networks.

    Args:
        description: Checked data, usually from `load_space`.
    """

    is_declared = True

    def __init__(self, description: SpaceDescription) -> None:
        candidates = candidates_of(description)
        depths = {depth_label(stage.name) for stage in description.stages}
        sized = {stage_width_label(stage.name) for stage in description.stages} | {TEMPLATE_SIZE}
        for branch in BRANCHES:
            layers = getattr(description.towers, branch).candidates
            sized |= {layer_width_label(branch, index) for index in range(len(layers))}
        super().__init__(
            description.name,
            description.hash,
            candidates,
            conditions=conditions_of(description, candidates),
            input_choices=frozenset({OUTPUT, *depths}) & candidates.keys(),
            size_choices=frozenset(sized & candidates.keys()),
        )
        self._description = description

    def __reduce__(self) -> tuple[Any, ...]:
        # The classes of registered operations are made while a process runs: another one makes its own.
        return _restored, (self.description.model_dump(mode="json"), self.code_files)

    @property
    def description(self) -> SpaceDescription:
        """What it was made from."""
        return self._description

    @property
    def code_files(self) -> tuple[str, ...]:
        """See `Space.code_files`."""
        return plugin_files(self.description.operations.values())

    @property
    def template_size(self) -> int:
        """See `Space.template_size`."""
        return self.description.template_size

    @property
    def search_sizes(self) -> tuple[int, ...]:
        """See `Space.search_sizes`."""
        return self.description.search_sizes

    @cached_property
    def size(self) -> SpaceSize:
        """See `Space.size`."""
        labels = math.prod(len(values) for values in self.labels.values())
        return SpaceSize(labels=labels, networks=count_networks(self.description))

    def record(self) -> dict[str, Any]:
        """See `Space.record`; the whole of it."""
        return self.description.model_dump(mode="json")

    def path(self, architecture: Architecture) -> Architecture:
        """See `Architecture.path`."""
        chosen = dict(architecture.choices)
        for label in self.dead_labels(architecture) & self.labels.keys():
            chosen[label] = self.labels[label][0]
        return Architecture(self, tuple(chosen.values()))

    def canonical(self, architecture: Architecture) -> Architecture:
        """See `Architecture.canonical`."""
        chosen = self.chosen(self.path(architecture))
        alive, exits = self.blocks_up_to(chosen[OUTPUT]), self.candidates[OUTPUT]
        chosen |= moved_skips(self.description, chosen, alive, exits)
        return self.architecture({label: chosen[label] for label in self.labels}).path()

    def decode(self, code: str) -> Architecture:
        """See `Space.decode`."""
        choices = codec.decode(code, self.description, self.candidates)
        return self.architecture({label: choices[label] for label in self.labels})

    def encode(self, architecture: Architecture) -> str:
        """See `Space.encode`."""
        self.require(architecture)
        return codec.encode(self.chosen(architecture), self.description, self.candidates)


def _restored(content: dict[str, Any], files: tuple[str, ...]) -> DeclaredSpace:
    load_all(files)
    return DeclaredSpace(SpaceDescription.model_validate(content))
