"""How long a network takes for one frame on this machine, measured so that two figures can be compared.

The network alone is timed: one crop, random input, no gradients. `tracker_step.py` among the scripts says what the
tracker adds. Runs that the machine's other work disturbed show in the spread of the repeats and are made again.
"""

from __future__ import annotations

import copy
import platform
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from time import perf_counter
from typing import Any

import numpy as np
import torch

from lighttrack_nas.search_spaces.architecture import Architecture
from lighttrack_nas.trackers.errors import InputError
from lighttrack_nas.trackers.names import checked_name
from lighttrack_nas.trackers.network import SiameseNetwork

RUNTIMES = {"torch": "torch-eager"}
"""What can run a network, and what results call it."""
BRANCHES = ("track", "template")
"""What can be timed: the work of every frame, and the work of once a target."""
_CALM = 0.25
_ATTEMPTS = 3


@dataclass(frozen=True)
class Latency:
    """Milliseconds for one frame, and what they were measured with.

    Attributes:
        median_ms: Of the repeats.
        low_ms: Lower quartile.
        high_ms: Upper quartile.
        repeats: Timed runs, of the quietest attempt.
        attempts: Measurements made; more than one if the machine was busy.
        runtime: "torch-eager".
        threads: On the CPU.
        device: "cpu", "cuda" ...
        branch: "track" or "template".
        input_size: Side of the crop, pixels.
        dtype: Of weights and input.
        processor: The device's name as far as the system tells it, with the CPU's vector instructions.
        torch: Version.
    """

    median_ms: float
    low_ms: float
    high_ms: float
    repeats: int
    attempts: int
    runtime: str
    threads: int
    device: str
    branch: str
    input_size: int
    dtype: str
    processor: str
    torch: str

    @property
    def spread(self) -> float:
        """Distance of the quartiles as a share of the median; above 0.25 the machine was busy throughout."""
        return (self.high_ms - self.low_ms) / self.median_ms

    def to_dict(self) -> dict[str, Any]:
        """All fields, JSON-able."""
        return asdict(self)


def measure_latency(
    subject: Architecture | SiameseNetwork,
    *,
    runtime: str = "torch",
    threads: int = 1,
    device: str = "cpu",
    branch: str = "track",
    warmup: int = 5,
    repeats: int = 30,
) -> Latency:
    """Time an architecture or a plain network: batch 1, float32, eval mode, its own (smaller) search size.

    If the quartiles lie further apart than a quarter of the median, something else was running: the measurement is made
    up to three times and the quietest is kept.

    Args:
        subject: An architecture, which is built with random weights, or a network, of which a copy is timed.
        runtime: "torch".
        threads: Torch's threads during the measurement; what was set before is restored.
        device: "cpu", "cuda" ...
        branch: "track" for a frame, the template's features given, or "template".
        warmup: Runs that do not count, before each attempt.
        repeats: Runs that count.

    Raises:
        InputError: An unknown runtime, branch or device, no thread, or no repeat.
    """
    checked_name(runtime, RUNTIMES, "runtime")
    checked_name(branch, BRANCHES, "branch")
    for name, value, least in (("threads", threads, 1), ("repeats", repeats, 1), ("warmup", warmup, 0)):
        if value < least:
            raise InputError(f"{name}: at least {least} expected, got {value}")
    place = checked_device(device)
    network = _fresh(subject) if isinstance(subject, Architecture) else copy.deepcopy(subject)
    network.eval().to(place)
    side = network.geometry.template_size if branch == "template" else network.geometry.search_sizes[0]
    with _threads(threads), torch.inference_mode():
        step = _step(network, branch, place)
        attempts: list[tuple[float, float, float]] = []
        while len(attempts) < _ATTEMPTS and not any(_spread(attempt) <= _CALM for attempt in attempts):
            attempts.append(_quartiles(step, place, warmup, repeats))
    low, median, high = min(attempts, key=_spread)
    return Latency(
        median_ms=median,
        low_ms=low,
        high_ms=high,
        repeats=repeats,
        attempts=len(attempts),
        runtime=RUNTIMES[runtime],
        threads=threads,
        device=str(place),
        branch=branch,
        input_size=side,
        dtype=str(next(network.parameters()).dtype).removeprefix("torch."),
        processor=processor_name(place),
        torch=torch.__version__,
    )


def checked_device(name: str) -> torch.device:
    """The device of a name.

    Raises:
        InputError: Torch does not know it, or cannot use it here.
    """
    try:
        return torch.empty(0, device=name).device
    except (RuntimeError, AssertionError) as error:
        raise InputError(f"device '{name}' cannot be used here: {str(error).splitlines()[0]}") from None


def processor_name(device: torch.device) -> str:
    """What a device is called, as far as the system tells it without being asked much."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return f"{platform.processor() or platform.machine()}, {torch.backends.cpu.get_cpu_capability()}"


def _fresh(architecture: Architecture) -> SiameseNetwork:
    # Weights of ordinary size: denormal numbers would cost extra.
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return architecture.space.network(architecture)


def _step(network: SiameseNetwork, branch: str, device: torch.device) -> Callable[[], object]:
    generator = torch.Generator().manual_seed(0)

    def image(size: int) -> torch.Tensor:
        return torch.randn(1, 3, size, size, generator=generator).to(device)

    template, search = image(network.geometry.template_size), image(network.geometry.search_sizes[0])
    if branch == "template":
        return lambda: network.template(template)
    features = network.template(template)
    return lambda: network.track(features, search)


def _quartiles(
    step: Callable[[], object], device: torch.device, warmup: int, repeats: int
) -> tuple[float, float, float]:
    """Lower quartile, median and upper quartile of the repeats, milliseconds."""

    def run() -> None:
        step()
        if device.type == "cuda":
            torch.cuda.synchronize(device)

    for _ in range(warmup):
        run()
    times = []
    for _ in range(repeats):
        start = perf_counter()
        run()
        times.append(perf_counter() - start)
    low, median, high = np.percentile(times, [25, 50, 75]) * 1e3
    return float(low), float(median), float(high)


def _spread(quartiles: tuple[float, float, float]) -> float:
    low, median, high = quartiles
    return (high - low) / median


@contextmanager
def _threads(number: int) -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(number)
    try:
        yield
    finally:
        torch.set_num_threads(before)
