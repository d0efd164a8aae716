"""A few frames of a video, inside the page."""

from __future__ import annotations

import base64
from pathlib import Path

import cv2
import numpy as np

from lighttrack_nas.report.page import Picture
from lighttrack_nas.trackers.base.errors import InputError
from lighttrack_nas.trackers.data.sources import open_source

_COUNT = 4
_WIDTH = 480  # pixels
_MOST_READ = 1200  # frames of a video that are looked through
_QUALITY = 82


def video_frames(video: Path) -> list[Picture]:
    """Take frames evenly spread over a video, or over its beginning where it is long.

    Args:
        video: Its file.

    Returns:
        The pictures, JPEG; none where the video cannot be read.
    """
    try:
        with open_source(str(video)) as source:
            length = min(source.length or _MOST_READ, _MOST_READ)
            wanted = set(np.linspace(0, length - 1, _COUNT).round().astype(int).tolist())
            kept = []
            for number, frame in enumerate(source):
                if number in wanted:
                    kept.append((number, frame))
                if number >= length - 1:
                    break
    except InputError:
        return []
    return [Picture(_jpeg(frame), f"{video.parent.name}/{video.name}, frame {number + 1}") for number, frame in kept]


def _jpeg(frame: np.ndarray) -> str:
    height, width = frame.shape[:2]
    if width > _WIDTH:
        frame = cv2.resize(frame, (_WIDTH, round(height * _WIDTH / width)), interpolation=cv2.INTER_AREA)
    _, packed = cv2.imencode(".jpg", frame, [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])
    return f"data:image/jpeg;base64,{base64.b64encode(packed.tobytes()).decode()}"
