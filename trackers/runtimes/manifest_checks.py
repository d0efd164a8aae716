"""What the manifest of an exported folder must say: anybody can make a seal anew, so that it proves no content."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from lighttrack_nas.trackers.base.errors import InputError
from lighttrack_nas.trackers.base.parsing import is_finite, short
from lighttrack_nas.trackers.runtimes.runtime_registry import RUNTIMES

_LARGEST_SIDE = 4096
_HASH = re.compile("[0-9a-f]{64}")


def check_manifest(content: Mapping[str, Any], path: Path) -> None:
    """Check the values that a folder is run by.

    Args:
        content: A manifest's.
        path: The manifest, for messages.

    Raises:
        InputError: A value is missing or of another kind; it says which, and what is expected.
    """
    for place, (expected, fits) in _EXPECTED.items():
        value: Any = content
        for key in place.split("."):
            value = value.get(key) if isinstance(value, Mapping) else None
        if not fits(value):
            raise InputError(f"'{path}': {place}: expected {expected}, got {short(value)}: export the model again")


def check_hashes(files: Mapping[str, str], graphs: list[str], runtime: str, path: Path) -> None:
    """Check that a manifest has the hashes of all files that will be read, and of no others.

    Args:
        files: File name -> SHA-256.
        graphs: Names of the graphs.
        runtime: That they were written for.
        path: The manifest, for messages.

    Raises:
        InputError: One lacks, or is too many.
    """
    wanted = {graph + suffix for graph in graphs for suffix in RUNTIMES[runtime].suffixes}
    if wanted != files.keys():
        differing = ", ".join(sorted(wanted ^ files.keys())[:4])
        raise InputError(
            f"'{path}': files: expected the hashes of {', '.join(sorted(wanted))}, and of no others; it differs in "
            f"{differing[:200]}: export the model again"
        )


def _whole(value: object, largest: int = _LARGEST_SIDE) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= largest


def _sides(value: object) -> bool:
    return isinstance(value, list) and len(value) in (1, 2) and all(map(_whole, value)) and value == sorted({*value})


def _hashes(value: object) -> bool:
    return isinstance(value, dict) and all(
        isinstance(digest, str) and _HASH.fullmatch(digest) for digest in value.values()
    )


_EXPECTED: Mapping[str, tuple[str, Callable[[Any], bool]]] = {
    "runtime": (
        "one of " + ", ".join(name for name, runtime in RUNTIMES.items() if runtime.suffixes),
        lambda value: isinstance(value, str) and value in RUNTIMES and bool(RUNTIMES[value].suffixes),
    ),
    "precision": ("a word", lambda value: isinstance(value, str)),
    "template_size": (f"1 to {_LARGEST_SIDE} pixels", _whole),
    "search_sizes": (f"one or two sides, ascending, of 1 to {_LARGEST_SIDE} pixels", _sides),
    "stride": ("1 to 64 pixels", lambda value: _whole(value, 64)),
    "dynamic": ("true or false", lambda value: isinstance(value, bool)),
    "input.raw": ("true or false", lambda value: isinstance(value, bool)),
    "hyper_parameters": (
        "numbers by name",
        lambda value: isinstance(value, dict) and all(isinstance(v, bool) or is_finite(v) for v in value.values()),
    ),
    "files": ("SHA-256 by file name", _hashes),
}
