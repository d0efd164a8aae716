"""Spaces as text that makes them again: a space file, or a Python expression."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from lighttrack_nas.search_spaces.files.writing import short_content, space_text
from lighttrack_nas.search_spaces.loading.values import Choice, Layer, Stage, Tower, expression
from lighttrack_nas.search_spaces.space import Space


def space_yaml(space: Space) -> str:
    """Write a space file that loads as an equal space, in the short forms where they fit.

    Raises:
        InputError: The space declares no stages and towers.
    """
    return space_text(space.description)


def space_python(space: Space) -> str:
    """Write the expression that makes a space, with `define_space`, `Stage`, `Tower`, `Layer` and `Choice`.

    Files that registered operations of their own stand under `plugins` by their names: they are expected in the working
    directory.

    Raises:
        InputError: The space declares no stages and towers.
    """
    content = short_content(space.description)
    plugins = [Path(file).name for file in space.code_files]
    if plugins:
        content = {"name": content.pop("name"), "plugins": plugins} | content
    if "operations" in content:
        content["operations"] = {
            name: Choice(made["kind"], **{key: value for key, value in made.items() if key != "kind"})
            for name, made in content["operations"].items()
        }
    stages = [_with_choices(Stage, stage) for stage in content["stages"]]
    towers = {key: _tower(tower) if isinstance(tower, dict) else tower for key, tower in content["towers"].items()}
    content |= {"stages": stages, "towers": towers["both"] if list(towers) == ["both"] else towers}
    lines = []
    for key, value in content.items():
        if key == "stages":
            lines += ["    stages=[", *(f"        {stage!r}," for stage in value), "    ],"]
        elif isinstance(value, dict) and key in ("operations", "towers"):
            inner = (f"        {expression(name)}: {expression(entry)}," for name, entry in value.items())
            lines += [f"    {key}={{", *inner, "    },"]
        else:
            lines.append(f"    {key}={expression(value)},")
    return "\n".join(["define_space(", *lines, ")"])


def _tower(content: dict[str, Any]) -> Tower:
    if isinstance(content["layers"], list):
        content = content | {"layers": [_with_choices(Layer, layer) for layer in content["layers"]]}
    made: Tower = _with_choices(Tower, content)
    return made


def _with_choices(cls: type[Any], content: dict[str, Any]) -> Any:
    """A value of written content, its mappings of operations as choices."""
    given = content.get("operations")
    if given is None:
        return cls(**content)
    items = [{kind: parameters} for kind, parameters in given.items()] if isinstance(given, dict) else given
    choices = [
        Choice(kind, **parameters) for item in items if isinstance(item, dict) for kind, parameters in item.items()
    ]
    waiting = iter(choices)
    return cls(**content | {"operations": [next(waiting) if isinstance(item, dict) else item for item in items]})
