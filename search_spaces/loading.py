"""Spaces from preset names and YAML files."""

import difflib
from collections.abc import Sequence
from importlib import resources
from pathlib import Path
from typing import Any, get_args

from pydantic import BaseModel, ValidationError

from lighttrack_nas.search_spaces.description import SpaceDescription
from lighttrack_nas.search_spaces.space import Space
from lighttrack_nas.trackers.errors import InputError
from lighttrack_nas.trackers.names import checked_name
from lighttrack_nas.trackers.parsing import parse_yaml, read_text, short

_MAX_EXTENDS = 8


def preset_names() -> tuple[str, ...]:
    """Names of the spaces that ship with the package."""
    folder = resources.files("lighttrack_nas.search_spaces.presets")
    return tuple(sorted(path.name[: -len(".yaml")] for path in folder.iterdir() if path.name.endswith(".yaml")))


def load_space(source: str | Path) -> Space:
    """Load a space from a preset's name or a YAML file.

    A file may `extends:` a preset or another file (relative to its own folder): its keys then replace the other's,
    top-level key by top-level key.

    Args:
        source: A name from `preset_names()`, or the path of a file that ends in .yaml or .yml.

    Returns:
        The space.

    Raises:
        InputError: Unknown preset, unreadable file, unknown key, or an impossible space; it says where.
    """
    content, where = _read(str(source), Path())
    seen = [where]
    if "extends" in content:
        # What differs from a space must not go by its name.
        content.setdefault("name", Path(where).stem)
    while "extends" in content:
        base = content.pop("extends")
        if not isinstance(base, str):
            raise InputError(f"{where}: extends: expected a preset's name or a file, got {short(base)}")
        base_content, where = _read(base, Path(where).parent if where.endswith((".yaml", ".yml")) else Path())
        if where in seen or len(seen) >= _MAX_EXTENDS:
            raise InputError(f"{seen[0]}: extends runs in a circle: {' -> '.join([*seen, where])}")
        seen.append(where)
        # A summary describes one space: another's does not fit this one.
        content = {key: value for key, value in base_content.items() if key != "summary"} | content
    return parse_space(content, where=seen[0])


def parse_space(content: object, where: str) -> Space:
    """Check a description that was read from somewhere.

    Args:
        content: What YAML or JSON gave, without `extends`.
        where: What to call the source in an error message.

    Raises:
        InputError: Unknown key, wrong type, or an impossible space; it says at which key.
    """
    try:
        return Space(SpaceDescription.model_validate(content))
    except ValidationError as error:
        raise InputError(f"{where}: {describe_mistakes(error, SpaceDescription)}") from None


def describe_mistakes(error: ValidationError, model: type[BaseModel]) -> str:
    """Say in words what pydantic found, at most three mistakes and the number of the others.

    Args:
        error: Of checking something against `model`.
        model: Knows the keys that would have been right.
    """
    mistakes = [_describe(e, model) for e in error.errors()]
    more = f"; and {len(mistakes) - 3} more" if len(mistakes) > 3 else ""
    return "; ".join(mistakes[:3]) + more


def _read(source: str, folder: Path) -> tuple[dict[str, Any], str]:
    if not source.endswith((".yaml", ".yml")):
        checked_name(source, preset_names(), "space", "or give a file that ends in .yaml")
        text = resources.files("lighttrack_nas.search_spaces.presets").joinpath(f"{source}.yaml").read_text("utf-8")
        return parse_yaml(text, source), f"space '{source}'"
    path = folder / source
    where = str(path)
    content = parse_yaml(read_text(path, "space file"), f"space file '{path}'")
    if not isinstance(content, dict):
        raise InputError(f"{where}: expected a mapping of keys such as name, stages, towers; got {short(content)}")
    return content, where


def _describe(error: Any, model: type[BaseModel]) -> str:
    place = ""
    for part in error["loc"]:
        place += f"[{part}]" if isinstance(part, int) else f".{part}" if place else str(part)
    if error["type"] == "extra_forbidden":
        *path, key = error["loc"]
        close = difflib.get_close_matches(str(key), _keys_at(model, path), n=1)
        return f"unknown key '{place}'" + (f"; did you mean '{close[0]}'?" if close else "")
    message = error["msg"].removeprefix("Value error, ")
    if error["type"] in ("value_error", "missing") or not place:
        return f"{place}: {message}" if place else message
    return f"{place}: {message}, got {short(error['input'])}"


def _keys_at(model: type[BaseModel], path: Sequence[str | int]) -> list[str]:
    """The keys that a mapping may have which stands at a place of a model's content."""
    found = _models_in(model)
    for part in path:
        inner = [each.model_fields[part].annotation for each in found if part in each.model_fields]
        # Numbers of list items and tags of unions lead to no other model.
        found = [each for annotation in inner for each in _models_in(annotation)] or found
    return [key for each in found for key in each.model_fields]


def _models_in(annotation: Any) -> list[type[BaseModel]]:
    """The models that an annotation speaks of, such as M in ``tuple[M, ...] | None``."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [each for part in get_args(annotation) for each in _models_in(part)]
