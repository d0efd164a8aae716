"""Which points of several objectives are worth having, and how much of the space they cover.

All values are to be small: turn the sign of those that are to be large (`Objective.sign`).
"""

from __future__ import annotations

import numpy as np


def non_dominated(values: np.ndarray) -> np.ndarray:
    """Find the points that no other point dominates.

    A point dominates another that it equals or beats everywhere and beats somewhere. Equal points do not dominate each
    other.

    Args:
        values: (points, objectives), finite, to be small.

    Returns:
        (points,) bool.
    """
    values = np.asarray(values, float)
    kept = np.ones(len(values), bool)
    for index, point in enumerate(values):
        kept[index] = not np.any(np.all(values <= point, axis=1) & np.any(values < point, axis=1))
    return kept


def hypervolume(values: np.ndarray, reference: np.ndarray) -> float:
    """Measure the part of space that the points dominate, up to a reference point. Exact, in any number of objectives.

    Cuts the space into slabs along the last objective, each as thick as the distance to the next point, whose
    cross-section is the same measure of one objective fewer. Its time grows with the number of front points to the
    power of the objectives: meant for two or three.

    Args:
        values: (points, objectives), to be small.
        reference: (objectives,) The worst values that count; points that are not below it everywhere add nothing.

    Returns:
        The measure, in the product of the objectives' units; 0.0 without points.

    Example:
        >>> hypervolume(np.array([[1.0, 2.0], [2.0, 1.0]]), np.array([3.0, 3.0]))
        3.0
    """
    reference = np.asarray(reference, float)
    values = np.asarray(values, float).reshape(-1, len(reference))
    values = np.unique(values[np.all(values < reference, axis=1)], axis=0)
    if not len(values):
        return 0.0
    return _slabs(values[non_dominated(values)], reference)


def _slabs(values: np.ndarray, reference: np.ndarray) -> float:
    if values.shape[1] == 1:
        return float(reference[0] - values.min())
    if values.shape[1] == 2:
        return _steps(values, reference)
    ordered = values[np.argsort(values[:, -1], kind="stable")]
    heights = np.diff(np.append(ordered[:, -1], reference[-1]))
    total = 0.0
    for count, height in enumerate(heights, start=1):
        if height > 0:
            section = ordered[:count, :-1]
            total += float(height) * _slabs(section[non_dominated(section)], reference[:-1])
    return total


def _steps(values: np.ndarray, reference: np.ndarray) -> float:
    ordered = values[np.lexsort((values[:, 1], values[:, 0]))]
    lowest = np.minimum.accumulate(ordered[:, 1])
    widths = np.diff(np.append(ordered[:, 0], reference[0]))
    return float(np.sum(widths * (reference[1] - lowest)))
