"""Batches of training pairs as tensors, normalised as the tracker normalises its crops."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from lighttrack_nas.trackers.training.pairs.pair import PairBatch

# Of ImageNet, in the order R, G, B; those of `crops.network_input`, as a test makes sure.
_MEAN = (0.485, 0.456, 0.406)
_DEVIATION = (0.229, 0.224, 0.225)


@dataclass(frozen=True, eq=False)
class TensorBatch:
    """Pairs that a network can be trained or scored on.

    Attributes:
        template: ``(B, 3, T, T)`` float32, RGB, normalised with ImageNet's mean and deviation.
        search: ``(B, 3, S, S)`` float32, likewise.
        boxes: ``(B, 4)`` float32, x, y, w, h of the targets in search pixels; they may reach outside the crop.
        positive: ``(B,)`` bool; False where the search crop does not show the template's target and the box means
            nothing.
        labelled: ``(B,)`` bool; False where boxes and `positive` are no truth, and nothing is to be learnt from them or
            scored by them. None at first stands for all.
    """

    template: Tensor
    search: Tensor
    boxes: Tensor
    positive: Tensor
    labelled: Tensor = None  # type: ignore[assignment]

    def __post_init__(self) -> None:
        if self.labelled is None:
            object.__setattr__(self, "labelled", torch.ones_like(self.positive))

    def __len__(self) -> int:
        return len(self.positive)

    def to(self, device: torch.device | str) -> TensorBatch:
        """Move all tensors to a device; those that are there already are not copied."""
        return TensorBatch(
            self.template.to(device),
            self.search.to(device),
            self.boxes.to(device),
            self.positive.to(device),
            self.labelled.to(device),
        )


def fitted(batch: TensorBatch, network: object) -> TensorBatch:
    """A batch in the sizes that a network takes, resized where its template is of another: both crops and the boxes.

    Args:
        batch: Crops.
        network: A network, or a model space whose path decides on it: its `template_size` is asked for, pixels.
    """
    size, side = getattr(network, "template_size", None), batch.template.shape[-1]
    if size is None or size == side:
        return batch
    scale = size / side

    def resized(images: Tensor, side: int) -> Tensor:
        return functional.interpolate(images, size=(side, side), mode="bilinear", antialias=True)

    return TensorBatch(
        resized(batch.template, size),
        resized(batch.search, round(batch.search.shape[-1] * scale)),
        batch.boxes * scale,
        batch.positive,
        batch.labelled,
    )


def to_tensors(
    batch: PairBatch,
    device: torch.device | str = "cpu",
    memory_format: torch.memory_format = torch.contiguous_format,
) -> TensorBatch:
    """Turn a batch of crops into tensors; their bytes are moved to the device first and normalised there.

    Args:
        batch: Crops as BGR uint8.
        device: Where the tensors shall live.
        memory_format: Of the images: `torch.channels_last` for networks in that format.
    """
    return TensorBatch(
        template=images_to_tensor(batch.templates, device, memory_format),
        search=images_to_tensor(batch.searches, device, memory_format),
        boxes=torch.from_numpy(batch.boxes).to(device),
        positive=torch.from_numpy(batch.positives).to(device),
        labelled=torch.from_numpy(batch.labelled).to(device),
    )


def images_to_tensor(
    crops: np.ndarray,
    device: torch.device | str = "cpu",
    memory_format: torch.memory_format = torch.contiguous_format,
) -> Tensor:
    """Turn ``(B, side, side, 3)`` BGR uint8 into ``(B, 3, side, side)`` float32, the values of `network_input`.

    Args:
        crops: The images.
        device: Where they are moved before they are normalised.
        memory_format: Of the result.
    """
    planes = torch.from_numpy(crops).to(device).permute(0, 3, 1, 2).flip(1)
    images = planes.to(torch.float32, memory_format=memory_format)
    mean = torch.tensor(_MEAN, dtype=torch.float64, device=device).mul(255.0).float().view(3, 1, 1)
    deviation = torch.tensor(_DEVIATION, dtype=torch.float32, device=device).view(3, 1, 1)
    # In place and in `network_input`'s order, which gives its very values.
    return images.sub_(mean).mul_(1.0 / 255.0).div_(deviation)
