"""Python files of people's own operations, which a space file names under `plugins`."""

from __future__ import annotations

import ast
import hashlib
import os
import sys
import traceback
from collections.abc import Sequence
from functools import lru_cache
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

from lighttrack_nas.trackers.base.errors import InputError
from lighttrack_nas.trackers.base.parsing import short

VARIABLE = "LIGHTTRACK_NAS_PLUGINS"
"""Environment variable with more files, for commands that are given a model instead of a space file."""

_PREFIX = "lighttrack_nas_plugin_"


def load_plugins(names: object, folder: Path, where: str) -> None:
    """Run the files that a space file names, each once in a process.

    Args:
        names: What stands under `plugins`: files in the folder or below it.
        folder: Of the space file.
        where: What to call the place in an error message.

    Raises:
        InputError: No list of such files, or one fails; it says which and why.
    """
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise InputError(f"{where}: plugins: expected a list of Python files, got {short(names)}")
    for name in names:
        path = (folder / name).resolve()
        if not name.endswith(".py") or Path(name).is_absolute() or not path.is_relative_to(folder.resolve()):
            raise InputError(f"{where}: plugins: expected Python files beside the space file or below it, got '{name}'")
        load_plugin(path, where)


def load_plugin(path: Path, where: str) -> ModuleType:
    """Run a Python file that registers operations or holds a model space, once in a process.

    Raises:
        InputError: It cannot be read, or fails.
    """
    resolved = path.resolve()
    name = f"{_PREFIX}{path.stem}_{hashlib.sha256(str(resolved).encode()).hexdigest()[:8]}"
    if name in sys.modules:
        return sys.modules[name]
    spec = spec_from_file_location(name, resolved)
    if not resolved.is_file() or spec is None or spec.loader is None:
        raise InputError(f"{where}: plugin '{path}' cannot be read: no such file")
    module = module_from_spec(spec)
    sys.modules[name] = module  # as an import does, so that its classes pickle within this process
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:  # whatever somebody's file raises
        del sys.modules[name]
        said = str(error) if isinstance(error, InputError) else f"{type(error).__name__}: {error}"
        raise InputError(f"{where}: plugin '{path}'{line_in(resolved, error)} fails: {said}") from None
    return module


def line_in(path: Path, error: BaseException) -> str:
    """The last line of a file that an error came through, as ", line 3,"; "" where it came through none."""
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == str(path)]
    return f", line {lines[-1]}," if lines else ""


@lru_cache
def code_digest(file: str) -> str:
    """Sixteen hexadecimal digits that change with what a Python file does; comments and layout are left out.

    Asked once in a process, since a file is run once; "" for a file that is none or cannot be read.
    """
    try:
        tree = ast.parse(Path(file).read_text("utf-8"))
    except (OSError, ValueError, SyntaxError):
        return ""
    return hashlib.sha256(ast.dump(tree).encode()).hexdigest()[:16]


def is_plugin(module: str) -> bool:
    """Whether a module's name is that of a file that was run here."""
    return module.startswith(_PREFIX)


def named_plugins() -> list[Path]:
    """The files that the environment variable names, separated as the system separates paths."""
    return [Path(name) for name in os.environ.get(VARIABLE, "").split(os.pathsep) if name]


def load_named_plugins() -> None:
    """Run the files of `named_plugins`."""
    for file in named_plugins():
        load_plugin(file, VARIABLE)


def load_all(files: Sequence[str]) -> None:
    """Run files by their paths, as another process knew them."""
    for file in files:
        load_plugin(Path(file), "plugins")
