"""Running a comparison of search strategies: strategies times seeds, in processes, resumable."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
import optuna
import pandas as pd

from lighttrack_nas.benchmarks.evaluation.result_files import to_json, write_run_record
from lighttrack_nas.benchmarks.scoring.place_scores import PlaceScores
from lighttrack_nas.benchmarks.scoring.places_evaluator import PlacesEvaluator
from lighttrack_nas.benchmarks.scoring.tabular_benchmark import TableEvaluator
from lighttrack_nas.chain.evaluators import prepare_torch, search_latency, supernet_evaluator
from lighttrack_nas.comparisons.comparison_plots import comparison_figure, ranks_figure
from lighttrack_nas.comparisons.comparisons import Comparison
from lighttrack_nas.comparisons.power import power_of
from lighttrack_nas.comparisons.problems import TabularProblem, table_evaluator
from lighttrack_nas.comparisons.run_files import Run, journal_file, kept_run, mend_journal, read_run, run_file
from lighttrack_nas.comparisons.scales import Scale
from lighttrack_nas.comparisons.surrogate_table import SurrogateEvaluator
from lighttrack_nas.config.comparison_config import ComparisonConfig
from lighttrack_nas.config.config import Config
from lighttrack_nas.config.config_files import load_config
from lighttrack_nas.costing.limits import known_ends, require_reachable
from lighttrack_nas.processes.parallel_jobs import in_processes
from lighttrack_nas.reporting.environment import cpu_name, versions
from lighttrack_nas.reporting.figure_files import figure_bytes
from lighttrack_nas.search_spaces.loading.loading import load_space
from lighttrack_nas.strategies.search.goals.evaluator import LatencyEvaluator
from lighttrack_nas.strategies.search.goals.objectives import parse_constraints
from lighttrack_nas.strategies.search.run import run_search
from lighttrack_nas.strategies.search.search_problem import SearchProblem
from lighttrack_nas.strategies.search.search_registry import strategy_record
from lighttrack_nas.strategies.search.storage.journal import DamagedJournalError
from lighttrack_nas.strategies.search.storage.trials import REFERENCE_SECONDS, completed_trials
from lighttrack_nas.tables import find_table
from lighttrack_nas.trackers.base.errors import InputError
from lighttrack_nas.trackers.base.files import make_folder, write_atomically
from lighttrack_nas.trackers.base.progress import Progress, Say

if TYPE_CHECKING:
    from lighttrack_nas.benchmarks.latency.latency_measuring import LatencySettings
    from lighttrack_nas.benchmarks.latency.latency_table import LatencyTable
    from lighttrack_nas.benchmarks.scoring.supernet_evaluator import SupernetEvaluator

OnTable = TableEvaluator | SurrogateEvaluator | PlacesEvaluator
"""What answers at once, and knows what measuring would take."""
Measuring: TypeAlias = "OnTable | SupernetEvaluator"


def compare(config: ComparisonConfig, say: Say, progress: Progress | None = None) -> Comparison:
    """Run every strategy with every seed, or go on with a comparison that was stopped.

    Which differences so many seeds can show is said before. A run on a table is kept when it is whole, and done again
    where its file is damaged; one on a supernet has a journal, and goes on in its middle, or from the lines before the
    damage. The folder gets ``runs/`` (a folder a strategy, a CSV a run), ``raw.csv``, ``summary.csv``,
    ``significance.csv``, ``scale.json``, ``power.json`` and figures.

    Args:
        config: What to compare.
        say: Told sentences for the user.
        progress: Told of the runs done since its last call.

    Raises:
        InputError: A mistake in the configuration, a table of something else, a folder that holds another comparison,
            or a strategy that does not fit the objectives or the budget.
    """
    output = Path(config.output)
    latency = _latency(config, say)
    evaluator = _evaluator(config, latency, say)
    for goal in config.goals:
        if goal.name not in evaluator.measurements:
            raise InputError(f"objective '{goal}': the evaluator measures {', '.join(evaluator.measurements)} only")
    _require_fit(config, evaluator)
    make_folder(output)
    record = {
        "command": "compare",
        "evaluator": evaluator.record(),
        "objectives": [str(goal) for goal in config.goals],
        "constraints": [str(bound) for bound in config.bounds],
        "trials": config.trials,
        "versions": versions(),
        "machine": cpu_name(),
    }
    if _wants_latency(config) and isinstance(evaluator, LatencyEvaluator):
        record["latency"] = evaluator.latency_record()
    write_run_record(output, record)
    for name in config.strategies:
        # Apart from the above, so that strategies can join; one whose settings have changed needs another name.
        write_run_record(output / "runs" / name, {"strategy": strategy_record(config.strategy(name, 0))})
    runs = [(name, seed) for seed in range(config.seeds) for name in config.strategies]
    if len(config.strategies) > 1:
        say(power_of(config.seeds, math.comb(len(config.strategies), 2)).text())
    columns = [*(goal.name for goal in config.goals), *(bound.name for bound in config.bounds)]
    kept = {run: kept_run(run_file(output, run), run, config.trials, columns, say) for run in runs}
    missing = [run for run in runs if kept[run] is None]
    for run in missing:
        mend_journal(journal_file(output, run), say)
    if progress is not None and len(missing) < len(runs):
        progress(len(runs) - len(missing), "from an earlier call")
    for run, table in in_processes(partial(_runner, config, latency), missing, config.workers):
        write_atomically(run_file(output, run), table)
        kept[run] = read_run(table, run, config.trials, columns)
        if progress is not None:
            progress(1, f"{run[0]}, seed {run[1]}")
    trials = pd.concat([kept[name, seed] for name in config.strategies for seed in range(config.seeds)])
    under = parse_constraints(config.under)[0] if config.under else None
    comparison = Comparison(trials, _scale(config, trials), config.share, under)
    save(comparison, output)
    return comparison


def save(comparison: Comparison, output: Path) -> None:
    """Write tables and figures.

    Raises:
        OSError: The folder cannot be written.
    """
    tables = {"raw": comparison.raw, "summary": comparison.summary(), "significance": comparison.significance()}
    for name, table in tables.items():
        write_atomically(output / f"{name}.csv", table.to_csv(index=False, lineterminator="\n"))
    write_atomically(output / "scale.json", to_json(comparison.scale.to_dict()))
    figures = {axis: comparison_figure(comparison, axis) for axis in ("evaluations", "seconds")}
    if len(comparison.strategies) > 1:
        write_atomically(output / "power.json", to_json(comparison.power.to_dict()))
        figures["ranks"] = ranks_figure(comparison)
    for name, figure in figures.items():
        for kind in ("png", "svg"):
            write_atomically(output / f"{name}.{kind}", figure_bytes(figure, kind))


def _wants_latency(config: ComparisonConfig) -> bool:
    return "latency_ms" in [goal.name for goal in config.goals] + [bound.name for bound in config.bounds]


def _latency(config: ComparisonConfig, say: Say) -> LatencySettings | LatencyTable | None:
    """Where the latencies of all runs come from, found once; None where a table of networks has them, or none does."""
    if config.chain is None or not _wants_latency(config):
        return None
    chain = _chain(config)
    prepare_torch(chain)
    return search_latency(chain, load_space(chain.space), say)


def _evaluator(config: ComparisonConfig, latency: LatencySettings | LatencyTable | None, say: Say) -> Measuring:
    """What answers the comparison's trials: a complete table, a surrogate of one with gaps, or the chain's supernet."""
    if config.table is not None:
        table = find_table(config.table)
        if isinstance(table, PlaceScores) or table.complete:
            return table_evaluator(table)
        surrogate = SurrogateEvaluator(table)
        say(surrogate.summary())
        return surrogate
    chain = _chain(config)
    prepare_torch(chain)
    return supernet_evaluator(chain, say, latency, processes=config.workers + 1)


def _require_fit(config: ComparisonConfig, evaluator: Measuring) -> None:
    """Find a limit that no network keeps, or a strategy that does not fit, before any has run."""
    bounds = [*config.bounds, *(parse_constraints(config.under) if config.under else ())]
    require_reachable(bounds, known_ends(evaluator) if bounds else {}, evaluator.space.name)
    problem = SearchProblem(
        space=evaluator.space, objectives=config.goals, constraints=config.bounds, trials=config.trials
    )
    for name in config.strategies:
        try:
            config.strategy(name, 0).sampler(problem)
        except InputError as error:
            raise InputError(f"strategies.{name}: {error}") from None


def _chain(config: ComparisonConfig) -> Config:
    assert config.chain is not None
    return load_config(config.chain, config.chain_set)


def _runner(config: ComparisonConfig, latency: LatencySettings | LatencyTable | None) -> Callable[[Run], str]:
    """What does a run, in a process of its own; gives its table as CSV."""
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    evaluator = _evaluator(config, latency, lambda sentence: None)
    if config.chain is not None:
        import torch

        torch.set_num_threads(1)
    return lambda run: _one_run(config, evaluator, run)


def _one_run(config: ComparisonConfig, evaluator: Measuring, run: Run) -> str:
    name, seed = run
    journal = journal_file(Path(config.output), run)
    on_table = isinstance(evaluator, OnTable)
    try:
        study = run_search(
            evaluator.space,
            evaluator=evaluator,
            strategy=config.strategy(name, seed),
            objectives=config.goals,
            constraints=config.bounds,
            n_trials=config.trials,
            storage=optuna.storages.InMemoryStorage() if on_table else journal,
        )
    except DamagedJournalError as error:
        raise InputError(
            f"strategy '{name}', seed {seed}: {error.damage}: the same comparison keeps it aside, and goes on from "
            "what is whole"
        ) from None
    except InputError as error:
        raise InputError(f"strategy '{name}', seed {seed}: {error}") from None
    return _trial_table(study, evaluator).to_csv(index=False, lineterminator="\n")


def _trial_table(study: optuna.Study, evaluator: Measuring) -> pd.DataFrame:
    """The completed trials of a run with the time each took, as if a table's answers had been measured."""
    states = (optuna.trial.TrialState.COMPLETE,)
    spent = {trial.number: _overhead(trial) for trial in study.get_trials(deepcopy=False, states=states)}
    rows = []
    evaluations, seconds = 0, 0.0
    for record in completed_trials(study):
        measured = record.copied_from is None
        took = record.seconds
        if measured and isinstance(evaluator, OnTable):
            took = evaluator.seconds(record.architecture)
        evaluations += measured
        seconds += spent[record.number] + took
        rows.append(
            {"trial": record.number, "evaluations": evaluations, "seconds": seconds, "overhead": spent[record.number]}
            | dict(record.measurements)
            | {"feasible": record.feasible, "choices": " ".join(record.architecture.values)}
        )
    return pd.DataFrame(rows)


def _overhead(trial: optuna.trial.FrozenTrial) -> float:
    """What a trial took besides its evaluation, and the network that is timed again for the noise of latencies."""
    assert trial.duration is not None
    measuring = trial.user_attrs.get("seconds", 0.0) + trial.user_attrs.get(REFERENCE_SECONDS, 0.0)
    return max(trial.duration.total_seconds() - measuring, 0.0)


def _scale(config: ComparisonConfig, trials: pd.DataFrame) -> Scale:
    """The scale of the true front where a table knows the whole space, else of what all runs found."""
    table = find_table(config.table) if config.table is not None else None
    if isinstance(table, PlaceScores) or (table is not None and table.complete):
        problem = TabularProblem(table, config.goals, config.bounds)
        reference = problem.worst | config.reference
        return Scale.of(config.goals, problem.front_values, known=True, reference=reference)
    signed = np.stack([goal.sign * trials[goal.name].to_numpy(float) for goal in config.goals], axis=1)
    feasible = trials["feasible"].to_numpy(bool)
    return Scale.of(config.goals, signed[feasible], known=False, reference=config.reference)
