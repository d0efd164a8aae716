"""How good a set of points is, and how it grew: hypervolume and distance to a front.

All values are to be small: turn the sign of those that are to be large.
"""

from __future__ import annotations

from dataclasses import dataclass

import moocore
import numpy as np

from lighttrack_nas.strategies.search.goals.hypervolume import hypervolume


def distance_to_front(values: np.ndarray, front: np.ndarray) -> float:
    """How far a front's points are on average from what dominates them least short of it (IGD+, Ishibuchi et al. 2015).

    Args:
        values: ``(points, objectives)``, to be small, in units of one scale.
        front: ``(points, objectives)`` The front to reach.

    Returns:
        0.0 where every point of the front is reached or beaten; infinity without points.
    """
    if not len(values):
        return float("inf")
    return float(moocore.igd_plus(values, ref=front))


@dataclass(frozen=True)
class Growth:
    """How a set of points grew, one point after the other.

    Attributes:
        hypervolume: ``(points,)`` Of the first 1, 2 ... points.
        distance: ``(points,)`` Their `distance_to_front`.
    """

    hypervolume: np.ndarray
    distance: np.ndarray


def growth(values: np.ndarray, counts: np.ndarray, reference: np.ndarray, front: np.ndarray) -> Growth:
    """Measure a growing set of points after each of them.

    Args:
        values: ``(points, objectives)``, to be small, in units of one scale, in the order of their coming.
        counts: ``(points,)`` bool: which points count; the others, such as those that break a constraint, add nothing.
        reference: Of the hypervolume.
        front: Of the distance.
    """
    covered, distances = np.zeros(len(values)), np.full(len(values), np.inf)
    best = np.empty((0, values.shape[1]))
    volume, distance = 0.0, float("inf")
    for index, point in enumerate(values):
        if counts[index] and not np.any(np.all(best <= point, axis=1)):
            best = np.vstack([best[~np.all(best >= point, axis=1)], point])
            volume, distance = hypervolume(best, reference), distance_to_front(best, front)
        covered[index], distances[index] = volume, distance
    return Growth(covered, distances)
