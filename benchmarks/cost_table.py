"""Costs of any architecture of a space in microseconds: sums of parts that were counted once.

`measure_costs` builds a network and counts it, which takes tenths of a second; a search asks for thousands. What an
architecture costs is the sum of what its parts cost (`cost_parts.py`), each counted by the same counter in the shapes
that it has there, and the sums agree with `measure_costs` to the last unit.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from operator import getitem
from typing import NamedTuple

import numpy as np

from lighttrack_nas.benchmarks.cost_cache import read_parts, write_parts
from lighttrack_nas.benchmarks.cost_parts import COLUMNS, Parts, Place, Progress, count_parts, count_steps
from lighttrack_nas.benchmarks.costs import PARTS, Costs, checked_search_size
from lighttrack_nas.search_spaces.architecture import Architecture
from lighttrack_nas.search_spaces.description import BRANCHES
from lighttrack_nas.search_spaces.labels import OUTPUT, width_label
from lighttrack_nas.search_spaces.space import Space
from lighttrack_nas.trackers.errors import InputError
from lighttrack_nas.trackers.names import checked_name


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
        search_size: Side of the search crop, pixels, 16 to 2048; None means the smaller of the space's own.
        warn: Told in a sentence of a file in the cache that cannot be used; None keeps silent.

    Attributes:
        space: As given.
        search_size: Side of the search crop, pixels.

    Raises:
        InputError: The search size is out of range.
    """

    def __init__(
        self, space: Space, search_size: int | None = None, *, warn: Callable[[str], None] | None = None
    ) -> None:
        self.space = space
        self.search_size = checked_search_size(search_size, space.description.search_sizes)
        self._warn = warn
        self._found: Parts | None = None
        self._sums: dict[tuple[str, ...], _Sums] = {}
        self._positions = {label: index for index, label in enumerate(space.labels)}
        self._deciding = [i for label, i in self._positions.items() if label in _DECIDING]
        self._numbers = [{value: i for i, value in enumerate(values)} for values in space.labels.values()]

    @property
    def steps(self) -> int:
        """How many steps `build` tells of."""
        return count_steps(self.space)

    def load(self) -> bool:
        """Take the parts from the cache.

        Returns:
            Whether the table has its parts; `build` counts them otherwise.
        """
        if self._found is None:
            self._found, complaint = read_parts(self.space, self.search_size)
            if complaint and self._warn is not None:
                self._warn(complaint)
        return self._found is not None

    def build(self, progress: Progress | None = None) -> None:
        """Count the parts and leave them in the cache.

        Args:
            progress: Told of the steps done and of what they were.
        """
        self._sums.clear()
        self._found = count_parts(self.space, self.search_size, progress)
        write_parts(self.space, self.search_size, self._found)

    @property
    def places(self) -> tuple[Place, ...]:
        """Every place of the space's networks with the costs of its candidates there."""
        return self._parts.places

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
        values = architecture.values
        deciding = tuple([values[i] for i in self._deciding])
        sums = self._sums.get(deciding)
        if sums is None:
            sums = self._sums[deciding] = self._sums_of(deciding)
        return {name: sum(map(getitem, rows, values), fixed) for name, fixed, rows in sums}

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
        parts = {part: np.zeros(len(self._parts.columns), np.int64) for part in ("", *PARTS)}
        for place in self.places:
            parts[place.part] += self._at(place, numbers)
        whole = dict(zip(self._parts.columns, np.sum(list(parts.values()), axis=0).tolist(), strict=True))
        return Costs(
            **{name: whole.pop(name) for name in COLUMNS},
            parts={
                part: {name: int(values[COLUMNS.index(name)]) for name in ("params", "macs")}
                for part, values in parts.items()
                if part
            },
            search_size=self.search_size,
            template_size=self.space.description.template_size,
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
        found = np.zeros((len(listed), len(self._numbers)), np.int64)
        for index, (numbers, values) in enumerate(zip(self._numbers, columns, strict=False)):
            found[:, index] = [numbers[value] for value in values]
        return found

    def extremes(self, name: str) -> Extremes:
        """The cheapest and the dearest architecture in one cost, exactly.

        Given the output and both widths, every other choice adds its own amount: the least sum is the sum of the least.

        Args:
            name: "macs", "params" or "macs_template".

        Raises:
            InputError: Another name.
        """
        column = COLUMNS.index(checked_name(name, COLUMNS, "cost"))
        return Extremes(self._extreme(column, np.argmin, np.min), self._extreme(column, np.argmax, np.max))

    def _extreme(self, column: int, which: Callable[..., np.ndarray], best: Callable[..., np.ndarray]) -> Architecture:
        total = np.zeros([len(self.space.candidates[label]) for label in _DECIDING], np.int64)
        for place in self.places:
            found = best(place.costs[..., column], axis=2)  # (outputs, widths)
            total += found[:, None, :] if place.branch == BRANCHES[1] else found[:, :, None]
        decided = np.unravel_index(which(total), total.shape)
        numbers = {label: int(number) for label, number in zip(_DECIDING, decided, strict=True)}
        for place in self.places:
            if place.label:
                width = numbers[width_label(place.branch)] if place.branch else 0
                numbers[place.label] = int(which(place.costs[numbers[OUTPUT], width, :, column]))
        return self.space.architecture(
            {label: values[numbers.get(label, 0)] for label, values in self.space.labels.items()}
        )

    def _at(self, place: Place, numbers: Sequence[np.ndarray] | np.ndarray) -> np.ndarray:
        """Costs at a place: ``(..., columns)`` for numbers ``(labels, ...)`` of the chosen candidates."""

        def of(label: str) -> np.ndarray | int:
            return numbers[self._positions[label]] if label in self._positions else 0

        return place.costs[of(OUTPUT), of(width_label(place.branch)), of(place.label)]

    def _sums_of(self, deciding: Sequence[str]) -> _Sums:
        """What to sum for one output and two widths."""
        names = list(self._positions)
        chosen = {names[i]: value for i, value in zip(self._deciding, deciding, strict=True)}

        def number(label: str) -> int:
            return self.space.labels[label].index(chosen[label]) if label in chosen else 0

        def sums(column: int) -> tuple[int, list[Mapping[str, int]]]:
            fixed = 0
            rows: list[Mapping[str, int]] = [dict.fromkeys(values, 0) for values in self.space.labels.values()]
            for place in self.places:
                costs = place.costs[number(OUTPUT), number(width_label(place.branch)), :, column].tolist()
                if place.label in self._positions:
                    rows[self._positions[place.label]] = dict(zip(self.space.labels[place.label], costs, strict=True))
                else:
                    fixed += costs[0]
            return fixed, rows

        return tuple((name, *sums(column)) for column, name in enumerate(COLUMNS))

    @property
    def _parts(self) -> Parts:
        if not self.load():
            self.build()
        assert self._found is not None
        return self._found


_DECIDING = (OUTPUT, *map(width_label, BRANCHES))
"""The labels on which depends what the candidates of others cost."""

_Sums = tuple[tuple[str, int, list[Mapping[str, int]]], ...]
"""By column: its name, what every such architecture costs, and by label the costs of its candidates."""
