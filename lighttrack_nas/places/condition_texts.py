"""Conditional choices in words: where a choice has a say."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from lighttrack_nas.places.shown_places import either
from lighttrack_nas.search_spaces.base.labels import OUTPUT, depth_label
from lighttrack_nas.search_spaces.space import Space


def condition_text(space: Space, label: str) -> str:
    """Say where a choice has a say, such as "output is c-block1 or later, and b-depth is 3".

    Args:
        space: The space.
        label: Of a choice; "everywhere" is said of one without conditions.
    """
    needed = space.conditions.get(label, {})
    if any(not values for values in needed.values()):
        return "nowhere"
    depths = {depth_label(stage.name) for stage in space.description.stages}
    parts = []
    for given, values in needed.items():
        ordered = "or later" if given == OUTPUT else "or more" if given in depths else ""
        parts.append(f"{given} is {_of(space.candidates[given], values, ordered)}")
    return ", and ".join(parts) or "everywhere"


def _of(candidates: Sequence[str], values: Collection[str], ordered: str) -> str:
    """Values out of candidates: "2 or more" of an ordered choice, "not skip" where that is shortest."""
    listed = [value for value in candidates if value in values]
    others = [value for value in candidates if value not in values]
    if ordered and len(listed) > 1 and listed == list(candidates[-len(listed) :]):
        return f"{listed[0]} {ordered}"
    if len(others) == 1 < len(listed):
        return f"not {others[0]}"
    return either(listed)
