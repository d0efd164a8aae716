"""Candidates made plain: names of operations from lists of parameters, and the table in which the operations stand."""

from __future__ import annotations

import math
from collections.abc import Mapping
from contextlib import suppress
from itertools import product
from typing import Any, NamedTuple

from pydantic import ValidationError

from lighttrack_nas.search_spaces.base.mistakes import KeyPath, Mistake, mistakes_of
from lighttrack_nas.search_spaces.operations.operation_registry import operation_class, read_operation
from lighttrack_nas.search_spaces.operations.operations import Operation
from lighttrack_nas.trackers.base.errors import InputError
from lighttrack_nas.trackers.base.parsing import short

_MOST_CANDIDATES = 64


class StyleValue(NamedTuple):
    """What a stage, a tower or the whole space says for its operations, and where."""

    value: Any
    place: KeyPath


Style = Mapping[str, StyleValue]
"""Parameters of each operation that has such a parameter and was not told."""


class OperationTable:
    """Operations by name, as a space file gives them and as its candidates add to them.

    Args:
        given: Operations by name, of the file.
        inherited: Operations by names that candidates may use besides; those that are used come into the table.
        mistakes: Where mistakes in candidates are put.
    """

    def __init__(self, given: Mapping[Any, Any], inherited: Mapping[str, Any], mistakes: list[Mistake]) -> None:
        self.content: dict[Any, Any] = {}
        self.taken: set[KeyPath] = set()
        """Where styles stand that some operation has, whether it was told its own or not."""
        self._made: dict[Operation, str] = {}
        self._free: dict[Operation, str] = {}
        self._inherited = inherited
        self._mistakes = mistakes
        for name, value in given.items():
            self._add(name, value)

    def candidates(self, given: Any, place: KeyPath, style: Style, *, free_expansion: bool = False) -> Any:
        """Names of candidates, whose operations stand in the table from now on.

        Args:
            given: Names, or operations with parameters; a list of values means every combination.
            place: Where they stand.
            style: Parameters of each operation that has such a parameter and was not told.
            free_expansion: Whether the expansion is a choice of its own, so that names go without it.
        """
        if isinstance(given, dict):
            items = [((*place, kind), {kind: settings}) for kind, settings in given.items()]
        elif isinstance(given, list):
            items = [((*place, index), item) for index, item in enumerate(given)]
        else:
            self._wrong(place, f"expected names or {{operation: parameters}}, got {short(given)}")
            return []
        names = []
        for where, item in items:
            if isinstance(item, str) and self.has(item):
                if item not in self.content:
                    self._add(item, self._inherited[item])
                names.append(item)
            elif isinstance(item, str):
                names += self._expanded(item, {}, where, style, free_expansion)
            elif isinstance(item, dict) and len(item) == 1 and all(isinstance(kind, str) for kind in item):
                ((kind, settings),) = item.items()
                inner = where if isinstance(given, dict) else (*where, kind)
                names += self._expanded(kind, {} if settings is None else settings, inner, style, free_expansion)
            else:
                self._wrong(where, f"expected a name or one {{operation: parameters}}, got {short(item)}")
        return names

    def has(self, item: Any) -> bool:
        """Whether a candidate is the name of an operation."""
        return isinstance(item, str) and (item in self.content or item in self._inherited)

    def name_of(self, made: Operation, place: KeyPath, *, free_expansion: bool = False) -> str:
        """The name of an operation in the table, where it stands from now on.

        With and without its expansion in its name it stands there twice: "k3e4", and "mbconv-k3" where the expansion is
        a choice of its own.
        """
        known = self._free if free_expansion else self._made
        if made in known:
            return known[made]
        name = made.default_name(free_expansion=free_expansion)
        if name in self.content:
            text = f"another operation is called '{name}'; give this one a name of its own under operations"
            self._mistakes.append(Mistake(place, text, beside=("operations", name)))
            return name
        known[made] = name
        self.content[name] = made.model_dump(mode="json")
        return name

    def _add(self, name: Any, value: Any) -> None:
        """Let an operation stand in the table under a name."""
        self.content[name] = value
        with suppress(ValueError):  # what is wrong with it, the description says
            made = read_operation(value)
            free = name == made.default_name(free_expansion=True) != made.default_name()
            (self._free if free else self._made).setdefault(made, name)

    def _wrong(self, place: KeyPath, text: str) -> None:
        self._mistakes.append(Mistake(place, text))

    def _expanded(self, kind: str, settings: Any, place: KeyPath, style: Style, free_expansion: bool) -> list[str]:
        """Names of every combination of an operation's parameters."""
        try:
            cls = operation_class(kind, besides=[*self.content, *self._inherited])
        except InputError as error:
            # The names that candidates get have numbers in them, such as "k3e4": it may be of one that was wrong.
            may_follow = bool(self._mistakes) and settings == {} and any(letter.isdigit() for letter in kind)
            self._mistakes.append(Mistake(place, str(error), follows=may_follow))
            return []
        if not isinstance(settings, dict):
            self._wrong(place, f"expected parameters such as {{kernel: [3, 5]}}, got {short(settings)}")
            return []
        if "expansion" in style and "expansion" in settings:
            text = "the stage's expansions say it for all of its operations: leave out one of both"
            self._mistakes.append(Mistake((*place, "expansion"), text, beside=style["expansion"].place))
            return []
        known = {key: said.place for key, said in style.items() if key in cls.model_fields}
        self.taken.update(known.values())
        causes = {key: said for key, said in known.items() if key not in settings}
        told = {key: style[key].value for key in causes} | settings
        order = list(cls.model_fields)
        told = dict(sorted(told.items(), key=lambda item: order.index(item[0]) if item[0] in order else len(order)))
        lists = {key: value if isinstance(value, list) else [value] for key, value in told.items()}
        count = math.prod(map(len, lists.values()))
        if not 1 <= count <= _MOST_CANDIDATES:
            empty = next((causes[key] for key in causes if not lists[key]), ())
            text = f"{count} combinations; 1 to {_MOST_CANDIDATES} are possible"
            self._mistakes.append(Mistake(place, text, cause=empty))
            return []
        names = []
        for combination in product(*lists.values()):
            try:
                made = cls.model_validate({"kind": kind, **dict(zip(lists, combination, strict=True))})
            except ValidationError as error:
                self._mistakes += [
                    mistake._replace(place=place, cause=causes[str(mistake.place[0])])
                    if mistake.place and mistake.place[0] in causes
                    else mistake._replace(place=place + mistake.place)
                    for mistake in mistakes_of(error, cls)
                ]
                break
            before = len(self._mistakes)
            name = self.name_of(made, place, free_expansion=free_expansion)
            if len(self._mistakes) == before:
                names.append(name)
        return names
