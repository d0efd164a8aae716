"""The space: every choice and its candidates, with the verbs that search needs."""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import cached_property
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Unpack

import numpy as np

from lighttrack_nas.search_spaces.architecture import Architecture, parse_architecture
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
from lighttrack_nas.search_spaces.description.description import BRANCHES, SpaceDescription, TowerDescription
from lighttrack_nas.search_spaces.operations.operation_registry import plugin_files
from lighttrack_nas.trackers.base.errors import InputError
from lighttrack_nas.trackers.base.names import checked_name

if TYPE_CHECKING:
    from lighttrack_nas.search_spaces.building.model_space import TrackerModelSpace
    from lighttrack_nas.search_spaces.building.supernet import Supernet
    from lighttrack_nas.search_spaces.building.tasks import Tasks
    from lighttrack_nas.search_spaces.loading.values import SpaceKeys
    from lighttrack_nas.trackers.network.network import SiameseNetwork


class Space:
    """A search space, from its description. Immutable; equal when the descriptions build the same networks.

    Args:
        description: Checked data, usually from `load_space`.
    """

    def __init__(self, description: SpaceDescription) -> None:
        self.description = description
        self.name = description.name
        self.hash = description.hash
        candidates = candidates_of(description)
        self._blocks = tuple(block.name for block in description.blocks)
        self.candidates: Mapping[str, tuple[str, ...]] = MappingProxyType(candidates)
        """Candidates of every place, also of places that leave no choice."""
        self.labels: Mapping[str, tuple[str, ...]] = MappingProxyType(
            {label: values for label, values in candidates.items() if len(values) > 1}
        )
        """Candidates of every choice, in a fixed order: backbone, output, towers."""
        self.conditions = conditions_of(description, candidates)
        """Of labels that have a say only where others have certain values: those values, by label."""
        depths = {depth_label(stage.name) for stage in description.stages}
        self.input_choices = frozenset({OUTPUT, *depths}) & candidates.keys()
        """Labels of which of several features go on, not of what runs: the output, the depths of stages."""
        sized = {stage_width_label(stage.name) for stage in description.stages} | {TEMPLATE_SIZE}
        sized |= {
            layer_width_label(branch, index)
            for branch in BRANCHES
            for index in range(len(self.tower(branch).candidates))
        }
        self.size_choices = frozenset(sized & candidates.keys())
        """Labels of sizes that other places have to take: candidates of theirs cannot be mixed."""

    @staticmethod
    def define(**keys: Unpack[SpaceKeys]) -> Space:
        """Make a space of Python values, the keys of a space file as keywords; see `search_spaces.loading.values`."""
        from lighttrack_nas.search_spaces.loading.values import define

        return define(keys)

    def to_yaml(self) -> str:
        """Write a space file that loads as an equal space, in the short forms where they fit."""
        from lighttrack_nas.search_spaces.files.writing import space_text

        return space_text(self.description)

    def to_python(self) -> str:
        """Write the expression that makes this space, with `Space`, `Stage`, `Tower`, `Layer` and `Choice`."""
        from lighttrack_nas.search_spaces.loading.values import space_expression

        return space_expression(self)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Space) and (self.name, self.hash) == (other.name, other.hash)

    def __hash__(self) -> int:
        return hash(self.hash)

    def __repr__(self) -> str:
        return f"Space({self.name}, {len(self.labels)} choices, {self.hash})"

    def __reduce__(self) -> tuple[Any, ...]:
        # The classes of registered operations are made while a process runs: another one makes its own.
        return _restored, (self.description.model_dump(mode="json"), self.code_files)

    @property
    def code_files(self) -> tuple[str, ...]:
        """Files with the code of its operations, other than this package's and installed ones."""
        return plugin_files(self.description.operations.values())

    def record(self) -> dict[str, Any]:
        """The whole space, JSON-able; `lighttrack_nas.search_spaces.loading.loading.parse_space` reads it."""
        return self.description.model_dump(mode="json")

    @property
    def template_size(self) -> int:
        """Side of the square template crop, pixels."""
        return self.description.template_size

    @property
    def search_sizes(self) -> tuple[int, ...]:
        """Sides of the square search crops, pixels, ascending."""
        return self.description.search_sizes

    def tower(self, branch: str) -> TowerDescription:
        """The description of the "cls" or "reg" tower."""
        tower: TowerDescription = getattr(self.description.towers, branch)
        return tower

    @cached_property
    def size(self) -> SpaceSize:
        """The number of label combinations and of different networks, both exact."""
        labels = math.prod(len(values) for values in self.labels.values())
        return SpaceSize(labels=labels, networks=count_networks(self.description))

    def architecture(self, choices: Mapping[str, str]) -> Architecture:
        """Check chosen values and make the architecture.

        Args:
            choices: A candidate for every label.

        Raises:
            InputError: A label is unknown or missing, or a value is no candidate.
        """
        for label in choices:
            checked_name(label, self.labels, f"label of space '{self.name}',")
        missing = [label for label in self.labels if label not in choices]
        if missing:
            raise InputError(f"space '{self.name}': no value for {', '.join(missing)}")
        for label, values in self.labels.items():
            if choices[label] not in values:
                raise InputError(
                    f"space '{self.name}', label '{label}': {choices[label]!r} is no candidate; known: "
                    + ", ".join(values)
                )
        return Architecture(self, tuple(choices[label] for label in self.labels))

    def sample(self, rng: np.random.Generator) -> Architecture:
        """Draw an architecture, every candidate of every label equally likely."""
        return Architecture(self, tuple(values[rng.integers(len(values))] for values in self.labels.values()))

    def contains(self, architecture: Architecture) -> bool:
        """Whether the architecture is of this space."""
        return architecture.space == self

    def require(self, architecture: Architecture) -> None:
        """Check that the architecture is of this space.

        Raises:
            InputError: It is of another.
        """
        if not self.contains(architecture):
            raise InputError(
                f"the architecture is of space '{architecture.space.name}' ({architecture.space.hash}), not of "
                f"'{self.name}' ({self.hash})"
            )

    def chosen(self, architecture: Architecture) -> dict[str, str]:
        """The value at every place, also where the space leaves no choice."""
        return {label: values[0] for label, values in self.candidates.items()} | dict(architecture.choices)

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

    def from_json(self, text: str, where: str = "architecture") -> Architecture:
        """Read what `Architecture.to_json` wrote.

        Args:
            text: JSON.
            where: What to call the source in an error message.

        Raises:
            InputError: Malformed JSON, another space, or choices that do not fit.
        """
        content = parse_architecture(text, where)
        if content.get("space_hash") != self.hash:
            raise InputError(
                f"{where}: belongs to space '{content['space']}' ({content.get('space_hash')}), not to '{self.name}' "
                f"({self.hash})"
            )
        return self.architecture(content["choices"])

    def decode(self, code: str) -> Architecture:
        """Read an official LightTrack code; see `lighttrack_nas.search_spaces.codec`."""
        from lighttrack_nas.search_spaces.codec import decode

        return decode(code, self)

    def encode(self, architecture: Architecture) -> str:
        """Write an official LightTrack code; see `lighttrack_nas.search_spaces.codec`."""
        from lighttrack_nas.search_spaces.codec import encode

        self.require(architecture)
        return encode(architecture)

    def network(self, architecture: Architecture) -> SiameseNetwork:
        """Build the plain network of an architecture with fresh weights; it holds no block behind its output.

        Torch's global generator initialises the weights: seed it for the same weights again.

        Raises:
            InputError: The architecture is of another space.
        """
        from lighttrack_nas.search_spaces.building.builder import build_network

        self.require(architecture)
        return build_network(architecture)

    def model_space(self, tasks: Tasks | None = None) -> TrackerModelSpace:
        """Build NNI's model space: LayerChoice for operations and widths, InputChoice for the output layer.

        Args:
            tasks: Where candidates have weights by task; None: nowhere.
        """
        from lighttrack_nas.search_spaces.building.model_space import TrackerModelSpace

        return TrackerModelSpace(self, tasks)

    def supernet(self) -> Supernet:
        """Build the weight-sharing network with fresh weights; torch's global generator initialises them."""
        from lighttrack_nas.search_spaces.building.supernet import Supernet

        return Supernet(self)

    def blocks_up_to(self, output: str) -> tuple[str, ...]:
        """Names of the blocks up to and including an exit's."""
        return self._blocks[: self._blocks.index(output) + 1]

    def dead_labels(self, architecture: Architecture) -> set[str]:
        """Labels of places that an architecture's network does not have: those of blocks behind the output, for one."""
        return self.labels_without_say(self.chosen(architecture))

    def labels_without_say(self, chosen: Mapping[str, str]) -> set[str]:
        """Labels whose conditions do not hold.

        Args:
            chosen: A value at every place.
        """
        return {
            label
            for label, needed in self.conditions.items()
            if any(chosen[given] not in values for given, values in needed.items())
        }


def _restored(content: dict[str, Any], files: tuple[str, ...]) -> Space:
    load_all(files)
    return Space(SpaceDescription.model_validate(content))
