"""A new operation: a depthwise convolution of a large kernel beside one of 3, added before the pointwise one."""

import torch
from torch import nn

import lighttrack_nas as ltn


@ltn.operation("largekernel")
class LargeKernel(nn.Module):
    """Both kernels, BatchNorm, SiLU, pointwise convolution."""

    def __init__(self, inputs: int, outputs: int, stride: int, *, kernel: int = 9) -> None:
        super().__init__()
        self.large, self.small = (
            nn.Conv2d(inputs, inputs, size, stride, size // 2, groups=inputs, bias=False) for size in (kernel, 3)
        )
        self.norm = nn.BatchNorm2d(inputs)
        self.pointwise = nn.Sequential(nn.Conv2d(inputs, outputs, 1, bias=False), nn.BatchNorm2d(outputs))

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """Map the features to those of the next block."""
        return self.pointwise(nn.functional.silu(self.norm(self.large(features) + self.small(features))))
