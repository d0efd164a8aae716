"""Convolutions that are trained in branches and deployed as one (RepVGG, CVPR 2021; MobileOne, CVPR 2023)."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from lighttrack_nas.trackers.base.errors import InputError
from lighttrack_nas.trackers.network.layers import Activation, NormalisedConvolution, activation_function


class BranchedConvolution(nn.Module):
    """The sum of a convolution, one of 1x1 and the input itself, each with its BatchNorm, where shapes allow.

    The 1x1 branch is left out for a kernel of 1, and the input where channels or sizes differ.

    Args:
        inputs: Channels.
        outputs: Channels.
        stride: 1 or 2.
        kernel: Odd.
        groups: Into which the channels fall apart.
    """

    def __init__(self, inputs: int, outputs: int, stride: int, kernel: int, groups: int = 1) -> None:
        super().__init__()
        self.full = NormalisedConvolution(inputs, outputs, kernel, stride, groups=groups)
        self.point = NormalisedConvolution(inputs, outputs, 1, stride, groups=groups) if kernel > 1 else None
        self.identity = nn.BatchNorm2d(inputs) if stride == 1 and inputs == outputs else None

    def forward(self, features: Tensor) -> Tensor:
        """Map ``(batch, inputs, h, w)`` to ``(batch, outputs, h / stride, w / stride)``."""
        total = self.full(features)
        if self.point is not None:
            total = total + self.point(features)
        if self.identity is not None:
            total = total + self.identity(features)
        return total

    @torch.no_grad()
    def reparameterised(self) -> nn.Conv2d:
        """One convolution with a bias, equal to all branches in eval mode but for rounding (RepVGG, section 3.3)."""
        full = self.full.convolution
        kernel, bias = _folded(full.weight, self.full.norm)
        margin = full.kernel_size[0] // 2
        centred = [margin] * 4
        if self.point is not None:
            point, offset = _folded(self.point.convolution.weight, self.point.norm)
            kernel, bias = kernel + functional.pad(point, centred), bias + offset
        if self.identity is not None:
            of_group = full.in_channels // full.groups
            same = torch.eye(of_group, device=full.weight.device).repeat(full.groups, 1)[:, :, None, None]
            same, offset = _folded(same, self.identity)
            kernel, bias = kernel + functional.pad(same, centred), bias + offset
        # Without drawing weights, so that torch's generator stays where it is.
        merged = nn.utils.skip_init(
            nn.Conv2d,
            full.in_channels,
            full.out_channels,
            full.kernel_size,
            full.stride,
            full.padding,
            groups=full.groups,
            device=full.weight.device,
            dtype=full.weight.dtype,
        )
        merged.weight = nn.Parameter(kernel.to(full.weight.dtype), full.weight.requires_grad)
        merged.bias = nn.Parameter(bias.to(full.weight.dtype), full.weight.requires_grad)
        return merged


def _folded(weight: Tensor, norm: nn.BatchNorm2d) -> tuple[Tensor, Tensor]:
    """A convolution's weight with a BatchNorm folded in, and the bias, in double precision."""
    assert norm.running_mean is not None
    assert norm.running_var is not None
    factor = norm.weight.double() * torch.rsqrt(norm.running_var.double() + norm.eps)
    return weight.double() * factor[:, None, None, None], norm.bias.double() - norm.running_mean.double() * factor


class ReparameterisedConvolution(nn.Module):
    """RepVGG's block: a `BranchedConvolution` and an activation.

    Args:
        inputs: Channels.
        outputs: Channels.
        stride: 1 or 2.
        kernel: Odd.
        depthwise: Whether every channel is convolved alone, which needs as many outputs as inputs.
        activation: Behind the sum of the branches.

    Raises:
        InputError: Depthwise with other outputs than inputs; kernel, stride or activation is none of those.
    """

    def __init__(
        self,
        inputs: int,
        outputs: int,
        stride: int,
        *,
        kernel: int = 3,
        depthwise: bool = False,
        activation: Activation = "relu",
    ) -> None:
        super().__init__()
        if depthwise and inputs != outputs:
            raise InputError(
                f"{inputs} input channels to {outputs}: a depthwise convolution has as many outputs as inputs"
            )
        self.branches = BranchedConvolution(inputs, outputs, stride, kernel, inputs if depthwise else 1)
        self.activation = activation_function(activation)

    def forward(self, features: Tensor) -> Tensor:
        """Map ``(batch, inputs, h, w)`` to ``(batch, outputs, h / stride, w / stride)``."""
        return self.activation(self.branches(features))


class ReparameterisedSeparable(nn.Module):
    """MobileOne's block with one branch of each kind: a depthwise `ReparameterisedConvolution`, then a 1x1 one.

    Args:
        inputs: Channels.
        outputs: Channels.
        stride: 1 or 2.
        kernel: Of the depthwise convolution, odd.
        activation: Behind each.

    Raises:
        InputError: Kernel, stride or activation is none of those.
    """

    def __init__(
        self, inputs: int, outputs: int, stride: int, *, kernel: int = 3, activation: Activation = "relu"
    ) -> None:
        super().__init__()
        self.depthwise = ReparameterisedConvolution(
            inputs, inputs, stride, kernel=kernel, depthwise=True, activation=activation
        )
        self.pointwise = ReparameterisedConvolution(inputs, outputs, 1, kernel=1, activation=activation)

    def forward(self, features: Tensor) -> Tensor:
        """Map ``(batch, inputs, h, w)`` to ``(batch, outputs, h / stride, w / stride)``."""
        return self.pointwise(self.depthwise(features))
