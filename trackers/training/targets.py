"""What a tracking network should answer on the search crop of a training pair."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from lighttrack_nas.trackers.base.errors import InputError
from lighttrack_nas.trackers.base.names import checked_name


@dataclass(frozen=True, kw_only=True)
class TargetSettings:
    """Which positions of the output map count as target.

    `cross` is LightTrack's rule: the positions within a distance of the target's, counted in steps along the axes,
    are positive and all others negative. `ellipse` lets the box decide: positive near the middle of the ellipse
    that fills it, negative outside, and left out between.

    Attributes:
        rule: "ellipse" or "cross".
        radius: Of the cross, search pixels.
        inner: Share of the ellipse's radii up to which positions are positive, 0 to 1.
    """

    rule: str = "ellipse"
    radius: float = 16.0
    inner: float = 0.55

    def __post_init__(self) -> None:
        checked_name(self.rule, RULES, "rule of targets")
        for field, largest in (("radius", 1000.0), ("inner", 1.0)):
            value = getattr(self, field)
            if not isinstance(value, int | float) or isinstance(value, bool) or not 0 <= value <= largest:
                raise InputError(f"targets, {field}: expected a number between 0 and {largest:g}, got {value!r}")


@dataclass(frozen=True, eq=False)
class Targets:
    """Answers for every position of the output maps of a batch.

    Attributes:
        labels: ``(B, 1, n, n)`` float32: 1 target, 0 none, -1 left out.
        distances: ``(B, 4, n, n)`` float32: from each position to the box's left, top, right and bottom, search
            pixels; negative where the position lies beyond that side.
        weights: ``(B, 1, n, n)`` float32: 1 where the distances are to be learnt, inside the box, else 0.
    """

    labels: Tensor
    distances: Tensor
    weights: Tensor


def make_targets(
    boxes: Tensor,
    positive: Tensor,
    *,
    search_size: int,
    cells: int,
    settings: TargetSettings,
    labelled: Tensor | None = None,
) -> Targets:
    """Say what a network should answer.

    Args:
        boxes: ``(B, 4)`` x, y, w, h in search pixels; they may reach outside the crop.
        positive: ``(B,)`` bool; False where the crop does not show the target: all labels and weights are then 0.
        search_size: Side of the search crop, pixels.
        cells: Side of the network's output map. It sets the stride, so that the targets follow whichever output a
            weight-sharing network used.
        settings: Which positions are positive.
        labelled: ``(B,)`` bool; False where nothing is known: all labels are then -1, and weights 0. None: all are.

    Returns:
        The targets, on the boxes' device.
    """
    shown = positive.view(-1, 1, 1, 1)
    # Boxes of pairs without target may be anything: a unit box keeps the arithmetic finite.
    boxes = torch.where(positive[:, None], boxes.float(), torch.ones_like(boxes, dtype=torch.float32))
    positions = map_positions(search_size, cells, boxes.device)
    x, y, width, height = (side.view(-1, 1, 1) for side in boxes.unbind(dim=1))
    across, down = positions.view(1, 1, -1), positions.view(1, -1, 1)
    sides = torch.broadcast_tensors(across - x, down - y, x + width - across, y + height - down)
    distances = torch.stack(sides, dim=1)
    labels = RULES[settings.rule](boxes, positions, round(search_size / cells), settings).unsqueeze(1)
    inside = distances.amin(dim=1, keepdim=True) > 0
    labels = torch.where(shown, labels, torch.zeros_like(labels))
    if labelled is not None:
        known = labelled.view(-1, 1, 1, 1)
        labels, shown = torch.where(known, labels, -torch.ones_like(labels)), shown & known
    return Targets(labels=labels, distances=distances, weights=(inside & shown).float())


def map_positions(search_size: int, cells: int, device: torch.device | str = "cpu") -> Tensor:
    """Where the positions of an output map stand in the search crop: ``(cells,)`` float32, pixels, as in `locate`."""
    stride = round(search_size / cells)
    steps = torch.arange(cells, device=device) - cells // 2
    return (steps * stride + search_size // 2).float()


def _cross(boxes: Tensor, positions: Tensor, stride: int, settings: TargetSettings) -> Tensor:
    """LightTrack's labels ``(B, n, n)``; its published description counts in steps of the map from the middle."""
    cells = len(positions)
    shifts = boxes[:, :2] + boxes[:, 2:] / 2 - positions[cells // 2]
    # Cut towards zero, so the middle position answers for two strides' width.
    target = cells // 2 + torch.trunc(shifts / stride)
    steps = (torch.arange(cells, device=boxes.device) - target[:, :, None]).abs()
    distance = steps[:, 0, None, :] + steps[:, 1, :, None]
    return (distance <= settings.radius / stride).float()


def _ellipse(boxes: Tensor, positions: Tensor, stride: int, settings: TargetSettings) -> Tensor:
    """Labels ``(B, n, n)`` by the distance from the box's centre, 1 on the ellipse that fills the box."""
    centres = boxes[:, :2] + boxes[:, 2:] / 2
    offsets = positions - centres[:, :, None]
    relative = (offsets / (boxes[:, 2:] / 2).clamp(min=1e-3)[:, :, None]).square()
    squared = relative[:, 0, None, :] + relative[:, 1, :, None]
    inner = squared <= settings.inner**2
    # A target between all positions is still to be found somewhere.
    nearest = offsets.abs().argmin(dim=2)
    steps = torch.arange(len(positions), device=boxes.device)
    closest = (steps == nearest[:, 0, None])[:, None, :] & (steps == nearest[:, 1, None])[:, :, None]
    positive = inner | (closest & ~inner.flatten(1).any(dim=1)[:, None, None])
    return positive.float() - ((squared <= 1) & ~positive).float()


RULES: Mapping[str, Callable[[Tensor, Tensor, int, TargetSettings], Tensor]] = {"ellipse": _ellipse, "cross": _cross}
"""The rules that decide which positions are positive, by name."""
