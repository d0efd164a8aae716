"""A network of somebody else as a row of modules that follow each other, found by watching it run.

A module is a row where its children run one behind the other on nothing but what the one before returned, and the last
one's output is the module's own: then a chain of the children is the module, whatever its code says.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from torch import Tensor, nn


@dataclass
class Call:
    """A run of a module.

    Attributes:
        path: The module's name in the network; "" for the network.
        inputs: What it was given, if that is one tensor alone.
        version: How often that tensor had been written to before.
        outputs: What it returned, if a tensor.
        inputs_after: How often the given tensor had been written to when it returned.
        outputs_after: Likewise the returned one.
        calls: Of modules within, as they ran.
    """

    path: str
    inputs: Tensor | None
    version: int
    outputs: Tensor | None = None
    inputs_after: int = 0
    outputs_after: int = 0
    calls: list[Call] = field(default_factory=list)

    def leading(self) -> list[Call]:
        """The calls within that follow each other from this one's input on, as far as they do."""
        row: list[Call] = []
        at, version = self.inputs, self.version
        for call in self.calls:
            known = call.path in {earlier.path for earlier in row}
            if at is None or call.inputs is not at or call.version != version or known:
                break
            row.append(call)
            at, version = call.outputs, call.outputs_after
        return row

    def row(self) -> list[Call]:
        """The calls within that are this one when they follow each other; none where there is more to it."""
        calls = self.leading()
        whole = bool(calls) and len(calls) == len(self.calls) and self.outputs is not None
        same = whole and calls[-1].outputs is self.outputs and calls[-1].outputs_after == self.outputs_after
        return calls if same else []

    @property
    def writes_to_its_input(self) -> bool:
        """Whether it changes what it is given."""
        return self.inputs_after != self.version


def watched(network: nn.Module, image: Tensor) -> Call:
    """Run a network and say which modules ran on what.

    Args:
        network: It stays as it is.
        image: ``(batch, channels, height, width)``.

    Raises:
        Exception: Whatever the network raises.
    """
    root = Call("", image, image._version)
    open_calls = [root]

    def before(path: str) -> Any:
        def hook(_module: nn.Module, arguments: tuple[Any, ...], keywords: dict[str, Any]) -> None:
            alone = len(arguments) == 1 and not keywords and isinstance(arguments[0], Tensor)
            inputs = arguments[0] if alone else None
            call = Call(path, inputs, inputs._version if inputs is not None else 0)
            open_calls[-1].calls.append(call)
            open_calls.append(call)

        return hook

    def after(_module: nn.Module, _arguments: tuple[Any, ...], outputs: object) -> None:
        call = open_calls.pop()
        call.inputs_after = call.inputs._version if call.inputs is not None else 0
        if isinstance(outputs, Tensor):
            call.outputs, call.outputs_after = outputs, outputs._version

    handles = []
    for path, module in network.named_modules():
        if path:
            handles.append(module.register_forward_pre_hook(before(path), with_kwargs=True))
            handles.append(module.register_forward_hook(after))
    try:
        network(image)
    finally:
        for handle in handles:
            handle.remove()
    return root
