"""Clocks: the time of a call, and whether something else ran meanwhile.

What else runs on a machine shows in three ways. Calls that it interrupts spread the quartiles; work that begins or ends
in the middle moves one half of the calls against the other; and a process that had to wait for a core spent less
processor time than time. The last says most: beside other busy processes the quartiles of one network lay 2 % apart, at
three and a half times its least, and only the waiting, 66 % of the time, told. Work that slows the memory throughout
shows in none of them, so that several things that shall be compared are timed in turns (`time_in_turns`), not one after
the other.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Mapping
from time import perf_counter, process_time
from typing import NamedTuple, TypeVar

import numpy as np

from lighttrack_nas.trackers.base.progress import Progress

CALM_SPREAD, CALM_DRIFT, CALM_WAIT = 0.25, 0.15, 0.1
"""What a machine that does nothing else stays below, see `Timing`."""
ATTEMPTS = 3
TURN_SECONDS, TURN_CALLS = 0.02, 6
"""Least length and calls of a turn, see `time_in_turns`."""

Step = Callable[[], object]
K = TypeVar("K", bound=Hashable)


class Timing(NamedTuple):
    """Times of one call, repeated.

    Attributes:
        least_ms: The least, milliseconds.
        low_ms: Lower quartile.
        median_ms: Median.
        high_ms: Upper quartile.
        drift: Distance of the medians of both halves of the calls, as a share of the median.
        waited: Share of the time in which the process did not run, 0 to 1.
    """

    least_ms: float
    low_ms: float
    median_ms: float
    high_ms: float
    drift: float
    waited: float

    @property
    def spread(self) -> float:
        """Distance of the quartiles as a share of the median."""
        return (self.high_ms - self.low_ms) / self.median_ms

    @property
    def unrest(self) -> float:
        """How much the machine's other work disturbed; up to 1 it was calm."""
        return max(self.spread / CALM_SPREAD, self.drift / CALM_DRIFT, self.waited / CALM_WAIT)


def time_calmly(step: Step, warmup: int, repeats: int, waits: bool = False) -> tuple[Timing, int]:
    """Time a call; up to three times, until nothing else disturbs.

    Args:
        step: The call.
        warmup: Calls that do not count, before each attempt.
        repeats: Calls that count.
        waits: Whether the call itself waits, as for an accelerator; then waiting is no sign of other work.

    Returns:
        The calmest attempt, and how many were made.
    """
    attempts: list[Timing] = []
    while len(attempts) < ATTEMPTS and not any(attempt.unrest <= 1 for attempt in attempts):
        attempts.append(_attempt(step, warmup, repeats, waits))
    return min(attempts, key=lambda attempt: attempt.unrest), len(attempts)


def turn_seconds(call: float, seconds: float = TURN_SECONDS, warmup: int = 2) -> float:
    """How long a turn of `time_in_turns` takes, seconds, for a call of so many seconds."""
    return warmup * call + max(seconds, TURN_CALLS * call)


def time_in_turns(
    steps: Mapping[K, Step],
    rounds: int,
    *,
    seconds: float = TURN_SECONDS,
    warmup: int = 2,
    progress: Progress | None = None,
) -> dict[K, np.ndarray]:
    """Time several calls in turns, so that what disturbs for a while disturbs all of them alike.

    Args:
        steps: The calls by name.
        rounds: How often each has its turn.
        seconds: Least length of a turn; it has six calls at least.
        warmup: Calls of a turn that do not count.
        progress: Told of every round.

    Returns:
        By name the least time of each turn, milliseconds, ``(rounds,)``. What disturbs only adds time: with two cores
        shared by five busy processes, the least of all turns put networks in the same order twice (Kendall's tau .94),
        their medians did not (.6).
    """
    milliseconds: dict[K, list[float]] = {name: [] for name in steps}
    for _ in range(rounds):
        for name, step in steps.items():
            for _ in range(warmup):
                step()
            times: list[float] = []
            while len(times) < TURN_CALLS or sum(times) < seconds:
                times.append(_seconds(step))
            milliseconds[name].append(min(times) * 1e3)
        if progress is not None:
            progress(1, "timed in turns")
    return {name: np.array(times) for name, times in milliseconds.items()}


def _attempt(step: Step, warmup: int, repeats: int, waits: bool) -> Timing:
    for _ in range(warmup):
        step()
    worked = process_time()
    times = [_seconds(step) for _ in range(repeats)]
    worked = process_time() - worked
    return summary(np.array(times) * 1e3, waited=0.0 if waits else max(0.0, 1 - worked / sum(times)))


def summary(times_ms: np.ndarray, waited: float = 0.0) -> Timing:
    """Sum up times in the order in which they were taken, milliseconds, ``(repeats,)``."""
    least, low, median, high = np.percentile(times_ms, [0, 25, 50, 75]).tolist()
    middle = len(times_ms) / 2
    halves = np.median(times_ms[: math.ceil(middle)]), np.median(times_ms[math.floor(middle) :])
    return Timing(least, low, median, high, drift=float(abs(halves[1] - halves[0]) / median), waited=waited)


def _seconds(step: Step) -> float:
    start = perf_counter()
    step()
    return perf_counter() - start
