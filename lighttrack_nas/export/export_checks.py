"""Whether an exported network is the original: the same real crops through both, and AO where precision is lost."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import ceil
from typing import Any, Protocol

import numpy as np

from lighttrack_nas.benchmarks.evaluation import metrics
from lighttrack_nas.benchmarks.evaluation.one_pass import run_sequence
from lighttrack_nas.trackers.base.boxes import checked_box
from lighttrack_nas.trackers.base.errors import InputError
from lighttrack_nas.trackers.base.progress import Say
from lighttrack_nas.trackers.data.sequence import Sequence as Labelled
from lighttrack_nas.trackers.tracking.array_network import ArrayNetwork
from lighttrack_nas.trackers.tracking.crops import network_input, raw_input
from lighttrack_nas.trackers.tracking.hyper_parameters import HyperParameters
from lighttrack_nas.trackers.tracking.lockstep import Video
from lighttrack_nas.trackers.tracking.tracker import SiameseTracker
from lighttrack_nas.trackers.training.generator.videos import GeneratedVideo, generate_video

BOUNDS = {"float32": 1e-3, "float16": 1e-2, "int8": 1.0}
"""Largest difference that passes, as a share of the original's largest answer, by precision of the weights.

Float32 leaves rounding alone, of sums in another order: below 1e-5 was seen. Half precision rounds every weight to 11
bits, which was seen to add up to 3e-3. A wrong graph (another normalisation, a norm or an activation lost) is off by .1
or more. In int8 single answers say little, so that AO decides; an error as large as the answers is none of int8's.
"""
COMPARED = 32
"""Search crops of each size on which networks are compared, or a few more."""
_FRAME = (320, 240)
_ENTROPY = 0xE5907


class _Original(Protocol):
    stride: int

    def template(self, image: np.ndarray) -> Any: ...
    def track(self, features: Any, image: np.ndarray) -> tuple[np.ndarray, np.ndarray]: ...


@dataclass(frozen=True, eq=False)
class Example:
    """A step of the original.

    Attributes:
        template: The template crop, ``(template_size, template_size, 3)`` BGR uint8.
        search: The search crop, ``(search_size, search_size, 3)`` BGR uint8.
        logits: The original's answer, ``(1, 1, n, n)``.
        distances: The original's answer, ``(1, 4, n, n)``.
    """

    template: np.ndarray
    search: np.ndarray
    logits: np.ndarray
    distances: np.ndarray


@dataclass(frozen=True)
class AnswerDifferences:
    """Largest differences between two networks' answers to the same crops.

    Attributes:
        crops: How many search crops were compared.
        logits: Largest difference.
        logits_share: The same as a share of the original's largest logit, signs aside.
        distances: Largest difference, search pixels.
        distances_share: The same as a share of the original's largest distance.
    """

    crops: int
    logits: float
    logits_share: float
    distances: float
    distances_share: float


def collect_examples(
    original: _Original,
    videos: Sequence[Video],
    *,
    template_size: int,
    search_size: int,
    hyper_parameters: HyperParameters,
    count: int,
) -> list[Example]:
    """Let the original track the first frames of every video, and keep what it saw and said.

    Args:
        original: The network in float32, on arrays.
        videos: Frames and a first box each.
        template_size: Side of the template crop, pixels.
        search_size: Side of the search crop, pixels.
        hyper_parameters: Of the tracker.
        count: Examples wanted; fewer where the videos have no more frames.

    Raises:
        InputError: No video has a second frame, or one cannot be read.
    """
    examples: list[Example] = []
    for video in videos:
        recorder = _Recorder(original, template_size, search_size, examples)
        tracker = SiameseTracker(recorder, hyper_parameters)
        first = video.frame(0)
        tracker.init(first, checked_box(video.boxes[0], first.shape, f"{video.name}, first box"))
        for index in range(1, min(len(video), 1 + ceil(count / len(videos)))):
            tracker.update(video.frame(index))
    if not examples:
        raise InputError("sequences: there is none that has a second frame to compare the networks on")
    return examples[:count]


def compare_answers(
    exported: ArrayNetwork, prepare: Callable[[np.ndarray], np.ndarray], examples: Sequence[Example]
) -> AnswerDifferences:
    """Run an exported network on examples.

    Args:
        exported: The network.
        prepare: Its input of a crop.
        examples: Of the original.
    """
    differences, largest = np.zeros(2), np.zeros(2)
    for example in examples:
        features = exported.template(prepare(example.template))
        answers = exported.track(features, prepare(example.search))
        wanted = (example.logits, example.distances)
        example_differences = [
            np.abs(answer - original).max() for answer, original in zip(answers, wanted, strict=True)
        ]
        differences = np.maximum(differences, example_differences)  # NaN stays
        largest = np.maximum(largest, [np.abs(original).max() for original in wanted])
    shares = differences / np.maximum(largest, np.finfo(float).tiny)
    return AnswerDifferences(
        len(examples), float(differences[0]), float(shares[0]), float(differences[1]), float(shares[1])
    )


def tracked_ao(
    network: ArrayNetwork,
    videos: Sequence[Labelled],
    hyper_parameters: HyperParameters,
    progress: Say,
) -> float:
    """AO of a network over sequences, a fraction; NaN where no box is known after the first frame."""
    tracker = SiameseTracker(network, hyper_parameters)
    scores = []
    for video in videos:
        track = run_sequence(tracker, video)
        scores.append(metrics.score_frames(track.boxes, video.boxes, video.absent))
        progress(video.name)
    return metrics.overall_metrics(scores)["ao"]


def generated_videos(count: int, frames: int) -> list[Video]:
    """Generated videos to take crops from; of chance that neither training nor the frozen sets use."""
    return [_InMemory(f"generated {index + 1}", _generate(index, frames)) for index in range(count)]


def _generate(index: int, frames: int) -> GeneratedVideo:
    # A spawn key keeps it apart from training's seeds, as for the frozen sets.
    rng = np.random.default_rng(np.random.SeedSequence(_ENTROPY, spawn_key=(index,)))
    return generate_video(rng, frames=frames, width=_FRAME[0], height=_FRAME[1])


class _InMemory:
    def __init__(self, name: str, video: GeneratedVideo) -> None:
        self.name, self.boxes, self._frames = name, video.boxes, video.frames

    def __len__(self) -> int:
        return len(self._frames)

    def frame(self, index: int) -> np.ndarray:
        return self._frames[index]


class _Recorder:
    """The original behind the tracker, with crops of given sizes; it notes every step."""

    def __init__(self, original: _Original, template_size: int, search_size: int, examples: list[Example]) -> None:
        self.template_size, self.stride = template_size, original.stride
        self.search_sizes: tuple[int, ...] = (search_size,)
        self._original, self._examples = original, examples

    def prepare(self, crop: np.ndarray) -> np.ndarray:
        return raw_input(crop)

    def template(self, image: np.ndarray) -> tuple[np.ndarray, Any]:
        return image[0], self._original.template(network_input(image[0]))

    def track(self, features: tuple[np.ndarray, Any], image: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        template, own = features
        answer = self._original.track(own, network_input(image[0]))
        self._examples.append(Example(template, image[0], *answer))
        return answer
