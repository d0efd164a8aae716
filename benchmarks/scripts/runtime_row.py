"""One row of `runtimes.py`: a tracker's step, its network alone, and the process's memory, timed in this process.

    python benchmarks/scripts/runtime_row.py JOB

JOB is a `Job` as JSON; what was measured is the last line printed, as JSON.
"""

import json
import sys
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np

from lighttrack_nas.models.models import load_model
from lighttrack_nas.processes.memory import keep_freed_memory
from lighttrack_nas.trackers.data.readers.reader_registry import read_sequences
from lighttrack_nas.trackers.runtimes.program import Options, open_program
from lighttrack_nas.trackers.tracking.baselines import build_baseline
from lighttrack_nas.trackers.tracking.crops import network_input, raw_input
from lighttrack_nas.trackers.tracking.tracker import SiameseTracker

WARM_UP = 20
FRAMES = 30  # a few, over and over: they are in the process's memory too


@dataclass(frozen=True)
class Job:
    """What one process measures.

    Attributes:
        name: For the table.
        runtime: Of the package, or "baseline".
        source: The model file, the folder of the graphs, or the baseline's name.
        computed: Precision.
        raw: Whether the graphs take crops as they are.
        hyper_parameters: Of the tracker.
        sizes: Template size, stride, search sizes.
        sequence: Folder of the frames; empty for noise.
        threads: On the CPU.
        steps: Timed.
    """

    name: str
    runtime: str
    source: str
    computed: str
    raw: bool
    hyper_parameters: dict[str, Any]
    sizes: tuple[int, ...]
    sequence: str
    threads: int
    steps: int


class Programs:
    """A template program and a track program for each search size, for the tracker."""

    def __init__(self, job: Job) -> None:
        self.template_size, self.stride, *searches = job.sizes
        self.search_sizes = tuple(searches)
        self.prepare = raw_input if job.raw else network_input
        options = Options(job.threads, precision=job.computed)
        self._template = open_program(job.runtime, Path(job.source) / "template", options)
        self._track = {
            size: open_program(job.runtime, Path(job.source) / f"track-{size}", options) for size in searches
        }

    def template(self, image: np.ndarray) -> np.ndarray:
        """See `ArrayNetwork.template`."""
        return self._template.run(image)[0]

    def track(self, features: np.ndarray, image: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """See `ArrayNetwork.track`."""
        logits, distances = self._track[image.shape[2]].run(features, image)
        return logits, distances


class Modules(Programs):
    """The same of programs that torch makes of modules."""

    def __init__(self, job: Job) -> None:
        from lighttrack_nas.trackers.runtimes.graphs import template_graph, track_graph
        from lighttrack_nas.trackers.runtimes.program import make_program

        network = load_model(job.source).network
        self.template_size, self.stride, *searches = job.sizes
        self.search_sizes, self.prepare = tuple(searches), network_input
        options = Options(job.threads)
        self._template = make_program(job.runtime, template_graph(network), options)
        self._track = {size: make_program(job.runtime, track_graph(network, size), options) for size in searches}


def as_it_is(job: Job) -> Any:
    """The model file in torch, as `load_tracker` takes it."""
    import torch

    from lighttrack_nas.trackers.runtimes.torch_network import TorchNetwork

    torch.set_num_threads(job.threads)
    return TorchNetwork(load_model(job.source).network)


def moving_noise(frames: int) -> tuple[list[np.ndarray], np.ndarray]:
    """Frames of a bright noisy rectangle that moves over a dark noisy ground, and its first box."""
    rng = np.random.default_rng(0)
    ground = rng.integers(0, 80, (360, 480, 3), np.uint8)
    target = rng.integers(120, 255, (60, 80, 3), np.uint8)
    made = []
    for index in range(frames):
        frame = ground.copy()
        left = 60 + 2 * index
        frame[150:210, left : left + 80] = target
        made.append(frame)
    return made, np.array([60.0, 150.0, 80.0, 60.0])


def measure(job: Job) -> dict[str, Any]:
    """Time steps in this process; seconds of each."""
    keep_freed_memory()
    if job.sequence:
        (sequence,) = read_sequences(job.sequence)
        frames, box = [sequence.frame(index) for index in range(min(len(sequence), FRAMES))], sequence.boxes[0]
    else:
        frames, box = moving_noise(FRAMES)
    bare: list[float] = []
    if job.runtime == "baseline":
        tracker: Any = build_baseline(job.source)
    else:
        makers = {"torch": as_it_is, "torch-compiled": Modules}
        network = makers.get(job.runtime, Programs)(job)
        tracker = SiameseTracker(network, job.hyper_parameters)
    whole: list[float] = []
    for step in range(WARM_UP + job.steps):
        index = step % (len(frames) - 1)
        if index == 0:
            tracker.init(frames[0], box)
        if step == 0 and job.runtime != "baseline":
            crop = np.random.default_rng(0).integers(0, 256, (tracker.search_size, tracker.search_size, 3), np.uint8)
            prepare = getattr(network, "prepare", network_input)
            image = prepare(crop)
            features = network.template(prepare(crop[: network.template_size, : network.template_size]))
        start = perf_counter()
        if job.runtime != "baseline":
            network.track(features, image)
        middle = perf_counter()
        tracker.update(frames[index + 1])
        if step >= WARM_UP:
            bare.append(middle - start)
            whole.append(perf_counter() - middle)
    memory = status()
    return {
        "bare": bare if job.runtime != "baseline" else [],
        "whole": whole,
        "resident": memory["VmRSS"],
        "peak": memory["VmHWM"],
        "torch": "torch" in sys.modules,
        "shape": frames[0].shape[:2],
    }


def status() -> dict[str, float]:
    """Memory of this process, MB; NaN where the system does not tell (Linux does)."""
    sizes = {"VmRSS": float("nan"), "VmHWM": float("nan")}
    file = Path("/proc/self/status")
    for line in file.read_text().splitlines() if file.exists() else []:
        name, _, value = line.partition(":")
        if name in sizes:
            sizes[name] = int(value.split()[0]) * 1024 / 1e6
    return sizes


if __name__ == "__main__":
    print(json.dumps(measure(Job(**json.loads(sys.argv[1])))))
