"""Ghost bottleneck: half of the channels are cheap images of the other half (GhostNet, CVPR 2020, section 3)."""

import torch
from torch import Tensor, nn

from lighttrack_nas.trackers.base.channels import make_divisible
from lighttrack_nas.trackers.network.attention import Attention, channel_gate
from lighttrack_nas.trackers.network.layers import Activation, NormalisedConvolution


class GhostConvolution(nn.Module):
    """A 1x1 convolution to half of the channels, from which a depthwise one makes the other half.

    Args:
        inputs: Channels.
        outputs: Channels; of an odd number the cheap half is the smaller.
        kernel: Of the depthwise convolution (the paper's d), odd.
        activation: Behind both convolutions; None for none.
    """

    def __init__(self, inputs: int, outputs: int, kernel: int, activation: Activation | None) -> None:
        super().__init__()
        half = -(-outputs // 2)
        self.outputs = outputs
        self.primary = NormalisedConvolution(inputs, half, 1, activation=activation)
        self.cheap = NormalisedConvolution(half, half, kernel, groups=half, activation=activation)

    def forward(self, features: Tensor) -> Tensor:
        """Map ``(batch, inputs, h, w)`` to ``(batch, outputs, h, w)``."""
        primary = self.primary(features)
        both = torch.cat([primary, self.cheap(primary)], dim=1)
        return both[:, : self.outputs] if self.outputs % 2 else both


class GhostBottleneck(nn.Module):
    """Ghost convolution that expands, a depthwise one where the stride is 2, gate, ghost convolution that projects.

    The input is added, through a depthwise and a 1x1 convolution where the shapes differ. One kernel serves every
    depthwise convolution; the released code keeps 3 for the cheap halves, so that its kernel means nothing at stride 1.

    Args:
        inputs: Channels.
        outputs: Channels.
        stride: 1 or 2.
        kernel: Of every depthwise convolution, odd.
        expansion: Channels in between by `inputs`, which are rounded to a multiple of 8.
        attention: The channel gate.
        squeeze: What squeeze-and-excitation reduces the channels in between to, a fraction.
        activation: Of the expanding half; none follows the projection.

    Raises:
        InputError: Kernel, stride, attention or activation is none of those.
    """

    def __init__(
        self,
        inputs: int,
        outputs: int,
        stride: int,
        *,
        kernel: int = 3,
        expansion: float = 2,
        attention: Attention = "none",
        squeeze: float = 0.25,
        activation: Activation = "relu",
    ) -> None:
        super().__init__()
        expanded = make_divisible(inputs * expansion)
        self.expand = GhostConvolution(inputs, expanded, kernel, activation)
        self.depthwise: nn.Module = nn.Identity()
        if stride != 1:
            self.depthwise = NormalisedConvolution(expanded, expanded, kernel, stride, groups=expanded)
        self.gate = channel_gate(attention, expanded, squeeze)
        self.project = GhostConvolution(expanded, outputs, kernel, None)
        self.shortcut: nn.Module = nn.Identity()
        if stride != 1 or inputs != outputs:
            self.shortcut = nn.Sequential(
                NormalisedConvolution(inputs, inputs, kernel, stride, groups=inputs),
                NormalisedConvolution(inputs, outputs, 1),
            )

    def forward(self, features: Tensor) -> Tensor:
        """Map ``(batch, inputs, h, w)`` to ``(batch, outputs, h / stride, w / stride)``."""
        inner = self.project(self.gate(self.depthwise(self.expand(features))))
        return inner + self.shortcut(features)
