"""Latency of any architecture of a space on one device and runtime, in microseconds, from pieces that were timed once.

A network's time is not the sum of its pieces' times: a piece alone pays for a call, and finds its weights in the cache.
So the sums are corrected, part by part, by what whole networks took, and the table says how far it is off for networks
that had no part in it. `latency_build.py` makes tables.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import FiniteFloat

from lighttrack_nas.benchmarks.latency.fingerprint import (
    Fingerprint,
    fingerprint_differences,
    take_fingerprint,
)
from lighttrack_nas.benchmarks.latency.latency_pieces import LATENCY_PARTS, Pieces, TimedPlace, find_pieces
from lighttrack_nas.benchmarks.sums.elimination import Factor, minimum
from lighttrack_nas.benchmarks.sums.place_sums import PlaceSums
from lighttrack_nas.search_spaces.space import Architecture, Space
from lighttrack_nas.trackers.base.errors import InputError
from lighttrack_nas.trackers.base.files import write_atomically
from lighttrack_nas.trackers.base.parsing import in_form, parse_json, read_text
from lighttrack_nas.trackers.runtimes.program import Options

FORMAT = "lighttrack-nas-latency-table-1"


@dataclass(frozen=True)
class Correction:
    """From the times of pieces to the time of a network.

    Attributes:
        rest_ms: What a network takes besides its pieces.
        factors: By part: on the times of its pieces.
        extra_ms: By part: for each piece, besides; below 0 where a call of its own costs more than going on.
    """

    rest_ms: FiniteFloat
    factors: Mapping[str, FiniteFloat]
    extra_ms: Mapping[str, FiniteFloat]


@dataclass(frozen=True)
class Check:
    """How far a table is off, over networks that had no part in it.

    Attributes:
        networks: Their number, drawn uniformly over MACs.
        median_error: Median of the relative error, a fraction.
        p90_error: Its 90th percentile.
        tau: Kendall's rank correlation of predictions and measurements.
        repeat_error: Median relative difference of two measurements of the same networks.
        repeat_tau: Their rank correlation, beyond which no prediction can be expected to go. Each of the two had half
            of the turns, so that it is a little too low.
        slowdown: By round, how much longer than its least everything took in sum; 1.0 on a machine that is all ours.
    """

    networks: int
    median_error: float
    p90_error: float
    tau: float
    repeat_error: float
    repeat_tau: float
    slowdown: tuple[float, ...]


@dataclass(frozen=True)
class _File:
    """What is taken from a table's file, of the names that `LatencyTable.to_dict` gives."""

    space: str
    space_hash: str
    fingerprint: Fingerprint
    made: dict[str, Any]
    check: Check
    correction: Correction
    pieces_ms: dict[str, FiniteFloat]


class LatencyTable:
    """Predicts the latency of a tracked frame.

    Args:
        pieces: Of the space.
        fingerprint: What the pieces were timed on.
        times_ms: By piece.
        correction: From pieces to networks.
        check: How far the table is off.
        made: With what, JSON-able: networks, rounds, seed, versions.

    Attributes:
        space: The pieces' space.
        fingerprint: As given.
        correction: As given.
        check: As given.
    """

    def __init__(
        self,
        pieces: Pieces,
        fingerprint: Fingerprint,
        times_ms: Mapping[str, float],
        correction: Correction,
        check: Check,
        made: Mapping[str, Any],
    ) -> None:
        self.space = pieces.space
        self.fingerprint = fingerprint
        self.correction = correction
        self.check = check
        self._pieces = pieces
        self._times = dict(times_ms)
        self._made = dict(made)
        self._sums = PlaceSums(self.space, [self._factor(place) for place in pieces.places])

    def predict(self, architectures: Iterable[Architecture]) -> np.ndarray:
        """Latencies of architectures.

        Args:
            architectures: N of the table's space.

        Returns:
            Milliseconds, float64 ``(N,)``.

        Raises:
            InputError: One is of another space.
        """
        return np.array([self.latency_ms(architecture) for architecture in architectures], float)

    def latency_ms(self, architecture: Architecture) -> float:
        """Latency of one architecture, milliseconds; equal for all that build the same network.

        Raises:
            InputError: It is of another space.
        """
        self.space.require(architecture)
        # A sum in another order may differ in its last bits, and one network would have two latencies.
        return round(float(self._sums.of(architecture.values)) + self.correction.rest_ms, 9)

    @property
    def factors(self) -> list[Factor]:
        """A table a place, milliseconds, whose sum is a network's latency."""
        rest = Factor((), np.array(self.correction.rest_ms))
        return [rest, *(self._factor(place) for place in self._pieces.places)]

    @property
    def ends(self) -> tuple[float, float]:
        """The least and the greatest latency of all networks of the space, milliseconds."""
        signed = [[Factor(factor.labels, sign * factor.values) for factor in self.factors] for sign in (1, -1)]
        ends = [self._latency_at(minimum(factors)) for factors in signed]
        return ends[0], ends[1]

    def _latency_at(self, numbers: Mapping[str, int]) -> float:
        labels = self.space.labels.items()
        return self.latency_ms(self.space.architecture({label: v[numbers.get(label, 0)] for label, v in labels}))

    def checked(self, check: Check) -> LatencyTable:
        """The same table with a check of it."""
        return LatencyTable(self._pieces, self.fingerprint, self._times, self.correction, check, self._made)

    @property
    def digest(self) -> str:
        """Sixteen hexadecimal digits that tell the table from others."""
        return _digest(self._content())[:16]

    def save(self, path: Path | str) -> None:
        """Write the table as JSON."""
        write_atomically(Path(path), json.dumps(self.to_dict(), indent=1) + "\n")

    @classmethod
    def load(cls, path: Path | str, space: Space, wanted: Fingerprint | None = None) -> LatencyTable:
        """Read a table for this machine.

        Args:
            path: The file.
            space: Of which the table must be.
            wanted: What it must have been measured on; None: this machine with what is installed on it now, and the
                table's own runtime, threads and precision.

        Raises:
            InputError: The file cannot be read or was changed, or is of another space, device or version.
        """
        where = f"latency table '{path}'"
        content = parse_json(read_text(Path(path), "latency table"), where)
        if not isinstance(content, dict) or content.get("format") != FORMAT:
            raise InputError(f"{where}: no latency table of this version ({FORMAT}): build it again")
        digest = content.pop("digest", None)
        if digest != _digest(content):
            raise InputError(f"{where} was changed or damaged: build it again")
        file: _File = in_form(content, _File, where, "build it again")
        if file.space_hash != space.hash:
            raise InputError(
                f"{where} is of space '{file.space}' ({file.space_hash}), not of '{space.name}' "
                f"({space.hash}): build one with `lighttrack-nas latency-table --space`"
            )
        fingerprint = file.fingerprint
        here = wanted or take_fingerprint(
            fingerprint.runtime, Options(fingerprint.threads, fingerprint.device, fingerprint.precision)
        )
        different = fingerprint_differences(fingerprint.to_dict(), here.to_dict())
        if different:
            raise InputError(
                f"{where} was not measured on what is asked for ({different}): build one here with "
                "`lighttrack-nas latency-table`"
            )
        pieces = find_pieces(space)
        if set(pieces.pieces) != set(file.pieces_ms):
            raise InputError(f"{where} has other pieces than the space has now: build it again")
        if not set(file.correction.factors) == set(file.correction.extra_ms) == set(LATENCY_PARTS):
            raise InputError(f"{where} corrects other parts than {', '.join(LATENCY_PARTS)}: build it again")
        return cls(pieces, fingerprint, file.pieces_ms, file.correction, file.check, file.made)

    def to_dict(self) -> dict[str, Any]:
        """What `save` writes, JSON-able, with the digest."""
        content = self._content()
        return {"digest": _digest(content)} | content

    def _content(self) -> dict[str, Any]:
        return {
            "format": FORMAT,
            "space": self.space.name,
            "space_hash": self.space.hash,
            "fingerprint": self.fingerprint.to_dict(),
            "made": self._made,
            "check": asdict(self.check) | {"slowdown": list(self.check.slowdown)},
            "correction": asdict(self.correction),
            "pieces_ms": self._times,
        }

    def _factor(self, place: TimedPlace) -> Factor:
        """What a place adds to a network, milliseconds, by the choices on which it depends; nothing is 0."""
        labels = [self.space.labels[label] for label in place.labels]
        values = np.zeros([len(candidates) for candidates in labels])
        for chosen, name in place.pieces.items():
            indices = tuple(candidates.index(value) for candidates, value in zip(labels, chosen, strict=True))
            values[indices] = (
                self.correction.factors[place.part] * self._times[name] + self.correction.extra_ms[place.part]
            )
        return Factor(place.labels, values)


def _digest(content: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
