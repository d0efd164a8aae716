"""Frames with boxes drawn on them, as a video file."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np

from lighttrack_nas.trackers.base.errors import InputError

# BGR, told apart on most ground and by most eyes; the first is also that of a single target.
_COLOURS = ((0, 220, 255), (255, 160, 60), (180, 120, 255), (120, 230, 90), (255, 255, 120), (80, 110, 255))
_GREY = (160, 160, 160)


class VideoWriter:
    """An MP4 file that browsers play (H.264), written under a temporary name and renamed when it is closed.

    Args:
        path: The file.
        shape: Of the frames, ``(height, width, 3)``.
        fps: Frames per second.

    Raises:
        InputError: It cannot be written.
    """

    def __init__(self, path: Path, shape: tuple[int, ...], fps: float) -> None:
        import av

        path.parent.mkdir(parents=True, exist_ok=True)
        self._path = path
        self._part = path.with_name(f".{path.stem}.part{path.suffix}")
        height, width = shape[:2]
        try:
            rate = Fraction(fps).limit_denominator(1001)
            self._file = av.open(str(self._part), "w")
            self._stream = self._file.add_stream("libx264", rate=rate)
        except (av.error.FFmpegError, OSError, ValueError) as error:
            self._part.unlink(missing_ok=True)
            raise InputError(f"'{path}': this video cannot be written here ({error})") from None
        self._stream.width, self._stream.height = width, height
        # Half of the colours' resolution, as usual, needs even sides.
        self._stream.pix_fmt = "yuv420p" if width % 2 == height % 2 == 0 else "yuv444p"
        self._stream.options = {"crf": "20", "preset": "veryfast", "threads": "1"}

    def write(self, frame: np.ndarray) -> None:
        """Append a frame, BGR uint8."""
        import av

        for packet in self._stream.encode(av.VideoFrame.from_ndarray(np.ascontiguousarray(frame), format="bgr24")):
            self._file.mux(packet)

    def close(self) -> None:
        """Finish the file and give it its name."""
        for packet in self._stream.encode():
            self._file.mux(packet)
        self._file.close()
        self._part.replace(self._path)


def draw_boxes(
    frame: np.ndarray,
    boxes: Sequence[np.ndarray],
    scores: Sequence[float | None],
    names: Sequence[str],
    lost: Sequence[bool] = (),
) -> np.ndarray:
    """Draw several targets' boxes, each with its name and score in a colour of its own; see `draw_box`.

    Args:
        frame: ``(height, width, 3)`` BGR uint8; not changed.
        boxes: ``(4,)`` x, y, w, h of each.
        scores: Of each.
        names: Of each.
        lost: Whether each counts as lost: its box, where it was seen last, is thin and grey then.
    """
    for place, (box, score, name) in enumerate(zip(boxes, scores, names, strict=True)):
        gone = bool(lost) and lost[place]
        colour = _GREY if gone else _COLOURS[place % len(_COLOURS)]
        frame = draw_box(frame, box, None if gone else score, f"{name} lost".strip() if gone else name, colour, gone)
    return frame


def draw_box(
    frame: np.ndarray,
    box: np.ndarray,
    score: float | None,
    name: str = "",
    colour: tuple[int, int, int] = _COLOURS[0],
    thin: bool = False,
) -> np.ndarray:
    """Draw a box and its score.

    Args:
        frame: ``(height, width, 3)`` BGR uint8; not changed.
        box: ``(4,)`` x, y, w, h.
        score: Or presence, shown above the box; None shows none.
        name: Shown before the score.
        colour: Of the box, BGR.
        thin: Whether its lines are half as wide.

    Returns:
        A copy with the drawing.
    """
    drawn = frame.copy()
    x, y, w, h = (round(float(value)) for value in box)
    unit = max(1, round(min(frame.shape[:2]) / 240))
    cv2.rectangle(drawn, (x, y), (x + w, y + h), colour, unit if thin else 2 * unit)
    text = f"{name} {'' if score is None else f'{score:.2f}'}".strip()
    if text:
        place = (max(x, 0), y - 4 * unit if y > 16 * unit else min(y + h + 14 * unit, frame.shape[0] - 4))
        for ink, width in (((0, 0, 0), 3 * unit), ((255, 255, 255), unit)):
            cv2.putText(drawn, text, place, cv2.FONT_HERSHEY_SIMPLEX, 0.45 * unit, ink, width, cv2.LINE_AA)
    return drawn
