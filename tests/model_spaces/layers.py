"""A model space written against NNI alone whose choices are layers, so that every strategy mixes them; no forward."""

import torch
from nni.nas.nn.pytorch import LayerChoice, ModelSpace
from torch import nn


def block(inputs, outputs, kernel, stride):
    return nn.Sequential(nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, bias=False), nn.BatchNorm2d(outputs))


class Layers(ModelSpace, label_prefix="net"):
    """Labels are NNI's own, below a prefix; the only candidate of `fixed` is no choice."""

    template_size = 64
    search_sizes = 128
    stride = 16

    def __init__(self):
        super().__init__()
        self.stem = block(3, 8, 5, 4)
        self.first = LayerChoice([block(8, 8, 3, 2), block(8, 8, 5, 2)])
        self.second = LayerChoice(
            {"narrow kernel": block(8, 16, 1, 2), "wide kernel": block(8, 16, 3, 2)}, label="second"
        )
        self.fixed = LayerChoice({"only": nn.ReLU()}, label="fixed")
        self.head = nn.Conv2d(17, 5, 3, padding=1)

    def template(self, image):
        return self.fixed(self.second(torch.relu(self.first(self.stem(image)))))

    def track(self, features, search):
        found = self.template(search)
        alike = (found * features.mean(dim=(2, 3), keepdim=True)).sum(dim=1, keepdim=True)
        answers = self.head(torch.cat([found, alike], dim=1))
        return answers[:, :1], 16 * torch.exp(answers[:, 1:].clamp(max=4))
