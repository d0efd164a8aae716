"""Architectures of one space in another: the same network, under the other's names."""

from __future__ import annotations

from collections.abc import Mapping

from lighttrack_nas.search_spaces.addresses import operation_text
from lighttrack_nas.search_spaces.base.labels import (
    OUTPUT,
    TEMPLATE_SIZE,
    TOWERS,
    depth_label,
    expansion_label,
    layer_label,
    layer_width_label,
    stage_width_label,
    width_label,
)
from lighttrack_nas.search_spaces.base.normal_forms import number_text
from lighttrack_nas.search_spaces.description.space_parts import BRANCHES
from lighttrack_nas.search_spaces.space import Architecture, Space
from lighttrack_nas.trackers.base.errors import InputError

_SKIP = "skip"


def fit_architecture(architecture: Architecture, space: Space) -> Architecture:
    """Read an architecture of one space in another: the same choices, under the other's names.

    Operations are compared by what they are, their expansion included wherever it is chosen; widths, sizes and outputs
    by name. A place that one of the spaces leaves fixed must agree with the other; one that only one of them has must
    be a skip, or lie behind the output or the depth of its stage. A choice that only one of the spaces has takes, or
    must have, the value that the other fixes: the channels of a stage, the number of its blocks, separate towers.
    Places without a say that do not fit take their first candidate. The spaces may be of other sizes, see
    `other_sizes`.

    Args:
        architecture: Of any space.
        space: Where to read it.

    Raises:
        InputError: It does not fit; the message names every label and value that does not.
    """
    source = architecture.space
    if space.contains(architecture):
        return architecture
    for compared_space in (source, space):
        if not compared_space.is_declared:
            compared_space.refuse("is NNI's, whose places nobody can compare with another space's")
    chosen, dead = source.chosen(architecture), source.dead_labels(architecture)
    meant = _meant(source, chosen, dead, space)
    values = {label: _fitting(source, space, label, meant) for label in space.candidates}
    fitted = {label: value or space.candidates[label][0] for label, value in values.items()}
    # Without the output nothing is known to lie behind it.
    behind = space.labels_without_say(fitted) if values[OUTPUT] is not None else set()
    without_say = behind | (dead & meant.keys())
    problems, missing = [], []
    for label, value in values.items():
        if value is None and label not in without_say:
            if label in meant:
                problems.append(_problem(source, space, label, meant[label]))
            else:
                missing.append(label)
    problems += _left_over(source, space, chosen, dead, fitted)
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

    An architecture is then another network in each of the spaces. Empty where it is the same. What one of the spaces
    leaves open decides nothing here: `fit_architecture` takes the value that means the same, or refuses.
    """
    one, other = (space.description.model_dump(exclude={"name", "summary"}) for space in (source, target))
    chosen = {"operations", "stages", "outputs", "towers", "template_sizes"}
    if any(len(space.description.all_template_sizes) > 1 for space in (source, target)):
        chosen |= {"template_size", "search_sizes"}
    differences = [key for key in one.keys() | other.keys() if key not in chosen and one.get(key) != other.get(key)]
    if "template_size" in chosen and not _same_proportions(source, target):
        differences.append("search_sizes")
    stages = [{stage.name: stage for stage in s.description.stages} for s in (source, target)]
    for name in stages[0].keys() & stages[1].keys():
        pair = [by_name[name] for by_name in stages]
        are_open = any(len(stage.all_widths) > 1 for stage in pair)
        sizes = [(None if are_open else stage.channels, stage.stride) for stage in pair]
        if sizes[0] != sizes[1]:
            differences.append(f"stages.{name}")
    return tuple(
        sorted(key for key in differences if "." not in key) + sorted(key for key in differences if "." in key)
    )


def _same_proportions(source: Space, target: Space) -> bool:
    """Whether both spaces give every template that both have the same search crops."""
    common = set(source.description.all_template_sizes) & set(target.description.all_template_sizes)
    return all(source.description.search_sizes_of(s) == target.description.search_sizes_of(s) for s in common)


def _meant(source: Space, chosen: Mapping[str, str], dead: set[str], space: Space) -> dict[str, str]:
    """What an architecture says of every place and size, also where its space leaves no choice of it.

    The output and the depths are said as the other space counts them; blocks that a stage's depth leaves out are not
    there.
    """
    meant = {label: value for label, value in chosen.items() if label != OUTPUT}
    description = source.description
    meant.setdefault(TEMPLATE_SIZE, str(description.template_size))
    meant.setdefault(TOWERS, "separate")
    for stage in description.stages:
        meant.setdefault(stage_width_label(stage.name), str(stage.all_widths[0]))
    for branch in description.towers.branches:
        tower = source.tower(branch)
        labels = [layer_width_label(branch, index) for index in range(len(tower.candidates))]
        if tower.tied:
            meant |= dict.fromkeys(labels, chosen[width_label(branch)])
        elif len({chosen[label] for label in labels}) == 1:
            meant[width_label(branch)] = chosen[labels[0]]
        else:
            meant[width_label(branch)] = ", ".join(chosen[label] for label in labels)
    others = {stage.name: stage for stage in space.description.stages}
    output = next(exit_ for exit_ in description.exits if exit_.name == chosen[OUTPUT])
    exits = space.candidates[OUTPUT]
    for index, stage in enumerate(description.stages):
        blocks = [block.name for block in description.stage_blocks(index)]
        count = blocks.index(output.name) + 1 if stage.name == output.stage else stage.blocks
        count = min(count, int(chosen.get(depth_label(stage.name), count)))
        if len(stage.all_depths) > 1:
            for name in blocks[count:]:
                meant.pop(name)
        least = 1 + max((n for n in range(count) if not _is_skip(source, chosen[blocks[n]])), default=0)
        other = others.get(stage.name)
        free = other is not None and len(other.all_depths) > 1
        if other is not None and free:
            depths = [depth for depth in (count, *range(least, count)) if depth in other.all_depths]
            meant[depth_label(stage.name)] = str(depths[0] if depths else least)
            for name in blocks[int(meant[depth_label(stage.name)]) : count]:
                meant.pop(name, None)
        else:
            meant.pop(depth_label(stage.name), None)
        if stage.name != output.stage:
            continue
        if other is not None and free:
            meant[OUTPUT] = f"{stage.name}-block{other.blocks - 1}"
        else:
            late = [f"{stage.name}-block{n - 1}" for n in (count, *range(least, count))]
            meant[OUTPUT] = next((name for name in late if name in exits), late[0])
    return meant


def _fitting(source: Space, space: Space, label: str, meant: Mapping[str, str]) -> str | None:
    """The space's own name of what is meant at a label; None if it has none."""
    candidates = space.candidates[label]
    place = label.removesuffix("-expansion")
    if place != label and label == expansion_label(place):
        expansion = _expansion(source, place, meant)
        return None if expansion is None else next((c for c in candidates if c == number_text(expansion)), None)
    value = meant.get(label)
    if value is None:
        return next((candidate for candidate in candidates if _is_skip(space, candidate)), None)
    if not _is_operation_label(space, label):
        return value if value in candidates else None
    return next((name for name in candidates if _same(source, space, label, value, name, meant)), None)


def _same(source: Space, space: Space, label: str, value: str, name: str, meant: Mapping[str, str]) -> bool:
    """Whether an operation of the source is one of the space's at a place."""
    if value not in source.description.operations:
        return value == name
    own = _expansion(source, label, meant)
    wanted = operation_text(source.description, value, own)
    offered = _stage_expansions(space, label)
    if not offered or own is None:
        return wanted == operation_text(space.description, name)
    return own in offered and wanted == operation_text(space.description, name, own)


def _expansion(space: Space, label: str, meant: Mapping[str, str]) -> float | None:
    """The expansion of a block: chosen by itself, set by its stage, or the operation's; None where it has none."""
    operation = space.description.operations.get(meant.get(label, ""))
    own = getattr(operation, "expansion", None)
    if own is None:
        return None
    chosen = meant.get(expansion_label(label))
    return next((e for e in _stage_expansions(space, label) if chosen in (None, number_text(e))), float(own))


def _stage_expansions(space: Space, label: str) -> tuple[float, ...]:
    stage = next((block.stage for block in space.description.blocks if block.name == label), None)
    return space.description.stage(stage).expansions if stage else ()


def _left_over(
    source: Space, space: Space, chosen: Mapping[str, str], dead: set[str], fitted: Mapping[str, str]
) -> list[str]:
    """What the source says of places and sizes for which the space has no label: complaints."""
    problems = []
    fixed = _fixed_of(space)
    blocks_left = {block.name for block in source.description.blocks} - space.candidates.keys()
    for label, value in chosen.items():
        if label in space.candidates or label in dead:
            continue
        if label in blocks_left or _is_layer(label):
            if not _is_skip(source, value):
                problems.append(
                    f"{label}: {in_words(source, label, value)} stands where space '{space.name}' has no place"
                )
        elif label in fixed and fixed[label] != value:
            problems.append(f"{label}: {value} is none of {fixed[label]}")
    return problems


def _fixed_of(space: Space) -> dict[str, str]:
    """The value of every choice that other spaces may have, where this one has it fixed."""
    description = space.description
    fixed = {TEMPLATE_SIZE: str(description.template_size), TOWERS: "separate"}
    for stage in description.stages:
        if len(stage.all_widths) == 1:
            fixed[stage_width_label(stage.name)] = str(stage.all_widths[0])
    return {label: value for label, value in fixed.items() if label not in space.candidates}


def _is_layer(label: str) -> bool:
    branch, _, rest = label.partition("-layer")
    return branch in BRANCHES and rest.isdigit()


def _is_operation_label(space: Space, label: str) -> bool:
    if any(label == layer_label(b, i) for b in BRANCHES for i in range(len(space.tower(b).candidates))):
        return True
    return any(block.name == label for block in space.description.blocks)


def _is_skip(space: Space, value: str) -> bool:
    operation = space.description.operations.get(value)
    return operation is not None and operation.kind == _SKIP


def _problem(source: Space, space: Space, label: str, value: str) -> str:
    # What both call the same, and is not, is said in full.
    known = ", ".join(in_words(space, label, name) if name == value else name for name in space.candidates[label])
    return f"{label}: {in_words(source, label, value)} is none of {known}"


def in_words(space: Space, label: str, value: str) -> str:
    """A value at a label with what it is, such as "k3e4 (mbconv, kernel 3, expansion 4)"."""
    if not _is_operation_label(space, label) or value not in space.description.operations:
        return value
    described = space.description.operations[value].model_dump(mode="json")
    kind = described.pop("kind")
    set_ = [f"{key} {given:g}" if isinstance(given, float) else f"{key} {given}" for key, given in described.items()]
    return f"{value} ({', '.join([kind, *set_])})"
