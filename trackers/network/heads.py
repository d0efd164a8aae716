"""What stands behind the fusion: the towers of both head branches, or one for both."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn


class Tower(nn.Module):
    """A head branch: layers, then a 3x3 convolution to the predicted channels."""

    def __init__(self, layers: Sequence[nn.Module], prediction: nn.Module) -> None:
        super().__init__()
        self.layers = nn.Sequential(*layers)
        self.prediction = prediction

    def forward(self, features: Tensor) -> Tensor:
        """Map the fused ``(batch, channels, h, w)`` to ``(batch, outputs, h, w)``."""
        return self.prediction(self.layers(features))


class SeparateTowers(nn.Module):
    """Both head branches of a network whose space leaves open whether they share a tower."""

    def __init__(self, cls_head: nn.Module, reg_head: nn.Module) -> None:
        super().__init__()
        self.cls_head = cls_head
        self.reg_head = reg_head

    def forward(self, features: Tensor) -> Tensor:
        """Map the fused ``(batch, channels, h, w)`` to ``(batch, 5, h, w)``: the score, then the four distances."""
        return torch.cat([self.cls_head(features), self.reg_head(features)], dim=1)


class SharedTower(nn.Module):
    """One tower for both branches, which predicts five channels."""

    def __init__(self, tower: nn.Module) -> None:
        super().__init__()
        self.tower = tower

    def forward(self, features: Tensor) -> Tensor:
        """Map the fused ``(batch, channels, h, w)`` to ``(batch, 5, h, w)``: the score, then the four distances."""
        answers: Tensor = self.tower(features)
        return answers
