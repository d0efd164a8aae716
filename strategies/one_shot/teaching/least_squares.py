"""A candidate's last convolution in closed form: as near to a teacher's map as what the candidate computes allows."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from lighttrack_nas.strategies.one_shot.teaching.starts import Channels
from lighttrack_nas.trackers.network.blocks import InvertedResidual, SeparableConvolution, TowerConvolution

# Of least squares, as a share of the mean square of what is read.
_RIDGE = 1e-3
# Positions that are fitted on; more change nothing.
_POSITIONS = 16_384
# A candidate that is as near as this is the teacher's block, and stays it.
_NEAR = 1e-6


@torch.no_grad()
def fit_last(candidate: nn.Module, given: Tensor, channels: Channels, wanted: Tensor) -> None:
    """Fit the last convolution of a candidate by least squares; all before it stays.

    Args:
        candidate: In a known form; others are left alone.
        given: ``(B, inputs, h, w)`` What it reads.
        channels: Which of the wanted channels it shall give.
        wanted: ``(B, channels, h, w)`` The teacher's map.
    """
    last = _last(candidate)
    if last is None:
        return
    convolution, norm = last
    was_training = candidate.training
    _settle_fresh(candidate, given, norm)
    candidate.eval()
    read: list[Tensor] = []
    handle = convolution.register_forward_hook(lambda module, inputs, output: read.append(inputs[0]))
    answer = candidate(given)
    handle.remove()
    candidate.train(was_training)
    if float(channels.ratio(answer, wanted)) < _NEAR:
        return
    known = channels.index >= 0
    goal = channels.of(wanted)[:, known]
    if getattr(candidate, "residual", False):
        goal = goal - given[:, known]
    weights, offset = least_squares(_rows(read[0]), _rows(goal))
    convolution.weight[known] = weights[:, :, None, None]
    assert norm.running_mean is not None
    assert norm.running_var is not None
    norm.running_mean.zero_()
    norm.running_var.fill_(1.0)
    norm.weight[known] = (1.0 + norm.eps) ** 0.5
    norm.bias[known] = offset
    assert norm.num_batches_tracked is not None
    norm.num_batches_tracked.fill_(1)


def least_squares(given: Tensor, wanted: Tensor) -> tuple[Tensor, Tensor]:
    """The linear map that comes nearest.

    Args:
        given: ``(n, inputs)``.
        wanted: ``(n, outputs)``.

    Returns:
        Weights ``(outputs, inputs)`` and offsets ``(outputs,)``, float32.
    """
    step = -(-len(given) // _POSITIONS)
    seen, goal = given[::step].double(), wanted[::step].double()
    seen = torch.cat([seen, torch.ones(len(seen), 1, dtype=seen.dtype, device=seen.device)], dim=1)
    square = seen.T @ seen
    square += _RIDGE * square.diagonal().mean() * torch.eye(len(square), dtype=seen.dtype, device=seen.device)
    solution = torch.linalg.solve(square, seen.T @ goal).T.float()
    return solution[:, :-1], solution[:, -1]


def _rows(features: Tensor) -> Tensor:
    """``(B, channels, h, w)`` to ``(B h w, channels)``."""
    return features.permute(0, 2, 3, 1).flatten(0, 2)


def _last(candidate: nn.Module) -> tuple[nn.Conv2d, nn.BatchNorm2d] | None:
    """The last convolution, 1x1, and the norm behind it; the activation behind a tower's is left out of sight."""
    if isinstance(candidate, InvertedResidual):
        return candidate.project, candidate.project_norm
    if isinstance(candidate, SeparableConvolution):
        return candidate.pointwise, candidate.pointwise_norm
    return (candidate.pointwise, candidate.norm) if isinstance(candidate, TowerConvolution) else None


def _settle_fresh(candidate: nn.Module, given: Tensor, last: nn.BatchNorm2d) -> None:
    """Give norms that have seen nothing the statistics of these features; the last one's do not matter."""
    norms = [module for module in candidate.modules() if isinstance(module, nn.BatchNorm2d)]
    fresh = [norm for norm in norms if norm is not last and _is_fresh(norm)]
    for norm in norms:
        norm.train(norm in fresh)
    if fresh:
        momenta = [norm.momentum for norm in fresh]
        for norm in fresh:
            norm.momentum = None
        candidate(given)
        for norm, momentum in zip(fresh, momenta, strict=True):
            norm.momentum = momentum


def _is_fresh(norm: nn.BatchNorm2d) -> bool:
    return norm.num_batches_tracked is not None and int(norm.num_batches_tracked) == 0
