"""Convolution blocks of the LightTrack space (CVPR 2021, section 4; activations and norms as in the released code).

Tensors are ``(batch, channels, height, width)``. Convolutions pad symmetrically, so that a stride of 1 keeps the size.
"""

from torch import Tensor, nn
from torch.nn import functional

from lighttrack_nas.trackers.base.channels import make_divisible
from lighttrack_nas.trackers.network.attention import Attention, channel_gate
from lighttrack_nas.trackers.network.layers import Activation, activation_function, convolution


class Stem(nn.Module):
    """Convolution, BatchNorm, SiLU: the first layer, from the RGB image."""

    def __init__(self, outputs: int, kernel: int, stride: int) -> None:
        super().__init__()
        self.convolution = convolution(3, outputs, kernel, stride)
        self.norm = nn.BatchNorm2d(outputs)

    def forward(self, image: Tensor) -> Tensor:
        """Map ``(batch, 3, height, width)`` to ``(batch, outputs, height / stride, width / stride)``."""
        return functional.silu(self.norm(self.convolution(image)), inplace=True)


class SeparableConvolution(nn.Module):
    """Depthwise convolution, gate, pointwise convolution: the fixed first block of the backbone.

    No activation follows the pointwise part; the input is added where the shapes agree.
    """

    def __init__(
        self,
        inputs: int,
        outputs: int,
        stride: int,
        kernel: int,
        squeeze: float,
        *,
        attention: Attention = "se",
        activation: Activation = "silu",
    ) -> None:
        super().__init__()
        self.activation = activation_function(activation)
        self.residual = stride == 1 and inputs == outputs
        self.depthwise = convolution(inputs, inputs, kernel, stride, groups=inputs)
        self.depthwise_norm = nn.BatchNorm2d(inputs)
        self.squeeze = channel_gate(attention, inputs, squeeze)
        self.pointwise = convolution(inputs, outputs, 1)
        self.pointwise_norm = nn.BatchNorm2d(outputs)

    def forward(self, features: Tensor) -> Tensor:
        """Map ``(batch, inputs, h, w)`` to ``(batch, outputs, h / stride, w / stride)``."""
        inner = self.activation(self.depthwise_norm(self.depthwise(features)))
        inner = self.pointwise_norm(self.pointwise(self.squeeze(inner)))
        return inner + features if self.residual else inner


class InvertedResidual(nn.Module):
    """MBConv with a channel gate: expand 1x1, depthwise, gate, project 1x1 (MobileNetV2 and V3).

    The gate's reduction counts on the expanded channels; the input is added where the shapes agree.
    """

    def __init__(
        self,
        inputs: int,
        outputs: int,
        stride: int,
        kernel: int,
        expansion: float,
        squeeze: float,
        *,
        attention: Attention = "se",
        activation: Activation = "silu",
    ) -> None:
        super().__init__()
        self.activation = activation_function(activation)
        expanded = make_divisible(inputs * expansion)
        self.residual = stride == 1 and inputs == outputs
        self.expand = convolution(inputs, expanded, 1)
        self.expand_norm = nn.BatchNorm2d(expanded)
        self.depthwise = convolution(expanded, expanded, kernel, stride, groups=expanded)
        self.depthwise_norm = nn.BatchNorm2d(expanded)
        self.squeeze = channel_gate(attention, expanded, squeeze)
        self.project = convolution(expanded, outputs, 1)
        self.project_norm = nn.BatchNorm2d(outputs)

    def forward(self, features: Tensor) -> Tensor:
        """Map ``(batch, inputs, h, w)`` to ``(batch, outputs, h / stride, w / stride)``."""
        inner = self.activation(self.expand_norm(self.expand(features)))
        inner = self.activation(self.depthwise_norm(self.depthwise(inner)))
        inner = self.project_norm(self.project(self.squeeze(inner)))
        return inner + features if self.residual else inner


class TowerConvolution(nn.Module):
    """Depthwise then pointwise convolution, BatchNorm, activation: a layer of the head towers."""

    def __init__(self, inputs: int, outputs: int, kernel: int, *, activation: Activation = "relu") -> None:
        super().__init__()
        self.activation = activation_function(activation)
        self.depthwise = convolution(inputs, inputs, kernel, groups=inputs)
        self.pointwise = convolution(inputs, outputs, 1)
        self.norm = nn.BatchNorm2d(outputs)

    def forward(self, features: Tensor) -> Tensor:
        """Map ``(batch, inputs, h, w)`` to ``(batch, outputs, h, w)``."""
        return self.activation(self.norm(self.pointwise(self.depthwise(features))))
