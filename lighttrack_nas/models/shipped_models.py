"""The models that ship with the package, by their names."""

from __future__ import annotations

import sys
from functools import cache
from importlib import resources
from pathlib import Path

SHIPPED = ("lighttrack-tiny-generated",)
"""They may stand wherever a model file may; the one is of space `lighttrack-tiny`, trained on generated video."""
# A space has this name too, so that a reader could not tell which of the two was meant.
_FORMER_NAMES = {"lighttrack-tiny": "lighttrack-tiny-generated"}


def is_shipped(source: str | Path) -> bool:
    """Whether a name is that of a shipped model, or was."""
    return str(source) in SHIPPED or str(source) in _FORMER_NAMES


def model_file(source: str | Path) -> Path:
    """The file of a model that ships with the package, or the path that was given.

    A name that a model had in earlier versions still works; standard error says the new one, once a process.
    """
    name = str(source)
    if name in _FORMER_NAMES:
        _say_new_name(name)
        name = _FORMER_NAMES[name]
    if name not in SHIPPED:
        return Path(source)
    # The package lies in folders, never in an archive: safetensors maps its files into memory.
    return Path(str(resources.files("lighttrack_nas.pretrained").joinpath(f"{name}.safetensors")))


@cache
def _say_new_name(former: str) -> None:
    """Say it at the first call with a name; the cache makes every later call silent."""
    print(f"model '{former}' is now called '{_FORMER_NAMES[former]}'; '{former}' is a space", file=sys.stderr)
