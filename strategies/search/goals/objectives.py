"""What a search wants, and what it must keep to."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal, TypeVar, get_args

from lighttrack_nas.trackers.base.errors import InputError
from lighttrack_nas.trackers.base.names import checked_name
from lighttrack_nas.trackers.base.parsing import short

Direction = Literal["maximize", "minimize"]
Sense = Literal["<=", ">="]
T = TypeVar("T")

TRACKED = ("ao", "sr50", "sr75", "success_auc", "precision", "normalised_precision", "presence")
"""Figures of tracks, fractions all: average overlap, shares of frames with overlap above .5 and .75, areas under the
curves of success and normalised precision, share of frames within 20 pixels (`benchmarks.evaluation.metrics`); area
under the curve of frames with the target against those without (`benchmarks.evaluation.presence_metrics`)."""
MEASUREMENTS = (*TRACKED, "score", "overlap", "loss", "nsr", "proxy", "macs", "params", "latency_ms")
"""Figures of tracks, a weighted sum of scores that the user defines, mean overlap on fixed pairs (a fraction), loss on
them, the sum over places of noise-to-signal ratios against a teacher (`benchmarks.scoring.place_scores`), a zero-cost
proxy of quality, multiply-adds of a tracked frame, parameters, milliseconds of a tracked frame."""

_NATURAL: Mapping[str, Direction] = MappingProxyType(dict.fromkeys((*TRACKED, "score", "overlap", "proxy"), "maximize"))
_SCALES = {"K": 1e3, "M": 1e6, "G": 1e9}
_NUMBER = r"[0-9]*\.?[0-9]+(?:[eE][+-]?[0-9]+)?"
_CONSTRAINT = re.compile(rf"\s*([^<>=\s]*)\s*(<=|>=)\s*({_NUMBER})\s*([KMG]?)\s*", re.ASCII | re.IGNORECASE)


@dataclass(frozen=True)
class Objective:
    """A measurement to make large or small.

    Attributes:
        name: Of `MEASUREMENTS`.
        direction: "maximize" or "minimize".
    """

    name: str
    direction: Direction

    def __post_init__(self) -> None:
        checked_name(self.name, MEASUREMENTS, "objective")
        checked_name(self.direction, get_args(Direction), "direction")

    def __str__(self) -> str:
        return f"{self.direction} {self.name}"

    @property
    def sign(self) -> float:
        """1.0 where small is good, -1.0 where large is: times a value, it gives what to make small."""
        return -1.0 if self.direction == "maximize" else 1.0

    @classmethod
    def parse(cls, text: str) -> Objective:
        """Read "maximize ao", "minimize macs", or a name alone, which goes its natural way.

        That is up for figures of tracks, score, overlap and proxy, and down for the others.

        Raises:
            InputError: Unknown measurement or direction, or more words than two.
        """
        words = text.split()
        if len(words) not in (1, 2):
            raise InputError(f"objective '{text}': expected 'maximize NAME', 'minimize NAME' or NAME alone")
        name = checked_name(words[-1], MEASUREMENTS, "objective")
        if len(words) == 1:
            return cls(name, _NATURAL.get(name, "minimize"))
        checked_name(words[0], get_args(Direction), f"direction in objective '{text}':")
        return cls(name, "maximize" if words[0] == "maximize" else "minimize")


@dataclass(frozen=True)
class Constraint:
    """A bound that a network must keep.

    Attributes:
        name: Of `MEASUREMENTS`.
        limit: The bound, itself allowed; above 0.
        sense: "<=" for a largest value, ">=" for a smallest.
    """

    name: str
    limit: float
    sense: Sense = "<="

    def __post_init__(self) -> None:
        checked_name(self.name, MEASUREMENTS, "measurement to constrain")
        checked_name(self.sense, get_args(Sense), "comparison")
        if not (math.isfinite(self.limit) and self.limit > 0):
            raise InputError(f"constraint on '{self.name}': the limit must be a number above 0, got {self.limit}")

    def __str__(self) -> str:
        return f"{self.name} {self.sense} {_exact_number(self.limit)}"

    @classmethod
    def parse(cls, text: str) -> Constraint:
        """Read "macs <= 600M", "params<=2e6", "ao >= 0.5"; K, M and G stand for thousands, millions and milliards.

        Raises:
            InputError: Malformed, an unknown measurement, or a limit that is not above 0.
        """
        parts = _CONSTRAINT.fullmatch(text)
        if parts is None:
            raise InputError(
                f"constraint '{text}': expected a measurement, <= or >=, and a number, such as 'macs <= 600M'; or one "
                "of the sets " + ", ".join(CONSTRAINT_SETS)
            )
        name, sense, number, suffix = parts.groups()
        checked_name(name, MEASUREMENTS, f"measurement in constraint '{text}':")
        limit = float(number) * _SCALES.get(suffix.upper(), 1.0)
        return cls(name, limit, "<=" if sense == "<=" else ">=")

    def violation(self, measurements: Mapping[str, float]) -> float:
        """By what part of the limit a network breaks it: 0 where it keeps it, 0.1 for 660M where 600M are allowed.

        Args:
            measurements: Value by name; holds this constraint's.
        """
        ratio = measurements[self.name] / self.limit
        return max(0.0, ratio - 1.0 if self.sense == "<=" else 1.0 - ratio)


CONSTRAINT_SETS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "Mobile": ("macs <= 600M", "params <= 2M"),
        "LargeA": ("macs <= 800M", "params <= 3M"),
        "LargeB": ("macs <= 800M", "params <= 4M"),
    }
)
"""The bounds of LightTrack's three sizes (https://arxiv.org/abs/2104.14545)."""


def parse_objectives(objectives: str | Objective | Iterable[str | Objective]) -> tuple[Objective, ...]:
    """Read the objectives of a search.

    Args:
        objectives: Texts as `Objective.parse` reads them, or objectives; one or several.

    Raises:
        InputError: None, a mistake in one, or two on one measurement.
    """
    given = _listed(objectives, Objective, "objectives")
    parsed = tuple(item if isinstance(item, Objective) else Objective.parse(item) for item in given)
    if not parsed:
        raise InputError("no objective was given: a search needs one or more, such as 'ao' and 'macs'")
    names = [objective.name for objective in parsed]
    doubled = [name for name in names if names.count(name) > 1]
    if doubled:
        raise InputError(f"two objectives on '{doubled[0]}': a measurement can be one objective only")
    return parsed


def parse_constraints(constraints: str | Constraint | Iterable[str | Constraint]) -> tuple[Constraint, ...]:
    """Read the constraints of a search.

    Args:
        constraints: Texts as `Constraint.parse` reads them, names of `CONSTRAINT_SETS`, or constraints; any number.

    Returns:
        Each once, sets taken apart, in the given order.

    Raises:
        InputError: A mistake in one.
    """
    given = _listed(constraints, Constraint, "constraints")
    parsed: list[Constraint] = []
    for item in given:
        if isinstance(item, Constraint):
            parsed.append(item)
        elif item.strip().replace("_", "").isalnum():
            name = checked_name(item.strip(), CONSTRAINT_SETS, "constraint set", "or write one as 'macs <= 600M'")
            parsed += map(Constraint.parse, CONSTRAINT_SETS[name])
        else:
            parsed.append(Constraint.parse(item))
    return tuple(dict.fromkeys(parsed))


def _listed(given: str | T | Iterable[str | T], kind: type[T], what: str) -> list[str | T]:
    """One or several texts or values as a list."""
    listed = [given] if isinstance(given, (str, kind)) else list(given) if isinstance(given, Iterable) else None
    if listed is None or not all(isinstance(value, (str, kind)) for value in listed):
        raise InputError(f"{what}: expected texts, or values of {kind.__name__}, got {short(given)}")
    return listed


def total_violation(constraints: Iterable[Constraint], measurements: Mapping[str, float]) -> float:
    """The sum of the violations of those constraints whose measurement is known; 0 where all are kept."""
    return sum((c.violation(measurements) for c in constraints if c.name in measurements), start=0.0)


def short_number(value: float) -> str:
    """Write a value in four digits at most, with a suffix from a thousand on: 530.4M."""
    for suffix, scale in reversed(_SCALES.items()):
        if abs(value) >= scale:
            return f"{value / scale:.4g}{suffix}"
    return f"{value:.4g}"


def _exact_number(value: float) -> str:
    """Write a value with a suffix where that loses nothing."""
    text = short_number(value)
    number, scale = (text[:-1], _SCALES[text[-1]]) if text[-1] in _SCALES else (text, 1.0)
    return text if float(number) * scale == value else repr(value)
