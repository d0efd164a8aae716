"""Counted parts on disk, so that a space is counted once on a machine."""

from __future__ import annotations

import hashlib
import json
import os
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from lighttrack_nas.benchmarks.costs.cost_parts import CostedPlace, CostedPlaces
from lighttrack_nas.benchmarks.costs.network_costs import COUNTER
from lighttrack_nas.search_spaces.space import Space
from lighttrack_nas.trackers.base.errors import InputError
from lighttrack_nas.trackers.base.files import write_atomically

CACHE_VARIABLE = "LIGHTTRACK_NAS_CACHE"
"""Environment variable: the folder of everything that may be computed again, or "off"."""

_FORMAT = 3
"""Raise it when what is counted, or how it is written, changes."""


def cache_folder() -> Path | None:
    """Where cost tables are kept: below `$LIGHTTRACK_NAS_CACHE`, else below the user's cache folder.

    Returns:
        The folder, which need not exist; None where the cache is switched off or the user has no home.
    """
    chosen = os.environ.get(CACHE_VARIABLE, "")
    if chosen.lower() == "off":
        return None
    if chosen:
        return Path(chosen) / "cost-tables"
    users = os.environ.get("XDG_CACHE_HOME", "")
    try:
        base = Path(users) if os.path.isabs(users) else Path.home() / ".cache"
    except RuntimeError:
        return None
    return base / "lighttrack-nas" / "cost-tables"


def read_parts(space: Space, search_size: int | None) -> tuple[CostedPlaces | None, str]:
    """Read the counted parts of a space.

    Args:
        space: The space.
        search_size: Side of the search crop, pixels; None for the space's own.

    Returns:
        The parts, or None where there are none; and a sentence about a file that stood there and could not be used,
        else "".
    """
    path = _path(space, search_size)
    if path is None:
        return None, ""
    try:
        text = path.read_text("utf-8")
    except FileNotFoundError:
        return None, ""
    except (OSError, UnicodeDecodeError) as error:
        return None, f"cost table '{path}' cannot be read ({error}); its space is counted again"
    try:
        content = json.loads(text)
    except (ValueError, RecursionError):
        return None, f"cost table '{path}' is no whole JSON file; its space is counted again"
    if not isinstance(content, dict) or content.get("made_of") != _made_of(space, search_size):
        return None, f"cost table '{path}' is of something else than its name says; its space is counted again"
    if content.get("digest") != _digest(content.get("parts")):
        return None, f"cost table '{path}' was changed or damaged; its space is counted again"
    parts = content["parts"]
    places = (
        CostedPlace(p["part"], p["label"], tuple(p["labels"]), np.array(p["costs"], np.int64)) for p in parts["places"]
    )
    return CostedPlaces(tuple(parts["columns"]), tuple(places)), ""


def write_parts(space: Space, search_size: int | None, parts: CostedPlaces) -> None:
    """Keep the counted parts of a space. A folder that cannot be written is no error: the next process counts again."""
    path = _path(space, search_size)
    if path is None:
        return
    content = {
        "columns": parts.columns,
        "places": [place._asdict() | {"costs": place.costs.tolist()} for place in parts.places],
    }
    whole = {"made_of": _made_of(space, search_size), "digest": _digest(content), "parts": content}
    try:
        write_atomically(path, json.dumps(whole))
    except (OSError, InputError):
        return


def _made_of(space: Space, search_size: int | None) -> dict[str, Any]:
    """Everything that the numbers depend on."""
    return {
        "format": _FORMAT,
        "space_hash": space.hash,
        "template_size": space.template_size,
        "search_size": search_size,
        "counter": f"{COUNTER} {version(COUNTER)}",
        "torch": version("torch"),
    }


def _path(space: Space, search_size: int | None) -> Path | None:
    folder = cache_folder()
    made_of = _made_of(space, search_size)
    return (
        folder
        and folder / f"{space.hash}-{search_size or space.description.search_sizes[0]}-{_digest(made_of)[:12]}.json"
    )


def _digest(content: Any) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
