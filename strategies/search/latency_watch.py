"""One network that is timed again and again during a search: how far its times lie apart is the noise of all others."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from lighttrack_nas.strategies.search.goals.evaluator import Evaluator, WatchedLatency
from lighttrack_nas.strategies.search.goals.objectives import short_number

EVERY = 5
"""Measured trials from one time of the reference network to the next."""


class LatencyWatch:
    """Has the evaluator time its reference network after the first measured trial, and after every fifth from then on.

    Args:
        evaluator: Of the search; one that cannot, or predicts its latencies, is left alone.
        names: The measurements that the search speaks of; without "latency_ms" nothing is timed.
        before: Times of earlier calls of the same search, milliseconds.
    """

    def __init__(self, evaluator: Evaluator, names: Collection[str], before: Sequence[float] = ()) -> None:
        self._evaluator = evaluator if "latency_ms" in names and isinstance(evaluator, WatchedLatency) else None
        self._times = list(before)
        self._trials = 0

    def after_measured(self) -> float | None:
        """Take note of a measured trial; give the reference's time where it was its turn, milliseconds."""
        self._trials += 1
        if self._evaluator is None or self._trials % EVERY != 1:
            return None
        latency = self._evaluator.reference_latency()
        if latency is not None:
            self._times.append(latency)
        return latency

    @property
    def words(self) -> str:
        """What was seen so far; "" before there are two times."""
        if len(self._times) < 2:
            return ""
        return (
            f"the same network, timed {len(self._times)} times, {_ms(min(self._times))} to {_ms(max(self._times))} ms"
        )


def _ms(value: float) -> str:
    return short_number(float(f"{value:.3g}"))
