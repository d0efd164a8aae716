"""Evaluations until 99 % of the true front's hypervolume, under a constraint: ours, plain Optuna, pymoo, random search.

    pip install pymoo
    python benchmarks/scripts/pymoo_comparison.py [--table lighttrack-table] [--constraint "macs <= 12M"] [--seeds 10]

All evolutions have the same population, uniform crossover and one mutation a child on average. A table answers, so that
an evaluation costs nothing; what counts is how many there are.
"""

from __future__ import annotations

import argparse
import warnings
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import optuna

from lighttrack_nas.benchmarks.scoring.tabular_benchmark import TableEvaluator
from lighttrack_nas.cli.shared.printing import print_table
from lighttrack_nas.comparisons.problems import TabularProblem
from lighttrack_nas.comparisons.scales import Scale
from lighttrack_nas.processes.parallel_jobs import in_processes
from lighttrack_nas.results.front_growth import growth
from lighttrack_nas.strategies.search.run import run_search
from lighttrack_nas.strategies.search.search_registry import search_strategy
from lighttrack_nas.strategies.search.storage.trials import completed_trials

OBJECTIVES = ("maximize overlap", "minimize macs")
Task = tuple[str, int]


def ours(problem: TabularProblem, name: str, seed: int, population: int, budget: int) -> list[int]:
    """Rows of the table in the order in which one of our strategies evaluates them."""
    settings = {"population_size": population} if name.startswith("nsga2") else {}
    study = run_search(
        problem.rows.space,
        evaluator=TableEvaluator(problem.rows),
        strategy=search_strategy(name, seed=seed, **settings),
        objectives=problem.objectives,
        constraints=problem.constraints,
        n_trials=budget,
        storage=optuna.storages.InMemoryStorage(),
    )
    return [problem.rows.row(t.architecture) for t in completed_trials(study) if t.copied_from is None]


def plain_optuna(problem: TabularProblem, seed: int, population: int, budget: int) -> list[int]:
    """The same for Optuna's NSGA-II as it comes, which is told how far a trial breaks the constraint."""
    return _asked(problem, optuna.samplers.NSGAIISampler(population_size=population, seed=seed), budget)


def plain_random(problem: TabularProblem, seed: int, population: int, budget: int) -> list[int]:
    """The same for Optuna's random search, which knows neither what it drew before nor the constraint."""
    return _asked(problem, optuna.samplers.RandomSampler(seed=seed), budget)


def _asked(problem: TabularProblem, sampler: optuna.samplers.BaseSampler, budget: int) -> list[int]:
    study = optuna.create_study(directions=problem.directions, sampler=sampler)
    study.optimize(problem, n_trials=budget)
    return [problem.rows.row(problem.rows.space.architecture(trial.params)) for trial in study.trials]


def pymoo(problem: TabularProblem, seed: int, population: int, budget: int) -> list[int]:
    """The same for pymoo's NSGA-II on whole numbers, one for each choice; it drops the duplicates of a generation."""
    from pymoo.algorithms.moo.nsga2 import NSGA2
    from pymoo.core.mutation import Mutation
    from pymoo.core.problem import ElementwiseProblem
    from pymoo.operators.crossover.ux import UX
    from pymoo.operators.sampling.rnd import IntegerRandomSampling
    from pymoo.optimize import minimize

    labels = problem.rows.space.labels
    counts = np.array([len(values) for values in labels.values()])
    rows: list[int] = []

    class Rows(ElementwiseProblem):
        def _evaluate(self, x: np.ndarray, out: dict[str, Any], *args: Any, **kwargs: Any) -> None:
            choices = {label: values[int(i)] for (label, values), i in zip(labels.items(), x, strict=True)}
            row = problem.rows.row(problem.rows.space.architecture(choices))
            rows.append(row)
            out["F"] = problem.values[row]
            out["G"] = problem.evaluate_constraints(choices)

    class Redraw(Mutation):
        """Draw each choice anew with one chance in their number, as Optuna does."""

        def _do(self, _: Any, children: np.ndarray, *args: Any, random_state: Any, **kwargs: Any) -> np.ndarray:
            fresh = random_state.integers(0, counts, children.shape)
            return np.where(random_state.random(children.shape) < 1 / len(counts), fresh, children)

    asked = Rows(n_var=len(counts), n_obj=2, n_ieq_constr=len(problem.constraints), xl=0, xu=counts - 1, vtype=int)
    algorithm = NSGA2(
        pop_size=population,
        sampling=IntegerRandomSampling(),
        crossover=UX(prob=0.9),
        mutation=Redraw(),
        eliminate_duplicates=True,
    )
    minimize(asked, algorithm, ("n_eval", budget), seed=seed, verbose=False)
    return rows[:budget]


OTHERS = {"Optuna's random search": plain_random, "Optuna's NSGA-II": plain_optuna, "pymoo's NSGA-II": pymoo}


def runner(table: str, constraint: str, population: int, budget: int, share: float) -> Callable[[Task], float]:
    """What does one run: gives its evaluations to the share, infinity if it never came there."""
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    problem = TabularProblem(table, OBJECTIVES, constraint)
    scale = Scale.of(problem.objectives, problem.values[problem.feasible], known=True)
    scaled = scale.scaled(problem.values)

    def run(task: Task) -> float:
        name, seed = task
        other = OTHERS.get(name)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            if other is not None:
                rows = other(problem, seed, population, budget)
            else:
                rows = ours(problem, name, seed, population, budget)
        grown = growth(scaled[rows], problem.feasible[rows], np.ones(2), scale.front)
        reached = np.flatnonzero(grown.hypervolume >= share * scale.volume)
        return float(reached[0] + 1) if len(reached) else float("inf")

    return run


def main() -> None:
    """Run everything and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--table", default="lighttrack-table", help="a table that ships, or a file")
    parser.add_argument("--constraint", default="macs <= 12M")
    parser.add_argument("--population", type=int, default=20)
    parser.add_argument("--budget", type=int, default=1000, help="evaluations of a run; fewer than paths keep it")
    parser.add_argument("--share", type=float, default=0.99)
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--workers", type=int, default=2)
    options = parser.parse_args()
    names = ["random", "nsga2", "local-search", *OTHERS]
    start = partial(runner, options.table, options.constraint, options.population, options.budget, options.share)
    tasks = [(name, seed) for name in names for seed in range(options.seeds)]
    counts: dict[str, list[float]] = {name: [] for name in names}
    for (name, _), evaluations in in_processes(start, tasks, options.workers):
        counts[name].append(evaluations)

    def shown(value: float) -> str:
        return f"{value:.0f}" if np.isfinite(value) else f"> {options.budget}"

    rows = []
    for name, values in counts.items():
        # Of numbers that were seen: between two of them infinity would spread.
        low, median, high = np.quantile(values, [0.25, 0.5, 0.75], method="higher")
        rows.append((name, shown(median), f"{shown(low)} to {shown(high)}", str(int(np.isfinite(values).sum()))))
    print(f"{options.table}, {options.constraint}, population {options.population}, {options.seeds} seeds")
    print_table((f"search, to {options.share:.0%}", "evaluations", "quartiles", "runs there"), rows, right=(1, 2, 3))


if __name__ == "__main__":
    main()
