"""How likely each sum of some tables is when every choice is uniform, and draws of the choices given their sum."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from itertools import product
from typing import NamedTuple

import numpy as np

from lighttrack_nas.benchmarks.sums.elimination import Factor, elimination_order

_KEPT = 256
"""Rows of convolutions that are kept for further draws."""


class SumOdds:
    """The distribution of a sum of tables over independent choices, every value of a choice equally likely.

    The choices are taken out one after another, as in `elimination.minimum`, with distributions in place of minima:
    what is left of a choice is, for every value of those beside it, the odds of the sum of all that depends on it.

    Args:
        factors: The tables, whole numbers of at least 0.

    Attributes:
        odds: Odds of each sum, from 0; float64.
    """

    def __init__(self, factors: Sequence[Factor]) -> None:
        tables = list(factors)
        messages: list[_TakenOut] = []
        for label in elimination_order(factors):
            around = [factor for factor in tables if label in factor.labels]
            tables = [factor for factor in tables if label not in factor.labels]
            below = [message for message in messages if label in message.beside]
            messages = [message for message in messages if label not in message.beside]
            messages.append(_TakenOut(label, around, below))
        self._offset = sum(int(factor.values) for factor in tables)  # of tables without a choice
        self._roots = _largest_first(messages)
        self._prefixes = _prefixes([choice.odds[()] for choice in self._roots])
        self.odds = _shifted(self._prefixes[-1], self._offset)

    def draw(self, total: int, rng: np.random.Generator) -> dict[str, int]:
        """Draw the choices, given their sum.

        Args:
            total: A sum whose odds are not 0.
            rng: The only source of chance.

        Returns:
            The index of each choice's value.
        """
        chosen: dict[str, int] = {}
        _draw_shares(self._roots, self._prefixes, total - self._offset, chosen, rng)
        return chosen


class _TakenOut:
    """A choice that was taken out, with everything that depends on it.

    Args:
        label: Its name.
        tables: Those that depend on it, and on others beside it.
        below: Choices that were taken out before, and stood beside it.

    Attributes:
        beside: The choices of which its odds are a function.
        odds: Odds of the sum of all that depends on it, by the values of `beside`.
    """

    def __init__(self, label: str, tables: Sequence[Factor], below: Sequence[_TakenOut]) -> None:
        sizes = {other: size for table in tables for other, size in zip(table.labels, table.values.shape, strict=True)}
        for message in below:
            sizes |= message.sizes
        self.label = label
        self.count = sizes.pop(label)
        self.sizes: dict[str, int] = sizes
        self.beside: tuple[str, ...] = tuple(sizes)
        self._tables, self._below = tables, _largest_first(below)
        self._rows = lru_cache(maxsize=_KEPT)(self._row)
        every = product(*(range(size) for size in sizes.values()))
        self.odds: dict[tuple[int, ...], _Odds] = {values: self._odds_of(values) for values in every}

    def _odds_of(self, values: tuple[int, ...]) -> _Odds:
        rows = [self._row((*values, index)) for index in range(self.count)]
        odds = np.zeros(max(row.offset + len(row.prefixes[-1]) for row in rows))
        for row in rows:
            odds[row.offset : row.offset + len(row.prefixes[-1])] += row.prefixes[-1] / self.count
        possible = np.flatnonzero(odds)
        return _Odds(len(odds), possible, odds[possible])

    def _row(self, values: tuple[int, ...]) -> _Row:
        """What is added where the choices beside it, and it, have certain values."""
        chosen = dict(zip((*self.beside, self.label), values, strict=True))
        offset = sum(int(table.values[tuple(chosen[label] for label in table.labels)]) for table in self._tables)
        return _Row(
            offset, _prefixes([below.odds[tuple(chosen[name] for name in below.beside)] for below in self._below])
        )

    def draw(self, chosen: dict[str, int], total: int, rng: np.random.Generator) -> None:
        """Draw it and the choices below it, given their sum and those beside it; they go into `chosen`."""
        values = tuple(chosen[other] for other in self.beside)
        rows = [self._rows((*values, index)) for index in range(self.count)]
        left = [total - row.offset for row in rows]
        index = pick([_at(row.prefixes[-1], rest) for row, rest in zip(rows, left, strict=True)], rng)
        chosen[self.label] = index
        _draw_shares(self._below, rows[index].prefixes, left[index], chosen, rng)


class _Odds(NamedTuple):
    """A distribution over whole numbers from 0, most of which are often impossible.

    Attributes:
        length: One more than the greatest number.
        sums: The possible numbers, ascending.
        odds: Of each.
    """

    length: int
    sums: np.ndarray
    odds: np.ndarray


class _Row(NamedTuple):
    """What one value of a choice adds.

    Attributes:
        offset: Its own amount.
        prefixes: Odds of the sum of the first 0, 1, 2 ... of the choices below it.
    """

    offset: int
    prefixes: list[np.ndarray]


def pick(odds: Sequence[float] | np.ndarray, rng: np.random.Generator) -> int:
    """Draw an index, as likely as its share of the odds; never one without any."""
    sums = np.cumsum(odds)
    # From (0, 1], and the first sum that reaches it: an index that adds nothing is passed over.
    return int(np.searchsorted(sums, sums[-1] * (1.0 - rng.random())))


def _largest_first(choices: Sequence[_TakenOut]) -> list[_TakenOut]:
    """The order in which sums take the least work: a distribution of few numbers is quickly added to any other."""
    return sorted(choices, key=lambda choice: -max(len(odds.sums) for odds in choice.odds.values()))


def _draw_shares(
    choices: Sequence[_TakenOut],
    prefixes: Sequence[np.ndarray],
    total: int,
    chosen: dict[str, int],
    rng: np.random.Generator,
) -> None:
    """Draw independent choices, given their sum: from the last to the first, each takes its share of what is left."""
    for choice, rest in zip(reversed(choices), reversed(prefixes[:-1]), strict=True):
        here = choice.odds[tuple(chosen[other] for other in choice.beside)]
        left = total - here.sums
        fits = (left >= 0) & (left < len(rest))
        share = int(here.sums[fits][pick(here.odds[fits] * rest[left[fits]], rng)])
        choice.draw(chosen, share, rng)
        total -= share


def _prefixes(odds: Sequence[_Odds]) -> list[np.ndarray]:
    """Odds of the sum of the first 0, 1, 2 ... of independent numbers."""
    prefixes = [np.ones(1)]
    for odd in odds:
        prefixes.append(_sum_of(prefixes[-1], odd))
    return prefixes


def _sum_of(one: np.ndarray, other: _Odds) -> np.ndarray:
    """Odds of the sum of two independent numbers. No transform: what cannot be has odds of exactly 0."""
    added = np.zeros(len(one) + other.length - 1)
    possible = np.flatnonzero(one)
    if len(possible) < len(other.sums):
        for units in possible:
            added[units + other.sums] += one[units] * other.odds
    else:
        for units, odds in zip(other.sums, other.odds, strict=True):
            added[units : units + len(one)] += odds * one
    return added


def _shifted(odds: np.ndarray, offset: int) -> np.ndarray:
    return np.concatenate([np.zeros(offset), odds]) if offset else odds


def _at(odds: np.ndarray, index: int) -> float:
    return float(odds[index]) if 0 <= index < len(odds) else 0.0
