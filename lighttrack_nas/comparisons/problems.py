"""A table as a problem for Optuna, of the shape that OptunaHub's benchmarks have."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import optuna
from optuna.distributions import CategoricalDistribution
from optuna.study import StudyDirection

from lighttrack_nas.benchmarks.scoring.place_scores import PlaceScores
from lighttrack_nas.benchmarks.scoring.tabular_benchmark import BenchmarkTable, TableEvaluator
from lighttrack_nas.search_spaces.space import Architecture
from lighttrack_nas.strategies.search.goals.hypervolume import non_dominated
from lighttrack_nas.strategies.search.goals.objectives import (
    Constraint,
    Objective,
    parse_constraints,
    parse_objectives,
    total_violation,
)
from lighttrack_nas.tables import find_table
from lighttrack_nas.trackers.base.errors import InputError
from lighttrack_nas.trackers.base.names import checked_name

if TYPE_CHECKING:
    from lighttrack_nas.benchmarks.scoring.places_evaluator import PlacesEvaluator


class TabularProblem:
    """Search a space of which a table knows everything: `study.optimize(problem, n_trials=...)` is all it takes.

    It has the members of OptunaHub's `BaseProblem` (`search_space`, `directions`, `evaluate`, `__call__`), and knows
    the true front. A table of places answers for spaces of any size; it measures nsr, macs and params.

    Args:
        table: A tabular benchmark, a table of places, the file of one, or the name of one that ships, such as
            "lighttrack-table".
        objectives: Of the table's measurements, each with or without a direction.
        constraints: Such as "macs <= 12M"; trials get them as Optuna's constraints.

    Raises:
        InputError: No such table, or a measurement that it lacks.

    Example:
        >>> import optuna
        >>> problem = TabularProblem("lighttrack-table", ["maximize ao", "minimize macs"])
        >>> study = optuna.create_study(directions=problem.directions)
        >>> study.optimize(problem, n_trials=100)  # doctest: +SKIP
    """

    def __init__(
        self,
        table: BenchmarkTable | PlaceScores | str,
        objectives: str | Objective | Iterable[str | Objective] = ("maximize ao", "minimize macs"),
        constraints: str | Constraint | Iterable[str | Constraint] = (),
    ) -> None:
        self.table = find_table(table) if isinstance(table, str) else table
        self.evaluator = table_evaluator(self.table)
        self.objectives = parse_objectives(objectives)
        self.constraints = parse_constraints(constraints)
        for name in [*(o.name for o in self.objectives), *(c.name for c in self.constraints)]:
            checked_name(name, self.evaluator.measurements, "measurement of this table")

    @property
    def search_space(self) -> dict[str, CategoricalDistribution]:
        """A categorical for every choice, under its label."""
        return {label: CategoricalDistribution(values) for label, values in self.table.space.labels.items()}

    @property
    def directions(self) -> list[StudyDirection]:
        """One for each objective."""
        return [StudyDirection[objective.direction.upper()] for objective in self.objectives]

    @property
    def metric_names(self) -> list[str]:
        """The objectives' measurements."""
        return [objective.name for objective in self.objectives]

    def evaluate(self, params: Mapping[str, Any]) -> list[float]:
        """The objectives' values of an architecture.

        Args:
            params: A candidate for every label.

        Raises:
            InputError: A label is unknown or missing, or a value is no candidate.
        """
        values = self._values(params)
        return [values[name] for name in self.metric_names]

    def evaluate_constraints(self, params: Mapping[str, Any]) -> list[float]:
        """By what part of its limit an architecture breaks each constraint; 0.0 where it keeps it."""
        values = self._values(params)
        return [constraint.violation(values) for constraint in self.constraints]

    def __call__(self, trial: optuna.Trial) -> list[float]:
        """Ask a trial for an architecture, and evaluate it."""
        params = {
            name: trial.suggest_categorical(name, distribution.choices)
            for name, distribution in self.search_space.items()
        }
        for constraint, violation in zip(self.constraints, self.evaluate_constraints(params), strict=True):
            trial.set_constraint(str(constraint), violation)
        return self.evaluate(params)

    def reseed(self, seed: int) -> None:
        """Do nothing: a table answers the same whatever the seed."""

    @property
    def rows(self) -> BenchmarkTable:
        """The tabular benchmark.

        Raises:
            InputError: It is a table of places, which has no rows.
        """
        if isinstance(self.table, BenchmarkTable):
            return self.table
        raise InputError(
            f"the table of places of '{self.table.space.name}' has no rows: ask it for front() and evaluate()"
        )

    @cached_property
    def feasible(self) -> np.ndarray:
        """``(rows,)`` bool: which rows of the table keep the constraints.

        Raises:
            InputError: A table of places has no rows.
        """
        table = self.rows
        return np.array(
            [
                total_violation(self.constraints, {name: table.columns[name][row] for name in table.measurements}) <= 0
                for row in range(len(table))
            ]
        )

    @cached_property
    def values(self) -> np.ndarray:
        """``(rows, objectives)`` All values, signed so that small is good.

        Raises:
            InputError: A table of places has no rows.
        """
        return np.stack([o.sign * self.rows.columns[o.name] for o in self.objectives], axis=1)

    @cached_property
    def front_rows(self) -> np.ndarray:
        """Numbers of the rows of the true front: feasible, and dominated by no other feasible one.

        Raises:
            InputError: A table of places has no rows.
        """
        rows = np.flatnonzero(self.feasible)
        return rows[non_dominated(self.values[rows])]

    def front(self) -> list[tuple[Architecture, list[float]]]:
        """The true front: its architectures with the objectives' values, ordered by the last objective."""
        architectures, values = self._front
        signs = [objective.sign for objective in self.objectives]
        order = np.argsort(values[:, -1], kind="stable")
        return [(architectures[index], (values[index] * signs).tolist()) for index in order]

    @property
    def front_values(self) -> np.ndarray:
        """``(points, objectives)`` The true front, signed so that small is good."""
        return self._front[1]

    @cached_property
    def worst(self) -> dict[str, float]:
        """By objective, the worst value that counts in a comparison; empty where no row keeps the constraints.

        That of the rows that keep them; of a table of places, that of all networks, or the limit on it.
        """
        if not isinstance(self.evaluator, TableEvaluator):
            from lighttrack_nas.place_tables.place_fronts import worst_values

            return worst_values(self.evaluator, self.objectives, self.constraints)
        values = self.values[self.feasible]
        return {o.name: o.sign * float(values[:, i].max()) for i, o in enumerate(self.objectives) if len(values)}

    @cached_property
    def _front(self) -> tuple[tuple[Architecture, ...], np.ndarray]:
        if not isinstance(self.evaluator, TableEvaluator):
            from lighttrack_nas.place_tables.place_fronts import place_front

            return place_front(self.evaluator, self.objectives, self.constraints)
        return tuple(self.rows.architectures[row] for row in self.front_rows), self.values[self.front_rows]

    def _values(self, params: Mapping[str, Any]) -> dict[str, float]:
        architecture = self.table.space.architecture(dict(params))
        return self.evaluator.measure(architecture, self.evaluator.measurements)


def table_evaluator(table: BenchmarkTable | PlaceScores) -> TableEvaluator | PlacesEvaluator:
    """What answers from a table.

    Args:
        table: A tabular benchmark, or a table of places, of whose space the costs are counted or read from the cache.

    Raises:
        InputError: It is no table.
    """
    if isinstance(table, PlaceScores):
        # Costs are counted on networks: only what asks for them waits for torch.
        from lighttrack_nas.benchmarks.scoring.places_evaluator import PlacesEvaluator
        from lighttrack_nas.costing.cost_analysis import load_cost_table

        return PlacesEvaluator(table, load_cost_table(table.space))
    return TableEvaluator(table)
