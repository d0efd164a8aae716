"""What several commands say in the same words."""

from __future__ import annotations

from collections.abc import Iterable


def duration(seconds: float) -> str:
    """Write seconds in the unit that reads best: "250 ms", "90 s", "12 min", "3.5 h"."""
    if 0 < seconds < 1:
        return f"{1000 * seconds:.0f} ms"
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"


def uncounted_text(operators: Iterable[str]) -> str:
    """What a reader of MACs must know where operators are not counted, in a sentence; "" where all are."""
    names = ", ".join(operators)
    return f"macs leave out what fvcore cannot count: {names}" if names else ""
