"""Python files with model spaces of NNI's: those that a person names are run, those that a file names are not."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lighttrack_nas.search_spaces.base.plugins import VARIABLE, named_plugins
from lighttrack_nas.search_spaces.nni_spaces.nni_space import NniSpace, run_file, space_known
from lighttrack_nas.trackers.base.errors import InputError


def is_nni_source(source: str) -> bool:
    """Whether a space's name is that of a class in a Python file, such as "my_space.py:MyModelSpace"."""
    return source.endswith(".py") or ".py:" in source


def load_nni_space(source: str) -> NniSpace:
    """Run a Python file and make the space of a class in it.

    Args:
        source: File and class, such as "my_space.py:MyModelSpace".

    Raises:
        InputError: No such file or class, the file fails, or see `NniSpace`.
    """
    file, _, name = source.rpartition(":") if not source.endswith(".py") else (source, "", "")
    module = run_file(Path(file), f"space '{source}'")
    if not name:
        classes = _model_spaces(module)
        raise InputError(
            f"space '{source}': say which class, such as {file}:{classes[0] if classes else 'MyModelSpace'}; "
            + (f"model spaces there: {', '.join(classes)}" if classes else "no class there is a ModelSpace of NNI's")
        )
    cls = vars(module).get(name)
    if not isinstance(cls, type):
        there = ", ".join(_model_spaces(module)) or "none"
        raise InputError(f"space '{source}': '{file}' has no class '{name}'; model spaces there: {there}")
    return NniSpace(cls)


def known_space(record: Mapping[str, Any], where: str) -> NniSpace:
    """The space that a file names, if this process knows it or a plugin has its class; the file itself runs nothing.

    Args:
        record: What `NniSpace.record` wrote.
        where: What to call the source in an error message.

    Raises:
        InputError: Nobody has named the class's file, or it has changed since.
    """
    name, wanted = str(record.get("nni_model_space")), str(record.get("hash"))
    known = space_known(name, wanted)
    if known is not None:
        return known
    changed = ""
    sizes: dict[str, Any] = {key: record.get(key) for key in ("template_size", "search_sizes", "stride")}
    for file in named_plugins():
        cls = vars(run_file(file, VARIABLE)).get(name)
        if isinstance(cls, type) and cls.__name__ == name:
            made = NniSpace(cls, **sizes)
            if made.hash == wanted:
                return made
            changed = f"; that of '{file}' is another ({made.hash}): the file has changed since"
    raise InputError(
        f"{where}: is of NNI's model space '{name[:99]}' ({wanted[:99]}), whose class is not known here: load the "
        f"space first, or name its Python file in {VARIABLE}{changed}"
    )


def _model_spaces(module: Any) -> list[str]:
    from lighttrack_nas.search_spaces.building.nni_adapter import ModelSpace

    return [
        name
        for name, value in vars(module).items()
        if isinstance(value, type) and issubclass(value, ModelSpace) and value.__module__ == module.__name__
    ]
