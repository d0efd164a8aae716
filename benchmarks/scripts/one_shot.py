"""What an update costs by every one-shot strategy, beside single path uniform (spos): seconds and memory.

    python benchmarks/scripts/one_shot.py [--space lighttrack-tiny] [--batch 8] [--steps 6] [--rounds 3] [--threads 1]

Each round trains with every strategy in turn, as `train-supernet` does, on one batch of noise that is made before, so
that no data is prepared in the time. The first two updates are a warm-up. A ratio is that of a round's medians, CPU
time (with one thread it is the work done, whoever else uses the machine), and the median over the rounds is shown; the
spread is that of the rounds. An update by fair or sandwich trains several paths, and one by a differentiable strategy
takes a step of the architecture too, unless it is joint.

Memory is what an update needs beside weights and moments: gradients and what the backward pass keeps, at the fullest
moment of the fullest of three updates, as torch's allocator counts it, each from a training of its own.
"""

import argparse
import tempfile
from collections.abc import Mapping
from pathlib import Path
from time import perf_counter, process_time
from typing import Any

import numpy as np
import torch

from lighttrack_nas.cost_analysis import load_cost_table
from lighttrack_nas.environment import cpu_name, versions
from lighttrack_nas.memory import keep_freed_memory
from lighttrack_nas.search_spaces.loading import load_space
from lighttrack_nas.search_spaces.space import Space
from lighttrack_nas.strategies.one_shot.fit import fit
from lighttrack_nas.strategies.one_shot.problem import MacsPaths, OneShotProblem, TrainingPlan
from lighttrack_nas.strategies.one_shot.registry import ONE_SHOT_STRATEGIES, one_shot_strategy
from lighttrack_nas.strategies.one_shot.settings import TrainingSettings
from lighttrack_nas.strategies.one_shot.task import TrackingTask
from lighttrack_nas.trackers.losses import LossSettings
from lighttrack_nas.trackers.pairs.pair import Pair, PairBatch, draw_batch
from lighttrack_nas.trackers.targets import TargetSettings

MIB = 2**20
WARM_UP = 2
JOINT = ("darts", "gumbel-darts", "proxyless")


class Noise:
    """A source of pairs of noise with the target in the middle."""

    def __init__(self, space: Space) -> None:
        self._sizes = space.description.template_size, space.description.search_sizes[0]

    def pair(self, rng: np.random.Generator) -> Pair:
        """Draw a pair."""
        template, search = (rng.integers(0, 256, (size, size, 3), np.uint8) for size in self._sizes)
        return Pair(template, search, np.array([0.3, 0.3, 0.4, 0.4], np.float32) * self._sizes[1], True)


class OneBatch(TrackingTask):
    """The tracking task on the same batch again and again."""

    def batch(self, index: int) -> PairBatch:
        """The batch, made once."""
        if "_made" not in self.__dict__:
            object.__setattr__(self, "_made", draw_batch(self.pairs, self.seed, 0, self.batch_size))
        made: PairBatch = self.__dict__["_made"]
        return made


class Watch:
    """Notes the time of every update."""

    def __init__(self) -> None:
        self.times: list[tuple[float, float]] = []

    def __call__(self, steps: int, losses: Mapping[str, float]) -> None:
        """An update has ended."""
        self.times.append((perf_counter(), process_time()))

    def seconds(self) -> np.ndarray:
        """Median seconds an update ``(wall, CPU)``."""
        found: np.ndarray = np.median(np.diff(np.array(self.times)[WARM_UP - 1 :], axis=0), axis=0)
        return found


class Scale:
    """Weighs every update after the warm-up: bytes at its fullest moment, beside weights and moments."""

    def __init__(self, model: Any) -> None:
        self._model = model
        self._profile: Any = None
        self._standing = 0
        self._updates = 0
        self.bytes = 0

    def __call__(self, steps: int, losses: Mapping[str, float]) -> None:
        """An update has ended."""
        if self._profile is not None:
            self._profile.stop()
            events = self._profile.profiler.kineto_results.events()
            changes = sorted((event.start_ns(), event.nbytes()) for event in events if event.name() == "[memory]")
            self.bytes = max(self.bytes, self._standing + int(np.cumsum([change for _, change in changes]).max()))
        self._updates += 1
        if self._updates >= WARM_UP:
            self._standing = sum(p.grad.nbytes for p in self._model.parameters() if p.grad is not None)
            self._profile = torch.profiler.profile(
                activities=[torch.profiler.ProfilerActivity.CPU], profile_memory=True
            )
            self._profile.start()


def train(space: Space, macs: MacsPaths, name: str, chosen: dict[str, Any], batch: int, steps: int, weigh: bool) -> Any:
    """Train by a strategy; the watch or the scale that looked on, and the plan."""
    settings = TrainingSettings(steps=steps, batch_size=batch, workers=0, checkpoint_steps=10**6, log_steps=10**6)
    plan = one_shot_strategy(name, **chosen).plan(OneShotProblem(space=space, settings=settings, macs=lambda: macs))
    torch.manual_seed(0)
    model = space.model_space()
    task = OneBatch(Noise(space), batch, 0, TargetSettings(), LossSettings())
    looks: Any = Scale(model) if weigh else Watch()
    with tempfile.TemporaryDirectory() as folder:
        fit(model, model.network.backbone, task, settings, Path(folder), plan=plan, progress=looks)
    return looks, plan


def cases() -> dict[str, tuple[str, dict[str, Any]]]:
    """What is measured, by its title: every strategy, and the joint form of those that have one."""
    found: dict[str, tuple[str, dict[str, Any]]] = {name: (name, {}) for name in ONE_SHOT_STRATEGIES}
    return found | {f"{name}, joint": (name, {"joint": True}) for name in JOINT}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--space", default="lighttrack-tiny")
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--steps", type=int, default=6, help="timed updates a round")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=1)
    arguments = parser.parse_args()
    kept = keep_freed_memory()
    torch.set_num_threads(arguments.threads)
    space = load_space(arguments.space)
    # Drawing by MACs is not what is compared here, but is part of its strategy's update.
    table = load_cost_table(space)
    from lighttrack_nas.benchmarks.macs_sampler import MacsSampler

    ends = table.extremes("macs")
    macs = MacsPaths(MacsSampler(table).sample, ends.cheapest, ends.dearest)
    print(f"{cpu_name()}; torch {versions()['torch']}, {arguments.threads} threads; ", end="")
    print("freed memory kept" if kept else "default allocator")
    print(f"{arguments.space}, batches of {arguments.batch}; {arguments.rounds} rounds of {arguments.steps} updates")
    taken: dict[str, list[np.ndarray]] = {title: [] for title in cases()}
    plans: dict[str, TrainingPlan] = {}
    for _ in range(arguments.rounds):
        for title, (name, chosen) in cases().items():
            steps = WARM_UP + arguments.steps
            watch, plans[title] = train(space, macs, name, chosen, arguments.batch, steps, weigh=False)
            taken[title].append(watch.seconds())
    weights = sum(p.nbytes for p in space.model_space().parameters())
    print(f"weights {weights / MIB:.1f} MiB, AdamW's moments {2 * weights / MIB:.1f} MiB\n")
    print(f"{'':<20}{'ms an update':>14}{'ratio':>8}{'spread':>14}{'paths':>7}{'a path':>8}{'MiB':>8}{'ratio':>7}")
    least = 0
    for title, (name, chosen) in cases().items():
        scale, _ = train(space, macs, name, chosen, arguments.batch, WARM_UP + 3, weigh=True)
        least = least or scale.bytes
        ratios = np.array([mine[1] / base[1] for mine, base in zip(taken[title], taken["spos"], strict=True)])
        passes, mixed = plans[title].passes, name in JOINT
        spread = f"{ratios.min():.2f}-{ratios.max():.2f}"
        print(
            f"{title:<20}{np.median(taken[title], axis=0)[1] * 1e3:14.0f}{np.median(ratios):8.2f}{spread:>14}"
            f"{'' if mixed else passes:>7}{'' if mixed else f'{np.median(ratios) / passes:.2f}':>8}"
            f"{scale.bytes / MIB:8.1f}{scale.bytes / least:7.2f}"
        )


if __name__ == "__main__":
    main()
