"""Intervals of shares, and the tests that agree with them."""

from __future__ import annotations

from typing import NamedTuple


def share_interval(successes: int, total: int) -> tuple[float, float]:
    """Wilson's 95 % interval of a share; never of zero width.

    Args:
        successes: How many.
        total: Of how many, at least 1.
    """
    from scipy.stats import binomtest

    interval = binomtest(successes, total).proportion_ci(0.95, method="wilson")
    return float(interval.low), float(interval.high)


class ShareTest(NamedTuple):
    """A share against one that is expected.

    Attributes:
        low: Lower end of the share's 95 % interval.
        high: Its upper end.
        p: Two-sided; below .05 exactly where the expected share lies outside the interval.
    """

    low: float
    high: float
    p: float


def share_test(successes: int, total: int, expected: float) -> ShareTest:
    """Compare a share with an expected one, by the binomial distribution with mid-p (Lancaster 1961).

    Exact tests of a few draws are too careful, and Wilson's interval is too bold for one or two. Half of the chance of
    what was seen counts, which holds its level within a little on both sides.

    Args:
        successes: How many.
        total: Of how many, at least 1.
        expected: The share under chance, 0 to 1.
    """
    from scipy.optimize import brentq
    from scipy.stats import binom

    def above(share: float) -> float:
        return float(binom.sf(successes, total, share) + binom.pmf(successes, total, share) / 2)

    def below(share: float) -> float:
        return float(binom.cdf(successes, total, share) - binom.pmf(successes, total, share) / 2)

    low = brentq(lambda share: above(share) - 0.025, 0.0, 1.0) if successes else 0.0
    high = brentq(lambda share: below(share) - 0.025, 0.0, 1.0) if successes < total else 1.0
    return ShareTest(float(low), float(high), min(1.0, 2 * min(above(expected), below(expected))))
