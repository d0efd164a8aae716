"""Choices that always stand together, made one: those of a tower whose layers are scored as a whole.

A table over all the layers of a tower has some ten thousand cells. Taken out one by one, its choices are met cell by
cell; as one choice of as many values they are met at once.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from lighttrack_nas.benchmarks.sums.elimination import Factor, aligned

Tables = Mapping[tuple[str, ...], np.ndarray]
"""By labels, arrays ``(values of each ..., columns)``."""


class JointChoice(NamedTuple):
    """Several choices as one, whose values are all combinations of theirs.

    Attributes:
        label: Of the one.
        labels: Of the several.
        sizes: How many values each of these has.
    """

    label: str
    labels: tuple[str, ...]
    sizes: tuple[int, ...]

    def apart(self, indices: np.ndarray) -> dict[str, np.ndarray]:
        """The several's values, by the one's."""
        return dict(zip(self.labels, np.unravel_index(np.maximum(indices, 0), self.sizes), strict=True))


def joined(tables: Tables) -> tuple[dict[tuple[str, ...], np.ndarray], list[JointChoice]]:
    """Make one choice of those that stand in one table, and otherwise only in parts of it.

    Returns:
        Tables of the same sums, and the choices made.
    """
    left, made = dict(tables), []
    for scope in sorted(tables, key=len, reverse=True):
        own = tuple(label for label in scope if all(set(labels) <= set(scope) for labels in left if label in labels))
        if scope not in left or len(own) < 2:
            continue
        inside = [labels for labels in left if set(own) & set(labels)]
        order = (*(label for label in scope if label not in own), *own)
        columns = left[scope].shape[-1]
        whole = np.stack(
            [
                sum(aligned(Factor(labels, left[labels][..., column]), order) for labels in inside)
                for column in range(columns)
            ],
            axis=-1,
        )
        beside, sizes = whole.shape[: len(order) - len(own)], whole.shape[len(order) - len(own) : -1]
        choice = JointChoice(" and ".join(own), own, sizes)
        for labels in inside:
            del left[labels]
        key = (*order[: len(beside)], choice.label)
        left[key] = whole.reshape(*beside, -1, columns)
        made.append(choice)
    return left, made
