"""Networks that somebody else wrote, with `template` and `track`, as the rest of the package knows networks."""

from __future__ import annotations

import math
from functools import cached_property
from typing import Any

import torch
from torch import Tensor, nn

from lighttrack_nas.trackers.network.network import Exit, Geometry, SiameseNetwork


class WrappedNetwork(SiameseNetwork):
    """Any module with `template` and `track`, wherever a `SiameseNetwork` may stand.

    It has none of that network's parts: what it is made of only its author knows. What the tracker needs to know, the
    stride and the shape of the template's features, is found by running it.

    Args:
        own: The module. Without a `forward(template, search)` of its own it trains on ``track(template(...), ...)``.
        template_size: Side of the square template crop, pixels.
        search_sizes: Sides of the square search crops, pixels, ascending.
        shared: Whether it is a weight-sharing network, whose choices are open.
    """

    def __init__(self, own: Any, template_size: int, search_sizes: tuple[int, ...], *, shared: bool = False) -> None:
        nn.Module.__init__(self)
        self.own = own
        # Its answers are logits and distances already: nothing is left to scale.
        self.geometry = Geometry(template_size, search_sizes, score_scale=1.0, box_activation="relu", box_scale=1.0)
        self._shared = shared

    @property
    def exit(self) -> Exit:
        """The shape of the template's features and the stride, as one exit without a name.

        Raises:
            TypeError: The network is a weight-sharing one.
        """
        if self._shared:
            raise TypeError("a weight-sharing network has no exit of its own: its choices are open")
        return self._exit

    @cached_property
    def _exit(self) -> Exit:
        modes = {module: module.training for module in self.modules()}
        device = next((tensor.device for tensor in self.parameters()), torch.device("cpu"))
        side = self.geometry.search_sizes[0]
        try:
            with torch.no_grad():
                self.eval()
                features = self.template(torch.zeros(1, 3, *[self.geometry.template_size] * 2, device=device))
                logits, _ = self.track(features, torch.zeros(1, 3, side, side, device=device))
        finally:
            for module, training in modes.items():
                module.training = training
        return Exit("", features.shape[1], stride_of(side, logits.shape[-1]), features.shape[2] * features.shape[3])

    def template(self, image: Tensor) -> Tensor:
        """See `SiameseNetwork.template`."""
        features: Tensor = self.own.template(image)
        return features

    def track(self, template_features: Tensor, image: Tensor) -> tuple[Tensor, Tensor]:
        """See `SiameseNetwork.track`."""
        logits, distances = self.own.track(template_features, image)
        return logits, distances

    def forward(self, template: Tensor, search: Tensor) -> tuple[Tensor, Tensor]:
        """See `SiameseNetwork.forward`."""
        if self.has_forward:
            logits, distances = self.own(template, search)
            return logits, distances
        return self.track(self.template(template), search)

    @property
    def has_forward(self) -> bool:
        """Whether the module says itself how both images are answered at once."""
        return getattr(type(self.own), "forward", nn.Module.forward) is not nn.Module.forward


def stride_of(search_size: int, cells: int) -> int:
    """Search pixels per cell of an output map; 0 where no whole stride gives so many cells."""
    stride = max(1, round(search_size / cells))
    return stride if math.ceil(search_size / stride) == cells else 0
