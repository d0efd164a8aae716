"""Norms folded into the convolutions before them, so that no runtime has to know how."""

from __future__ import annotations

import copy

import torch
from torch import Tensor, fx, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval


class Affine(nn.Module):
    """A factor and an offset for each channel: what a BatchNorm in eval mode does.

    Args:
        norm: Gives its statistics and weights.
    """

    def __init__(self, norm: nn.BatchNorm2d) -> None:
        super().__init__()
        assert norm.running_mean is not None
        assert norm.running_var is not None
        # In double precision: the mean may be large beside what is left of the offset.
        factor = torch.rsqrt(norm.running_var.double() + norm.eps)
        offset = -norm.running_mean.double() * factor
        if norm.affine:
            factor, offset = factor * norm.weight.double(), offset * norm.weight.double() + norm.bias.double()
        self.factor = nn.Parameter(factor.float()[:, None, None], requires_grad=False)
        self.offset = nn.Parameter(offset.float()[:, None, None], requires_grad=False)

    def forward(self, features: Tensor) -> Tensor:
        """Scale and move ``(batch, channels, h, w)``; the shape stays."""
        return features * self.factor + self.offset


@torch.no_grad()
def fold_into_convolutions(module: nn.Module) -> fx.GraphModule:
    """A copy of a module without BatchNorm, for inference; equal to it but for rounding.

    A norm that alone reads a convolution's output goes into that convolution; any other becomes an `Affine`.

    Args:
        module: Any that `torch.fx` can trace; it is left as it is.

    Returns:
        In eval mode, without gradients.
    """
    traced = fx.symbolic_trace(copy.deepcopy(module).eval().requires_grad_(False))
    for node in list(traced.graph.nodes):
        norm = _called(traced, node)
        if not isinstance(norm, nn.BatchNorm2d):
            continue
        before = node.args[0]
        # Looked up anew each time: it may have taken in another norm just before.
        convolution = _called(traced, before)
        if isinstance(convolution, nn.Conv2d) and len(before.users) == 1:
            _replace(traced, before.target, fuse_conv_bn_eval(convolution, norm))
            node.replace_all_uses_with(before)
            traced.graph.erase_node(node)
        else:
            _replace(traced, node.target, Affine(norm))
    traced.delete_all_unused_submodules()
    traced.recompile()
    return traced.eval().requires_grad_(False)


def _called(module: fx.GraphModule, node: fx.Node) -> nn.Module | None:
    return module.get_submodule(str(node.target)) if node.op == "call_module" else None


def _replace(module: nn.Module, target: str, new: nn.Module) -> None:
    parent, _, name = target.rpartition(".")
    setattr(module.get_submodule(parent), name, new)
