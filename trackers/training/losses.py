"""Losses of tracking networks: is the target here, and where are its sides; and a quick score beside them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from lighttrack_nas.trackers.base.errors import InputError
from lighttrack_nas.trackers.base.names import checked_name
from lighttrack_nas.trackers.training.batches import TensorBatch, fitted
from lighttrack_nas.trackers.training.targets import Targets, TargetSettings, make_targets, map_positions

Answers = Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]
"""A network as training calls it: (template, search) to logits ``(B, 1, n, n)`` and distances ``(B, 4, n, n)``."""

# Square pixels; keeps the logarithm of boxes that do not meet finite.
_TINY_AREA = 1e-6


@dataclass(frozen=True, kw_only=True)
class LossSettings:
    """How the parts of the loss are made.

    Attributes:
        regression_weight: Of the boxes' loss beside the classification's, 0 to 100.
        iou: "plain", -ln(I / U), or "smoothed", -ln((I + 1) / (U + 1)) as in LightTrack; I and U in square pixels.
    """

    regression_weight: float = 1.2
    iou: str = "plain"

    def __post_init__(self) -> None:
        checked_name(self.iou, _ADDED_AREAS, "kind of IoU loss")
        weight = self.regression_weight
        if not isinstance(weight, int | float) or isinstance(weight, bool) or not 0 <= weight <= 100:
            raise InputError(f"losses, regression_weight: expected a number between 0 and 100, got {weight!r}")


@dataclass(frozen=True, eq=False)
class Losses:
    """The loss of a batch; every part is a scalar tensor.

    Attributes:
        total: What to descend: classification + regression_weight x regression.
        classification: Half the mean over the positive positions, half that over the negative ones.
        regression: Mean over the positions inside the boxes.
    """

    total: Tensor
    classification: Tensor
    regression: Tensor


def tracking_loss(network: Answers, batch: TensorBatch, targets: TargetSettings, losses: LossSettings) -> Losses:
    """Run a network on a batch and say how wrong its answers are.

    Args:
        network: Called once, with the templates and the search crops.
        batch: On the network's device. Pairs without labels cost nothing and teach nothing.
        targets: What it should answer; the map's size sets the stride.
        losses: How errors are weighed.

    Returns:
        The losses, in float32 also under autocast; of a batch without labels exactly 0, with gradients of 0.
    """
    batch = fitted(batch, network)
    return label_loss(network(batch.template, batch.search), batch, targets, losses)


def label_loss(
    answers: tuple[Tensor, Tensor], batch: TensorBatch, targets: TargetSettings, losses: LossSettings
) -> Losses:
    """Say how far answers are from a batch's labels; see `tracking_loss`.

    Args:
        answers: Logits ``(B, 1, n, n)`` and distances ``(B, 4, n, n)``, of the very crops of `batch`.
        batch: The pairs.
        targets: What the answers should be.
        losses: How errors are weighed.
    """
    logits, distances = answers
    wanted = make_targets(
        batch.boxes,
        batch.positive,
        search_size=batch.search.shape[-1],
        cells=logits.shape[-1],
        settings=targets,
        labelled=batch.labelled,
    )
    return answer_loss(logits, distances, wanted, losses)


def answer_loss(logits: Tensor, distances: Tensor, targets: Targets, settings: LossSettings) -> Losses:
    """Say how wrong answers are.

    Args:
        logits: ``(B, 1, n, n)``, any float type.
        distances: ``(B, 4, n, n)`` left, top, right, bottom in search pixels, never negative.
        targets: What they should be.
        settings: How errors are weighed.
    """
    classification = balanced_cross_entropy(logits, targets.labels)
    regression = overlap_loss(distances, targets.distances, targets.weights, settings.iou)
    return Losses(classification + settings.regression_weight * regression, classification, regression)


def balanced_cross_entropy(logits: Tensor, labels: Tensor) -> Tensor:
    """Half the mean cross entropy over the positive positions plus half that over the negative ones.

    Args:
        logits: Of any shape.
        labels: Of the same shape: 1, 0, or -1 for positions left out.

    Returns:
        A scalar; a side without positions adds 0.
    """
    by_position = functional.binary_cross_entropy_with_logits(logits.float(), labels.clamp(min=0), reduction="none")
    return 0.5 * (_mean_where(by_position, labels == 1) + _mean_where(by_position, labels == 0))


def overlap_loss(distances: Tensor, targets: Tensor, weights: Tensor, iou: str = "plain") -> Tensor:
    """Mean of -ln IoU (Yu et al., "UnitBox", 2016) over the positions with a weight.

    Args:
        distances: ``(B, 4, n, n)`` predicted left, top, right, bottom, pixels, never negative.
        targets: ``(B, 4, n, n)`` true ones, positive wherever there is a weight.
        weights: ``(B, 1, n, n)`` 1 or 0.
        iou: As `LossSettings.iou`.

    Returns:
        A scalar; 0 where no position has a weight.
    """
    used = weights > 0
    # Elsewhere true distances may be negative: both become a unit box, which costs nothing and has no gradient.
    ones = torch.ones_like(distances, dtype=torch.float32)
    predicted, true = torch.where(used, distances.float(), ones), torch.where(used, targets, ones)
    return _mean_where(_negative_log_overlap(predicted, true, iou).unsqueeze(1), used)


def distillation_loss(answers: tuple[Tensor, Tensor], teacher: tuple[Tensor, Tensor], settings: LossSettings) -> Losses:
    """Say how far a network's answers are from those of another, which stand in for labels.

    Every position counts: as positive by the teacher's probability, as negative by the rest, both sides with half the
    weight, as in `balanced_cross_entropy`; boxes by the teacher's probability. Both parts are least where the answers
    are the teacher's.

    Args:
        answers: Logits ``(B, 1, n, n)`` and distances ``(B, 4, n, n)`` in search pixels.
        teacher: The same of the other network; a map of another size is interpolated. No gradient goes into it.
        settings: How errors are weighed.
    """
    logits, distances = (tensor.float() for tensor in answers)
    wanted, boxes = (_resized(tensor.detach().float(), logits.shape[-1]) for tensor in teacher)
    positive = torch.sigmoid(wanted)
    shares = 0.5 * _shares(positive) + 0.5 * _shares(1 - positive)
    by_position = functional.binary_cross_entropy_with_logits(logits, positive, reduction="none")
    classification = (shares * by_position).sum()
    regression = (_shares(positive) * _negative_log_overlap(distances, boxes, settings.iou).unsqueeze(1)).sum()
    return Losses(classification + settings.regression_weight * regression, classification, regression)


@torch.no_grad()
def best_box_overlap(logits: Tensor, distances: Tensor, boxes: Tensor, search_size: int) -> Tensor:
    """Overlap of the best-scored position's box with the truth, pair by pair.

    Its mean over some hundreds of fixed positive pairs ranks networks with less noise than tracking does; it says
    nothing of pairs without target, which the caller leaves out.

    Args:
        logits: ``(B, 1, n, n)``.
        distances: ``(B, 4, n, n)`` left, top, right, bottom in search pixels.
        boxes: ``(B, 4)`` true x, y, w, h in search pixels.
        search_size: Side of the search crop, pixels.

    Returns:
        ``(B,)`` float32 intersection over union, 0 to 1; 0 where a prediction is not finite.
    """
    cells = logits.shape[-1]
    # A NaN counts as the highest, so that a broken map is found out.
    highest, best = logits.float().flatten(1).max(dim=1)
    left, top, right, bottom = distances.float().flatten(2).gather(2, best.view(-1, 1, 1).expand(-1, 4, 1)).unbind(1)
    positions = map_positions(search_size, cells, logits.device)
    across, down = positions[best % cells].unsqueeze(1), positions[best // cells].unsqueeze(1)
    low, high = torch.cat([across - left, down - top], 1), torch.cat([across + right, down + bottom], 1)
    true_low, true_high = boxes[:, :2], boxes[:, :2] + boxes[:, 2:]
    shared = (torch.minimum(high, true_high) - torch.maximum(low, true_low)).clamp(min=0).prod(dim=1)
    union = (high - low).clamp(min=0).prod(dim=1) + boxes[:, 2:].prod(dim=1) - shared
    overlap = (shared / union).clamp(0, 1)
    return torch.where(highest.isfinite() & overlap.isfinite(), overlap, torch.zeros_like(overlap))


def _negative_log_overlap(predicted: Tensor, true: Tensor, iou: str) -> Tensor:
    """``(B, n, n)`` of two ``(B, 4, n, n)``."""
    shared = _area(torch.minimum(predicted, true))
    union = _area(predicted) + _area(true) - shared
    added = _ADDED_AREAS[iou]
    return torch.log(union + added) - torch.log(shared + added)


def _resized(values: Tensor, cells: int) -> Tensor:
    """``(B, c, m, m)`` to ``(B, c, n, n)`` at the positions of that map; what is linear in the position stays so."""
    batch, _, _, given = values.shape
    if given == cells:
        return values
    # The first positions of both maps are the same: see `map_positions`.
    places = torch.arange(cells, device=values.device) * (given / cells)
    places = 2 * places / max(given - 1, 1) - 1
    grid = torch.stack(torch.meshgrid(places, places, indexing="xy"), dim=-1).expand(batch, cells, cells, 2)
    return functional.grid_sample(values, grid, padding_mode="border", align_corners=True)


def _shares(weights: Tensor) -> Tensor:
    """Weights that add up to 1 over a batch."""
    return weights / weights.sum().clamp(min=_TINY_AREA)


def _area(distances: Tensor) -> Tensor:
    """``(B, 4, n, n)`` distances to ``(B, n, n)`` areas."""
    left, top, right, bottom = distances.unbind(dim=1)
    return (left + right) * (top + bottom)


def _mean_where(values: Tensor, chosen: Tensor) -> Tensor:
    """Mean over the chosen places, 0 if there are none; no place that is not chosen can spoil it or its gradient."""
    kept = torch.where(chosen, values, torch.zeros_like(values))
    return kept.sum() / chosen.sum().clamp(min=1)


_ADDED_AREAS: Mapping[str, float] = {"plain": _TINY_AREA, "smoothed": 1.0}
