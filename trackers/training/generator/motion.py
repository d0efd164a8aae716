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


@dataclass(frozen=True, eq=False)
class Departure:
    """A path that leaves for a while, and comes back from another side.

    Attributes:
        path: Where the actor would be; the first two values are its position.
        start: When it begins to leave, frames.
        end: When it is back, frames.
        ramp: Frames that leaving takes, and coming back.
        out: ``(2,)`` how far it goes when it leaves.
        back: ``(2,)`` from how far it comes back.
    """

    path: MotionCurves
    start: float
    end: float
    ramp: float
    out: np.ndarray
    back: np.ndarray

    def __call__(self, time: float) -> np.ndarray:
        """Values ``(n,)`` at a time in frames."""
        values = self.path(time)
        leaving = time < (self.start + self.end) / 2
        passed = (time - self.start if leaving else self.end - time) / self.ramp
        share = min(max(passed, 0.0), 1.0)
        values[:2] += (self.out if leaving else self.back) * share * share
        return values


Motion = MotionCurves | Departure


def random_departure(rng: np.random.Generator, path: MotionCurves, half_frame: np.ndarray, frames: float) -> Departure:
    """Draw a departure in the middle of a scene: away for a fifth to two fifths of it.

    Args:
        rng: Where chance comes from.
        path: Where the actor would be, inside the frame.
        half_frame: ``(2,)`` half the frame's width and height.
        frames: Length of the scene.
    """
    start, length = rng.uniform(0.25, 0.4) * frames, rng.uniform(0.2, 0.4) * frames
    # From anywhere inside, beyond the opposite edge, with room for what is long.
    far = 2 * half_frame + 2

    def beyond_an_edge() -> np.ndarray:
        axis, way = int(rng.integers(2)), 1.0 if rng.random() < 0.5 else -1.0
        return np.where(np.arange(2) == axis, way * far, 0.0)

    return Departure(path, start, start + length, 0.05 * frames, beyond_an_edge(), beyond_an_edge())


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
