"""A few frames of what a tracker does, inside the page: of a video that it left, or of a sequence that it is shown."""

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
_MOST_TRACKED = 60  # frames that are tracked
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


def tracked_frames(model: Path, sequences: Path) -> list[Picture]:
    """Track the beginning of a data set's first sequence, and take frames of it with the tracker's box.

    Args:
        model: Its file.
        sequences: A folder in GOT-10k's layout.

    Returns:
        The pictures, JPEG: white is the truth, yellow the tracker; none where model or sequences cannot be used.
    """
    from lighttrack_nas.models.models import load_tracker
    from lighttrack_nas.trackers.data.readers.reader_registry import read_sequences

    try:
        sequence, tracker = next(iter(read_sequences(sequences, "got10k"))), load_tracker(model)
        count = min(len(sequence), _MOST_TRACKED)
        wanted = set(np.linspace(0, count - 1, _COUNT).round().astype(int).tolist())
        kept = []
        tracker.init(sequence.frame(0), sequence.boxes[0])
        for number in range(count):
            frame = sequence.frame(number)
            box = tracker.update(frame).box if number else sequence.boxes[0]
            if number in wanted:
                kept.append((number, _with_boxes(frame, sequence.boxes[number], box)))
    except InputError:
        return []
    where, legend = f"{sequences.name}/{sequence.name}", "white is the truth, yellow the found tracker"
    return [Picture(_jpeg(frame), f"{where}, frame {number + 1}: {legend}") for number, frame in kept]


def _with_boxes(frame: np.ndarray, truth: np.ndarray, box: np.ndarray) -> np.ndarray:
    drawn = frame.copy()
    unit = max(1, round(min(frame.shape[:2]) / 240))
    for (x, y, w, h), colour, width in ((truth, (255, 255, 255), unit), (box, (0, 220, 255), 2 * unit)):
        if np.isfinite([x, y, w, h]).all():
            cv2.rectangle(drawn, (round(x), round(y)), (round(x + w), round(y + h)), colour, width)
    return drawn


def _jpeg(frame: np.ndarray) -> str:
    height, width = frame.shape[:2]
    if width > _WIDTH:
        frame = cv2.resize(frame, (_WIDTH, round(height * _WIDTH / width)), interpolation=cv2.INTER_AREA)
    _, packed = cv2.imencode(".jpg", frame, [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])
    return f"data:image/jpeg;base64,{base64.b64encode(packed.tobytes()).decode()}"
