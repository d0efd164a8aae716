"""Fitting what a tracker says of its target's presence, and the rule by which it calls the target lost."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import product
from typing import TYPE_CHECKING

import numpy as np

from lighttrack_nas.benchmarks.evaluation.metrics import score_frames
from lighttrack_nas.benchmarks.evaluation.presence_metrics import HIT, PresenceFrames, presence_metrics
from lighttrack_nas.trackers.base.errors import InputError
from lighttrack_nas.trackers.base.progress import Progress
from lighttrack_nas.trackers.tracking.hyper_parameters import HyperParameters
from lighttrack_nas.trackers.tracking.lockstep import Tracks, track_in_step
from lighttrack_nas.trackers.tracking.presence import logit, presence_of

if TYPE_CHECKING:
    from lighttrack_nas.trackers.data.sequence import Sequence as Video
    from lighttrack_nas.trackers.tracking.array_network import ArrayNetwork
    from lighttrack_nas.trackers.tracking.lockstep import Video as FrameSource

RULES = tuple(product((3, 5, 8), ((0.1, 0.3), (0.15, 0.4))))
"""Frames of low presence, and the presence below which a target is lost and above which it is found, that are tried."""
_FOREIGN_FRAMES = 60
"""Of each sequence, in which another one's target is looked for."""


@dataclass(frozen=True)
class PresenceTuning:
    """What was fitted.

    Attributes:
        hyper_parameters: With presence calibrated; with the rule where it helps.
        figures: Of `presence_metrics` on the validation sequences, with them.
        before: The same with the rule off.
    """

    hyper_parameters: HyperParameters
    figures: dict[str, float]
    before: dict[str, float]


def tune_presence(
    network: ArrayNetwork,
    sequences: Sequence[Video],
    start: HyperParameters,
    frames: Sequence[FrameSource] | None = None,
    *,
    batch_size: int | None = None,
    readers: int = 0,
    progress: Progress | None = None,
) -> PresenceTuning:
    """Fit a tracker's presence to frames with and without its target, and choose when it is lost.

    Frames without it are those of the sequences that are labelled so, and those of other sequences, in which each
    target is looked for. Two numbers are fitted to the score's logit (Platt, "Probabilistic outputs for support vector
    machines", 1999), both kinds of frames weighing the same. Of a few rules the one of the best F-score is taken, if
    that is better than without.

    Args:
        network: Of the tracker.
        sequences: For validation, some with absent frames; those without say what a rule does where it is not needed.
        start: The other hyper-parameters.
        frames: Where to take the frames from, a source a sequence; None reads the files. Not reduced copies, since
            other sequences' frames, in which targets are looked for, are taken as they are.
        batch_size: See `track_in_step`.
        readers: Threads that decode frames while the network tracks.
        progress: Told of every rule tried.

    Raises:
        InputError: No frame is labelled absent, no target is ever followed, or a sequence cannot be tracked.
    """
    if not any(sequence.absent[1:].any() for sequence in sequences):
        raise InputError(
            "presence cannot be calibrated: in no frame of the sequences the target is labelled absent (GOT-10k's "
            "absence.label, LaSOT's out_of_view.txt); give others, such as generated-absent-val-v1"
        )
    off = replace(start, presence_slope=0.0, presence_offset=0.0, lost_after=0)
    track = partial(_tracked, network, batch_size=batch_size, readers=readers)
    own = track(frames or sequences, off)
    own_frames = presence_frames(own, sequences, off)
    seen, unseen = [], []
    if others := foreign_videos(sequences):
        unseen += [scores[1:] for scores in track(others, off).scores.values()]
    for sequence_frames in own_frames:
        seen.append(sequence_frames.confidence[~sequence_frames.absent & (sequence_frames.overlaps > HIT)])
        unseen.append(sequence_frames.confidence[sequence_frames.absent])
    slope, offset = fitted_presence(np.concatenate(seen), np.concatenate(unseen))
    calibrated = replace(off, presence_slope=slope, presence_offset=offset)
    before = presence_metrics([_stated(sequence_frames, calibrated) for sequence_frames in own_frames])
    best = PresenceTuning(calibrated, before, before)
    for lost_after, (below, above) in RULES:
        tried = replace(calibrated, lost_after=lost_after, lost_below=below, found_above=above)
        tracks = track(frames or sequences, tried)
        figures = presence_metrics(presence_frames(tracks, sequences, tried))
        if figures["f_score"] > best.figures["f_score"]:
            best = PresenceTuning(tried, figures, before)
        if progress is not None:
            progress(1, f"F-score {figures['f_score']:.3f}, best {best.figures['f_score']:.3f}")
    return best


def fitted_presence(seen: np.ndarray, unseen: np.ndarray) -> tuple[float, float]:
    """Factor and offset on a score's logit that make a probability of it.

    Args:
        seen: ``(n,)`` scores, 0 to 1, of frames in which the target is where the box is.
        unseen: ``(m,)`` those of frames without it; they weigh as much in all.

    Raises:
        InputError: One of them is empty, or the scores of the first are not higher.
    """
    from scipy.optimize import minimize
    from scipy.special import expit, log_expit

    if not len(seen) or not len(unseen):
        raise InputError("presence cannot be calibrated: the tracker follows no target to fit it to")
    scores = np.concatenate([seen, unseen])
    evidence = np.array([logit(float(score)) for score in scores])
    # Platt's targets, which are a little less than sure: without them few frames would be told apart without doubt.
    likely = np.concatenate([np.full(len(seen), 1 - 1 / (len(seen) + 2)), np.full(len(unseen), 1 / (len(unseen) + 2))])
    weights = np.concatenate([np.full(len(seen), 0.5 / len(seen)), np.full(len(unseen), 0.5 / len(unseen))])
    middle, spread = float(evidence.mean()), float(evidence.std()) or 1.0
    normal = (evidence - middle) / spread

    def loss(values: np.ndarray) -> tuple[float, np.ndarray]:
        odds = values[0] * normal + values[1]
        cost = -(weights * (likely * log_expit(odds) + (1 - likely) * log_expit(-odds))).sum()
        slope = weights * (expit(odds) - likely)
        return float(cost), np.array([(slope * normal).sum(), slope.sum()])

    slope, offset = minimize(loss, np.array([1.0, 0.0]), jac=True).x.tolist()
    if slope <= 0:
        raise InputError(
            "presence cannot be calibrated: the tracker's score is no higher where its target is than where it is not"
        )
    return slope / spread, offset - slope * middle / spread


def foreign_videos(sequences: Sequence[Video]) -> list[Video]:
    """Each sequence's target, looked for in the frames of the next one, where it is not; of one alone nothing.

    The next one is of other folders: data sets may cut several sequences out of one video.
    """
    from lighttrack_nas.trackers.data.sequence import Sequence as Labelled

    videos = []
    folders = [{path.parent for path in sequence.frame_paths} for sequence in sequences]
    for number, own in enumerate(sequences):
        after = [*range(number + 1, len(sequences)), *range(number)]
        elsewhere = (place for place in after if folders[place].isdisjoint(folders[number]))
        if (place := next(elsewhere, None)) is None:
            continue
        other = sequences[place]
        paths = (own.frame_paths[0], *other.frame_paths[1:_FOREIGN_FRAMES])
        boxes = np.full((len(paths), 4), np.nan)
        boxes[0] = own.boxes[0]
        absent = np.arange(len(paths)) > 0
        videos.append(Labelled(f"{own.name} in {other.name}", paths, boxes, absent, source=own.source))
    return videos


def presence_frames(
    tracks: Tracks, sequences: Sequence[Video], hyper_parameters: HyperParameters
) -> list[PresenceFrames]:
    """What a tracker said of sequences' frames after the first, beside what is true."""
    all_frames = []
    for sequence in sequences:
        scores = score_frames(tracks.boxes[sequence.name], sequence.boxes, sequence.absent)
        confidence = tracks.scores[sequence.name][1:]
        frames = PresenceFrames(
            overlaps=scores.overlaps[1:],
            absent=np.asarray(sequence.absent[1:], bool),
            confidence=confidence,
            lost=tracks.lost[sequence.name][1:],
            presence=np.full(len(confidence), np.nan),
        )
        all_frames.append(_stated(frames, hyper_parameters))
    return all_frames


def _stated(frames: PresenceFrames, hyper_parameters: HyperParameters) -> PresenceFrames:
    stated = [presence_of(float(score), hyper_parameters) for score in frames.confidence]
    return replace(frames, presence=np.array([np.nan if presence is None else presence for presence in stated]))


def _tracked(
    network: ArrayNetwork,
    videos: Sequence[FrameSource],
    hyper_parameters: HyperParameters,
    *,
    batch_size: int | None,
    readers: int,
) -> Tracks:
    tracks = track_in_step(network, videos, hyper_parameters, batch_size=batch_size, readers=readers)
    for name, failure in tracks.failures.items():
        raise InputError(f"sequence '{name}' could not be tracked: {failure}")
    return tracks
