"""What a single-path training step of a supernet costs beside the same step of the plain network: time and memory.

    python benchmarks/scripts/training/training_step.py [--space lighttrack] [--batch 4] [--paths 4]
        [--repeats 4] [--threads 1]

Both run the same paths, drawn as training draws them, on the same batch with the same starting weights, in turn: a
round is supernet, plain, plain, supernet ... over all paths. The first round is a warm-up, in which kernels and moments
are made ready. A step is what `strategies.one_shot` does in it: drawing and pinning the path (supernet only), loss,
gradients, the look at their norm and clipping, AdamW, moving average (--average). Plain networks are built before. On a
busy machine trust the ratios, and of those the CPU time's (with one thread it is the work done).

Memory is told twice, each from a fresh process that trains the same paths one after another: all tensors at the fullest
moment of a step, as torch's allocator counts them, which is exact; and the process's resident memory (Linux only),
which varies by a tenth from run to run. The supernet has moments for all weights, as late in a training, so its idle
weights are in it three times.
"""

import argparse
import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import perf_counter, process_time
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.optim.swa_utils import get_ema_multi_avg_fn

from lighttrack_nas.processes.memory import keep_freed_memory
from lighttrack_nas.reporting.environment import cpu_name, versions
from lighttrack_nas.search_spaces.building.builder import build_network
from lighttrack_nas.search_spaces.building.model_space import nni_sample
from lighttrack_nas.search_spaces.building.nni_adapter import BaseSuperNetModule
from lighttrack_nas.search_spaces.building.supernet import Supernet
from lighttrack_nas.search_spaces.loading.loading import load_space
from lighttrack_nas.search_spaces.space import Architecture, Space
from lighttrack_nas.strategies.one_shot.strategies.uniform import path_at
from lighttrack_nas.strategies.one_shot.training.loader import Sealed
from lighttrack_nas.strategies.one_shot.training.module import TrainingModule
from lighttrack_nas.strategies.one_shot.training.task import TrackingTask
from lighttrack_nas.strategies.one_shot.training.training_settings import TrainingSettings
from lighttrack_nas.trackers.training.losses import LossSettings
from lighttrack_nas.trackers.training.pairs.pair import Pair, draw_batch
from lighttrack_nas.trackers.training.targets import TargetSettings

MIB = 2**20
SEED = 0
STEP_PARTS = ("draw and pin the path", "loss", "gradients", "norm and clipping", "optimiser", "moving average")


class NoisePairs:
    """A source of pairs of noise with the target in the middle."""

    def __init__(self, space: Space) -> None:
        self._sizes = space.description.template_size, space.description.search_sizes[0]

    def pair(self, rng: np.random.Generator) -> Pair:
        """Draw a pair."""
        template, search = (rng.integers(0, 256, (size, size, 3), np.uint8) for size in self._sizes)
        return Pair(template, search, np.array([0.3, 0.3, 0.4, 0.4], np.float32) * self._sizes[1], True)


class Clock:
    """Adds up seconds of the wall and of this process's CPU time, part by part."""

    def __init__(self) -> None:
        self.seconds = {part: np.zeros(2) for part in STEP_PARTS}

    @contextmanager
    def part(self, name: str) -> Iterator[None]:
        """Note what is done inside."""
        start, worked = perf_counter(), process_time()
        yield
        self.seconds[name] += perf_counter() - start, process_time() - worked


class Trained:
    """A model in training, without the loop around it.

    Args:
        space: The model's space.
        model: A supernet's model space, or a plain network.
        backbone: Of the model.
        settings: How to train.
    """

    def __init__(self, space: Space, model: nn.Module, backbone: nn.Module, settings: TrainingSettings) -> None:
        self.space, self.settings = space, settings
        self.model = model.train()
        if settings.channels_last:
            model.to(memory_format=torch.channels_last)
        task = TrackingTask(NoisePairs(space), settings.batch_size, SEED, TargetSettings(), LossSettings())
        self._module = TrainingModule(task, settings, backbone)
        self._module.set_model(model)
        self.optimizer = self._module.configure_optimizers()
        self.parameters = [p for group in self.optimizer.param_groups for p in group["params"]]
        self._choices = [module for module in model.modules() if isinstance(module, BaseSuperNetModule)]
        self._average = [t.clone() for t in self._tensors()] if settings.average is not None else None

    def step(self, batch: Sealed, number: int, clock: Clock) -> None:
        """Train on a batch; a supernet trains the path of the step's number."""
        if self._choices:
            with clock.part("draw and pin the path"):
                sample = nni_sample(path_at(self.space, SEED, number))
                for choice in self._choices:
                    choice.resample(memo=sample)
        with clock.part("loss"):
            loss = self._module.training_step(batch, 0)
        with clock.part("gradients"):
            self.optimizer.zero_grad()
            loss.backward()
        with clock.part("norm and clipping"):
            # The callback `BadSteps` looks at the norm, then Lightning clips.
            float(nn.utils.get_total_norm([p.grad for p in self.parameters if p.grad is not None]))
            if self.settings.clip is not None:
                nn.utils.clip_grad_norm_(self.parameters, self.settings.clip)
        with clock.part("optimiser"):
            self.optimizer.step()
        if self._average is not None and self.settings.average is not None:
            with clock.part("moving average"):
                get_ema_multi_avg_fn(self.settings.average)(self._average, self._tensors(), number)

    def fill_moments(self, at_once: int = 32) -> None:
        """Make the optimiser's moments of every weight, as late in a training, and change no weight."""
        rates = [group["lr"] for group in self.optimizer.param_groups]
        for group in self.optimizer.param_groups:
            group["lr"] = 0.0
        for first in range(0, len(self.parameters), at_once):  # few at once, so that no peak comes of it
            for parameter in self.parameters[first : first + at_once]:
                parameter.grad = torch.zeros_like(parameter)
            self.optimizer.step()
            self.optimizer.zero_grad()
        for group, rate in zip(self.optimizer.param_groups, rates, strict=True):
            group["lr"] = rate

    def bytes(self) -> tuple[int, int]:
        """Size of weights and statistics, and of the optimiser's moments and the average."""
        moments = [v for state in self.optimizer.state.values() for v in state.values() if isinstance(v, Tensor)]
        weights = sum(t.nbytes for t in (*self.model.parameters(), *self.model.buffers()))
        return weights, sum(t.nbytes for t in (*moments, *(self._average or ())))

    def _tensors(self) -> list[Tensor]:
        return [t.detach() for t in self.model.state_dict().values() if t.is_floating_point()]


def supernet(space: Space, settings: TrainingSettings) -> Trained:
    """A supernet in training, with weights from torch's generator."""
    model = Supernet(space).model_space
    return Trained(space, model, model.network.backbone, settings)


def plain(space: Space, architecture: Architecture, settings: TrainingSettings, source: Trained | None) -> Trained:
    """A plain network in training, with a supernet's weights if there is one."""
    model: Any = None if source is None else source.model
    network: Any = build_network(architecture) if model is None else model.freeze(nni_sample(architecture))
    return Trained(space, network, network.backbone, settings)


def noise_batch(space: Space, size: int) -> Sealed:
    """A batch of noise."""
    return Sealed(draw_batch(NoisePairs(space), SEED, 0, size))


def measure_time(space: Space, settings: TrainingSettings, paths: int, repeats: int) -> np.ndarray:
    """Milliseconds ``(supernet or plain, step, part, wall or CPU)``."""
    batch = noise_batch(space, settings.batch_size)
    shared = supernet(space, settings)
    shared.fill_moments()
    alone = [plain(space, path_at(space, SEED, number), settings, shared) for number in range(paths)]
    taken: tuple[list[np.ndarray], list[np.ndarray]] = ([], [])
    for repeat in range(repeats + 1):
        for number in range(paths):
            # Who comes second finds the caches warm: take turns.
            for which in (0, 1) if (repeat + number) % 2 == 0 else (1, 0):
                clock = Clock()
                (shared, alone[number])[which].step(batch, number, clock)
                if repeat > 0:
                    taken[which].append(np.array(list(clock.seconds.values())) * 1e3)
    return np.array(taken)


def show_time(times: np.ndarray) -> None:
    """Print parts, whole steps and ratios."""
    steps = times.sum(axis=2)  # (supernet or plain, step, wall or CPU)
    print(f"  {'median, ms':<24}{'supernet':>10}{'plain':>10}   (CPU time)")
    for index, part in enumerate(STEP_PARTS):
        (one, one_cpu), (other, other_cpu) = np.median(times[:, :, index], axis=1)
        if one or other:
            print(f"  {part:<24}{one:10.2f}{other:10.2f}   ({one_cpu:.2f}, {other_cpu:.2f})")
    for name, percent in (("whole step", 50), ("  lower quartile", 25), ("  upper quartile", 75)):
        (one, one_cpu), (other, other_cpu) = np.percentile(steps, percent, axis=1)
        print(f"  {name:<24}{one:10.2f}{other:10.2f}   ({one_cpu:.2f}, {other_cpu:.2f})")
    of_medians = np.divide(*np.median(steps, axis=1))
    for name, ratios in (
        ("ratio of medians", of_medians),
        ("median of ratios", np.median(steps[0] / steps[1], axis=0)),
    ):
        print(f"  {name:<24}{ratios[0]:10.3f}             (CPU time {ratios[1]:.3f})")


def status(field: str) -> int:
    """Bytes of a field of this process's status: VmRSS, or VmHWM, its peak (which, unlike getrusage's, is its own)."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(f"{field}:"))


def peak_of_step(trained: Trained, batch: Sealed, number: int) -> int:
    """Bytes of all tensors at a step's fullest moment, as torch's allocator counts them: exact, and the same each time.

    What oneDNN keeps for itself and what the allocator below holds back is not in it; it is in the resident memory.
    """
    standing = sum(trained.bytes()) + sum(p.grad.nbytes for p in trained.parameters if p.grad is not None)
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU], profile_memory=True) as profile:
        trained.step(batch, number, Clock())
    events: Any = profile.profiler.kineto_results.events()
    changes = sorted((event.start_ns(), event.nbytes()) for event in events if event.name() == "[memory]")
    return standing + int(np.cumsum([change for _, change in changes]).max())


def measure_memory(which: str, space: Space, settings: TrainingSettings, paths: int) -> dict[str, Any]:
    """Train every path in this process for three steps, then for one that is looked at; bytes."""
    batch = noise_batch(space, settings.batch_size)
    torch.optim.AdamW([torch.zeros(1, requires_grad=True)])  # imports what an optimiser needs
    memory: dict[str, Any] = {"before": status("VmRSS"), "weights": [], "moments": [], "peaks": []}
    shared = supernet(space, settings) if which == "supernet" else None
    if shared is not None:
        shared.fill_moments()
    for looked_at in (False, True):  # looking takes memory of its own
        for number in range(paths):
            trained = shared or plain(space, path_at(space, SEED, number), settings, None)
            for _ in range(1 if looked_at else 3):
                trained.step(batch, number, Clock())
            if looked_at:
                sizes = (*trained.bytes(), peak_of_step(trained, batch, number))
                for name, size in zip(("weights", "moments", "peaks"), sizes, strict=True):
                    memory[name].append(size)
            del trained  # let go of a plain network before the next is built
        memory.setdefault("resident", status("VmHWM"))
    return memory


def show_memory(memory: dict[str, dict[str, Any]]) -> None:
    """Print both, and their ratios."""
    one, other = memory["supernet"], memory["plain"]
    rows = {
        "weights and statistics": [max(figures["weights"]) for figures in (one, other)],
        "moments and average": [max(figures["moments"]) for figures in (one, other)],
        "tensors at their peak": [max(figures["peaks"]) for figures in (one, other)],
        "process, imported": [figures["before"] for figures in (one, other)],
        "process, growth": [figures["resident"] - figures["before"] for figures in (one, other)],
        "process, peak": [figures["resident"] for figures in (one, other)],
    }
    print(f"  {'memory, MiB':<24}{'supernet':>10}{'plain':>10}   ratio")
    for name, (mine, theirs) in rows.items():
        print(f"  {name:<24}{mine / MIB:10.1f}{theirs / MIB:10.1f}   {mine / theirs:.3f}")
    ratios = np.array(one["peaks"]) / np.array(other["peaks"])
    print(f"  tensors at their peak, path by path: ratio {ratios.min():.3f} .. {ratios.max():.3f}, ", end="")
    print(f"median {np.median(ratios):.3f}")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--space", default="lighttrack")
    parser.add_argument("--batch", type=int, default=4)
    parser.add_argument("--paths", type=int, default=4)
    parser.add_argument("--repeats", type=int, default=4, help="rounds over all paths")
    parser.add_argument("--optimizer", choices=["adamw", "sgd"], default="adamw")
    parser.add_argument("--average", type=float, help="decay of a moving average of the weights, such as .99")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--only", choices=["time", "memory"])
    parser.add_argument("--memory-of", choices=["supernet", "plain"], help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    kept = keep_freed_memory()
    torch.manual_seed(SEED)
    torch.set_num_threads(arguments.threads)
    space = load_space(arguments.space)
    settings = TrainingSettings(
        steps=1, batch_size=arguments.batch, optimizer=arguments.optimizer, average=arguments.average
    )
    if arguments.memory_of:
        print(json.dumps(measure_memory(arguments.memory_of, space, settings, arguments.paths)))
        return
    description = space.description
    print(f"{cpu_name()}; torch {versions()['torch']}, {arguments.threads} threads; ", end="")
    print("freed memory kept" if kept else "default allocator")
    print(f"{arguments.space}: crops {description.template_size} and {description.search_sizes[0]}, ", end="")
    print(
        f"batches of {arguments.batch}, {arguments.optimizer}; {arguments.paths} paths, {arguments.repeats} steps each"
    )
    if arguments.only != "memory":
        show_time(measure_time(space, settings, arguments.paths, arguments.repeats))
    if arguments.only != "time":
        memory = {}
        for which in ("supernet", "plain"):
            command = [sys.executable, __file__, *sys.argv[1:], "--memory-of", which]
            memory[which] = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
        show_memory(memory)


if __name__ == "__main__":
    main()
