"""Tests and effect sizes between two sets of runs."""

from __future__ import annotations

import math
from itertools import combinations
from typing import NamedTuple

import numpy as np
from scipy.optimize import brentq
from scipy.stats import mannwhitneyu, norm, rankdata

EXACT_UP_TO = 8
"""Runs of a side up to which p is exact, as in scipy; above, the normal approximation with its correction for ties."""


class Effect(NamedTuple):
    """How often a run of one side beats one of the other: Vargha and Delaney's A12.

    Attributes:
        a12: The share of all pairs of runs in which the first is larger, ties counted as halves; .5 is no difference.
        low: Lower end of its 95 % interval.
        high: Its upper end.
    """

    a12: float
    low: float
    high: float


def rank_test(first: np.ndarray, second: np.ndarray) -> float:
    """Two-sided p of the Mann-Whitney U test.

    Exact for few runs, with ties too: the approximation finds three runs against three different where many are tied,
    though a chance of 1 in 10 is the least that their orders can have.

    Args:
        first: ``(n,)`` results of runs, n at least 1.
        second: ``(m,)`` of others.
    """
    least, total = min(len(first), len(second)), len(first) + len(second)
    together = np.concatenate([first, second])
    tied = len(np.unique(together)) < total
    if not tied or math.comb(total, least) > math.comb(2 * EXACT_UP_TO, EXACT_UP_TO):
        return float(mannwhitneyu(first, second, alternative="two-sided").pvalue)
    ranks = rankdata(together)
    sums = ranks[np.array(list(combinations(range(total), len(first))))].sum(axis=1)
    seen = ranks[: len(first)].sum()
    # Ranks are halves, so that sums are exact.
    return float(min(1.0, 2 * min(np.mean(sums <= seen), np.mean(sums >= seen))))


def effect(first: np.ndarray, second: np.ndarray) -> Effect:
    """A12 with Newcombe's interval (2006, method 5), which has a width even where every run of one side wins.

    Args:
        first: ``(n,)`` results of runs, larger is better, n at least 1.
        second: ``(m,)`` of others.
    """
    n, m = len(first), len(second)
    a12 = float(mannwhitneyu(first, second, method="asymptotic").statistic) / (n * m)
    z, mean = norm.ppf(0.975), (n + m) / 2

    def outside(share: float) -> float:
        spread = (1 - share) / (2 - share) + share / (1 + share)
        return float((a12 - share) ** 2 - z**2 * share * (1 - share) * (1 + (mean - 1) * spread) / (n * m))

    little = 1e-9
    low = brentq(outside, 0.0, a12 - little) if a12 > little else 0.0
    high = brentq(outside, a12 + little, 1.0) if a12 < 1 - little else 1.0
    return Effect(a12, float(low), float(high))


def holm(p: np.ndarray) -> np.ndarray:
    """Correct p-values of several tests (Holm's step-down method, 1979).

    Args:
        p: ``(tests,)``.

    Returns:
        In the same order, at most 1.
    """
    order = np.argsort(p, kind="stable")
    stepped = np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1)) if len(p) else p
    corrected = np.empty(len(p))
    corrected[order] = np.minimum(stepped, 1.0)
    return corrected
