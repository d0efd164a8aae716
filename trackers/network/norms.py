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
    weight, bias = norm.weight, norm.bias
    if weight is None or bias is None or not _has_first_statistics(norm):
        return False
    return bool((bias != 0).any()) or not any(bool((weight == fresh).all()) for fresh in _FRESH_WEIGHTS)


def folded_norms(network: nn.Module) -> tuple[_BatchNorm, ...]:
    """The folded norms of a network or a supernet, in the order of its modules."""
    return tuple(norm for norm in _norms(network) if is_folded(norm))


def has_folded_norms(network: nn.Module) -> bool:
    """Tell whether most norms of a network or a supernet are folded; those that are fresh do not count.

    Single ones may only look folded: a training on several devices leaves the statistics of the first device, and norms
    that only another one ran have trained weights beside the statistics of a fresh norm.
    """
    counted = [norm for norm in _norms(network) if is_folded(norm) or not _has_first_statistics(norm)]
    return 2 * sum(map(is_folded, counted)) > len(counted)


def _norms(network: nn.Module) -> list[_BatchNorm]:
    return [module for module in network.modules() if isinstance(module, _BatchNorm)]


@torch.no_grad()
def _has_first_statistics(norm: _BatchNorm) -> bool:
    """Whether a norm has the running statistics that it was made with."""
    mean, variance = norm.running_mean, norm.running_var
    return mean is not None and variance is not None and not bool((mean != 0).any()) and not bool((variance != 1).any())


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
