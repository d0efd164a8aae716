"""Spaces as Python values: what a space file says, said with `Stage`, `Tower`, `Layer` and `Choice`.

A value holds what was said and nothing else; `define_space` turns values into the content of a space file, which goes
the way that files go: short forms, `extends`, checks. What is left at None is not said.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypedDict, Unpack

from lighttrack_nas.search_spaces.base.plugins import load_plugins
from lighttrack_nas.search_spaces.files.space_file import Source
from lighttrack_nas.search_spaces.files.writing import short_content
from lighttrack_nas.search_spaces.loading.loading import make_space
from lighttrack_nas.search_spaces.operations.operation_registry import registered_kind
from lighttrack_nas.search_spaces.space import Space
from lighttrack_nas.trackers.base.errors import InputError
from lighttrack_nas.trackers.base.parsing import short

if TYPE_CHECKING:
    from torch import nn


class Choice:
    """An operation with its parameters; every combination of listed parameters is a candidate.

    Args:
        operation: The operation's kind, or a module class under `operation`.
        parameters: A value each, or a list of values.

    Example:
        >>> Choice("mbconv", kernel=[3, 5, 7], expansion=[4, 6])  # six candidates
        Choice("mbconv", kernel=[3, 5, 7], expansion=[4, 6])
    """

    __slots__ = ("kind", "parameters")

    def __init__(self, operation: str | type[nn.Module], /, **parameters: Any) -> None:
        self.kind = registered_kind(operation) if isinstance(operation, type) else operation
        self.parameters = parameters

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Choice) and (self.kind, self.parameters) == (other.kind, other.parameters)

    def __repr__(self) -> str:
        return f"Choice({', '.join([expression(self.kind), *_keywords(self.parameters)])})"


Candidates = Sequence[str | Choice]
"""Choices, and names of operations."""


@dataclasses.dataclass(frozen=True, kw_only=True, repr=False)
class _Said:
    """A part of a space: what of its fields was said."""

    def said(self) -> dict[str, Any]:
        """Key and value as they stand in a space file, values still as they are."""
        names = (field.name for field in dataclasses.fields(self))
        return {name: getattr(self, name) for name in names if getattr(self, name) is not None}

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(_keywords(self.said()))})"


@dataclasses.dataclass(frozen=True, kw_only=True, repr=False)
class Stage(_Said):
    """Blocks of one width, the first with the stride; as a change to a stage under `extends`, only what changes.

    Attributes:
        channels: Behind each of its blocks; a list to choose from.
        blocks: How many; a list to choose from.
        stride: Of the first block, 1 or 2. Default: 1.
        operations: Candidates of each block; a single one leaves no choice.
        skip: Whether every block but the first may be left out. Default: no.
        width_multipliers: Fractions of `channels` to choose from, in steps of 8 channels.
        widths: All of its channels to choose from, ascending, where `channels` is the last of them.
        depths: All of its numbers of blocks to choose from, ascending, where `blocks` is the last of them.
        expansions: Of all its operations, which then do not say theirs, as a choice of its own beside the operation.
        name: Its blocks are called after it. Default: "stageN", N from 0.
        attention: Of each operation that has such a parameter and was not told.
        activation: Likewise.
    """

    channels: int | Sequence[int] | None = None
    blocks: int | Sequence[int] | None = None
    stride: int | None = None
    operations: Candidates | None = None
    skip: bool | None = None
    width_multipliers: Sequence[float] | None = None
    widths: Sequence[int] | None = None
    depths: Sequence[int] | None = None
    expansions: Sequence[float] | None = None
    name: str | None = None
    attention: str | Sequence[str] | None = None
    activation: str | Sequence[str] | None = None


@dataclasses.dataclass(frozen=True, kw_only=True, repr=False)
class Layer(_Said):
    """Layers of a tower that share their candidates.

    Attributes:
        operations: Candidates.
        repeat: How many such layers. Default: 1.
    """

    operations: Candidates | None = None
    repeat: int | None = None


@dataclasses.dataclass(frozen=True, kw_only=True, repr=False)
class Tower(_Said):
    """A head branch; as a change to a tower under `extends`, only what changes.

    Attributes:
        widths: Channels of all its layers, one of which is chosen.
        tied: Whether all layers have the same width; otherwise each layer chooses its own. Default: yes.
        layers: A list of `Layer`, or a number of layers that share `operations`.
        operations: Candidates of each layer, where `layers` is a number.
        skip: With a number: whether all layers but the first may be left out. Default: no.
        attention: Of each operation that has such a parameter and was not told.
        activation: Likewise.
    """

    widths: Sequence[int] | None = None
    tied: bool | None = None
    layers: int | Sequence[Layer] | None = None
    operations: Candidates | None = None
    skip: bool | None = None
    attention: str | Sequence[str] | None = None
    activation: str | Sequence[str] | None = None


class SpaceKeys(TypedDict, total=False):
    """The keys of a space file as `define_space` takes them; `SpaceDescription` says what each means."""

    name: str
    extends: str | Space
    """A space, a preset's name, or a space file's path; the other keys go into its own."""
    plugins: Sequence[str]
    """Python files of operations of one's own, below the working directory; they are run."""
    summary: str
    template_size: int | Sequence[int]
    """A list to choose from."""
    template_sizes: Sequence[int]
    search_sizes: Sequence[int]
    stem: Mapping[str, Any] | str
    backbone: Mapping[str, Any]
    """Parts of another package's network in place of stem and stages, ``{"torchvision": "resnet18", "parts": 4}``."""
    operations: Mapping[str, Choice]
    """Operations by names that candidates may use."""
    stages: Sequence[Stage] | Mapping[str | int, Stage]
    """All stages; with `extends`, also the stages that change, by name or number."""
    outputs: Sequence[str] | Mapping[str, Any]
    fused_channels: int
    towers: Tower | Mapping[str, Tower | str | Sequence[str]]
    """One for both branches, or ``{"cls": ..., "reg": ...}``; a mapping may say `sharing`, "separate" or "shared"."""
    predictions: Mapping[str, Any]
    correlation: str | Sequence[str]
    neck_attention: int
    attention: str | Sequence[str]
    activation: str | Sequence[str]


def define_space(**keys: Unpack[SpaceKeys]) -> Space:
    """Make a space of Python values.

    Args:
        keys: The keys of a space file, see `SpaceKeys`.

    Raises:
        InputError: It has no name, or something cannot work; the message names every place as that of a file.
    """
    content: dict[str, Any] = {key: _plain(value) for key, value in keys.items() if key != "extends"}
    if content.get("name") is None:
        raise InputError('define_space: a space needs a name, such as name="mine"')
    if isinstance(keys.get("towers"), Tower):
        content["towers"] = {"both": content["towers"]}
    table = keys.get("operations")
    if isinstance(table, Mapping):
        content["operations"] = {
            name: {"kind": made.kind, **_plain(made.parameters)} if isinstance(made, Choice) else _plain(made)
            for name, made in table.items()
        }
    base = keys.get("extends")
    where = f"define_space({short(content['name'])})"
    if "plugins" in content:
        load_plugins(content.pop("plugins"), Path(), where)
    source = Source(content, where)
    if isinstance(base, Space):
        return make_space(source, Source(short_content(base.description), f"space '{base.name}'"))
    if base is not None:
        content["extends"] = base
    return make_space(source)


def expression(value: Any) -> str:
    """Plain data and values of this module as a Python expression, strings in double quotes."""
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{expression(key)}: {expression(inner)}" for key, inner in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(expression, value)) + "]"
    return repr(value)


def _keywords(content: Mapping[str, Any]) -> list[str]:
    return [f"{key}={expression(value)}" for key, value in content.items()]


def _plain(value: Any) -> Any:
    """The plain data of a space file."""
    if isinstance(value, Choice):
        return {value.kind: _plain(value.parameters)}
    if isinstance(value, _Said):
        return _plain(value.said())
    if isinstance(value, type):
        return registered_kind(value)
    if isinstance(value, Mapping):
        return {key: _plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(inner) for inner in value]
    return value
