"""Which points of several objectives are worth having.

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
