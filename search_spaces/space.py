"""Spaces and their architectures: every choice with its candidates, and one chosen value for each."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from operator import contains
from types import MappingProxyType
from typing import Any, ClassVar, NoReturn

import numpy as np

from lighttrack_nas.search_spaces.chosen_values import refuse_values, value_of_number
from lighttrack_nas.search_spaces.description.conditions import Conditions
from lighttrack_nas.search_spaces.description.counting import SpaceSize
from lighttrack_nas.search_spaces.description.description import SpaceDescription
from lighttrack_nas.search_spaces.description.space_parts import TowerDescription
from lighttrack_nas.trackers.base.errors import InputError
from lighttrack_nas.trackers.base.names import checked_name
from lighttrack_nas.trackers.base.parsing import parse_json


class Space(ABC):
    """A search space: every choice with its candidates, and the questions that search asks of it. Immutable.

    `load_space` and `define_space` make one. Most are a `DeclaredSpace`, made from a description; a class of NNI's
    gives an `NniSpace`, which declares no stages and towers. Building is done by functions: `build_network`,
    `build_model_space`, `Supernet`.

    Args:
        name: What it is called.
        digest: Its hash: twelve hexadecimal digits that change with the networks.
        candidates: Candidates of every place, in a fixed order.
        conditions: See `conditions`.
        input_choices: See `input_choices`.
        size_choices: See `size_choices`.
    """

    is_declared: ClassVar[bool]
    """Whether its stages, blocks and towers are known; otherwise `description` and what rests on it are refused."""

    value_labels: tuple[str, ...] = ()
    """Labels of values and depths, which path sampling trains and the differentiable strategies do not."""

    def __init__(
        self,
        name: str,
        digest: str,
        candidates: Mapping[str, tuple[str, ...]],
        *,
        conditions: Conditions = MappingProxyType({}),
        input_choices: frozenset[str] = frozenset(),
        size_choices: frozenset[str] = frozenset(),
    ) -> None:
        self.name = name
        self.hash = digest
        self.candidates: Mapping[str, tuple[str, ...]] = MappingProxyType(dict(candidates))
        """Candidates of every place, also of places that leave no choice."""
        self.labels: Mapping[str, tuple[str, ...]] = MappingProxyType(
            {label: values for label, values in candidates.items() if len(values) > 1}
        )
        """Candidates of every choice, in a fixed order: backbone, output, towers."""
        self.conditions = conditions
        """Of labels that have a say only where others have certain values: those values, by label."""
        self.input_choices = input_choices
        """Labels of which of several features go on, not of what runs: the output, the depths of stages."""
        self.size_choices = size_choices
        """Labels of sizes that other places have to take: candidates of theirs cannot be mixed."""

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Space) and (self.name, self.hash) == (other.name, other.hash)

    def __hash__(self) -> int:
        return hash(self.hash)

    def __repr__(self) -> str:
        return f"Space({self.name}, {len(self.labels)} choices, {self.hash})"

    def refuse(self, what: str) -> NoReturn:
        """Raise InputError: the space's name, and what it cannot do."""
        raise InputError(f"space '{self.name}' {what}")

    @property
    @abstractmethod
    def description(self) -> SpaceDescription:
        """Stages, blocks and towers.

        Raises:
            InputError: The space declares none, see `is_declared`.
        """

    @property
    @abstractmethod
    def code_files(self) -> tuple[str, ...]:
        """Files with the code of its operations, other than this package's and installed ones."""

    @property
    @abstractmethod
    def template_size(self) -> int:
        """Side of the square template crop, pixels."""

    @property
    @abstractmethod
    def search_sizes(self) -> tuple[int, ...]:
        """Sides of the square search crops, pixels, ascending."""

    @property
    @abstractmethod
    def size(self) -> SpaceSize:
        """The number of label combinations and of different networks, both exact."""

    @abstractmethod
    def record(self) -> dict[str, Any]:
        """The space as files name it, JSON-able; `search_spaces.loading.loading.parse_space` reads it."""

    @abstractmethod
    def path(self, architecture: Architecture) -> Architecture:
        """See `Architecture.path`."""

    @abstractmethod
    def canonical(self, architecture: Architecture) -> Architecture:
        """See `Architecture.canonical`."""

    @abstractmethod
    def decode(self, code: str) -> Architecture:
        """Read an official LightTrack code; see `search_spaces.codec`.

        Raises:
            InputError: The space has no such codes, or the code is malformed.
        """

    @abstractmethod
    def encode(self, architecture: Architecture) -> str:
        """Write an official LightTrack code; see `search_spaces.codec`.

        Raises:
            InputError: The space has no such codes, or the architecture is of another one.
        """

    def tower(self, branch: str) -> TowerDescription:
        """The description of the "cls" or "reg" tower."""
        tower: TowerDescription = getattr(self.description.towers, branch)
        return tower

    @cached_property
    def _blocks(self) -> tuple[str, ...]:
        return tuple(block.name for block in self.description.blocks)

    def blocks_up_to(self, output: str) -> tuple[str, ...]:
        """Names of the blocks up to and including an exit's."""
        return self._blocks[: self._blocks.index(output) + 1]

    @cached_property
    def _value_sets(self) -> tuple[frozenset[str], ...]:
        """The candidates of every choice: to look a value up takes a quarter of what the tuples take."""
        return tuple(map(frozenset, self.labels.values()))

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
        return Architecture(self, tuple(choices[label] for label in self.labels))

    def from_nni(self, sample: Mapping[str, Any]) -> Architecture:
        """Read NNI's sample, as its strategies export it.

        Args:
            sample: By label, what NNI chose: a candidate's name or value, or for an InputChoice its number, alone or in
                a list. Places that leave no choice may stand there too.

        Raises:
            InputError: A label is unknown or missing, or NNI has no such candidate there.
        """
        for label in sample:
            checked_name(label, self.candidates, f"label of space '{self.name}',")
        return self.architecture(
            {label: self._from_nni(label, sample[label]) for label in self.labels if label in sample}
        )

    def _from_nni(self, label: str, sampled: Any) -> str:
        """The candidate that NNI's sample means at a label."""
        if label in self.input_choices:
            return value_of_number(self.name, label, self.labels[label], sampled)
        return sampled

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


@dataclass(frozen=True)
class Architecture:
    """A point of a space, frozen and hashable. `Space.architecture` makes it of choices by label.

    Two normal forms, never to be confused:

    - `path()`: the same for architectures that take the same *weights* from a supernet. Only genes behind the output
      are reset.
    - `canonical()`: the same for architectures that are the same *network*. The skips of a tower also move to its end:
      `k3, skip, k5` and `k3, k5, skip` are one network, but take their weights from different places of a supernet.

    Attributes:
        space: The space it belongs to.
        values: The chosen values in the order of `space.labels`.

    Raises:
        InputError: The values are none of the space's.
    """

    space: Space
    values: tuple[str, ...]

    def __post_init__(self) -> None:
        # A search makes these by the thousand: this takes a microsecond, where drawing one takes a hundred.
        sets = self.space._value_sets
        try:
            fits = (
                type(self.values) is tuple and len(self.values) == len(sets) and all(map(contains, sets, self.values))
            )
        except TypeError:  # a value that no set can hold
            fits = False
        if not fits:
            refuse_values(self.space.name, self.space.labels, self.values)

    @property
    def choices(self) -> Mapping[str, str]:
        """Chosen value by label."""
        return MappingProxyType(dict(zip(self.space.labels, self.values, strict=True)))

    def path(self) -> Architecture:
        """The architecture with every gene behind the output reset to its first candidate."""
        return self.space.path(self)

    def canonical(self) -> Architecture:
        """`path()`, with the skips of each tower moved to its end."""
        return self.space.canonical(self)

    def to_json(self) -> str:
        """Write as JSON: the space's name and hash, and the choices. `Space.from_json` reads it."""
        content = {"space": self.space.name, "space_hash": self.space.hash, "choices": dict(self.choices)}
        return json.dumps(content, indent=2)

    def __repr__(self) -> str:
        chosen = ", ".join(f"{label}={value}" for label, value in self.choices.items())
        return f"Architecture({self.space.name}: {chosen})"


def parse_architecture(text: str, where: str) -> dict:
    """Read an architecture's JSON without knowing its space.

    Returns:
        A mapping with "space" (str), "space_hash" and "choices" (mapping of str to str).

    Raises:
        InputError: Malformed JSON or missing keys.
    """
    content = parse_json(text, where)
    if not isinstance(content, dict) or not isinstance(content.get("choices"), dict) or "space" not in content:
        raise InputError(f"{where}: expected an object with the keys space, space_hash and choices")
    return content
