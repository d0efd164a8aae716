"""What people write made plain: candidates from lists of parameters, outputs from rules, towers from a number.

`resolved` turns the short forms of a space file into the one form that `description.py` checks, and leaves everything
else as it is. What is written in that form already passes unchanged.

- Candidates (`operations` of a stage, a layer or a tower): names, or
  ``{mbconv: {kernel: [3, 5, 7], expansion: [4, 6]}}``: every combination, the last parameter changing first.
- `channels` and `blocks` of a stage, `template_size`: a number, or a list to choose from. `width_multipliers` of a
  stage are fractions of its `channels` to choose from, in steps of 8 channels.
- `expansions` of a stage: of all of its operations, which do not say theirs, as a choice of its own.
- `outputs`: names; ``{last: 8}`` blocks; or ``{stages: [2, 3]}``, all blocks of stages by name or number. A stage of
  several depths is left at its end only, and counts as one block.
- `towers`: ``{both: TOWER}`` or ``{cls: TOWER, reg: TOWER}``. A tower's `layers` is a list, or a number of layers that
  share the tower's `operations`; with `skip`, all but the first may be skipped.
- `backbone`: parts of a network of torchvision or timm, for `stem` and `stages` (`backbones.py`).
- `attention` and `activation` of a stage, of all stages (at the top) or of a tower: for each of its operations that has
  such a parameter and was not told. Where no operation has it, it is a mistake.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from typing import Any

from lighttrack_nas.search_spaces.base.mistakes import KeyPath, Mistake
from lighttrack_nas.search_spaces.description.space_parts import BRANCHES
from lighttrack_nas.search_spaces.files.listed_values import multiplied, one_and_several
from lighttrack_nas.search_spaces.operations.operation_table import OperationTable, Style, StyleValue
from lighttrack_nas.search_spaces.operations.operations import Skip
from lighttrack_nas.search_spaces.operations.package_parts import backbone_content
from lighttrack_nas.trackers.base.names import unknown_name
from lighttrack_nas.trackers.base.parsing import short

STYLES = ("attention", "activation")
"""What a stage, a tower or a whole space says for all of its operations."""
_MOST_EXPANSION = 16


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
        self._mistakes: list[Mistake] = []
        table = content.get("operations", {})
        self._table = OperationTable(table if isinstance(table, dict) else {}, names, self._mistakes)
        self._style = _style(self._content, ())
        self._content = {key: value for key, value in self._content.items() if key not in STYLES}
        self._expansion = largest_expansion(content.get("stages"))

    def resolve(self) -> tuple[dict[str, Any], list[Mistake]]:
        content = self._content
        if "backbone" in content:
            self._expand_backbone(content)
        stages = content.get("stages")
        if isinstance(stages, list):
            before = len(self._mistakes)
            stages = content["stages"] = [self._stage(stage, index) for index, stage in enumerate(stages)]
            if self._table.content:
                self._require_taken(self._style, "any stage", before)
        if "outputs" in content:
            content["outputs"] = self._outputs(content["outputs"], stages if isinstance(stages, list) else [])
            if content["outputs"] is None:
                del content["outputs"]
        if isinstance(content.get("towers"), dict):
            content["towers"] = self._towers(dict(content["towers"]))
        if isinstance(content.get("correlation"), str):
            content["correlation"] = [content["correlation"]]
        one_and_several(content, "template_size", "template_sizes", (), self._wrong)
        if self._table.content or "operations" in content:
            content["operations"] = self._table.content if isinstance(content.get("operations", {}), dict) else None
        return content, self._mistakes

    def _expand_backbone(self, content: dict[str, Any]) -> None:
        given = content.pop("backbone")
        besides = [key for key in ("stem", "stages") if key in content]
        if besides:
            self._wrong(("backbone",), f"it stands for stem and stages: write either it or {' and '.join(besides)}")
            return
        written, mistakes = backbone_content(given)
        content |= written
        self._mistakes += mistakes

    def _wrong(self, place: KeyPath, text: str) -> None:
        self._mistakes.append(Mistake(place, text))

    def _require_taken(self, style: Style, of: str, before: int) -> None:
        """Say of what no operation takes that it is without effect, unless there were other mistakes since."""
        if len(self._mistakes) > before:
            return
        for key, (_, place) in style.items():
            if place not in self._table.taken:
                text = (
                    f"without effect: no operation of {of} takes it (they have no {key}, or are named and say it under "
                    "operations); leave it out, or say it of the operations"
                )
                self._mistakes.append(Mistake(place, text, idle=True))

    def _stage(self, stage: Any, index: int) -> Any:
        if not isinstance(stage, dict):
            return stage
        place: KeyPath = ("stages", index)
        own = _style(stage, place)
        style = {**self._style, **own}
        plain = {"name": f"stage{index}", "stride": 1} | {k: v for k, v in stage.items() if k not in STYLES}
        multiplied(plain, place, self._wrong)
        one_and_several(plain, "channels", "widths", place, self._wrong)
        one_and_several(plain, "blocks", "depths", place, self._wrong)
        if "operations" in plain:
            style, free = {**style, **self._expansions(plain, place)}, bool(plain.get("expansions"))
            before = len(self._mistakes)
            plain["operations"] = self._table.candidates(
                plain["operations"], (*place, "operations"), style, free_expansion=free
            )
            if plain["operations"]:
                self._require_taken(own, "this stage", before)
            # A style of the whole space may be the default of stages that all say their own.
            taken = {key for key, told in own.items() if told.place in self._table.taken}
            self._table.taken.update(told.place for key, told in self._style.items() if key in taken)
        if plain.get("skip") is True:
            self._table.name_of(Skip(), (*place, "skip"))
        return plain

    def _expansions(self, stage: dict[str, Any], place: KeyPath) -> Style:
        """What a stage's expansions say of its operations; a single one is no choice and leaves the stage."""
        given, operations = stage.get("expansions"), stage["operations"]
        if given is None or given == []:
            return {}
        named = isinstance(operations, list) and any(self._table.has(item) for item in operations)
        if isinstance(given, list) and len(given) == 1 and not named:
            return {"expansion": StyleValue(stage.pop("expansions"), (*place, "expansions"))}
        return {"expansion": StyleValue(self._expansion, (*place, "expansions"))}

    def _towers(self, towers: dict[Any, Any]) -> dict[Any, Any]:
        sharing = {"sharing": towers.pop("sharing")} if "sharing" in towers else {}
        if isinstance(sharing.get("sharing"), str):
            sharing["sharing"] = [sharing["sharing"]]
        loose = [key for key in towers if key in ("widths", "layers", "operations", "skip", "tied", *STYLES)]
        if loose:
            self._wrong(("towers", loose[0]), f"{loose[0]} stands under both, or under cls and reg")
        for key in [key for key in towers if key != "both" and difflib.get_close_matches(str(key), ["both"])]:
            said = f"unknown key 'towers.{key}'; did you mean 'both'?"
            self._mistakes.append(Mistake(("towers", key), said, named=True))
            tower = towers.pop(key)
            towers = towers if {*BRANCHES} & towers.keys() else {"both": tower} | towers
        if "both" in towers:
            if set(towers) != {"both"}:
                self._wrong(("towers",), "write either both, or cls and reg")
            tower = self._tower(towers["both"], ("towers", "both"))
            return {"cls": tower, "reg": tower} | sharing
        return {branch: self._tower(tower, ("towers", branch)) for branch, tower in towers.items()} | sharing

    def _tower(self, tower: Any, place: KeyPath) -> Any:
        if not isinstance(tower, dict):
            return tower
        style, before = _style(tower, place), len(self._mistakes)
        plain = self._plain_tower(tower, place, style)
        if plain.get("layers"):
            self._require_taken(style, "this tower", before)
        return plain

    def _plain_tower(self, tower: dict[Any, Any], place: KeyPath, style: Style) -> dict[Any, Any]:
        plain = {key: value for key, value in tower.items() if key not in STYLES}
        layers = plain.get("layers")
        if isinstance(layers, list):
            plain["layers"] = [
                self._layer(layer, (*place, "layers", index), style) for index, layer in enumerate(layers)
            ]
        elif isinstance(layers, int) and not isinstance(layers, bool):
            if not 1 <= layers <= 32:
                self._wrong((*place, "layers"), f"1 to 32 layers are possible, got {layers}")
                layers = 1
            skip = plain.pop("skip", False)
            if not isinstance(skip, bool):
                self._wrong((*place, "skip"), f"expected true or false, got {short(skip)}")
            if "operations" not in plain:
                self._wrong((*place, "layers"), "a number of layers needs operations beside it, which they share")
                return plain
            names = self._table.candidates(plain.pop("operations"), (*place, "operations"), style)
            plain["layers"] = [{"operations": names}]
            if layers > 1:
                behind = [*names, self._table.name_of(Skip(), (*place, "skip"))] if skip is True else names
                plain["layers"].append({"operations": behind, "repeat": layers - 1})
        if not plain.get("layers") or not isinstance(plain["layers"], list):
            # What belongs to a number of layers is right, only the number is not.
            self._table.candidates(plain.pop("operations", []), (*place, "operations"), style)
            plain.pop("skip", None)
        return plain

    def _layer(self, layer: Any, place: KeyPath, style: Style) -> Any:
        if not isinstance(layer, dict) or "operations" not in layer:
            return layer
        return layer | {"operations": self._table.candidates(layer["operations"], (*place, "operations"), style)}

    def _outputs(self, given: Any, stages: list[Any]) -> Any:
        if not isinstance(given, dict):
            return given
        blocks: list[tuple[str, str]] = []
        names = []
        # What is wrong with the stages is said of them, not of outputs that only seem to be wrong then.
        are_counted = bool(stages)
        for index, stage in enumerate(stages):
            said = stage if isinstance(stage, dict) else {}
            names.append(str(said.get("name", f"stage{index}")))
            count = said.get("blocks")
            if isinstance(count, int) and not isinstance(count, bool) and 0 < count <= 32:
                places = 1 if said.get("depths") else count
                blocks += [(names[-1], f"{names[-1]}-block{number}") for number in range(places)]
            else:
                are_counted = False
        if set(given) == {"last"}:
            last = given["last"]
            is_number = isinstance(last, int) and not isinstance(last, bool) and last >= 1
            if not is_number or (are_counted and last > len(blocks)):
                possible = f"1 to {len(blocks)}" if are_counted else "1 or more"
                self._wrong(("outputs", "last"), f"{possible} blocks are possible, got {short(last)}")
            elif are_counted:
                return _last(blocks, last)
            return names[-1:] or ["stage0"]
        if set(given) == {"stages"} and isinstance(given["stages"], list):
            if not stages:
                return ["stage0"]
            outputs = []
            for index, stage in enumerate(given["stages"]):
                if isinstance(stage, int) and not isinstance(stage, bool) and 0 <= stage < len(names):
                    outputs.append(names[stage])
                elif stage in names:
                    outputs.append(stage)
                else:
                    self._wrong(("outputs", "stages", index), unknown_name(stage, names, "stage"))
            return outputs or None
        self._wrong(
            ("outputs",), f"expected names of blocks or stages, {{last: N}} or {{stages: [...]}}, got {short(given)}"
        )
        return None


def _last(blocks: list[tuple[str, str]], number: int) -> list[str]:
    """The last of some pairs of stage and block as outputs: a stage by its name where all of it is among them."""
    outputs: list[str] = []
    for stage in dict.fromkeys(stage for stage, _ in blocks):
        of_stage = [block for name, block in blocks[-number:] if name == stage]
        whole = len(of_stage) == sum(name == stage for name, _ in blocks)
        outputs += [stage] if whole else of_stage
    return outputs


def _style(content: Mapping[str, Any], place: KeyPath) -> dict[str, StyleValue]:
    return {key: StyleValue(content[key], (*place, key)) for key in STYLES if key in content}


def largest_expansion(stages: Any) -> float:
    """The expansion of operations whose stages choose it besides: the largest of all, so that stages share operations.

    Args:
        stages: As written, right or wrong.
    """
    lists = [stage.get("expansions") for stage in stages if isinstance(stage, dict)] if isinstance(stages, list) else []
    expansions = [expansion for given in lists if isinstance(given, list) and len(given) > 1 for expansion in given]
    largest = max((expansion for expansion in expansions if _is_expansion(expansion)), default=1)
    return int(largest) if largest == int(largest) else largest  # other people's operations may take whole numbers


def _is_expansion(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 < value <= _MOST_EXPANSION
