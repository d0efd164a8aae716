"""A tracker for the got10k toolkit."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from lighttrack_nas.trackers.base.packages import naming_packages
from lighttrack_nas.trackers.tracking.protocol import Tracker

if TYPE_CHECKING:
    import got10k.trackers


def as_got10k(tracker: Tracker, name: str = "LightTrack-NAS") -> got10k.trackers.Tracker:
    """Make a tracker of the got10k toolkit, for its `Experiment...` classes.

    Args:
        tracker: Any.
        name: What the toolkit calls it; its results go to a folder of that name.

    Returns:
        An object of a subclass of the toolkit's `Tracker`. Its `init` and `update` take the toolkit's images (PIL,
        RGB); boxes are x, y, w, h in pixels.

    Raises:
        InputError: The package is missing.
    """
    with naming_packages():
        from got10k.trackers import Tracker as ToolkitTracker

    class ForToolkit(ToolkitTracker):
        def __init__(self) -> None:
            # Deterministic: the toolkit runs it once, not three times.
            super().__init__(name=name, is_deterministic=True)

        def init(self, image: Any, box: Any) -> None:
            tracker.init(_bgr(image), box)

        def update(self, image: Any) -> np.ndarray:
            box, _ = tracker.update(_bgr(image))
            return box

    return ForToolkit()


def _bgr(image: Any) -> np.ndarray:
    """A PIL image as ``(height, width, 3)`` BGR uint8."""
    return np.ascontiguousarray(np.asarray(image.convert("RGB"))[:, :, ::-1])
