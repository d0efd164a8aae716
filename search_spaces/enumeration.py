"""All paths of a space, for spaces that are small enough to be measured completely."""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import product

from lighttrack_nas.search_spaces.architecture import Architecture
from lighttrack_nas.search_spaces.labels import OUTPUT
from lighttrack_nas.search_spaces.space import Space


def paths(space: Space) -> Iterator[Architecture]:
    """Give every path once, in a fixed order: what `Architecture.path` makes of the space's architectures.

    Outputs come in the order of the space, then the choices of the blocks before them, then those of the towers; the
    last label changes first.
    """
    for output in space.candidates[OUTPUT]:
        alive = _candidates(space, output)
        for values in product(*alive.values()):
            yield Architecture(space, values)


def count_paths(space: Space) -> int:
    """The number of paths, exact."""
    return sum(
        math.prod(len(values) for values in _candidates(space, output).values()) for output in space.candidates[OUTPUT]
    )


def _candidates(space: Space, output: str) -> dict[str, tuple[str, ...]]:
    """The values that each label takes on paths with an output, in the order of the space's labels."""
    blocks = {block.name for block in space.description.blocks}
    alive = set(space.blocks_up_to(output))
    candidates: dict[str, tuple[str, ...]] = {}
    for label, values in space.labels.items():
        if label == OUTPUT:
            candidates[label] = (output,)
        else:
            candidates[label] = values[:1] if label in blocks - alive else values
    return candidates
