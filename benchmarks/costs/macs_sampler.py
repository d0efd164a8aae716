"""Architectures drawn uniformly over MACs.

Plain sampling crowds the middle: MACs are a sum of many choices. Rejection would throw nearly everything away at the
ends. But the odds of every sum can be counted in small units, and an architecture of a wanted sum can be drawn
(`sum_odds.py`).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from lighttrack_nas.benchmarks.costs.cost_parts import COLUMNS, CostedPlace
from lighttrack_nas.benchmarks.costs.cost_table import CostTable
from lighttrack_nas.benchmarks.sums.elimination import Factor
from lighttrack_nas.benchmarks.sums.sum_odds import SumOdds, pick
from lighttrack_nas.search_spaces.space import Architecture
from lighttrack_nas.trackers.base.errors import InputError

_UNITS = 64
"""Units a bin: each choice's MACs are rounded to a unit, and the errors of some dozens of choices add up."""
_TRIES = 1000
"""Draws for a network that is not drawn yet."""


class MacsSampler:
    """Draws architectures of a space, uniform over MACs.

    The MACs from the cheapest to the dearest architecture are cut into equal bins. What is uniform: every bin that
    holds an architecture is drawn equally often, and within a bin every architecture, a value for each label, is
    equally likely, genes behind the output included. So a bin's draws are those of `Space.sample` that fall into it.

    What is approximate: which bin an architecture belongs to. It is that of a sum of rounded numbers, one a choice, and
    its MACs may lie outside by `tolerance` at most, which is a part of a bin.

    Args:
        table: Of the space; its search size counts.
        bins: How many bins at most, 1 to 10,000.

    Attributes:
        space: The table's.
        resolution: Width of a bin, MACs.
        tolerance: Largest distance of an architecture's MACs from its bin, MACs.

    Raises:
        InputError: The number of bins is out of range.
    """

    def __init__(self, table: CostTable, bins: int = 1000) -> None:
        if not 1 <= bins <= 10_000:
            raise InputError(f"bins: 1 to 10,000 expected, got {bins}")
        self.space = table.space
        self._counts = np.array([len(values) for values in self.space.labels.values()], np.int64)
        self._labels = {label: index for index, label in enumerate(self.space.labels)}
        bounds = [table.costs(architecture)["macs"] for architecture in table.extremes("macs")]
        # Without a range there is one sum, and one bin.
        unit = max(1.0, (bounds[1] - bounds[0]) / (bins * _UNITS - 1))
        rounded = [_rounded(place, unit) for place in table.places]
        self._sums = SumOdds([place.units for place in rounded])
        # What is above the cheapest, so that rounding leads nowhere below it.
        start = sum(place.least for place in rounded) - bounds[0]
        shift = round(start / unit)
        self.resolution = unit * _UNITS
        self.tolerance = sum(place.error for place in rounded) + abs(start - shift * unit)
        self._shift = shift
        odds = self._sums.odds
        length = max(shift + len(odds), 1)
        # Rounding may lead a few units beyond the last bin, to which they count.
        starts = np.arange(0, min(length, bins * _UNITS), _UNITS)
        stops = np.append(starts[1:], length)
        at = np.zeros(length)
        placed = np.clip(np.arange(len(odds)) + shift, 0, length - 1)
        np.add.at(at, placed, odds)
        filled = np.add.reduceat(at, starts) > 0
        self._bins = np.stack([starts, stops], axis=1)[filled]

    def sample(self, rng: np.random.Generator) -> Architecture:
        """Draw an architecture.

        Args:
            rng: The only source of chance: the same state gives the same architecture.
        """
        return self._from_bin(int(rng.integers(len(self._bins))), rng)

    def spread(self, count: int, rng: np.random.Generator) -> list[Architecture]:
        """Draw networks that are spread over MACs: one from each of `count` equal parts of the range.

        Where a part holds no network that is not drawn yet, one of any MACs takes its place.

        Args:
            count: How many, no two the same network.
            rng: The only source of chance.

        Returns:
            By rising MACs, as far as `tolerance` allows.

        Raises:
            InputError: The space was not seen to hold so many networks.
        """
        part_of = self._bins[:, 0] * count // int(self._bins[-1, 1])
        networks: dict[Architecture, tuple[int, Architecture]] = {}
        for part in range(count):
            self._add(networks, np.flatnonzero(part_of == part), rng)
        while len(networks) < count:
            if not self._add(networks, np.arange(len(self._bins)), rng):
                raise InputError(
                    f"{count} networks spread over MACs: space '{self.space.name}' was not seen to hold more than "
                    f"{len(networks)}; ask for fewer"
                )
        return [drawn for _, drawn in sorted(networks.values(), key=lambda entry: entry[0])]

    def _add(
        self, networks: dict[Architecture, tuple[int, Architecture]], bins: np.ndarray, rng: np.random.Generator
    ) -> bool:
        """Draw a network from some bins that is not among those found, which are kept by their canonical form."""
        for _ in range(_TRIES if len(bins) else 0):
            number = int(rng.choice(bins))
            drawn = self._from_bin(number, rng).path()
            if drawn.canonical() not in networks:
                networks[drawn.canonical()] = (number, drawn)
                return True
        return False

    def _from_bin(self, number: int, rng: np.random.Generator) -> Architecture:
        first, stop = self._bins[number].tolist()
        odds = self._sums.odds
        # The lowest bin also holds what rounding leads below it.
        low = 0 if first == 0 else min(max(first - self._shift, 0), len(odds))
        high = min(max(stop - self._shift, 0), len(odds))
        total = low + pick(odds[low:high], rng)
        numbers = rng.integers(self._counts)
        for label, index in self._sums.draw(total, rng).items():
            numbers[self._labels[label]] = index
        values = self.space.labels.values()
        return Architecture(self.space, tuple(names[i] for names, i in zip(values, numbers.tolist(), strict=True)))


class _Rounded(NamedTuple):
    """What a place costs, in units.

    Attributes:
        units: Above the least.
        least: MACs of its cheapest.
        error: Largest distance of MACs from their units.
    """

    units: Factor
    least: int
    error: float


def _rounded(place: CostedPlace, unit: float) -> _Rounded:
    macs = place.costs[..., COLUMNS.index("macs")]
    above = macs - macs.min()
    units = np.rint(above / unit).astype(np.int64)
    return _Rounded(Factor(place.labels, units), int(macs.min()), float(np.abs(above - units * unit).max()))
