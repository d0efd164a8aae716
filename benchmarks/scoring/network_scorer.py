"""Scores of plain networks on the same videos and pairs, wherever their weights come from."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from functools import cached_property
from typing import Any

import numpy as np

from lighttrack_nas.benchmarks.scoring.network_scores import fixed_pairs_loss, track_ao
from lighttrack_nas.trackers.base.errors import InputError
from lighttrack_nas.trackers.base.names import checked_name
from lighttrack_nas.trackers.base.parsing import is_finite
from lighttrack_nas.trackers.data.sequence import Sequence as Video
from lighttrack_nas.trackers.network.network import SiameseNetwork
from lighttrack_nas.trackers.tracking.hyper_parameters import HyperParameters, load_hyper_parameters
from lighttrack_nas.trackers.tracking.lockstep import Video as FrameSource
from lighttrack_nas.trackers.tracking.lockstep import keep_frames
from lighttrack_nas.trackers.training.batches import TensorBatch, to_tensors
from lighttrack_nas.trackers.training.losses import LossSettings
from lighttrack_nas.trackers.training.pairs.pair import PairSource, draw_batch
from lighttrack_nas.trackers.training.targets import TargetSettings

TRACKED = ("ao", "sr50", "sr75", "success_auc", "precision", "normalised_precision", "presence")
"""Figures of tracks, see `network_scores.track_ao`."""
SCORES = (*TRACKED, "score", "overlap", "loss")
"""Figures of tracks; the weighted sum of scores that was asked for; on fixed pairs the mean overlap of the best box,
and the mean loss."""
_QUICK = ("overlap", "loss")
# Pairs have numbers: from here on those of the quick score, so that one source never gives both uses the same pairs.
_FIRST_QUICK = 2**20


class NetworkScorer:
    """Scores plain networks: a function of the arguments and the network, in whatever order and how often ever.

    Pairs and frames are read once, when first needed, and stay in memory.

    Args:
        sequences: Videos to track; without any there are no figures of tracks.
        quick_pairs: Pairs for "overlap" and "loss"; without them there is neither.
        seed: Of the pairs.
        batch_size: Pairs a batch.
        quick_pairs_count: How many pairs.
        hyper_parameters: The tracker's: a value, a set's name, or a file.
        device: Where networks run.
        targets: What a network should answer, for "loss".
        losses: How errors are weighed, for "loss".
        frames: Where to take the frames of the sequences from, a source a sequence; None reads the files.
        frame_memory: Bytes of decoded frames to keep.
        readers: Threads that decode frames while a network tracks; they change no score.
        score: Weights of the sum "score", by the other scores' names: LightTrack's fitness is {"ao": 0.5, "sr50": 0.5};
            without any there is no "score".

    Raises:
        InputError: Weights of what is no score, or that are no numbers other than 0.

    Attributes:
        score_weights: As given.
        scores: Names that `score` can give with these arguments.
    """

    def __init__(
        self,
        *,
        sequences: Sequence[Video] = (),
        quick_pairs: PairSource | None = None,
        seed: int = 0,
        batch_size: int = 32,
        quick_pairs_count: int = 400,
        hyper_parameters: HyperParameters | str | Mapping[str, Any] = "default",
        device: str = "cpu",
        targets: TargetSettings | None = None,
        losses: LossSettings | None = None,
        frames: Sequence[FrameSource] | None = None,
        frame_memory: int = 2 * 2**30,
        readers: int = 0,
        score: Mapping[str, float] | None = None,
    ) -> None:
        self.sequences = tuple(sequences)
        self.hyper_parameters = load_hyper_parameters(hyper_parameters)
        self.targets = targets or TargetSettings()
        self.losses = losses or LossSettings()
        self._quick_source, self._seed, self._device = quick_pairs, seed, device
        self._batch_size, self._count = batch_size, quick_pairs_count
        self._sources, self._frame_memory, self._readers = frames, frame_memory, readers
        self._missing = {} if self.sequences else dict.fromkeys(TRACKED, "sequences to track")
        if self.sequences and not any(np.any(sequence.absent[1:]) for sequence in self.sequences):
            self._missing["presence"] = "sequences with frames that are labelled as without the target"
        if quick_pairs is None:
            self._missing |= dict.fromkeys(_QUICK, "quick_pairs to score on")
        self.score_weights = checked_weights(score or {})
        lacking = [self._missing[name] for name in self.score_weights if name in self._missing]
        if lacking or not self.score_weights:
            self._missing["score"] = lacking[0] if lacking else "weights of a score"
        self.scores: tuple[str, ...] = tuple(name for name in SCORES if name not in self._missing)

    def require(self, name: str) -> None:
        """Check that a score can be given.

        Raises:
            InputError: There is nothing to score it on.
        """
        if name in self._missing:
            raise InputError(f"measurement '{name}': the evaluator was given no {self._missing[name]}")

    def score(self, network: SiameseNetwork, names: Collection[str]) -> dict[str, float]:
        """Score a network.

        Args:
            network: A plain network on the device; it is put into eval mode.
            names: Which scores, of `scores`.

        Returns:
            A value for every name.

        Raises:
            InputError: An unknown name, or one that cannot be given; a file cannot be read; or the network tracks
                nothing because its answers are not finite.
        """
        for name in names:
            self.require(checked_name(name, SCORES, "score"))
        values: dict[str, float] = {}
        wanted = {*names, *(self.score_weights if "score" in names else ())}
        if not wanted.isdisjoint(TRACKED):
            values |= track_ao(
                network,
                self.sequences,
                self.hyper_parameters,
                self._device,
                frames=self._frames,
                readers=self._readers,
            )
        if not wanted.isdisjoint(_QUICK):
            values |= fixed_pairs_loss(network, self._quick, self.targets, self.losses)
        if "score" in names:
            values["score"] = sum(weight * values[name] for name, weight in self.score_weights.items())
        return {name: values[name] for name in names}

    @cached_property
    def _quick(self) -> list[TensorBatch]:
        assert self._quick_source is not None
        return tensor_batches(self._quick_source, self._seed, _FIRST_QUICK, self._count, self._batch_size, self._device)

    @cached_property
    def _frames(self) -> list[FrameSource]:
        return keep_frames(self._sources or self.sequences, self._frame_memory)


def checked_weights(weights: Mapping[str, float]) -> dict[str, float]:
    """Check the weights of a sum of scores.

    Raises:
        InputError: An unknown score, or a weight that is no number other than 0.
    """
    for name, weight in weights.items():
        checked_name(name, [known for known in SCORES if known != "score"], "score to weigh")
        if not is_finite(weight) or not weight:
            raise InputError(f"score: the weight of '{name}' must be a number other than 0, got {weight!r}")
    return {name: float(weight) for name, weight in weights.items()}


def tensor_batches(
    source: PairSource, seed: int, first: int, count: int, batch_size: int, device: str
) -> list[TensorBatch]:
    """Draw pairs `first` to `first + count` of a source, in batches on a device."""
    return [
        to_tensors(draw_batch(source, seed, first + start, min(batch_size, count - start)), device)
        for start in range(0, count, batch_size)
    ]
