"""Sets of sums of which none beats another, and the way back from each to the choices that make it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import moocore
import numpy as np

_MOST_ROWS = 2_000_000
"""Sums that are made at once."""
FREE = -(2**54)
"""In a limited sum that is no objective: whatever comes, the limit is kept. Below every true sum."""


@dataclass(frozen=True, eq=False)
class SumSet:
    """A set of sums.

    Attributes:
        vectors: ``(sums, columns)``, int64: of each the values that are to be small.
        parts: What the sums are made of: two sets to add up, or a set for each value of `label`.
        indices: ``(sums, 2)``: which sum of either part; or which value, and which sum of its set.
        label: The choice whose values tell the sets apart; "" where two are added up, or for a start.
    """

    vectors: np.ndarray
    parts: tuple[SumSet, ...] = ()
    indices: np.ndarray = field(default_factory=lambda: np.zeros((0, 2), np.int64))
    label: str = ""

    def __len__(self) -> int:
        return len(self.vectors)

    def shifted(self, by: np.ndarray) -> SumSet:
        """The set with the same amount added to every sum."""
        return SumSet(_settled(self.vectors + by), self.parts, self.indices, self.label)

    def choices(self, sums: np.ndarray) -> dict[str, np.ndarray]:
        """The index of each choice's value that leads to some sums; -1 where it has no part in one.

        Args:
            sums: ``(N,)`` Numbers of sums.
        """
        chosen: dict[str, np.ndarray] = {}
        self._trace(np.asarray(sums), np.arange(len(sums)), len(sums), chosen)
        return chosen

    def _trace(self, sums: np.ndarray, rows: np.ndarray, count: int, chosen: dict[str, np.ndarray]) -> None:
        if not self.parts:
            return
        first, second = self.indices[sums].T
        if not self.label:
            self.parts[0]._trace(first, rows, count, chosen)
            self.parts[1]._trace(second, rows, count, chosen)
            return
        chosen.setdefault(self.label, np.full(count, -1))[rows] = first
        for value in np.unique(first):
            here = first == value
            self.parts[value]._trace(second[here], rows[here], count, chosen)


@dataclass(frozen=True)
class Sieve:
    """What sums are worth keeping.

    Attributes:
        largest: ``(columns,)`` Limits of whole sums; a great number for none.
        objectives: How many of the columns are objectives; the others only have limits.
        cells: ``(columns,)`` Widths of the cells within which values count as equal, whole numbers; 1 for exact.
    """

    largest: np.ndarray
    objectives: int
    cells: np.ndarray

    def added(self, one: SumSet, other: SumSet, least: np.ndarray, greatest: np.ndarray) -> SumSet:
        """All sums of a sum of one set and a sum of another, as far as they are worth keeping.

        Args:
            one: A set.
            other: Another.
            least: ``(columns,)`` What is still to be added at least.
            greatest: ``(columns,)`` And at most.
        """
        vectors, indices = np.zeros((0, len(self.largest)), np.int64), np.zeros((0, 2), np.int64)
        step = max(1, _MOST_ROWS // max(1, len(one)))
        for start in range(0, len(other), step):
            block = other.vectors[start : start + step]
            pairs = np.indices((len(block), len(one))).reshape(2, -1).T[:, ::-1] + (0, start)
            sums = (block[:, None] + one.vectors[None]).reshape(-1, len(self.largest))
            vectors, indices = np.concatenate([vectors, sums]), np.concatenate([indices, pairs])
            vectors, indices = self._sifted(vectors, indices, least, greatest)
        return SumSet(vectors, (one, other), indices)

    def sifted(self, label: str, vectors: np.ndarray, least: np.ndarray, greatest: np.ndarray) -> SumSet:
        """What is worth keeping of a sum for each value of a choice, ``(values, columns)``, exactly; see `added`."""
        starts = (SumSet(vectors[:1]),) * len(vectors)
        indices = np.stack([np.arange(len(vectors)), np.zeros(len(vectors), np.int64)], axis=1)
        vectors, indices = self._sifted(vectors, indices, least, greatest, exact=True)
        return SumSet(vectors, starts, indices, label)

    def united(self, label: str, sets: Sequence[SumSet], least: np.ndarray, greatest: np.ndarray) -> SumSet:
        """What is worth keeping of the sets that the values of a choice lead to; see `added`."""
        vectors = np.concatenate([part.vectors for part in sets])
        values = np.repeat(np.arange(len(sets)), [len(part) for part in sets])
        indices = np.stack([values, np.concatenate([np.arange(len(part)) for part in sets])], axis=1)
        vectors, indices = self._sifted(vectors, indices, least, greatest)
        return SumSet(vectors, tuple(sets), indices, label)

    def _sifted(
        self, vectors: np.ndarray, indices: np.ndarray, least: np.ndarray, greatest: np.ndarray, exact: bool = False
    ) -> tuple[np.ndarray, np.ndarray]:
        vectors = _settled(vectors)
        possible = np.flatnonzero((vectors + least <= self.largest).all(axis=1))
        vectors, indices = vectors[possible], indices[possible]
        limits = vectors[:, self.objectives :]
        # What can break a limit no more is as good as any other in it.
        limits[limits + greatest[self.objectives :] <= self.largest[self.objectives :]] = FREE
        kept = non_dominated_rows(vectors if exact else vectors // self.cells)
        return vectors[kept], indices[kept]


def non_dominated_rows(vectors: np.ndarray) -> np.ndarray:
    """Numbers of the vectors that no other vector dominates; of equal ones a single one.

    Args:
        vectors: ``(N, columns)``, whole numbers below 2^53, to be small.
    """
    varying = np.flatnonzero((vectors != vectors[:1]).any(axis=0))
    vectors = vectors[:, varying]
    if len(varying) == 0:
        return np.arange(len(vectors))[:1]
    if len(varying) == 1:
        return np.array([vectors[:, 0].argmin()])
    if len(varying) > 2:
        return np.flatnonzero(moocore.is_nondominated(vectors.astype(float), keep_weakly=False))
    order = np.argsort(vectors[:, 0], kind="stable")
    across, up = vectors[order].T
    kept = np.flatnonzero(np.r_[True, up[1:] < np.minimum.accumulate(up)[:-1]])
    # Of points with the same first value the last that is lower than all before is the lowest.
    return order[kept[np.r_[across[kept][1:] != across[kept][:-1], True]]]


def _settled(vectors: np.ndarray) -> np.ndarray:
    """A sum with a part that is free is free, however much is added."""
    return np.where(vectors < FREE // 2, FREE, vectors)
