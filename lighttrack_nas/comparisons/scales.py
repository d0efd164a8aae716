"""The scale on which a comparison measures runs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from lighttrack_nas.strategies.search.goals.hypervolume import hypervolume, non_dominated
from lighttrack_nas.strategies.search.goals.objectives import Objective


@dataclass(frozen=True)
class Scale:
    """The scale on which runs are measured: 0 is the best known value of an objective, 1 the reference.

    Attributes:
        objectives: In their order.
        ideal: ``(objectives,)`` Best known values, signed so that small is good.
        reference: ``(objectives,)`` The worst values that count, signed alike.
        front: ``(points, objectives)`` The best known front, scaled.
        known: Whether that is the true front, of a space of which a table knows everything.
    """

    objectives: tuple[Objective, ...]
    ideal: np.ndarray
    reference: np.ndarray
    front: np.ndarray
    known: bool

    @classmethod
    def of(
        cls,
        objectives: tuple[Objective, ...],
        values: np.ndarray,
        *,
        known: bool,
        reference: Mapping[str, float] | None = None,
    ) -> Scale:
        """Make the scale of feasible values.

        Args:
            objectives: In the order of the columns.
            values: ``(points, objectives)`` Of the true front, or of all runs; signed so that small is good.
            known: Whether these are all there are.
            reference: Worst values that count, by objective, in its own sign; the others are the worst of `values`.
        """
        given = reference or {}
        worst = values.max(axis=0) if len(values) else np.ones(len(objectives))
        for index, objective in enumerate(objectives):
            if objective.name in given:
                worst[index] = objective.sign * given[objective.name]
        ideal = values.min(axis=0) if len(values) else worst - 1
        # Where all values are equal, any length will do.
        worst = np.where(worst > ideal, worst, ideal + 1.0)
        scaled = (values - ideal) / (worst - ideal)
        front = scaled[non_dominated(scaled)] if len(values) else scaled
        return cls(objectives, ideal, worst, np.unique(front, axis=0), known)

    def scaled(self, values: np.ndarray) -> np.ndarray:
        """Bring signed values to the scale."""
        return np.asarray((values - self.ideal) / (self.reference - self.ideal))

    @property
    def volume(self) -> float:
        """The best known front's hypervolume, of at most 1."""
        return hypervolume(self.front, np.ones(len(self.objectives)))

    def to_dict(self) -> dict[str, Any]:
        """The scale in the objectives' own units, JSON-able."""
        signs = {objective.name: objective.sign for objective in self.objectives}
        names = list(signs)
        return {
            "reference": {n: signs[n] * float(v) for n, v in zip(names, self.reference, strict=True)},
            "ideal": {n: signs[n] * float(v) for n, v in zip(names, self.ideal, strict=True)},
            "best_known_front_points": len(self.front),
            "best_known_front_hypervolume": self.volume,
            "best_known_front_is_true": self.known,
        }
