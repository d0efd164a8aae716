"""`predict`, and `front --predicted`."""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lighttrack_nas.benchmarks.latency.latency_table import LatencyTable
from lighttrack_nas.chain.predicting import MEASURED_FILE, run_predictor, run_scores
from lighttrack_nas.cli.search.run_chain import resumable, say
from lighttrack_nas.cli.search.show_fronts import json_row, measured_text, read_wish
from lighttrack_nas.cli.shared.printing import print_json, print_table
from lighttrack_nas.config.config_files import load_config
from lighttrack_nas.place_tables.predicted_fronts import predicted_front, tau_text
from lighttrack_nas.report.front_files import save_front
from lighttrack_nas.results.front_texts import architecture_lines, front_cells
from lighttrack_nas.results.networks import records
from lighttrack_nas.trackers.base.errors import InputError
from lighttrack_nas.trackers.base.names import checked_name

if TYPE_CHECKING:
    from lighttrack_nas.results.fronts import Front, FrontPoint


def predict(path: Path, overrides: Sequence[str], as_json: bool) -> None:
    """Measure networks, fit the predictor, and say how well it ranks."""
    config = load_config(path, overrides)
    with resumable():
        predictor = run_predictor(config, say)
    if as_json:
        print_json(predictor.to_dict())
        return
    scores = predictor.scores
    print(f"space {scores.space.name} ({scores.space.hash}), table of places {scores.digest}")
    print(f"{predictor.networks} networks, measured with the supernet's weights: {predictor.measurement}")
    macs = "nothing, all cost alike" if math.isnan(predictor.macs_tau) else f"{predictor.macs_tau:.2f}"
    print(f"Kendall's tau of networks that were held out {tau_text(predictor)}, that of MACs alone {macs}")
    if not predictor.guides:
        print("it ranks no better than MACs or chance: `front --predicted` takes the plain sum over places, --by nsr")
    print(f"\n{predictor.measurement} = {predictor.intercept:.4f} less, for each unit of noise to signal,\n")
    print_table(
        ("places", "weight"), [(group, f"{weight:.4f}") for group, weight in predictor.weights.items()], right=(1,)
    )
    folder = config.folder("predictor")
    print(f"\npredictor, measured networks ({MEASURED_FILE}): {folder}")


def front(
    runs: Sequence[Path],
    objectives: Sequence[str],
    where: Sequence[str],
    by: str | None,
    latency_table: Path | None,
    tolerance: float | None,
    x: str | None,
    nearest: Sequence[str],
    output: Path | None,
    as_json: bool,
) -> None:
    """Show the front that a table of places predicts.

    Args:
        runs: One: the folder of a chain, or a table of places.
        objectives: Such as "minimize params"; none takes the predicted measurement, or nsr, and MACs.
        where: Constraints such as "macs<=600M".
        by: "nsr" leaves the predictor aside; None takes it where there is one.
        latency_table: A file; None predicts no latencies.
        tolerance: See `predicted_front`.
        x: Measurement on the plots' horizontal axis; None takes MACs.
        nearest: Wishes such as "macs=530M"; the network nearest to each is shown.
        output: Folder for the tables, plots and architectures; None writes nothing.
        as_json: Print JSON alone.
    """
    if len(runs) != 1:
        raise InputError(f"--predicted: expected one run or table of places, got {len(runs)}")
    if by is not None:
        checked_name(by, ("nsr",), "--by")
    scores, predictor = run_scores(runs[0])
    latency = None if latency_table is None else LatencyTable.load(latency_table, scores.space)
    start = time.perf_counter()
    front = predicted_front(
        scores, None if by == "nsr" else predictor, list(objectives) or None, list(where), latency, tolerance
    )
    seconds = time.perf_counter() - start
    x, _ = front.axes(x, None)
    wishes = {text: front.nearest(**read_wish(text)) for text in nearest}
    files = save_front(front, output, x) if output else []
    if as_json:
        print_json(_record(front, seconds, wishes, files))
        return
    for note in front.notes:
        print(f"note: {note}", file=sys.stderr)
    space = front.space
    print(f"space {space.name} ({space.hash}): {space.size.networks:,} networks, all considered in {seconds:.1f} s")
    print("predicted front of " + ", ".join(map(str, front.objectives)))
    print("where " + (" and ".join(map(str, front.constraints)) or "anything goes") + "\n")
    header, rows = front_cells(front)
    print_table(header, rows, right=range(1, len(front.measurements) + 1))
    for text, point in wishes.items():
        print(f"\nnearest to {text}: network {point.network}, {measured_text(point)}")
        print("\n".join(f"  {line}" for line in architecture_lines(point.architecture)))
    for path in files:
        print(path)


def _record(front: Front, seconds: float, wishes: Mapping[str, FrontPoint], files: Sequence[Path]) -> dict[str, Any]:
    """Everything that is printed, JSON-able."""
    points = {row["network"]: json_row(row) for row in records(front.table)}
    return {
        "space": front.space.name,
        "space_hash": front.space.hash,
        "networks": front.space.size.networks,
        "seconds": seconds,
        "objectives": [str(objective) for objective in front.objectives],
        "constraints": [str(constraint) for constraint in front.constraints],
        "predicted": front.predicted,
        "uncounted": list(front.uncounted),
        "front": list(points.values()),
        "nearest": {text: points[point.network] for text, point in wishes.items()},
        "files": [str(path) for path in files],
    }
