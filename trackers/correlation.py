"""From template and search features to the tensor that both head towers read."""

import torch
from torch import Tensor, nn
from torch.nn import functional


def pixelwise_correlation(template_BCN: Tensor, search_BCHW: Tensor) -> Tensor:
    """Correlate every template position with every search position.

    Each of the N template vectors acts as a 1x1 kernel on the search features of its own sample (pixel-wise
    correlation; Alpha-Refine, CVPR 2021, section 3.2).

    Args:
        template_BCN: ``(batch, channels, kernels)``, the template map flattened row by row.
        search_BCHW: ``(batch, channels, height, width)``.

    Returns:
        ``(batch, kernels, height, width)``.
    """
    batch, _, height, width = search_BCHW.shape
    correlated = torch.matmul(template_BCN.transpose(1, 2), search_BCHW.flatten(2))
    return correlated.view(batch, -1, height, width)


class Neck(nn.Module):
    """Two BatchNorms over one channel count: template and search features differ in their statistics."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.template_norm = nn.BatchNorm2d(channels)
        self.search_norm = nn.BatchNorm2d(channels)

    def forward(self, template: Tensor, search: Tensor) -> tuple[Tensor, Tensor]:
        """Normalise both maps, each with its own statistics; the shapes stay."""
        return self.template_norm(template), self.search_norm(search)


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


class Fusion(nn.Module):
    """Correlation, channel attention, and a 1x1 convolution to the channels that the towers expect."""

    def __init__(self, kernels: int, outputs: int) -> None:
        super().__init__()
        self.attention = ChannelAttention(kernels)
        self.adapter = nn.Conv2d(kernels, outputs, 1)

    def forward(self, template: Tensor, search: Tensor) -> Tensor:
        """Fuse ``(batch, c, hz, wz)`` and ``(batch, c, h, w)`` into ``(batch, outputs, h, w)``."""
        return self.adapter(self.attention(pixelwise_correlation(template.flatten(2), search)))
