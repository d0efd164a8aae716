"""Convolution blocks of the LightTrack space (CVPR 2021, section 4; activations and norms as in the released code).

Tensors are ``(batch, channels, height, width)``. Convolutions pad symmetrically, so that a stride of 1 keeps the size.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional


def make_divisible(value: float, divisor: int = 8) -> int:
    """Round a channel count to a multiple of `divisor`, never below 90 % of `value` (MobileNet's rule)."""
    rounded = max(divisor, int(value + divisor / 2) // divisor * divisor)
    return rounded + divisor if rounded < 0.9 * value else rounded


def _convolution(inputs: int, outputs: int, kernel: int, stride: int = 1, groups: int = 1) -> nn.Conv2d:
    # (stride - 1 + kernel - 1) // 2 keeps odd and even inputs aligned the way the published weights expect.
    padding = (stride - 1 + kernel - 1) // 2
    return nn.Conv2d(inputs, outputs, kernel, stride, padding, groups=groups, bias=False)


class Stem(nn.Module):
    """Convolution, BatchNorm, SiLU: the first layer, from the RGB image."""

    def __init__(self, outputs: int, kernel: int, stride: int) -> None:
        super().__init__()
        self.convolution = _convolution(3, outputs, kernel, stride)
        self.norm = nn.BatchNorm2d(outputs)

    def forward(self, image: Tensor) -> Tensor:
        """Map ``(batch, 3, height, width)`` to ``(batch, outputs, height / stride, width / stride)``."""
        return functional.silu(self.norm(self.convolution(image)), inplace=True)


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


class SeparableConvolution(nn.Module):
    """Depthwise convolution, gate, pointwise convolution: the fixed first block of the backbone.

    No activation follows the pointwise part; the input is added where the shapes agree.
    """

    def __init__(self, inputs: int, outputs: int, stride: int, kernel: int, squeeze: float) -> None:
        super().__init__()
        self.residual = stride == 1 and inputs == outputs
        self.depthwise = _convolution(inputs, inputs, kernel, stride, groups=inputs)
        self.depthwise_norm = nn.BatchNorm2d(inputs)
        self.squeeze = SqueezeExcitation(inputs, squeeze)
        self.pointwise = _convolution(inputs, outputs, 1)
        self.pointwise_norm = nn.BatchNorm2d(outputs)

    def forward(self, features: Tensor) -> Tensor:
        """Map ``(batch, inputs, h, w)`` to ``(batch, outputs, h / stride, w / stride)``."""
        inner = functional.silu(self.depthwise_norm(self.depthwise(features)), inplace=True)
        inner = self.pointwise_norm(self.pointwise(self.squeeze(inner)))
        return inner + features if self.residual else inner


class InvertedResidual(nn.Module):
    """MBConv with a channel gate: expand 1x1, depthwise, gate, project 1x1 (MobileNetV2 and V3).

    The gate's reduction counts on the expanded channels; the input is added where the shapes agree.
    """

    def __init__(self, inputs: int, outputs: int, stride: int, kernel: int, expansion: float, squeeze: float) -> None:
        super().__init__()
        expanded = make_divisible(inputs * expansion)
        self.residual = stride == 1 and inputs == outputs
        self.expand = _convolution(inputs, expanded, 1)
        self.expand_norm = nn.BatchNorm2d(expanded)
        self.depthwise = _convolution(expanded, expanded, kernel, stride, groups=expanded)
        self.depthwise_norm = nn.BatchNorm2d(expanded)
        self.squeeze = SqueezeExcitation(expanded, squeeze)
        self.project = _convolution(expanded, outputs, 1)
        self.project_norm = nn.BatchNorm2d(outputs)

    def forward(self, features: Tensor) -> Tensor:
        """Map ``(batch, inputs, h, w)`` to ``(batch, outputs, h / stride, w / stride)``."""
        inner = functional.silu(self.expand_norm(self.expand(features)), inplace=True)
        inner = functional.silu(self.depthwise_norm(self.depthwise(inner)), inplace=True)
        inner = self.project_norm(self.project(self.squeeze(inner)))
        return inner + features if self.residual else inner


class TowerConvolution(nn.Module):
    """Depthwise then pointwise convolution, BatchNorm, ReLU: a layer of the head towers."""

    def __init__(self, inputs: int, outputs: int, kernel: int) -> None:
        super().__init__()
        self.depthwise = _convolution(inputs, inputs, kernel, groups=inputs)
        self.pointwise = _convolution(inputs, outputs, 1)
        self.norm = nn.BatchNorm2d(outputs)

    def forward(self, features: Tensor) -> Tensor:
        """Map ``(batch, inputs, h, w)`` to ``(batch, outputs, h, w)``."""
        return torch.relu(self.norm(self.pointwise(self.depthwise(features))))
