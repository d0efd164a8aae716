"""A training pair, where pairs come from, and drawing them by number."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np


@dataclass(frozen=True, eq=False)
class Pair:
    """A template crop and a search crop.

    Attributes:
        template: ``(T, T, 3)`` BGR uint8.
        search: ``(S, S, 3)`` BGR uint8.
        box: ``(4,)`` float32 x, y, w, h of the target in search pixels, 0-based: a box of 0, 0, S, S is the whole crop.
            It may reach outside the crop. Zeros in a negative pair.
        positive: Whether the search crop shows the template's target.
        labelled: Whether box and `positive` are the truth. Without labels the box is where a random box lies, which
            holds no target.
    """

    template: np.ndarray
    search: np.ndarray
    box: np.ndarray
    positive: bool
    labelled: bool = True


class PairSource(Protocol):
    """Whatever makes pairs: sequences, stills, a generator, a mixture of them."""

    def pair(self, rng: np.random.Generator) -> Pair:
        """Draw a pair. All that is random comes from `rng`, so that equal generators give equal pairs."""


@dataclass(frozen=True, eq=False)
class PairBatch:
    """Pairs of one size, stacked.

    Attributes:
        templates: ``(B, T, T, 3)`` BGR uint8.
        searches: ``(B, S, S, 3)`` BGR uint8.
        boxes: ``(B, 4)`` float32 x, y, w, h in search pixels.
        positives: ``(B,)`` bool.
        labelled: ``(B,)`` bool, see `Pair`; None at first stands for all.
    """

    templates: np.ndarray
    searches: np.ndarray
    boxes: np.ndarray
    positives: np.ndarray
    labelled: np.ndarray = None  # type: ignore[assignment]

    def __post_init__(self) -> None:
        if self.labelled is None:
            object.__setattr__(self, "labelled", np.ones(len(self.positives), bool))

    def __len__(self) -> int:
        return len(self.positives)


def draw_pair(source: PairSource, seed: int, index: int) -> Pair:
    """Draw the pair of a number: a function of source, seed and number alone, whatever was drawn before.

    Args:
        source: Where pairs come from.
        seed: 0 or more.
        index: The pair's number, 0 or more.

    Raises:
        InputError: The source has no pair to give, as when its images cannot be read.
    """
    return source.pair(np.random.default_rng([seed, index]))


def draw_batch(source: PairSource, seed: int, first: int, size: int) -> PairBatch:
    """Draw the pairs numbered `first` to ``first + size - 1``; `size` is 1 or more.

    Raises:
        InputError: As `draw_pair`.
    """
    pairs = [draw_pair(source, seed, index) for index in range(first, first + size)]
    return PairBatch(
        templates=np.stack([pair.template for pair in pairs]),
        searches=np.stack([pair.search for pair in pairs]),
        boxes=np.stack([pair.box for pair in pairs]),
        positives=np.array([pair.positive for pair in pairs], bool),
        labelled=np.array([pair.labelled for pair in pairs], bool),
    )
