"""Attention: gates over channels, and self-attention over positions.

Tensors are ``(batch, channels, height, width)``; every module keeps the shape.
"""

from math import log2
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from lighttrack_nas.trackers.base.channels import make_divisible
from lighttrack_nas.trackers.base.errors import InputError
from lighttrack_nas.trackers.base.names import checked_name

Attention = Literal["se", "eca", "none"]
"""Channel gates that a block may have: squeeze-and-excitation, efficient channel attention, none."""


def channel_gate(attention: Attention, channels: int, ratio: float) -> nn.Module:
    """The channel gate of a name.

    Args:
        attention: Its name.
        channels: Of the features.
        ratio: What squeeze-and-excitation reduces the channels to, a fraction; the others do not look at it.

    Raises:
        InputError: There is none of that name.
    """
    checked_name(attention, ("se", "eca", "none"), "attention")
    if attention == "se":
        return SqueezeExcitation(channels, ratio)
    return EfficientChannelAttention(channels) if attention == "eca" else nn.Identity()


class SqueezeExcitation(nn.Module):
    """Channel gate: global mean, 1x1, ReLU, 1x1, hard sigmoid ``relu6(x + 3) / 6`` (MobileNetV3)."""

    def __init__(self, channels: int, ratio: float) -> None:
        super().__init__()
        reduced = make_divisible(channels * ratio)
        self.reduce = nn.Conv2d(channels, reduced, 1)
        self.expand = nn.Conv2d(reduced, channels, 1)

    def forward(self, features: Tensor) -> Tensor:
        """Scale every channel by a gate in [0, 1]; the shape stays."""
        gate = functional.adaptive_avg_pool2d(features, 1)
        gate = self.expand(functional.relu(self.reduce(gate), inplace=True))
        return features * functional.hardsigmoid(gate)


class EfficientChannelAttention(nn.Module):
    """Channel gate: global mean, convolution along the channels, sigmoid (ECA-Net, CVPR 2020, section 3.2).

    Its kernel grows with the channels: the odd number next to ``(log2(channels) + 1) / 2`` (the paper's equation 12).
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        nearest = int((log2(channels) + 1) / 2)
        kernel = nearest if nearest % 2 else nearest + 1
        self.convolution = nn.Conv1d(1, 1, kernel, padding=kernel // 2, bias=False)

    def forward(self, features: Tensor) -> Tensor:
        """Scale every channel by a gate in (0, 1); the shape stays."""
        mean = functional.adaptive_avg_pool2d(features, 1).flatten(2)
        gate = self.convolution(mean.transpose(1, 2)).transpose(1, 2)
        return features * torch.sigmoid(gate).unsqueeze(3)


class ChannelAttention(nn.Module):
    """Gate over the correlation's channels: global mean, 1x1, ReLU, 1x1, sigmoid; no reduction in between."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(channels, channels, 1)
        self.second = nn.Conv2d(channels, channels, 1)

    def forward(self, features: Tensor) -> Tensor:
        """Scale every channel by a gate in (0, 1); the shape stays."""
        gate = functional.adaptive_avg_pool2d(features, 1)
        gate = self.second(functional.relu(self.first(gate), inplace=True))
        return features * torch.sigmoid(gate)


class NeckAttention(nn.Module):
    """A layer of self-attention over the positions of a map, added to it (Attention Is All You Need, section 3.2).

    Positions carry no encoding: what a position takes from others depends on their features alone, so that maps of any
    size will do. The last projection starts at zero, so that the fresh layer changes nothing.

    Args:
        channels: Of the map.
        heads: Attention heads, of ``channels / heads`` channels each.

    Raises:
        InputError: The heads do not divide the channels.
    """

    def __init__(self, channels: int, heads: int = 1) -> None:
        super().__init__()
        if heads < 1 or channels % heads:
            raise InputError(f"attention heads: {heads} heads cannot share {channels} channels evenly")
        self.heads = heads
        self.scale = (channels // heads) ** -0.5
        self.query, self.key, self.value = (nn.Conv2d(channels, channels, 1) for _ in range(3))
        self.projection = nn.Conv2d(channels, channels, 1)
        nn.init.zeros_(self.projection.weight)
        assert self.projection.bias is not None
        nn.init.zeros_(self.projection.bias)

    def forward(self, features: Tensor) -> Tensor:
        """Add to every position what it attends to; the shape stays."""
        # (batch, heads, channels of a head, positions)
        query, key, value = (self._split(layer(features)) for layer in (self.query, self.key, self.value))
        weights = torch.softmax(torch.matmul(query.transpose(2, 3) * self.scale, key), dim=3)
        attended = torch.matmul(value, weights.transpose(2, 3))
        return features + self.projection(attended.reshape(features.shape))

    def _split(self, features: Tensor) -> Tensor:
        batch, channels, height, width = features.shape
        return features.reshape(batch, self.heads, channels // self.heads, height * width)
