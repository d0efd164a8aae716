"""BatchNorms that are no norms any more: folded ones, which only scale and shift.

A network that comes from an export, as the published LightTrack-Mobile does, has its BatchNorms folded: the statistics
went into the convolutions, what is left has mean 0 and variance 1. In eval mode such a norm is an affine map with
weights that can learn. With statistics of a batch, or estimated afresh, it would be another map, and the network lost.
"""

from __future__ import annotations

import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from lighttrack_nas.trackers.base.errors import InputError

# What a norm that was never trained has as weight: 1, or 0 as the last of a residual block, with a bias of 0.
_FRESH_WEIGHTS = (1, 0)


@torch.no_grad()
def is_folded(norm: _BatchNorm) -> bool:
    """Tell whether a norm is folded: mean exactly 0 and variance exactly 1, with weights that were trained.

    A fresh norm has the same statistics, and is not; nor is one without weights or without running statistics.
    """
    mean, variance, weight, bias = norm.running_mean, norm.running_var, norm.weight, norm.bias
    if mean is None or variance is None or weight is None or bias is None:
        return False
    if bool((mean != 0).any()) or bool((variance != 1).any()):
        return False
    return bool((bias != 0).any()) or not any(bool((weight == fresh).all()) for fresh in _FRESH_WEIGHTS)


def folded_norms(network: nn.Module) -> tuple[_BatchNorm, ...]:
    """The folded norms of a network or a supernet, in the order of its modules."""
    return tuple(module for module in network.modules() if isinstance(module, _BatchNorm) and is_folded(module))


def has_folded_norms(network: nn.Module) -> bool:
    """Tell whether any norm of a network or a supernet is folded."""
    return any(isinstance(module, _BatchNorm) and is_folded(module) for module in network.modules())


def keep_norms(network: nn.Module) -> tuple[_BatchNorm, ...]:
    """Put a network's folded norms into eval mode, in which they stay affine maps while their weights learn.

    To be called whenever the network was put into training mode. Which norms are folded does not change by training,
    so that a loop may ask once and put the norms returned into eval mode by itself.

    Returns:
        The folded norms.
    """
    kept = folded_norms(network)
    for norm in kept:
        norm.eval()
    return kept


@torch.no_grad()
def fold_norms(network: nn.Module) -> None:
    """Turn every BatchNorm of a network into an affine map, in place: its statistics go into its weight and bias.

    In eval mode the outputs are the same but for rounding. Convolutions, modes and the number of batches that a norm
    has seen stay as they are. A fresh norm stays one.

    Args:
        network: Any; a supernet too, of which all paths are folded.

    Raises:
        InputError: A norm has no weights or no running statistics. Nothing is changed then.
    """
    norms = {name: module for name, module in network.named_modules() if isinstance(module, _BatchNorm)}
    for name, norm in norms.items():
        if not norm.affine or norm.running_mean is None or norm.running_var is None:
            lacks = "running statistics" if norm.affine else "weight and bias"
            raise InputError(f"norm '{name}' has no {lacks}, so that it cannot be made an affine map: expected both")
    for norm in norms.values():
        mean, variance = norm.running_mean, norm.running_var
        assert mean is not None
        assert variance is not None
        # In double precision: the mean may be large beside what is left of the offset.
        factor = norm.weight.double() * torch.rsqrt(variance.double() + norm.eps)
        norm.bias.copy_(norm.bias.double() - mean.double() * factor)
        # Torch will still divide by the root of variance and eps.
        norm.weight.copy_(factor * (1.0 + norm.eps) ** 0.5)
        mean.zero_()
        variance.fill_(1.0)
