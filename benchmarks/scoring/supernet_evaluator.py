"""Scores architectures with the weights of a supernet, for a search."""

from __future__ import annotations

import hashlib
import platform
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict
from functools import cached_property
from typing import Any

import torch
from torch import nn

from lighttrack_nas.benchmarks.costs.measured_costs import costing
from lighttrack_nas.benchmarks.latency.latency_measuring import LatencySettings
from lighttrack_nas.benchmarks.latency.latency_programs import checked_device
from lighttrack_nas.benchmarks.latency.latency_table import LatencyTable
from lighttrack_nas.benchmarks.latency.search_latency import SearchLatency
from lighttrack_nas.benchmarks.scoring.batchnorm_calibration import recalibrate
from lighttrack_nas.benchmarks.scoring.network_scorer import SCORES, NetworkScorer, tensor_batches
from lighttrack_nas.search_spaces.building.supernet import Supernet
from lighttrack_nas.search_spaces.space import Architecture
from lighttrack_nas.trackers.base.errors import InputError
from lighttrack_nas.trackers.base.names import checked_name
from lighttrack_nas.trackers.base.progress import Progress
from lighttrack_nas.trackers.data.sequence import Sequence as Video
from lighttrack_nas.trackers.network.network import SiameseNetwork
from lighttrack_nas.trackers.network.norms import has_folded_norms
from lighttrack_nas.trackers.tracking.hyper_parameters import HyperParameters
from lighttrack_nas.trackers.tracking.lockstep import Video as FrameSource
from lighttrack_nas.trackers.training.batches import TensorBatch
from lighttrack_nas.trackers.training.losses import LossSettings
from lighttrack_nas.trackers.training.pairs.pair import PairSource
from lighttrack_nas.trackers.training.targets import TargetSettings

MEASUREMENTS = (*SCORES, "macs", "params", "latency_ms")
"""All that an evaluator may give; see `metrics`, `scoring`, `costs` and `latency`."""


class SupernetEvaluator:
    """Measures architectures on copies of their paths' weights; the supernet stays as it is.

    A path's network is extracted, its BatchNorm statistics are estimated afresh, always on the same training pairs, and
    it is scored: by tracking ("ao" and the other figures of `metrics`), or on fixed pairs, by the mean overlap of the
    best box ("overlap") and the mean loss ("loss"). A network with folded norms (`trackers.network.norms`) is scored
    with its statistics as they are: with others it would be lost. Everything but "latency_ms" is a function of the
    arguments and the architecture, in whatever order and how often ever it is asked.

    Pairs and frames are read once, when first needed, and stay in memory: 4 bytes a pixel and channel of each pair, 1
    of each frame.

    Args:
        supernet: Trained. Its weights must not change during the evaluator's life.
        sequences: Videos to track; without any there are no figures of tracks.
        calibration_pairs: Training pairs for the BatchNorm statistics; None scores with the supernet's own, which fit
            no path in particular.
        quick_pairs: Pairs for "overlap" and "loss", not those trained on; without them there is neither.
        seed: Of both kinds of pairs.
        calibration_batches: Batches for the statistics.
        batch_size: Pairs a batch, of both kinds.
        quick_pairs_count: How many of them.
        hyper_parameters: The tracker's: a value, a set's name, or a file.
        device: Where scores and latency are measured.
        latency: How "latency_ms" is measured, or a table that predicts it in microseconds: then it is one of the costs.
            None measures in torch on the evaluator's device, with one thread.
        targets: What a network should answer, for "loss".
        losses: How errors are weighed, for "loss".
        frames: Where to take the frames of the sequences from, a source a sequence; None reads the files.
        frame_memory: Bytes of decoded frames to keep; frames beyond that are read anew for each architecture.
        readers: Threads that decode frames while a network tracks; they change no score.
        score: Weights of the sum "score", see `NetworkScorer`.
        data: What the record shall say of where pairs and sequences come from, JSON-able.

    Attributes:
        device: As given.
        latency_table: What predicts "latency_ms"; None where it is measured.
        sequences: As given.
        scorer: What scores networks, also such as have weights of their own.
        measurements: Names that `measure` can give with these arguments.
        keeps_folded: Whether some networks keep their statistics since the supernet has folded norms.
        inherits_weights: True: architectures of equal `path()` score alike, those of equal `canonical()` may not.

    Raises:
        InputError: A count below 1, sequences without ground truth, unknown hyper-parameters, or a device that cannot
            be used.
    """

    inherits_weights = True

    def __init__(
        self,
        supernet: Supernet,
        *,
        sequences: Sequence[Video] = (),
        calibration_pairs: PairSource | None = None,
        quick_pairs: PairSource | None = None,
        seed: int = 0,
        calibration_batches: int = 10,
        batch_size: int = 32,
        quick_pairs_count: int = 400,
        hyper_parameters: HyperParameters | str | Mapping[str, Any] = "default",
        device: str = "cpu",
        latency: LatencySettings | LatencyTable | None = None,
        targets: TargetSettings | None = None,
        losses: LossSettings | None = None,
        frames: Sequence[FrameSource] | None = None,
        frame_memory: int = 2 * 2**30,
        readers: int = 0,
        score: Mapping[str, float] | None = None,
        data: Mapping[str, Any] | None = None,
    ) -> None:
        counts = {
            "calibration_batches": calibration_batches,
            "batch_size": batch_size,
            "quick_pairs_count": quick_pairs_count,
        }
        for name, count in counts.items():
            if count < 1:
                raise InputError(f"{name}: at least 1 expected, got {count}")
        if sequences and not any(video.has_boxes_to_score for video in sequences):
            raise InputError("sequences: none has a box after its first frame, so that there is no overlap to measure")
        self.supernet = supernet
        self.space = supernet.space
        self.cost_table = costing(self.space)
        self.sequences = tuple(sequences)
        self._calibration_source = calibration_pairs
        self._quick_source = quick_pairs
        self._seed = seed
        self._counts = counts
        self.device, self._device = device, str(checked_device(device))
        self.scorer = NetworkScorer(
            sequences=self.sequences,
            quick_pairs=quick_pairs,
            seed=seed,
            batch_size=batch_size,
            quick_pairs_count=quick_pairs_count,
            hyper_parameters=hyper_parameters,
            device=self._device,
            targets=targets,
            losses=losses,
            frames=frames,
            frame_memory=frame_memory,
            readers=readers,
            score=score,
        )
        self._latency = SearchLatency(self.space, latency, self._device)
        self.latency_table = self._latency.table
        self._data = dict(data or {})
        self.measurements: tuple[str, ...] = tuple(
            name for name in MEASUREMENTS if name not in SCORES or name in self.scorer.scores
        )

    @property
    def uncounted(self) -> tuple[str, ...]:
        """Operators that "macs" leave out, since the counter does not know them."""
        return self.cost_table.uncounted

    def costs(self, architecture: Architecture) -> dict[str, float]:
        """Look up "macs", "params" and "macs_template", exact, and "latency_ms" where a table predicts it."""
        return {**self.cost_table.costs(architecture), **self._latency.predicted(architecture)}

    def measure(self, architecture: Architecture, names: Collection[str]) -> dict[str, float]:
        """Measure an architecture.

        Args:
            architecture: Of the supernet's space.
            names: What to measure, of `measurements`.

        Returns:
            A value for every name: "ao" and "overlap" as fractions, "latency_ms" of one tracked frame: the least of 30
            times, or what the table predicts of it.

        Raises:
            InputError: The architecture is of another space, a name is unknown, this evaluator lacks what a name needs,
                a file cannot be read, or the network tracks nothing because its answers are not finite.
        """
        self.space.require(architecture)
        for name in names:
            self.scorer.require(checked_name(name, MEASUREMENTS, "measurement"))
        values = self.costs(architecture)
        if not set(names) <= values.keys():
            scores = [name for name in names if name in SCORES]
            network = self.extract(architecture, recalibrated=bool(scores))
            values |= self.scorer.score(network, scores)
            if "latency_ms" in names and "latency_ms" not in values:
                values["latency_ms"] = self._latency.measure(network)
        return {name: values[name] for name in names}

    def latencies_again(self, architectures: Sequence[Architecture], progress: Progress | None = None) -> list[float]:
        """Measure whole networks against each other, with the settings of "latency_ms"; see `SearchLatency.again`."""
        return self._latency.again(architectures, progress)

    def reference_latency(self) -> float | None:
        """Time one network of the space, always the same, as "latency_ms" is measured; None with a latency table."""
        return self._latency.reference()

    def latency_record(self) -> dict[str, Any]:
        """What "latency_ms" is measured on, or predicted from, JSON-able."""
        return self._latency.record()

    def extract(self, architecture: Architecture, recalibrated: bool = True) -> SiameseNetwork:
        """Copy an architecture's network out of the supernet, as it is scored: in eval mode, on the device.

        Args:
            architecture: Of the supernet's space.
            recalibrated: Whether to estimate the BatchNorm statistics afresh, unless norms of the network are folded.
        """
        self.space.require(architecture)
        network = self.supernet.extract(architecture).eval().to(self._device)
        if recalibrated and self._calibration_source is not None and not has_folded_norms(network):
            recalibrate(network, self._calibration)
        return network

    def record(self) -> dict[str, Any]:
        """What the evaluator measures with, JSON-able. Two of equal records give equal scores; latency has its own."""
        pairs = {"calibration": self._calibration_source, "quick": self._quick_source}
        return {
            "evaluator": "supernet",
            "space": self.space.name,
            "space_hash": self.space.hash,
            "supernet": self.fingerprint,
            "data": self._data,
            "sequences": {video.name: len(video) for video in self.sequences},
            "pairs": {use: type(source).__name__ if source is not None else None for use, source in pairs.items()},
            "seed": self._seed,
            **self._counts,
            **self._latency.settings_record(),
            # Where it applies only, so that journals of earlier versions go on.
            **({"recalibrated": "networks without folded norms"} if self.keeps_folded else {}),
            **({"score": self.scorer.score_weights} if self.scorer.score_weights else {}),
            "hyper_parameters": self.scorer.hyper_parameters.to_dict(),
            "targets": asdict(self.scorer.targets),
            "losses": asdict(self.scorer.losses),
            "device": self._device,
            "processor": _processor_name(torch.device(self._device)),
            "threads": torch.get_num_threads(),
            "runtime": "torch-eager",
            "torch": torch.__version__,
        }

    @cached_property
    def keeps_folded(self) -> bool:
        """See the class's attributes."""
        return self._calibration_source is not None and has_folded_norms(self.supernet)

    @cached_property
    def fingerprint(self) -> str:
        """Sixteen hexadecimal digits of the supernet's weights and statistics."""
        return fingerprint(self.supernet)

    @cached_property
    def _calibration(self) -> list[TensorBatch]:
        assert self._calibration_source is not None
        size = self._counts["batch_size"]
        pairs = self._counts["calibration_batches"] * size
        return tensor_batches(self._calibration_source, self._seed, 0, pairs, size, self._device)


def _processor_name(device: torch.device) -> str:
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return f"{platform.processor() or platform.machine()}, {torch.backends.cpu.get_cpu_capability()}"


def fingerprint(module: nn.Module) -> str:
    """Sixteen hexadecimal digits of a module's parameters and buffers, names and bits."""
    digest = hashlib.sha256()
    for name, tensor in module.state_dict().items():
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        digest.update(tensor.detach().cpu().contiguous().view(-1).view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()[:16]
