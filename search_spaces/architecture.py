"""The architecture: one chosen value for every label of a space."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

from lighttrack_nas.trackers.base.errors import InputError
from lighttrack_nas.trackers.base.parsing import parse_json

if TYPE_CHECKING:
    from lighttrack_nas.search_spaces.space import Space


@dataclass(frozen=True)
class Architecture:
    """A point of a space, frozen and hashable. `Space.architecture` makes it, and checks it.

    Two normal forms, never to be confused:

    - `path()`: the same for architectures that take the same *weights* from a supernet. Only genes behind the output
      are reset.
    - `canonical()`: the same for architectures that are the same *network*. The skips of a tower also move to its end:
      `k3, skip, k5` and `k3, k5, skip` are one network, but take their weights from different places of a supernet.

    Attributes:
        space: The space it belongs to.
        values: The chosen values in the order of `space.labels`.
    """

    space: Space
    values: tuple[str, ...]

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
