"""The search as a user calls it: a study in a folder, and its result."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from optuna.samplers import BaseSampler

from lighttrack_nas.costing.limits import known_ends, require_reachable
from lighttrack_nas.report.front_files import save_front
from lighttrack_nas.reporting.progress_bar import progress as shown_progress
from lighttrack_nas.results.fronts import LATENCY_AGAIN_COLUMN
from lighttrack_nas.results.results import Result
from lighttrack_nas.results.runs import JOURNAL, LATENCY_AGAIN
from lighttrack_nas.search_spaces.space import Architecture, Space
from lighttrack_nas.strategies.search.goals.evaluator import Evaluator, LatencyEvaluator
from lighttrack_nas.strategies.search.goals.objectives import Constraint, Objective, parse_constraints
from lighttrack_nas.strategies.search.samplers.nsga2 import NSGA2
from lighttrack_nas.strategies.search.samplers.optuna_algorithm import OptunaAlgorithm
from lighttrack_nas.strategies.search.search_problem import SearchStrategy, require_budget
from lighttrack_nas.strategies.search.search_registry import search_strategy
from lighttrack_nas.trackers.base.errors import InputError
from lighttrack_nas.trackers.base.files import make_folder
from lighttrack_nas.trackers.base.progress import Say

if TYPE_CHECKING:
    from optuna import Study

    from lighttrack_nas.strategies.search.trial_loop import AfterTrial


def search(
    space: Space,
    *,
    evaluator: Evaluator,
    n_trials: int,
    output: str | Path,
    strategy: SearchStrategy | BaseSampler | str | None = None,
    objectives: str | Objective | Iterable[str | Objective] = ("maximize ao", "minimize macs"),
    constraints: str | Constraint | Iterable[str | Constraint] = (),
    storage: str | None = None,
    study: str = "search",
    enqueue: Sequence[Architecture | str] = (),
    workers: int = 1,
    progress: AfterTrial | None = None,
    say: Say | None = None,
) -> Result:
    """Search a space, go on with a search that was stopped, or join one that is running.

    Where latency is an objective or a constraint, the front's networks are measured again at the end, in turns, by an
    evaluator that can (`LatencyEvaluator`): the front shows both figures.

    With `workers` above 1 as many processes evaluate at once. Evaluator and strategy are sent to them, and so must
    pickle, as `SupernetEvaluator` does; a script calls this under ``if __name__ == "__main__"``. Torch's threads are
    shared between them, and so are the GPUs that this process sees, in turns, where the evaluator's `device` is "cuda".
    The same call elsewhere, on the same journal or PostgreSQL server, joins the search: networks
    are seldom measured twice, and what a worker that was killed leaves is taken over. What is proposed depends on the
    workers' pace then; one worker alone gives the same search each time.

    The folder gets ``journal.log`` (unless another storage is given; `optuna` reads it), ``trials.csv`` and the front
    as table and figures. They are also written when the user stops the search.

    Args:
        space: What to search.
        evaluator: What measures architectures, such as `SupernetEvaluator`.
        n_trials: Completed trials to have at the end, those of an earlier call included.
        output: The run's folder.
        strategy: How to search, the name of a way, such as "random", or a sampler of Optuna's; None: NSGA-II with a
            population of 48.
        objectives: Of "ao", "overlap", "loss", "macs", "params", "latency_ms", each with or without a direction.
        constraints: Such as "macs <= 600M", or the sets "Mobile", "LargeA", "LargeB".
        storage: An Optuna storage's URL; None: the journal. Workers share a journal, SQLite or PostgreSQL.
        study: Its name in a storage that is given, which may hold several.
        enqueue: Architectures to evaluate first; official codes will do.
        workers: Processes that evaluate at once, 1 or more; others may join.
        progress: Told of every completed trial, of whichever worker.
        say: Told in a sentence that others were joined, that a worker was killed, or that the storage went away.

    Returns:
        What was found.

    Raises:
        InputError: A mistake in the arguments; a limit on costs that no network keeps; fewer trials than the strategy's
            population; the folder or storage holds a search for something else, or by workers of other versions; or the
            storage went away for more than a minute.
    """
    from lighttrack_nas.processes.search_processes import run_workers
    from lighttrack_nas.processes.worker_gpus import gpus_of_workers
    from lighttrack_nas.strategies.search.run import run_search
    from lighttrack_nas.strategies.search.storage.storage import shown_storage
    from lighttrack_nas.strategies.search.storage.trials import load_search
    from lighttrack_nas.strategies.search.workers.liveness import shareable

    chosen = _chosen(strategy)
    require_budget(chosen, n_trials)
    constraints = parse_constraints(constraints)
    require_reachable(constraints, known_ends(evaluator) if constraints else {}, space.name)
    output = Path(output)
    make_folder(output)
    place = storage or output / JOURNAL
    name = study if storage else "search"
    if workers < 1:
        raise InputError(f"workers: expected 1 or more, got {workers}")
    if workers > 1 and not shareable(place):
        raise InputError(f"workers: {shown_storage(place)} cannot be shared; give a journal, SQLite or PostgreSQL")
    work = partial(
        run_search,
        space,
        evaluator=evaluator,
        strategy=chosen,
        objectives=_listed(objectives),
        constraints=constraints,
        n_trials=n_trials,
        storage=place,
        study_name=name,
        enqueue=[space.decode(item) if isinstance(item, str) else item for item in enqueue],
    )
    try:
        if workers == 1:
            done = work(progress=progress, say=say)
        else:
            gpus = gpus_of_workers(getattr(evaluator, "device", None))
            run_workers(_Work(work), workers, progress or (lambda *_: None), say or (lambda _: None), gpus)
            done = load_search(place, name)
    except KeyboardInterrupt:
        with suppress(InputError):  # stopped before there was a study
            _save(Result.from_study(load_search(place, name)), output)
        raise
    result = Result.from_study(done)
    _save(result, output)
    if isinstance(evaluator, LatencyEvaluator) and _wants_latency(result):
        result = _measure_again(result, evaluator, place, name, quiet=progress is None, say=say)
        _save(result, output)
    return result


def _chosen(strategy: SearchStrategy | BaseSampler | str | None) -> SearchStrategy:
    if strategy is None:
        return NSGA2()
    if isinstance(strategy, str):
        return search_strategy(strategy)
    if isinstance(strategy, BaseSampler):
        return OptunaAlgorithm(algorithm=strategy)
    if not hasattr(strategy, "sampler"):
        raise InputError(f"strategy: expected a search strategy, its name, or a sampler of Optuna's, got {strategy!r}")
    return strategy


@dataclass(frozen=True)
class _Work:
    """What a worker's process does."""

    run: Callable[..., Any]

    def __call__(self, progress: AfterTrial, say: Say) -> None:
        self.run(progress=progress, say=say)


def _listed(goals: Any) -> Any:
    """Goals that can be read more than once, and sent."""
    return goals if isinstance(goals, (str, Objective, Constraint)) else list(goals)


def with_judge(strategy: SearchStrategy, space: Space, seed: int) -> SearchStrategy:
    """Make the judge of a screened strategy that a configuration names "zero-cost"; leave the others as they are.

    Args:
        strategy: As the configuration says.
        space: What is searched.
        seed: Of the judge's weights and inputs.
    """
    from lighttrack_nas.strategies.search.samplers.screened import ZERO_COST, Screened

    if not isinstance(strategy, Screened) or strategy.judge != ZERO_COST:
        return strategy
    from lighttrack_nas.benchmarks.scoring.zero_cost import ZeroCostEvaluator

    return replace(strategy, judge=ZeroCostEvaluator(space, seed=seed))


def _wants_latency(result: Result) -> bool:
    names = [goal.name for goal in result.objectives] + [limit.name for limit in result.constraints]
    return "latency_ms" in names


def _measure_again(
    result: Result, evaluator: LatencyEvaluator, place: str | Path, name: str, quiet: bool, say: Say | None
) -> Result:
    """Measure the front's networks against each other, unless that was done or another worker is at it; note it."""
    from lighttrack_nas.strategies.search.storage.storage import open_shared
    from lighttrack_nas.strategies.search.storage.trials import load_search
    from lighttrack_nas.strategies.search.workers.liveness import worker_number

    with worker_number(place, name) as number:
        if number > 0:
            if say is not None:
                say("another worker measures the front's latencies again")
            return result
        study = load_search(open_shared(place), name)
        return _measured_again(study, evaluator, quiet)


def _measured_again(study: Study, evaluator: LatencyEvaluator, quiet: bool) -> Result:
    result = Result.from_study(study)
    front = result.front()
    known = front.table.get(LATENCY_AGAIN_COLUMN)
    if front.table.empty or (known is not None and known.notna().all()):
        return result
    if quiet:
        latencies = evaluator.latencies_again(front.architectures)
    else:
        with shown_progress("front's latencies", None, "steps") as advance:
            latencies = evaluator.latencies_again(front.architectures, advance)
    study.set_user_attr(LATENCY_AGAIN, dict(zip(front.table["network"], latencies, strict=True)))
    return Result.from_study(study)


def _save(result: Result, output: Path) -> None:
    if len(result.trials):
        result.save(output)
        save_front(result.front(), output)
