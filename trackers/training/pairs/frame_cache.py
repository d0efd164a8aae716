"""Decoded frames, kept in memory up to a limit."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path

import numpy as np

from lighttrack_nas.trackers.base.errors import InputError
from lighttrack_nas.trackers.data.sequence import read_image


class FrameCache:
    """Reads images, keeps those used last, and remembers which cannot be read. Threads may share one.

    Args:
        limit: Most bytes of decoded frames to keep; 0 keeps none.
        decode: What reads an image; it raises `InputError` where it cannot.

    Raises:
        InputError: The limit is no whole number, or below 0.

    Attributes:
        limit: As given.
        held: Bytes of the frames kept.
        bad_images: Why an image could not be read, by path.
    """

    def __init__(self, limit: int, decode: Callable[[Path], np.ndarray] = read_image) -> None:
        if not isinstance(limit, int) or isinstance(limit, bool) or limit < 0:
            raise InputError(f"pairs: cache_bytes: expected a whole number, 0 or more, got {limit!r}")
        self.limit = limit
        self._decode = decode
        self.held = 0
        self.bad_images: dict[Path, str] = {}
        self._frames: OrderedDict[Path, np.ndarray] = OrderedDict()
        self._lock = threading.Lock()

    def __reduce__(self) -> tuple[type[FrameCache], tuple[int, Callable[[Path], np.ndarray]]]:
        # A worker process starts with an empty cache: a copy of the frames would cost more than decoding them.
        return FrameCache, (self.limit, self._decode)

    def read(self, path: Path) -> np.ndarray | None:
        """Read an image, BGR uint8 ``(height, width, 3)``, not to be written to; None if it cannot be read."""
        with self._lock:
            if path in self.bad_images:
                return None
            if path in self._frames:
                self._frames.move_to_end(path)
                return self._frames[path]
        try:
            frame = self._decode(path)
        except InputError as error:
            with self._lock:
                self.bad_images[path] = str(error)
            return None
        frame.flags.writeable = False
        with self._lock:
            self._keep(path, frame)
        return frame

    def _keep(self, path: Path, frame: np.ndarray) -> None:
        if frame.nbytes > self.limit or path in self._frames:
            return
        self._frames[path] = frame
        self.held += frame.nbytes
        while self.held > self.limit:
            _, oldest = self._frames.popitem(last=False)
            self.held -= oldest.nbytes
