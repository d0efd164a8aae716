"""Architectures drawn uniformly over MACs.

Plain sampling crowds the middle: MACs are a sum of many choices. Rejection would throw nearly everything away at the
ends. Given the output and both widths the choices are independent, so that the odds of every sum can be counted
(dynamic programming over MACs in small units), and an architecture of a wanted sum can be drawn backwards, choice by
choice.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from lighttrack_nas.benchmarks.cost_parts import COLUMNS, Place
from lighttrack_nas.benchmarks.cost_table import CostTable
from lighttrack_nas.search_spaces.architecture import Architecture
from lighttrack_nas.search_spaces.description import BRANCHES
from lighttrack_nas.search_spaces.labels import CORRELATION, OUTPUT, width_label
from lighttrack_nas.trackers.errors import InputError

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
        self._labels = {label: index for index, label in enumerate(self.space.labels)}
        self._counts = np.array([len(values) for values in self.space.labels.values()], np.int64)
        bounds = [table.costs(architecture)["macs"] for architecture in table.extremes("macs")]
        # Without a range there is one sum, and one bin.
        unit = max(1.0, (bounds[1] - bounds[0]) / (bins * _UNITS - 1))
        self._outputs = [
            _output_sums(table, index, bounds[0], unit) for index in range(len(self.space.candidates[OUTPUT]))
        ]
        self.resolution = unit * _UNITS
        self.tolerance = max(sums.error for sums in self._outputs)
        length = max(sums.offset + len(sums.odds) for sums in self._outputs)
        self._odds = np.zeros((len(self._outputs), length))
        for row, sums in zip(self._odds, self._outputs, strict=True):
            row[sums.offset : sums.offset + len(sums.odds)] = sums.odds
        # Rounding may lead a few units beyond the last bin, to which they count.
        starts = np.arange(0, min(length, bins * _UNITS), _UNITS)
        stops = np.append(starts[1:], length)
        filled = np.add.reduceat(self._odds.sum(0), starts) > 0
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
        found: dict[Architecture, tuple[int, Architecture]] = {}
        for part in range(count):
            self._add(found, np.flatnonzero(part_of == part), rng)
        while len(found) < count:
            if not self._add(found, np.arange(len(self._bins)), rng):
                raise InputError(
                    f"{count} networks spread over MACs: space '{self.space.name}' was not seen to hold more than "
                    f"{len(found)}; ask for fewer"
                )
        return [drawn for _, drawn in sorted(found.values(), key=lambda entry: entry[0])]

    def _add(
        self, found: dict[Architecture, tuple[int, Architecture]], bins: np.ndarray, rng: np.random.Generator
    ) -> bool:
        """Draw a network from some bins that is not among those found, which are kept by their canonical form."""
        for _ in range(_TRIES if len(bins) else 0):
            number = int(rng.choice(bins))
            drawn = self._from_bin(number, rng).path()
            if drawn.canonical() not in found:
                found[drawn.canonical()] = (number, drawn)
                return True
        return False

    def _from_bin(self, number: int, rng: np.random.Generator) -> Architecture:
        first, stop = self._bins[number].tolist()
        output, step = divmod(_pick(self._odds[:, first:stop].ravel(), rng), stop - first)
        sums = self._outputs[output]
        numbers = rng.integers(self._counts)
        self._set(numbers, OUTPUT, output)
        total = first + step - sums.offset
        # From the last distribution that was added to the first: each takes its share of what is left.
        for tower, rest in zip(reversed(sums.towers), reversed(sums.rests), strict=True):
            share = tower.draw_share(total, rest, rng)
            total -= share
            width, chosen = tower.draw(share, rng)
            self._set(numbers, width_label(tower.branch), width)
            for label, candidate in zip(tower.labels, chosen, strict=True):
                self._set(numbers, label, candidate)
        for label, candidate in zip(sums.labels, sums.blocks.draw(total, rng), strict=True):
            self._set(numbers, label, candidate)
        values = self.space.labels.values()
        return Architecture(self.space, tuple(names[i] for names, i in zip(values, numbers.tolist(), strict=True)))

    def _set(self, numbers: np.ndarray, label: str, number: int) -> None:
        if label in self._labels:
            numbers[self._labels[label]] = number


class _Chain:
    """Independent choices in a row, every candidate equally likely, each adding whole units.

    Args:
        amounts: By choice: what each candidate adds, at least 0.
    """

    def __init__(self, amounts: Sequence[np.ndarray]) -> None:
        self._amounts = [here.tolist() for here in amounts]
        self._prefixes = [np.ones(1)]  # odds of the sum of the choices so far
        for here in self._amounts:
            before = self._prefixes[-1]
            after = np.zeros(len(before) + max(here))
            for amount in here:
                after[amount : amount + len(before)] += before / len(here)
            self._prefixes.append(after)

    @property
    def odds(self) -> np.ndarray:
        """Odds of each sum, from 0."""
        return self._prefixes[-1]

    def draw(self, total: int, rng: np.random.Generator) -> list[int]:
        """Draw the candidates of all choices, given their sum."""
        chosen = []
        for here, before in zip(reversed(self._amounts), reversed(self._prefixes[:-1]), strict=True):
            left = [total - amount for amount in here]
            number = _pick([before[n] if 0 <= n < len(before) else 0.0 for n in left], rng)
            chosen.append(number)
            total = left[number]
        return chosen[::-1]


class _TowerSums:
    """A head branch at one output: its width, then its layers.

    Args:
        branch: "cls" or "reg".
        labels: Of its layers.
        offsets: By width, units.
        layers: By width.
    """

    def __init__(self, branch: str, labels: Sequence[str], offsets: Sequence[int], layers: Sequence[_Chain]) -> None:
        self.branch, self.labels = branch, labels
        self._offsets, self._layers = offsets, layers
        self.odds = np.zeros(max(offset + len(chain.odds) for offset, chain in zip(offsets, layers, strict=True)))
        for offset, chain in zip(offsets, layers, strict=True):
            self.odds[offset : offset + len(chain.odds)] += chain.odds / len(layers)
        self._possible = np.flatnonzero(self.odds)

    def added_to(self, rest: np.ndarray) -> np.ndarray:
        """Odds of the sum of this tower and of what has the odds `rest`."""
        added = np.zeros(len(rest) + len(self.odds) - 1)
        for units in self._possible:
            added[units : units + len(rest)] += self.odds[units] * rest
        return added

    def draw_share(self, total: int, rest: np.ndarray, rng: np.random.Generator) -> int:
        """Draw this tower's part of a sum of which `rest` are the odds of the other part."""
        left = total - self._possible
        fits = (left >= 0) & (left < len(rest))
        shares = self._possible[fits]
        return int(shares[_pick(self.odds[shares] * rest[left[fits]], rng)])

    def draw(self, share: int, rng: np.random.Generator) -> tuple[int, list[int]]:
        """Draw the width and the layers' candidates, given their sum."""
        left = [share - offset for offset in self._offsets]
        odds = [chain.odds[n] if 0 <= n < len(chain.odds) else 0.0 for n, chain in zip(left, self._layers, strict=True)]
        width = _pick(odds, rng)
        return width, self._layers[width].draw(left[width], rng)


class _OutputSums(NamedTuple):
    """All architectures of one output: offset, blocks and towers, in units.

    Attributes:
        offset: Units of the cheapest.
        labels: Of the blocks up to the output, and of the correlation.
        blocks: Their choices.
        towers: Both.
        rests: Odds of the sum without each tower and those after it.
        odds: Odds of the whole sum, from the offset on.
        error: Largest distance of an architecture's MACs from its units.
    """

    offset: int
    labels: Sequence[str]
    blocks: _Chain
    towers: Sequence[_TowerSums]
    rests: Sequence[np.ndarray]
    odds: np.ndarray
    error: float


def _output_sums(table: CostTable, output: int, lowest: int, unit: float) -> _OutputSums:
    name = table.space.candidates[OUTPUT][output]
    alive = {*table.space.blocks_up_to(name), CORRELATION}
    fixed, labels, steps, error = 0, [], [], 0.0
    for place in table.places:
        if not place.branch:
            macs = _macs(place, output)[0]
            fixed += int(macs.min())
            if place.label in alive:
                units, wrong = _rounded(macs, unit)
                labels.append(place.label)
                steps.append(units)
                error += wrong
    towers = []
    for branch in BRANCHES:
        tower, least, wrong = _tower_sums([place for place in table.places if place.branch == branch], output, unit)
        towers.append(tower)
        fixed += least
        error += wrong
    offset = round((fixed - lowest) / unit)
    error += abs(fixed - lowest - offset * unit)
    blocks = _Chain(steps)
    odds, rests = blocks.odds, []
    for tower in towers:
        rests.append(odds)
        odds = tower.added_to(odds)
    return _OutputSums(offset, labels, blocks, towers, rests, odds, error)


def _tower_sums(places: Sequence[Place], output: int, unit: float) -> tuple[_TowerSums, int, float]:
    """A tower's sums, the MACs of its cheapest, and the largest error of rounding."""
    widths = range(places[0].costs.shape[1])
    cheapest = np.array([sum(int(_macs(place, output)[width].min()) for place in places) for width in widths])
    offsets, error = _rounded(cheapest, unit)
    layers = [place for place in places if place.label]
    chains, errors = [], []
    for width in widths:
        rounded = [_rounded(_macs(place, output)[width], unit) for place in layers]
        chains.append(_Chain([units for units, _ in rounded]))
        errors.append(sum(wrong for _, wrong in rounded))
    tower = _TowerSums(places[0].branch, [place.label for place in layers], offsets.tolist(), chains)
    return tower, int(cheapest.min()), error + max(errors)


def _macs(place: Place, output: int) -> np.ndarray:
    """``(widths, candidates)``."""
    return place.costs[output, :, :, COLUMNS.index("macs")]


def _rounded(macs: np.ndarray, unit: float) -> tuple[np.ndarray, float]:
    """What is above the least, in units, and the largest error of that in MACs."""
    above = macs - macs.min()
    units = np.rint(above / unit).astype(np.int64)
    return units, float(np.abs(above - units * unit).max())


def _pick(odds: Sequence[float] | np.ndarray, rng: np.random.Generator) -> int:
    """Draw an index, as likely as its share of the odds; never one without any."""
    sums = np.cumsum(odds)
    # From (0, 1], and the first sum that reaches it: an index that adds nothing is passed over.
    return int(np.searchsorted(sums, sums[-1] * (1.0 - rng.random())))
