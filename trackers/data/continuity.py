"""Whether a source gives every picture once: repeated frames, and gaps of its time stamps."""

from __future__ import annotations

from collections import Counter

import cv2
import numpy as np

_SAMPLED = 32
"""Rows of a frame that are compared before the whole."""
_GAP = 1.75
"""Of the usual time between frames: what is longer lacks one. Clocks jitter, and telecined film alternates by 1.5."""


class Continuity:
    """Counts, over the frames of one source, those that repeat the one before and those that are missing.

    A frame repeats another where every pixel is the same. Frames are missing where the time from one to the next is a
    multiple of the usual one (the median), so that sources without time stamps lack none.

    Attributes:
        frames: How many were seen.
        repeated: How many of them are the same picture as the one before.
    """

    def __init__(self) -> None:
        self.frames = self.repeated = 0
        self._before: np.ndarray | None = None
        self._time: float | None = None
        # Tenths of milliseconds, counted: endless streams have no end of intervals, but few different ones.
        self._intervals: Counter[int] = Counter()

    def see(self, frame: np.ndarray, milliseconds: float | None) -> None:
        """Take the next frame.

        Args:
            frame: BGR uint8 ``(height, width, 3)``; it is copied, for whoever is given it may draw on it.
            milliseconds: Its time stamp; None where nobody knows, as for images, and after a break that was said.
        """
        self.frames += 1
        step = max(1, min(frame.shape[:2]) // _SAMPLED)
        before = self._before
        if before is not None and before.shape == frame.shape:
            if np.array_equal(frame[::step, ::step], before[::step, ::step]):
                self.repeated += cv2.norm(frame, before, cv2.NORM_INF) == 0
            np.copyto(before, frame)
        else:
            self._before = frame.copy()
        if milliseconds is not None and self._time is not None and milliseconds > self._time:
            self._intervals[round((milliseconds - self._time) * 10)] += 1
        self._time = milliseconds

    @property
    def missing(self) -> int:
        """How many frames the time stamps lack, about."""
        usual = self._usual
        return sum(count * (round(interval / usual) - 1) for interval, count in self._gaps().items())

    @property
    def sentence(self) -> str | None:
        """What was found, such as "3 of 90 frames are the same picture as the one before"; None where nothing was."""
        said = []
        if self.repeated:
            verb = "are" if self.repeated > 1 else "is"
            said.append(f"{self.repeated} of {self.frames} frames {verb} the same picture as the one before")
        if missing := self.missing:
            places = sum(self._gaps().values())
            said.append(
                f"by the time stamps about {missing} {'are' if missing > 1 else 'is'} missing, "
                f"at {places} place{'s' if places > 1 else ''}"
            )
        return ", and ".join(said) or None

    @property
    def _usual(self) -> int:
        """The median interval, 1 where there is none."""
        left = self._intervals.total() // 2
        for interval in sorted(self._intervals):
            left -= self._intervals[interval]
            if left < 0:
                return max(1, interval)
        return 1

    def _gaps(self) -> dict[int, int]:
        usual = self._usual
        return {interval: count for interval, count in self._intervals.items() if interval > _GAP * usual}
