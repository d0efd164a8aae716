"""Descriptions as people write them: the short forms of a space file that mean exactly the same.

The opposite of `resolving.py`: ``resolved(short_content(description))`` is the description's content again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import product
from math import prod
from pathlib import Path
from typing import Any

from lighttrack_nas.search_spaces.description.description import SpaceDescription
from lighttrack_nas.search_spaces.description.space_parts import BRANCHES
from lighttrack_nas.search_spaces.files.resolving import largest_expansion, resolved
from lighttrack_nas.search_spaces.operations.operation_registry import plugin_files
from lighttrack_nas.search_spaces.operations.operations import Operation
from lighttrack_nas.trackers.base.parsing import yaml_line


def space_text(description: SpaceDescription) -> str:
    """Write a description as a space file.

    Files that registered operations of their own stand under `plugins` by their names: they are expected beside it.
    """
    content = short_content(description)
    plugins = [Path(file).name for file in plugin_files(description.operations.values())]
    if plugins:
        content = {"name": content.pop("name"), "plugins": plugins} | content
    lines = []
    for key, value in content.items():
        if key == "stages":
            lines += ["stages:", *(f"  - {{{_flow(stage)}}}" for stage in value)]
        elif key in ("towers", "operations"):
            lines += [f"{key}:", *(f"  {_flow({name: entry})}" for name, entry in value.items())]
        else:
            lines.append(_flow({key: value}))
    return "\n".join(lines) + "\n"


def short_content(description: SpaceDescription) -> dict[str, Any]:
    """What a space file would say of a description, as plain data.

    Candidates that are every combination of some parameters become lists of parameters, widths and depths lists of
    channels and blocks, outputs a rule where they are the last blocks, towers `both` where they are equal, their layers
    a number where they are alike; what is as usual is left out. Operations keep names that they would not get by
    themselves in a table.
    """
    content = description.model_dump(mode="json")
    shortened = _Shortened(description)
    table = content.pop("operations")
    content["outputs"] = _outputs(content, len(description.exits))
    content["stages"] = [shortened.stage(stage, index) for index, stage in enumerate(content["stages"])]
    towers = {branch: shortened.tower(content["towers"][branch]) for branch in BRANCHES}
    sharing = {"sharing": content["towers"]["sharing"]} if "sharing" in content["towers"] else {}
    content["towers"] = ({"both": towers["cls"]} if towers["cls"] == towers["reg"] else towers) | _single(sharing)
    content |= _single({key: content[key] for key in ("correlation",) if key in content})
    content["template_size"] = content.pop("template_sizes", content["template_size"])
    content["predictions"] = {key: _number(value) for key, value in content["predictions"].items()}
    # What resolving does not name again so by itself has its name in the table.
    by_itself = resolved(content)[0].get("operations", {})
    own = shortened.own_names
    named = {name: made for name, made in table.items() if name in own or by_itself.get(name) != made}
    if named:
        content["operations"] = named
    return _unusual(content, {"summary": ""})


class _Shortened:
    def __init__(self, description: SpaceDescription) -> None:
        self._operations = description.operations
        self._skip = min(description.skips, default=None)
        self._expansion = largest_expansion([{"expansions": list(stage.expansions)} for stage in description.stages])
        self.own_names: set[str] = set()
        """Names of candidates that stand as names, which they would not get by themselves."""

    def stage(self, stage: dict[str, Any], index: int) -> dict[str, Any]:
        """A stage, with lists of its widths and depths, and expansions as people write them."""
        written = _unusual(stage, {"name": f"stage{index}", "stride": 1, "skip": False})
        written["channels"] = written.pop("widths", written["channels"])
        written["blocks"] = written.pop("depths", written["blocks"])
        expansions = written.pop("expansions", ())
        written["operations"] = self.candidates(stage["operations"], free_expansion=bool(expansions))
        return written | ({"expansions": [_number(expansion) for expansion in expansions]} if expansions else {})

    def candidates(self, names: Sequence[str], *, free_expansion: bool = False) -> Any:
        """Names of candidates as a mapping of operations if it can be, or else as a list."""
        items: list[Any] = []
        first = 0
        while first < len(names):
            count = self._longest(names[first:], free_expansion)
            made = [self._operations[name] for name in names[first : first + count]]
            settings = _settings(made) if count else {}
            if free_expansion:
                settings.pop("expansion", None)
            items.append({made[0].kind: settings} if settings else names[first])
            if not count:
                self.own_names.add(names[first])
            first += max(count, 1)
        kinds = [kind for item in items if isinstance(item, dict) for kind in item]
        if len(kinds) < len(items) or len(set(kinds)) < len(kinds):
            return items
        return {kind: settings for item in items for kind, settings in item.items()}

    def _longest(self, names: Sequence[str], free_expansion: bool) -> int:
        """How many candidates, from the first on, are one kind's in every combination of some parameters; 0 for none.

        Of a name that its operation would not get by itself, none.
        """
        made = [self._operations[name] for name in names]
        alike = 0
        while alike < len(names) and made[alike].kind == made[0].kind:
            if names[alike] != made[alike].default_name(free_expansion=free_expansion):
                break
            if free_expansion and made[alike].parameters().get("expansion") != self._expansion:
                break
            alike += 1
        return next((count for count in range(alike, 0, -1) if _is_product(made[:count])), 0)

    def tower(self, tower: dict[str, Any]) -> dict[str, Any]:
        """A tower, with a number of layers where they are alike."""
        layers = [tuple(layer["operations"]) for layer in tower["layers"]]
        repeats = [layer["repeat"] for layer in tower["layers"]]
        shared = {"layers": sum(repeats), "operations": self.candidates(layers[0])}
        if len(layers) in (1, 2) and repeats[0] == 1 and sum(repeats) <= 32:
            if layers[-1] == layers[0]:
                return tower | shared
            if layers[-1] == (*layers[0], self._skip):
                return tower | shared | {"skip": True}
        written = [
            _unusual(layer, {"repeat": 1}) | {"operations": self.candidates(layer["operations"])}
            for layer in tower["layers"]
        ]
        return tower | {"layers": written}


def _values(made: Sequence[Operation]) -> dict[str, list[Any]]:
    """The values of every parameter in the order in which operations have them."""
    names = [name for name in type(made[0]).model_fields if name != "kind"]
    values: dict[str, list[Any]] = {name: [] for name in names}
    for operation in made:
        for name in names:
            if getattr(operation, name) not in values[name]:
                values[name].append(getattr(operation, name))
    return values


def _is_product(made: Sequence[Operation]) -> bool:
    values = _values(made)
    if prod(map(len, values.values())) != len(made):
        return False
    return [tuple(operation.parameters().values()) for operation in made] == list(product(*values.values()))


def _settings(made: Sequence[Operation]) -> dict[str, Any]:
    """Parameters of operations that are every combination; what is as usual is left out."""
    fields = type(made[0]).model_fields
    written = {}
    for name, values in _values(made).items():
        if not fields[name].is_required() and values == [fields[name].default]:
            continue
        plain = [_number(value) if fields[name].annotation is float else value for value in values]
        # A list means several values, so that a value that is a list itself stands in one.
        written[name] = plain if len(plain) > 1 or isinstance(plain[0], list) else plain[0]
    return written


def _number(value: Any) -> Any:
    """4 for 4.0, as people write it; anything else as it is."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _outputs(content: Mapping[str, Any], exits: int) -> Any:
    """Outputs as a rule, where the last blocks are meant and written as the rule writes them."""
    rule = {"last": exits}
    kept = ("name", "blocks", "depths")
    stages = [{key: value for key, value in stage.items() if key in kept} for stage in content["stages"]]
    by_rule = resolved({"stages": stages, "outputs": rule})[0]["outputs"]
    return rule if by_rule == content["outputs"] else content["outputs"]


def _single(content: Mapping[str, list[Any]]) -> dict[str, Any]:
    """Lists of one value as the value."""
    return {key: values[0] if len(values) == 1 else values for key, values in content.items()}


def _unusual(content: Mapping[str, Any], usual: Mapping[str, Any]) -> dict[str, Any]:
    """Without what is as usual."""
    return {key: value for key, value in content.items() if key not in usual or value != usual[key]}


def _flow(content: dict[str, Any]) -> str:
    """A mapping in one line of YAML, without its braces."""
    return yaml_line(content)[1:-1]
