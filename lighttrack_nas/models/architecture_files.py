"""Finding the architecture that a person means: an official code, or a file."""

from __future__ import annotations

from pathlib import Path

from lighttrack_nas.models.models import load_model
from lighttrack_nas.models.shipped_models import is_shipped
from lighttrack_nas.search_spaces.loading.architecture_translation import fit_architecture, other_sizes
from lighttrack_nas.search_spaces.loading.loading import load_space
from lighttrack_nas.search_spaces.presets import preset_names
from lighttrack_nas.search_spaces.space import Architecture, Space, parse_architecture
from lighttrack_nas.trackers.base.errors import InputError
from lighttrack_nas.trackers.base.parsing import read_text
from lighttrack_nas.trackers.base.progress import Say

CODE_SPACES = ("lighttrack", "lighttrack-12")
"""Where a code without a space is looked up, in this order."""


def find_architecture(source: str, space: str | None = None, say: Say = lambda _: None) -> Architecture:
    """Find an architecture from an official code, an architecture's JSON file, or a model file.

    Args:
        source: The code, a path that ends in .json or .safetensors, or the name of a model that ships.
        space: A preset's name or a YAML file. None: the file's own space; for a code the first of `lighttrack` and
            `lighttrack-12` that contains it. A file's architecture of another space is read in this one if it fits,
            see `lighttrack_nas.search_spaces.loading.architecture_translation.fit_architecture`.
        say: Told a sentence where that is done.

    Raises:
        InputError: Unreadable file, malformed code, or an architecture that the space does not contain; where it does
            not fit, every label and value that does not.
    """
    path = Path(source)
    if path.suffix == ".safetensors" or is_shipped(source):
        architecture = load_model(path).architecture
        return architecture if space is None else _fitted(architecture, load_space(space), source, say)
    if path.suffix == ".json":
        text = read_text(path, "architecture file")
        named = str(parse_architecture(text, source)["space"])
        if space is None and named not in preset_names():
            raise InputError(f"'{source}' is of space '{named}', which is no preset: give the space's file")
        return _read(text, source, load_space(space or named), say)
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


def _read(text: str, source: str, space: Space, say: Say) -> Architecture:
    """Read an architecture's JSON, which only names its space; a preset's is known by its name."""
    content = parse_architecture(text, source)
    named = str(content["space"])
    if content.get("space_hash") == space.hash or named == space.name:
        return space.from_json(text, source)
    if named not in preset_names():
        raise InputError(
            f"'{source}' belongs to space '{named}' ({content.get('space_hash')}), not to '{space.name}' "
            f"({space.hash}); to be read in another space, it must be of a preset ({', '.join(preset_names())}), or a "
            "model file, which holds its space"
        )
    return _fitted(load_space(named).from_json(text, source), space, source, say)


def _fitted(architecture: Architecture, space: Space, source: str, say: Say) -> Architecture:
    own = architecture.space
    if own == space:
        return architecture
    try:
        fitted = fit_architecture(architecture, space)
    except InputError as error:
        raise InputError(f"'{source}': {error}") from None
    sizes = other_sizes(own, space)
    differs = f"; another network there, as the spaces differ in {', '.join(sizes)}" if sizes else ""
    say(f"'{source}' is of space '{own.name}', and is read in '{space.name}', which it fits{differs}")
    return fitted
