"""How many trials a second several workers of one search complete, against one worker.

    python benchmarks/scripts/workers.py [--storage postgresql://me@server/name] [--workers 4] [--seconds 2]

The evaluator sleeps, as one does that waits for an accelerator of its own; what is left is what the search adds: its
proposals, its storage, and networks that are measured twice. Without a storage: a journal in a temporary folder.
Every worker is a process. Clocks run from the first trial's start to the last one's end, so that starting Python is
not counted.
"""

import argparse
import tempfile
import time
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import optuna

from lighttrack_nas.chain.searching import search
from lighttrack_nas.reporting.environment import cpu_name, versions
from lighttrack_nas.search_spaces.loading.loading import load_space
from lighttrack_nas.search_spaces.space import Architecture
from lighttrack_nas.strategies.search.search_registry import search_strategy, setting_names
from lighttrack_nas.strategies.search.storage.trials import load_search


class Sleeper:
    """Takes its time, and says something."""

    measurements = ("ao", "macs")
    inherits_weights = True

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds

    def costs(self, architecture: Architecture) -> Mapping[str, float]:
        """Count something."""
        return {"macs": float(sum(map(len, architecture.values)))}

    def measure(self, architecture: Architecture, names: Collection[str]) -> Mapping[str, float]:
        """Sleep."""
        time.sleep(self.seconds)
        return {"ao": sum(hash(value) % 7 for value in architecture.values) / 1000}

    def record(self) -> dict[str, Any]:
        """Say what it is."""
        return {"evaluator": "sleeps", "seconds": self.seconds}


def rate(storage: str, workers: int, seconds: float, trials: int, strategy: str) -> tuple[float, int]:
    """Search from nothing; give trials a second, and how many networks were measured."""
    if "://" in storage and "search" in optuna.get_all_study_names(storage):
        optuna.delete_study(study_name="search", storage=storage)
    settings = {"population_size": 8} if "population_size" in setting_names(strategy) else {}
    with tempfile.TemporaryDirectory() as folder:
        search(
            load_space("lighttrack-tiny"),
            evaluator=Sleeper(seconds),
            n_trials=trials,
            output=folder,
            strategy=search_strategy(strategy, **settings),
            storage=storage if "://" in storage else None,
            workers=workers,
        )
        place = storage if "://" in storage else Path(folder) / "journal.log"
        complete = [trial for trial in load_search(place).trials if trial.state == optuna.trial.TrialState.COMPLETE]
    # Processes do not start at one moment: from when all are at work, until the first of them has nothing to do.
    spans: dict[int, list[tuple[Any, Any]]] = {}
    for trial in complete:
        spans.setdefault(trial.user_attrs["worker"], []).append((trial.datetime_start, trial.datetime_complete))
    begin = max(min(start for start, _ in span) for span in spans.values())
    end = min(max(end for _, end in span) for span in spans.values())
    inside = [trial for trial in complete if begin < trial.datetime_complete <= end]
    networks = {trial.user_attrs["path"] for trial in complete}
    return len(inside) / (end - begin).total_seconds(), len(networks)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--storage", default="journal", help="a URL; the study 'search' in it is deleted")
    parser.add_argument("--workers", type=int, default=4)
    parser.add_argument("--seconds", type=float, default=2.0, help="that an evaluation sleeps")
    parser.add_argument("--trials", type=int, default=12, help="for each worker")
    parser.add_argument("--strategy", default="nsga2")
    arguments = parser.parse_args()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    print(f"{cpu_name()}; optuna {versions()['optuna']}; {arguments.strategy}, {arguments.seconds} s an evaluation")
    alone = None
    for workers in (1, arguments.workers):
        trials = arguments.trials * workers
        per_second, networks = rate(arguments.storage, workers, arguments.seconds, trials, arguments.strategy)
        alone = alone or per_second
        print(
            f"{workers} workers: {per_second:.3f} trials a second, {per_second / alone:.2f} times one worker's; "
            f"{trials} trials, {networks} networks"
        )


if __name__ == "__main__":
    main()
