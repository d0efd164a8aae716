"""How a candidate starts from a teacher's block: cut, padded and copied, so that it does at once what it can.

Kernels are cut to their middle or padded with zeros. Of channels the most important are kept; where there are more than
the teacher has, the new ones start without an effect and learn one. A candidate that holds the teacher's block, such as
one of a larger kernel and a larger expansion, starts as that block.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from torch import Tensor, nn

from lighttrack_nas.trackers.network.attention import SqueezeExcitation
from lighttrack_nas.trackers.network.blocks import InvertedResidual, SeparableConvolution, Stem, TowerConvolution

# What copies of a channel differ by, relative to the channel: enough to part them.
_APART = 0.02
# Channels whose variance is less than this share of the mean one's count as if they had it.
_LEAST_VARIANCE = 0.01


@dataclass(frozen=True, eq=False)
class Channels:
    """Which of a teacher's channels stand where.

    Attributes:
        index: ``(width,)`` The teacher's channel at each place; -1 where it has none.
    """

    index: Tensor

    @staticmethod
    def all(count: int) -> Channels:
        """All of so many, in their order."""
        return Channels(torch.arange(count))

    @staticmethod
    def best(importance: Tensor, width: int) -> Channels:
        """The most important ones, in their order; where there are fewer than `width`, all of them and then none.

        Args:
            importance: ``(channels,)``.
            width: How many places there are.
        """
        count = len(importance)
        kept = importance.topk(min(width, count)).indices.sort().values
        return Channels(torch.cat([kept, torch.full((max(width - count, 0),), -1)]))

    def __len__(self) -> int:
        return len(self.index)

    @cached_property
    def is_all(self) -> bool:
        """Whether they are the teacher's as they are, as far as these alone tell."""
        return bool((self.index == torch.arange(len(self.index))).all())

    @cached_property
    def _known(self) -> Tensor:
        return self.index >= 0

    def of(self, features: Tensor) -> Tensor:
        """Pick from a teacher's features ``(batch, channels, h, w)``; zeros where it has none."""
        if self.is_all and len(self.index) == features.shape[1]:
            return features
        return _picked(features, self.index.to(features.device), 1)

    def known(self, features: Tensor) -> Tensor:
        """Of features ``(batch, width, h, w)`` those channels that the teacher has."""
        return features if bool(self._known.all()) else features[:, self._known]

    def ratio(self, pupil: Tensor, teacher: Tensor) -> Tensor:
        """How far features are from a teacher's; see `noise_to_signal`. What it has none of is left out.

        Args:
            pupil: ``(batch, width, h, w)``.
            teacher: ``(batch, the teacher's channels, h, w)``.
        """
        return noise_to_signal(self.known(pupil), self.known(self.of(teacher)))


def noise_to_signal(answer: Tensor, wanted: Tensor) -> Tensor:
    """The mean over channels of squared error by variance (DONNA, ICCV 2021, equation 1).

    Args:
        answer: ``(B, channels, h, w)``.
        wanted: Of the same shape; its channels' variances are those over batch and positions.

    Returns:
        A scalar: 0 where both agree, 1 where `answer` is no better than the mean.
    """
    error = (answer - wanted).square().mean(dim=(0, 2, 3))
    variance = wanted.var(dim=(0, 2, 3), unbiased=False)
    return (error / variance.clamp(min=_LEAST_VARIANCE * float(variance.detach().mean()) + 1e-12)).mean()


def start(candidate: nn.Module, block: nn.Module, inputs: Channels, outputs: Channels) -> bool:
    """Let a candidate start from a teacher's block.

    Args:
        candidate: With fresh weights; changed in place.
        block: The teacher's, its norms folded.
        inputs: The teacher's channels that the candidate reads.
        outputs: Those that it shall give.

    Returns:
        Whether it could; else the candidate is as it was.
    """
    with torch.no_grad():
        if isinstance(block, nn.Identity):
            return start_silent(candidate)
        begin = _STARTS.get(type(candidate)) if type(candidate) is type(block) else None
        if begin is None:
            return _same(candidate, block, inputs, outputs)
        if getattr(candidate, "residual", None) != getattr(block, "residual", None):
            return False
        begin(candidate, block, inputs, outputs)
        return True


@torch.no_grad()
def start_silent(candidate: nn.Module) -> bool:
    """Let a candidate that adds to what it is given add nothing at first.

    Returns:
        Whether it is one.
    """
    if not isinstance(candidate, InvertedResidual | SeparableConvolution) or not candidate.residual:
        return False
    last = candidate.project_norm if isinstance(candidate, InvertedResidual) else candidate.pointwise_norm
    last.weight.zero_()
    last.bias.zero_()
    return True


def _inverted_residual(new: InvertedResidual, old: InvertedResidual, inputs: Channels, outputs: Channels) -> None:
    matters = old.project.weight.abs().sum(dim=(0, 2, 3)) * old.depthwise.weight.abs().sum(dim=(1, 2, 3))
    expanded, copies = _expanded(matters, new.depthwise.out_channels)
    _put(new.expand.weight, _picked(_picked(old.expand.weight, expanded, 0), inputs.index, 1))
    _put_norm(new.expand_norm, old.expand_norm, expanded)
    _put(new.depthwise.weight, _fitted(_picked(old.depthwise.weight, expanded, 0), new.depthwise.kernel_size[0]))
    _put_norm(new.depthwise_norm, old.depthwise_norm, expanded)
    _put_gate(new.squeeze, old.squeeze, expanded, copies)
    project = _picked(old.project.weight, expanded, 1)
    project[:, copies] = 0
    _put(new.project.weight, project, outputs.index)
    _put_norm(new.project_norm, old.project_norm, outputs.index)
    if bool(copies.any()):
        kernels = new.depthwise.weight[copies]
        noise = torch.randn(kernels.shape, generator=torch.Generator().manual_seed(0))
        new.depthwise.weight[copies] = kernels + _APART * kernels.std() * noise


def _separable(new: SeparableConvolution, old: SeparableConvolution, inputs: Channels, outputs: Channels) -> None:
    _put(new.depthwise.weight, _fitted(_picked(old.depthwise.weight, inputs.index, 0), new.depthwise.kernel_size[0]))
    _put_norm(new.depthwise_norm, old.depthwise_norm, inputs.index)
    _put_gate(new.squeeze, old.squeeze, inputs.index, inputs.index < 0)
    _put(new.pointwise.weight, _picked(old.pointwise.weight, inputs.index, 1), outputs.index)
    _put_norm(new.pointwise_norm, old.pointwise_norm, outputs.index)


def _tower_convolution(new: TowerConvolution, old: TowerConvolution, inputs: Channels, outputs: Channels) -> None:
    _put(new.depthwise.weight, _fitted(_picked(old.depthwise.weight, inputs.index, 0), new.depthwise.kernel_size[0]))
    _put(new.pointwise.weight, _picked(old.pointwise.weight, inputs.index, 1), outputs.index)
    _put_norm(new.norm, old.norm, outputs.index)


def _stem(new: Stem, old: Stem, inputs: Channels, outputs: Channels) -> None:
    _put(new.convolution.weight, _fitted(old.convolution.weight, new.convolution.kernel_size[0]), outputs.index)
    _put_norm(new.norm, old.norm, outputs.index)


_STARTS: dict[type[nn.Module], Callable[[Any, Any, Channels, Channels], None]] = {
    InvertedResidual: _inverted_residual,
    SeparableConvolution: _separable,
    TowerConvolution: _tower_convolution,
    Stem: _stem,
}


def _same(candidate: nn.Module, block: nn.Module, inputs: Channels, outputs: Channels) -> bool:
    """Take the weights of a module of the same class and shapes."""
    new, old = candidate.state_dict(), block.state_dict()
    fits = type(candidate) is type(block) and inputs.is_all and outputs.is_all and new.keys() == old.keys()
    if not fits or any(new[key].shape != old[key].shape for key in new):
        return False
    candidate.load_state_dict(old)
    for module in candidate.modules():
        if isinstance(module, nn.BatchNorm2d):
            settle(module)
    return True


def _expanded(matters: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """So many expanded channels of a block, by importance, and which of them are copies of others."""
    order = matters.argsort(descending=True, stable=True)
    if count <= len(order):
        return order[:count].sort().values, torch.zeros(count, dtype=torch.bool)
    more = count - len(order)
    again = order.repeat(-(-more // len(order)))[:more]
    return torch.cat([torch.arange(len(order)), again]), torch.arange(count) >= len(order)


def _put_gate(new: nn.Module, old: nn.Module, channels: Tensor, silent: Tensor) -> None:
    """Start a gate over some of the channels; those that are silent are not listened to."""
    if not isinstance(new, SqueezeExcitation) or not isinstance(old, SqueezeExcitation):
        return
    matters = old.reduce.weight.abs().sum(dim=(1, 2, 3)) * old.expand.weight.abs().sum(dim=(0, 2, 3))
    inner = Channels.best(matters, new.reduce.out_channels).index
    heard = _picked(old.reduce.weight, channels, 1)
    heard[:, silent] = 0
    assert new.reduce.bias is not None
    assert old.reduce.bias is not None
    assert new.expand.bias is not None
    assert old.expand.bias is not None
    _put(new.reduce.weight, heard, inner)
    new.reduce.bias.copy_(_picked(old.reduce.bias, inner, 0))
    _put(new.expand.weight, _picked(_picked(old.expand.weight, channels, 0), inner, 1))
    new.expand.bias.copy_(_picked(old.expand.bias, channels, 0))


def _put(weight: Tensor, values: Tensor, rows: Tensor | None = None) -> None:
    """Fill a weight; with `rows`, of the teacher's, those that it has none for stay fresh."""
    if rows is None:
        weight.copy_(values)
    else:
        weight[rows >= 0] = values[rows[rows >= 0]]


def _put_norm(new: nn.BatchNorm2d, old: nn.BatchNorm2d, channels: Tensor) -> None:
    """Take a folded norm's weights; 1 and 0 where the teacher has none."""
    new.weight.copy_(torch.where(channels < 0, 1.0, _picked(old.weight, channels, 0)))
    new.bias.copy_(_picked(old.bias, channels, 0))
    settle(new)


def settle(norm: nn.BatchNorm2d) -> None:
    """Say of a norm that it has its statistics: a mean of 0 and a variance of 1."""
    assert norm.running_mean is not None
    assert norm.running_var is not None
    assert norm.num_batches_tracked is not None
    norm.running_mean.zero_()
    norm.running_var.fill_(1.0)
    norm.num_batches_tracked.fill_(1)


def _fitted(kernels: Tensor, side: int) -> Tensor:
    """Kernels ``(..., k, k)`` of another size: their middle, or with zeros around."""
    margin = (side - kernels.shape[-1]) // 2
    return nn.functional.pad(kernels, [margin] * 4)


def _picked(values: Tensor, index: Tensor, axis: int) -> Tensor:
    """Values along an axis; zeros where the index is -1."""
    picked = values.index_select(axis, index.clamp(min=0))
    if bool((index < 0).any()):
        shape = [1] * values.ndim
        shape[axis] = -1
        picked = picked * (index >= 0).to(picked.dtype).view(shape)
    return picked
