"""Sums over the places of an architecture, looked up in microseconds."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from itertools import product
from operator import getitem, itemgetter
from typing import Any

import numpy as np

from lighttrack_nas.benchmarks.sums.elimination import Factor
from lighttrack_nas.search_spaces.space import Space

_MOST_SUMS = 4096
"""Sums that are kept: a space may have more combinations of deciding values than memory."""


class PlaceSums:
    """Adds up what stands at the places of an architecture, each looked up by the choices on which it depends.

    Where the choices on which several places depend have their values, every other choice adds an amount of its own:
    these amounts are kept, and one architecture is one sum.

    Args:
        space: The space.
        places: A table a place, over some of the space's choices.
    """

    def __init__(self, space: Space, places: Sequence[Factor]) -> None:
        self._places = places
        self._positions = {label: index for index, label in enumerate(space.labels)}
        self._values = list(space.labels.values())
        count = Counter(label for place in places for label in place.labels)
        self._deciding = [position for label, position in self._positions.items() if count[label] > 1]
        self._decide = _getter(self._deciding)
        self._kept: dict[tuple[str, ...], _Amounts] = {}

    def of(self, values: tuple[str, ...]) -> Any:
        """The sum of one architecture, given its values in the order of the space's labels."""
        deciding = self._decide(values)
        amounts = self._kept.get(deciding)
        if amounts is None:
            if len(self._kept) >= _MOST_SUMS:
                self._kept.clear()
            amounts = self._kept[deciding] = self._amounts(deciding)
        fixed, rows, joint = amounts
        total = sum(map(getitem, rows, values), fixed)
        return total + sum([row[choose(values)] for choose, row in joint]) if joint else total

    def _amounts(self, deciding: Sequence[str]) -> _Amounts:
        """What is added under given values of the deciding choices: always, by one other choice, by several of them."""
        chosen = {
            position: self._values[position].index(value)
            for position, value in zip(self._deciding, deciding, strict=True)
        }
        fixed: Any = 0
        rows: list[Mapping[str, Any]] = [dict.fromkeys(values, 0) for values in self._values]
        joint: list[tuple[Callable[[Sequence[str]], Any], Mapping[Any, Any]]] = []
        for place in self._places:
            positions = [self._positions[label] for label in place.labels]
            amounts: np.ndarray = place.values[tuple(chosen.get(position, slice(None)) for position in positions)]
            own = [position for position in positions if position not in chosen]
            names = [self._values[position] for position in own]
            if not own:
                fixed += amounts.item()
            elif len(own) == 1:
                rows[own[0]] = dict(zip(names[0], amounts.tolist(), strict=True))
            else:
                joint.append((itemgetter(*own), dict(zip(product(*names), amounts.ravel().tolist(), strict=True))))
        return fixed, rows, joint


def _getter(positions: Sequence[int]) -> Callable[[Sequence[str]], tuple[str, ...]]:
    """What takes the values at some positions, as quickly as can be."""
    if len(positions) > 1:
        return itemgetter(*positions)
    return lambda values: tuple([values[position] for position in positions])


_Amounts = tuple[Any, list[Mapping[str, Any]], list[tuple[Callable[[Sequence[str]], Any], Mapping[Any, Any]]]]
"""What every such architecture has, by label the amounts of its candidates, and by place those of labels together."""
