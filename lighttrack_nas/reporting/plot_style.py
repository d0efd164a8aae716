"""What figures have in common: colours, and how a measurement is shown on an axis."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

FRONT_COLOUR, LIMIT_COLOUR = "#0072B2", "#D55E00"
RUN_COLOURS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#7A5195", "#A6761D", "#666666")
"""Told apart by most eyes (Okabe and Ito), without that of limits; they come round again."""


class Axis(NamedTuple):
    """How a measurement is shown.

    Attributes:
        label: With the unit.
        divisor: What a value is divided by to be in that unit.
        digits: Decimals in text.
    """

    label: str
    divisor: float
    digits: int


_AXES = {
    "ao": Axis("average overlap (AO)", 1, 4),
    "sr50": Axis("frames with overlap above .5 (SR.5)", 1, 4),
    "sr75": Axis("frames with overlap above .75 (SR.75)", 1, 4),
    "success_auc": Axis("area under the success curve", 1, 4),
    "precision": Axis("frames within 20 pixels", 1, 4),
    "normalised_precision": Axis("area under the curve of normalised precision", 1, 4),
    "overlap": Axis("overlap on fixed pairs", 1, 4),
    "loss": Axis("loss", 1, 4),
    "nsr": Axis("noise-to-signal ratio, sum over places", 1, 4),
    "macs": Axis("MACs of a tracked frame (M)", 1e6, 1),
    "params": Axis("parameters (M)", 1e6, 3),
    "latency_ms": Axis("latency of a tracked frame (ms)", 1, 2),
    "latency_ms_again": Axis("latency of a tracked frame, measured again (ms)", 1, 2),
}


def run_colours(names: Sequence[str]) -> dict[str, str]:
    """A colour for each of several runs or groups."""
    return {name: RUN_COLOURS[number % len(RUN_COLOURS)] for number, name in enumerate(names)}


def axis_of(name: str) -> Axis:
    """How a measurement is shown, by its name; unknown ones as they are."""
    return _AXES.get(name, Axis(name, 1, 4))
