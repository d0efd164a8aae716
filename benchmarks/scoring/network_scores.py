"""Scores of one plain network: its loss on fixed pairs, which is quick, and its tracking of whole videos."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import torch

from lighttrack_nas.benchmarks.evaluation import metrics
from lighttrack_nas.benchmarks.evaluation.presence_metrics import area_under_curve
from lighttrack_nas.trackers.base.errors import InputError
from lighttrack_nas.trackers.data.sequence import Sequence as Video
from lighttrack_nas.trackers.network.network import SiameseNetwork
from lighttrack_nas.trackers.runtimes.torch_network import TorchNetwork
from lighttrack_nas.trackers.tracking.hyper_parameters import HyperParameters
from lighttrack_nas.trackers.tracking.lockstep import Video as FrameSource
from lighttrack_nas.trackers.tracking.lockstep import track_in_step
from lighttrack_nas.trackers.training.batches import TensorBatch, fitted
from lighttrack_nas.trackers.training.losses import LossSettings, answer_loss, best_box_overlap
from lighttrack_nas.trackers.training.targets import TargetSettings, make_targets


@torch.inference_mode()
def fixed_pairs_loss(
    network: SiameseNetwork, batches: Iterable[TensorBatch], targets: TargetSettings, losses: LossSettings
) -> dict[str, float]:
    """Mean loss over pairs, and how well the best box of each fits.

    Args:
        network: A plain network; it is put into eval mode.
        batches: On the network's device. The balance between positive and negative positions is struck batch by batch,
            so the same pairs in other batches give slightly other losses. Pairs without labels are left out.
        targets: What the network should answer.
        losses: How errors are weighed.

    Returns:
        "loss", its parts "classification" and "regression", each batch weighing as its number of labelled pairs;
        "overlap", the mean overlap of the best-scored box over the positive pairs, a fraction (NaN without any).

    Raises:
        InputError: There is no pair with a label.
    """
    network.eval()
    sums = {"loss": 0.0, "classification": 0.0, "regression": 0.0}
    pairs = 0
    overlaps = [torch.empty(0)]
    for batch in batches:
        batch = fitted(batch, network)
        logits, distances = network(batch.template, batch.search)
        wanted = make_targets(
            batch.boxes,
            batch.positive,
            search_size=batch.search.shape[-1],
            cells=logits.shape[-1],
            settings=targets,
            labelled=batch.labelled,
        )
        lost = answer_loss(logits, distances, wanted, losses)
        labelled = int(batch.labelled.sum())
        for name, part in zip(sums, (lost.total, lost.classification, lost.regression), strict=True):
            sums[name] += float(part) * labelled
        pairs += labelled
        overlap = best_box_overlap(logits, distances, batch.boxes, batch.search.shape[-1])
        overlaps.append(overlap[batch.positive & batch.labelled].cpu())
    if pairs == 0:
        raise InputError("there are no pairs with labels to score a network on: expected one or more")
    return {name: value / pairs for name, value in sums.items()} | {"overlap": float(torch.cat(overlaps).mean())}


def track_ao(
    network: SiameseNetwork,
    sequences: Sequence[Video],
    hyper_parameters: HyperParameters | str | Mapping[str, Any] = "default",
    device: str = "cpu",
    *,
    frames: Sequence[FrameSource] | None = None,
    readers: int = 0,
) -> dict[str, Any]:
    """Track videos, all in step, and measure the overlap.

    Args:
        network: A plain network; it is put into eval mode and moved to the device.
        sequences: With boxes after the first frame; those without are left out of the means.
        hyper_parameters: Of the tracker.
        device: "cpu", "cuda" ...
        frames: Where to take the frames from, a source a sequence, usually from `keep_frames`; None reads the files.
        readers: Threads that decode frames while the network tracks; they change no figure.

    Returns:
        `metrics.overall_metrics` (NaN if no video is scored), "presence" (the area under the curve of frames with the
        target against those without, by the network's score; only where frames are labelled absent), and
        "per_sequence": name -> "ao" and "sr50".

    Raises:
        InputError: A device that cannot be used, no sequences or two of one name, or one that could not be tracked to
            its end: a mean over the others could not be compared.
    """
    tracks = track_in_step(
        TorchNetwork(network, device),
        frames or sequences,
        hyper_parameters,
        batch_size=None if torch.device(device).type == "cpu" else len(sequences),
        readers=readers,
    )
    for name, failure in tracks.failures.items():
        raise InputError(f"sequence '{name}' could not be tracked: {failure}")
    scores = {
        sequence.name: metrics.score_frames(tracks.boxes[sequence.name], sequence.boxes, sequence.absent)
        for sequence in sequences
    }
    overall = metrics.overall_metrics(list(scores.values()))
    by_sequence = {name: metrics.sequence_metrics(frame_scores) for name, frame_scores in scores.items()}
    absent = np.concatenate([np.asarray(sequence.absent[1:], bool) for sequence in sequences])
    if absent.any():
        present = np.concatenate([np.isfinite(scores[sequence.name].overlaps[1:]) for sequence in sequences])
        confidence = np.concatenate([tracks.scores[sequence.name][1:] for sequence in sequences])
        overall["presence"] = area_under_curve(confidence[present], confidence[absent])
    return {
        **overall,
        "per_sequence": {name: {"ao": figures["ao"], "sr50": figures["sr50"]} for name, figures in by_sequence.items()},
    }
