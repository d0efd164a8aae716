"""Space files as plain data that knows where it stands: YAML with line numbers, and what `extends` puts together."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import yaml

from lighttrack_nas.search_spaces.base.mistakes import KeyPath, Mistake, listed_mistakes
from lighttrack_nas.search_spaces.files.listed_values import MULTIPLIERS
from lighttrack_nas.search_spaces.operations.package_parts import PACKAGES, backbone_content
from lighttrack_nas.search_spaces.presets import preset_text
from lighttrack_nas.trackers.base.errors import InputError
from lighttrack_nas.trackers.base.parsing import YamlLoader, checked_texts, malformed_yaml, short

_MOST_BYTES = 1_000_000
_MOST_VALUES = 20_000
_DEEPEST = 40
_REPLACED = ("operations", "outputs")
"""Keys whose mappings are lists of candidates by nature: another's replace them as a whole."""
_UNSAID = ("name", "summary", "extends", "plugins")
"""Keys of which nothing else depends."""
_BOTH = ("towers", "both")
_SAME = {
    "channels": ("widths", MULTIPLIERS),
    "widths": (MULTIPLIERS,),
    MULTIPLIERS: ("widths",),
    "blocks": ("depths",),
    "template_size": ("template_sizes",),
}


@dataclass(frozen=True)
class Source:
    """What a space file says, and where.

    Attributes:
        content: Plain data.
        lines: File and line (from 1) of every key and list item, by place.
        where: What to call all of it in an error message.
        folder: Where files that it names are looked for.
        names: Operations by names that candidates may use, of what it extends.
        changes: Keys of the top that it says beside what it extends; empty where it extends nothing.
        mistakes: What is wrong with how it changes what it extends.
    """

    content: dict[str, Any]
    where: str
    folder: Path = Path()
    lines: Mapping[KeyPath, tuple[str, int]] = field(default_factory=dict)
    names: Mapping[str, Any] = field(default_factory=dict)
    changes: frozenset[str] = frozenset()
    mistakes: tuple[Mistake, ...] = ()

    def line(self, place: KeyPath) -> tuple[str, int] | None:
        """File and line of a place, or of the nearest around it."""
        for length in range(len(place), 0, -1):
            if place[:length] in self.lines:
                return self.lines[place[:length]]
        return None

    def at(self, place: KeyPath) -> str:
        """``FILE:LINE`` of a place, or what to call all of it."""
        line = self.line(place)
        return f"{line[0]}:{line[1]}" if line else self.where

    def is_own(self, place: KeyPath) -> bool:
        """Whether it says what stands at a place itself, and not what it extends."""
        line = self.line(place)
        return line is None or line[0] == self.where

    def may_leave_out(self, place: KeyPath) -> bool:
        """Whether what stands at a place does not come from what it extends, as far as that is known without lines."""
        return self.is_own(place) and (not self.changes or place[0] in self.changes)

    def says_both(self, place: KeyPath) -> bool:
        """Whether what stands at a place of a tower was said of both towers, which were written out since."""
        return _BOTH in self.lines and self.line((*_BOTH, *place[2:])) == self.line(place)

    def only_change(self) -> str:
        """``FILE:LINE`` of what it changes in what it extends, or what to call all of it where that is several keys."""
        own = [(place[0], line) for place, line in self.lines.items() if line[0] == self.where]
        changes = [(key, number) for key, (_, number) in own if key not in _UNSAID]
        return f"{self.where}:{min(changes)[1]}" if len({key for key, _ in changes}) == 1 else self.where

    def without(self, key: str) -> Source:
        """The same without a key of the top level."""
        rest = {name: value for name, value in self.content.items() if name != key}
        return replace(self, content=rest)


def preset_source(name: str) -> Source:
    """Read the space file of a preset."""
    return parse_source(preset_text(name), preset_place(name))


def preset_place(name: str) -> str:
    """What to call a preset in an error message."""
    return f"space '{name}'"


def parse_source(text: str, where: str, folder: Path = Path()) -> Source:
    """Read a space file's text.

    Args:
        text: YAML.
        where: What to call it in an error message, a path or a preset.
        folder: Where files that it names are looked for.

    Raises:
        InputError: It is malformed, no mapping, too large, or a key stands twice; the message says at which line.
    """
    if len(text) > _MOST_BYTES:
        raise InputError(f"{where}: {len(text):,} characters; a space file has at most {_MOST_BYTES:,}")
    loader = YamlLoader(text)
    try:
        node = loader.get_single_node()
        lines = dict(_places(node, where)) if node is not None else {}
        content = checked_texts(loader.construct_document(node), where) if node is not None else None
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        if isinstance(error, InputError):
            raise
        raise malformed_yaml(error, where, text) from None
    finally:
        loader.dispose()
    if not isinstance(content, dict):
        raise InputError(f"{where}: expected a mapping of keys such as name, stages, towers; got {short(content)}")
    return Source(content, where, folder, lines)


def extended(base: Source, changes: Source) -> Source:
    """What a file that extends another says: its keys in the other's, mapping by mapping; lists and candidates replace.

    A list of stages takes a mapping too, from a stage's name or number to the keys that change.
    """
    base = _with_backbone(_with_branches(base), changes)
    changes = _with_branches(changes)
    lines = dict(base.lines)
    wrong: list[Mistake] = []
    content = _merged(base.content, changes.content, (), lines, changes.lines, wrong)
    lines |= {place: at for place, at in changes.lines.items() if place[:2] == _BOTH or place[:1] == ("plugins",)}
    return replace(
        changes,
        content=content,
        lines=lines,
        names={**base.names, **changes.names},
        changes=frozenset(changes.content),
        mistakes=(*base.mistakes, *changes.mistakes, *wrong),
    )


def _with_backbone(base: Source, changes: Source) -> Source:
    """A base without what a backbone replaces; its own backbone written out, so that its stages can be changed."""
    if "backbone" in changes.content:
        new = changes.content["backbone"]
        other = not isinstance(new, dict) or bool({*PACKAGES} & set(new))
        gone = ("stem", "stages", *(("backbone",) if other else ()))
        return replace(base, content={key: value for key, value in base.content.items() if key not in gone})
    if "backbone" not in base.content or not {"stem", "stages"} & set(changes.content):
        return base
    written, mistakes = backbone_content(base.content["backbone"])
    if mistakes:
        raise listed_mistakes([(base.at(mistake.place), mistake) for mistake in mistakes], base.where)
    lines = dict(base.lines)
    if ("backbone",) in lines:
        lines |= {(key,): lines["backbone",] for key in written}
    return replace(base.without("backbone"), content=base.without("backbone").content | written, lines=lines)


def _with_branches(source: Source) -> Source:
    """The same with both towers written out, so that one of them can be changed."""
    towers = source.content.get("towers")
    if not isinstance(towers, dict) or "both" not in towers:
        return source
    named = {branch: {**towers, branch: towers["both"]}[branch] for branch in ("cls", "reg")}
    rest = {key: value for key, value in towers.items() if key != "both"}
    lines = dict(source.lines)
    for place, at in source.lines.items():
        if place[:2] == _BOTH:
            lines |= {("towers", branch, *place[2:]): at for branch in ("cls", "reg")}
    return replace(source, content=source.content | {"towers": named | rest}, lines=lines)


def _merged(
    old: Any,
    new: Any,
    place: KeyPath,
    lines: dict[KeyPath, tuple[str, int]],
    news: Mapping[KeyPath, Any],
    wrong: list[Mistake],
) -> Any:
    key = place[-1] if place else ""
    if isinstance(old, dict) and isinstance(new, dict) and key not in _REPLACED:
        stale = _stale(new)
        result = {name: value for name, value in old.items() if name not in stale}
        for name, value in new.items():
            inner = (*place, name)
            if name in old:
                result[name] = _merged(old[name], value, inner, lines, news, wrong)
            else:
                result[name] = value
                _adopt(inner, inner, lines, news)
        return result
    if place == ("stages",) and isinstance(old, list) and isinstance(new, dict):
        names = [_stage_name(stage, index) for index, stage in enumerate(old)]
        stages = list(old)
        for name, value in new.items():
            if name not in names and not (isinstance(name, int) and 0 <= name < len(old)):
                _adopt((*place, name), (*place, name), lines, news)
                text = f"stages: there is no stage {name!r} to change; stages: {', '.join(names)}"
                wrong.append(Mistake((*place, name), text, named=True))
                continue
            index = names.index(name) if name in names else int(name)
            here: KeyPath = (*place, index)
            changes = {here + path[2:]: at for path, at in news.items() if path[:2] == ("stages", name)}
            stages[index] = _merged(old[index], value, here, lines, changes, wrong)
        return stages
    for replaced in [path for path in lines if path[: len(place)] == place]:
        del lines[replaced]
    _adopt(place, place, lines, news)
    return new


def _stale(new: Mapping[Any, Any]) -> set[str]:
    """Keys that say the same as those of a change in another way: what they said before goes."""
    stale_keys: set[str] = set()
    if isinstance(new.get("layers"), list):  # in place of a number of layers and of what they share
        stale_keys |= {"operations", "skip"}
    for key, others in _SAME.items():
        # Multipliers go with another number of channels, but not with a list of them.
        stale_keys |= {
            other for other in others if key in new and (other != MULTIPLIERS or not isinstance(new[key], int))
        }
    return stale_keys - new.keys()


def _adopt(place: KeyPath, source: KeyPath, lines: dict[KeyPath, tuple[str, int]], news: Mapping[KeyPath, Any]) -> None:
    lines.update({place + path[len(source) :]: at for path, at in news.items() if path[: len(source)] == source})


def _stage_name(stage: Any, index: int) -> str:
    name = stage.get("name") if isinstance(stage, dict) else None
    return name if isinstance(name, str) else f"stage{index}"


def _places(root: yaml.Node, where: str) -> Iterator[tuple[KeyPath, tuple[str, int]]]:
    """Places and lines of everything in a document, aliases written out: their number is bounded."""
    seen = 0
    top: KeyPath = ()
    waiting: list[tuple[KeyPath, yaml.Node, int]] = [(top, root, 0)]
    while waiting:
        place, node, line = waiting.pop()
        seen += 1
        if seen > _MOST_VALUES or len(place) > _DEEPEST:
            raise InputError(
                f"{where}: it unfolds to more than {_MOST_VALUES:,} values, or {_DEEPEST} inside each other, as "
                "aliases of aliases do; write the space without them"
            )
        if place:
            yield place, (where, line + 1)
        if isinstance(node, yaml.SequenceNode):
            waiting += [((*place, index), item, item.start_mark.line) for index, item in enumerate(node.value)]
        elif isinstance(node, yaml.MappingNode):
            keys: dict[str, int] = {}
            for key, value in node.value:
                at = key.start_mark.line
                if key.value == "<<":
                    waiting.append((place, value, at))
                    continue
                if not isinstance(key, yaml.ScalarNode):
                    raise InputError(f"{where}:{at + 1}: a key must be a word or a number")
                if key.value in keys:
                    raise InputError(
                        f"{where}:{at + 1}: the key '{key.value}' stands twice, first in line {keys[key.value] + 1}"
                    )
                keys[key.value] = at
                name = int(key.value) if key.tag.endswith(":int") and key.value.isdigit() else key.value
                waiting.append(((*place, name), value, at))
