"""How long a network takes for one frame on this machine and a runtime, measured so that two figures can be compared.

What is timed is one call of the runtime's program, as a tracker makes it: numpy arrays in, numpy arrays out, on every
runtime alike. On the CPU torch shares the arrays' memory; with an accelerator the copies there and back are part of it.
Cropping the frame and reading the answer are not: `tracker_step.py` among the scripts says what these add.

With two threads or more a runtime's pool goes on spinning after its work, at the cost of whatever runs next in the
process: on two cores the least time of ONNX Runtime rose by a half after a call of torch or OpenVINO, torch's by more
than that after the others. So runtimes that shall be compared are timed in processes of their own (`measure_apart`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any

import numpy as np

from lighttrack_nas.benchmarks.latency.fingerprint import Fingerprint, take_fingerprint
from lighttrack_nas.benchmarks.latency.latency_programs import (
    BRANCHES,
    Subject,
    branch_step,
    checked_options,
    fixed_threads,
)
from lighttrack_nas.benchmarks.latency.latency_timing import (
    CALM_DRIFT,
    CALM_SPREAD,
    CALM_WAIT,
    summary,
    time_calmly,
    time_in_turns,
)
from lighttrack_nas.search_spaces.space import Space
from lighttrack_nas.trackers.base.errors import InputError
from lighttrack_nas.trackers.base.names import checked_name
from lighttrack_nas.trackers.base.processes import fresh_process
from lighttrack_nas.trackers.base.progress import Progress
from lighttrack_nas.trackers.runtimes.program import Options
from lighttrack_nas.trackers.runtimes.runtime_registry import checked_runtime


@dataclass(frozen=True)
class LatencySettings:
    """How a search measures latency.

    Attributes:
        runtime: See `measure_latency`; so are the others.
        threads: On the CPU.
        device: "cpu", or what the runtime calls its accelerator.
        precision: In which the program computes.

    Raises:
        InputError: An unknown runtime, one that is not installed, an unknown precision, or no thread.
    """

    runtime: str = "torch"
    threads: int = 1
    device: str = "cpu"
    precision: str = "float32"

    def __post_init__(self) -> None:
        checked_options(self.threads, self.device, self.precision)
        checked_runtime(self.runtime, writing=True)

    def try_out(self, space: Space) -> None:
        """Time one network of a space once, so that what cannot work is known before a search.

        Raises:
            InputError: As `measure_latency`.
        """
        architecture = space.sample(np.random.default_rng(0))
        measure_latency(architecture, **asdict(self), warmup=0, repeats=1)

    def fingerprint(self) -> Fingerprint:
        """Of this machine with these settings."""
        return take_fingerprint(self.runtime, Options(self.threads, self.device, self.precision))


@dataclass(frozen=True)
class Latency:
    """Milliseconds for one frame, and what they were measured with.

    Attributes:
        least_ms: Of the repeats: nearest to what the device takes when it does nothing else.
        low_ms: Lower quartile.
        median_ms: Median.
        high_ms: Upper quartile.
        repeats: Timed calls, of the calmest attempt; of measurements in turns, the turns.
        attempts: Measurements made; more than one if the machine was busy.
        drift: Distance of the medians of both halves of the repeats, as a share of the median.
        waited: Share of the time in which this process did not run; 0 where the call itself waits for a device.
        branch: "track" or "template".
        input_size: Side of the crop, pixels.
        fingerprint: Runtime, versions, processor, threads, precision.
    """

    least_ms: float
    low_ms: float
    median_ms: float
    high_ms: float
    repeats: int
    attempts: int
    drift: float
    waited: float
    branch: str
    input_size: int
    fingerprint: Fingerprint

    @property
    def spread(self) -> float:
        """Distance of the quartiles as a share of the median."""
        return (self.high_ms - self.low_ms) / self.median_ms

    @property
    def disturbance(self) -> str:
        """What the machine's other work did to the measurement, in words; "" if nothing was seen of it."""
        seen = {
            f"waited {self.waited:.0%} of the time": self.waited > CALM_WAIT,
            f"quartiles {self.spread:.0%} apart": self.spread > CALM_SPREAD,
            f"halves {self.drift:.0%} apart": self.drift > CALM_DRIFT,
        }
        return ", ".join(text for text, is_so in seen.items() if is_so)

    def to_dict(self) -> dict[str, Any]:
        """All fields and the disturbance, JSON-able."""
        return asdict(self) | {"fingerprint": self.fingerprint.to_dict(), "disturbance": self.disturbance}


def measure_latency(
    subject: Subject,
    *,
    runtime: str = "torch",
    threads: int = 1,
    device: str = "cpu",
    precision: str = "float32",
    branch: str = "track",
    warmup: int = 5,
    repeats: int = 30,
) -> Latency:
    """Time an architecture or a plain network: batch 1, eval mode, its own (smaller) search size.

    If something else was running (see `Latency.disturbance`), the measurement is made up to three times, and the
    calmest is kept.

    Args:
        subject: An architecture, which is built with random weights, or a network, of which a copy is timed.
        runtime: Of `trackers.runtimes.program.RUNTIMES`. All run the deployed form (`trackers.network.reparameterise`):
            "torch" with its norms, the others with the norms folded, as it is exported.
        threads: On the CPU; torch's own number is restored after it.
        device: "cpu", or what the runtime calls its accelerator, such as "cuda".
        precision: "float32", or "float16" and "bfloat16" where the runtime offers them.
        branch: "track" for a frame, the template's features given, or "template".
        warmup: Calls that do not count, before each attempt.
        repeats: Calls that count.

    Raises:
        InputError: An unknown runtime, one that is not installed or cannot run the network, an unknown branch,
            precision or device, no thread, or no repeat.
    """
    for name, value, least in (("repeats", repeats, 1), ("warmup", warmup, 0)):
        if value < least:
            raise InputError(f"{name}: at least {least} expected, got {value}")
    options = checked_options(threads, device, precision)
    with fixed_threads(threads):
        step, size = branch_step(subject, checked_name(branch, BRANCHES, "branch"), runtime, options)
        timing, attempts = time_calmly(step, warmup, repeats, waits=device != "cpu")
    return Latency(
        **timing._asdict(),
        repeats=repeats,
        attempts=attempts,
        branch=branch,
        input_size=size,
        fingerprint=take_fingerprint(runtime, options),
    )


def measure_in_turns(
    subjects: Sequence[Subject],
    *,
    runtime: str = "torch",
    threads: int = 1,
    device: str = "cpu",
    precision: str = "float32",
    rounds: int = 10,
    progress: Progress | None = None,
) -> list[Latency]:
    """Time several networks against each other: all are open at once, and run in turns.

    Args:
        subjects: As for `measure_latency`; of each, the frame's branch is timed.
        runtime: See `measure_latency`.
        threads: See there.
        device: See there.
        precision: See there.
        rounds: Turns of each.
        progress: Told of every network made and of every round, with what it was.

    Returns:
        One each, in their order; a turn counts by its least time. Compare them by `least_ms`.

    Raises:
        InputError: As `measure_latency`.
    """
    tell = progress or (lambda _amount, _where: None)
    options = checked_options(threads, device, precision)
    with fixed_threads(threads):
        steps, sizes = {}, []
        for number, subject in enumerate(subjects):
            steps[number], size = branch_step(subject, "track", runtime, options)
            sizes.append(size)
            tell(1, "networks are made")
        times = time_in_turns(steps, rounds, progress=tell)
    fingerprint = take_fingerprint(runtime, options)
    return [
        Latency(
            **summary(times[number])._asdict(),
            repeats=rounds,
            attempts=1,
            branch="track",
            input_size=size,
            fingerprint=fingerprint,
        )
        for number, size in enumerate(sizes)
    ]


def measure_apart(subject: Subject, runtimes: Sequence[str], **settings: Any) -> Iterator[Latency]:
    """Time a network on several runtimes, each in a fresh process, in which no other has left threads.

    Args:
        subject: See `measure_latency`.
        runtimes: Their names.
        settings: Of `measure_latency`.

    Yields:
        One each, in their order.

    Raises:
        InputError: As `measure_latency`.
    """
    for runtime in runtimes:
        checked_runtime(runtime, writing=True)
    for runtime in runtimes:
        with fresh_process() as process:
            yield process.submit(partial(measure_latency, subject, runtime=runtime, **settings)).result()
