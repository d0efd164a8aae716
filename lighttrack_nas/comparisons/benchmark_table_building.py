"""Building a tabular benchmark: every path of a space measured on one trained supernet, by several processes."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import numpy as np

from lighttrack_nas.benchmarks.evaluation.result_files import write_run_record
from lighttrack_nas.benchmarks.scoring.tabular_benchmark import COSTS, SECONDS, BenchmarkTable
from lighttrack_nas.chain.evaluators import prepare_torch, search_latency, supernet_evaluator, with_chosen
from lighttrack_nas.config.config import Config
from lighttrack_nas.processes.parallel_jobs import in_processes
from lighttrack_nas.processes.worker_gpus import gpus_of_workers
from lighttrack_nas.reporting.environment import cpu_name, versions
from lighttrack_nas.search_spaces.enumeration import count_paths, paths
from lighttrack_nas.search_spaces.loading.loading import load_space
from lighttrack_nas.search_spaces.space import Architecture, Space
from lighttrack_nas.trackers.base.errors import InputError
from lighttrack_nas.trackers.base.progress import Progress, Say

ROWS = "rows.jsonl"
"""What was measured so far, a line an architecture; a build that was stopped goes on from it."""


def build_table(config: Config, say: Say, progress: Progress | None = None) -> BenchmarkTable:
    """Measure every path of a space, or go on with a build that was stopped.

    Args:
        config: Its supernet must be trained; `table` says what is measured, `search` with what settings.
        say: Told sentences for the user.
        progress: Told of the rows done since its last call.

    Raises:
        InputError: The supernet is not trained, the space has more paths than `table.largest`, the folder holds
            another build, or an architecture cannot be measured.
    """
    prepare_torch(config)
    space, part = load_space(config.space), config.table
    wanted = chosen_paths(space, part.largest, part.sample, config.seed)
    evaluator = supernet_evaluator(config, say, processes=part.workers + 1)
    scores = [name for name in part.measurements if name not in COSTS]
    for name in scores:
        evaluator.measure(wanted[0], [name])  # what cannot be measured is said now, not by a worker
    record = evaluator.record() | {"measured": scores, "versions": versions(), "machine": cpu_name()}
    folder = config.folder("table")
    write_run_record(folder, record | {"rows": len(wanted)})
    rows = _Rows(folder / ROWS)
    missing = [index for index in range(len(wanted)) if index not in rows.known]
    if progress is not None and rows.known:
        progress(len(rows.known), "from an earlier call")
    with rows.open():
        chosen, gpus = with_chosen(config, evaluator.sequences), gpus_of_workers(config.device)
        for index, row in in_processes(partial(_measuring, chosen, wanted, scores), missing, part.workers, gpus):
            rows.add(index, row)
            if progress is not None:
                progress(1, "")
    columns: dict[str, list[float]] = {name: [rows.known[i][name] for i in range(len(wanted))] for name in scores}
    if set(part.measurements) & set(COSTS):
        wants_latency = "latency_ms" in part.measurements
        costs = evaluator
        if wants_latency:
            latency = search_latency(config, space, say)
            costs = supernet_evaluator(config, say, latency, processes=part.workers + 1)
        network_costs = [costs.costs(architecture) for architecture in wanted]
        columns |= {name: [row[name] for row in network_costs] for name in part.measurements if name in COSTS}
        if wants_latency:
            record |= {"latency": costs.latency_record()}
    columns[SECONDS] = [rows.known[i][SECONDS] for i in range(len(wanted))]
    return BenchmarkTable(space, wanted, columns, record)


def chosen_paths(space: Space, largest: int, sample: int | None, seed: int) -> list[Architecture]:
    """The rows of a table: all paths, or a sample of them.

    Args:
        space: The space.
        largest: Most rows of a table that holds all.
        sample: How many paths to draw, every label combination equally likely; None takes all.
        seed: Of the draw.

    Raises:
        InputError: The space has more paths than `largest`, and no sample was asked for; or the sample is larger than
            the space.
    """
    count = count_paths(space)
    if sample is None:
        if count > largest:
            raise InputError(
                f"space '{space.name}' has {count:,} paths, more than table.largest ({largest:,}): take a smaller "
                "space, or measure a sample (table.sample)"
            )
        return list(paths(space))
    if sample > count:
        raise InputError(f"table.sample: space '{space.name}' has {count:,} paths, fewer than {sample:,}")
    rng = np.random.default_rng(seed)
    drawn: dict[Architecture, None] = {}
    while len(drawn) < sample:
        drawn.setdefault(space.sample(rng).path())
    return list(drawn)


class _Rows:
    """The measured rows on disk. A line that a kill cut short is measured again."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.known: dict[int, dict[str, float]] = {}
        whole = b""
        if path.is_file():
            whole = path.read_bytes()
            whole = whole[: whole.rfind(b"\n") + 1]
        for number, line in enumerate(whole.splitlines(), start=1):
            try:
                row = json.loads(line)
                self.known[int(row.pop("row"))] = {name: float(value) for name, value in row.items()}
            except (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError):
                raise InputError(f"'{path}', line {number}: no row of a table; delete the file to build anew") from None
        self._whole = len(whole)

    @contextmanager
    def open(self) -> Iterator[None]:
        with self._path.open("ab") as self._file:
            self._file.truncate(self._whole)
            yield

    def add(self, index: int, row: Mapping[str, float]) -> None:
        self._file.write(json.dumps({"row": index, **row}).encode() + b"\n")
        self._file.flush()
        self.known[index] = dict(row)


def _measuring(config: Config, wanted: list[Architecture], scores: list[str]) -> Callable[[int], dict[str, float]]:
    """What measures a row, in a process of its own."""
    import torch

    torch.set_num_threads(1)
    evaluator = supernet_evaluator(config, lambda sentence: None, processes=config.table.workers + 1)
    evaluator.measure(wanted[0], scores)  # reads pairs and frames, so that no row's seconds hold that

    def measure(index: int) -> dict[str, float]:
        start = time.perf_counter()
        row = dict(evaluator.measure(wanted[index], scores))
        return row | {SECONDS: time.perf_counter() - start}

    return measure
