"""Operations by kind: those that ship, those that `operation` registers, and those of other packages' entry points.

A package adds operations with an entry point of the group `lighttrack_nas.operations`, whose name is the kind and whose
object is a class under `operation`.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterable
from functools import lru_cache
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal, TypeVar, get_type_hints

from pydantic import ValidationError, create_model

from lighttrack_nas.search_spaces.base.plugins import line_in, load_named_plugins
from lighttrack_nas.search_spaces.operations.operations import BUILT_IN, CodeFailure, Operation
from lighttrack_nas.search_spaces.operations.package_parts import PACKAGE_PARTS
from lighttrack_nas.trackers.base.errors import InputError
from lighttrack_nas.trackers.base.names import unknown_name
from lighttrack_nas.trackers.base.parsing import short

if TYPE_CHECKING:
    from torch import nn

GROUP = "lighttrack_nas.operations"
_SHAPE = ("inputs", "outputs", "stride")
_CELLS = 16

M = TypeVar("M", bound="type[nn.Module]")

_REGISTERED: dict[str, type[ModuleOperation]] = {}


class ModuleOperation(Operation):
    """An operation made of somebody's own module; what it can do is found by running it on shapes alone."""

    MODULE_CLASS: ClassVar[Any] = None
    TAKES_STRIDE: ClassVar[bool] = True
    FILE: ClassVar[str] = ""
    """The file that registered it."""

    def refusal(self, inputs: int, outputs: int, stride: int) -> str:
        """Why its module cannot do this, from building and running it on meta tensors, without memory."""
        return _tried(self, inputs, outputs, stride)

    def build(self, inputs: int, outputs: int, stride: int) -> nn.Module:
        """Build the module with fresh weights."""
        shape = (inputs, outputs, stride) if self.TAKES_STRIDE else (inputs, outputs)
        built: nn.Module = self.MODULE_CLASS(*shape, **self.parameters())
        return built


def operation(kind: str) -> Callable[[M], M]:
    """Make a module a candidate of spaces, under a name.

    The module's signature says everything: `inputs` and `outputs` (channels), `stride` unless it keeps the map's size,
    then its parameters, each with a type that pydantic reads, such as ``int``, ``Literal["a", "b"]`` or
    ``Annotated[int, Field(ge=1)]``. A module that cannot work on some channels or stride raises ValueError. It maps
    ``(batch, inputs, h, w)`` to ``(batch, outputs, h / stride, w / stride)``, rounded up.

    Args:
        kind: Its name in space files: letters, digits, hyphens.

    Returns:
        A decorator that registers the class and returns it as it is.

    Raises:
        InputError: The name is taken, or the signature is another.

    Example:
        >>> from torch import nn
        >>> @operation("plain")
        ... class Plain(nn.Conv2d):
        ...     def __init__(self, inputs: int, outputs: int, stride: int, *, kernel: int = 3) -> None:
        ...         super().__init__(inputs, outputs, kernel, stride, kernel // 2)
    """

    def register(module: M) -> M:
        if not re.fullmatch("[A-Za-z0-9][A-Za-z0-9-]*", kind):
            raise InputError(f"operation {short(kind)}: a name has letters, digits and hyphens")
        made = _from_module(kind, module)
        before = operation_classes().get(kind)
        if before is not None and getattr(before, "FILE", "") != made.FILE:
            raise InputError(f"operation '{kind}' of {made.FILE}: the name is taken; take another")
        _REGISTERED[kind] = made
        return module

    return register


def operation_classes() -> dict[str, type[Operation]]:
    """The operations that ship and those registered so far, by kind; entry points come when they are asked for."""
    return {str(cls.model_fields["kind"].default): cls for cls in (*BUILT_IN, *PACKAGE_PARTS)} | _REGISTERED


def operation_class(kind: str, besides: Iterable[str] = ()) -> type[Operation]:
    """The operation of a kind.

    Args:
        kind: Its name.
        besides: Other names that could have been given, for the message.

    Raises:
        InputError: There is none, or the package that brings it fails to import.
    """
    if kind not in operation_classes():
        load_named_plugins()
    if kind not in operation_classes() and kind in _entry_points():
        _load(_entry_points()[kind])
    known = operation_classes()
    if kind in known:
        return known[kind]
    names = dict.fromkeys([*besides, *known, *_entry_points()])
    raise InputError(
        unknown_name(kind, names, "operation")
        + "; the file of one of your own stands under plugins, or in LIGHTTRACK_NAS_PLUGINS"
    )


def known_operations() -> tuple[dict[str, type[Operation]], dict[str, str]]:
    """Every operation that can be found, by kind, those of entry points and named plugins included.

    Returns:
        The operations, and by kind what is wrong with entry points that cannot be imported.
    """
    load_named_plugins()
    failures = {}
    for kind in _entry_points():
        try:
            operation_class(kind)
        except InputError as error:
            failures[kind] = str(error)
    return operation_classes(), failures


def read_operation(value: object) -> Operation:
    """Make an operation from a mapping of `kind` and parameters; one that is made already stays.

    Raises:
        ValueError: No mapping, no such kind, or impossible parameters.
    """
    if isinstance(value, Operation):
        return value
    if not isinstance(value, dict) or not isinstance(value.get("kind"), str):
        raise ValueError(f"expected a mapping of kind and parameters, got {short(value)}")
    try:
        return operation_class(value["kind"]).model_validate(value)
    except ValidationError as error:
        from lighttrack_nas.search_spaces.base.mistakes import describe_mistakes

        raise ValueError(describe_mistakes(error, operation_class(value["kind"]))) from None


def plugin_files(operations: Iterable[Operation]) -> tuple[str, ...]:
    """The files that registered some operations, those of entry points apart."""
    made = [candidate for candidate in operations if isinstance(candidate, ModuleOperation)]
    packaged = _entry_points() if made else {}
    return tuple(sorted({candidate.FILE for candidate in made if candidate.kind not in packaged}))


def registered_kind(module: type) -> str:
    """The kind under which a module class is registered.

    Raises:
        InputError: It is not.
    """
    for kind, made in _REGISTERED.items():
        if made.MODULE_CLASS is module:
            return kind
    raise InputError(f'class {module.__name__} is no operation; put @operation("{module.__name__.lower()}") above it')


def _from_module(kind: str, module: Any) -> type[ModuleOperation]:
    parameters = list(inspect.signature(module.__init__).parameters.values())[1:]
    names = [parameter.name for parameter in parameters]
    where = f"operation '{kind}' ({module.__name__})"
    takes_stride = "stride" in names
    shape = _SHAPE[: 2 + takes_stride]
    if tuple(names[: len(shape)]) != shape:
        raise InputError(
            f"{where}: its parameters begin with inputs, outputs and, if it takes one, stride; got {names}"
        )
    hints = get_type_hints(module.__init__, include_extras=True)
    fields: dict[str, Any] = {"kind": (Literal[kind], kind)}
    for parameter in parameters[len(shape) :]:
        if parameter.name not in hints or parameter.kind in (parameter.VAR_KEYWORD, parameter.VAR_POSITIONAL):
            raise InputError(f"{where}: parameter '{parameter.name}' needs a type, such as {parameter.name}: int = 3")
        default = ... if parameter.default is parameter.empty else parameter.default
        fields[parameter.name] = (hints[parameter.name], default)
    made = create_model(f"{module.__name__}Operation", __base__=ModuleOperation, __doc__=module.__doc__, **fields)
    made.PREFIX = f"{kind}-"
    made.MODULE_CLASS = module
    made.TAKES_STRIDE = takes_stride
    made.FILE = _source_file(module, where)
    return made


def _source_file(module: type, where: str) -> str:
    """The file of a class, whose digest is part of a space's and which other processes run."""
    try:
        return str(Path(inspect.getfile(module)).resolve())
    except (OSError, TypeError):
        raise InputError(
            f"{where}: the class was typed in and has no file, which other processes need: write it into one"
        ) from None


@lru_cache(maxsize=4096)
def _tried(which: ModuleOperation, inputs: int, outputs: int, stride: int) -> str:
    import torch

    if stride != 1 and not which.TAKES_STRIDE:
        return "it takes no stride, so it keeps the size of the map"
    try:
        with torch.device("meta"), torch.no_grad():
            given = tuple(which.build(inputs, outputs, stride).eval()(torch.empty(1, inputs, _CELLS, _CELLS)).shape)
    except Exception as error:
        said = f"{type(error).__name__}: {str(error).partition(chr(10))[0][:200]}"
        # What a module refuses, and what torch says of shapes, depends on the place; anything else is a slip of code.
        if isinstance(error, ValueError | RuntimeError) and not isinstance(error, NotImplementedError | RecursionError):
            return said
        line = line_in(Path(which.FILE), error)
        return CodeFailure(f"operation '{which.kind}' of plugin '{which.FILE}'{line} fails: {said}")
    cells = -(-_CELLS // stride)
    wanted = (1, outputs, cells, cells)
    return "" if given == wanted else f"it turns (1, {inputs}, {_CELLS}, {_CELLS}) into {given}, not into {wanted}"


def _entry_points() -> dict[str, EntryPoint]:
    return {entry.name: entry for entry in entry_points(group=GROUP)}


def _load(entry: EntryPoint) -> None:
    package = entry.dist.name if entry.dist else "unknown"
    try:
        module = entry.load()
    except Exception as error:  # whatever somebody's module raises while it is imported
        raise InputError(
            f"operation '{entry.name}' of package '{package}' ({entry.value}) cannot be imported: "
            f"{type(error).__name__}: {error}"
        ) from None
    if entry.name not in operation_classes():
        operation(entry.name)(module)
