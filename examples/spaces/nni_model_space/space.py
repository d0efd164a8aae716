"""A space written against NNI alone: nothing of this package is imported, and nothing of its spaces is used.

lighttrack-nas describe examples/spaces/nni_model_space/space.py:Small
lighttrack-nas search examples/spaces/chain.yaml --set space=nni_model_space/space.py:Small --set output=runs/small
"""

import nni
import torch
from nni.nas.nn.pytorch import InputChoice, LayerChoice, ModelSpace, MutableConv2d
from torch import nn


def separable(inputs: int, outputs: int, kernel: int, stride: int) -> nn.Module:
    """A depthwise and a pointwise convolution."""
    depthwise = nn.Conv2d(inputs, inputs, kernel, stride, kernel // 2, groups=inputs, bias=False)
    pointwise = nn.Conv2d(inputs, outputs, 1, bias=False)
    return nn.Sequential(depthwise, nn.BatchNorm2d(inputs), pointwise, nn.BatchNorm2d(outputs), nn.SiLU())


class Small(ModelSpace):
    """A small Siamese network of stride 16: kernels, where the features leave, and the width of the head."""

    template_size = 64
    search_sizes = (128, 160)

    def __init__(self) -> None:
        super().__init__()
        self.backbone = nn.Sequential(
            nn.Sequential(nn.Conv2d(3, 16, 3, 4, 1, bias=False), nn.BatchNorm2d(16), nn.SiLU()),
            self.kernels("stage1", 16, 24, 2),
            self.kernels("stage2", 24, 32, 2),
        )
        self.later = self.kernels("stage3", 32, 32, 1)
        self.output = InputChoice(n_candidates=2, n_chosen=1, label="output")
        width = nni.choice("width", [16, 32])
        self.fusion = MutableConv2d(in_channels=32 + 16, out_channels=width, kernel_size=3, padding=1)
        self.head = MutableConv2d(in_channels=width, out_channels=5, kernel_size=3, padding=1)

    def kernels(self, label: str, inputs: int, outputs: int, stride: int) -> nn.Module:
        """A block of a kernel of 3, 5 or 7."""
        return LayerChoice(
            {f"k{kernel}": separable(inputs, outputs, kernel, stride) for kernel in (3, 5, 7)}, label=label
        )

    def template(self, image: torch.Tensor) -> torch.Tensor:
        """Features of the target, once: (batch, 32, 4, 4)."""
        features = self.backbone(image)
        return self.output([features, self.later(features)])

    def track(self, features: torch.Tensor, search: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Logits (batch, 1, n, n) and distances (batch, 4, n, n) in pixels, for every frame."""
        found = self.template(search)
        kernels = features.flatten(2).transpose(1, 2)  # (batch, 16 positions, 32)
        alike = (kernels @ found.flatten(2)).unflatten(2, found.shape[2:]) / 32
        answers = self.head(torch.relu(self.fusion(torch.cat([found, alike], dim=1))))
        return answers[:, :1], 16 * torch.exp(answers[:, 1:].clamp(max=4))
