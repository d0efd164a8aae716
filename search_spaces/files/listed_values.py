"""Lists where a space file usually says one value: `channels: [24, 32, 40]`, several `blocks`, `template_size`s."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from lighttrack_nas.search_spaces.base.mistakes import KeyPath
from lighttrack_nas.trackers.base.channels import make_divisible
from lighttrack_nas.trackers.base.parsing import short

MULTIPLIERS = "width_multipliers"
"""Of a stage: its widths as fractions of `channels`."""
MOST_MULTIPLIED = 16
_WRITTEN = {"widths": (MULTIPLIERS, "channels"), "depths": ("blocks",), "template_sizes": ("template_size",)}

Wrong = Callable[[KeyPath, str], None]
"""Takes down a mistake: place and text."""


def one_and_several(content: dict[str, Any], one: str, several: str, place: KeyPath, wrong: Wrong) -> None:
    """Make ``one: [a, b]`` into ``one: b, several: [a, b]``; a list of one value means no choice.

    Args:
        content: Changed in place.
        one: The key of the value, or of a list of values.
        several: The key of all values.
        place: Of `content`.
        wrong: Takes down mistakes.
    """
    given = content.get(one)
    if isinstance(given, list) and given:
        if several in content:
            wrong((*place, one), f"write either a list of {one}, or one beside {several}")
        whole = (value for value in given if isinstance(value, int) and not isinstance(value, bool))
        content[one] = max(whole, default=given[-1])
        content[several] = given
    if content.get(several) == [content.get(one)]:
        del content[several]


def multiplied(stage: dict[str, Any], place: KeyPath, wrong: Wrong) -> None:
    """Make `width_multipliers` of a stage's `channels` into a list of `channels`.

    Args:
        stage: Changed in place.
        place: Of the stage.
        wrong: Takes down mistakes.
    """
    if MULTIPLIERS not in stage:
        return
    multipliers, channels = stage.pop(MULTIPLIERS), stage.get("channels")
    here = (*place, MULTIPLIERS)
    if "widths" in stage or isinstance(channels, list):
        wrong(here, "they multiply one number of channels: write either them or the widths themselves")
        return
    if not isinstance(multipliers, list) or not multipliers or not all(map(_is_multiplier, multipliers)):
        wrong(here, f"expected numbers above 0, at most {MOST_MULTIPLIED}, such as [0.5, 1]; got {short(multipliers)}")
        return
    if not isinstance(channels, int) or isinstance(channels, bool) or not 0 < channels <= 2048:
        return  # the description says what is wrong with it
    widths = [make_divisible(channels * multiplier) for multiplier in multipliers]
    for index, width in enumerate(widths):
        if width in widths[:index]:
            earlier = multipliers[widths.index(width)]
            wrong(
                (*here, index),
                f"{multipliers[index]} and {earlier} of {channels} channels are {width} both, in steps of 8: leave "
                "out one of them",
            )
            return
    stage["channels"] = widths


def written_key(key: str | int, content: Mapping[Any, Any]) -> str | int:
    """The key under which a mapping says what the description has under `key`."""
    if key in content:
        return key
    return next((written for written in _WRITTEN.get(str(key), ()) if isinstance(content.get(written), list)), key)


def _is_multiplier(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 < value <= MOST_MULTIPLIED
