"""Networks of torchvision and timm cut into parts that each halve the map, to stand as blocks of a backbone.

A network is watched on shapes alone (`rows.py`), and cut before each module of its row that halves the map. Nothing is
ever downloaded: weights are drawn afresh.
"""

from __future__ import annotations

import difflib
import warnings
from collections import OrderedDict
from collections.abc import Iterable
from functools import lru_cache
from importlib import import_module
from typing import Any, Literal, NamedTuple

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from lighttrack_nas.trackers.base.errors import InputError
from lighttrack_nas.trackers.base.parsing import short
from lighttrack_nas.trackers.package_backbones.module_rows import Call, watched

Package = Literal["torchvision", "timm"]

_SIDE = 129
"""Halved and rounded up it stays odd, so that a network that rounds down shows itself."""
_MOST_PARAMETERS = 100_000_000
_EXAMPLES = {
    "torchvision": "mobilenet_v3_small, efficientnet_b0, shufflenet_v2_x1_0, regnet_y_400mf, resnet18",
    "timm": "mobilenetv3_small_100, efficientnet_b0, regnety_004, resnet18, mobileone_s0",
}


class BackbonePart(NamedTuple):
    """Modules of a network that follow each other and together halve the map.

    Attributes:
        modules: Their names in the network, in order.
        inputs: Channels in front of them.
        outputs: Channels behind them.
    """

    modules: tuple[str, ...]
    inputs: int
    outputs: int


class CutNetwork(NamedTuple):
    """What a network falls into.

    Attributes:
        parts: From the image on, as far as it can be cut.
        end: Why there are no more, a sentence's end.
    """

    parts: tuple[BackbonePart, ...]
    end: str


def cut_network(package: str, model: str) -> CutNetwork:
    """Cut a network where its stride doubles, without its weights.

    Args:
        package: "torchvision" or "timm".
        model: The network's name there.

    Raises:
        InputError: The package is not installed, has no such network, or it cannot be cut; the message names some
            that can.
    """
    network = _cut(package, _checked(package, model))
    if not network.parts:
        raise InputError(
            f"network '{model}' of {package} cannot be cut into parts that each halve the map: {network.end}; some "
            f"that can: {_EXAMPLES[package]}"
        )
    return network


def find_part(package: str, model: str, part: int) -> BackbonePart:
    """One part of a network.

    Raises:
        InputError: See `cut_network`; or it has no such part.
    """
    network = cut_network(package, model)
    if part >= len(network.parts):
        raise InputError(
            f"network '{model}' of {package} has the parts 0 to {len(network.parts) - 1}, got {part}: {network.end}"
        )
    return network.parts[part]


def build_part(package: str, model: str, part: int) -> nn.Sequential:
    """Build one part of a network with fresh weights.

    Args:
        package: "torchvision" or "timm".
        model: The network's name there.
        part: From 0.

    Returns:
        ``(batch, inputs, h, w)`` to ``(batch, outputs, h / 2, w / 2)``, rounded up. Its modules have their names in the
        network, dots as hyphens.

    Raises:
        InputError: See `find_part`.
    """
    modules = find_part(package, model, part).modules
    whole = _unallocated(package, model) if torch.get_default_device().type == "meta" else _made(package, model)
    return nn.Sequential(OrderedDict((name.replace(".", "-"), whole.get_submodule(name)) for name in modules))


def _checked(package: str, model: str) -> str:
    """A name that the package has; no other is handed to it, since timm reads some as places to download from."""
    names = _names(package)
    if model not in names:
        close = difflib.get_close_matches(model, names, n=1)
        hint = f"; did you mean '{close[0]}'?" if close else f"; some that there are: {_EXAMPLES[package]}"
        raise InputError(f"unknown network of {package} {short(model)}{hint}")
    return model


def _names(package: str) -> list[str]:
    module = _imported(package)
    listed = module.list_models() if package == "timm" else module.models.list_models(module=module.models)
    return [str(name) for name in listed]


def _imported(package: str) -> Any:
    try:
        return import_module(package)
    except ModuleNotFoundError as error:
        if error.name != package:
            raise
        raise InputError(
            f'networks of {package} need {package}, which is not installed: pip install "lighttrack-nas[{package}]"'
        ) from None


def _made(package: str, model: str) -> nn.Module:
    module = _imported(package)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # some say what their fresh weights will be in a later release
        made = (
            module.create_model(model, pretrained=False)
            if package == "timm"
            else module.models.get_model(model, weights=None)
        )
    assert isinstance(made, nn.Module)
    return made


class _Unallocated(TorchFunctionMode):
    """Lets modules have parameters without memory, while what a constructor calculates with has its values.

    Under ``torch.device("meta")`` it would have none, and constructors that read them fail.
    """

    def __torch_function__(
        self, function: Any, types: Iterable[type], args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        settings = dict(kwargs or {})
        if function is torch.empty:
            settings["device"] = "meta"
        return function(*args, **settings)


def _unallocated(package: str, model: str) -> nn.Module:
    """A network on the device "meta". Torch's generator stays where it is."""
    with torch.random.fork_rng(devices=[]), torch.device("cpu"), _Unallocated():
        return _made(package, model).to("meta")


@lru_cache(maxsize=256)
def _cut(package: str, model: str) -> CutNetwork:
    """Cut a network before each module that halves the map. Without parts, the end says why."""
    network = _unallocated(package, model).eval()
    parameters = sum(parameter.numel() for parameter in network.parameters())
    if parameters > _MOST_PARAMETERS:
        return CutNetwork((), f"it has {parameters / 1e6:.0f} M parameters, at most 100 M are possible")
    try:
        with torch.no_grad():
            run = watched(network, torch.empty(1, 3, _SIDE, _SIDE, device="meta"))
    except Exception as error:  # whatever somebody's network raises
        said = str(error).partition("\n")[0][:200] or type(error).__name__
        return CutNetwork((), f"it takes no image of {_SIDE} x {_SIDE} pixels ({said})")
    row, end = _row(run.leading())
    parts: list[list[Call]] = [[]]
    for call in row:
        if _halves(call) and any(_halves(earlier) for earlier in parts[-1]):
            parts.append([])
        if not parts[-1] and call.writes_to_its_input:
            end = f"{call.path} writes to what it is given, which others may read"
            break
        parts[-1].append(call)
    halving = tuple(_part(calls) for calls in parts if any(map(_halves, calls)))
    return CutNetwork(halving, end or "none of its modules halves the map further")


def _row(calls: Iterable[Call]) -> tuple[list[Call], str]:
    """Modules that follow each other and keep or halve the map each, others opened up, and why they end; "" if not."""
    row: list[Call] = []
    for call in calls:
        if _keeps(call) or _halves(call):
            row.append(call)
            continue
        within = call.row()
        more, end = _row(within)
        row += more
        if not within:
            end = f"its '{call.path}' turns {_shape(call.inputs)} into {_shape(call.outputs)}"
        if end:
            return row, end
    return row, ""


def _keeps(call: Call) -> bool:
    return _sides(call.outputs) == _sides(call.inputs) != ()


def _halves(call: Call) -> bool:
    """Whether it halves the map, rounded up."""
    return _sides(call.outputs) == tuple(-(-side // 2) for side in _sides(call.inputs)) != ()


def _sides(features: Tensor | None) -> tuple[int, ...]:
    return tuple(features.shape[2:]) if features is not None and features.dim() == 4 else ()


def _shape(features: Tensor | None) -> str:
    return "something else" if features is None else " x ".join(map(str, features.shape[1:]))


def _part(calls: list[Call]) -> BackbonePart:
    first, last = calls[0].inputs, calls[-1].outputs
    assert first is not None
    assert last is not None
    return BackbonePart(tuple(call.path for call in calls), first.shape[1], last.shape[1])
