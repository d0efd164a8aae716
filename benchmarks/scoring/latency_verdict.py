"""Whether the latencies that a search went by can be trusted, from what was measured twice."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from lighttrack_nas.benchmarks.scoring.rank_intervals import Resamples, correlation, estimate

LARGEST_CHANGE = 0.1
LEAST_TAU = 0.5
LARGEST_SPREAD = 1.25
FEWEST = 5
"""Networks below which their order says nothing."""
RULE = (
    f"latencies are called reliable where the front's networks, measured again, take within {LARGEST_CHANGE:.0%} of "
    f"what the search went by in the median, stand in the same order (the 95 % interval of Kendall's tau begins at "
    f"{LEAST_TAU:g} or above), and nine in ten repeats of one network during the search stayed within "
    f"{LARGEST_SPREAD:g} times its least"
)
"""In one sentence. `benchmarks/scripts/latency_rule.py` has the simulation behind it."""
_RESAMPLES = 1000


@dataclass(frozen=True)
class LatencyVerdict:
    """What two measurements of a front's latencies say of each other.

    Attributes:
        reliable: By `RULE`; a part of it that was not measured is left out.
        networks: That were measured again.
        change: By how much they then differ from what the search went by, a fraction, in the median.
        tau: Kendall's rank correlation of both measurements; NaN where there is no order.
        tau_low: Lower end of its 95 % interval, from resampled networks.
        tau_high: Its upper end.
        repeats: How often the reference network was timed during the search; 0 where latencies come from a table.
        spread: The nine in ten quickest of its times, over the least; NaN without repeats.
        reasons: What speaks against, a few words each; empty where they are reliable.
    """

    reliable: bool
    networks: int
    change: float
    tau: float
    tau_low: float
    tau_high: float
    repeats: int
    spread: float
    reasons: tuple[str, ...]

    def __str__(self) -> str:
        """A sentence: the verdict, the figures behind it, and what speaks against."""
        if self.reliable:
            return f"latencies are reliable: {self.figures}"
        return f"latencies are NOT reliable: {self.figures}; against them: {'; '.join(self.reasons)}"

    @property
    def figures(self) -> str:
        """The figures in words."""
        count = f"{self.networks} network{' differs' if self.networks == 1 else 's differ'}"
        parts = [f"measured again, {count} by {self.change:.1%} in the median"]
        if np.isfinite(self.tau):
            interval = f" ({self.tau_low:.2f} to {self.tau_high:.2f})" if self.networks >= FEWEST else ""
            parts.append(f"Kendall's tau of the two orders {self.tau:.2f}{interval}")
        if self.repeats:
            parts.append(
                f"one network, timed {self.repeats} times during the search, up to {self.spread:.2f} times its least"
            )
        return ", ".join(parts)

    def to_dict(self) -> dict[str, Any]:
        """All fields and the rule, JSON-able; None for what there is not."""
        content = {k: None if isinstance(v, float) and not np.isfinite(v) else v for k, v in asdict(self).items()}
        return content | {"reasons": list(self.reasons), "rule": RULE}


def judge_latencies(
    first_ms: np.ndarray, again_ms: np.ndarray, references_ms: Sequence[float] | np.ndarray = ()
) -> LatencyVerdict:
    """Judge the latencies of a search by `RULE`.

    Args:
        first_ms: ``(N,)`` what the search went by, milliseconds, of the front's networks; 1 or more.
        again_ms: ``(N,)`` the same networks, measured again.
        references_ms: ``(R,)`` times of one network, taken during the search.
    """
    count, references = len(first_ms), np.asarray(references_ms, float)
    change = float(np.median(np.abs(again_ms / first_ms - 1)))
    tau, low, high = _order(first_ms, again_ms)
    spread = float(np.quantile(references, 0.9) / references.min()) if len(references) else float("nan")
    order = f"their order may be another: tau {tau:.2f}, from {low:.2f}"
    if not np.isfinite(tau):
        order = "their order cannot be told: all of them took the same time in one of the two measurements"
    against = {
        f"measured again they differ by {change:.0%}": change > LARGEST_CHANGE,
        order: count >= FEWEST and not low >= LEAST_TAU,
        f"one network took up to {spread:.2f} times its least": spread > LARGEST_SPREAD,
    }
    reasons = tuple(words for words, speaks in against.items() if speaks)
    return LatencyVerdict(not reasons, count, change, tau, low, high, len(references), spread, reasons)


def _order(first: np.ndarray, again: np.ndarray) -> tuple[float, float, float]:
    if len(first) < 2:
        return (float("nan"),) * 3
    tau = correlation("kendall", first, again)
    return estimate(tau, Resamples(len(first), _RESAMPLES, 0).correlations("kendall", first, again))
