"""Time and memory of search crops of large targets: as they are cut, and as they were, padded as a whole before.

    python benchmarks/scripts/tracking/large_crops.py [--frame 7680x4320] [--size 256] [--largest-padded 2]

The target stands in the frame's corner, its sides shares of the frame's height, up to 3 times the longer side: the most
that a tracker takes. Every row is measured in a process of its own (Linux): the least time of 7 crops (of fewer, where
they take more than a second), and the memory that they take at the most. Both crops are compared, to the bit.

    --largest-padded    GB of the largest square that is padded as a whole, for the comparison
"""

import argparse
import multiprocessing
from collections.abc import Callable
from pathlib import Path
from time import perf_counter

import cv2
import numpy as np

from lighttrack_nas.reporting.environment import cpu_name, versions
from lighttrack_nas.trackers.tracking.crops import context_side, crop_corner, crop_square, mean_colour

TARGETS = (0.25, 0.5, 1.0, 2.0, 5.33)
"""Sides, as shares of the frame's height."""


def padded_crop(frame: np.ndarray, centre: np.ndarray, side: int, size: int, padding: np.ndarray) -> np.ndarray:
    """The square padded as a whole, then resized; arguments as of `crop_square`."""
    left, top = crop_corner(centre, side)
    x, y = max(left, 0), max(top, 0)
    inside = frame[y : max(top + side, 0), x : max(left + side, 0)]
    after_y, after_x = side - (y - top) - inside.shape[0], side - (x - left) - inside.shape[1]
    colour = [float(int(c)) for c in padding]
    square = cv2.copyMakeBorder(inside, y - top, after_y, x - left, after_x, cv2.BORDER_CONSTANT, value=colour)
    return cv2.resize(square, (size, size))


def measure(crop: Callable[..., np.ndarray], shape: tuple[int, int], target: float, size: int) -> tuple[float, float]:
    """Least seconds, and megabytes at the most beside what was there before; in a fresh process."""
    frame = noise(shape)
    given = frame, np.array(shape[::-1]) * 0.05, side_of(shape, target, size), size, mean_colour(frame)
    crop(np.zeros((8, 8, 3), np.uint8), np.array([4.0, 4.0]), 16, 8, np.zeros(3))  # what OpenCV loads at first
    Path("/proc/self/clear_refs").write_text("5")  # the most so far is forgotten
    before = resident("VmRSS")
    seconds: list[float] = []
    while len(seconds) < 7 and sum(seconds) < 1:
        start = perf_counter()
        crop(*given)
        seconds.append(perf_counter() - start)
    return min(seconds), resident("VmHWM") - before


def resident(what: str) -> float:
    """This process's memory in megabytes: VmRSS now, VmHWM at the most."""
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith(what))
    return int(line.split()[1]) / 1024


def noise(shape: tuple[int, int]) -> np.ndarray:
    """A frame of noise, ``(height, width, 3)`` uint8."""
    return np.random.default_rng(0).integers(0, 256, (*shape, 3), np.uint8)


def side_of(shape: tuple[int, int], target: float, size: int) -> int:
    """The side of a search crop twice as large as its template, in pixels of the frame."""
    return round(context_side(np.full(2, target * shape[0]), 0.5) * size / (size // 2))


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--frame", default="7680x4320", metavar="WIDTHxHEIGHT")
    parser.add_argument("--size", type=int, default=256, help="of the crop, pixels")
    parser.add_argument("--largest-padded", type=float, default=2.0, metavar="GB")
    arguments = parser.parse_args()
    width, height = (int(part) for part in arguments.frame.split("x"))
    shape, frame = (height, width), noise((height, width))
    print(
        f"{cpu_name()}; OpenCV {versions()['opencv']}, {cv2.getNumThreads()} threads; frames of {arguments.frame}, ",
        end="",
    )
    print(f"crops of {arguments.size} pixels")
    print(f"{'target':>7} {'square':>7} {'ms':>9} {'MB':>7} {'padded: ms':>11} {'MB':>7}  equal")
    fresh = multiprocessing.get_context("spawn")
    for target in TARGETS:
        side = side_of(shape, target, arguments.size)
        ways = [crop_square] + [padded_crop] * (3 * side**2 < arguments.largest_padded * 1e9)
        words = f"{target * height:7.0f} {side:7d}"
        for way in ways:
            with fresh.Pool(1) as process:
                seconds, megabytes = process.apply(measure, (way, shape, target, arguments.size))
            words += f" {seconds * 1e3:{9 if way is crop_square else 11}.1f} {megabytes:7.0f}"
        if len(ways) == 2:
            given = frame, np.array([width, height]) * 0.05, side, arguments.size, mean_colour(frame)
            words += f"  {np.array_equal(crop_square(*given), padded_crop(*given))}"
        print(words, flush=True)


if __name__ == "__main__":
    main()
