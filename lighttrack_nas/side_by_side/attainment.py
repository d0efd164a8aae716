"""What the runs of a group attain: the surfaces that a quarter, half and three quarters of them reach.

The empirical attainment function of López-Ibáñez, Paquete and Stützle (2010), as moocore counts it (Fonseca et al.
2011).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import moocore
import numpy as np

QUARTILES = (25, 50, 75)
"""Shares of the runs, in percent: the best quartile's surface, the median's, and that of all but the worst quartile."""


@dataclass(frozen=True, eq=False)
class Attainment:
    """The surfaces that shares of a group's runs reach, in two measurements.

    Attributes:
        runs: How many.
        surfaces: By share of `QUARTILES`: ``(corners, 2)``, x and y in their own units, by rising x. A surface is a
            staircase: between two corners nothing better than the first is known.
    """

    runs: int
    surfaces: dict[int, np.ndarray]

    def reaching(self, far: float, sign: float) -> Attainment:
        """The same with every surface drawn out to `far`: what is attained once is attained at all worse x.

        Args:
            far: The worst x to draw to.
            sign: 1.0 where small x is good, -1.0 where large is.
        """
        longer = {}
        for share, surface in self.surfaces.items():
            last = surface[-1:] if sign > 0 else surface[:1]
            beyond = [[far, last[0, 1]]] if len(last) and sign * (far - last[0, 0]) > 0 else np.empty((0, 2))
            longer[share] = np.concatenate([surface, beyond] if sign > 0 else [beyond, surface])
        return Attainment(self.runs, longer)


def attainment(fronts: Sequence[np.ndarray], signs: np.ndarray) -> Attainment:
    """Count what runs attain.

    Args:
        fronts: Of each run ``(points, 2)``, in their own units.
        signs: ``(2,)`` 1.0 where small is good, -1.0 where large is.

    Returns:
        The surfaces; of runs without a point nothing is attained, so that a share that no surface reaches is empty.
    """
    sets = np.concatenate([np.full(len(front), number) for number, front in enumerate(fronts)])
    points = np.concatenate(fronts) * signs
    surfaces = {share: np.empty((0, 2)) for share in QUARTILES}
    if len(points):
        # Runs without a point count too: shares are of all of them.
        shares = {share: min(100.0, share * len(fronts) / len(set(sets.tolist()))) for share in QUARTILES}
        reached = {share: share * len(fronts) <= 100 * len(set(sets.tolist())) for share in QUARTILES}
        counted = moocore.eaf(points, sets, percentiles=sorted(set(shares.values())))
        for share in QUARTILES:
            if reached[share]:
                surface = counted[np.isclose(counted[:, 2], shares[share])][:, :2] * signs
                surfaces[share] = surface[np.lexsort((surface[:, 1], surface[:, 0]))]
    return Attainment(len(fronts), surfaces)
