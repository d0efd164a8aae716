"""From the network that is trained to the one that is deployed: branches merged into one convolution."""

from __future__ import annotations

import copy
from typing import TypeVar, cast

from torch import nn

Network = TypeVar("Network", bound=nn.Module)


def reparameterise(network: Network) -> Network:
    """The deployed form of a network: modules that have a simpler form are replaced by it (RepVGG, CVPR 2021).

    A module has one if it has a method `reparameterised()`, which returns a new module, equal in eval mode but for
    rounding. In training mode the forms differ: merged branches have lost their norms.

    Args:
        network: Any module, on any device, "meta" too; it is left as it is.

    Returns:
        A copy; or the network itself if there is nothing to replace.
    """
    if not any(_has_simpler_form(module) for module in network.modules()):
        return network
    whole = nn.ModuleDict({"network": copy.deepcopy(network)})
    made: dict[nn.Module, nn.Module] = {}  # a module that stands in two places stays one
    places: list[str] = []
    for name, module in list(whole.named_modules(remove_duplicate=False)):
        if _has_simpler_form(module) and not name.startswith(tuple(f"{place}." for place in places)):
            if module not in made:
                made[module] = _simpler_form(module)
            whole.set_submodule(name, made[module])
            places.append(name)
    return cast(Network, whole["network"])


def _has_simpler_form(module: nn.Module) -> bool:
    return callable(getattr(module, "reparameterised", None))


def _simpler_form(module: nn.Module) -> nn.Module:
    return module.reparameterised().train(module.training)  # type: ignore[operator]
