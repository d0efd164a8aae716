"""What the cost table and the sampler over MACs take.

    python benchmarks/scripts/cost_table.py [SPACE ...] [--repeats 7] [--count 20000]

Builds and reads each table in a temporary cache, then times look-ups in rounds: the median over the rounds, and in
brackets the fastest and the slowest. On a busy machine trust the fastest. fvcore's own count of a built network stands
beside it, for comparison.
"""

import argparse
import os
import tempfile
from collections.abc import Callable
from time import perf_counter
from typing import Any

import numpy as np

from lighttrack_nas.benchmarks.costs.cost_cache import CACHE_VARIABLE
from lighttrack_nas.benchmarks.costs.cost_table import CostTable
from lighttrack_nas.benchmarks.costs.macs_sampler import MacsSampler
from lighttrack_nas.benchmarks.costs.network_costs import measure_costs
from lighttrack_nas.reporting.environment import cpu_name, versions
from lighttrack_nas.search_spaces.loading.loading import load_space


def seconds(action: Callable[[], Any], repeats: int) -> np.ndarray:
    """Time an action, a value a round."""
    times = []
    for _ in range(repeats):
        start = perf_counter()
        action()
        times.append(perf_counter() - start)
    return np.array(times)


def show(name: str, values: np.ndarray, unit: str, digits: int = 1) -> None:
    """Print a line: median, and the range."""
    low, middle, high = (f"{value:,.{digits}f}" for value in (values.min(), np.median(values), values.max()))
    print(f"  {name:<44} {middle:>12} {unit}  ({low} to {high})")


def measure(name: str, arguments: argparse.Namespace) -> None:
    """Measure one space and print."""
    space, repeats, count = load_space(name), arguments.repeats, arguments.count
    table = CostTable(space)
    # The first count of a process also imports the counter.
    show("build, with fvcore", seconds(table.build, 3), "s", 2)
    show("read from the cache", 1e3 * seconds(lambda: CostTable(space).load(), repeats), "ms")
    rng = np.random.default_rng(0)
    drawn = [space.sample(rng) for _ in range(count)]
    counts = [len(values) for values in space.labels.values()]
    indices = rng.integers(counts, size=(10 * count, len(counts)))
    table.bulk(drawn[:10])

    def one_by_one() -> None:
        for architecture in drawn:
            table.costs(architecture)

    one_by_one()  # the first of an output and two widths prepares its sums
    show("one look-up", 1e6 * seconds(one_by_one, repeats) / count, "us")
    show("one whole record", 1e6 * seconds(lambda: table.measure(drawn[0]), 50), "us")
    show("bulk, architectures", count / seconds(lambda: table.bulk(drawn), repeats), "a second", 0)
    show("bulk, indices", len(indices) / seconds(lambda: table.bulk_indices(indices), repeats), "a second", 0)
    show("extremes", 1e3 * seconds(lambda: table.extremes("macs"), repeats), "ms")
    show("sampler over MACs, set-up", 1e3 * seconds(lambda: MacsSampler(table), repeats), "ms")
    sampler = MacsSampler(table)

    def draw() -> None:
        for _ in range(1000):
            sampler.sample(rng)

    show("sampler over MACs, a draw", 1e6 * seconds(draw, repeats) / 1000, "us")
    print(f"    bins of {sampler.resolution / 1e6:.3f} M MACs, tolerance {sampler.tolerance / 1e6:.3f} M")
    show("fvcore on the built network", 1e3 * seconds(lambda: measure_costs(drawn[0]), 5), "ms")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("spaces", nargs="*", default=["lighttrack-tiny", "lighttrack"])
    parser.add_argument("--repeats", type=int, default=7, help="rounds")
    parser.add_argument("--count", type=int, default=20_000, help="architectures a round")
    arguments = parser.parse_args()
    installed = versions()
    print(f"{cpu_name()}; torch {installed['torch']}, fvcore {installed['fvcore']}")
    with tempfile.TemporaryDirectory() as folder:
        os.environ[CACHE_VARIABLE] = folder
        for name in arguments.spaces:
            print(name)
            measure(name, arguments)


if __name__ == "__main__":
    main()
