"""Fused MBConv: expansion and spatial convolution in one (EfficientNetV2, ICML 2021, section 3.2)."""

from torch import Tensor, nn

from lighttrack_nas.trackers.base.channels import make_divisible
from lighttrack_nas.trackers.network.attention import Attention, channel_gate
from lighttrack_nas.trackers.network.layers import Activation, NormalisedConvolution


class FusedInvertedResidual(nn.Module):
    """A full convolution that expands, gate, project 1x1; with an expansion of 1 the convolution alone, and the gate.

    The input is added where the shapes agree.

    Args:
        inputs: Channels.
        outputs: Channels.
        stride: 1 or 2.
        kernel: Odd.
        expansion: Channels in between by `inputs`, which are rounded to a multiple of 8.
        attention: The channel gate.
        squeeze: What squeeze-and-excitation reduces the channels in between to, a fraction.
        activation: Behind the convolution; none follows the projection.

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
        expansion: float = 4,
        attention: Attention = "none",
        squeeze: float = 0.25,
        activation: Activation = "silu",
    ) -> None:
        super().__init__()
        self.residual = stride == 1 and inputs == outputs
        expanded = outputs if expansion == 1 else make_divisible(inputs * expansion)
        self.expand = NormalisedConvolution(inputs, expanded, kernel, stride, activation=activation)
        self.gate = channel_gate(attention, expanded, squeeze)
        self.project = nn.Identity() if expansion == 1 else NormalisedConvolution(expanded, outputs, 1)

    def forward(self, features: Tensor) -> Tensor:
        """Map ``(batch, inputs, h, w)`` to ``(batch, outputs, h / stride, w / stride)``."""
        inner = self.project(self.gate(self.expand(features)))
        return inner + features if self.residual else inner
