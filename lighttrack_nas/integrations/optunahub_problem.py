"""A table's problem as one of OptunaHub's benchmarks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from lighttrack_nas.trackers.base.packages import naming_packages

if TYPE_CHECKING:
    import optuna
    import optunahub.benchmarks

    from lighttrack_nas.comparisons.problems import TabularProblem


def as_optunahub(problem: TabularProblem) -> optunahub.benchmarks.BaseProblem:
    """Make a `BaseProblem` of OptunaHub, for code that takes no less.

    Optuna itself takes a `TabularProblem` as it is.

    Args:
        problem: The table's.

    Returns:
        An object of a subclass of `BaseProblem`, with the problem's search space, directions, constraints and values,
        and `metric_names`.

    Raises:
        InputError: The package is missing.
    """
    with naming_packages():
        from optunahub.benchmarks import BaseProblem

    class ForOptunaHub(BaseProblem):
        @property
        def search_space(self) -> dict[str, optuna.distributions.BaseDistribution]:
            return dict(problem.search_space)

        @property
        def directions(self) -> list[optuna.study.StudyDirection]:
            return problem.directions

        @property
        def metric_names(self) -> list[str]:
            return problem.metric_names

        def evaluate(self, params: Mapping[str, Any]) -> list[float]:
            return problem.evaluate(params)

        def evaluate_constraints(self, params: Mapping[str, Any]) -> dict[str, float]:
            violations = problem.evaluate_constraints(params)
            return {str(constraint): value for constraint, value in zip(problem.constraints, violations, strict=True)}

        def __call__(self, trial: optuna.Trial) -> list[float]:
            # Releases of OptunaHub before 0.5 set no constraints.
            return problem(trial)

    return ForOptunaHub()
