"""A tracker as OpenCV's trackers are called."""

from __future__ import annotations

from typing import Any

import numpy as np

from lighttrack_nas.trackers.base.errors import InputError
from lighttrack_nas.trackers.tracking.protocol import Tracker


class OpenCVIdiom:
    """A tracker whose methods take and return what those of `cv2.Tracker` do; `as_opencv` makes it.

    Args:
        tracker: The tracker behind it.
    """

    def __init__(self, tracker: Tracker) -> None:
        self._tracker = tracker
        self._score: float | None = None

    def init(self, frame: np.ndarray, box: Any) -> None:
        """Start on a target.

        Args:
            frame: ``(height, width, 3)`` BGR uint8.
            box: x, y, w, h of the target, pixels.

        Raises:
            InputError: The frame is of another type, or the box has no area or lies outside the frame.
        """
        self._tracker.init(frame, box)
        self._score = None

    def update(self, frame: np.ndarray) -> tuple[bool, tuple[int, int, int, int]]:
        """Find the target in the next frame.

        Args:
            frame: ``(height, width, 3)`` BGR uint8.

        Returns:
            False where the tracker has lost the target, and the box x, y, w, h in whole pixels.

        Raises:
            InputError: No `init` before, or a frame of another type.
        """
        result = self._tracker.update(frame)
        box, self._score = result
        x, y, w, h = (round(value) for value in box.tolist())
        return not getattr(result, "lost", False), (x, y, max(w, 1), max(h, 1))

    def getTrackingScore(self) -> float:  # noqa: N802  OpenCV's name
        """The score of the last box, on the tracker's own scale.

        Raises:
            InputError: No `update` since `init`.
        """
        if self._score is None:
            raise InputError("there is no score yet: call update(frame) before getTrackingScore()")
        return self._score


def as_opencv(tracker: Tracker) -> OpenCVIdiom:
    """Make a tracker fit code that was written for OpenCV's.

    Args:
        tracker: Any.

    Example:
        >>> tracker = as_opencv(load_tracker("lighttrack-tiny-generated"))  # doctest: +SKIP
        >>> tracker.init(frame, (60, 40, 32, 24))  # doctest: +SKIP
        >>> ok, box = tracker.update(next_frame)  # doctest: +SKIP
    """
    return OpenCVIdiom(tracker)
