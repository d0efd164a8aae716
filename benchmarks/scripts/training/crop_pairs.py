"""How fast training pairs are made from whole full-HD frames, and from pysot's crops of the same targets.

    python benchmarks/scripts/training/crop_pairs.py [--frames 48] [--pairs 96] [--repeats 7] [--space lighttrack]

Makes frames of 1920 x 1080 as JPEG, with targets of 60 to 400 pixels in them, and crops of 511 pixels as pysot's
scripts cut them; then makes the same pairs of both in turn, on one thread, without a cache of frames, so that each pair
decodes two images as it does in a set that is larger than the memory. Prints pairs a second, and the ratio within each
repeat.
"""

import argparse
import json
import math
import tempfile
from pathlib import Path
from time import perf_counter, process_time

import cv2
import numpy as np

from lighttrack_nas.reporting.environment import cpu_name
from lighttrack_nas.search_spaces.loading.loading import load_space
from lighttrack_nas.trackers.training.labels.crop511 import read_crop, read_crop511
from lighttrack_nas.trackers.training.pairs.pair import PairSource, draw_pair
from lighttrack_nas.trackers.training.pairs.pair_settings import pair_settings
from lighttrack_nas.trackers.training.pairs.tracks import Track, TrackedVideos, TrackPairs

SEED = 0
WIDTH, HEIGHT, QUALITY = 1920, 1080, 92


def scenery(rng: np.random.Generator) -> np.ndarray:
    """A picture with coarse and fine detail, which JPEG takes about as long for as for a photograph."""
    coarse = cv2.resize(rng.integers(0, 256, (18, 32, 3), np.uint8), (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC)
    fine = cv2.resize(rng.integers(0, 60, (HEIGHT // 3, WIDTH // 3, 3), np.uint8), (WIDTH, HEIGHT))
    return cv2.add(cv2.convertScaleAbs(coarse, alpha=0.8), fine)


def crop_of(frame: np.ndarray, x: float, y: float, w: float, h: float) -> np.ndarray:
    """The square around a target that pysot's scripts cut, 511 pixels."""
    side = math.sqrt((w + (w + h) / 2) * (h + (w + h) / 2)) * 511 / 127
    scale = 510 / side
    left, top = x + w / 2 - side / 2, y + h / 2 - side / 2
    matrix = np.array([[scale, 0, -scale * left], [0, scale, -scale * top]])
    colour = frame.reshape(-1, 3).mean(axis=0).tolist()
    return cv2.warpAffine(frame, matrix, (511, 511), borderMode=cv2.BORDER_CONSTANT, borderValue=colour)


def write(folder: Path, frames: int) -> TrackedVideos:
    """Write frames and crops; the frames, as a source reads them."""
    rng, paths, boxes, content = np.random.default_rng(SEED), [], [], {}
    crops = folder / "crop511" / "video"
    crops.mkdir(parents=True)
    for number in range(frames):
        frame = scenery(rng)
        w, h = rng.uniform(60, 400, 2)
        x, y = rng.uniform(0, WIDTH - w), rng.uniform(0, HEIGHT - h)
        paths.append(folder / f"{number:06}.jpg")
        boxes.append((x, y, w, h))
        content[f"{number:06}"] = [x, y, x + w, y + h]
        cv2.imwrite(str(paths[-1]), frame, [cv2.IMWRITE_JPEG_QUALITY, QUALITY])
        crop = crop_of(frame, x, y, w, h)
        cv2.imwrite(str(crops / f"{number:06}.00.x.jpg"), crop, [cv2.IMWRITE_JPEG_QUALITY, QUALITY])
    (folder / "train.json").write_text(json.dumps({"video": {"00": content}}))
    return TrackedVideos({"video": (Track(paths, np.array(boxes)),)})


def seconds(source: PairSource, first: int, pairs: int) -> tuple[float, float]:
    """Wall and processor time of so many pairs."""
    start, worked = perf_counter(), process_time()
    for index in range(first, first + pairs):
        draw_pair(source, SEED, index)
    return perf_counter() - start, process_time() - worked


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--space", default="lighttrack")
    parser.add_argument("--frames", type=int, default=48)
    parser.add_argument("--pairs", type=int, default=96, help="of each in a repeat")
    parser.add_argument("--repeats", type=int, default=7)
    arguments = parser.parse_args()
    cv2.setNumThreads(0)
    space = load_space(arguments.space)
    settings = pair_settings("lighttrack", space.template_size, space.search_sizes[0])
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        frames = TrackPairs(write(folder, arguments.frames), settings, cache_bytes=0)
        crops = TrackPairs(read_crop511(folder / "crop511"), settings, cache_bytes=0, decode=read_crop)
        bytes_of = [np.mean([p.stat().st_size for p in folder.glob(f"{x}*.jpg")]) for x in ("", "crop511/video/")]
        taken: dict[str, list[tuple[float, float]]] = {"frames": [], "crops": []}
        for repeat in range(arguments.repeats + 1):
            for kind, source in (("frames", frames), ("crops", crops)):
                measured = seconds(source, repeat * arguments.pairs, arguments.pairs)
                if repeat > 0:  # the first is a warm-up
                    taken[kind].append(measured)
    print(
        f"{cpu_name()}; OpenCV {cv2.__version__}; one thread; {arguments.repeats} x {arguments.pairs} pairs; ", end=""
    )
    print(f"{arguments.space}: {settings.template_size} and {settings.search_size} pixels")
    print(f"a frame {bytes_of[0] / 1e3:.0f} kB, a crop {bytes_of[1] / 1e3:.0f} kB")
    rates = {kind: arguments.pairs / np.array(repeats) for kind, repeats in taken.items()}
    for kind, rate in rates.items():
        low, median, high = np.percentile(rate[:, 0], [25, 50, 75])
        by_work = np.median(rate[:, 1])
        print(f"  {kind:<8}{median:8.1f} pairs a second ({low:.1f} .. {high:.1f}); by processor time {by_work:.1f}")
    for column, what in enumerate(("wall", "processor time")):
        low, median, high = np.percentile(rates["crops"][:, column] / rates["frames"][:, column], [25, 50, 75])
        print(f"  crops over frames, {what}: {median:.2f} ({low:.2f} .. {high:.2f})")


if __name__ == "__main__":
    main()
