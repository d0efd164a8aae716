"""Finding the architecture that a person means: an official code, or a file."""

from __future__ import annotations

from pathlib import Path

from lighttrack_nas.models import SHIPPED, load_model
from lighttrack_nas.search_spaces.architecture import Architecture
from lighttrack_nas.search_spaces.loading import load_space, preset_names
from lighttrack_nas.search_spaces.space import parse_architecture
from lighttrack_nas.trackers.errors import InputError
from lighttrack_nas.trackers.parsing import read_text

CODE_SPACES = ("lighttrack", "lighttrack-12")
"""Where a code without a space is looked up, in this order."""


def find_architecture(source: str, space: str | None = None) -> Architecture:
    """Find an architecture from an official code, an architecture's JSON file, or a model file.

    Args:
        source: The code, or a path that ends in .json or .safetensors.
        space: A preset's name or a YAML file. None: the file's own space; for a code the first of `lighttrack` and
            `lighttrack-12` that contains it.

    Raises:
        InputError: Unreadable file, malformed code, or an architecture that the space does not contain.
    """
    path = Path(source)
    if path.suffix == ".safetensors" or source in SHIPPED:
        return _checked(load_model(path).architecture, space, source)
    if path.suffix == ".json":
        text = read_text(path, "architecture file")
        named = str(parse_architecture(text, source)["space"])
        if space is None and named not in preset_names():
            raise InputError(f"'{source}' is of space '{named}', which is no preset: give the space's YAML file")
        return load_space(space or named).from_json(text, source)
    if not source.startswith("back_"):
        raise InputError(
            f"'{source}' is no architecture: expected an official code (back_...), or a file that ends in .json or "
            ".safetensors"
        )
    if space is not None:
        return load_space(space).decode(source)
    return decode_anywhere(source)


def decode_anywhere(code: str) -> Architecture:
    """Decode a code in the first of `CODE_SPACES` that contains it.

    Raises:
        InputError: None contains it; the reason is the last one's, whose outputs include the others'.
    """
    for name in CODE_SPACES[:-1]:
        try:
            return load_space(name).decode(code)
        except InputError:
            continue
    return load_space(CODE_SPACES[-1]).decode(code)


def _checked(architecture: Architecture, space: str | None, source: str) -> Architecture:
    if space is None or load_space(space).contains(architecture):
        return architecture
    raise InputError(
        f"'{source}' is of space '{architecture.space.name}' ({architecture.space.hash}), not of '{space}'"
    )
