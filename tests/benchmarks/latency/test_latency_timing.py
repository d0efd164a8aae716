"""Timing by a clock that follows a script."""

import numpy as np
import pytest

from lighttrack_nas.benchmarks.latency import latency_timing
from lighttrack_nas.benchmarks.latency.latency_timing import Timing, summary, time_calmly, time_in_turns


class Clock:
    """Stands still but for steps, which take what the script says, and a share of it of the processor's time."""

    def __init__(self, milliseconds: list[float], working: float = 1.0) -> None:
        self.milliseconds = iter(milliseconds)
        self.working = working
        self.now = self.worked = 0.0

    def step(self) -> None:
        taken = next(self.milliseconds) / 1e3
        self.now += taken
        self.worked += self.working * taken


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch):
    def make(milliseconds: list[float], working: float = 1.0) -> Clock:
        made = Clock(milliseconds, working)
        monkeypatch.setattr(latency_timing, "perf_counter", lambda: made.now)
        monkeypatch.setattr(latency_timing, "process_time", lambda: made.worked)
        return made

    return make


def attempts(made: Clock, repeats: int = 4, waits: bool = False) -> tuple[Timing, int]:
    return time_calmly(made.step, warmup=1, repeats=repeats, waits=waits)


def test_quartiles_without_the_warm_up(clock) -> None:
    timing, made = attempts(clock([99, 10, 10, 11, 12]))
    assert (timing.least_ms, timing.low_ms, timing.median_ms, timing.high_ms) == pytest.approx((10, 10, 10.5, 11.25))
    assert timing.spread == pytest.approx(1.25 / 10.5)
    assert timing.drift == pytest.approx(1.5 / 10.5)
    assert timing.waited == pytest.approx(0)
    assert made == 1


@pytest.mark.parametrize(
    "disturbed",
    [
        [10, 20, 10, 20],  # the quartiles lie apart
        [10, 10, 12, 12],  # something began in the middle, and the quartiles are near
    ],
)
def test_a_disturbed_measurement_is_made_again(clock, disturbed: list[float]) -> None:
    timing, made = attempts(clock([1, *disturbed, 1, 10, 10, 10, 11]))
    assert made == 2
    assert timing.median_ms == pytest.approx(10)


def test_a_process_that_waits_is_disturbed_though_its_calls_are_alike(clock) -> None:
    timing, made = attempts(clock([10.0] * 15, working=0.5))
    assert (timing.waited, made) == (pytest.approx(0.5), 3)
    timing, made = attempts(clock([10.0] * 15, working=0.5), waits=True)
    assert (timing.waited, made) == (0, 1)


def test_on_a_busy_machine_the_calmest_is_kept(clock) -> None:
    timing, made = attempts(clock([1, 10, 30, 10, 30, 1, 10, 20, 10, 20, 1, 5, 40, 5, 40]))
    assert made == 3
    assert timing.median_ms == pytest.approx(15)
    assert timing.unrest > 1


def test_one_repeat_gives_one_attempt_without_drift(clock) -> None:
    timing, made = attempts(clock([1, 10]), repeats=1)
    assert (timing.least_ms, timing.median_ms, timing.drift, made) == (pytest.approx(10), pytest.approx(10), 0, 1)


def test_an_interruption_hits_one_turn_of_one(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[str] = []
    now = 0.0

    def step(name: str, seconds: float) -> None:
        nonlocal now
        calls.append(name)
        now += seconds * (3 if len(calls) == 4 else 1)  # the fourth call is interrupted

    monkeypatch.setattr(latency_timing, "perf_counter", lambda: now)
    told: list[int] = []
    steps = {"a": lambda: step("a", 0.01), "b": lambda: step("b", 0.004)}
    found = time_in_turns(steps, 3, seconds=0.04, warmup=2, progress=lambda amount, _words: told.append(amount))
    # Two calls that do not count, then six at least, and so many that the turn is long enough.
    assert "".join(calls) == ("a" * 8 + "b" * 12) * 3
    assert found["a"] == pytest.approx(np.full(3, 10))
    assert found["b"] == pytest.approx(np.full(3, 4))
    assert told == [1, 1, 1]


def test_summary_of_an_odd_number_counts_the_middle_in_both_halves() -> None:
    assert summary(np.array([1.0, 2.0, 3.0])).drift == pytest.approx(1 / 2)
