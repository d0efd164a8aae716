"""Which differences between search strategies so many seeds can show."""

from __future__ import annotations

import math
from functools import cache
from typing import Any, NamedTuple

import numpy as np
from scipy.stats import norm

from lighttrack_nas.comparisons.effects import rank_test

ALPHA, POWER = 0.05, 0.8
MOST_SEEDS = 1000
"""As many as a comparison may have."""
SIZES = {"large": 0.71, "medium": 0.64, "small": 0.56}
"""What Vargha and Delaney (2000) call a difference, by its A12."""
_SIMULATED_UP_TO = 60
_DRAWS, _SEED = 2_000, 0


class Power(NamedTuple):
    """What a comparison can show, its p corrected for the number of pairs.

    Attributes:
        seeds: Of each strategy.
        pairs: Of strategies, all tested.
        smallest_p: The smallest p that the test can give, where every run of one side beats all of the other.
        smallest_p_holm: The same after Holm's correction.
        least_seeds: With fewer, no pair can ever differ (p < .05).
        a12: The A12 that is found in four of five comparisons; None with fewer than `least_seeds`.
        shift: The same as a shift between two normal distributions, in standard deviations.
        seeds_for: Seeds that find a large, a medium and a small difference (`SIZES`) as surely; None beyond 1,000.
    """

    seeds: int
    pairs: int
    smallest_p: float
    smallest_p_holm: float
    least_seeds: int
    a12: float | None
    shift: float | None
    seeds_for: dict[str, int | None]

    @property
    def can_tell(self) -> bool:
        """Whether any pair can differ at all."""
        return self.seeds >= self.least_seeds

    def found(self) -> str:
        """Which difference is found, or that none can be, in a sentence or two."""
        pairs = f"{self.pairs} pair{'s' if self.pairs > 1 else ''}"
        if self.can_tell and self.a12 is not None:
            return (
                f"{self.seeds} seeds, {pairs}: found in four of five comparisons is a difference of A12 "
                f"{self.a12:.2f} or more (a shift of {self.shift:.1f} standard deviations)."
            )
        return (
            f"{self.seeds} seed{' is' if self.seeds == 1 else 's are'} too few to tell any two strategies apart: p is "
            f"{self.smallest_p:.2g} at the least, {self.smallest_p_holm:.2g} after Holm's correction for {pairs}. "
            f"{self.least_seeds} seeds would do where every run of the one beats all of the other."
        )

    def text(self) -> str:
        """What was said by `found`, and the seeds that smaller differences take."""
        needed = ", ".join(
            f"a {size} difference (A12 {SIZES[size]}) {seeds if seeds is not None else f'more than {MOST_SEEDS:,}'}"
            for size, seeds in self.seeds_for.items()
        )
        return f"{self.found()} Seeds that it takes: {needed}."

    def to_dict(self) -> dict[str, Any]:
        """All of it, JSON-able."""
        return self._asdict() | {"alpha": ALPHA, "power": POWER}


def power_of(seeds: int, pairs: int) -> Power:
    """What a comparison of so many seeds and pairs can show.

    Args:
        seeds: Of each strategy, at least 1.
        pairs: Of strategies, at least 1.
    """
    smallest = _p_of(seeds, seeds * seeds)
    a12 = found_a12(seeds, pairs)
    shift = None if a12 is None else float(math.sqrt(2) * norm.ppf(a12))
    needed = {size: seeds_needed(of, pairs) for size, of in SIZES.items()}
    return Power(seeds, pairs, smallest, min(1.0, smallest * pairs), least_seeds(pairs), a12, shift, needed)


@cache
def least_seeds(pairs: int) -> int:
    """The fewest seeds with which the test can find any of so many pairs different."""
    return next(seeds for seeds in range(2, MOST_SEEDS + 1) if _p_of(seeds, seeds * seeds) * pairs < ALPHA)


@cache
def found_a12(seeds: int, pairs: int) -> float | None:
    """The A12 that so many seeds find in `POWER` of comparisons, for runs of two shifted normal distributions.

    Up to 60 seeds by simulation, the same one each time: for each draw, the shift from which on the test finds it is
    known exactly, so that one quantile of these is the answer. Above, Noether's closed form (1987).

    Args:
        seeds: Of each side.
        pairs: That are tested; the strictest of Holm's steps counts.

    Returns:
        .5 to 1; None where not even runs that all win are found.
    """
    if seeds < least_seeds(pairs):
        return None
    if seeds > _SIMULATED_UP_TO:
        return float(0.5 + (norm.isf(ALPHA / pairs / 2) + norm.ppf(POWER)) / math.sqrt(6 * seeds))
    wins = _wins_needed(seeds, pairs)
    first, second = np.random.default_rng(_SEED).standard_normal((2, _DRAWS, seeds))
    gaps = (second[:, None, :] - first[:, :, None]).reshape(_DRAWS, -1)
    # A shift of `first` by more than the k-th smallest gap makes it win k pairs.
    shifts = np.partition(gaps, wins - 1, axis=1)[:, wins - 1]
    return float(norm.cdf(np.quantile(shifts, POWER) / math.sqrt(2)))


def seeds_needed(a12: float, pairs: int) -> int | None:
    """The fewest seeds that find such a difference in `POWER` of comparisons; None beyond `MOST_SEEDS`.

    Args:
        a12: Either way: .2 is found as easily as .8.
        pairs: That are tested.
    """
    wanted = max(a12, 1 - a12)

    def finds(seeds: int) -> bool:
        smallest_a12 = found_a12(seeds, pairs)
        return smallest_a12 is not None and smallest_a12 <= wanted

    if not finds(MOST_SEEDS):
        return None
    low, high = 1, MOST_SEEDS
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if finds(middle) else (middle, high)
    return high


def _wins_needed(seeds: int, pairs: int) -> int:
    """Of all pairs of runs, the fewest that must be won for a p that holds after the correction."""
    low, high = seeds * seeds // 2, seeds * seeds
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if _p_of(seeds, middle) * pairs < ALPHA else (middle, high)
    return high


def _p_of(seeds: int, wins: int) -> float:
    """The test's p where runs win so many of the ``seeds * seeds`` pairs, without ties."""
    whole, rest = divmod(wins, seeds)
    others = np.arange(seeds, dtype=float)
    # So many beat all others, one beats `rest` of them, and the remaining ones none.
    place = np.concatenate([seeds + np.arange(whole), [rest - 0.5], -1.0 - np.arange(seeds)])[:seeds]
    return rank_test(place, others)
