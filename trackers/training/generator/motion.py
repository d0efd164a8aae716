"""Smooth random curves of time."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, eq=False)
class MotionCurves:
    """Several curves, each a sum of sines: bounded, smooth, and known at any time without those before.

    Attributes:
        middle: ``(n,)`` what the curves swing about.
        waves: ``(3, k, n)`` amplitude, radians a frame and phase of the k sines of each curve.
        dash: When a dash begins (frames), how long it takes, and how much time it skips. Zeros: none.
    """

    middle: np.ndarray
    waves: np.ndarray
    dash: tuple[float, float, float] = (0.0, 1.0, 0.0)

    def __call__(self, time: float) -> np.ndarray:
        """Values ``(n,)`` at a time in frames."""
        start, length, skipped = self.dash
        if skipped:
            share = min(max((time - start) / length, 0.0), 1.0)
            time += skipped * share * share * (3 - 2 * share)
        amplitudes, rates, phases = self.waves
        values: np.ndarray = (amplitudes * np.sin(rates * time + phases)).sum(axis=0) + self.middle
        return values


def random_curves(
    rng: np.random.Generator,
    middle: np.ndarray,
    amplitude: np.ndarray,
    rate: np.ndarray | float,
    dash: tuple[float, float, float] = (0.0, 1.0, 0.0),
) -> MotionCurves:
    """Draw curves of two sines each.

    Args:
        rng: Where chance comes from.
        middle: ``(n,)``.
        amplitude: ``(n,)`` the most that a curve strays from its middle.
        rate: ``(n,)`` or one for all: radians a frame of the slower, larger sine.
        dash: See `MotionCurves`.
    """
    share, faster, first_phase, second_phase = rng.random((4, len(middle)))
    share *= 0.4
    waves = np.empty((3, 2, len(middle)))
    waves[0, 0], waves[0, 1] = amplitude * (1 - share), amplitude * share
    waves[1, 0], waves[1, 1] = rate, rate * (1.3 + 1.4 * faster)
    waves[2, 0], waves[2, 1] = 2 * np.pi * first_phase, 2 * np.pi * second_phase
    return MotionCurves(middle, waves, dash)
