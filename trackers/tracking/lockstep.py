"""Many videos tracked in step: a frame of all of them is one batch for the network.

The boxes are those of `SiameseTracker`, video by video, but for the last digits of batched sums.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from itertools import groupby
from math import ceil
from pathlib import Path
from threading import Lock
from typing import Any, Protocol

import numpy as np

from lighttrack_nas.trackers.base.boxes import checked_box
from lighttrack_nas.trackers.base.errors import InputError
from lighttrack_nas.trackers.data.ahead import read_ahead
from lighttrack_nas.trackers.tracking.array_network import ArrayNetwork, check_search_sizes
from lighttrack_nas.trackers.tracking.hyper_parameters import HyperParameters, load_hyper_parameters
from lighttrack_nas.trackers.tracking.target import Target

# Search pixels in a batch if the caller does not say: 16 crops of 128 pixels, 4 of 256. Larger batches are slower on
# CPUs (benchmarks/scripts/lockstep.py), where their activations fit neither the caches nor the allocator's heap.
_PIXELS = 1 << 18

AfterVideo = Callable[[str, str | None], None]
"""Called when a video is over, with its name and why it failed, None if it did not."""


class Video(Protocol):
    """What is asked of a sequence; `lighttrack_nas.trackers.data.sequence.Sequence` answers it.

    One thing more it may say: ``scale``, pixels of its frames for each of its boxes', where frames are reduced copies
    (`copies`). It is 1 where nothing is said.
    """

    @property
    def name(self) -> str:
        """Unique among the videos."""

    @property
    def boxes(self) -> np.ndarray:
        """``(frames, 4)`` x, y, w, h; only the first is used by trackers."""

    def __len__(self) -> int:
        """Number of frames, 1 or more."""

    def frame(self, index: int) -> np.ndarray:
        """``(height, width, 3)`` BGR uint8; InputError where it cannot be read."""


@dataclass(frozen=True, eq=False)
class Tracks:
    """What became of each video, in the order in which they were given.

    Attributes:
        boxes: Name -> ``(frames, 4)`` x, y, w, h, pixels; the first is the box given.
        scores: Name -> ``(frames,)`` the network's, 0 to 1; NaN for the first.
        lost: Name -> ``(frames,)`` bool, whether the target counts as lost.
        failures: Name -> why the video could not be tracked to its end, one line.
    """

    boxes: dict[str, np.ndarray]
    scores: dict[str, np.ndarray]
    lost: dict[str, np.ndarray]
    failures: dict[str, str]


def track_in_step(
    network: ArrayNetwork,
    videos: Sequence[Video],
    hyper_parameters: HyperParameters | str | Path | Mapping[str, Any] = "default",
    *,
    batch_size: int | None = None,
    readers: int = 0,
    progress: AfterVideo | None = None,
) -> Tracks:
    """Start on every video's first box and follow all targets to the end.

    Videos of one search size and of similar length advance together; those that are over drop out. A video whose
    images or first box cannot be read, or on which the network says nothing finite, does not stop the others.

    Args:
        network: As `SiameseTracker` takes it, with features that take an integer array as index.
        videos: With unique names; see `keep_frames` where they are tracked more than once.
        hyper_parameters: As `SiameseTracker` takes them.
        batch_size: Most videos that advance together; None for what suits a CPU. A GPU wants all.
        readers: Threads that read frames while the network works; they change no box. 0 reads none ahead.
        progress: Called when a video is over; None for silence.

    Returns:
        The boxes of every video, in the pixels of the boxes given, or why there are none.

    Raises:
        InputError: No videos, two of one name, a batch size below 1, unknown or impossible hyper-parameters, or a
            network without proper search sizes.
    """
    settings = load_hyper_parameters(hyper_parameters)
    check_search_sizes(network)
    names = [video.name for video in videos]
    if not names or len(set(names)) < len(names):
        raise InputError(f"videos: expected one or more with different names, got {', '.join(names) or 'none'}")
    if batch_size is not None and batch_size < 1:
        raise InputError(f"batch_size: expected 1 or more, got {batch_size}")
    runs: list[_Run] = []
    failures: dict[str, str] = {}
    with closing(read_ahead(lambda video: video.frame(0), videos, readers)) as firsts:
        for video, frame in firsts:
            with _noted(video.name, failures):
                runs.append(_Run(video, frame(), network, settings))
            if progress is not None and video.name in failures:
                progress(video.name, failures[video.name])
    for together in _batches(runs, batch_size):
        _follow(network, together, failures, readers)
        for run in together:
            if progress is not None:
                progress(run.name, failures.get(run.name))
    whole = [run for run in runs if run.name not in failures]
    return Tracks(
        boxes={run.name: run.boxes for run in whole},
        scores={run.name: run.scores for run in whole},
        lost={run.name: run.lost for run in whole},
        failures={name: failures[name] for name in names if name in failures},
    )


def keep_frames(videos: Iterable[Video], limit: int = 2 << 30) -> list[Video]:
    """Let videos keep their frames in memory once they are read, for those who track them again and again.

    Args:
        videos: Any.
        limit: Bytes of frames that all of them may keep; what finds no room is read again each time.

    Returns:
        Videos of the same names, boxes and frames; the frames cannot be written to.
    """
    memory = _Memory(limit)
    return [_KeptVideo(video, memory) for video in videos]


def scale_of(video: Video) -> float:
    """Pixels of a video's frames for each of its boxes'."""
    return float(getattr(video, "scale", 1.0))


class _Memory:
    """Frames by video and number, up to a number of bytes; several threads may read."""

    def __init__(self, room: int) -> None:
        self._limit = self._room = room
        self._frames: dict[tuple[str, int], np.ndarray] = {}
        self._lock = Lock()

    def __reduce__(self) -> tuple[type[_Memory], tuple[int]]:
        """Another process reads for itself."""
        return _Memory, (self._limit,)

    def read(self, video: Video, index: int) -> np.ndarray:
        key = (video.name, index)
        if key in self._frames:
            return self._frames[key]
        frame = video.frame(index).view()
        frame.setflags(write=False)
        with self._lock:
            if frame.nbytes <= self._room and key not in self._frames:
                self._room -= frame.nbytes
                self._frames[key] = frame
        return frame


class _KeptVideo:
    def __init__(self, video: Video, memory: _Memory) -> None:
        self.name, self.boxes, self.scale = video.name, video.boxes, scale_of(video)
        self._video, self._memory = video, memory

    def __len__(self) -> int:
        return len(self._video)

    def frame(self, index: int) -> np.ndarray:
        return self._memory.read(self._video, index)


class _Run:
    """A video under way: its target, and the boxes found so far."""

    def __init__(self, video: Video, frame: np.ndarray, network: ArrayNetwork, settings: HyperParameters) -> None:
        self._scale = scale_of(video)
        first = checked_box(np.asarray(video.boxes[0]) * self._scale, frame.shape, f"{video.name}, first box")
        self.name, self.length = video.name, len(video)
        self.target = Target(frame, first, network, settings)
        self.boxes = np.full((self.length, 4), np.nan)
        self.boxes[0] = first / self._scale
        self.scores = np.full(self.length, np.nan)
        self.lost = np.zeros(self.length, bool)
        self.frame = video.frame

    def move(self, index: int, logits: np.ndarray, distances: np.ndarray) -> None:
        tracked = self.target.move(logits, distances)
        self.boxes[index], self.scores[index], self.lost[index] = tracked.box / self._scale, tracked.score, tracked.lost


def _batches(runs: Iterable[_Run], batch_size: int | None) -> Iterator[list[_Run]]:
    """Runs of one search size each, longest first, in batches of nearly one size."""
    by_size: dict[int, list[_Run]] = {}
    for run in sorted(runs, key=lambda run: -run.length):
        by_size.setdefault(run.target.search_size, []).append(run)
    for size, alike in by_size.items():
        count = ceil(len(alike) / (batch_size or max(1, _PIXELS // size**2)))
        step = ceil(len(alike) / count)
        yield from (alike[start : start + step] for start in range(0, len(alike), step))


def _follow(network: ArrayNetwork, runs: list[_Run], failures: dict[str, str], readers: int) -> None:
    """Track runs of one search size, longest first, to their ends."""
    every = features = network.template(np.concatenate([run.target.template_image for run in runs]))
    active = list(range(len(runs)))
    order = (
        (index, row)
        for index in range(1, runs[0].length)
        for row, run in enumerate(runs)
        if index < run.length and run.name not in failures
    )
    with closing(read_ahead(lambda place: runs[place[1]].frame(place[0]), order, readers)) as frames:
        for index, together in groupby(frames, lambda frame: frame[0][0]):
            images: dict[int, np.ndarray] = {}
            for (_, row), frame in together:
                # What was read ahead of a failure is not looked at.
                if runs[row].name not in failures:
                    with _noted(runs[row].name, failures):
                        images[row] = runs[row].target.search_image(frame())
            if not images:
                return
            if len(images) < len(active):
                active = list(images)
                features = every[np.array(active)]
            logits, distances = network.track(features, np.concatenate(list(images.values())))
            for place, row in enumerate(active):
                with _noted(runs[row].name, failures):
                    runs[row].move(index, logits[place, 0], distances[place])


@contextmanager
def _noted(name: str, failures: dict[str, str]) -> Iterator[None]:
    """Note a video's failure, so that the others can go on."""
    try:
        yield
    except InputError as error:
        failures[name] = " ".join(str(error).split())
