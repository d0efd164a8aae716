"""What a candidate of a search costs beside its network's inference.

    python benchmarks/scripts/candidate_overhead.py [SPACE ...] [--batches 10] [--batch-size 32] [--quick-pairs 400]

Medians over different architectures, in turn; on a busy machine trust the CPU time (exact with one thread). Where the
network would run (recalibration, quick score) it answers from a store, so that what is left is the work around it.
Tracking's own share, the crops and the choice of a box, is part of `ao` and not in the sum; nor are the sampler's
proposal and the storage of the trial. The last lines show, for comparison, what takes the network itself.
"""

import argparse
from collections.abc import Callable
from time import perf_counter, process_time
from typing import Any, TypeVar

import numpy as np
import torch

from lighttrack_nas.benchmarks.costs.cost_table import CostTable
from lighttrack_nas.benchmarks.latency.latency_measuring import measure_latency
from lighttrack_nas.benchmarks.scoring.batchnorm_calibration import recalibrate
from lighttrack_nas.benchmarks.scoring.network_scores import fixed_pairs_loss
from lighttrack_nas.benchmarks.scoring.supernet_evaluator import SupernetEvaluator
from lighttrack_nas.reporting.environment import cpu_name, versions
from lighttrack_nas.search_spaces.building.supernet import Supernet
from lighttrack_nas.search_spaces.loading.loading import load_space
from lighttrack_nas.trackers.training.batches import TensorBatch, to_tensors
from lighttrack_nas.trackers.training.losses import LossSettings
from lighttrack_nas.trackers.training.pairs.pair import PairBatch
from lighttrack_nas.trackers.training.targets import TargetSettings


def noise(size: int, template_size: int, search_size: int) -> TensorBatch:
    """A batch of noise with a box in the middle of each crop."""
    rng = np.random.default_rng(0)
    templates = rng.integers(0, 256, (size, template_size, template_size, 3), np.uint8)
    searches = rng.integers(0, 256, (size, search_size, search_size, 3), np.uint8)
    boxes = np.tile(np.array([0.3, 0.3, 0.4, 0.4], np.float32) * search_size, (size, 1))
    return to_tensors(PairBatch(templates, searches, boxes, np.ones(size, bool)))


T = TypeVar("T")
Times = dict[str, list[tuple[float, float]]]
"""What was done -> milliseconds of the clock and of this process's CPU time, each time it was done."""


def timed(times: Times, name: str, action: Callable[..., T], *arguments: Any) -> T:
    """Do something and note how long it took."""
    start, worked = perf_counter(), process_time()
    result = action(*arguments)
    times.setdefault(name, []).append(((perf_counter() - start) * 1e3, (process_time() - worked) * 1e3))
    return result


def show(name: str, milliseconds: np.ndarray) -> None:
    """Print a line."""
    print(f"  {name:<34} {milliseconds[0]:9.3f} ms   (CPU time {milliseconds[1]:.3f} ms)")


def measure(space_name: str, arguments: argparse.Namespace) -> None:
    """Measure one space and print."""
    space = load_space(space_name)
    supernet = Supernet(space)
    evaluator, table = SupernetEvaluator(supernet), CostTable(space)
    rng = np.random.default_rng(0)
    start = perf_counter()
    table.build()
    build = perf_counter() - start
    start = perf_counter()
    _ = evaluator.fingerprint
    print(f"{space_name}: once: cost table {build:.1f} s, fingerprint {perf_counter() - start:.1f} s")
    description = space.description
    batch = noise(arguments.batch_size, description.template_size, description.search_sizes[0])
    calibrating = [batch] * arguments.batches
    scored = [batch] * -(-arguments.quick_pairs // arguments.batch_size)
    settings = TargetSettings(), LossSettings()
    around: Times = {}
    inference: Times = {}
    for number in range(arguments.warm_up + arguments.candidates):
        if number == arguments.warm_up:
            around, inference = {}, {}
        architecture = space.sample(rng)
        timed(around, "normal forms", lambda drawn: (drawn.path(), drawn.canonical()), architecture)
        timed(around, "costs", table.costs, architecture)
        network = timed(around, "extract", evaluator.extract, architecture)
        timed(inference, "recalibrate, a batch", recalibrate, network, [batch])
        with torch.inference_mode():
            answers = network(batch.template, batch.search)
        timed(inference, "quick score, a batch", fixed_pairs_loss, network, [batch], *settings)
        # In place of the network's own, which is what is to be left out of the time.
        network.forward = lambda *_, stored=answers: stored  # type: ignore[method-assign]  # an answer that costs nothing
        timed(around, "recalibrate", recalibrate, network, calibrating)
        timed(around, "quick score", fixed_pairs_loss, network, scored, *settings)
        del network.forward
    frame = measure_latency(network, threads=arguments.threads)
    medians = {name: np.median(times, axis=0) for name, times in around.items()}
    for name, milliseconds in medians.items():
        show(name, milliseconds)
    show("around a candidate, sum", np.sum(list(medians.values()), axis=0))
    for name, times in inference.items():
        show(f"with inference: {name}", np.median(times, axis=0))
    quartiles = f"quartiles {frame.low_ms:.3f} .. {frame.high_ms:.3f}"
    print(f"  {'inference of a frame':<34} {frame.median_ms:9.3f} ms   ({quartiles})")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("spaces", nargs="*", default=["lighttrack-tiny", "lighttrack"])
    parser.add_argument("--candidates", type=int, default=15)
    parser.add_argument("--warm-up", type=int, default=2)
    parser.add_argument("--batches", type=int, default=10, help="batches that BatchNorm statistics are estimated on")
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--quick-pairs", type=int, default=400)
    parser.add_argument("--threads", type=int, default=1)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    print(f"{cpu_name()}; torch {versions()['torch']}, {arguments.threads} threads; ", end="")
    print(f"{arguments.batches} x {arguments.batch_size} pairs to calibrate, {arguments.quick_pairs} to score")
    for name in arguments.spaces:
        measure(name, arguments)


if __name__ == "__main__":
    main()
