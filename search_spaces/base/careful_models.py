"""Typed values of which true and false are no numbers, numbers neither of them, and 1_0 is not 10."""

from __future__ import annotations

from collections.abc import Iterator
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel, model_validator
from pydantic_core import PydanticCustomError

from lighttrack_nas.trackers.base.parsing import parse_number, short

CONFUSED = "confused_kinds"
"""Type of pydantic's error; its context holds the place below the model, `at`."""

_Place = tuple[str | int, ...]


class CarefulModel(BaseModel):
    """Refuses what pydantic takes for another kind: ``steps: true`` as 1, ``inherit: 1`` as true, "1_0" as 10."""

    @model_validator(mode="before")
    @classmethod
    def _keeps_kinds_apart(cls, content: Any) -> Any:
        if not isinstance(content, dict):
            return content
        for name, field in cls.model_fields.items():
            kinds = _kinds(field.annotation)
            # Open values are for others to check, and models check themselves.
            if name not in content or Any in kinds or any(issubclass(kind, BaseModel) for kind in _types(kinds)):
                continue
            held = _held_kinds(field.annotation)
            for place, value in _plain_values(content[name], (name,)):
                kind = _confused(value, kinds if len(place) == 1 else held)
                if kind is not None:
                    text = f"expected {kind}, got {short(value) if isinstance(value, str) else str(value).lower()}"
                    raise PydanticCustomError(CONFUSED, "{text}", {"text": text, "at": place})
        return content


def _plain_values(value: Any, place: _Place) -> Iterator[tuple[_Place, Any]]:
    """The numbers, texts and so on in nested lists and mappings, each with its place."""
    if isinstance(value, dict | list | tuple):
        for key, inner in value.items() if isinstance(value, dict) else enumerate(value):
            yield from _plain_values(inner, (*place, key))
    else:
        yield place, value


def _confused(value: Any, kinds: set[Any]) -> str | None:
    """What was expected in place of a value of the other kind; None if the value may stand there."""
    numbers, truths = bool(kinds & {int, float}), bool in kinds
    texts = any(kind is str or isinstance(kind, str) for kind in kinds)
    if isinstance(value, bool) and not truths:
        return "a number" if numbers else "a text (in quotes, as YAML reads yes, no, on and off)" if texts else None
    if isinstance(value, str):
        return "a number" if numbers and not texts and _is_odd_number(value) else None
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return "true or false" if is_number and truths and not numbers else None


def _is_odd_number(text: str) -> bool:
    """Whether Python reads a number there, and people would not: ``1_0``, digits of other scripts."""
    try:
        float(text)
    except ValueError:
        return False
    try:
        parse_number(text)
    except ValueError:
        return True
    return False


def _kinds(annotation: Any) -> set[Any]:
    """The types that an annotation is made of, such as {int, NoneType} of ``int | None``."""
    # The keys of a mapping are not looked at.
    inside = get_args(annotation)[get_origin(annotation) is dict :]
    return set().union(*map(_kinds, inside)) if inside else {annotation} if _hashable(annotation) else set()


def _held_kinds(annotation: Any) -> set[Any]:
    """The types of what lists and mappings hold: {float} of ``str | dict[str, float]``."""
    inside = get_args(annotation)
    if get_origin(annotation) in (Union, UnionType, Annotated):
        return set().union(*map(_held_kinds, inside))
    return _kinds(annotation) if inside else set()


def _types(kinds: set[Any]) -> Iterator[type]:
    return (kind for kind in kinds if isinstance(kind, type))


def _hashable(value: object) -> bool:
    try:
        hash(value)
    except TypeError:
        return False
    return True
