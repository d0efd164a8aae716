"""From the network that is trained to the one that is deployed: branches merged into one convolution."""

from __future__ import annotations

import copy
from typing import Protocol, TypeVar, runtime_checkable

from torch import nn

Network = TypeVar("Network", bound=nn.Module)


@runtime_checkable
class Reparameterisable(Protocol):
    """A module that has a simpler form for inference."""

    def reparameterised(self) -> nn.Module:
        """A new module, equal to this one in eval mode but for rounding; this one is left as it is."""


def reparameterise(network: Network) -> Network:
    """The deployed form of a network: every module that has a simpler form is replaced by it (RepVGG, CVPR 2021).

    In eval mode both forms agree but for rounding. In training mode they do not: merged branches have lost their norms.

    Args:
        network: Any module, on any device, "meta" too; it is left as it is.

    Returns:
        A copy; or the network itself if there is nothing to replace.
    """
    if not any(isinstance(module, Reparameterisable) for module in network.modules()):
        return network
    deployed = copy.deepcopy(network)
    if isinstance(deployed, Reparameterisable):
        return _merged(deployed)
    made: dict[nn.Module, nn.Module] = {}  # a module that stands in two places stays one
    for name, module in list(deployed.named_modules(remove_duplicate=False)):
        if isinstance(module, Reparameterisable):
            if module not in made:
                made[module] = _merged(module)
            deployed.set_submodule(name, made[module])
    return deployed


def _merged(module: Reparameterisable) -> nn.Module:
    return module.reparameterised().train(module.training)
