"""How the "latency_ms" of a search's networks comes about: predicted by a table, or measured on a device."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from functools import cached_property
from typing import Any

import numpy as np

from lighttrack_nas.benchmarks.latency.latency_measuring import LatencySettings, measure_in_turns, measure_latency
from lighttrack_nas.benchmarks.latency.latency_table import LatencyTable
from lighttrack_nas.search_spaces.space import Architecture, Space
from lighttrack_nas.trackers.base.errors import InputError
from lighttrack_nas.trackers.base.progress import Progress
from lighttrack_nas.trackers.network.network import SiameseNetwork

AGAIN_ROUNDS = 12
"""Turns of each network in `SearchLatency.again`."""


class SearchLatency:
    """The latency of one space's networks: of a tracked frame, in milliseconds.

    Args:
        space: The space.
        latency: How it is measured, or a table that predicts it in microseconds; None measures in torch, with one
            thread.
        device: Where None measures.

    Attributes:
        table: What predicts it; None where it is measured.

    Raises:
        InputError: The table is of another space, or an impossible device.
    """

    def __init__(self, space: Space, latency: LatencySettings | LatencyTable | None, device: str) -> None:
        self._space, self._device = space, device
        self.table = latency if isinstance(latency, LatencyTable) else None
        if isinstance(latency, LatencyTable):
            made = latency.fingerprint
            self._settings = LatencySettings(made.runtime, made.threads, made.device, made.precision)
            if latency.space != space:
                raise InputError(
                    f"the latency table is of space '{latency.space.name}' ({latency.space.hash}), the supernet of "
                    f"'{space.name}' ({space.hash})"
                )
        else:
            self._settings = latency or LatencySettings(device=device)

    def predicted(self, architecture: Architecture) -> dict[str, float]:
        """As the table predicts it, under "latency_ms"; nothing where it is measured."""
        return {} if self.table is None else {"latency_ms": self.table.latency_ms(architecture)}

    def measure(self, network: SiameseNetwork | Architecture) -> float:
        """The least of 30 times of a network."""
        return measure_latency(network, **asdict(self._settings)).least_ms

    def again(self, architectures: Sequence[Architecture], progress: Progress | None = None) -> list[float]:
        """Measure whole networks against each other, in turns.

        Args:
            architectures: Of the space.
            progress: Told of steps done, a step each and `AGAIN_ROUNDS` more, and what they were.

        Returns:
            The least time of each: what it takes on a device that does nothing else.
        """
        settings = asdict(self._settings)
        latencies = measure_in_turns(architectures, **settings, rounds=AGAIN_ROUNDS, progress=progress)
        return [latency.least_ms for latency in latencies]

    def reference(self) -> float | None:
        """Time one network of the space, always the same; None with a table.

        How far such times lie apart during a search is the noise of its latencies.
        """
        return None if self.table is not None else self.measure(self._reference)

    def record(self) -> dict[str, Any]:
        """What it is measured on, or predicted from, JSON-able."""
        fingerprint = self._settings.fingerprint().to_dict()
        if self.table is None:
            return {"source": "measured", "statistic": "least"} | fingerprint
        return {"source": "table", "table": self.table.digest} | fingerprint

    def settings_record(self) -> dict[str, Any]:
        """What a search's study says of it, JSON-able: a search goes on with the same alone."""
        plain = LatencySettings(threads=self._settings.threads, device=self._device)
        if self.table is None and self._settings == plain:
            return {"latency_threads": plain.threads}  # as journals of version 0.2 have it, which go on
        source = "measured" if self.table is None else "table"
        return {"latency": {"source": source} | asdict(self._settings)}

    @cached_property
    def _reference(self) -> Architecture:
        """What `LatencySettings.try_out` times as well."""
        return self._space.sample(np.random.default_rng(0))
