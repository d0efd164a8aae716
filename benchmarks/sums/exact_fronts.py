"""The Pareto front of a whole space, exactly, in measurements that are sums over places.

Choices are taken out one after another (`elimination.py`); what is left of one is, for every value of those beside it,
the set of all sums of which none beats another (Rollon & Larrosa, "Bucket elimination for multiobjective optimization
problems", 2006). A space of 1e17 networks has its front in a second, where costs leave few different sums.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import product
from typing import NamedTuple

import numpy as np

from lighttrack_nas.benchmarks.sums.bucket_tree import Bucket, BucketTree, bucket_tree, least_elsewhere
from lighttrack_nas.benchmarks.sums.elimination import Factor, aligned, minimum
from lighttrack_nas.benchmarks.sums.joint_choices import joined
from lighttrack_nas.benchmarks.sums.sum_sets import Sieve, SumSet, non_dominated_rows
from lighttrack_nas.search_spaces.space import Architecture, Space
from lighttrack_nas.trackers.base.errors import InputError

_FRACTIONS = 1e9
"""Tables with fractions are counted in milliardths: sums of whole numbers are the same in any order."""
_MOST = 2**52
_UNLIMITED = 2**53


class Criterion(NamedTuple):
    """A sum over a network's places that shall be small, or has a limit, or both.

    Attributes:
        factors: A table a place. Whole numbers are added exactly, others in milliardths.
        largest: The limit, itself allowed.
        is_objective: Whether it shall be small; otherwise it only has its limit.
    """

    factors: Sequence[Factor]
    largest: float = math.inf
    is_objective: bool = True


class ExactFront(NamedTuple):
    """A front.

    Attributes:
        architectures: One for each point; several may have the same values, of which one is here.
        values: ``(points, objectives)`` The sums of each, by rising first objective.
    """

    architectures: tuple[Architecture, ...]
    values: np.ndarray


def exact_front(space: Space, criteria: Sequence[Criterion], tolerance: float = 0.0) -> ExactFront:
    """Find the networks of a space that no network beats in every objective, among those that keep all limits.

    With a tolerance of 0 no network of the space is missing: whatever keeps the limits is equalled or beaten by a point
    of the front. With a tolerance every such network has a point that keeps the limits and is, in each objective, worse
    by less than this part of the range between the objective's least and greatest sum over the space; objectives that
    have a limit are exact all the same. Three objectives or more want one in large spaces: the front has fewer points.

    Args:
        space: The space.
        criteria: One or more objectives, and limits.
        tolerance: 0 to 1.

    Returns:
        The front; without points where no network keeps the limits.

    Raises:
        InputError: No objective, a tolerance out of range, or sums that are too large to be counted.
    """
    if not 0 <= tolerance <= 1:
        raise InputError(f"tolerance: 0 to 1 expected, a part of each objective's range, got {tolerance}")
    ordered = sorted(criteria, key=lambda criterion: not criterion.is_objective)
    objectives = sum(criterion.is_objective for criterion in ordered)
    if not objectives:
        raise InputError("a front needs one objective or more")
    parts = [1.0 if _is_whole(criterion.factors) else _FRACTIONS for criterion in ordered]
    columns = [_counted(criterion.factors, part) for criterion, part in zip(ordered, parts, strict=True)]
    tables, joint = joined(_tables(space, columns))
    largest = [_limit(criterion.largest, part) for criterion, part in zip(ordered, parts, strict=True)]
    elimination = _Elimination(tables, np.array(largest), objectives, tolerance)
    front = elimination.front()
    vectors = front.vectors[:, :objectives]
    thinned = non_dominated_rows(vectors // elimination.last_cells[:objectives])
    kept = thinned[non_dominated_rows(vectors[thinned])]
    order = kept[np.lexsort(vectors[kept].T[::-1])]
    chosen = front.choices(order)
    for choice in joint:
        chosen |= choice.apart(chosen.pop(choice.label, np.zeros(len(order), np.int64)))
    return ExactFront(_architectures(space, chosen, len(order)), vectors[order] / np.array(parts[:objectives]))


class _Elimination:
    """Takes the choices out of tables of vectors.

    Args:
        tables: By labels, arrays ``(values of each ..., columns)``.
        largest: ``(columns,)`` Limits.
        objectives: How many of the columns, from the first, are objectives.
        tolerance: See `exact_front`.

    Attributes:
        last_cells: ``(columns,)`` Within which values of whole networks may count as equal: half of the tolerance. The
            other half is shared by the steps before.
    """

    def __init__(
        self, tables: Mapping[tuple[str, ...], np.ndarray], largest: np.ndarray, objectives: int, tolerance: float
    ) -> None:
        self._tables = [Factor(labels, values) for labels, values in tables.items()]
        self._count = len(largest)
        by_column = [
            [Factor(labels, values[..., column]) for labels, values in tables.items()] for column in range(self._count)
        ]
        self._tree = bucket_tree(by_column[0])
        self._sizes = {
            label: size
            for factor in by_column[0]
            for label, size in zip(factor.labels, factor.values.shape, strict=True)
        }
        self._least = [least_elsewhere(self._tree, factors) for factors in by_column]
        self._greatest = [
            least_elsewhere(self._tree, [Factor(factor.labels, -factor.values) for factor in factors])
            for factors in by_column
        ]
        cells, self.last_cells = np.ones(self._count, np.int64), np.ones(self._count, np.int64)
        for column in range(objectives):
            if tolerance and largest[column] == _UNLIMITED:
                half = tolerance * _range(by_column[column]) / 2
                cells[column] = max(1, math.floor(half / max(1, _steps(self._tree))))
                self.last_cells[column] = max(1, math.floor(half))
        self._sieve = Sieve(largest, objectives, cells)

    def front(self) -> SumSet:
        """The sums of whole networks."""
        left: dict[int, dict[tuple[int, ...], SumSet]] = {}
        for number, bucket in enumerate(self._tree.buckets):
            left[number] = self._taken_out(number, bucket, {below: left.pop(below) for below in bucket.below})
        offset = sum((self._tables[number].values for number in self._tree.constants), np.zeros(self._count, np.int64))
        nothing = np.zeros(self._count, np.int64)
        if not self._tree.roots and (offset > self._sieve.largest).any():  # a space without a choice
            return SumSet(offset[None][:0])
        return self._total(offset, [left[number][()] for number in self._tree.roots], nothing, nothing)

    def _taken_out(
        self, number: int, bucket: Bucket, below: Mapping[int, Mapping[tuple[int, ...], SumSet]]
    ) -> dict[tuple[int, ...], SumSet]:
        """The sets that are left of a bucket, by the values of the choices beside it."""
        if not below:
            return self._leaf(number, bucket)
        united = {}
        for values in product(*(range(self._sizes[label]) for label in bucket.beside)):
            chosen = dict(zip(bucket.beside, values, strict=True))
            least = np.array([column[number][values] for column in self._least])
            greatest = np.array([-column[number][values] for column in self._greatest])
            sets = []
            for value in range(self._sizes[bucket.label]):
                chosen[bucket.label] = value
                tables = (self._tables[number] for number in bucket.tables)
                offset = sum(
                    (table.values[tuple(chosen[label] for label in table.labels)] for table in tables),
                    np.zeros(self._count, np.int64),
                )
                parts = [
                    by_values[tuple(chosen[label] for label in self._tree.buckets[from_].beside)]
                    for from_, by_values in below.items()
                ]
                sets.append(self._total(offset, parts, least, greatest))
            united[values] = self._sieve.united(bucket.label, sets, least, greatest)
        return united

    def _leaf(self, number: int, bucket: Bucket) -> dict[tuple[int, ...], SumSet]:
        """The same of a bucket with none below it: all of its values are met at once."""
        labels = (*bucket.beside, bucket.label)
        tables = [self._tables[table] for table in bucket.tables]
        whole = np.stack(
            [
                np.broadcast_to(
                    sum(aligned(Factor(table.labels, table.values[..., column]), labels) for table in tables),
                    [self._sizes[label] for label in labels],
                )
                for column in range(self._count)
            ],
            axis=-1,
        )
        return {
            values: self._sieve.sifted(
                bucket.label,
                whole[values],
                np.array([column[number][values] for column in self._least]),
                np.array([-column[number][values] for column in self._greatest]),
            )
            for values in np.ndindex(whole.shape[:-2])
        }

    def _total(self, offset: np.ndarray, parts: Sequence[SumSet], least: np.ndarray, greatest: np.ndarray) -> SumSet:
        """Add up sets, the largest first: adding a small set to a large one takes the least work."""
        total = SumSet(offset[None])
        waiting = sorted(parts, key=len, reverse=True)
        if not all(len(part) for part in waiting):
            return SumSet(offset[None][:0])
        for index, part in enumerate(waiting):
            if index == 0:
                total = part.shifted(offset)
                continue
            rest = waiting[index + 1 :]
            low = sum((other.vectors.min(axis=0) for other in rest), least)
            high = sum((other.vectors.max(axis=0) for other in rest), greatest)
            total = self._sieve.added(total, part, low, high)
        return total


def _steps(tree: BucketTree) -> int:
    """How often, at most, a network's sum may be put in the place of another within the same cells."""
    inner = [bucket for bucket in tree.buckets if bucket.below]
    return sum(len(bucket.below) for bucket in inner) + max(0, len(tree.roots) - 1)


def _is_whole(factors: Sequence[Factor]) -> bool:
    return all(np.issubdtype(factor.values.dtype, np.integer) for factor in factors)


def _counted(factors: Sequence[Factor], parts: float) -> list[Factor]:
    """Tables in whole numbers, so many parts of one.

    Raises:
        InputError: Their sums would not be exact.
    """
    most = sum(float(np.abs(factor.values).max()) for factor in factors)
    if not most * parts < _MOST:
        raise InputError(f"the tables add up to {most:.3g}: at most {_MOST / parts:.3g} can be added exactly")
    return [Factor(factor.labels, np.rint(factor.values * parts).astype(np.int64)) for factor in factors]


def _limit(largest: float, parts: float) -> int:
    """A limit in whole numbers; one that no sum reaches is none."""
    if largest * parts >= _MOST:
        return _UNLIMITED
    return max(math.floor(largest), -_MOST) if parts == 1 else max(round(largest * parts), -_MOST)


def _tables(space: Space, columns: Sequence[Sequence[Factor]]) -> dict[tuple[str, ...], np.ndarray]:
    """Tables of vectors, one for all that depend on the same choices."""
    order = list(space.labels)
    tables: dict[tuple[str, ...], np.ndarray] = {}
    for column, factors in enumerate(columns):
        for factor in map(_varying, factors):
            axes = sorted(range(len(factor.labels)), key=lambda axis: order.index(factor.labels[axis]))
            labels = tuple(factor.labels[axis] for axis in axes)
            shape = (*(len(space.labels[label]) for label in labels), len(columns))
            table = tables.setdefault(labels, np.zeros(shape, np.int64))
            table[..., column] += factor.values.transpose(axes)
    return tables


def _varying(factor: Factor) -> Factor:
    """A table without the choices that change nothing in it, such as the output where all have one stride."""
    kept: list[str] = []
    values = factor.values
    for label in factor.labels:
        axis = len(kept)
        if (values == values.take([0], axis)).all():
            values = values.take(0, axis)
        else:
            kept.append(label)
    return Factor(tuple(kept), values)


def _range(factors: Sequence[Factor]) -> int:
    """From the least sum of tables to the greatest."""

    def at(chosen: Mapping[str, int]) -> int:
        return sum(int(factor.values[tuple(chosen[label] for label in factor.labels)]) for factor in factors)

    return at(minimum([Factor(factor.labels, -factor.values) for factor in factors])) - at(minimum(factors))


def _architectures(space: Space, chosen: Mapping[str, np.ndarray], count: int) -> tuple[Architecture, ...]:
    """Architectures of the chosen values' numbers; a choice that changes nothing takes its first."""
    if not space.labels:
        return (Architecture(space, ()),) * count
    columns = [
        [values[max(index, 0)] for index in chosen.get(label, np.zeros(count, np.int64)).tolist()]
        for label, values in space.labels.items()
    ]
    return tuple(Architecture(space, values) for values in zip(*columns, strict=True))
