"""Frames out of decoders: OpenCV's, PyAV's for interlaced video, and streams that break off."""

from __future__ import annotations

import itertools
import os
import select
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Event, Thread

import cv2
import numpy as np

from lighttrack_nas.trackers.base.errors import InputError
from lighttrack_nas.trackers.base.files import require_utf8
from lighttrack_nas.trackers.base.progress import Say
from lighttrack_nas.trackers.data.frames import quiet_opencv

RECONNECTS = 3
"""Times in a row that a stream which breaks off is opened again."""
MOST_BREAKS = 100
"""Times in all: what breaks off as often is no live stream, such as a film that an address gives from its start."""
_WAIT = 1.0  # seconds before that
_STALLED_MS = 15_000


StampedFrame = tuple[np.ndarray, float | None]
"""A frame, BGR uint8 ``(height, width, 3)``, and its time stamp in milliseconds, None where nobody knows it."""


def captured(capture: cv2.VideoCapture) -> Iterator[StampedFrame]:
    """The frames of an open capture."""
    while True:
        ok, frame = capture.read()
        if not ok:
            return
        yield frame, capture.get(cv2.CAP_PROP_POS_MSEC)


def video_frames(capture: cv2.VideoCapture, path: Path) -> Iterator[StampedFrame]:
    """The frames of a video file.

    OpenCV cannot convert interlaced pictures, as camcorders and broadcasts have them, and gives black frames or what
    happens to be in memory; it says so to nobody. PyAV decodes these.

    Args:
        capture: OpenCV's, open.
        path: The file.

    Raises:
        InputError: It is interlaced, and breaks off in a way that PyAV cannot decode.
    """
    # A named pipe can be read once.
    return _decoded_by_pyav(path) if path.is_file() and is_interlaced(path) else captured(capture)


def is_interlaced(path: Path) -> bool:
    """Whether the first picture of a video file is interlaced; what PyAV cannot read is not."""
    import av

    try:
        # Titles and the like, which nobody reads here, may be in any encoding.
        with av.open(str(path), metadata_errors="replace") as container:
            return any(frame.interlaced_frame for frame in itertools.islice(container.decode(video=0), 1))
    except (av.error.FFmpegError, IndexError):
        return False


def _decoded_by_pyav(path: Path) -> Iterator[StampedFrame]:
    import av

    try:
        with av.open(str(path), metadata_errors="replace") as container:
            for frame in container.decode(video=0):
                yield frame.to_ndarray(format="bgr24"), None if frame.time is None else frame.time * 1000
    except av.error.FFmpegError as error:
        reason = " ".join(str(error).split())[:120]
        raise InputError(
            f"'{path}' is interlaced, and PyAV cannot decode all of it ({reason}); make progressive frames of it: "
            f"ffmpeg -i '{path.name}' -vf yadif -c:v libx264 out.mp4"
        ) from None


def open_stream(address: str) -> cv2.VideoCapture:
    """Open a stream or a file by its address, such as rtsp://host/path; one that says nothing for 15 s is given up.

    Raises:
        InputError: It cannot be opened.
    """
    limits = [cv2.CAP_PROP_OPEN_TIMEOUT_MSEC, _STALLED_MS, cv2.CAP_PROP_READ_TIMEOUT_MSEC, _STALLED_MS]
    require_utf8(address, "stream")
    with quiet_opencv():
        capture = cv2.VideoCapture(address, cv2.CAP_FFMPEG, limits)
    if not capture.isOpened():
        raise InputError(
            f"'{address}' cannot be opened: nothing answers there within {_STALLED_MS // 1000} s, or it is no video "
            "that OpenCV reads"
        )
    return capture


@contextmanager
def filled_pipe(path: Path) -> Iterator[tuple[str, Event]]:
    """Open a named pipe once something is written into it.

    Yields:
        FFmpeg's address of what the pipe gives, which ends too when nothing is written for 15 s; and whether it did.

    Raises:
        InputError: Nothing is written into it for 15 s from the start.
    """
    # Others wait without an end, and no signal comes through, for who opens a pipe before somebody writes.
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    try:
        waiting = select.poll()
        waiting.register(descriptor, select.POLLIN)
        if not waiting.poll(_STALLED_MS):
            raise silent_pipe(path)
        reading, writing = os.pipe()
        silent = Event()
        copying = Thread(target=_copy, args=(descriptor, writing, silent), daemon=True)
        copying.start()
        try:
            yield f"pipe:{reading}", silent
        finally:
            os.close(reading)  # which ends the copying
            copying.join()
    finally:
        os.close(descriptor)


def silent_pipe(path: Path) -> InputError:
    """What is said of a pipe into which nothing is written."""
    return InputError(f"'{path}' is a pipe into which nothing was written for {_STALLED_MS // 1000} s")


def _copy(source: int, target: int, silent: Event) -> None:
    """Copy from a pipe into another one, until the first ends or is silent, or nobody reads the second."""
    waiting = select.poll()
    waiting.register(source, select.POLLIN)
    waiting.register(target, 0)  # for its error alone: nobody reads on
    with suppress(BrokenPipeError), open(target, "wb") as file:
        while ready := waiting.poll(_STALLED_MS):
            content = b"" if target in dict(ready) else os.read(source, 65_536)
            if not content:
                return
            file.write(content)
            file.flush()
        silent.set()


def until_silent(frames: Iterator[StampedFrame], silent: Event, path: Path) -> Iterator[StampedFrame]:
    """The frames of a named pipe.

    Raises:
        InputError: They end because nothing was written into it any more.
    """
    yield from frames
    if silent.is_set():
        raise silent_pipe(path)


def stream_frames(
    capture: cv2.VideoCapture, reopened: Callable[[], cv2.VideoCapture], say: Say
) -> Generator[StampedFrame]:
    """The frames of a live stream; where it breaks off, it is opened again.

    Whatever is open then is released when the generator is closed.

    Args:
        capture: Open.
        reopened: Opens the stream again; raises `InputError` where it cannot.
        say: Told of each try.

    Yields:
        Frames, until a try after which none comes has failed `RECONNECTS` times in a row, or the stream has broken off
        `MOST_BREAKS` times in all. The first after a
        break, which was said, has no time stamp.
    """
    tries, breaks = 0, 0
    try:
        while True:
            for frame, milliseconds in captured(capture):
                yield frame, None if tries else milliseconds
                tries = 0
            capture.release()
            if tries == RECONNECTS or breaks == MOST_BREAKS:
                return
            tries, breaks = tries + 1, breaks + 1
            say(f"the stream broke off: try {tries} of {RECONNECTS} to open it again")
            time.sleep(_WAIT)
            with suppress(InputError):
                capture = reopened()
    finally:
        capture.release()
