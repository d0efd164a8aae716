"""A model space of NNI's that somebody wrote against NNI alone, as a space."""

from __future__ import annotations

import hashlib
import inspect
import json
import math
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NoReturn

from lighttrack_nas.search_spaces.architecture import Architecture
from lighttrack_nas.search_spaces.base.plugins import code_digest, is_plugin
from lighttrack_nas.search_spaces.description.counting import SpaceSize
from lighttrack_nas.search_spaces.space import Space
from lighttrack_nas.trackers.base.errors import InputError
from lighttrack_nas.trackers.base.parsing import short

if TYPE_CHECKING:
    from lighttrack_nas.search_spaces.building.model_space import TrackerModelSpace
    from lighttrack_nas.search_spaces.building.nni_choices import Choice
    from lighttrack_nas.search_spaces.building.tasks import Tasks
    from lighttrack_nas.search_spaces.description.description import SpaceDescription
    from lighttrack_nas.trackers.network.network import SiameseNetwork

SMALLEST_CROP, LARGEST_CROP = 16, 2048
"""Sides of a crop, pixels, as in space files."""

_KNOWN: dict[tuple[str, str], NniSpace] = {}
"""The spaces made in this process, by name and hash: by them files that name one are read."""


class NniSpace(Space):
    """A space whose networks a class of `nni.nas.nn.pytorch.ModelSpace` builds, without a description of ours.

    The class is built without arguments and has, beside NNI's choices, two methods: ``template(image)`` gives features
    ``(batch, channels, h, w)``, and ``track(features, search)`` gives logits ``(batch, 1, n, n)`` and distances
    ``(batch, 4, n, n)`` in search pixels, never negative; see `SiameseNetwork`. ``forward(template, search)`` may be
    left out. Sizes stand in attributes of the class, or are given here.

    Candidates are called by the names of a LayerChoice, by the numbers of a list or an InputChoice, and by the values
    of `nni.choice`. Every architecture is a network of its own, as nobody knows which choices lie on no path: `path`
    and `canonical` leave it as it is.

    Building one runs a few of its networks, each candidate once, so that what cannot work is found here.

    Args:
        model_space: The class.
        template_size: Side of the template crop, pixels, 16 to 2048; None takes the class's `template_size`.
        search_sizes: Sides of the search crops; None takes the class's `search_sizes`.
        stride: Search pixels per step of the output map; None takes the class's `stride`, or finds it by running.

    Raises:
        InputError: No such class, a size that is missing or impossible, choices that cannot be searched, or a network
            that cannot be built or run, or answers in another shape.
    """

    def __init__(
        self,
        model_space: type[Any],
        *,
        template_size: int | None = None,
        search_sizes: Sequence[int] | None = None,
        stride: int | None = None,
    ) -> None:
        from lighttrack_nas.search_spaces.nni_spaces.nni_checks import check_networks, checked_choices

        self.model_space_class = model_space
        self.name = getattr(model_space, "__name__", short(model_space))
        self._template_size = self._size("template_size", template_size)
        self._search_sizes = self._sizes(search_sizes)
        stride = getattr(model_space, "stride", None) if stride is None else stride
        self.stride: int | None = None if stride is None else self._side("stride", stride, 1)
        self.choices: Mapping[str, Choice] = checked_choices(self)
        """NNI's choices by label, those of one candidate too."""
        self.candidates = MappingProxyType({label: choice.names for label, choice in self.choices.items()})
        self.labels = MappingProxyType({label: names for label, names in self.candidates.items() if len(names) > 1})
        # Nobody knows which choices lie on no path, or which are sizes.
        self.conditions = {}
        self.input_choices = self.size_choices = frozenset()
        self.hash = self._hash()
        if not self.labels:
            self.refuse("leaves nothing to choose: every choice has one candidate")
        self.value_labels: tuple[str, ...] = check_networks(self)
        """Labels of values and depths, which path sampling trains and the differentiable strategies do not."""
        _KNOWN[self.name, self.hash] = self

    def refuse(self, what: str) -> NoReturn:
        """Raise InputError: the space's name, and what is wrong with it."""
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

    def _hash(self) -> str:
        try:
            source = code_digest(inspect.getfile(self.model_space_class))
        except (OSError, TypeError):
            source = ""  # of a class that was typed in: its choices and sizes have to do
        content = [
            self.name,
            {label: list(names) for label, names in self.candidates.items()},
            [self.template_size, list(self.search_sizes), self.stride],
            source,
        ]
        return hashlib.sha256(json.dumps(content).encode()).hexdigest()[:12]

    @property
    def code_files(self) -> tuple[str, ...]:
        """None besides the class's own, which its hash covers."""
        return ()

    @property
    def description(self) -> SpaceDescription:  # type: ignore[override]  # refused: there is none
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

    def __reduce__(self) -> tuple[Any, ...]:
        sizes = {"template_size": self.template_size, "search_sizes": self.search_sizes, "stride": self.stride}
        if is_plugin(self.model_space_class.__module__):
            # Another process has no such module: it runs the file.
            from lighttrack_nas.search_spaces.nni_spaces.nni_files import from_file

            return from_file, (inspect.getfile(self.model_space_class), self.name, sizes)
        return _from_class, (self.model_space_class, sizes)

    def path(self, architecture: Architecture) -> Architecture:
        """The architecture itself."""
        return architecture

    def canonical(self, architecture: Architecture) -> Architecture:
        """The architecture itself."""
        return architecture

    def blocks_up_to(self, output: str) -> tuple[str, ...]:
        """Refused: there are no blocks.

        Raises:
            InputError: Always.
        """
        return tuple(block.name for block in self.description.blocks)

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

    def nni_sample(self, architecture: Architecture) -> dict[str, Any]:
        """The architecture as NNI's sample: every label with the value that its choice has there."""
        chosen = self.chosen(architecture)
        return {label: choice.sampled(chosen[label]) for label, choice in self.choices.items()}

    def architecture_of(self, sample: Mapping[str, Any]) -> Architecture:
        """The architecture of NNI's sample."""
        return self.architecture({label: self.choices[label].name_of(sample[label]) for label in self.labels})

    def network(self, architecture: Architecture) -> SiameseNetwork:
        """See `Space.network`; a `WrappedNetwork`."""
        from lighttrack_nas.search_spaces.nni_spaces.nni_model_space import plain_network

        self.require(architecture)
        return plain_network(self, architecture)

    def part(self, name: str) -> Any:
        """An attribute of the class, or else of what it builds, such as a module; None where there is no such."""
        import torch

        with torch.random.fork_rng(devices=[]):
            network: Any = self.network(self.architecture({label: names[0] for label, names in self.labels.items()}))
        return getattr(network.own, name, None)

    def model_space(self, tasks: Tasks | None = None) -> TrackerModelSpace:
        """Build the class, wrapped so that NNI's strategies, `freeze` and the supernet find the network in it."""
        from lighttrack_nas.search_spaces.nni_spaces.nni_model_space import NniModelSpace

        return NniModelSpace(self)


def space_known(name: str, wanted: str) -> NniSpace | None:
    """The space of this name and hash, if this process has made it."""
    return _KNOWN.get((name, wanted))


def _from_class(model_space: type[Any], sizes: dict[str, Any]) -> NniSpace:
    return NniSpace(model_space, **sizes)
