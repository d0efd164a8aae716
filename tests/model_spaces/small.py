"""A model space written against NNI alone, with every kind of choice that can be searched."""

import nni
import torch
from nni.nas.nn.pytorch import InputChoice, LayerChoice, ModelSpace, MutableBatchNorm2d, MutableConv2d, Repeat
from torch import nn


def block(inputs, outputs, kernel, stride):
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, bias=False), nn.BatchNorm2d(outputs), nn.ReLU()
    )


class Small(ModelSpace):
    """Stride 16: a block of two kernels, one of two ways on, a width by value, a depth."""

    template_size = 64
    search_sizes = (128, 160)

    def __init__(self):
        super().__init__()
        self.backbone = nn.ModuleDict(
            {
                "stem": block(3, 8, 3, 4),
                "first": LayerChoice({"k3": block(8, 8, 3, 2), "k5": block(8, 8, 5, 2)}, label="first"),
                "second": LayerChoice([block(8, 16, 3, 2), block(8, 16, 1, 2), block(8, 16, 5, 2)], label="second"),
                "deep": Repeat(lambda index: block(16, 16, 3, 1), nni.choice("depth", [1, 2])),
            }
        )
        self.way = InputChoice(2, n_chosen=1, label="way")
        width = self.add_mutable(nni.choice("width", [8, 16]))
        self.fused = MutableConv2d(in_channels=16 + 1, out_channels=width, kernel_size=3, padding=1)
        self.norm = MutableBatchNorm2d(num_features=width)
        self.head = MutableConv2d(in_channels=width, out_channels=5, kernel_size=1)

    def features(self, image):
        middle = self.backbone["second"](self.backbone["first"](self.backbone["stem"](image)))
        return self.way([middle, self.backbone["deep"](middle)])

    def template(self, image):
        return self.features(image)

    def track(self, features, search):
        found = self.features(search)
        alike = (found * features.mean(dim=(2, 3), keepdim=True)).sum(dim=1, keepdim=True)
        answers = self.head(torch.relu(self.norm(self.fused(torch.cat([found, alike], dim=1)))))
        return answers[:, :1], 16 * torch.exp(answers[:, 1:].clamp(max=4))
