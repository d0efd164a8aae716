"""ShuffleNetV2's block: half of the channels pass by, the others are convolved (ECCV 2018, section 3.2, figure 3)."""

import torch
from torch import Tensor, nn

from lighttrack_nas.trackers.base.errors import InputError
from lighttrack_nas.trackers.network.layers import Activation, NormalisedConvolution


class ShuffleBlock(nn.Module):
    """1x1, depthwise, 1x1 on half of the channels, beside the other half, whose channels then take turns.

    At stride 2 both halves come from all of the input, the one beside through a depthwise and a 1x1 convolution.

    Args:
        inputs: Channels.
        outputs: Channels, an even number; at stride 1 as many as inputs.
        stride: 1 or 2.
        kernel: Of the depthwise convolutions, odd.
        activation: Behind every 1x1 convolution.

    Raises:
        InputError: The channels or the stride are none of those, or kernel or activation.
    """

    def __init__(
        self, inputs: int, outputs: int, stride: int, *, kernel: int = 3, activation: Activation = "relu"
    ) -> None:
        super().__init__()
        if outputs % 2:
            raise InputError(f"{outputs} output channels: an even number is expected, of which half are convolved")
        if stride == 1 and inputs != outputs:
            raise InputError(
                f"{inputs} input channels to {outputs}: at stride 1 half of the input passes by, so that as many "
                "outputs as inputs are expected"
            )
        half = outputs // 2
        self.halves = stride == 1
        self.beside: nn.Module = nn.Identity()
        if stride != 1:
            self.beside = nn.Sequential(
                NormalisedConvolution(inputs, inputs, kernel, stride, groups=inputs),
                NormalisedConvolution(inputs, half, 1, activation=activation),
            )
        self.convolved = nn.Sequential(
            NormalisedConvolution(half if self.halves else inputs, half, 1, activation=activation),
            NormalisedConvolution(half, half, kernel, stride, groups=half),
            NormalisedConvolution(half, half, 1, activation=activation),
        )

    def forward(self, features: Tensor) -> Tensor:
        """Map ``(batch, inputs, h, w)`` to ``(batch, outputs, h / stride, w / stride)``."""
        beside, convolved = torch.chunk(features, 2, dim=1) if self.halves else (features, features)
        both = torch.cat([self.beside(beside), self.convolved(convolved)], dim=1)
        batch, channels, height, width = both.shape
        return both.view(batch, 2, channels // 2, height, width).transpose(1, 2).reshape(both.shape)
