"""The screen: whether there is one, and a window that shows what is tracked."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np

_TRIAL = "import cv2; cv2.namedWindow('trial'); cv2.destroyAllWindows()"
_LARGEST = 1280, 720
"""Pixels of a new window; larger frames are shown smaller, until somebody makes it larger."""
_ENDING_KEYS = (ord("q"), ord("Q"), 27)


def screen_problem() -> str | None:
    """Why OpenCV can open no window here, as a part of a sentence; None where it can.

    It is tried in a process of its own: without a display the library that draws OpenCV's windows ends the process.
    """
    display = os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
    if sys.platform.startswith("linux") and not display:
        return "there is no screen (neither DISPLAY nor WAYLAND_DISPLAY is set)"
    try:
        trial = subprocess.run([sys.executable, "-c", _TRIAL], capture_output=True, timeout=60, check=False)
    except subprocess.TimeoutExpired:
        return f"the screen{f' {display}' if display else ''} does not answer"
    if trial.returncode == 0:
        return None
    if b"not implemented" in trial.stderr:
        return "this OpenCV has no windows (opencv-python-headless; opencv-python has)"
    return f"OpenCV cannot open a window{f' on screen {display}' if display else ''}"


class LiveWindow:
    """A window that shows frames as they come.

    Args:
        title: Of the window.
        shape: Of the frames, ``(height, width, 3)``.
    """

    def __init__(self, title: str, shape: tuple[int, ...]) -> None:
        import cv2

        self._title = title
        height, width = shape[:2]
        scale = min(1.0, _LARGEST[0] / width, _LARGEST[1] / height)
        cv2.namedWindow(title, cv2.WINDOW_NORMAL | cv2.WINDOW_KEEPRATIO | cv2.WINDOW_GUI_NORMAL)
        cv2.resizeWindow(title, max(round(width * scale), 1), max(round(height * scale), 1))

    def show(self, frame: np.ndarray) -> bool:
        """Show a frame, BGR uint8.

        Returns:
            Whether to go on: False after q or Escape, or when the window was closed.
        """
        import cv2

        cv2.imshow(self._title, frame)
        ended = cv2.waitKey(1) & 0xFF in _ENDING_KEYS
        return not ended and cv2.getWindowProperty(self._title, cv2.WND_PROP_VISIBLE) >= 1

    def close(self) -> None:
        """Close it, if nobody has."""
        import cv2

        cv2.destroyAllWindows()
