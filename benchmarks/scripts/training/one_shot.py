"""What an update costs by every one-shot strategy, beside single path uniform (spos): seconds and memory.

    python benchmarks/scripts/training/one_shot.py [--space lighttrack-tiny] [--batch 8] [--steps 6]
        [--rounds 3] [--threads 1] [--only time]

Each round trains with every strategy in turn, as `train-supernet` does, on one batch of noise that is made before, so
that no data is prepared in the time. The first two updates are a warm-up. A ratio is that of a round's medians, CPU
time (with one thread it is the work done, whoever else uses the machine), and the median over the rounds is shown; the
spread is that of the rounds. An update by fair or sandwich trains several paths, and one by a differentiable strategy
takes a step of the architecture too, unless it is joint.

Memory is what an update needs beside weights and moments: gradients and what the backward pass keeps, at the fullest
moment, as torch's allocator counts it in a fresh process. Of strategies that train one path it is that of the fullest
of three updates, each from another seed. Looking takes minutes; --only time leaves it out. What learns from a teacher
does so from the network that ships.
"""

import argparse
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from time import perf_counter, process_time
from typing import Any

import numpy as np
import torch

from lighttrack_nas.benchmarks.costs.macs_sampler import MacsSampler
from lighttrack_nas.costing.cost_analysis import load_cost_table
from lighttrack_nas.models.teachers import load_teacher
from lighttrack_nas.processes.memory import keep_freed_memory
from lighttrack_nas.reporting.environment import cpu_name, versions
from lighttrack_nas.search_spaces.building.model_space import build_model_space
from lighttrack_nas.search_spaces.loading.loading import load_space
from lighttrack_nas.search_spaces.space import Space
from lighttrack_nas.strategies.one_shot.strategies.one_shot_registry import ONE_SHOT_STRATEGIES, one_shot_strategy
from lighttrack_nas.strategies.one_shot.teaching.first_weights import start_from_teacher
from lighttrack_nas.strategies.one_shot.training.fit import fit
from lighttrack_nas.strategies.one_shot.training.one_shot_problem import MacsPaths, OneShotProblem, TrainingPlan
from lighttrack_nas.strategies.one_shot.training.task import TrackingTask
from lighttrack_nas.strategies.one_shot.training.training_settings import TrainingSettings
from lighttrack_nas.trackers.training.batches import to_tensors
from lighttrack_nas.trackers.training.losses import LossSettings
from lighttrack_nas.trackers.training.pairs.pair import Pair, PairBatch, draw_batch
from lighttrack_nas.trackers.training.targets import TargetSettings

MIB = 2**20
WARM_UP = 2
PATHS_WEIGHED = 3
ONE_PATH = ("spos", "macs-uniform", "blockwise, places", "blockwise, paths")
TEACHER = "lighttrack-tiny-generated"
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
        medians: np.ndarray = np.median(np.diff(np.array(self.times)[WARM_UP - 1 :], axis=0), axis=0)
        return medians


class Scale:
    """Weighs the update after the warm-up: bytes at its fullest moment, beside weights and moments."""

    def __init__(self, model: Any) -> None:
        self._model = model
        self._profile: Any = torch.profiler.profile(
            activities=[torch.profiler.ProfilerActivity.CPU], profile_memory=True
        )
        self._standing = 0
        self._updates = 0
        self.bytes = 0

    def __call__(self, steps: int, losses: Mapping[str, float]) -> None:
        """An update has ended."""
        self._updates += 1
        if self._updates == WARM_UP:
            self._standing = sum(p.grad.nbytes for p in self._model.parameters() if p.grad is not None)
            self._profile.start()
        elif self._updates == WARM_UP + 1:
            self._profile.stop()
            events = self._profile.profiler.kineto_results.events()
            changes = sorted((event.start_ns(), event.nbytes()) for event in events if event.name() == "[memory]")
            self.bytes = self._standing + int(np.cumsum([change for _, change in changes]).max())


def train(space: Space, macs: MacsPaths, title: str, batch: int, steps: int, *, seed: int = 0, weigh: bool) -> Any:
    """Train by a strategy; the watch or the scale that looked on, and the plan."""
    name, chosen = cases()[title]
    settings = TrainingSettings(
        steps=steps, batch_size=batch, workers=0, checkpoint_steps=10**6, log_steps=10**6, seed=seed
    )
    problem = OneShotProblem(space=space, settings=settings, macs=lambda: macs, load_teacher=load_teacher)
    plan = one_shot_strategy(name, **chosen).plan(problem)
    torch.manual_seed(0)
    model = build_model_space(space, None if plan.lessons is None else plan.lessons.tasks)
    task = OneBatch(Noise(space), batch, 0, TargetSettings(), LossSettings())
    if plan.lessons is not None:
        start_from_teacher(model, plan.lessons, to_tensors(task.batch(0)))
    looks: Any = Scale(model) if weigh else Watch()
    with tempfile.TemporaryDirectory() as folder:
        fit(model, model.network.backbone, task, settings, Path(folder), plan=plan, progress=looks)
    return looks, plan


def cases() -> dict[str, tuple[str, dict[str, Any]]]:
    """What is measured, by its title: every strategy, and the joint form of those that have one."""
    from_labels = [name for name in ONE_SHOT_STRATEGIES if name != "blockwise"]
    by_title: dict[str, tuple[str, dict[str, Any]]] = {name: (name, {}) for name in from_labels}
    for title, share in (("places", 1.0), ("paths", 0.0)):
        by_title[f"blockwise, {title}"] = ("blockwise", {"teacher": TEACHER, "blocks": share})
    return by_title | {f"{name}, joint": (name, {"joint": True}) for name in JOINT}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--space", default="lighttrack-tiny")
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--steps", type=int, default=6, help="timed updates a round")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--only", choices=["time", "memory"])
    parser.add_argument("--weigh", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    kept = keep_freed_memory()
    torch.set_num_threads(arguments.threads)
    space = load_space(arguments.space)
    table = load_cost_table(space)
    ends = table.extremes("macs")
    macs = MacsPaths(MacsSampler(table).sample, ends.cheapest, ends.dearest)
    if arguments.weigh:
        count = PATHS_WEIGHED if arguments.weigh in ONE_PATH else 1
        looks = [
            train(space, macs, arguments.weigh, arguments.batch, WARM_UP + 1, seed=seed, weigh=True)[0]
            for seed in range(count)
        ]
        print(max(scale.bytes for scale in looks))
        return
    print(f"{cpu_name()}; torch {versions()['torch']}, {arguments.threads} threads; ", end="")
    print("freed memory kept" if kept else "default allocator")
    print(f"{arguments.space}, batches of {arguments.batch}; {arguments.rounds} rounds of {arguments.steps} updates")
    if arguments.only != "memory":
        show_times(space, macs, arguments.batch, arguments.steps, arguments.rounds)
    if arguments.only != "time":
        show_memory(space)


def show_times(space: Space, macs: MacsPaths, batch: int, steps: int, rounds: int) -> None:
    """Train with every strategy in turn, round after round, and print what an update takes."""
    taken: dict[str, list[np.ndarray]] = {title: [] for title in cases()}
    plans: dict[str, TrainingPlan] = {}
    for _ in range(rounds):
        for title in taken:
            watch, plans[title] = train(space, macs, title, batch, WARM_UP + steps, weigh=False)
            taken[title].append(watch.seconds())
    print(f"{'':<20}{'ms an update':>14}{'ratio':>8}{'spread':>14}{'paths':>7}{'a path':>8}")
    for title, (name, _) in cases().items():
        ratios = np.array([mine[1] / base[1] for mine, base in zip(taken[title], taken["spos"], strict=True)])
        passes, mixed = plans[title].passes, name in JOINT
        spread = f"{ratios.min():.2f}-{ratios.max():.2f}"
        print(
            f"{title:<20}{np.median(taken[title], axis=0)[1] * 1e3:14.0f}{np.median(ratios):8.2f}{spread:>14}"
            f"{'' if mixed else passes:>7}{'' if mixed else f'{np.median(ratios) / passes:.2f}':>8}",
            flush=True,
        )


def show_memory(space: Space) -> None:
    """Weigh an update by every strategy, each in a process of its own, and print it."""
    weights = sum(p.nbytes for p in build_model_space(space).parameters())
    print(f"weights {weights / MIB:.1f} MiB, AdamW's moments {2 * weights / MIB:.1f} MiB; an update beside them:")
    least = 0
    for title in cases():
        command = [sys.executable, __file__, *sys.argv[1:], "--weigh", title]
        size = int(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
        least = least or size
        print(f"{title:<20}{size / MIB:8.1f} MiB{size / least:8.2f}", flush=True)


if __name__ == "__main__":
    main()
