"""The order in which a sum of tables is taken apart, and what the rest of the sum is at least.

Each choice has a bucket: the tables and earlier buckets that depend on it and on no choice that is taken out before it
(Dechter, "Bucket elimination", 1999). What is left of a bucket goes to the bucket of another choice: a tree.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from lighttrack_nas.benchmarks.sums.elimination import Factor, aligned, elimination_order


class Bucket(NamedTuple):
    """Everything that depends on a choice when it is taken out.

    Attributes:
        label: The choice.
        beside: The other choices on which these tables depend; what is left of the bucket is a table over them.
        tables: Numbers of its tables.
        below: Numbers of the buckets whose rest depends on the choice.
    """

    label: str
    beside: tuple[str, ...]
    tables: tuple[int, ...]
    below: tuple[int, ...]


class BucketTree(NamedTuple):
    """A sum of tables, taken apart.

    Attributes:
        buckets: One a choice; those below others come before them.
        roots: Numbers of the buckets whose rest depends on no choice.
        constants: Numbers of the tables that depend on no choice.
    """

    buckets: tuple[Bucket, ...]
    roots: tuple[int, ...]
    constants: tuple[int, ...]


def bucket_tree(factors: Sequence[Factor]) -> BucketTree:
    """Take a sum of tables apart, in `elimination_order`."""
    tables = dict(enumerate(factor.labels for factor in factors))
    waiting: dict[int, tuple[str, ...]] = {}
    buckets: list[Bucket] = []
    for label in elimination_order(factors):
        own = tuple(number for number, labels in tables.items() if label in labels)
        below = tuple(number for number, labels in waiting.items() if label in labels)
        scopes = [*(tables.pop(number) for number in own), *(waiting.pop(number) for number in below)]
        beside = tuple(dict.fromkeys(other for labels in scopes for other in labels if other != label))
        waiting[len(buckets)] = beside
        buckets.append(Bucket(label, beside, own, below))
    return BucketTree(tuple(buckets), tuple(waiting), tuple(tables))


def least_elsewhere(tree: BucketTree, factors: Sequence[Factor]) -> list[np.ndarray]:
    """What the rest of the sum is at least, exactly: all that is neither in a bucket nor below it.

    Args:
        tree: Of tables over the same choices.
        factors: The tables.

    Returns:
        By bucket, a table over its `beside`.
    """
    least: list[np.ndarray] = []
    for bucket in tree.buckets:
        least.append(_inside(tree, bucket, factors, least).min(axis=-1))
    whole = sum(factors[number].values for number in tree.constants) + sum(least[number] for number in tree.roots)
    elsewhere: dict[int, np.ndarray] = {number: np.asarray(whole - least[number]) for number in tree.roots}
    for number in reversed(range(len(tree.buckets))):
        bucket = tree.buckets[number]
        labels = (*bucket.beside, bucket.label)
        around = _inside(tree, bucket, factors, least) + elsewhere[number][..., None]
        for below in bucket.below:
            beside = tree.buckets[below].beside
            rest = around - aligned(Factor(beside, least[below]), labels)
            axes = tuple(axis for axis, label in enumerate(labels) if label not in beside)
            kept = [label for label in labels if label in beside]
            elsewhere[below] = aligned(Factor(tuple(kept), rest.min(axis=axes)), beside)
    return [elsewhere[number] for number in range(len(tree.buckets))]


def _inside(tree: BucketTree, bucket: Bucket, factors: Sequence[Factor], least: Sequence[np.ndarray]) -> np.ndarray:
    """The sum of a bucket's tables and of the least of those below: an axis for each of `beside`, its own the last."""
    parts = [factors[number] for number in bucket.tables]
    parts += [Factor(tree.buckets[number].beside, least[number]) for number in bucket.below]
    labels = (*bucket.beside, bucket.label)
    return np.asarray(sum(aligned(part, labels) for part in parts))
