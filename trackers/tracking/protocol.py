"""What every tracker offers, whoever wrote it."""

from typing import Any, Protocol, runtime_checkable

import numpy as np


@runtime_checkable
class Tracker(Protocol):
    """Follows one target: `init` on the frame where it is given, then `update` on every next frame.

    Frames are BGR uint8 ``(height, width, 3)``. Boxes are x, y, width, height in pixels, float, 0-based, top-left. A
    second `init` starts afresh, as if nothing had been tracked before.
    """

    def init(self, frame: np.ndarray, box: Any) -> None:
        """Take the target.

        Args:
            frame: BGR uint8 ``(height, width, 3)``.
            box: Four numbers x, y, width, height.

        Raises:
            InputError: The box is none, or lies outside the frame.
        """

    def update(self, frame: np.ndarray) -> tuple[np.ndarray, float]:
        """Find the target in the next frame.

        Args:
            frame: BGR uint8 ``(height, width, 3)``.

        Returns:
            The box ``(4,)`` and how sure the tracker is of it; the scale of the score is the tracker's own.
        """
        ...
