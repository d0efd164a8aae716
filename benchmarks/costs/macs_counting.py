"""Multiply-adds and parameters of a block, or of any other module, counted by fvcore."""

from __future__ import annotations

import warnings
from typing import Any

from torch import Tensor, nn

COUNTER = "fvcore"
CONVENTION = (
    "one multiply-add counts as one; BatchNorm (2 an element, eval mode), pooling and the correlation's matmul are "
    "counted, activations and additions are not"
)
# Element-wise operations and zeros around a map, which fvcore leaves out by design; anything else is reported.
_FREE = {
    "aten::add",
    "aten::sub",
    "aten::mul",
    "aten::pad",
    "aten::silu_",
    "aten::gelu",
    "aten::hardswish_",
    "aten::hardsigmoid",
    "aten::relu_",
    "aten::relu6_",
    "aten::sigmoid",
    "aten::exp",
    "aten::clamp",
}


def count_operations(module: nn.Module, inputs: tuple[Tensor, ...]) -> Any:
    """Run a module once and count; returns fvcore's analysis."""
    with warnings.catch_warnings():
        # fvcore counts on TorchScript graphs, whose entry points newer torch calls deprecated.
        warnings.filterwarnings("ignore", message=r".*torch\.jit", category=FutureWarning)
        warnings.filterwarnings("ignore", message=r".*torch\.jit", category=DeprecationWarning)
        from fvcore.nn import FlopCountAnalysis

        analysis = FlopCountAnalysis(module, inputs)
        analysis.unsupported_ops_warnings(False)
        analysis.uncalled_modules_warnings(False)
        analysis.total()
    return analysis


def uncounted_of(analysis: Any, name: str = "") -> dict[str, int]:
    """The operators of a sub-module, or of the whole, that fvcore does not know and that are not free, counted."""
    return {operator: n for operator, n in sorted(analysis.unsupported_ops(name).items()) if operator not in _FREE}


def parameters_of(module: nn.Module) -> int:
    """The number of a module's parameters."""
    return sum(parameter.numel() for parameter in module.parameters())
