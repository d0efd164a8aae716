"""The search as a user calls it: a study in a folder, and its result."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from lighttrack_nas.results import Result
from lighttrack_nas.runs import JOURNAL
from lighttrack_nas.search_spaces.architecture import Architecture
from lighttrack_nas.search_spaces.space import Space
from lighttrack_nas.strategies.search.evaluator import Evaluator
from lighttrack_nas.strategies.search.nsga2 import NSGA2
from lighttrack_nas.strategies.search.objectives import Constraint, Objective
from lighttrack_nas.trackers.files import make_folder

if TYPE_CHECKING:
    from lighttrack_nas.strategies.search.run import Progress


def search(
    space: Space,
    *,
    evaluator: Evaluator,
    n_trials: int,
    output: str | Path,
    strategy: NSGA2 | None = None,
    objectives: str | Objective | Iterable[str | Objective] = ("maximize ao", "minimize macs"),
    constraints: str | Constraint | Iterable[str | Constraint] = (),
    storage: str | None = None,
    enqueue: Sequence[Architecture | str] = (),
    progress: Progress | None = None,
) -> Result:
    """Search a space with Optuna's NSGA-II, or go on with a search that was stopped.

    The folder gets ``journal.log`` (unless another storage is given; `optuna` reads it), ``trials.csv`` and the front
    as table and figures. They are also written when the user stops the search.

    Args:
        space: What to search.
        evaluator: What measures architectures, such as `SupernetEvaluator`.
        n_trials: Completed trials to have at the end, those of an earlier call included.
        output: The run's folder.
        strategy: How to search; None: NSGA-II with a population of 48.
        objectives: Of "ao", "loss", "macs", "params", "latency_ms", each with or without a direction.
        constraints: Such as "macs <= 600M", or the sets "Mobile", "LargeA", "LargeB".
        storage: An Optuna storage's URL; None: the journal.
        enqueue: Architectures to evaluate first; official codes will do.
        progress: Told of every completed trial.

    Returns:
        What was found.

    Raises:
        InputError: A mistake in the arguments, or the folder holds a search for something else.
    """
    from lighttrack_nas.strategies.search.run import run_search
    from lighttrack_nas.strategies.search.trials import load_search

    output = Path(output)
    make_folder(output)
    place = storage or output / JOURNAL
    try:
        study = run_search(
            space,
            evaluator=evaluator,
            strategy=strategy or NSGA2(),
            objectives=objectives,
            constraints=constraints,
            n_trials=n_trials,
            storage=place,
            enqueue=[space.decode(item) if isinstance(item, str) else item for item in enqueue],
            progress=progress,
        )
    except KeyboardInterrupt:
        _save(Result.from_study(load_search(place)), output)
        raise
    result = Result.from_study(study)
    _save(result, output)
    return result


def _save(result: Result, output: Path) -> None:
    if len(result.trials):
        result.save(output)
        result.front().save(output)
