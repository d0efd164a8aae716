"""What is known of a class of NNI's `ModelSpace` before a network of it runs: its sizes, choices and hash."""

from __future__ import annotations

import hashlib
import inspect
import json
import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NoReturn

from lighttrack_nas.search_spaces.base.plugins import code_digest
from lighttrack_nas.search_spaces.description.counting import SpaceSize
from lighttrack_nas.search_spaces.space import Architecture, Space
from lighttrack_nas.trackers.base.errors import InputError
from lighttrack_nas.trackers.base.parsing import short

if TYPE_CHECKING:
    from lighttrack_nas.search_spaces.building.nni_choices import NniChoice
    from lighttrack_nas.search_spaces.description.description import SpaceDescription

SMALLEST_CROP, LARGEST_CROP = 16, 2048
"""Sides of a crop, pixels, as in space files."""


class ClassSpace(Space):
    """A space of the choices that a class of NNI's makes. No network of it has run: `NniSpace` runs some.

    Args:
        model_space: See `NniSpace`.
        template_size: See `NniSpace`.
        search_sizes: See `NniSpace`.
        stride: See `NniSpace`.

    Raises:
        InputError: No such class, a size that is missing or impossible, or choices that cannot be searched.
    """

    is_declared = False

    def __init__(
        self,
        model_space: type[Any],
        *,
        template_size: int | None = None,
        search_sizes: Sequence[int] | None = None,
        stride: int | None = None,
    ) -> None:
        from lighttrack_nas.search_spaces.nni_spaces.nni_classes import checked_choices

        self.model_space_class = model_space
        self.name = getattr(model_space, "__name__", short(model_space))
        self._template_size = self._size("template_size", template_size)
        self._search_sizes = self._sizes(search_sizes)
        stride = getattr(model_space, "stride", None) if stride is None else stride
        self.stride: int | None = None if stride is None else self._side("stride", stride, 1)
        self.choices: Mapping[str, NniChoice] = checked_choices(model_space, self.refuse)
        """NNI's choices by label, those of one candidate too."""
        candidates = {label: choice.names for label, choice in self.choices.items()}
        # Nobody knows which choices lie on no path, or which are sizes.
        super().__init__(self.name, self._hash(candidates), candidates)
        if not self.labels:
            self.refuse("leaves nothing to choose: every choice has one candidate")

    def refuse(self, what: str) -> NoReturn:
        """See `Space.refuse`."""
        raise InputError(f"model space '{self.name}' {what}")

    def _size(self, name: str, given: Any) -> int:
        value = getattr(self.model_space_class, name, None) if given is None else given
        if value is None:
            self.refuse(f"has no {name}: set the class's attribute, or give {name}=..., in pixels")
        return self._side(name, value)

    def _sizes(self, given: Any) -> tuple[int, ...]:
        value = getattr(self.model_space_class, "search_sizes", None) if given is None else given
        if isinstance(value, int):
            value = (value,)
        if not isinstance(value, Sequence) or isinstance(value, str) or not value:
            self.refuse(f"has no search_sizes: expected a list of pixels such as (256, 288), got {short(value)}")
        return tuple(sorted({self._side("search_sizes", side) for side in value}))

    def _side(self, name: str, value: Any, low: int = SMALLEST_CROP) -> int:
        if type(value) is not int or not low <= value <= LARGEST_CROP:
            self.refuse(f"has {name} {short(value)}: expected a whole number of pixels from {low} to {LARGEST_CROP}")
        return value

    def _hash(self, candidates: Mapping[str, Sequence[str]]) -> str:
        try:
            source = code_digest(inspect.getfile(self.model_space_class))
        except (OSError, TypeError):
            source = ""  # of a class that was typed in: its choices and sizes have to do
        content = [
            self.name,
            {label: list(names) for label, names in candidates.items()},
            [self.template_size, list(self.search_sizes), self.stride],
            source,
        ]
        return hashlib.sha256(json.dumps(content).encode()).hexdigest()[:12]

    @property
    def code_files(self) -> tuple[str, ...]:
        """None besides the class's own, which its hash covers."""
        return ()

    @property
    def description(self) -> SpaceDescription:
        """None: whoever asks for stages or towers is told that there are none.

        Raises:
            InputError: Always.
        """
        self.refuse(
            "is NNI's, and declares no stages, blocks and towers, which this needs; with it work train-supernet, "
            "search and front, costs and describe, retrain, track, evaluate and compare"
        )

    @property
    def template_size(self) -> int:
        """See `Space.template_size`."""
        return self._template_size

    @property
    def search_sizes(self) -> tuple[int, ...]:
        """See `Space.search_sizes`."""
        return self._search_sizes

    @property
    def size(self) -> SpaceSize:
        """See `Space.size`; every combination of labels counts as a network."""
        count = math.prod(map(len, self.labels.values()))
        return SpaceSize(labels=count, networks=count)

    def record(self) -> dict[str, Any]:
        """See `Space.record`. It names the class, whose code stays where it is."""
        return {
            "nni_model_space": self.name,
            "hash": self.hash,
            "template_size": self.template_size,
            "search_sizes": list(self.search_sizes),
            "stride": self.stride,
            "labels": {label: list(names) for label, names in self.labels.items()},
        }

    def path(self, architecture: Architecture) -> Architecture:
        """The architecture itself."""
        return architecture

    def canonical(self, architecture: Architecture) -> Architecture:
        """The architecture itself."""
        return architecture

    def _from_nni(self, label: str, sampled: Any) -> str:
        choice = self.choices[label]
        try:
            return choice.name_of(sampled)
        except (ValueError, IndexError):
            values = ", ".join(map(short, choice.values))
            self.refuse(f"has no candidate {short(sampled)} at '{label}', where NNI's samples hold one of {values}")

    def decode(self, code: str) -> Architecture:
        """Refused: there are no codes.

        Raises:
            InputError: Always.
        """
        self.refuse(f"has no official codes such as {short(code)}: give an architecture's JSON file")

    def encode(self, architecture: Architecture) -> str:
        """Refused: there are no codes.

        Raises:
            InputError: Always.
        """
        self.refuse("has no official codes: write an architecture as JSON")
