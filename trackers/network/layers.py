"""What blocks are made of: padded convolutions, activations by name.

Tensors are ``(batch, channels, height, width)``.
"""

from collections.abc import Callable
from functools import partial
from typing import Literal

from torch import Tensor, nn
from torch.nn import functional

from lighttrack_nas.trackers.base.errors import InputError
from lighttrack_nas.trackers.base.names import checked_name

Activation = Literal["silu", "relu", "relu6", "hardswish", "gelu"]
"""Activations that a block may have."""

# In place where torch can: what they get is a norm's output or a sum, which nothing else reads.
_ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "silu": partial(functional.silu, inplace=True),
    "relu": partial(functional.relu, inplace=True),
    "relu6": partial(functional.relu6, inplace=True),
    "hardswish": partial(functional.hardswish, inplace=True),
    "gelu": functional.gelu,
}


def activation_function(name: Activation) -> Callable[[Tensor], Tensor]:
    """The activation of a name; it may overwrite what it gets.

    Raises:
        InputError: There is none of that name.
    """
    return _ACTIVATIONS[checked_name(name, _ACTIVATIONS, "activation")]


def convolution(inputs: int, outputs: int, kernel: int, stride: int = 1, groups: int = 1) -> nn.Conv2d:
    """A convolution without bias, padded so that the map's size is divided by the stride, rounded up.

    Output position i is centred on input position ``stride * i`` for every kernel, so that branches of different
    kernels agree.

    Raises:
        InputError: The kernel is even, or the stride is neither 1 nor 2.
    """
    if kernel < 1 or kernel % 2 == 0:
        raise InputError(f"kernel {kernel}: an odd size is expected, so that padding keeps the map centred")
    if stride not in (1, 2):
        raise InputError(f"stride {stride}: 1 or 2 is expected")
    # (stride - 1 + kernel - 1) // 2 keeps odd and even inputs aligned the way the published weights expect.
    padding = (stride - 1 + kernel - 1) // 2
    return nn.Conv2d(inputs, outputs, kernel, stride, padding, groups=groups, bias=False)


class NormalisedConvolution(nn.Module):
    """`convolution`, BatchNorm and, where one is named, an activation."""

    def __init__(
        self,
        inputs: int,
        outputs: int,
        kernel: int,
        stride: int = 1,
        *,
        groups: int = 1,
        activation: Activation | None = None,
    ) -> None:
        super().__init__()
        self.convolution = convolution(inputs, outputs, kernel, stride, groups)
        self.norm = nn.BatchNorm2d(outputs)
        self.activation = None if activation is None else activation_function(activation)

    def forward(self, features: Tensor) -> Tensor:
        """Map ``(batch, inputs, h, w)`` to ``(batch, outputs, h / stride, w / stride)``."""
        features = self.norm(self.convolution(features))
        return features if self.activation is None else self.activation(features)
