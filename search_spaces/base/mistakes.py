"""Mistakes in what a person wrote: where each is, and what it says."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple, get_args

from pydantic import BaseModel, ValidationError

from lighttrack_nas.search_spaces.base.careful_models import CONFUSED
from lighttrack_nas.trackers.base.errors import InputError
from lighttrack_nas.trackers.base.parsing import short

_MOST = 12

_WORDS = {
    **dict.fromkeys(("tuple_type", "list_type"), "expected a list"),
    **dict.fromkeys(("dict_type", "model_type", "model_attributes_type"), "expected a mapping of keys"),
}
"""What pydantic says in words of its own types."""

KeyPath = tuple[str | int, ...]
"""Keys and list positions from the top."""


class Mistake(NamedTuple):
    """One thing that is wrong.

    Attributes:
        place: Keys and list positions from the top.
        text: What is wrong, and what would be right.
        named: Whether the text names the place itself.
        cause: Where it was said, if elsewhere: what a stage or the whole space says is wrong in each of its operations.
        beside: The other place of two that contradict each other.
        follows: Whether it may be nothing but a consequence of what was said before.
        idle: Whether it is of something without any effect, which is right where it comes from what is extended.
    """

    place: KeyPath
    text: str
    named: bool = False
    cause: KeyPath = ()
    beside: KeyPath = ()
    follows: bool = False
    idle: bool = False

    def written_at(self, place: KeyPath) -> Mistake:
        """The same at the place where it was written."""
        old, new = (f"'{written_place(path)}'" for path in (self.place, place))
        return self._replace(place=place, text=self.text.replace(old, new, 1) if self.named else self.text)

    def __str__(self) -> str:
        written = "" if self.named else written_place(self.place)
        return f"{written}: {self.text}" if written else self.text


class MistakesError(ValueError):
    """Several mistakes at once.

    Args:
        mistakes: One or more.
    """

    def __init__(self, mistakes: Iterable[Mistake]) -> None:
        self.mistakes = tuple(mistakes)
        super().__init__("; ".join(map(str, self.mistakes)))


def written_place(place: Sequence[str | int]) -> str:
    """A place as people write it: ``stages[1].channels``."""
    text = ""
    for part in place:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else str(part)
    return text


def at_their_causes(mistakes: Iterable[Mistake]) -> list[Mistake]:
    """The mistakes at the places that are to be changed: what is wrong in many operations is said once."""
    said: dict[tuple[KeyPath, str], Mistake] = {}
    for mistake in mistakes:
        if mistake.follows:
            continue
        inside = f" (first in {written_place(mistake.place)})" if mistake.cause else ""
        moved = mistake._replace(place=mistake.cause or mistake.place, text=mistake.text + inside, cause=())
        said.setdefault((moved.place, mistake.text), moved)
    return list(said.values())


def mistakes_of(error: ValidationError, model: type[BaseModel]) -> list[Mistake]:
    """What pydantic found, in words.

    Args:
        error: Of checking something against `model`.
        model: Knows the keys that would have been right.
    """
    mistakes: list[Mistake] = []
    errors = error.errors()
    misspelt = {
        (*detail["loc"][:-1], key)
        for detail in errors
        if detail["type"] == "extra_forbidden"
        for key in _close(detail, model)
    }
    for detail in errors:
        inner = detail.get("ctx", {}).get("error")
        if isinstance(inner, MistakesError):
            mistakes += inner.mistakes
        elif not _follows_from_items(detail) and not (detail["type"] == "missing" and detail["loc"] in misspelt):
            mistakes.append(_mistake(detail, model))
    return mistakes


def describe_mistakes(error: ValidationError, model: type[BaseModel]) -> str:
    """What pydantic found in one line, at most three mistakes and the number of the others.

    Args:
        error: Of checking something against `model`.
        model: Knows the keys that would have been right.
    """
    texts = [str(mistake) for mistake in mistakes_of(error, model)]
    more = f"; and {len(texts) - 3} more" if len(texts) > 3 else ""
    return "; ".join(texts[:3]) + more


def listed_mistakes(located: Sequence[tuple[str, Mistake]], where: str) -> InputError:
    """All mistakes of a source as one error: a line each where there are several.

    Args:
        located: ``FILE:LINE``, or the source's name, and the mistake.
        where: What to call the source.
    """
    lines = list(dict.fromkeys(f"{at}: {mistake}" for at, mistake in located))
    if len(lines) == 1:
        return InputError(lines[0])
    more = [f"... and {len(lines) - _MOST} more"] if len(lines) > _MOST else []
    return InputError("\n  ".join([f"{where} has {len(lines)} mistakes:", *lines[:_MOST], *more]))


def _follows_from_items(error: Any) -> bool:
    """Whether a list is called too short only because its items are wrong, which is said of each."""
    return error["type"] == "too_short" and len(error["input"]) >= error["ctx"]["min_length"]


def _mistake(error: Any, model: type[BaseModel]) -> Mistake:
    place = tuple(error["loc"])
    if error["type"] == "extra_forbidden":
        close = _close(error, model)
        hint = f"; did you mean '{close[0]}'?" if close else ""
        return Mistake(place, f"unknown key '{written_place(place)}'" + hint, named=True)
    if error["type"] == CONFUSED:
        return Mistake((*place, *error["ctx"]["at"]), error["msg"])
    message = _WORDS.get(error["type"], error["msg"].removeprefix("Value error, "))
    if error["type"] == "missing":
        said = _description_at(model, place).rstrip(".")
        return Mistake(place, f"{message}: {said[:1].lower()}{said[1:]}" if said else message)
    if error["type"] in ("value_error", "missing") or not place:
        return Mistake(place, message)
    return Mistake(place, f"{message}, got {short(error['input'])}")


def _close(error: Any, model: type[BaseModel]) -> list[str]:
    """The key that an unknown one was meant to be, if it is near one."""
    *path, key = error["loc"]
    return difflib.get_close_matches(str(key), _keys_at(model, path), n=1)


def _description_at(model: type[BaseModel], place: Sequence[str | int]) -> str:
    """What the key at a place is for; "" where that is not known."""
    *path, key = place
    fields = [inner_model.model_fields.get(str(key)) for inner_model in _models_at(model, path)]
    return next((field.description for field in fields if field is not None and field.description), "")


def _keys_at(model: type[BaseModel], path: Sequence[str | int]) -> list[str]:
    """The keys that a mapping may have which stands at a place of a model's content."""
    return [key for inner_model in _models_at(model, path) for key in inner_model.model_fields]


def _models_at(model: type[BaseModel], path: Sequence[str | int]) -> list[type[BaseModel]]:
    """The models that check what stands at a place of a model's content."""
    models = _models_in(model)
    for part in path:
        inner = [
            inner_model.model_fields[part].annotation for inner_model in models if part in inner_model.model_fields
        ]
        # Numbers of list items and tags of unions lead to no other model.
        models = [inner_model for annotation in inner for inner_model in _models_in(annotation)] or models
    return models


def _models_in(annotation: Any) -> list[type[BaseModel]]:
    """The models that an annotation speaks of, such as M in ``tuple[M, ...] | None``."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for part in get_args(annotation) for model in _models_in(part)]
