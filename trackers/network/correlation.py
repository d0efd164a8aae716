"""From template and search features to the tensor that both head towers read."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from lighttrack_nas.trackers.network.attention import ChannelAttention, NeckAttention


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


def depthwise_correlation(template_BCKL: Tensor, search_BCHW: Tensor) -> Tensor:
    """Correlate every channel of the template with the same channel of the search features.

    The template's map of a channel is the kernel for that channel of its own sample (depthwise cross-correlation;
    SiamRPN++, CVPR 2019, section 3.4). The search map is padded with zeros, so that its size stays: a position of the
    result is the template laid with its middle, row ``k // 2`` and column ``l // 2``, on that position. The middle of
    both crops is there, for maps of even sizes too.

    Args:
        template_BCKL: ``(batch, channels, k, l)``.
        search_BCHW: ``(batch, channels, height, width)``.

    Returns:
        ``(batch, channels, height, width)``.
    """
    batch, channels, height, width = search_BCHW.shape
    rows, columns = template_BCKL.shape[2:]
    padding = (columns // 2, (columns - 1) // 2, rows // 2, (rows - 1) // 2)
    # One group a channel of a sample, so that every sample meets its own kernels.
    padded = functional.pad(search_BCHW.reshape(1, batch * channels, height, width), padding)
    kernels = template_BCKL.reshape(batch * channels, 1, rows, columns)
    return functional.conv2d(padded, kernels, groups=batch * channels).reshape(search_BCHW.shape)


class Neck(nn.Module):
    """Two BatchNorms over one channel count: template and search features differ in their statistics.

    Args:
        channels: Of both maps.
        attention_heads: Of the self-attention behind the norms, which both maps share; 0 for none.

    Raises:
        InputError: The heads do not divide the channels.
    """

    def __init__(self, channels: int, attention_heads: int = 0) -> None:
        super().__init__()
        self.template_norm = nn.BatchNorm2d(channels)
        self.search_norm = nn.BatchNorm2d(channels)
        self.attention = NeckAttention(channels, attention_heads) if attention_heads else None

    def forward(self, template: Tensor, search: Tensor) -> tuple[Tensor, Tensor]:
        """Normalise both maps, each with its own statistics, and let each attend to itself; the shapes stay."""
        template, search = self.template_norm(template), self.search_norm(search)
        if self.attention is None:
            return template, search
        return self.attention(template), self.attention(search)


class Fusion(nn.Module):
    """Pixel-wise correlation, channel attention, and a 1x1 convolution to the channels that the towers expect."""

    def __init__(self, kernels: int, outputs: int) -> None:
        super().__init__()
        self.attention = ChannelAttention(kernels)
        self.adapter = nn.Conv2d(kernels, outputs, 1)

    def forward(self, template: Tensor, search: Tensor) -> Tensor:
        """Fuse ``(batch, c, hz, wz)`` and ``(batch, c, h, w)`` into ``(batch, outputs, h, w)``."""
        return self.adapter(self.attention(pixelwise_correlation(template.flatten(2), search)))


class DepthwiseFusion(nn.Module):
    """Depthwise correlation, channel attention, and a 1x1 convolution to the channels that the towers expect.

    Args:
        channels: Of template and search features.
        outputs: Channels that the towers expect.
    """

    def __init__(self, channels: int, outputs: int) -> None:
        super().__init__()
        self.attention = ChannelAttention(channels)
        self.adapter = nn.Conv2d(channels, outputs, 1)

    def forward(self, template: Tensor, search: Tensor) -> Tensor:
        """Fuse ``(batch, c, hz, wz)`` and ``(batch, c, h, w)`` into ``(batch, outputs, h, w)``."""
        return self.adapter(self.attention(depthwise_correlation(template, search)))
