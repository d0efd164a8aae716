"""Values of records as they should be: a record may be damaged, and a page is no place to stop at."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lighttrack_nas.trackers.base.parsing import is_finite


def mapping_at(record: Mapping[str, Any], key: str) -> dict[str, Any]:
    """A mapping; empty where there is none, or something else."""
    value = record.get(key)
    return value if isinstance(value, dict) else {}


def texts_at(record: Mapping[str, Any], key: str) -> list[str]:
    """A list's values as text; empty where there is no list."""
    value = record.get(key)
    return list(map(str, value)) if isinstance(value, list) else []


def number_at(record: Mapping[str, Any], key: str) -> float | None:
    """A finite number; None where there is none, or something else."""
    value = record.get(key)
    return float(value) if is_finite(value) else None
