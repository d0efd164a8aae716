"""Architectures as text in tables: their official codes, and their choices as JSON."""

from __future__ import annotations

import json
from collections.abc import Sequence

from lighttrack_nas.search_spaces.space import Architecture
from lighttrack_nas.trackers.base.errors import InputError


def official_codes(architectures: Sequence[Architecture]) -> list[str]:
    """The official codes of architectures of one space; "" for each where the space has none."""
    try:
        return [architecture.space.encode(architecture) for architecture in architectures]
    except InputError:
        return [""] * len(architectures)


def choices_json(architecture: Architecture) -> str:
    """The choices of an architecture, as one line of JSON."""
    return json.dumps(dict(architecture.choices))
