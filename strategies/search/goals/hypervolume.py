"""Which points of several objectives are worth having, and how much of the space they cover.

All values are to be small: turn the sign of those that are to be large (`Objective.sign`).
"""

from __future__ import annotations

import moocore
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
    return np.asarray(moocore.is_nondominated(values, keep_weakly=True))


def hypervolume(values: np.ndarray, reference: np.ndarray) -> float:
    """Measure the part of space that points dominate, up to a reference point; exact.

    Args:
        values: ``(points, objectives)``, to be small.
        reference: ``(objectives,)`` The worst values that count; points that are not below it everywhere add nothing.

    Returns:
        The measure, in the product of the objectives' units; 0.0 without points.

    Example:
        >>> hypervolume(np.array([[1.0, 2.0], [2.0, 1.0]]), np.array([3.0, 3.0]))
        3.0
    """
    reference = np.asarray(reference, float)
    values = np.asarray(values, float).reshape(-1, len(reference))
    values = values[np.all(values < reference, axis=1)]
    if not len(values):
        return 0.0
    return float(moocore.hypervolume(values, ref=reference))
