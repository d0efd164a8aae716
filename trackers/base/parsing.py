"""Text files of YAML and JSON that a person or somebody else's program wrote."""

import json
import re
import reprlib
import sys
from functools import cache
from pathlib import Path
from typing import Any, TypeGuard

import yaml

from lighttrack_nas.trackers.base.errors import InputError

DEEPEST = 100
"""Lists and mappings inside each other."""

_TAG = "tag:yaml.org,2002:"
# What a text without quotes is, by its form and its first characters: as PyYAML has it, but for numbers, which are
# decimal. There 1_0 is 10, 010 is 8 and 1:30 is 90, while 1e-3 is a text. Nor are there days.
_IMPLICIT = (
    ("bool", r"yes|Yes|YES|no|No|NO|true|True|TRUE|false|False|FALSE|on|On|ON|off|Off|OFF", "yYnNtTfFoO"),
    ("null", r"~|null|Null|NULL|", ("~", "n", "N", "")),
    ("merge", r"<<", "<"),
    ("int", r"[-+]?(?:0|[1-9][0-9]*)", "-+0123456789"),
    ("float", r"[-+]?(?:[0-9]+\.[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]+)?", "-+.0123456789"),
    ("float", r"[-+]?[0-9]+[eE][-+]?[0-9]+|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)", "-+.0123456789"),
)

_Resolvers = dict[str, list[tuple[str, re.Pattern[str]]]]
"""By a text's first character, the tags that it may have, each with its form: PyYAML's way."""

# Escapes of what no text or name of a file may hold: NUL, and halves of characters beyond 16 bits.
_ODD_IN_JSON = re.compile(r"\\u(?:0000|[dD][89a-fA-F])")
_ODD = re.compile("[\0\ud800-\udfff]")


def read_text(path: Path, what: str) -> str:
    """Read a text file in UTF-8.

    Args:
        path: The file.
        what: What it is, for the message: `space file`.

    Raises:
        InputError: It cannot be read, or is no text.
    """
    try:
        return path.read_text("utf-8-sig")
    except OSError as error:
        raise InputError(f"{what} '{path}' cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise InputError(f"{what} '{path}' is no text file (expected UTF-8)") from None
    except ValueError as error:  # no name of a file: NUL, or half a character
        raise InputError(f"{what} {str(path)!r} cannot be read: {error}") from None


def _resolvers() -> _Resolvers:
    """PyYAML's way to write `_IMPLICIT`: by the first character."""
    by_first: dict[str, list[tuple[str, re.Pattern[str]]]] = {}
    for name, form, firsts in _IMPLICIT:
        for first in firsts:
            by_first.setdefault(first, []).append((_TAG + name, re.compile(f"(?:{form})$", re.ASCII)))
    return by_first


class YamlLoader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
    """Plain data alone, with numbers as people write them. Keys are no truths: ``on: x`` has the key "on"."""

    yaml_implicit_resolvers = _resolvers()

    def construct_mapping(self, node: Any, deep: bool = False) -> Any:
        """Read a mapping; see PyYAML."""
        for key, _ in node.value if isinstance(node, yaml.MappingNode) else ():
            if key.tag == _TAG + "bool":
                key.tag = _TAG + "str"
        return super().construct_mapping(node, deep)


def _either(one: _Resolvers, other: _Resolvers) -> _Resolvers:
    return {first: [*one.get(first, ()), *other.get(first, ())] for first in one.keys() | other.keys()}


class _YamlDumper(yaml.SafeDumper):
    """Quotes what either `YamlLoader` or PyYAML's own readers would take for something other than a text."""

    yaml_implicit_resolvers = _either(yaml.SafeDumper.yaml_implicit_resolvers, _resolvers())


def yaml_line(content: Any) -> str:
    """Write plain data as one line of YAML, which `parse_yaml` reads as the same: the text "1e-3" stays a text."""
    return yaml.dump(
        content, Dumper=_YamlDumper, default_flow_style=True, width=10**9, sort_keys=False, allow_unicode=True
    ).strip()


def parse_yaml(text: str, where: str) -> Any:
    """Read YAML, safely: plain data only.

    Raises:
        InputError: It is malformed; the message says where.
    """
    try:
        content = yaml.load(text, YamlLoader)  # noqa: S506  of safe ones
        require_shallow(content, where)
        return checked_texts(content, where) if "\\" in text else content
    except InputError:
        raise
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise malformed_yaml(error, where, text) from None


def malformed_yaml(error: Exception, where: str, text: str) -> InputError:
    """What to say of YAML that cannot be read.

    Args:
        error: PyYAML's; or of dates that do not exist, numbers without end, nesting without end.
        where: What to call the source.
        text: The source.
    """
    mark = getattr(error, "problem_mark", None)
    place = f" at line {mark.line + 1}, column {mark.column + 1}" if mark else ""
    problem = getattr(error, "problem", None) or (
        "malformed" if isinstance(error, yaml.YAMLError) else _first_line(error)
    )
    if mark and text[mark.index : mark.index + 1] == "\t":
        problem = "a tab cannot indent YAML; write spaces"
    return InputError(f"{where} is no valid YAML{place}: {problem}")


def parse_json(text: str, where: str, any_text: bool = False) -> Any:
    """Read JSON.

    Args:
        text: What to read.
        where: What to call it.
        any_text: Also take texts that no file's name can hold, and what is nested deeply, as where only what can be
            used is taken.

    Raises:
        InputError: It is malformed, or holds such a text; the message says where.
    """
    try:
        content = json.loads(text)
        if any_text:
            return content
        if text.count("[") + text.count("{") > DEEPEST:
            require_shallow(content, where)
        return checked_texts(content, where) if _ODD_IN_JSON.search(text) else content
    except InputError:
        raise
    except json.JSONDecodeError as error:
        raise InputError(
            f"{where} is no valid JSON at line {error.lineno}, column {error.colno}: {error.msg}"
        ) from None
    except (ValueError, RecursionError) as error:
        raise InputError(f"{where} is no valid JSON: {_first_line(error)}") from None


def read_json(path: Path, what: str, form: Any, otherwise: str = "") -> Any:
    """Read a JSON file of a known form.

    Args:
        path: The file.
        what: What it is, for messages: `scores`.
        form: See `in_form`.
        otherwise: What to do about a file of another form.

    Raises:
        InputError: It cannot be read, is malformed, or has another form.
    """
    return in_form(parse_json(read_text(path, what), f"'{path}'"), form, f"'{path}'", otherwise)


def in_form(content: Any, form: Any, where: str, otherwise: str = "") -> Any:
    """Take plain data as what it should be, and as nothing else: no text is a number, no truth a one.

    Args:
        content: Of a file that anybody may have changed.
        form: A type: `dict[str, float]`, or a dataclass of such, whose fields are an object's keys; it may have others.
        where: What to call the content.
        otherwise: What to do about another form.

    Returns:
        A value of the type.

    Raises:
        InputError: It has another form; the message says where.
    """
    from pydantic import ValidationError

    try:
        return _adapter(form).validate_json(json.dumps(content), strict=True)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(str(part)[:40] for part in first["loc"][:8])
        said = f"{first['msg'][:1].lower()}{first['msg'][1:200]}, got {short(first['input'])}"
        raise InputError(": ".join(filter(None, (where, place, said, otherwise)))) from None


@cache
def _adapter(form: Any) -> Any:
    """What checks a form; it takes milliseconds to make, and files of one form are read by the thousand."""
    from pydantic import TypeAdapter

    return TypeAdapter(form)


def require_shallow(content: Any, where: str) -> None:
    """Check that at most `DEEPEST` lists and mappings lie inside each other, as many as can be copied and compared.

    Args:
        content: Lists and mappings of plain values; see `is_deep`.
        where: What to call it.

    Raises:
        InputError: There are more.
    """
    if is_deep(content):
        raise InputError(f"{where}: more than {DEEPEST} lists or mappings lie inside each other")


def is_deep(content: object) -> bool:
    """Whether more than `DEEPEST` lists and mappings lie inside each other; aliases of YAML may hold themselves."""
    level = [content] if isinstance(content, dict | list) else []
    for _ in range(DEEPEST):
        inside = (value for holder in level for value in (holder.values() if isinstance(holder, dict) else holder))
        level = list({id(value): value for value in inside if isinstance(value, dict | list)}.values())
    return bool(level)


def checked_texts(content: Any, where: str) -> Any:
    """Check that no text in a content, keys included, holds NUL or half a character, which no file's name can hold.

    Args:
        content: Mappings and lists of plain values.
        where: What to call it.

    Returns:
        The content.

    Raises:
        InputError: One does.
    """
    waiting, seen = [content], {0}
    while waiting:
        value = waiting.pop()
        if isinstance(value, str) and (odd := _ODD.search(value)):
            what = "the character NUL" if odd[0] == "\0" else "half a character (a lone surrogate)"
            raise InputError(f"{where}: {short(value)} holds {what}, which no text may")
        if isinstance(value, dict | list) and id(value) not in seen:
            seen.add(id(value))  # aliases of YAML may hold themselves
            waiting += [*value, *value.values()] if isinstance(value, dict) else value
    return content


def parse_number(text: str) -> float:
    """Read a number as people write it: ``12``, ``-0.5``, ``1e-3``, ``nan``, ``inf``.

    Raises:
        ValueError: Something else, such as ``1_0`` or digits of other scripts, which `float` takes.
    """
    if "_" in text or not text.isascii():
        raise ValueError(f"no number: {short(text)}")
    return float(text)


def is_finite(value: object) -> TypeGuard[float]:
    """Whether a value that a file holds is a number of which there is a finite float: no truth, no 400 digits."""
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= sys.float_info.max


def short(value: object) -> str:
    """Write a value for an error message, cut short however large it is."""
    return reprlib.repr(value)


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0][:120]
