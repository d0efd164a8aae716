"""Counted parts on disk, so that a space is counted once on a machine."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from lighttrack_nas.benchmarks.costs.cost_parts import COLUMNS, CostedPlace, CostedPlaces
from lighttrack_nas.benchmarks.costs.network_costs import COUNTER, NETWORK_PARTS
from lighttrack_nas.search_spaces.space import Space
from lighttrack_nas.trackers.base.errors import InputError
from lighttrack_nas.trackers.base.files import write_atomically
from lighttrack_nas.trackers.base.parsing import in_form, parse_json

CACHE_VARIABLE = "LIGHTTRACK_NAS_CACHE"
"""Environment variable: the folder of everything that may be computed again, or "off"."""

_FORMAT = 3
"""Raise it when what is counted, or how it is written, changes."""

LARGEST = 2**50
"""Of a cost: sums over a network's places stay whole numbers of 64 bits."""


@dataclass(frozen=True)
class _Place:
    part: str
    label: str
    labels: tuple[str, ...]
    costs: Any


@dataclass(frozen=True)
class _Parts:
    columns: tuple[str, ...]
    places: tuple[_Place, ...]


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
    content, complaint = read_counts(path, _made_of(space, search_size))
    if complaint or content is None:
        return None, complaint and f"cost table '{path}' {complaint}; its space is counted again"
    try:
        return _checked(in_form(content, _Parts, "parts"), space), ""
    except (InputError, ValueError):
        return None, f"cost table '{path}' holds other parts than its space has; its space is counted again"


def read_counts(path: Path, made_of: Mapping[str, Any]) -> tuple[Any, str]:
    """Read a file of counts.

    Args:
        path: That `write_counts` wrote.
        made_of: Everything that the counts depend on, JSON-able.

    Returns:
        The counts, which somebody may have changed who made the digest anew, or None where there are none; and what is
        wrong with a file that stood there and could not be used, else "".
    """
    try:
        content = parse_json(path.read_text("utf-8"), "")
    except FileNotFoundError:
        return None, ""
    except (OSError, UnicodeDecodeError) as error:
        return None, f"cannot be read ({error})"
    except InputError:
        return None, "is no whole JSON file"
    # As JSON gives it back: lists for tuples.
    if not isinstance(content, dict) or content.get("made_of") != json.loads(json.dumps(made_of)):
        return None, "is of something else than its name says"
    if content.get("digest") != _digest(content.get("parts")):
        return None, "was changed or damaged"
    return content["parts"], ""


def write_counts(path: Path, made_of: Mapping[str, Any], counts: Any) -> None:
    """Write a file of counts. A folder that cannot be written is no error: the next process counts again."""
    whole = {"made_of": made_of, "digest": _digest(counts), "parts": counts}
    try:
        write_atomically(path, json.dumps(whole))
    except (OSError, InputError):
        return


def write_parts(space: Space, search_size: int | None, parts: CostedPlaces) -> None:
    """Keep the counted parts of a space. A folder that cannot be written is no error: the next process counts again."""
    path = _path(space, search_size)
    if path is None:
        return
    content = {
        "columns": parts.columns,
        "places": [place._asdict() | {"costs": place.costs.tolist()} for place in parts.places],
    }
    write_counts(path, _made_of(space, search_size), content)


def _checked(parts: _Parts, space: Space) -> CostedPlaces:
    """Parts as a space has them.

    Raises:
        ValueError: They are others.
    """
    order, places = list(space.labels), []
    fits = parts.columns[: len(COLUMNS)] == COLUMNS and len({*parts.columns}) == len(parts.columns)
    for place in parts.places:
        costs = np.array(place.costs)
        fits &= place.part in ("", *NETWORK_PARTS) and place.label in ("", *space.candidates)
        fits &= list(place.labels) == sorted({*place.labels} & {*order}, key=order.index)
        fits &= costs.shape == (*(len(space.labels.get(label, ())) for label in place.labels), len(parts.columns))
        fits &= costs.dtype == np.int64 and bool(((costs >= 0) & (costs < LARGEST)).all())
        places.append(CostedPlace(place.part, place.label, place.labels, costs))
    if not fits:
        raise ValueError
    return CostedPlaces(parts.columns, tuple(places))


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
