"""Pairs of several sources, by weight."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from lighttrack_nas.trackers.base.errors import InputError
from lighttrack_nas.trackers.base.parsing import short
from lighttrack_nas.trackers.training.pairs.pair import Pair, PairSource


class Mixture:
    """Draws the source of every pair by weight.

    Args:
        parts: Weights, positive and finite, with their sources. Weights need not add up to 1.

    Raises:
        InputError: No part at all, or an impossible weight.

    Attributes:
        sources: The sources, in their order.
        shares: Share of the pairs that each gives, adding up to 1.
    """

    def __init__(self, parts: Sequence[tuple[float, PairSource]]) -> None:
        if not parts:
            raise InputError("mixture of pairs: expected one source or more, got none")
        for place, (weight, _) in enumerate(parts):
            number = isinstance(weight, int | float) and not isinstance(weight, bool)
            if not number or not 0 < weight < math.inf:
                where = f"mixture of pairs: weight {place + 1} of {len(parts)}"
                raise InputError(f"{where}: expected a positive number, got {short(weight)}")
        largest = max(weight for weight, _ in parts)  # first, so that no sum overflows
        total = math.fsum(weight / largest for weight, _ in parts)
        self.shares = tuple(weight / largest / total for weight, _ in parts)
        self.sources = tuple(source for _, source in parts)
        self._edges = np.cumsum(self.shares)[:-1]

    def pair(self, rng: np.random.Generator) -> Pair:
        """Draw a source, and a pair of it."""
        return self.sources[int(np.searchsorted(self._edges, rng.random(), side="right"))].pair(rng)
