"""Costs of the architectures of a space whose parts nobody knows: each network is built and counted, once."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from lighttrack_nas.benchmarks.costs.cost_cache import LARGEST, cache_folder, read_counts, write_counts
from lighttrack_nas.benchmarks.costs.cost_parts import COLUMNS
from lighttrack_nas.benchmarks.costs.cost_table import CostTable
from lighttrack_nas.benchmarks.costs.network_costs import COUNTER, Costs, checked_search_size, measure_costs
from lighttrack_nas.search_spaces.space import Architecture, Space
from lighttrack_nas.trackers.base.errors import InputError
from lighttrack_nas.trackers.base.parsing import in_form
from lighttrack_nas.trackers.base.progress import Say

_FORMAT = 3
"""Raise it when what is counted, or how it is written, changes."""
_Row = tuple[tuple[str, ...], tuple[int, ...]]
"""An architecture's values, and its costs in the order of `COLUMNS`."""


class MeasuredCosts:
    """Answers as `CostTable` does of one architecture, by `measure_costs`: tenths of a second each, then microseconds.

    What was counted is kept in the user's cache folder, see `cost_cache.cache_folder`.

    Args:
        space: One that declares no parts, such as an `NniSpace`.
        search_size: Side of the search crop, pixels, 16 to 2048; None means the smaller of the space's own.
        warn: Told of a file of counts that could not be used.

    Raises:
        InputError: The search size is out of range.
    """

    def __init__(self, space: Space, search_size: int | None = None, *, warn: Say | None = None) -> None:
        self.space = space
        self.search_size = checked_search_size(search_size, space.search_sizes)
        self.searched = (self.search_size,)
        self._counted: dict[tuple[str, ...], tuple[int, ...]] | None = None
        self._warn = warn

    def costs(self, architecture: Architecture) -> dict[str, int]:
        """See `CostTable.costs`.

        Raises:
            InputError: The architecture is of another space.
        """
        self.space.require(architecture)
        if self._counted is None:
            self._counted = self._read(self._warn)
        if architecture.values not in self._counted:
            measured = self.measure(architecture)
            # With what other processes have left there meanwhile.
            self._counted = self._read() | self._counted
            self._counted[architecture.values] = tuple(getattr(measured, name) for name in COLUMNS)
            self._write(self._counted)
        return dict(zip(COLUMNS, self._counted[architecture.values], strict=True))

    def measure(self, architecture: Architecture) -> Costs:
        """See `CostTable.measure`.

        Raises:
            InputError: The architecture is of another space.
        """
        self.space.require(architecture)
        return measure_costs(architecture, self.search_size)

    @property
    def uncounted(self) -> tuple[str, ...]:
        """Operators that the counter does not know, in one network of the space, which is built for it."""
        return tuple(self.measure(self.space.sample(np.random.default_rng(0))).uncounted)

    def bulk_indices(self, indices: np.ndarray) -> dict[str, np.ndarray]:
        """See `CostTable.bulk_indices`; here it is no quicker than one after the other."""
        values = list(self.space.labels.values())
        drawn = (Architecture(self.space, tuple(v[i] for v, i in zip(values, row, strict=True))) for row in indices)
        return self.bulk(drawn)

    def bulk(self, architectures: Iterable[Architecture]) -> dict[str, np.ndarray]:
        """See `CostTable.bulk`.

        Raises:
            InputError: One is of another space.
        """
        rows = [self.costs(architecture) for architecture in architectures]
        return {name: np.array([costs[name] for costs in rows], np.int64) for name in COLUMNS}

    def _made_of(self) -> dict[str, Any]:
        """Everything that the numbers depend on."""
        return {
            "format": _FORMAT,
            "space": self.space.record(),
            "search_size": self.search_size,
            "counter": f"{COUNTER} {version(COUNTER)}",
            "torch": version("torch"),
        }

    @property
    def _path(self) -> Path | None:
        folder = cache_folder()
        digest = hashlib.sha256(json.dumps(self._made_of()).encode()).hexdigest()[:12]
        return folder and folder / f"{self.space.hash}-{self.search_size}-{digest}.measured.json"

    def _read(self, warn: Say | None = None) -> dict[tuple[str, ...], tuple[int, ...]]:
        """What was counted before; a file that cannot be used is as none: its networks are counted again."""
        if self._path is None:
            return {}
        counts, complaint = read_counts(self._path, self._made_of())
        rows: list[_Row] = []
        try:
            rows = in_form([] if counts is None else counts, list[_Row], "counts")
        except InputError:
            complaint = "holds something else than counts"
        if complaint and warn is not None:
            warn(f"counts '{self._path}': the file {complaint}; its networks are counted again")
        return {values: costs for values, costs in rows if _is_row(values, costs, self.space)}

    def _write(self, counted: dict[tuple[str, ...], tuple[int, ...]]) -> None:
        if self._path is not None:
            write_counts(self._path, self._made_of(), list(counted.items()))


Costing = CostTable | MeasuredCosts
"""What knows the costs of a space's architectures."""


def costing(space: Space, search_size: int | None = None, *, warn: Say | None = None) -> CostTable | MeasuredCosts:
    """What knows the costs of a space's architectures: a table of parts, or a count of each where there are none.

    Args:
        space: The space.
        search_size: See `CostTable`.
        warn: See `CostTable`.

    Raises:
        InputError: The search size is out of range.
    """
    if not space.is_declared:
        return MeasuredCosts(space, search_size, warn=warn)
    return CostTable(space, search_size, warn=warn)


def _is_row(values: tuple[str, ...], costs: tuple[int, ...], space: Space) -> bool:
    fits = len(values) == len(space.labels) and len(costs) == len(COLUMNS)
    return fits and all(0 <= cost < LARGEST for cost in costs)
