"""How long an exported folder's own graphs take on its runtime."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from lighttrack_nas.benchmarks.latency.fingerprint import take_fingerprint
from lighttrack_nas.benchmarks.latency.latency_measuring import Latency
from lighttrack_nas.benchmarks.latency.latency_programs import BRANCHES, checked_options, fixed_threads
from lighttrack_nas.benchmarks.latency.latency_timing import time_calmly
from lighttrack_nas.trackers.base.names import checked_name
from lighttrack_nas.trackers.base.processes import fresh_process
from lighttrack_nas.trackers.runtimes.exported import ExportedNetwork


def measure_exported(
    folder: str | Path,
    *,
    threads: int = 1,
    device: str = "cpu",
    precision: str = "float32",
    branch: str = "track",
    warmup: int = 5,
    repeats: int = 30,
    runtime: str | None = None,
) -> Latency:
    """Time an exported folder as `measure_latency` times a network: its files as they are, its smaller search size.

    Args:
        folder: What `lighttrack-nas export` wrote.
        threads: On the CPU.
        device: "cpu", or what the runtime calls its accelerator.
        precision: In which the graphs compute; what their weights are stored in is the folder's.
        branch: "track" for a frame, the template's features given, or "template".
        warmup: Calls that do not count, before each attempt.
        repeats: Calls that count.
        runtime: See `chosen_runtime`.

    Raises:
        InputError: As `ExportedNetwork`; an unknown branch.
    """
    checked_name(branch, BRANCHES, "branch")
    options = checked_options(threads, device, precision)
    with fixed_threads(threads):
        network = ExportedNetwork(folder, threads, device, precision, runtime)
        template, search = _crop(network.template_size), _crop(network.search_sizes[0])
        images = {"template": network.prepare(template), "track": network.prepare(search)}
        features = network.template(images["template"])
        steps = {
            "template": lambda: network.template(images["template"]),
            "track": lambda: network.track(features, images["track"]),
        }
        timing, attempts = time_calmly(steps[branch], warmup, repeats, waits=device != "cpu")
    return Latency(
        **timing._asdict(),
        repeats=repeats,
        attempts=attempts,
        branch=branch,
        input_size=len(template if branch == "template" else search),
        fingerprint=take_fingerprint(network.runtime, options),
    )


def measure_exported_apart(folder: str | Path, **settings: Any) -> Latency:
    """`measure_exported` in a fresh process, as `measure_apart` times networks."""
    with fresh_process() as process:
        return process.submit(partial(measure_exported, folder, **settings)).result()


def _crop(side: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (side, side, 3), np.uint8)
