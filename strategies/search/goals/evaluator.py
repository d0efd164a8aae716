"""What a search needs to know about architectures, whoever measures it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, Protocol, runtime_checkable

from lighttrack_nas.search_spaces.space import Architecture


class Evaluator(Protocol):
    """Measures architectures. The search knows nothing else of videos, networks or devices.

    Two architectures of one key get one measurement, and the search copies it: scores ("ao", "overlap", "loss") by
    `Architecture.path()` where `inherits_weights`, by `canonical()` otherwise; costs and latency by `canonical()`.
    """

    @property
    def measurements(self) -> tuple[str, ...]:
        """The names it can give, of `objectives.MEASUREMENTS`."""

    @property
    def inherits_weights(self) -> bool:
        """Whether scores come from weights of a supernet, so that the places of a tower's skips matter."""

    def costs(self, architecture: Architecture) -> Mapping[str, float]:
        """Give the cheap ones, "macs" and "params", and "latency_ms" where a table predicts it; in a few milliseconds.

        A search asks for many architectures that it then does not evaluate. Names that `measurements` lacks are
        ignored.
        """

    def measure(self, architecture: Architecture, names: Collection[str]) -> Mapping[str, float]:
        """Measure the dear ones among `measurements`: all that `costs` does not give.

        Args:
            architecture: What to measure.
            names: Which measurements are wanted.

        Returns:
            A finite number for every name.

        Raises:
            InputError: This architecture cannot be measured; the search notes the reason and goes on with others.
        """

    def record(self) -> dict[str, Any]:
        """Say what it measures with, JSON-able: data, seeds, device, threads, runtime.

        Only what decides the numbers: a search refuses to go on with an evaluator whose record differs.
        """


@runtime_checkable
class CountingEvaluator(Protocol):
    """An evaluator of "macs" that knows what its counter leaves out."""

    @property
    def uncounted(self) -> tuple[str, ...]:
        """Operators that are not counted, such as "aten::fft_rfft2"; empty is good."""


@runtime_checkable
class WatchedLatency(Protocol):
    """An evaluator that can say how noisy its latencies are, while a search goes on."""

    def reference_latency(self) -> float | None:
        """Time one network, always the same: milliseconds; None where latencies are predicted, not measured."""


@runtime_checkable
class LatencyEvaluator(Protocol):
    """An evaluator of "latency_ms" that says on what it measures, and can measure a front again."""

    def latency_record(self) -> dict[str, Any]:
        """Say where latencies come from, and the fingerprint of the device, JSON-able.

        A search refuses to go on where it differs, and latencies of two records never come into one front.
        """

    def latencies_again(
        self, architectures: Sequence[Architecture], progress: Callable[[int, str], None] | None = None
    ) -> list[float]:
        """Measure whole networks against each other: milliseconds, one each, in their order.

        Args:
            architectures: What to measure.
            progress: Told of the steps done, and what they were.
        """
