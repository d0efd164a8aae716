"""Typed values of which true and false are no numbers, and numbers neither of them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, get_args

from pydantic import BaseModel, model_validator
from pydantic_core import PydanticCustomError

CONFUSED = "confused_kinds"
"""Type of pydantic's error; its context holds the place below the model, `at`."""

_Place = tuple[str | int, ...]


class CarefulModel(BaseModel):
    """Refuses ``steps: true``, which pydantic reads as 1, and ``inherit: 1``, which it reads as true."""

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
            for place, value in _plain_values(content[name], (name,)):
                kind = _confused(value, kinds)
                if kind is not None:
                    text = f"expected {kind}, got {str(value).lower()}"
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
    if isinstance(value, bool):
        return "a number" if numbers and not truths else None
    return "true or false" if isinstance(value, int | float) and truths and not numbers else None


def _kinds(annotation: Any) -> set[Any]:
    """The types that an annotation is made of, such as {int, NoneType} of ``int | None``."""
    inside = get_args(annotation)
    return set().union(*map(_kinds, inside)) if inside else {annotation} if _hashable(annotation) else set()


def _types(kinds: set[Any]) -> Iterator[type]:
    return (kind for kind in kinds if isinstance(kind, type))


def _hashable(value: object) -> bool:
    try:
        hash(value)
    except TypeError:
        return False
    return True
