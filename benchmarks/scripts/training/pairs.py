"""How fast training pairs are made, and how long a training waits for them.

    python benchmarks/scripts/training/pairs.py [--space lighttrack-tiny] [--pairs 64] [--steps 24]
        [--repeats 5] [--trainings 2]

First pairs per second of every source, one thread each, in turn: generated; and where LIGHTTRACK_NAS_DATA names the
folder of the real data, sequences, stills, and the mixture of all three that `examples/real_video` trains on. Then the
share of a training that is spent waiting for the next batch, as the loader of `strategies.one_shot` gives it: real
steps of the supernet, batches made in the training's own process (0 workers) and beside it (1 worker), in turn.
"""

import argparse
import os
from time import perf_counter, process_time
from typing import Any

import cv2
import numpy as np
import torch
from torch import nn

from lighttrack_nas.chain.data import training_pairs
from lighttrack_nas.config.config import Config
from lighttrack_nas.processes.memory import keep_freed_memory
from lighttrack_nas.reporting.environment import cpu_name, versions
from lighttrack_nas.search_spaces.building.supernet import Supernet
from lighttrack_nas.search_spaces.loading.loading import load_space
from lighttrack_nas.search_spaces.space import Space
from lighttrack_nas.strategies.one_shot.strategies.uniform import path_at
from lighttrack_nas.strategies.one_shot.training.loader import BatchLoader
from lighttrack_nas.strategies.one_shot.training.module import TrainingModule
from lighttrack_nas.strategies.one_shot.training.task import TrackingTask
from lighttrack_nas.strategies.one_shot.training.training_settings import TrainingSettings
from lighttrack_nas.trackers.training.losses import LossSettings
from lighttrack_nas.trackers.training.pairs.pair import PairSource, draw_pair
from lighttrack_nas.trackers.training.targets import TargetSettings

SEED = 0
WARM_UP = 8  # steps, in which kernels are made ready and the worker's lead of four batches is used up
GENERATED = {"kind": "generated", "weight": 0.35}
SEQUENCES = {
    "kind": "sequences",
    "weight": 0.4,
    "path": "$LIGHTTRACK_NAS_DATA/sequences/train",
    "frame_range": 40,
}
STILLS = {"kind": "stills", "weight": 0.25, "path": "$LIGHTTRACK_NAS_DATA/images"}


def sources(space: Space) -> dict[str, PairSource]:
    """Every source that there is data for, by name."""
    wanted: dict[str, list[dict[str, Any]]] = {"generated": [GENERATED]}
    if os.environ.get("LIGHTTRACK_NAS_DATA"):
        wanted |= {"sequences": [SEQUENCES], "stills": [STILLS], "mixture": [GENERATED, SEQUENCES, STILLS]}
    configs = {name: Config.model_validate({"data": {"sources": parts}}) for name, parts in wanted.items()}
    return {name: training_pairs(config, space) for name, config in configs.items()}


def show_speed(by_name: dict[str, PairSource], pairs: int, repeats: int) -> None:
    """Time every source in turn, other pairs in every repeat, and print."""
    taken: dict[str, list[tuple[float, float]]] = {name: [] for name in by_name}
    for repeat in range(repeats + 1):
        for name, source in by_name.items():
            start, worked = perf_counter(), process_time()
            for index in range(repeat * pairs, (repeat + 1) * pairs):
                draw_pair(source, SEED, index)
            if repeat > 0:  # the first is a warm-up
                taken[name].append((perf_counter() - start, process_time() - worked))
    print(f"  {'pairs per second':<24}{'median':>8}   quartiles       by CPU time")
    for name, seconds in taken.items():
        low, median, high = np.percentile(pairs / np.array(seconds)[:, 0], [25, 50, 75])
        by_work = np.median(pairs / np.array(seconds)[:, 1])
        print(f"  {name:<24}{median:8.0f}   {low:5.0f} .. {high:<5.0f}{by_work:14.0f}")


def steps_of_supernet(space: Space, task: TrackingTask, settings: TrainingSettings, workers: int) -> np.ndarray:
    """Train a supernet; seconds ``(steps, 2)`` of each step waited for the batch and worked on it."""
    torch.manual_seed(SEED)
    supernet = Supernet(space).train()
    model = supernet.model_space.to(memory_format=torch.channels_last)
    module = TrainingModule(task, settings, model.network.backbone)
    module.set_model(model)
    optimizer = module.configure_optimizers()
    batches = iter(BatchLoader(task, first=0, total=WARM_UP + settings.steps, workers=workers))
    taken = []
    for step in range(WARM_UP + settings.steps):
        start = perf_counter()
        batch = next(batches)
        middle = perf_counter()
        supernet.pin(path_at(space, SEED, step))
        loss = module.training_step(batch, 0)
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), settings.clip or float("inf"))
        optimizer.step()
        taken.append((middle - start, perf_counter() - middle))
    return np.array(taken)[WARM_UP:]


def show_waiting(space: Space, name: str, source: PairSource, settings: TrainingSettings, repeats: int) -> None:
    """Train short supernets with 0 and 1 workers in turn, and print how long they waited."""
    task = TrackingTask(source, settings.batch_size, SEED, TargetSettings(), LossSettings())
    taken: dict[int, list[np.ndarray]] = {0: [], 1: []}
    for _ in range(repeats):
        for workers, runs in taken.items():
            runs.append(steps_of_supernet(space, task, settings, workers))
    for workers, runs in taken.items():
        shares = [run[:, 0].sum() / run.sum() for run in runs]
        waited, worked = np.median(np.concatenate(runs), axis=0) * 1e3
        shares_text = ", ".join(f"{share:.1%}" for share in shares)
        print(f"  {name:<10}{workers} workers: waiting {np.median(shares):6.1%} of the time  ({shares_text}); ", end="")
        print(f"medians of a step: waited {waited:.1f} ms, worked {worked:.1f} ms")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--space", default="lighttrack-tiny")
    parser.add_argument("--pairs", type=int, default=64, help="of a source in a repeat")
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--steps", type=int, default=24, help="of a training whose waiting is timed")
    parser.add_argument("--repeats", type=int, default=5, help="of every speed")
    parser.add_argument("--trainings", type=int, default=2, help="of every source and number of workers")
    parser.add_argument("--threads", type=int, default=1, help="of the training step; pairs are made on one")
    parser.add_argument("--only", choices=["speed", "waiting"])
    arguments = parser.parse_args()
    kept = keep_freed_memory()
    torch.set_num_threads(arguments.threads)
    cv2.setNumThreads(0)
    space = load_space(arguments.space)
    pair_sources = sources(space)
    description = space.description
    print(f"{cpu_name()}; torch {versions()['torch']}, OpenCV {cv2.__version__}, {arguments.threads} threads; ", end="")
    print("freed memory kept" if kept else "default allocator")
    print(f"{arguments.space}: crops {description.template_size} and {description.search_sizes[0]}; ", end="")
    print(f"{arguments.repeats} x {arguments.pairs} pairs; steps of {arguments.batch}")
    if arguments.only != "waiting":
        show_speed(pair_sources, arguments.pairs, arguments.repeats)
    if arguments.only != "speed":
        settings = TrainingSettings(steps=arguments.steps, batch_size=arguments.batch)
        for name in [name for name in ("generated", "mixture") if name in pair_sources]:
            show_waiting(space, name, pair_sources[name], settings, arguments.trainings)


if __name__ == "__main__":
    main()
