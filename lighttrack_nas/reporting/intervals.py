"""Intervals of shares."""

from __future__ import annotations


def share_interval(successes: int, total: int) -> tuple[float, float]:
    """Wilson's 95 % interval of a share; never of zero width.

    Args:
        successes: How many.
        total: Of how many, at least 1.
    """
    from scipy.stats import binomtest

    interval = binomtest(successes, total).proportion_ci(0.95, method="wilson")
    return float(interval.low), float(interval.high)
