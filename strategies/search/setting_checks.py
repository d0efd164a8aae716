"""What settings of strategies have in common to be checked for."""

from __future__ import annotations

from typing import Any

from lighttrack_nas.trackers.base.errors import InputError


def require_at_least(settings: Any, least: int, *names: str) -> None:
    """Check whole numbers; None is left alone.

    Raises:
        InputError: One is below `least`, or no whole number.
    """
    for name in names:
        value = getattr(settings, name)
        if value is not None and (not isinstance(value, int) or isinstance(value, bool) or value < least):
            raise InputError(f"{name}: expected {least} or more, got {value}")


def require_probabilities(settings: Any, *names: str) -> None:
    """Check numbers from 0 to 1; None is left alone.

    Raises:
        InputError: One is outside.
    """
    for name in names:
        value = getattr(settings, name)
        if value is not None and not (isinstance(value, (int, float)) and 0 <= value <= 1):
            raise InputError(f"{name}: expected a probability from 0 to 1, got {value}")
