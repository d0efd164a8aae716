"""How far two scores rank the same architectures alike, with intervals from resampled architectures.

Twenty architectures are few: a figure without its interval says little, and two figures of the same architectures are
compared by the interval of their difference, in which the luck of the draw that they share falls out.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy import stats

from lighttrack_nas.trackers.base.names import checked_name

STATISTICS = ("kendall", "spearman", "weighted")
"""Kendall's tau-b, Spearman's rho, and Vigna's weighted tau, in which exchanges near the top weigh most."""
CONFIDENCE = 0.95


class Estimate(NamedTuple):
    """A figure with its bootstrap interval; NaN where nothing can be ranked, because all scores are equal.

    Attributes:
        value: Of the architectures as they are.
        low: Lower end of the percentile interval (`CONFIDENCE`).
        high: Its upper end.
    """

    value: float
    low: float
    high: float


def correlation(statistic: str, first: np.ndarray, second: np.ndarray) -> float:
    """Rank correlation of two scores of the same architectures.

    Args:
        statistic: Of `STATISTICS`.
        first: ``(N,)`` scores; larger is better, which only the weighted tau asks.
        second: ``(N,)`` the other scores.

    Returns:
        -1 to 1; NaN where the scores of one side are all equal.

    Raises:
        InputError: Unknown statistic.
        ValueError: Shapes differ, or a score is not finite.
    """
    checked_name(statistic, STATISTICS, "statistic")
    first, second = np.asarray(first, float), np.asarray(second, float)
    if first.ndim != 1 or first.shape != second.shape:
        raise ValueError(f"two scores of shape (N,) expected, got {first.shape} and {second.shape}")
    if not (np.isfinite(first).all() and np.isfinite(second).all()):
        raise ValueError("finite scores expected")
    if np.ptp(first) == 0 or np.ptp(second) == 0:
        return float("nan")
    if statistic == "kendall":
        return float(stats.kendalltau(first, second).statistic)
    if statistic == "spearman":
        return float(stats.spearmanr(first, second).statistic)
    return float(stats.weightedtau(first, second).statistic)


class Resamples:
    """Bootstrap resamples of architectures (Efron 1979): the same ones for everything that is compared.

    An architecture that a resample holds twice is tied with itself on both sides, which agrees with nothing and
    contradicts nothing.

    Args:
        count: Architectures, N.
        resamples: How many, R.
        seed: Of the draw.

    Attributes:
        indices: ``(R, N)`` the drawn architectures.
    """

    def __init__(self, count: int, resamples: int, seed: int) -> None:
        self.indices = np.random.default_rng(seed).integers(count, size=(resamples, count))
        # How often each was drawn: tau and rho are sums over pairs, so that whole matrices do for all resamples.
        self._times = np.zeros((resamples, count))
        np.add.at(self._times, (np.arange(resamples)[:, None], self.indices), 1.0)

    def correlations(self, statistic: str, first: np.ndarray, second: np.ndarray) -> np.ndarray:
        """`correlation` in every resample.

        Args:
            statistic: Of `STATISTICS`.
            first: ``(N,)`` scores.
            second: ``(N,)`` the other scores.

        Returns:
            ``(R,)``; NaN where a resample cannot be ranked.
        """
        checked_name(statistic, STATISTICS, "statistic")
        if statistic == "kendall":
            return self._kendall(np.asarray(first, float), np.asarray(second, float))
        if statistic == "spearman":
            return self._spearman(np.asarray(first, float), np.asarray(second, float))
        return np.array([correlation(statistic, first[drawn], second[drawn]) for drawn in self.indices])

    def _kendall(self, first: np.ndarray, second: np.ndarray) -> np.ndarray:
        one, other = (np.sign(scores[:, None] - scores[None, :]) for scores in (first, second))
        agree, untied_one, untied_other = (
            np.einsum("ri,ij,rj->r", self._times, pairs, self._times, optimize=True)
            for pairs in (one * other, np.abs(one), np.abs(other))
        )
        return _ratio(agree, np.sqrt(untied_one * untied_other))

    def _spearman(self, first: np.ndarray, second: np.ndarray) -> np.ndarray:
        one, other = (self._centred_ranks(scores) for scores in (first, second))
        products = [(self._times * a * b).sum(1) for a, b in ((one, other), (one, one), (other, other))]
        return _ratio(products[0], np.sqrt(products[1] * products[2]))

    def _centred_ranks(self, scores: np.ndarray) -> np.ndarray:
        """Mean ranks in each resample, about their mean, twice: exact in floating point. ``(R, N)``."""
        signs = np.sign(scores[:, None] - scores[None, :])
        return self._times @ signs.T


def estimate(value: float, resampled: np.ndarray) -> Estimate:
    """A figure with the percentile interval of its resamples; those that cannot be ranked do not count.

    With 10 to 40 architectures the interval of tau was seen to hold the true value in 94 to 98 % of synthetic draws.
    """
    known = resampled[np.isfinite(resampled)]
    if not np.isfinite(value) or not len(known):
        return Estimate(value, float("nan"), float("nan"))
    low, high = np.quantile(known, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2]).tolist()
    return Estimate(value, low, high)


class Agreement(NamedTuple):
    """How well a ranking agrees with the trainings alone.

    Attributes:
        value: Mean over what it was compared with.
        resampled: ``(R,)`` the same in each resample, to be compared with another ranking's.
    """

    value: float
    resampled: np.ndarray

    @property
    def estimate(self) -> Estimate:
        """The value with its interval."""
        return estimate(self.value, self.resampled)

    def minus(self, other: Agreement) -> Estimate:
        """The difference to another agreement, with its paired interval: both of the same resamples."""
        return estimate(self.value - other.value, self.resampled - other.resampled)


def agreement(statistic: str, pairs: Sequence[tuple[np.ndarray, np.ndarray]], resamples: Resamples) -> Agreement:
    """Mean rank correlation over pairs of scores, such as one ranking with each seed's training alone.

    Args:
        statistic: Of `STATISTICS`.
        pairs: Each two scores ``(N,)``.
        resamples: Of these N architectures.

    Returns:
        The mean; NaN where a pair cannot be ranked, or there is no pair.
    """
    if not pairs:
        return Agreement(float("nan"), np.full(len(resamples.indices), np.nan))
    values = [correlation(statistic, *pair) for pair in pairs]
    resampled = [resamples.correlations(statistic, *pair) for pair in pairs]
    return Agreement(float(np.mean(values)), np.mean(resampled, axis=0))


def _ratio(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    return np.divide(part, whole, out=np.full(part.shape, np.nan), where=whole > 0)
