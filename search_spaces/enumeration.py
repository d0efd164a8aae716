"""All paths of a space, for spaces that are small enough to be measured completely."""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import product

from lighttrack_nas.search_spaces.base.labels import OUTPUT, expansion_label
from lighttrack_nas.search_spaces.space import Architecture, Space


def paths(space: Space) -> Iterator[Architecture]:
    """Give every path once, in a fixed order: what `Architecture.path` makes of the space's architectures.

    Outputs come in the order of the space, then other choices on which conditions of others depend, then the rest in
    the order of the labels; the last label changes first.
    """
    for groups in _groups(space):
        for together in product(*groups.values()):
            chosen = {
                label: value
                for labels, values in zip(groups, together, strict=True)
                for label, value in zip(labels, values, strict=True)
            }
            yield Architecture(space, tuple(chosen[label] for label in space.labels))


def count_paths(space: Space) -> int:
    """The number of paths, exact."""
    return sum(math.prod(map(len, groups.values())) for groups in _groups(space))


def has_countable_paths(space: Space) -> bool:
    """Whether `count_paths` takes a moment: it goes through all values of the choices on which others depend."""
    return math.prod(len(space.labels[label]) for label in _deciding(space)) <= _MOST_COUNTED


_MOST_COUNTED = 2_000

_Groups = dict[tuple[str, ...], list[tuple[str, ...]]]
"""By some labels, the values that they take together, whatever the labels of other groups do."""


def _pairs(space: Space) -> dict[str, str]:
    """Labels of operations whose expansion is a choice of its own, with its label."""
    return {label: expansion_label(label) for label in space.labels if expansion_label(label) in space.labels}


def _deciding(space: Space) -> list[str]:
    """The choices on which conditions of others depend, the output first; not an operation, of its expansion alone."""
    deciding = {given for needed in space.conditions.values() for given in needed} - _pairs(space).keys()
    return sorted((label for label in space.labels if label in deciding), key=lambda label: label != OUTPUT)


def _groups(space: Space) -> Iterator[_Groups]:
    """The independent choices that are left wherever the choices on which conditions depend have their values."""
    pairs, first = _pairs(space), _deciding(space)
    fixed = {label: values[0] for label, values in space.candidates.items()}
    for values in product(*(space.labels[label] for label in first)):
        chosen = fixed | dict(zip(first, values, strict=True))
        dead = space.labels_without_say(chosen)
        if any(chosen[label] != fixed[label] for label in dead & set(first)):
            continue  # the same path as with its first value
        groups: _Groups = {(label,): [(chosen[label],)] for label in first}
        for label, candidates in space.labels.items():
            if label in first or label in pairs.values():
                continue
            alive = candidates[:1] if label in dead else candidates
            if label in pairs:
                groups[label, pairs[label]] = _with_expansion(space, chosen, label, alive)
            else:
                groups[label,] = [(value,) for value in alive]
        yield groups


def _with_expansion(
    space: Space, chosen: dict[str, str], label: str, operations: tuple[str, ...]
) -> list[tuple[str, ...]]:
    """Values of a block and of its expansion, of which some operations have none."""
    expansion = expansion_label(label)
    combinations: list[tuple[str, ...]] = []
    for operation in operations:
        dead = expansion in space.labels_without_say(chosen | {label: operation})
        values = space.labels[expansion]
        combinations += [(operation, value) for value in (values[:1] if dead else values)]
    return combinations
