"""What a tracked frame costs beyond its network: the bare network and the whole step, in one run.

    python benchmarks/scripts/tracker_step.py MODEL [SEQUENCE] [--frames 640x480 1920x1080 3840x2160] [--threads 2]

MODEL is a model file or an exported folder. Network and step are timed in turn, step by step, so that a machine whose
speed drifts slows both alike: trust the ratio. Frames are decoded before; without a SEQUENCE they are moving noise, the
target a sixth of the frame's height wide and high, and in a second row as large as the frame's height, so that its
search crop reaches far beyond the frame. Medians, in milliseconds:

    crop     the search crop and the network's input of it
    rest     the step without network, crop and input: the choice of a position, and Python

    --processor    counts processor time in place of the clock's, for busy machines; with one thread it is the same
                   on a quiet one
"""

import argparse
from collections.abc import Callable
from pathlib import Path
from time import perf_counter, process_time

import numpy as np

from lighttrack_nas.models.models import load_tracker
from lighttrack_nas.processes.memory import keep_freed_memory
from lighttrack_nas.reporting.environment import cpu_name, versions
from lighttrack_nas.trackers.data.readers.reader_registry import read_sequences
from lighttrack_nas.trackers.tracking.target import Target
from lighttrack_nas.trackers.tracking.tracker import SiameseTracker

WARM_UP = 20
FRAMES = 8  # a few, over and over: those of 4K take 25 MB each


def moving_noise(width: int, height: int, target: float) -> tuple[list[np.ndarray], np.ndarray]:
    """Frames of a bright noisy square that moves over a dark noisy ground, and its first box.

    Args:
        width: Of the frames, pixels.
        height: Of the frames, pixels.
        target: Its sides as a share of the frame's height.
    """
    rng = np.random.default_rng(0)
    ground = rng.integers(0, 80, (height, width, 3), np.uint8)
    side = round(target * height)
    bright = rng.integers(120, 255, (side, side, 3), np.uint8)
    made = []
    for index in range(FRAMES):
        frame, left, top = ground.copy(), width // 8 + index, (height - side) // 2
        frame[top : top + side, left : left + side] = bright
        made.append(frame)
    return made, np.array([width // 8, (height - side) // 2, side, side], float)


def measure(
    tracker: SiameseTracker, frames: list[np.ndarray], box: np.ndarray, steps: int, clock: Callable[[], float]
) -> np.ndarray:
    """``(steps, 3)`` seconds of the network alone, of cropping alone, and of the whole step, in turn."""
    network = tracker.network
    tracker.init(frames[0], box)
    target = Target(frames[0], box, network, tracker.hyper_parameters)
    features, image = network.template(target.template_image), target.search_image(frames[0])
    seconds = []
    for step in range(WARM_UP + steps):
        frame = frames[step % len(frames)]
        if step % len(frames) == 0:
            tracker.init(frames[0], box)  # whatever the network makes of noise, the crop's side stays
        start = clock()
        network.track(features, image)
        ran = clock()
        target.search_image(frame)
        cropped = clock()
        tracker.update(frame)
        seconds.append((ran - start, cropped - ran, clock() - cropped))
    return np.array(seconds[WARM_UP:])


def row(name: str, seconds: np.ndarray) -> str:
    """Medians in milliseconds, and the step over the network."""
    network, crop, step = np.median(seconds, axis=0) * 1e3
    low, high = np.percentile(seconds[:, 2] / seconds[:, 0], [25, 75])
    return (
        f"{name:<26} {network:8.2f} {crop:6.2f} {step - network - crop:6.2f} {step:8.2f} "
        f"{step / network:10.3f}   ({low:.2f} .. {high:.2f})"
    )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model")
    parser.add_argument("sequence", type=Path, nargs="?", help="one sequence's folder (GOT-10k layout)")
    parser.add_argument("--frames", nargs="+", default=["480x360"], metavar="WIDTHxHEIGHT")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--steps", type=int, default=300)
    parser.add_argument("--processor", action="store_true", help="count processor time")
    parser.add_argument("--default-allocator", action="store_true", help="leave glibc as it is (the commands do not)")
    arguments = parser.parse_args()
    clock = process_time if arguments.processor else perf_counter
    kept = not arguments.default_allocator and keep_freed_memory()
    if not Path(arguments.model).is_dir():
        import torch

        torch.set_num_threads(arguments.threads)
    tracker = load_tracker(arguments.model, threads=arguments.threads if Path(arguments.model).is_dir() else None)
    print(f"{cpu_name()}; {versions()}; {arguments.threads} threads; {arguments.steps} steps; ", end="")
    print("processor time; " if arguments.processor else "", end="")
    print("freed memory kept" if kept else "default allocator")
    print(f"{'frames, target':<26} {'network':>8} {'crop':>6} {'rest':>6} {'step':>8} {'step/net':>10}   (quartiles)")
    if arguments.sequence:
        (sequence,) = read_sequences(arguments.sequence)
        frames = [sequence.frame(index) for index in range(min(FRAMES, len(sequence)))]
        print(row(sequence.name, measure(tracker, frames, sequence.boxes[0], arguments.steps, clock)))
        return
    for size in arguments.frames:
        width, height = (int(part) for part in size.split("x"))
        for target in (1 / 6, 1.0):
            frames, box = moving_noise(width, height, target)
            seconds = measure(tracker, frames, box, arguments.steps, clock)
            print(row(f"{size}, {box[2]:.0f} px", seconds), flush=True)


if __name__ == "__main__":
    main()
