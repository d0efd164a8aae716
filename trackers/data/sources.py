"""Frames from what a user points at: a video file, a folder or pattern of images, a camera, a stream."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from types import TracebackType

import cv2
import numpy as np

from lighttrack_nas.trackers.base.errors import InputError
from lighttrack_nas.trackers.base.files import require_utf8
from lighttrack_nas.trackers.base.progress import Say
from lighttrack_nas.trackers.data.captures import (
    StampedFrame,
    captured,
    filled_pipe,
    open_stream,
    silent_pipe,
    stream_frames,
    until_silent,
    video_frames,
)
from lighttrack_nas.trackers.data.continuity import Continuity
from lighttrack_nas.trackers.data.frames import IMAGE_SUFFIXES, list_images, quiet_opencv
from lighttrack_nas.trackers.data.sequence import read_image

_ADDRESS = re.compile(r"[a-z][a-z0-9+.-]+://", re.IGNORECASE)
_NUMBER = re.compile(r"%(0?\d*)d")
_LIKELY_FPS = 1000.0
"""Streams without a rate of their own answer with 90,000, the clock of MPEG."""


class FrameSource:
    """Frames one after another, once: an iterator, and a context manager that releases the file or the camera.

    `open_source` makes them. Every frame has the size of the first. Messages count frames from 1.

    Attributes:
        name: What to call the source: the file's or folder's name, `camera 0`.
        length: How many frames there are, None when unknown. A video's header says so, and may be wrong.
        fps: Frames per second, None when unknown.
        warning: None, or after the last frame a sentence on why there were fewer than expected. The frames so far are
            good, and so is what was made of them.
        continuity: Which frames so far repeat the one before, and how many are missing.

    Example:
        >>> with open_source("video.mp4") as source:  # doctest: +SKIP
        ...     for frame in source:
        ...         box, score = tracker.update(frame)
    """

    def __init__(
        self,
        name: str,
        frames: Iterator[StampedFrame],
        *,
        length: int | None = None,
        fps: float | None = None,
        endless: bool = False,
        on_release: Callable[[], object] | None = None,
    ) -> None:
        self.name = name
        self.length = length
        self.fps = fps
        self.warning: str | None = None
        self.continuity = Continuity()
        self._frames: Iterator[StampedFrame] | None = frames
        self._endless = endless
        self._on_release = on_release
        self._count = 0
        self._shape: tuple[int, ...] | None = None

    def __enter__(self) -> FrameSource:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()

    def __iter__(self) -> FrameSource:
        return self

    def __next__(self) -> np.ndarray:
        """Read the next frame, BGR uint8 ``(height, width, 3)``.

        Raises:
            InputError: An image file cannot be decoded, a video or camera gives no frame at all, or a frame's size
                differs from the first one's.
        """
        if self._frames is None:
            raise StopIteration
        stamped = next(self._frames, None)
        if stamped is None:
            self._finish()
            raise StopIteration
        frame, milliseconds = stamped
        self._count += 1
        self._shape = self._shape or frame.shape
        if frame.shape != self._shape:
            got, expected = (f"{shape[1]} x {shape[0]}" for shape in (frame.shape, self._shape))
            raise InputError(f"'{self.name}': frame {self._count} has {got} pixels, expected {expected} like the first")
        self.continuity.see(frame, milliseconds)
        return frame

    def release(self) -> None:
        """Close the file or the camera; further frames are not given. May be called twice."""
        if self._frames is not None and self._on_release is not None:
            self._on_release()
        self._frames = None

    def _finish(self) -> None:
        self.release()
        if self._count == 0:
            raise InputError(f"'{self.name}' gives no frame: none could be decoded")
        if self._endless:
            self.warning = f"'{self.name}' gave no more frames after {self._count}"
        elif self.length is not None and self._count < self.length:
            self.warning = (
                f"'{self.name}' ended after {self._count} of {self.length} frames: it is damaged, or its header wrong"
            )


def open_source(source: str, say: Say = lambda _: None) -> FrameSource:
    """Open a video file, a folder of image frames (natural order: 2.jpg before 10.jpg), a camera or a stream.

    Args:
        source: A path, also of a named pipe; digits alone, such as "0", for a camera ("./0" for a folder of that name);
            a pattern of numbered images, such as "frames/%08d.jpg"; or an address, such as "rtsp://host/stream". A live
            stream that breaks off is opened again, a few times.
        say: Told when a stream broke off.

    Returns:
        The frames, to be used with `with`.

    Raises:
        InputError: No such path, not a video, a folder without images, no such camera, or nothing that answers.
    """
    if source.isdecimal():
        return _open_camera(source)
    if _ADDRESS.match(source):
        return _open_address(source, say)
    path = Path(source).expanduser()
    if path.is_dir():
        return _images(path.resolve().name, list_images(path))
    if not path.exists():
        if _NUMBER.search(path.name):
            return _open_pattern(path)
        raise InputError(
            f"'{source}' does not exist: expected a video file, a folder of images, a pattern such as frames/%08d.jpg, "
            "an address such as rtsp://host/stream, or a camera's number"
        )
    return _open_video(path)


def _open_pattern(pattern: Path) -> FrameSource:
    """Numbered images, ascending; numbers may be missing."""
    before, width, after = _NUMBER.split(pattern.name, maxsplit=1)
    # Names of files have 255 letters at most.
    digits = min(int(width.lstrip("0")[:9] or 1), 256)
    name = re.compile(rf"{re.escape(before)}(\d{{{digits},}}){re.escape(after)}")
    folder = pattern.parent
    names = [path.name for path in folder.iterdir()] if folder.is_dir() else []
    numbered = [(int(match[1]), match[0]) for match in map(name.fullmatch, names) if match]
    if not numbered:
        raise InputError(f"'{pattern}': no image of such a name is in folder '{folder}'")
    return _images(pattern.name, [folder / file for _, file in sorted(numbered)])


def _images(name: str, images: Sequence[Path]) -> FrameSource:
    return FrameSource(name, ((read_image(image), None) for image in images), length=len(images))


def _open_address(address: str, say: Say) -> FrameSource:
    capture = open_stream(address)
    length, fps = int(capture.get(cv2.CAP_PROP_FRAME_COUNT)), capture.get(cv2.CAP_PROP_FPS)
    # A file has an end; what has none is live.
    live = length <= 0
    rate = fps if 0 < fps < _LIKELY_FPS else None
    if not live:
        return FrameSource(address, captured(capture), length=length, fps=rate, on_release=capture.release)
    frames = stream_frames(capture, partial(open_stream, address), say)
    return FrameSource(address, frames, fps=rate, endless=True, on_release=frames.close)


def _open_video(path: Path) -> FrameSource:
    if path.suffix.lower() in IMAGE_SUFFIXES:
        # OpenCV would take "0001.jpg" for a pattern and open its neighbours with it.
        raise InputError(f"'{path}' is a single image: give a video file, or the folder that holds the frames")
    require_utf8(path, "video")
    with ExitStack() as opened:
        address, silent = opened.enter_context(filled_pipe(path)) if path.is_fifo() else (str(path), None)
        with quiet_opencv():
            capture = cv2.VideoCapture(address)
        if not capture.isOpened():
            if silent is not None and silent.is_set():
                raise silent_pipe(path)
            raise InputError(f"'{path}' cannot be opened as a video: it is damaged, or no format that OpenCV reads")
        opened.callback(capture.release)
        release = opened.pop_all().close
    length, fps = int(capture.get(cv2.CAP_PROP_FRAME_COUNT)), capture.get(cv2.CAP_PROP_FPS)
    frames = video_frames(capture, path)
    return FrameSource(
        path.name,
        frames if silent is None else until_silent(frames, silent, path),
        # Containers that do not know answer with zero or a negative number.
        length=length if length > 0 else None,
        fps=fps if fps > 0 else None,
        on_release=release,
    )


def _open_camera(digits: str) -> FrameSource:
    try:
        number = int(digits)
        with quiet_opencv():
            capture = cv2.VideoCapture(number)
    except (cv2.error, ValueError):
        # OpenCV takes 32 bits, and Python reads some thousand digits.
        raise InputError(f"camera {digits[:40]} cannot be opened: there is no camera of such a number") from None
    if not capture.isOpened():
        raise InputError(f"camera {number} cannot be opened: it is not connected, in use, or not permitted")
    fps = capture.get(cv2.CAP_PROP_FPS)
    return FrameSource(
        f"camera {number}",
        captured(capture),
        fps=fps if fps > 0 else None,
        endless=True,
        on_release=capture.release,
    )
