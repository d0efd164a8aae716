"""Between spaces: which weights of one space's supernet serve another's, and its architectures in the other.

Spaces share places by name: blocks, tower layers, widths, necks, fusions. What stands at a place is compared by what it
is, an operation's kind and parameters, not by what a space calls it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from lighttrack_nas.search_spaces.architecture import Architecture
from lighttrack_nas.search_spaces.description import BRANCHES
from lighttrack_nas.search_spaces.labels import OUTPUT, layer_label, width_label
from lighttrack_nas.search_spaces.nni_space import NniSpace
from lighttrack_nas.search_spaces.space import Space
from lighttrack_nas.trackers.errors import InputError

_BLOCK = re.compile(r"(.*\bbackbone\.blocks\.)([^.]+)\.(.+)")
_HEAD = re.compile(rf"(.*\b({'|'.join(BRANCHES)})_head\.)(.+)")
_LAYER = re.compile(r"(layers\.(\d+)\.)(.+)")
_SIZED = re.compile(r".*\b(neck|fusion)s\.([^.]+)\.")
_UNITS = {"neck": "channels", "fusion": "kernels"}


@dataclass(frozen=True)
class Address:
    """Where a tensor of a space's shared weights belongs, apart from what the space calls its operations.

    Attributes:
        part: stem, backbone, neck, fusion, cls, reg, or other.
        label: The place: a label of the space where one decides there, otherwise words.
        key: The tensor's key without the names of width and operation.
        width: Of its tower; "" elsewhere.
        operation: The space's own name of the operation that it is of; "" where none is chosen.
    """

    part: str
    label: str
    key: str
    width: str = ""
    operation: str = ""


def address(space: Space, key: str) -> Address:
    """Say where a tensor belongs. A key whose form is not known is an address by itself.

    Args:
        space: Whose shared weights.
        key: Of the state dict of its model space, such as "network.backbone.blocks.stage1-block0.k3.expand.weight".
    """
    block, head, sized = _BLOCK.fullmatch(key), _HEAD.fullmatch(key), _SIZED.match(key)
    if block and block[2] in space.candidates:
        operation, rest = _taken_out(block[3], space.candidates[block[2]])
        return Address("backbone", block[2], f"{block[1]}{block[2]}.{rest}", operation=operation)
    if head and width_label(head[2]) in space.candidates:
        return _tower_address(space, head[1], head[2], head[3])
    if sized:
        return Address(sized[1], f"{sized[2]} {_UNITS[sized[1]]}", key)
    return Address("stem", "stem", key) if "backbone.stem." in key else Address("other", "other", key)


def _tower_address(space: Space, start: str, branch: str, rest: str) -> Address:
    widths = space.candidates[width_label(branch)]
    width, rest = _taken_out(rest, widths, deep=False)
    layer = _LAYER.fullmatch(rest)
    label = layer_label(branch, int(layer[2])) if layer else ""
    if layer is None or label not in space.candidates:
        return Address(branch, f"{branch} {rest.split('.')[0]}", start + rest, width)
    operation, rest = _taken_out(layer[3], space.candidates[label])
    return Address(branch, label, start + layer[1] + rest, width, operation)


def _taken_out(key: str, candidates: Sequence[str], deep: bool = True) -> tuple[str, str]:
    """Take the candidate's name out of what follows a place in a key.

    Args:
        key: What follows.
        candidates: Of the place. A single one is not written in keys.
        deep: Whether other names may stand before it.

    Returns:
        The candidate, "" if none is there, and the key without it.
    """
    if len(candidates) == 1:
        return candidates[0], key
    names = key.split(".")
    for index, name in enumerate(names[:-1] if deep else names[:1]):
        if name in candidates:
            return name, ".".join(names[:index] + names[index + 1 :])
    return "", key


def same_operations(source: Space, target: Space) -> dict[str, str]:
    """The operations that both spaces have: the target's names, and what the source calls the same."""
    known = source.description.operations
    names = {operation: name for name, operation in known.items()}
    return {
        # One operation may have two names, with its expansion and without.
        name: name if known.get(name) == operation else names[operation]
        for name, operation in target.description.operations.items()
        if operation in names
    }


def plan(source: Space, source_keys: Iterable[str], target: Space, target_keys: Iterable[str]) -> dict[str, str]:
    """Say which tensor of a source's shared weights belongs where in a target's, whatever their shapes.

    Args:
        source: The space whose weights there are.
        source_keys: Keys of the state dict of its model space.
        target: The space that is to start from them.
        target_keys: Keys of the state dict of its model space.

    Returns:
        The source's key by the target's, in the target's order. No key of either stands in it twice.
    """
    here = {_place(found, found.operation): key for key in source_keys for found in (address(source, key),)}
    same = same_operations(source, target)
    planned = {}
    for key in target_keys:
        found = address(target, key)
        # Values that are no operations go by their names.
        named = found.operation in target.description.operations
        wanted = _place(found, same.get(found.operation) if named else found.operation)
        if wanted in here:
            planned[key] = here[wanted]
    return planned


def _place(found: Address, operation: str | None) -> tuple[str, str, str | None]:
    return found.key, found.width, operation


def fit_architecture(architecture: Architecture, space: Space) -> Architecture:
    """Read an architecture of one space in another: the same choices, under the other's names.

    Operations are compared by what they are, widths and outputs by name. A place that one of the spaces leaves fixed
    must agree with the other; one that only one of them has must be a skip, or lie behind the output. Places behind the
    output that do not fit take their first candidate. The spaces may be of other sizes, see `other_sizes`.

    Args:
        architecture: Of any space.
        space: Where to read it.

    Raises:
        InputError: It does not fit; the message names every label and value that does not.
    """
    source = architecture.space
    if space.contains(architecture):
        return architecture
    for each in (source, space):
        if isinstance(each, NniSpace):
            each.refuse("is NNI's, whose places nobody can compare with another space's")
    chosen = source.chosen(architecture)
    dead = source.dead_labels(architecture) | _dead_in(space, chosen[OUTPUT])
    fitted, problems = {}, []
    missing: list[str] = []
    for label, candidates in space.candidates.items():
        value = _fitting(source, space, label, chosen.get(label))
        if value is None and label not in dead:
            if label in chosen:
                problems.append(_problem(source, space, label, chosen[label]))
            else:
                missing.append(label)
        fitted[label] = value or candidates[0]
    for label, value in chosen.items():
        if label not in space.candidates and label not in dead and not _is_skip(source, value):
            problems.append(
                f"{label}: {_in_words(source, label, value)} stands where space '{space.name}' has no place"
            )
    if missing:
        problems.append(f"{', '.join(missing)}: space '{source.name}' has no such place, and no skip may stand there")
    if problems:
        raise InputError(
            f"the architecture of space '{source.name}' ({source.hash}) does not fit space '{space.name}' "
            f"({space.hash}): {'; '.join(problems)}"
        )
    return space.architecture({label: fitted[label] for label in space.labels})


def other_sizes(source: Space, target: Space) -> tuple[str, ...]:
    """Where two spaces give an architecture that fits both other sizes: keys of their descriptions.

    An architecture is then another network in each of the spaces. Empty where it is the same.
    """
    one, other = (space.description.model_dump(exclude={"name", "summary"}) for space in (source, target))
    chosen = {"operations", "stages", "outputs", "towers"}
    found = [key for key in one.keys() | other.keys() if key not in chosen and one.get(key) != other.get(key)]
    stages = [{stage.name: (stage.channels, stage.stride) for stage in s.description.stages} for s in (source, target)]
    common = stages[0].keys() & stages[1].keys()
    return tuple(sorted(found) + sorted(f"stages.{name}" for name in common if stages[0][name] != stages[1][name]))


def _dead_in(space: Space, output: str) -> set[str]:
    """The blocks behind an output; none where the space has no such output."""
    if output not in space.candidates[OUTPUT]:
        return set()
    live = set(space.blocks_up_to(output))
    return {block.name for block in space.description.blocks} - live


def _fitting(source: Space, space: Space, label: str, value: str | None) -> str | None:
    """The space's own name of the source's value at a label; None if it has none."""
    candidates = space.candidates[label]
    if value is None:
        return next((candidate for candidate in candidates if _is_skip(space, candidate)), None)
    operation = _operation(source, label, value)
    if operation is None:
        return value if value in candidates else None
    return next((name for name in candidates if _operation(space, label, name) == operation), None)


def _problem(source: Space, space: Space, label: str, value: str) -> str:
    # What both call the same, and is not, is said in full.
    known = ", ".join(_in_words(space, label, name) if name == value else name for name in space.candidates[label])
    return f"{label}: {_in_words(source, label, value)} is none of {known}"


def _operation(space: Space, label: str, value: str) -> object | None:
    by_name = label == OUTPUT or label in map(width_label, BRANCHES)
    return None if by_name else space.description.operations.get(value)


def _is_skip(space: Space, value: str) -> bool:
    operation = space.description.operations.get(value)
    return operation is not None and operation.kind == "skip"


def _in_words(space: Space, label: str, value: str) -> str:
    if _operation(space, label, value) is None:
        return value
    described = space.description.operations[value].model_dump(mode="json")
    kind = described.pop("kind")
    set_ = [f"{key} {given:g}" if isinstance(given, float) else f"{key} {given}" for key, given in described.items()]
    return f"{value} ({', '.join([kind, *set_])})"
