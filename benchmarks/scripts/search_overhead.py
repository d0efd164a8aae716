"""What a trial of a search costs beside its evaluation: proposal, book-keeping and storage.

    python benchmarks/scripts/search_overhead.py [NAME ...] [--trials 400] [--space lighttrack-tiny] [--folder FOLDER]

Every strategy searches in memory and on a journal with an evaluator that takes no time to speak of, whose own time is
subtracted. CPU time of this process, and the clock's, a trial; on a busy machine trust the CPU time.
"""

import argparse
import tempfile
import zlib
from collections.abc import Collection, Mapping
from pathlib import Path
from time import perf_counter, process_time
from typing import Any

from optuna.storages import BaseStorage, InMemoryStorage

from lighttrack_nas.reporting.environment import cpu_name, versions
from lighttrack_nas.search_spaces.loading.loading import load_space
from lighttrack_nas.search_spaces.space import Architecture, Space
from lighttrack_nas.strategies.search.run import run_search
from lighttrack_nas.strategies.search.search_registry import SEARCH_STRATEGIES, search_strategy

# What has no default that fits.
SETTINGS: dict[str, dict[str, Any]] = {
    "regularized-evolution": {"weights": {"ao": 1.0, "macs": 0.07}},
    "optuna": {"algorithm": "NSGAIISampler"},
}


class HashEvaluator:
    """Numbers from hashes of the choices, once computed; it keeps account of the time it takes."""

    measurements = ("ao", "macs", "params")
    inherits_weights = True

    def __init__(self) -> None:
        self.spent = [0.0, 0.0]
        self._draws: dict[tuple[str, str], float] = {}

    def _sum(self, architecture: Architecture, kind: str) -> float:
        clock, worked = perf_counter(), process_time()
        total = 0.0
        for label, value in enumerate(architecture.values):
            key = kind, f"{label} {value}"
            if key not in self._draws:
                self._draws[key] = zlib.crc32(" ".join(key).encode()) / 2**32
            total += self._draws[key]
        self.spent[0] += perf_counter() - clock
        self.spent[1] += process_time() - worked
        return total

    def costs(self, architecture: Architecture) -> Mapping[str, float]:
        """See `Evaluator.costs`."""
        return {"macs": 1e7 * self._sum(architecture, "macs"), "params": 1e5 * self._sum(architecture, "params")}

    def measure(self, architecture: Architecture, names: Collection[str]) -> Mapping[str, float]:
        """See `Evaluator.measure`."""
        return {"ao": self._sum(architecture, "ao") / len(architecture.values)}

    def record(self) -> dict[str, Any]:
        """See `Evaluator.record`."""
        return {"kind": "hash"}


def milliseconds(space: Space, name: str, trials: int, storage: Path | BaseStorage) -> tuple[float, float]:
    """A trial's time of the clock and of the CPU, beside the evaluator's."""
    evaluator = HashEvaluator()
    strategy = search_strategy(name, **SETTINGS.get(name, {}))
    clock, worked = perf_counter(), process_time()
    run_search(
        space,
        evaluator=evaluator,
        strategy=strategy,
        objectives=["ao", "macs"],
        constraints="macs <= 80M",
        n_trials=trials,
        storage=storage,
    )
    spent = perf_counter() - clock - evaluator.spent[0], process_time() - worked - evaluator.spent[1]
    return spent[0] * 1e3 / trials, spent[1] * 1e3 / trials


def main() -> None:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", default=list(SEARCH_STRATEGIES), metavar="NAME")
    parser.add_argument("--trials", type=int, default=400)
    parser.add_argument("--space", default="lighttrack-tiny")
    parser.add_argument("--folder", help="where journals are written for a moment")
    arguments = parser.parse_args()
    space = load_space(arguments.space)
    print(f"{cpu_name()}; {versions()}; {arguments.space}, {arguments.trials} trials; ms a trial: CPU time (clock)")
    for name in arguments.names:
        # Imports and caches are paid before.
        milliseconds(space, name, min(60, arguments.trials), InMemoryStorage())
        memory = milliseconds(space, name, arguments.trials, InMemoryStorage())
        with tempfile.TemporaryDirectory(dir=arguments.folder) as folder:
            journal = milliseconds(space, name, arguments.trials, Path(folder) / "journal.log")
        print(f"{name:<22} memory {memory[1]:6.2f} ({memory[0]:.2f})   journal {journal[1]:6.2f} ({journal[0]:.2f})")


if __name__ == "__main__":
    main()
