"""The reference's pages, made from the code: keys of the three kinds of files, commands, public names.

`make docs` runs this before Sphinx reads the pages.
"""

from __future__ import annotations

import inspect
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import MISSING, fields
from operator import attrgetter
from pathlib import Path
from typing import Any

import typer
from typer.core import TyperGroup

import lighttrack_nas
from lighttrack_nas.cli.app import app
from lighttrack_nas.cli.shared.panels import PANELS
from lighttrack_nas.config.config_schema import chain_schema, comparison_schema, said_of_attributes
from lighttrack_nas.search_spaces.files.editor_schema import space_schema
from lighttrack_nas.strategies.one_shot.strategies import one_shot_registry
from lighttrack_nas.strategies.search import search_registry

Schema = Mapping[str, Any]
Anchors = Mapping[str, tuple[str, str]]
"""Of a definition with a section of its own: the heading and the anchor."""

_ROOMS = {
    "search_spaces": "Spaces and architectures",
    "costing": "Costs and latency",
    "benchmarks.costs": "Costs and latency",
    "benchmarks.latency": "Costs and latency",
    "chain": "The chain",
    "strategies.one_shot": "The chain",
    "config": "The chain",
    "strategies.search": "Search strategies",
    "benchmarks.scoring": "Evaluators and tables of places",
    "place_tables": "Evaluators and tables of places",
    "places": "Evaluators and tables of places",
    "tables": "Evaluators and tables of places",
    "comparisons": "Comparisons",
    "report": "Results and fronts",
    "results": "Results and fronts",
    "side_by_side": "Results and fronts",
    "drawings": "Drawings",
    "models": "Models and trackers",
    "export": "Models and trackers",
    "trackers.tracking": "Models and trackers",
    "benchmarks.evaluation": "Models and trackers",
    "benchmarks.standings": "Models and trackers",
    "trackers": "Data and training pairs",
    "integrations": "Other people's tools",
    "processes": "The program",
}
"""Where a public name lives, the longest fitting beginning -> the section it stands in."""
_SCHEMA_PARTS = ("stage-changes", "tower-changes", "layer")
"""What a space file is made of below its top level; operations follow."""


def write(folder: Path) -> None:
    """Write all pages; a page that stays as it was is not touched."""
    folder.mkdir(exist_ok=True)
    pages = {
        "commands": commands_page(),
        "chain": chain_page(),
        "comparison": file_page("Comparison files", "comparison", comparison_schema()),
        "space": space_page(),
        "python": python_page(),
    }
    for name, text in pages.items():
        path = folder / f"{name}.md"
        if not path.is_file() or path.read_text() != text:
            path.write_text(text)


def file_page(title: str, kind: str, schema: Schema, parts: Iterable[str] | None = None) -> str:
    """Every key of a kind of files: the top level, then each part that it is made of."""
    inline = {key: field for key, field in schema["properties"].items() if "properties" in field}
    definitions = inline | schema.get("definitions", {})
    places = _places(schema, definitions)
    headings = {name: _heading(name, places) for name in [*inline, *(places if parts is None else parts)]}
    anchors = {name: (heading, f"{kind}-{name}".lower()) for name, heading in headings.items()}
    lines = [
        f"# {title}",
        f"`lighttrack-nas schema {kind} --output {kind}.schema.json` writes this as a JSON schema. An editor with a "
        f"YAML language server checks and completes a file that begins with "
        f"`# yaml-language-server: $schema={kind}.schema.json`.",
        schema["description"],
        *_keys(schema, anchors, definitions),
    ]
    for name, (heading, anchor) in anchors.items():
        lines += [f"({anchor})=", f"## {heading}", definitions[name].get("description", "")]
        if places.get(name, ())[1:]:
            lines.append(f"Also at {', '.join(f'`{place}`' for place in places[name][1:])}.")
        lines += _keys(definitions[name], anchors, definitions)
    return "\n\n".join(line for line in lines if line) + "\n"


def _places(schema: Schema, definitions: Schema) -> dict[str, list[str]]:
    """Where each definition is used, by keys from the top; the definitions in the order of a walk through the file."""
    found: dict[str, list[str]] = {}

    def walk(part: Schema, before: str) -> None:
        for key, field in part.get("properties", {}).items():
            names = [text.split('"')[0] for text in json.dumps(field).split("#/definitions/")[1:]]
            for name in dict.fromkeys(names):
                if f"{before}{key}" not in found.setdefault(name, []):
                    found[name].append(f"{before}{key}")
                    walk(definitions[name], f"{before}{key}.")

    walk(schema, "")
    return found


def _heading(name: str, places: Mapping[str, list[str]]) -> str:
    if name not in places:
        return f"`{name}`"
    if name.startswith("operation-"):
        return f"Operation `{name.removeprefix('operation-')}`"
    if name.endswith("-changes") or name == "layer":
        return {"stage": "A stage", "tower": "A tower", "layer": "A layer of a tower"}[name.removesuffix("-changes")]
    kind = f", kind `{name.removesuffix('Source').lower()}`" if name.endswith("Source") else ""
    return f"`{places[name][0]}`{kind}"


def chain_page() -> str:
    """The keys of a chain's configuration, and the settings of the strategies that it may name."""
    text = file_page("Chain files", "chain", chain_schema())
    registries = {"One-shot strategies": one_shot_registry.REGISTRY, "Search strategies": search_registry.REGISTRY}
    for title, registry in registries.items():
        text += f"\n## {title}, by name\n\n"
        text += "".join(_strategy(name, registry.strategy_class(name)) for name in registry.places)
    return text


def space_page() -> str:
    """The keys of a space file."""
    schema = space_schema()
    operations = [name for name in schema["definitions"] if name.startswith("operation-")]
    return file_page("Space files", "space", schema, [*_SCHEMA_PARTS, *operations])


def commands_page() -> str:
    """Every command, with its arguments and options."""
    group = typer.main.get_command(app)
    assert isinstance(group, TyperGroup)
    lines = ["# Commands", "`lighttrack-nas COMMAND --help` prints the same."]
    for panel in PANELS:
        lines.append(f"## {panel}")
        for name, command in group.commands.items():
            if command.rich_help_panel == panel:
                lines += [f"### {name}", inspect.cleandoc(command.help), *map(_parameter, command.params)]
    return "\n\n".join(lines) + "\n"


def python_page() -> str:
    """Every public name, from its docstring."""
    sections: dict[str, list[str]] = {title: [] for title in dict.fromkeys(_ROOMS.values())}
    names = {*lighttrack_nas.__all__} - {"integrations"}
    names |= {f"integrations.{name}" for name in lighttrack_nas.integrations.__all__}
    for name in sorted(names, key=str.lower):
        home = attrgetter(name)(lighttrack_nas).__module__.removeprefix("lighttrack_nas.")
        room = max((room for room in _ROOMS if f"{home}.".startswith(f"{room}.")), key=len)
        sections[_ROOMS[room]].append(name)
    lines = [
        "# Public names",
        "`import lighttrack_nas as ltn` gives these names. The import is cheap: torch, NNI and Optuna are imported by "
        "what uses them. A mistake of the caller is an `InputError`, whose sentence says what would be right.",
    ]
    for title, names in sections.items():
        lines.append(f"## {title}")
        lines.append(", ".join(f"[{name}](#lighttrack_nas.{name})" for name in names))
        lines += map(_documented, names)
    return "\n\n".join(lines) + "\n"


def _documented(name: str) -> str:
    is_class = inspect.isclass(attrgetter(name)(lighttrack_nas))
    directive = "autoclass" if is_class else "autofunction"
    members = "   :members:\n" if is_class else ""
    return f"```{{eval-rst}}\n.. {directive}:: lighttrack_nas.{name}\n{members}```"


def _strategy(name: str, cls: type) -> str:
    said = said_of_attributes(cls)
    entries = [
        _entry(field.name, "" if field.default is MISSING else f"default {_shown(field.default)}", said[field.name])
        for field in fields(cls)
        if field.name in said
    ]
    about = inspect.cleandoc(cls.__doc__ or "").partition("\n\nAttributes:")[0]
    return "\n\n".join([f"### `{name}`", about, *entries]) + "\n\n"


def _keys(schema: Schema, anchors: Anchors, definitions: Schema) -> Iterator[str]:
    required = schema.get("required", ())
    for key, field in schema.get("properties", {}).items():
        if field is False:
            continue
        notes = [_kind(field, anchors, definitions)]
        if "properties" in field and key in anchors:
            notes[0] += " as in " + "[{}](#{})".format(*anchors[key])
        default = _default(field, definitions)
        if default not in (None, {}, [], ""):
            notes.append(f"default {_shown(default)}")
        if key in required:
            notes.append("required")
        said = field.get("description") or definitions.get(_reference(field), {}).get("description", "")
        yield _entry(key, "; ".join(note for note in notes if note), said)


def _default(field: Schema, definitions: Schema) -> Any:
    """A key's default; of a part with a section of its own, what differs from that section's defaults."""
    default = field.get("default")
    name = _reference(field.get("allOf", [{}])[0])
    if not isinstance(default, dict) or name not in definitions:
        return default
    usual = {key: each.get("default") for key, each in definitions[name]["properties"].items()}
    nested = [key for key, value in default.items() if isinstance(value, (dict, list))]
    return {key: value for key, value in default.items() if key not in nested and value != usual.get(key)}


def _reference(schema: Schema) -> str:
    """The name of the definition that stands there; "" for none."""
    return str(schema.get("$ref", "")).rpartition("/")[2]


def _entry(key: str, notes: str, text: str) -> str:
    return f"`{key}`{f' ({notes})' if notes else ''}\n: {text or 'Which of these it is.'}"


def _shown(value: Any) -> str:
    if value is None:
        return "none"
    if isinstance(value, float) and not isinstance(value, bool):
        return f"`{value:.4g}`"
    return f"`{json.dumps(value, default=str)}`" if not isinstance(value, str) else f"`{value}`"


def _kind(schema: Schema, anchors: Anchors, definitions: Schema) -> str:
    """What may stand there, in words."""

    def inner(each: Schema) -> str:
        return _kind(each, anchors, definitions)

    if "$ref" in schema:
        name = _reference(schema)
        return "[{}](#{})".format(*anchors[name]) if name in anchors else inner(definitions.get(name, {}))
    if "enum" in schema or "const" in schema:
        return ", ".join(f"`{value}`" for value in schema.get("enum", [schema.get("const")]))
    for together, joint in (("allOf", " "), ("anyOf", " or "), ("oneOf", " or ")):
        if together in schema:
            return joint.join(dict.fromkeys(said for each in schema[together] if (said := inner(each))))
    kinds = schema.get("type", [])
    kinds = [kinds] if isinstance(kinds, str) else kinds
    return " or ".join(dict.fromkeys(_one_kind(kind, schema, inner) for kind in kinds))


def _one_kind(kind: str, schema: Schema, inner: Any) -> str:
    if kind == "array":
        items = inner(schema["items"]) if schema.get("items") else ""
        return f"list of: {items}" if items else "list"
    if kind == "object":
        values = schema.get("additionalProperties")
        said = inner(values) if isinstance(values, dict) else ""
        return f"mapping to {said}" if said else "mapping"
    if kind == "null":
        return "`null`"
    words = {"string": "text", "integer": "whole number", "number": "number", "boolean": "true or false"}[kind]
    if kind not in ("integer", "number"):
        return words
    limits = {"minimum": "≥", "exclusiveMinimum": ">", "maximum": "≤", "exclusiveMaximum": "<"}
    said_limits = [f"{sign} {schema[key]:g}" for key, sign in limits.items() if key in schema]
    return " ".join([words, ", ".join(said_limits)]).strip()


def _parameter(parameter: Any) -> str:
    value = parameter.metavar or parameter.name.upper()
    if parameter.param_type_name == "argument":
        return _entry(value, "" if parameter.required else "may be left out", parameter.help or "")
    flags = ", ".join(parameter.opts)
    if parameter.is_flag:
        return _entry(flags, "", parameter.help or "")
    shown = parameter.default if isinstance(parameter.default, (str, int, float, Path)) else None
    notes = "required" if parameter.required else "" if shown is None else f"default {_shown(str(shown))}"
    return _entry(f"{flags} {value}", notes, parameter.help or "")


if __name__ == "__main__":
    write(Path(__file__).parent / "reference")
