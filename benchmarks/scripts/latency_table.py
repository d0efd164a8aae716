"""Build latency tables and say how far they are off: one row a space and runtime.

    python benchmarks/scripts/latency_table.py --space lighttrack --runtime onnxruntime --runtime openvino

The errors are those of networks that had no part in the table, drawn uniformly over MACs. Beside the rank correlation
stands its ceiling, that of two measurements of the same networks, and how much longer the rounds took than their least:
on a machine with other work both say how far the figures can be trusted.
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from time import perf_counter

import numpy as np

from lighttrack_nas.benchmarks.latency.latency_measuring import LatencySettings
from lighttrack_nas.benchmarks.latency.latency_table import LatencyTable
from lighttrack_nas.cli.shared.printing import print_table
from lighttrack_nas.costing.latency_tables import new_table
from lighttrack_nas.search_spaces.loading.loading import load_space

_ASKED = 20_000


def main() -> None:
    """Build and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--space", default="lighttrack")
    parser.add_argument("--runtime", action="append", help="May be repeated. Default: onnxruntime.")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--networks", type=int, default=50)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--output", type=Path, default=Path("runs/latency-tables"), help="Folder for the tables.")
    arguments = parser.parse_args()
    space = load_space(arguments.space)
    rows, fingerprints = [], []
    for runtime in arguments.runtime or ["onnxruntime"]:
        settings = LatencySettings(runtime, arguments.threads)
        path = arguments.output / f"{space.name}-{runtime}-{arguments.threads}.json"
        start = perf_counter()
        table = new_table(space, settings, path, print, arguments.networks, arguments.seed)
        rows.append(_row(runtime, table, perf_counter() - start))
        fingerprints.append(str(table.fingerprint))
    print(f"space {space.name} ({space.hash}), {arguments.networks} networks to fit and as many to check")
    header = (
        "runtime",
        "median error",
        "90th percentile",
        "tau",
        "tau of two measurements",
        "rounds over their least",
        "build s",
        "look-up us",
    )
    print_table(header, rows, right=range(1, len(header)))
    print("\n" + "\n".join(fingerprints))
    print(f"load averages at the end: {', '.join(f'{load:.1f}' for load in os.getloadavg())}")


def _row(runtime: str, table: LatencyTable, seconds: float) -> tuple[str, ...]:
    check = table.check
    rng = np.random.default_rng(0)
    architectures = [table.space.sample(rng) for _ in range(_ASKED)]
    start = perf_counter()
    table.predict(architectures)
    per_network = (perf_counter() - start) / _ASKED
    return (
        runtime,
        f"{check.median_error:.1%}",
        f"{check.p90_error:.1%}",
        f"{check.tau:.3f}",
        f"{check.repeat_tau:.3f}",
        f"{min(check.slowdown):.2f} to {max(check.slowdown):.2f}",
        f"{seconds:.0f}",
        f"{per_network * 1e6:.1f}",
    )


if __name__ == "__main__":
    main()
