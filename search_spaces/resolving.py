"""What people write made plain: candidates from lists of parameters, outputs from rules, towers from a number.

`resolved` turns the short forms of a space file into the one form that `description.py` checks, and leaves everything
else as it is. What is written in that form already passes unchanged.

- Candidates (`operations` of a stage, a layer or a tower): names, or
  ``{mbconv: {kernel: [3, 5, 7], expansion: [4, 6]}}``: every combination, the last parameter changing first.
- `outputs`: names; ``{last: 8}`` blocks; or ``{stages: [2, 3]}``, all blocks of stages by name or number.
- `towers`: ``{both: TOWER}`` or ``{cls: TOWER, reg: TOWER}``. A tower's `layers` is a list, or a number of layers that
  share the tower's `operations`; with `skip`, all but the first may be skipped.
- `attention` and `activation` of a stage, of all stages (at the top) or of a tower: for each of its operations that has
  such a parameter and was not told.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from contextlib import suppress
from itertools import product
from typing import Any

from pydantic import ValidationError

from lighttrack_nas.search_spaces.mistakes import Mistake, mistakes_of
from lighttrack_nas.search_spaces.operation_registry import operation_class, read_operation
from lighttrack_nas.search_spaces.operations import Operation, Skip
from lighttrack_nas.trackers.errors import InputError
from lighttrack_nas.trackers.names import unknown_name
from lighttrack_nas.trackers.parsing import short

STYLES = ("attention", "activation")
"""What a stage, a tower or a whole space says for all of its operations."""
_MOST_CANDIDATES = 64

Place = tuple[str | int, ...]


def resolved(
    content: Mapping[str, Any], names: Mapping[str, Any] | None = None
) -> tuple[dict[str, Any], list[Mistake]]:
    """The one form of a space file's content, and what is wrong with its short forms.

    Args:
        content: As read, `extends` followed.
        names: Operations by names that candidates may use beside those of `operations`.

    Returns:
        Content for `SpaceDescription`, and mistakes; a part that is wrong is left as it is.
    """
    return _Resolver(content, names or {}).resolve()


class _Resolver:
    def __init__(self, content: Mapping[str, Any], names: Mapping[str, Any]) -> None:
        self._content = dict(content)
        self._inherited = names
        table = content.get("operations", {})
        self._table: dict[Any, Any] = {}
        self._made: dict[Operation, str] = {}
        for name, value in table.items() if isinstance(table, dict) else ():
            self._add(name, value)
        self._mistakes: list[Mistake] = []
        self._style = {key: self._content.pop(key) for key in STYLES if key in self._content}

    def resolve(self) -> tuple[dict[str, Any], list[Mistake]]:
        content = self._content
        stages = content.get("stages")
        if isinstance(stages, list):
            content["stages"] = [self._stage(stage, index) for index, stage in enumerate(stages)]
            content["outputs"] = self._outputs(content.get("outputs"), content["stages"])
            if content["outputs"] is None:
                del content["outputs"]
        if isinstance(content.get("towers"), dict):
            content["towers"] = self._towers(dict(content["towers"]))
        if isinstance(content.get("correlation"), str):
            content["correlation"] = [content["correlation"]]
        if self._table or "operations" in content:
            content["operations"] = self._table if isinstance(content.get("operations", {}), dict) else None
        return content, self._mistakes

    def _add(self, name: Any, value: Any) -> None:
        """Let an operation stand in the table under a name."""
        self._table[name] = value
        with suppress(ValueError):  # what is wrong with it, the description says
            self._made.setdefault(read_operation(value), name)

    def _wrong(self, place: Place, text: str) -> None:
        self._mistakes.append(Mistake(place, text))

    def _stage(self, stage: Any, index: int) -> Any:
        if not isinstance(stage, dict):
            return stage
        style = self._style | {key: stage[key] for key in STYLES if key in stage}
        plain = {"name": f"stage{index}", "stride": 1} | {k: v for k, v in stage.items() if k not in STYLES}
        if "operations" in plain:
            plain["operations"] = self._candidates(plain["operations"], ("stages", index, "operations"), style)
        if plain.get("skip") is True:
            self._name_of(Skip(), ("stages", index, "skip"))
        return plain

    def _towers(self, towers: dict[Any, Any]) -> dict[Any, Any]:
        if "both" in towers:
            if set(towers) != {"both"}:
                self._wrong(("towers",), "write either both, or cls and reg")
            tower = self._tower(towers["both"], ("towers", "both"))
            return {"cls": tower, "reg": tower}
        return {branch: self._tower(tower, ("towers", branch)) for branch, tower in towers.items()}

    def _tower(self, tower: Any, place: Place) -> Any:
        if not isinstance(tower, dict):
            return tower
        style = {key: tower[key] for key in STYLES if key in tower}
        plain = {key: value for key, value in tower.items() if key not in STYLES}
        layers = plain.get("layers")
        if isinstance(layers, list):
            plain["layers"] = [
                layer
                | {"operations": self._candidates(layer["operations"], (*place, "layers", i, "operations"), style)}
                if isinstance(layer, dict) and "operations" in layer
                else layer
                for i, layer in enumerate(layers)
            ]
        elif isinstance(layers, int) and not isinstance(layers, bool):
            if not 1 <= layers <= 32:
                self._wrong((*place, "layers"), f"1 to 32 layers are possible, got {layers}")
                layers = 1
            skip = plain.pop("skip", False)
            if not isinstance(skip, bool):
                self._wrong((*place, "skip"), f"expected true or false, got {short(skip)}")
            names = self._candidates(plain.pop("operations", None), (*place, "operations"), style)
            plain["layers"] = [{"operations": names}]
            if layers > 1:
                behind = [*names, self._name_of(Skip(), (*place, "skip"))] if skip is True else names
                plain["layers"].append({"operations": behind, "repeat": layers - 1})
        return plain

    def _candidates(self, given: Any, place: Place, style: Mapping[str, Any]) -> Any:
        if isinstance(given, dict):
            items = [((*place, kind), {kind: settings}) for kind, settings in given.items()]
        elif isinstance(given, list):
            items = [((*place, index), item) for index, item in enumerate(given)]
        else:
            self._wrong(place, f"expected names or {{operation: parameters}}, got {short(given)}")
            return []
        names = []
        for where, item in items:
            if isinstance(item, str) and (item in self._table or item in self._inherited):
                if item not in self._table:
                    self._add(item, self._inherited[item])
                names.append(item)
            elif isinstance(item, str):
                names += self._expanded(item, {}, where, style)
            elif isinstance(item, dict) and len(item) == 1 and all(isinstance(kind, str) for kind in item):
                ((kind, settings),) = item.items()
                inner = where if isinstance(given, dict) else (*where, kind)
                names += self._expanded(kind, {} if settings is None else settings, inner, style)
            else:
                self._wrong(where, f"expected a name or one {{operation: parameters}}, got {short(item)}")
        return names

    def _expanded(self, kind: str, settings: Any, place: Place, style: Mapping[str, Any]) -> list[str]:
        """Names of every combination of an operation's parameters."""
        try:
            cls = operation_class(kind, besides=[*self._table, *self._inherited])
        except InputError as error:
            self._wrong(place, str(error))
            return []
        if not isinstance(settings, dict):
            self._wrong(place, f"expected parameters such as {{kernel: [3, 5]}}, got {short(settings)}")
            return []
        told = {key: value for key, value in style.items() if key in cls.model_fields} | settings
        order = list(cls.model_fields)
        told = dict(sorted(told.items(), key=lambda item: order.index(item[0]) if item[0] in order else len(order)))
        lists = {key: value if isinstance(value, list) else [value] for key, value in told.items()}
        count = math.prod(map(len, lists.values()))
        if not 1 <= count <= _MOST_CANDIDATES:
            self._wrong(place, f"{count} combinations; 1 to {_MOST_CANDIDATES} are possible")
            return []
        names = []
        for combination in product(*lists.values()):
            try:
                made = cls.model_validate({"kind": kind, **dict(zip(lists, combination, strict=True))})
            except ValidationError as error:
                self._mistakes += [each._replace(place=place + each.place) for each in mistakes_of(error, cls)]
                break
            names.append(self._name_of(made, place))
        return names

    def _name_of(self, made: Operation, place: Place) -> str:
        """The name of an operation in the table, where it stands from now on."""
        if made in self._made:
            return self._made[made]
        name = made.default_name()
        if name in self._table:
            self._wrong(place, f"another operation is called '{name}'; give this one a name under operations")
            return name
        self._add(name, made.model_dump(mode="json"))
        return name

    def _outputs(self, given: Any, stages: list[Any]) -> Any:
        if not isinstance(given, dict):
            return given
        blocks: list[tuple[str, str]] = []
        names = []
        for stage in stages:
            if isinstance(stage, dict) and isinstance(stage.get("blocks"), int) and 0 < stage["blocks"] <= 32:
                names.append(str(stage["name"]))
                blocks += [(names[-1], f"{names[-1]}-block{number}") for number in range(stage["blocks"])]
        if set(given) == {"last"}:
            last = given["last"]
            if isinstance(last, bool) or not isinstance(last, int) or not 1 <= last <= len(blocks):
                self._wrong(("outputs", "last"), f"1 to {len(blocks)} blocks are possible, got {short(last)}")
                return None if not names else [names[-1]]
            chosen = blocks[-last:]
            found: list[str] = []
            for name in names:
                of_stage = [block for stage, block in chosen if stage == name]
                whole = len(of_stage) == sum(stage == name for stage, _ in blocks)
                found += [name] if whole else of_stage
            return found
        if set(given) == {"stages"} and isinstance(given["stages"], list):
            found = []
            for index, stage in enumerate(given["stages"]):
                if isinstance(stage, int) and not isinstance(stage, bool) and 0 <= stage < len(names):
                    found.append(names[stage])
                elif stage in names:
                    found.append(stage)
                else:
                    self._wrong(("outputs", "stages", index), unknown_name(stage, names, "stage"))
            return found or None
        self._wrong(
            ("outputs",), f"expected names of blocks or stages, {{last: N}} or {{stages: [...]}}, got {short(given)}"
        )
        return None
