"""Multiply-adds and parameters of a block, or of any other module, counted by fvcore."""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

COUNTER = "fvcore"
ATTENTION = "aten::scaled_dot_product_attention"
"""One operator for an attention, which fvcore itself does not count."""
CONVENTION = (
    "one multiply-add counts as one; BatchNorm (2 an element, eval mode), pooling, the correlation's matmul and both "
    "products of an attention are counted, activations (softmax among them), scalings and additions are not"
)
_ELEMENTWISE = ("add", "sub", "mul", "div", "neg", "abs", "pow", "sqrt", "rsqrt", "exp", "clamp")
_ACTIVATIONS = (
    *("relu", "relu6", "leaky_relu", "prelu", "elu", "gelu", "silu", "mish", "tanh", "hardtanh"),
    *("sigmoid", "hardsigmoid", "hardswish", "softmax", "log_softmax"),
)
# What the convention leaves out, in place or not, zeros around a map, and views; anything else is reported.
_FREE = {f"aten::{name}{place}" for name in (*_ELEMENTWISE, *_ACTIVATIONS) for place in ("", "_")} | {
    "aten::pad",
    "aten::unflatten",
}


def count_operations(module: nn.Module, inputs: tuple[Tensor, ...]) -> Any:
    """Run a module once and count; returns fvcore's analysis."""
    with warnings.catch_warnings(), _taken_apart():
        # fvcore counts on TorchScript graphs, whose entry points newer torch calls deprecated.
        warnings.filterwarnings("ignore", message=r".*torch\.jit", category=FutureWarning)
        warnings.filterwarnings("ignore", message=r".*torch\.jit", category=DeprecationWarning)
        from fvcore.nn import FlopCountAnalysis

        analysis = FlopCountAnalysis(module, inputs)
        analysis.set_op_handle(ATTENTION, _attention_macs)
        analysis.unsupported_ops_warnings(False)
        analysis.uncalled_modules_warnings(False)
        analysis.total()
    return analysis


@contextmanager
def _taken_apart() -> Iterator[None]:
    """Torch's attention modules as the operators that they are made of: in eval mode they are one, without a count."""
    before = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        yield
    finally:
        torch.backends.mha.set_fastpath_enabled(before)


def _attention_macs(inputs: Sequence[Any], outputs: Sequence[Any]) -> int:
    """Both products of an attention: queries with keys, and what comes of it with values."""
    from fvcore.nn.jit_handles import get_shape

    query, key, value = (get_shape(tensor) for tensor in inputs[:3])
    return math.prod(query[:-1]) * key[-2] * (query[-1] + value[-1])


def uncounted_of(analysis: Any, name: str = "") -> dict[str, int]:
    """The operators of a sub-module, or of the whole, that fvcore does not know and that are not free, counted."""
    return {operator: n for operator, n in sorted(analysis.unsupported_ops(name).items()) if operator not in _FREE}


def parameters_of(module: nn.Module) -> int:
    """The number of a module's parameters."""
    return sum(parameter.numel() for parameter in module.parameters())
