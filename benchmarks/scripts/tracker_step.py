"""What a tracked frame costs beyond its network: medians of the bare network and of the whole step, in one run.

    python benchmarks/scripts/tracker_step.py model.safetensors [SEQUENCE] [--threads 2] [--steps 300]

Both are timed in turn, step by step, so that a machine whose speed drifts slows both alike: trust the ratio. Frames are
decoded before; without a SEQUENCE they are 480 x 360 pixels of moving noise.
"""

import argparse
from pathlib import Path
from time import perf_counter

import numpy as np
import torch

from lighttrack_nas.models.models import load_model
from lighttrack_nas.processes.memory import keep_freed_memory
from lighttrack_nas.reporting.environment import cpu_name, versions
from lighttrack_nas.trackers.data.readers.reader_registry import read_sequences
from lighttrack_nas.trackers.runtimes.torch_network import TorchNetwork
from lighttrack_nas.trackers.tracking.crops import crop_square, network_input
from lighttrack_nas.trackers.tracking.tracker import SiameseTracker

WARM_UP = 20


def moving_noise(frames: int) -> tuple[list[np.ndarray], np.ndarray]:
    """Frames of a bright noisy square that moves over a dark noisy ground, and its first box."""
    rng = np.random.default_rng(0)
    ground = rng.integers(0, 80, (360, 480, 3), np.uint8)
    target = rng.integers(120, 255, (60, 80, 3), np.uint8)
    made = []
    for index in range(frames):
        frame = ground.copy()
        left = 60 + index % 200
        frame[150:210, left : left + 80] = target
        made.append(frame)
    return made, np.array([60.0, 150.0, 80.0, 60.0])


def summary(name: str, seconds: list[float]) -> str:
    """Median and quartiles in milliseconds."""
    low, median, high = np.percentile(seconds, [25, 50, 75]) * 1e3
    return f"{name:<28} {median:7.2f} ms   (quartiles {low:.2f} .. {high:.2f})"


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path)
    parser.add_argument("sequence", type=Path, nargs="?", help="one sequence's folder (GOT-10k layout)")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--steps", type=int, default=300)
    parser.add_argument("--default-allocator", action="store_true", help="leave glibc as it is (the commands do not)")
    arguments = parser.parse_args()
    kept = not arguments.default_allocator and keep_freed_memory()
    torch.set_num_threads(arguments.threads)
    model = load_model(arguments.model)
    network = TorchNetwork(model.network)
    if arguments.sequence:
        (sequence,) = read_sequences(arguments.sequence)
        frames, box = list(sequence.frames()), sequence.boxes[0]
    else:
        frames, box = moving_noise(200)
    tracker = SiameseTracker(network, model.hyper_parameters)
    tracker.init(frames[0], box)
    size = tracker.search_size
    image = torch.from_numpy(network_input(crop_square(frames[0], box[:2], size, size, np.zeros(3))))
    with torch.inference_mode():
        features = model.network.template(torch.zeros(1, 3, network.template_size, network.template_size))
    bare, whole = [], []
    for step in range(WARM_UP + arguments.steps):
        index = step % (len(frames) - 1)
        if index == 0:
            tracker.init(frames[0], box)
        start = perf_counter()
        with torch.inference_mode():
            model.network.track(features, image)
        middle = perf_counter()
        tracker.update(frames[index + 1])
        if step >= WARM_UP:
            bare.append(middle - start)
            whole.append(perf_counter() - middle)
    installed = versions()
    print(f"{cpu_name()}; torch {installed['torch']}, {torch.get_num_threads()} threads; search {size} px; ", end="")
    print(f"frames {frames[0].shape[1]} x {frames[0].shape[0]}; {arguments.steps} steps; ", end="")
    print("freed memory kept" if kept else "default allocator")
    print(summary("network alone", bare))
    print(summary("tracker.update", whole))
    ratios = np.array(whole) / np.array(bare)
    print(f"ratio of medians {np.median(whole) / np.median(bare):.3f}; median of ratios {np.median(ratios):.3f}")


if __name__ == "__main__":
    main()
