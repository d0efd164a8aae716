"""What a candidate's AO on full-HD sequences takes, by how its frames are read: seconds, figures, memory and disk.

    python benchmarks/scripts/tracking/validation_frames.py FOLDER [--sequences 180] [--frames 10] [--model FILE]

Sequences of 1920 x 1080 pixels are made in FOLDER unless they are there: JPEG of quality 90, targets of 60 to 700
pixels that move over a soft, grainy ground. Each way runs in a process of its own, one after the other, and keeps no
decoded frame: of GOT-10k's validation, 21,007 frames, 2 GiB would hold 350. Minutes are reckoned for as many frames.
"""

import argparse
import multiprocessing
import resource
from pathlib import Path
from time import perf_counter, process_time
from typing import NamedTuple

import cv2
import numpy as np
import torch

from lighttrack_nas.benchmarks.scoring.network_scores import track_ao
from lighttrack_nas.models.models import load_model
from lighttrack_nas.processes.memory import keep_freed_memory
from lighttrack_nas.reporting.environment import cpu_name, versions
from lighttrack_nas.trackers.data.readers.reader_registry import read_sequences
from lighttrack_nas.trackers.tracking.copies import CopySettings, ReducedVideo, with_copies
from lighttrack_nas.trackers.tracking.hyper_parameters import load_hyper_parameters
from lighttrack_nas.trackers.tracking.lockstep import Video

WIDTH, HEIGHT = 1920, 1080
FRAMES_OF_GOT = 21_007


class Way(NamedTuple):
    """How frames are read."""

    name: str
    readers: int
    margin: float | None


WAYS = (
    Way("frames, decoded in between", 0, None),
    Way("frames, 1 reader", 1, None),
    Way("frames, 2 readers", 2, None),
    Way("copies 2, just made", 1, 2.0),
    Way("copies 2, decoded in between", 0, 2.0),
    Way("copies 2, 1 reader", 1, 2.0),
    Way("copies 1, just made", 1, 1.0),
    Way("copies 1, 1 reader", 1, 1.0),
)


class Measured(NamedTuple):
    """What a way took."""

    seconds: float
    processor: float
    making: float
    reduced: int
    ao: dict[str, float]
    memory: int


def grainy(rng: np.random.Generator, width: int, height: int) -> np.ndarray:
    """A picture ``(height, width, 3)`` float32 of soft patches with finer ones on them."""
    picture = np.zeros((height, width, 3), np.float32)
    for cell, strength in ((240, 90), (60, 40), (12, 25)):
        shape = (max(2, height // cell), max(2, width // cell), 3)
        coarse = rng.uniform(-strength, strength, shape).astype(np.float32)
        picture += cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)
    return picture + 128


def make_sequence(folder: Path, side: float, frames: int, seed: int) -> None:
    """Write a sequence in GOT-10k's layout, its list of boxes last."""
    rng = np.random.default_rng(seed)
    folder.mkdir(parents=True, exist_ok=True)
    ground = grainy(rng, WIDTH + 100, HEIGHT + 100)
    width = round(side * rng.uniform(0.8, 1.25))
    height = round(side**2 / width)
    target = grainy(rng, width, height) * 0.6 + rng.uniform(0, 100, 3).astype(np.float32)
    mask = np.zeros((height, width, 1), np.float32)
    cv2.ellipse(mask, (width // 2, height // 2), (width // 2, height // 2), 0, 0, 360, (1.0,), -1)
    place, speed = rng.uniform((0, 0), (WIDTH - width, HEIGHT - height)), rng.normal(0, 0.04 * side, 2)
    lines = []
    for index in range(frames):
        x, y = np.clip(place, 0, (WIDTH - width, HEIGHT - height)).astype(int)
        frame = ground[index * 3 : index * 3 + HEIGHT, index * 5 : index * 5 + WIDTH].copy()
        inside = frame[y : y + height, x : x + width]
        inside[:] = inside * (1 - mask) + target * mask
        frame += rng.normal(0, 3, (HEIGHT, WIDTH, 1)).astype(np.float32)
        pixels = np.clip(frame, 0, 255).astype(np.uint8)
        cv2.imwrite(str(folder / f"{index + 1:08d}.jpg"), pixels, [cv2.IMWRITE_JPEG_QUALITY, 90])
        lines.append(f"{x},{y},{width},{height}\n")
        speed += rng.normal(0, 0.02 * side, 2)
        place = place + speed
    (folder / "groundtruth.txt").write_text("".join(lines))


def measure(way: Way, folder: Path, copies: Path, model: Path, threads: int) -> Measured:
    """Score a network once."""
    keep_freed_memory()
    torch.set_num_threads(threads)
    network, hyper_parameters = load_model(model).network, load_hyper_parameters("default")
    sequences = read_sequences(folder)
    frames: list[Video] = list(sequences)
    start = perf_counter()
    if way.margin is not None:
        settings = CopySettings(
            copies / f"{way.margin:g}-{network.template_size}",
            way.margin,
            network.template_size,
            hyper_parameters.context,
            limit=1 << 40,
            readers=way.readers,
        )
        frames = with_copies(sequences, settings, lambda _: None)
    making = perf_counter() - start
    track_ao(network, sequences[:1], hyper_parameters, frames=frames[:1])  # warm-up
    start, used = perf_counter(), process_time()
    scores = track_ao(network, sequences, hyper_parameters, frames=frames, readers=way.readers)
    seconds, processor = perf_counter() - start, process_time() - used
    ao = {name: figures["ao"] for name, figures in scores["per_sequence"].items()}
    reduced = sum(len(video) for video in frames if isinstance(video, ReducedVideo))
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    return Measured(seconds, processor, making, reduced, ao, memory)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--sequences", type=int, default=180)
    parser.add_argument("--frames", type=int, default=10)
    parser.add_argument(
        "--model", type=Path, default=Path("lighttrack_nas/pretrained/lighttrack-tiny-generated.safetensors")
    )
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--ways", type=int, nargs="+", default=list(range(len(WAYS))), help="of the list, from 0")
    arguments = parser.parse_args()
    data = arguments.folder / f"sequences-{arguments.sequences}-{arguments.frames}"
    for number, side in enumerate(np.geomspace(60, 700, arguments.sequences)):
        if not (data / f"video{number:03d}" / "groundtruth.txt").exists():
            make_sequence(data / f"video{number:03d}", side, arguments.frames, number)
    total = arguments.sequences * arguments.frames
    size = sum(path.stat().st_size for path in data.rglob("*.jpg"))
    print(f"{cpu_name()}; torch {versions()['torch']}, {arguments.threads} threads; {arguments.model.name}; ", end="")
    print(f"{arguments.sequences} sequences, {total} frames of {size / total / 1e3:.0f} kB")
    copies = arguments.folder / f"copies-{arguments.sequences}-{arguments.frames}"
    exact: np.ndarray | None = None
    context = multiprocessing.get_context("spawn")
    for way in (WAYS[number] for number in arguments.ways):
        with context.Pool(1) as pool:
            measured = pool.apply(measure, (way, data, copies, arguments.model, arguments.threads))
        ao = np.array(list(measured.ao.values()))
        exact = ao if exact is None else exact
        change, stored = np.abs(ao - exact), sum(p.stat().st_size for p in copies.rglob("*.frames"))
        reckoned = measured.seconds / total * FRAMES_OF_GOT / 60
        print(
            f"{way.name:<30} {measured.seconds / total * 1e3:6.2f} ms/frame "
            f"({measured.processor / total * 1e3:.2f} of processors), {reckoned:5.1f} min",
            end="; ",
        )
        print(f"AO {ao.mean():.4f} ({ao.mean() - exact.mean():+.4f}; a sequence {change.mean():.4f}, ", end="")
        print(f"at most {change.max():.3f}); {measured.memory / 2**20:5.0f} MiB", end="; ")
        print(f"{measured.reduced} reduced, {measured.making:.0f} s; {stored / 2**20:.0f} MiB of copies", flush=True)


if __name__ == "__main__":
    main()
