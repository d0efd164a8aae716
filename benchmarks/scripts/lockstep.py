"""What tracking videos in step gains over one after another: frames per second of both, in one run.

    python benchmarks/scripts/lockstep.py [--space lighttrack-tiny lighttrack] [--videos 16] [--frames 20] [--threads 2]

The network is a random one of the space with random weights. Videos are moving noise in memory, so nothing is decoded.
Both ways are timed in turn, so that a machine whose speed drifts slows both alike: trust the ratio. Then follows where
the time of a batch of the default size goes.
"""

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from time import perf_counter

import numpy as np
import torch

from lighttrack_nas.processes.memory import keep_freed_memory
from lighttrack_nas.reporting.environment import cpu_name, versions
from lighttrack_nas.search_spaces.building.builder import build_network
from lighttrack_nas.search_spaces.loading.loading import load_space
from lighttrack_nas.trackers.runtimes.torch_network import TorchNetwork
from lighttrack_nas.trackers.tracking.lockstep import track_in_step
from lighttrack_nas.trackers.tracking.tracker import SiameseTracker


@dataclass(frozen=True, eq=False)
class Noise:
    """A video in memory."""

    name: str
    pictures: list[np.ndarray]
    boxes: np.ndarray

    def __len__(self) -> int:
        return len(self.pictures)

    def frame(self, index: int) -> np.ndarray:
        """The picture."""
        return self.pictures[index]


class Clocked:
    """A network that counts the seconds spent in it."""

    def __init__(self, network: TorchNetwork) -> None:
        self.template_size, self.search_sizes, self.stride = network.template_size, network.search_sizes, network.stride
        self.template = network.template
        self._network = network
        self.seconds = 0.0

    def track(self, features: torch.Tensor, image: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """See `ArrayNetwork.track`; the arrays are the host's, so a GPU is waited for."""
        start = perf_counter()
        answers = self._network.track(features, image)
        self.seconds += perf_counter() - start
        return answers


def moving_noise(count: int, frames: int, seed: int = 0) -> list[Noise]:
    """Videos of 320 x 240 pixels in which a bright noisy rectangle moves over a dark noisy ground."""
    rng = np.random.default_rng(seed)
    videos = []
    for number in range(count):
        ground = rng.integers(0, 80, (240, 320, 3), np.uint8)
        width, height = rng.integers(30, 80, 2)
        target = rng.integers(120, 255, (height, width, 3), np.uint8)
        left, top = rng.integers(0, (320 - width, 240 - height))
        pictures, boxes = [], []
        for index in range(frames):
            picture = ground.copy()
            x = (left + 2 * index) % (320 - width)
            picture[top : top + height, x : x + width] = target
            pictures.append(picture)
            boxes.append([x, top, width, height])
        videos.append(Noise(f"noise-{number}", pictures, np.array(boxes, float)))
    return videos


def one_by_one(network: TorchNetwork, videos: list[Noise]) -> dict[str, np.ndarray]:
    """Track each video to its end before the next."""
    tracks = {}
    for video in videos:
        tracker = SiameseTracker(network)
        tracker.init(video.frame(0), video.boxes[0])
        boxes = [tracker.update(video.frame(index))[0] for index in range(1, len(video))]
        tracks[video.name] = np.array([video.boxes[0], *boxes])
    return tracks


def timed(work: Callable[..., object], *arguments: object, **options: object) -> float:
    """Seconds that a call takes."""
    start = perf_counter()
    work(*arguments, **options)
    return perf_counter() - start


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--space", nargs="+", default=["lighttrack-tiny", "lighttrack"])
    parser.add_argument("--videos", type=int, default=16)
    parser.add_argument("--frames", type=int, default=20)
    parser.add_argument("--batch-sizes", type=int, nargs="+", default=[2, 4, 8, 16])
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--default-allocator", action="store_true", help="leave glibc as it is (the commands do not)")
    arguments = parser.parse_args()
    kept = not arguments.default_allocator and keep_freed_memory()
    torch.set_num_threads(arguments.threads)
    videos = moving_noise(arguments.videos, arguments.frames)
    steps = arguments.videos * (arguments.frames - 1)
    where = torch.cuda.get_device_name(arguments.device) if arguments.device.startswith("cuda") else cpu_name()
    print(f"{where}; torch {versions()['torch']}, {torch.get_num_threads()} threads; ", end="")
    print(f"{arguments.videos} videos of {arguments.frames} frames; medians of {arguments.repeats}; ", end="")
    print("freed memory kept" if kept else "default allocator")
    for name in arguments.space:
        space = load_space(name)
        network = TorchNetwork(build_network(space.sample(np.random.default_rng(0))), arguments.device)
        sizes: list[int | None] = [None, *arguments.batch_sizes]
        alone: list[float] = []
        together: dict[int | None, list[float]] = {size: [] for size in sizes}
        for repeat in range(arguments.repeats + 1):
            seconds = timed(one_by_one, network, videos)
            if repeat > 0:  # the first is a warm-up
                alone.append(seconds)
            for size in sizes:
                seconds = timed(track_in_step, network, videos, batch_size=size)
                if repeat > 0:
                    together[size].append(seconds)
        print(f"\n{name}, search {network.search_sizes[0]}, stride {network.stride}")
        print(f"  {'one by one':<16} {steps / np.median(alone):8.1f} frames/s")
        for size in sizes:
            ratio = np.median(np.array(alone) / np.array(together[size]))
            label = f"batches of {size}" if size else "default batches"
            print(f"  {label:<16} {steps / np.median(together[size]):8.1f} frames/s   x {ratio:.2f}")
        clocked = Clocked(network)
        whole = timed(track_in_step, clocked, videos)
        rest = (whole - clocked.seconds) / steps * 1e3
        print(f"  a frame in step: network {clocked.seconds / steps * 1e3:.2f} ms, all else {rest:.2f} ms")


if __name__ == "__main__":
    main()
