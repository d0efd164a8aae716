"""Exact answers about sums of tables that share some of their choices, by taking out one choice after another.

A sum of many small tables is least where each is least only if they share no choice. Where they do, the tables around a
choice are added up, and its best value is noted for every value of those that stand beside it (variable elimination;
Dechter, "Bucket elimination", 1999).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np


class Factor(NamedTuple):
    """A table.

    Attributes:
        labels: The choices on which it depends.
        values: An axis for each of them.
    """

    labels: tuple[str, ...]
    values: np.ndarray


def elimination_order(factors: Sequence[Factor]) -> list[str]:
    """Choices in an order that keeps tables small: next the one with the smallest table around it."""
    sizes = {label: size for factor in factors for label, size in zip(factor.labels, factor.values.shape, strict=True)}
    groups = [frozenset(factor.labels) for factor in factors]
    order: list[str] = []
    while len(order) < len(sizes):
        around = {
            label: frozenset().union(*(group for group in groups if label in group))
            for label in sizes
            if label not in order
        }
        tables = {label: math.prod(sizes[other] for other in beside) for label, beside in around.items()}
        uses = {label: sum(label in group for group in groups) for label in around}
        # Of equals the one that fewest others wait for: what many depend on comes last, and is added up once.
        label = min(around, key=lambda name: (tables[name], uses[name]))
        groups = [group for group in groups if label not in group] + [around[label] - {label}]
        order.append(label)
    return order


def minimum(factors: Sequence[Factor]) -> dict[str, int]:
    """Where the sum of all tables is least.

    Returns:
        The index of the best value by choice; the first of equals.
    """
    left = list(factors)
    noted: list[tuple[str, tuple[str, ...], np.ndarray]] = []
    for label in elimination_order(factors):
        around = [factor for factor in left if label in factor.labels]
        left = [factor for factor in left if label not in factor.labels]
        labels = (*dict.fromkeys(other for factor in around for other in factor.labels if other != label), label)
        total = sum(aligned(factor, labels) for factor in around)
        noted.append((label, labels[:-1], np.argmin(total, axis=-1)))
        left.append(Factor(labels[:-1], np.min(total, axis=-1)))
    chosen: dict[str, int] = {}
    for label, beside, best in reversed(noted):
        chosen[label] = int(best[tuple(chosen[other] for other in beside)])
    return chosen


def aligned(factor: Factor, labels: Sequence[str]) -> np.ndarray:
    """A table with an axis for each of some choices, of length 1 for those on which it does not depend."""
    order = sorted(range(len(factor.labels)), key=lambda axis: labels.index(factor.labels[axis]))
    sizes = dict(zip(factor.labels, factor.values.shape, strict=True))
    return factor.values.transpose(order).reshape([sizes.get(label, 1) for label in labels])
