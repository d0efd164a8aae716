"""A table of places as what a search asks: any network of a whole space, exactly, in microseconds."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from lighttrack_nas.benchmarks.costs.cost_table import CostTable
from lighttrack_nas.benchmarks.scoring.place_scores import PlaceScores
from lighttrack_nas.benchmarks.sums.elimination import Factor
from lighttrack_nas.search_spaces.space import Architecture
from lighttrack_nas.trackers.base.errors import InputError
from lighttrack_nas.trackers.base.names import checked_name

_SCORE, _COSTS = "nsr", ("macs", "params")


class PlacesEvaluator:
    """Answers from a table of places, as `SupernetEvaluator` answers by measuring.

    Args:
        scores: What candidates lose at their places.
        costs: Of the same space; None counts them at the first question, or reads them from the user's cache.

    Raises:
        InputError: It is no table of places, or the costs are of another space.

    Attributes:
        scores: As given.
        space: The tables'.
        cost_table: As given.
        measurements: "nsr", a sum over places, then "macs" and "params".
        inherits_weights: True: what a tower's layer loses depends on where its skips stand.
    """

    inherits_weights = True
    measurements: tuple[str, ...] = (_SCORE, *_COSTS)

    def __init__(self, scores: PlaceScores, costs: CostTable | None = None) -> None:
        if not isinstance(scores, PlaceScores):
            raise InputError(f"scores: expected a table of places, such as load_places('FILE') gives, got {scores!r}")
        self.scores = scores
        self.space = scores.space
        self.cost_table = CostTable(scores.space) if costs is None else costs
        if self.cost_table.space != self.space:
            raise InputError(
                f"the costs are of space '{self.cost_table.space.name}', the table of places of '{self.space.name}'"
            )

    @property
    def uncounted(self) -> tuple[str, ...]:
        """Operators that "macs" leave out, since the counter does not know them."""
        return self.cost_table.uncounted

    def costs(self, architecture: Architecture) -> dict[str, float]:
        """Look up "macs" and "params".

        Raises:
            InputError: The architecture is of another space.
        """
        counted = self.cost_table.costs(architecture)
        return {name: float(counted[name]) for name in _COSTS}

    def measure(self, architecture: Architecture, names: Collection[str]) -> dict[str, float]:
        """Look up measurements.

        Raises:
            InputError: Another name than those of `measurements`, or the architecture is of another space.
        """
        for name in names:
            checked_name(name, self.measurements, "measurement of this table of places")
        measured = self.costs(architecture) if {*names} & {*_COSTS} else {}
        if _SCORE in names:
            measured[_SCORE] = self.scores.score(architecture)
        return {name: measured[name] for name in names}

    def seconds(self, architecture: Architecture) -> float:
        """0.0: what measuring a network takes is not known; here it is a look-up.

        Raises:
            InputError: The architecture is of another space.
        """
        self.space.require(architecture)
        return 0.0

    def factors(self, name: str) -> list[Factor]:
        """A table a place, whose sum is a measurement of an architecture; see `exact_fronts`.

        Raises:
            InputError: Another name than those of `measurements`.
        """
        if checked_name(name, self.measurements, "measurement of this table of places") == _SCORE:
            return self.scores.factors
        return self.cost_table.factors(name)

    def record(self) -> dict[str, Any]:
        """What the answers come from, JSON-able."""
        return {
            "evaluator": "table of places",
            "space": self.space.name,
            "space_hash": self.space.hash,
            "table": self.scores.digest,
            "search_size": self.cost_table.search_size,
        }
