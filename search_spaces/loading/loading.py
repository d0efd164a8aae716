"""Spaces from preset names, YAML files and other packages."""

from __future__ import annotations

import os
from collections.abc import Sequence
from copy import deepcopy
from dataclasses import replace
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from lighttrack_nas.search_spaces.base.mistakes import KeyPath, Mistake, at_their_causes, listed_mistakes, mistakes_of
from lighttrack_nas.search_spaces.base.plugins import load_plugins
from lighttrack_nas.search_spaces.declared_space import DeclaredSpace
from lighttrack_nas.search_spaces.description.description import SpaceDescription
from lighttrack_nas.search_spaces.description.space_parts import BRANCHES
from lighttrack_nas.search_spaces.files.listed_values import written_key
from lighttrack_nas.search_spaces.files.resolving import resolved
from lighttrack_nas.search_spaces.files.space_file import (
    Source,
    extended,
    parse_source,
    preset_place,
    preset_source,
)
from lighttrack_nas.search_spaces.nni_spaces.nni_files import is_nni_source, known_space, load_nni_space
from lighttrack_nas.search_spaces.presets import preset_names
from lighttrack_nas.search_spaces.space import Space
from lighttrack_nas.trackers.base.errors import InputError
from lighttrack_nas.trackers.base.names import checked_name
from lighttrack_nas.trackers.base.parsing import read_text, short

GROUP = "lighttrack_nas.spaces"
_MAX_EXTENDS = 8
_OF_BASE = ("stages", "outputs", "towers", "operations", "backbone", "attention", "activation", "plugins")
"""Keys whose meaning hangs on what is extended, or that stand for others."""


def load_space(source: str | Path) -> Space:
    """Load a space from a preset's name, another package's, or a YAML file.

    A file may `extends:` a space or another file (relative to its own folder): its keys then go into the other's,
    mapping by mapping; lists, candidates and outputs replace. It may name `plugins:`, Python files beside it, which are
    run: load space files only of people whose scripts you would run.

    Packages bring spaces by entry points of the group `lighttrack_nas.spaces`: the object is the path of a space file.

    A class of NNI's `ModelSpace` in a Python file is a space too, see `NniSpace`; the file is run.

    Args:
        source: A name from `preset_names()`, one of another package, the path of a file that ends in .yaml or .yml, or
            a Python file and a class in it, such as "my_space.py:MyModelSpace".

    Returns:
        The space.

    Raises:
        InputError: Unknown space, unreadable file, or what cannot work in it; every mistake with file and line.
    """
    if is_nni_source(str(source)):
        return load_nni_space(str(source))
    return make_space(_read(str(source), Path()))


def make_space(source: Source, base: Source | None = None) -> Space:
    """Make the space that a source says.

    Args:
        source: A space file's content, plugins run.
        base: What it extends, in place of what `extends` names in it.

    Raises:
        InputError: As `load_space`.
    """
    return _made(_with_base(source, ()) if base is None else _on(base, source))


def _with_base(source: Source, seen: tuple[str, ...]) -> Source:
    """A source with what it extends, and so on."""
    if source.where in seen or len(seen) >= _MAX_EXTENDS:
        raise InputError(f"{seen[0]}: extends runs in a circle: {' -> '.join([*seen, source.where])}")
    base = source.content.get("extends")
    if base is None:
        return source
    if not isinstance(base, str):
        raise InputError(f"{source.at(('extends',))}: extends: expected a space's name or a file, got {short(base)}")
    if "name" not in source.content:
        # What differs from a space must not go by its name.
        source = replace(source, content={"name": Path(source.where).stem} | source.content)
    try:
        read = _read(base, source.folder)
    except InputError as error:
        # What hangs on the unknown space cannot be judged; keys that no space has, and a wrong name, can.
        besides = [
            mistake
            for mistake in _checked({key: source.content[key] for key in source.content if key != "extends"})[1]
            if len(mistake.place) == 1 and mistake.place[0] in source.content and mistake.place[0] not in _OF_BASE
        ]
        mistakes = [Mistake(("extends",), str(error)), *besides]
        mistakes.sort(key=lambda mistake: source.line(mistake.place) or ("", 0))
        raise listed_mistakes([(source.at(mistake.place), mistake) for mistake in mistakes], source.where) from None
    return _on(_with_base(read, (*seen, source.where)), source.without("extends"))


def _on(read: Source, source: Source) -> Source:
    """What a source says that extends another."""
    if not source.lines:
        # Of Python values, which have no lines: those of what they change would mislead.
        read = replace(read, lines={})
    # A summary describes one space: another's does not fit this one.
    table = resolved(read.content, read.names)[0].get("operations")
    _require_search_sizes(read, source)
    named = replace(read.without("summary"), names={**read.names, **(table if isinstance(table, dict) else {})})
    return extended(named, source)


def _require_search_sizes(read: Source, source: Source) -> None:
    """Templates of other sizes than a base's need search sizes of their own: the base's belong to its template."""
    sizes, base = source.content.get("template_size"), read.content.get("template_size")
    base = base[-1] if isinstance(base, list) and base else base
    if not isinstance(sizes, list) or not sizes or sizes[-1] == base or "search_sizes" in source.content:
        return
    numbers = [sizes[-1], base, *(read.content.get("search_sizes") or ["none"])]
    if all(isinstance(number, int) and not isinstance(number, bool) and number > 0 for number in numbers):
        beside = [size * sizes[-1] // base for size in numbers[2:]]
        raise InputError(
            f"{source.at(('template_size',))}: template_size: the search sizes {numbers[2:]} of what is extended "
            f"belong to its template of {base} pixels; write search_sizes beside the largest template, {sizes[-1]}, "
            f"too: {beside} are in proportion"
        )


def parse_space(content: object, where: str) -> Space:
    """Check a description that was read from somewhere.

    Args:
        content: What YAML or JSON gave, without `extends` and `plugins`.
        where: What to call the source in an error message.

    Raises:
        InputError: Unknown key, wrong type, or an impossible space; it says at which key.
    """
    if not isinstance(content, dict):
        raise InputError(f"{where}: expected a mapping of keys such as name, stages, towers; got {short(content)}")
    if "nni_model_space" in content:
        return known_space(content, where)
    return _made(Source(content, where))


def _made(source: Source) -> Space:
    content, mistakes = resolved(source.content, source.names)
    mistakes = [mistake for mistake in mistakes if not mistake.idle or source.may_leave_out(mistake.place)]
    description, refused = _checked(content)
    known = {mistake.place for mistake in mistakes}
    if refused and "stages" not in content and "backbone" in source.content:
        known |= {(key,) for key in ("stem", "stages", "outputs")}  # which follow from it
    for mistake in refused:
        written = mistake.written_at(_written(mistake.place, source))
        if not _follows(written.place, known):
            mistakes.append(written)
    mistakes = [*source.mistakes, *mistakes]
    if "operations" not in source.content and len(mistakes) > 1:
        # Candidates make the table: what they lack is said of them.
        mistakes = [mistake for mistake in mistakes if mistake.place != ("operations",)]
    if description is None or mistakes:
        turned = [m._replace(place=m.beside) if m.beside and not source.is_own(m.place) else m for m in mistakes]
        mistakes = at_their_causes(turned)
        mistakes.sort(key=lambda mistake: source.line(mistake.place) or ("", 0))
        raise listed_mistakes([_located(mistake, source) for mistake in mistakes], source.where)
    return DeclaredSpace(description)


def _checked(content: dict[str, Any]) -> tuple[SpaceDescription | None, list[Mistake]]:
    """A description, or all that is wrong with it: keys that it should not have do not hide what they stand beside."""
    try:
        return SpaceDescription.model_validate(content), []
    except ValidationError as error:
        mistakes, errors = mistakes_of(error, SpaceDescription), error.errors()
    needless = [
        detail["loc"] for detail in errors if detail["type"] == "extra_forbidden" or detail["loc"][:1] == ("summary",)
    ]
    misnamed = any(detail["loc"] == ("name",) for detail in errors)
    # What is missing may be what an unknown key was meant to be.
    if not (needless or misnamed) or any(detail["type"] == "missing" for detail in errors):
        return None, mistakes
    rest = deepcopy(content)
    for *path, key in needless:
        _item_at(rest, path).pop(key, None)
    if misnamed:
        rest["name"] = "unnamed"
    try:
        SpaceDescription.model_validate(rest)
    except ValidationError as error:
        mistakes += [mistake for mistake in mistakes_of(error, SpaceDescription) if mistake not in mistakes]
    return None, mistakes


def _item_at(content: Any, path: Sequence[str | int]) -> dict[Any, Any]:
    """The mapping at a place; pydantic names the kinds of unions in places, too, which lead nowhere."""
    for part in path:
        content = content.get(part) if isinstance(content, dict) else _item(content, part)
    return content if isinstance(content, dict) else {}


def _located(mistake: Mistake, source: Source) -> tuple[str, Mistake]:
    """Where a mistake was made, and what is to be said there."""
    at, said, line = source.at(mistake.place), mistake, source.line(mistake.place)
    if line is not None and line[0] in map(preset_place, preset_names()):
        # Presets are right by themselves: what goes against them is wrong.
        at = source.only_change()
        said = mistake._replace(text=f"{mistake.text} (which {line[0]} says in line {line[1]})")
    if mistake.place[:1] == ("towers",) and mistake.place[1:2] and source.says_both(mistake.place):
        text = said.text.replace(f"towers.{mistake.place[1]}", "towers.both")
        said = said._replace(place=("towers", "both", *mistake.place[2:]), text=text)
    return at, said


def _written(place: KeyPath, source: Source) -> KeyPath:
    """The place in what was written: both towers may be one, a backbone the stages, a list of channels the widths."""
    if "backbone" in source.content and place[:1] in (("stem",), ("stages",)) and place[0] not in source.content:
        return ("backbone",)
    towers = source.content.get("towers")
    if place[:1] == ("towers",):
        branch = len(place) > 1 and place[1] in BRANCHES
        return ("towers", "both", *place[2:]) if branch and isinstance(towers, dict) and "both" in towers else place
    written: list[str | int] = []
    inside: Any = source.content
    for part in place:
        key = written_key(part, inside) if isinstance(inside, dict) else part
        written.append(key)
        inside = inside.get(key) if isinstance(inside, dict) else _item(inside, key)
    return tuple(written)


def _item(values: Any, index: str | int) -> Any:
    inside = isinstance(values, list) and isinstance(index, int) and index < len(values)
    return values[index] if inside else None


def _follows(place: KeyPath, known: set[KeyPath]) -> bool:
    """Whether a mistake follows from one that was said: around it, inside it, or in the same tower's short form."""
    reach = 2 if place[:1] == ("towers",) else len(place)
    return any(place[:reach] == other[:reach] or place[: len(other)] == other for other in known)


def _read(name: str, folder: Path) -> Source:
    if not name.endswith((".yaml", ".yml")):
        return _named(name)
    path = folder / name
    if path.is_file() and path.stat().st_size > 4_000_000:
        raise InputError(f"{path}: {path.stat().st_size:,} bytes; a space file has some thousands")
    source = parse_source(read_text(path, "space file"), str(path), path.parent)
    plugins = source.content.get("plugins")
    if plugins is None:
        return source
    load_plugins(plugins, path.parent, source.at(("plugins",)))
    return source.without("plugins")


def _named(name: str) -> Source:
    if name in preset_names():
        return preset_source(name)
    packaged = {entry.name: entry for entry in entry_points(group=GROUP)}
    if name not in packaged:
        otherwise = "or give a file that ends in .yaml, or one of Python with a class, FILE.py:CLASS"
        checked_name(name, [*preset_names(), *packaged], "space", otherwise)
    return _packaged(packaged[name])


def _packaged(entry: EntryPoint) -> Source:
    package = entry.dist.name if entry.dist else "unknown"
    try:
        path = os.fspath(entry.load())
    except Exception as error:  # whatever somebody's module raises while it is imported
        raise InputError(
            f"space '{entry.name}' of package '{package}' ({entry.value}) cannot be loaded: "
            f"{type(error).__name__}: {error}"
        ) from None
    return _read(path, Path())
