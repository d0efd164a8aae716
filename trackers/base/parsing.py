"""Text files of YAML and JSON that a person or somebody else's program wrote."""

import json
import reprlib
from pathlib import Path
from typing import Any

import yaml

from lighttrack_nas.trackers.base.errors import InputError


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


def parse_yaml(text: str, where: str) -> Any:
    """Read YAML, safely: plain data only.

    Raises:
        InputError: It is malformed; the message says where.
    """
    try:
        return yaml.safe_load(text)
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


def parse_json(text: str, where: str) -> Any:
    """Read JSON.

    Raises:
        InputError: It is malformed; the message says where.
    """
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        raise InputError(
            f"{where} is no valid JSON at line {error.lineno}, column {error.colno}: {error.msg}"
        ) from None
    except (ValueError, RecursionError) as error:
        raise InputError(f"{where} is no valid JSON: {_first_line(error)}") from None


def short(value: object) -> str:
    """Write a value for an error message, cut short however large it is."""
    return reprlib.repr(value)


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0][:120]
