"""Costs of any architecture of a space in microseconds: sums of parts that were counted once.

`measure_costs` builds a network and counts it, which takes tenths of a second; a search asks for thousands. What an
architecture costs is the sum of what its parts cost (`cost_parts.py`), each counted by the same counter in the shapes
that it has there, and the sums agree with `measure_costs` to the last unit.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cached_property
from typing import NamedTuple

import numpy as np

from lighttrack_nas.benchmarks.costs.cost_cache import read_parts, write_parts
from lighttrack_nas.benchmarks.costs.cost_parts import (
    COLUMNS,
    CostedPlace,
    CostedPlaces,
    cost_steps,
    count_parts,
)
from lighttrack_nas.benchmarks.costs.network_costs import NETWORK_PARTS, Costs, checked_search_size
from lighttrack_nas.benchmarks.sums.elimination import Factor, minimum
from lighttrack_nas.benchmarks.sums.place_sums import PlaceSums
from lighttrack_nas.search_spaces.base.labels import TEMPLATE_SIZE, TOWERS
from lighttrack_nas.search_spaces.space import Architecture, Space
from lighttrack_nas.trackers.base.errors import InputError
from lighttrack_nas.trackers.base.names import checked_name
from lighttrack_nas.trackers.base.progress import Progress, Say


class Extremes(NamedTuple):
    """The ends of a space in one cost.

    Attributes:
        cheapest: An architecture than which none costs less.
        dearest: An architecture than which none costs more.
    """

    cheapest: Architecture
    dearest: Architecture


class CostTable:
    """Looks up what the architectures of a space cost.

    The first question counts the parts, which takes seconds, or reads them from the user's cache folder, where the
    first count leaves them; see `cost_cache.cache_folder`.

    Args:
        space: The space.
        search_size: Side of the search crop, pixels, 16 to 2048; None means the smaller of a network's own.
        warn: Told in a sentence of a file in the cache that cannot be used; None keeps silent.

    Attributes:
        space: As given.
        search_size: Side of the search crop, pixels; where the template has several sizes, that beside the largest.

    Raises:
        InputError: The search size is out of range.
    """

    def __init__(self, space: Space, search_size: int | None = None, *, warn: Say | None = None) -> None:
        self.space = space
        self.search_size = checked_search_size(search_size, space.description.search_sizes)
        # None where each template size has a search size of its own.
        self._counted_size = search_size if space.description.template_sizes else self.search_size
        self._warn = warn
        self._counted_parts: CostedPlaces | None = None
        self._positions = {label: index for index, label in enumerate(space.labels)}
        self._numbers = [{value: i for i, value in enumerate(values)} for values in space.labels.values()]

    @property
    def searched(self) -> tuple[int, ...]:
        """Sides of the search crop that are counted with, pixels: one for each size of the template."""
        description = self.space.description
        if self._counted_size is not None:
            return (self._counted_size,)
        return tuple(description.search_sizes_of(size)[0] for size in description.all_template_sizes)

    @property
    def steps(self) -> int:
        """How many steps `build` tells of."""
        return cost_steps(self.space)

    def load(self) -> bool:
        """Take the parts from the cache.

        Returns:
            Whether the table has its parts; `build` counts them otherwise.
        """
        if self._counted_parts is None:
            self._counted_parts, complaint = read_parts(self.space, self._counted_size)
            if complaint and self._warn is not None:
                self._warn(complaint)
        return self._counted_parts is not None

    def build(self, progress: Progress | None = None) -> None:
        """Count the parts and leave them in the cache.

        Args:
            progress: Told of the steps done and of what they were.
        """
        self.__dict__.pop("_sums", None)
        self._counted_parts = count_parts(self.space, self._counted_size, progress)
        write_parts(self.space, self._counted_size, self._counted_parts)

    @property
    def places(self) -> tuple[CostedPlace, ...]:
        """Every place of the space's networks with the costs of its candidates there."""
        return self._parts.places

    @property
    def uncounted(self) -> tuple[str, ...]:
        """Operators of some network of the space that the counter does not know, so that "macs" leave them out."""
        return self._parts.columns[len(COLUMNS) :]

    def costs(self, architecture: Architecture) -> dict[str, int]:
        """Cost of one architecture, equal to `measure_costs`.

        Args:
            architecture: Of the table's space.

        Returns:
            "macs" of one tracked frame, "params", and "macs_template", paid once a target; see `costs.Costs`.

        Raises:
            InputError: The architecture is of another space.
        """
        self.space.require(architecture)
        return {name: sums.of(architecture.values) for name, sums in self._sums.items()}

    def measure(self, architecture: Architecture) -> Costs:
        """The whole record of one architecture: by part, and with the operators that were not counted.

        Args:
            architecture: Of the table's space.

        Returns:
            What `measure_costs` returns for it.

        Raises:
            InputError: The architecture is of another space.
        """
        (numbers,) = self.indices([architecture])
        parts = {part: np.zeros(len(self._parts.columns), np.int64) for part in ("", *NETWORK_PARTS)}
        is_shared = self.space.chosen(architecture).get(TOWERS) == "shared"
        for place in self.places:
            # A tower of both branches has the places of the regression's.
            part = "shared_head" if is_shared and place.part == "reg_head" else place.part
            parts[part] += self._at(place, numbers)
        absent = {"", *(("cls_head", "reg_head") if is_shared else ("shared_head",))}
        size = int(architecture.choices.get(TEMPLATE_SIZE, self.space.description.template_size))
        whole = dict(zip(self._parts.columns, np.sum(list(parts.values()), axis=0).tolist(), strict=True))
        return Costs(
            **{name: whole.pop(name) for name in COLUMNS},
            parts={
                part: {name: int(values[COLUMNS.index(name)]) for name in ("params", "macs")}
                for part, values in parts.items()
                if part not in absent
            },
            search_size=self._counted_size or self.space.description.search_sizes_of(size)[0],
            template_size=size,
            uncounted={name: count for name, count in whole.items() if count},
        )

    def bulk(self, architectures: Iterable[Architecture]) -> dict[str, np.ndarray]:
        """Costs of many architectures.

        Args:
            architectures: N of the table's space.

        Returns:
            What `costs` gives, each an int64 array ``(N,)``.

        Raises:
            InputError: One is of another space.
        """
        return self.bulk_indices(self.indices(architectures))

    def bulk_indices(self, indices: np.ndarray) -> dict[str, np.ndarray]:
        """Costs of many architectures that are given by numbers, which are quicker to make.

        Args:
            indices: ``(N, labels)``, integers: which candidate of each of `space.labels`, from 0.

        Returns:
            What `costs` gives, each an int64 array ``(N,)``.

        Raises:
            InputError: Another shape or type, or a number that no candidate has.
        """
        counts = np.array([len(values) for values in self.space.labels.values()], np.int64)
        indices = np.asarray(indices)
        if indices.ndim != 2 or indices.shape[1] != len(counts) or not np.issubdtype(indices.dtype, np.integer):
            raise InputError(
                f"indices: integers of shape (N, {len(counts)}) expected, a column for each label of space "
                f"'{self.space.name}'; got {indices.dtype} of shape {indices.shape}"
            )
        wrong = (indices < 0) | (indices >= counts)
        if wrong.any():
            row, column = np.argwhere(wrong)[0]
            label = list(self.space.labels)[column]
            raise InputError(
                f"indices, row {row}, label '{label}': 0 to {counts[column] - 1} expected, got {indices[row, column]}"
            )
        total = np.zeros((len(indices), len(self._parts.columns)), np.int64)
        for place in self.places:
            total += self._at(place, indices.T)
        return {name: total[:, column] for column, name in enumerate(COLUMNS)}

    def indices(self, architectures: Iterable[Architecture]) -> np.ndarray:
        """The numbers of the architectures' candidates, as `bulk_indices` takes them: ``(N, labels)``.

        Raises:
            InputError: One is of another space.
        """
        listed = list(architectures)
        for architecture in listed:
            self.space.require(architecture)
        columns = zip(*(architecture.values for architecture in listed), strict=True)
        indices = np.zeros((len(listed), len(self._numbers)), np.int64)
        for index, (numbers, values) in enumerate(zip(self._numbers, columns, strict=False)):
            indices[:, index] = [numbers[value] for value in values]
        return indices

    def extremes(self, name: str) -> Extremes:
        """The cheapest and the dearest architecture in one cost, exactly.

        Args:
            name: "macs", "params" or "macs_template".

        Raises:
            InputError: Another name.
        """
        factors = self.factors(name)
        return Extremes(
            self._least(factors), self._least([Factor(factor.labels, -factor.values) for factor in factors])
        )

    def factors(self, name: str) -> list[Factor]:
        """A table a place, whose sum is an architecture's cost.

        Args:
            name: "macs", "params" or "macs_template".

        Raises:
            InputError: Another name.
        """
        return self._factors(COLUMNS.index(checked_name(name, COLUMNS, "cost")))

    def _least(self, factors: Sequence[Factor]) -> Architecture:
        numbers = minimum(factors)
        return self.space.architecture(
            {label: values[numbers.get(label, 0)] for label, values in self.space.labels.items()}
        )

    def _at(self, place: CostedPlace, numbers: Sequence[np.ndarray] | np.ndarray) -> np.ndarray:
        """Costs at a place: ``(..., columns)`` for numbers ``(labels, ...)`` of the chosen candidates."""
        if not place.labels:
            return place.costs
        return place.costs[tuple(numbers[self._positions[label]] for label in place.labels)]

    @cached_property
    def _sums(self) -> dict[str, PlaceSums]:
        return {name: PlaceSums(self.space, self._factors(column)) for column, name in enumerate(COLUMNS)}

    def _factors(self, column: int) -> list[Factor]:
        return [Factor(place.labels, place.costs[..., column]) for place in self.places]

    @property
    def _parts(self) -> CostedPlaces:
        if not self.load():
            self.build()
        assert self._counted_parts is not None
        return self._counted_parts
