"""Reduced copies of frames: a large target's crops are shrunk in any case, so that small frames serve them.

A frame is decoded and reduced once, and kept as a JPEG of high quality. A tracker that loses its target sees real
pixels still, for a copy is of the whole frame. Copies are other pixels than the frames', and give other figures, though
nearly the same; whether a copy is kept or made anew changes nothing.
"""

from __future__ import annotations

import hashlib
import json
import math
import time
import zlib
from collections.abc import Collection, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np

from lighttrack_nas.trackers.base.errors import InputError
from lighttrack_nas.trackers.base.files import make_folder, write_atomically
from lighttrack_nas.trackers.base.parsing import in_form, parse_json
from lighttrack_nas.trackers.base.progress import Say
from lighttrack_nas.trackers.data.ahead import read_ahead
from lighttrack_nas.trackers.data.sequence import Sequence as FrameFiles
from lighttrack_nas.trackers.tracking.crops import context_side
from lighttrack_nas.trackers.tracking.lockstep import Video

_QUALITY = 95
_LARGEST = 0.75
"""Scale above which a copy saves too little."""
_FORMAT = 1
_ENDING = ".frames"
_ABANDONED = 3600.0
"""Seconds after which nobody writes a temporary file any more."""


@dataclass(frozen=True)
class CopySettings:
    """How frames are reduced, and where the copies are kept.

    Attributes:
        folder: Of the copies' files.
        margin: Pixels of a copy for each of a crop, along a side; 1 or more.
        template_size: Side of the networks' template crop, pixels.
        context: The tracker's, see `context_side`.
        limit: Bytes that the folder's files may take.
        readers: Threads that decode and reduce.
    """

    folder: Path
    margin: float
    template_size: int
    context: float
    limit: int
    readers: int


@dataclass(frozen=True, eq=False)
class ReducedVideo:
    """A sequence whose frames are reduced; see `Video`.

    Attributes:
        sequence: Where the frames come from.
        scale: Pixels of a reduced frame for each of the sequence's.
        file: Holds the copies.
        places: Where each frame's JPEG lies in the file: first byte, bytes, CRC-32; empty where none are kept.
    """

    sequence: FrameFiles
    scale: float
    file: Path
    places: tuple[tuple[int, int, int], ...] = ()

    @property
    def name(self) -> str:
        """The sequence's."""
        return self.sequence.name

    @property
    def boxes(self) -> np.ndarray:
        """The sequence's, in its own pixels."""
        return self.sequence.boxes

    def __len__(self) -> int:
        return len(self.sequence)

    def frame(self, index: int) -> np.ndarray:
        """Read a copy, or make it anew where it is not kept or is damaged; the pixels are the same.

        Raises:
            InputError: The frame is needed, and cannot be read.
        """
        content = self._kept(index)
        if content is None:
            content = reduced(self.sequence.frame(index), self.scale)
        return np.asarray(cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR))

    def _kept(self, index: int) -> bytes | None:
        if not self.places:
            return None
        start, length, check = self.places[index]
        try:
            with self.file.open("rb") as file:
                file.seek(start)
                content = file.read(length)
        except OSError:
            return None
        return content if zlib.crc32(content) == check else None


def with_copies(sequences: Sequence[FrameFiles], settings: CopySettings, say: Say) -> list[Video]:
    """Let large targets be tracked on reduced copies of their frames, which are made where they are not kept yet.

    Copies of a sequence are one file, which is whole or not there, and which is told from others by its frames' names,
    sizes and times: where these have changed it is made anew. Several processes may do so at once.

    Args:
        sequences: With boxes, of which each one's smallest decides how far its frames are reduced.
        settings: How, and where copies are kept. Where the folder is full, files are removed that are of none of the
            sequences; what finds no room even so is reduced whenever it is read.
        say: Told what is made, and why copies are not kept.

    Returns:
        A video for each sequence; the sequence itself where it is too small to be reduced.
    """
    scales = [copy_scale(sequence.boxes, settings) for sequence in sequences]
    made: list[Video] = [
        sequence if scale == 1.0 else ReducedVideo(sequence, scale, settings.folder / _file_name(sequence, scale))
        for sequence, scale in zip(sequences, scales, strict=True)
    ]
    wanted = {video.file.name for video in made if isinstance(video, ReducedVideo)}
    videos = [_opened(video) if isinstance(video, ReducedVideo) else video for video in made]
    missing = [place for place, video in enumerate(videos) if isinstance(video, ReducedVideo) and not video.places]
    if missing:
        frames = sum(len(videos[place]) for place in missing)
        say(f"making reduced copies of {frames:,} frames of {len(missing)} sequences in '{settings.folder}'")
        try:
            make_folder(settings.folder)
        except InputError as error:
            say(f"copies of frames cannot be kept, and are made anew for each network: {error}")
            return videos
    for place in missing:
        video = videos[place]
        assert isinstance(video, ReducedVideo)
        try:
            content = _packed(video, settings.readers)
            if not _make_room(settings.folder, len(content), settings.limit, wanted):
                say(f"'{settings.folder}' is full: the copies that found no room are made anew for each network")
                break
            write_atomically(video.file, content)
        except InputError:
            continue  # a frame cannot be read, which is said where it is tracked
        except OSError as error:
            say(f"no more copies of frames can be kept in '{settings.folder}' ({error.strerror}): they are made anew")
            break
        videos[place] = _opened(video)
    return videos


def copy_scale(boxes: np.ndarray, settings: CopySettings) -> float:
    """How far a sequence's frames may be reduced, so that crops of its smallest box find the margin's pixels.

    Args:
        boxes: ``(frames, 4)`` x, y, w, h in pixels, NaN where there is none.
        settings: Whose margin, template size and context.

    Returns:
        Pixels of a copy for each of a frame; 1 where a copy would save too little.
    """
    sides = [context_side(box[2:], settings.context) for box in boxes[np.isfinite(boxes).all(axis=1)]]
    side = min(sides, default=0.0)
    scale = settings.margin * settings.template_size / side if side > 0 else math.inf
    # Digits enough for a pixel of the largest frames, and few enough to be the same on every machine.
    return round(scale, 4) if scale <= _LARGEST else 1.0


def reduced(frame: np.ndarray, scale: float) -> bytes:
    """Reduce a frame, ``(height, width, 3)`` BGR uint8, each pixel a mean of those that it stands for, to a JPEG."""
    height, width = (max(1, round(side * scale)) for side in frame.shape[:2])
    small = cv2.resize(frame, (width, height), interpolation=cv2.INTER_AREA)
    return bytes(cv2.imencode(".jpg", small, [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])[1])


def _file_name(sequence: FrameFiles, scale: float) -> str:
    """Of a sequence's copies: another one where its frames or its scale are others."""
    digest = hashlib.sha256(json.dumps([_FORMAT, _QUALITY, scale, sequence.name]).encode())
    for path in sequence.frame_paths:
        try:
            state = path.stat()
            digest.update(f"{path.absolute()} {state.st_size} {state.st_mtime_ns}\n".encode())
        except OSError:
            digest.update(f"{path.absolute()} is missing\n".encode())
    return digest.hexdigest()[:32] + _ENDING


def _packed(video: ReducedVideo, readers: int) -> bytes:
    """A file of copies: a line that says of each its bytes and CRC-32, and the JPEGs."""
    with closing(
        read_ahead(lambda index: reduced(video.sequence.frame(index), video.scale), range(len(video)), readers)
    ) as frames:
        contents = [content() for _, content in frames]
    header = json.dumps([[len(content), zlib.crc32(content)] for content in contents])
    return header.encode() + b"\n" + b"".join(contents)


def _opened(video: ReducedVideo) -> ReducedVideo:
    """The video with the places of its copies, if its file is there and whole."""
    try:
        with video.file.open("rb") as file:
            content = parse_json((start := file.readline()).decode(), str(video.file))
            size = file.seek(0, 2)
        place, places = len(start), []
        for length, check in in_form(content, list[tuple[int, int]], str(video.file)):
            places.append((place, max(0, length), check))
            place += max(0, length)
    except (OSError, UnicodeDecodeError, InputError):
        return video
    return replace(video, places=tuple(places)) if place == size and len(places) == len(video) else video


def _make_room(folder: Path, size: int, limit: int, wanted: Collection[str]) -> bool:
    """See that a file of some bytes fits into a folder; for its sake others than those wanted are removed."""
    sizes: dict[Path, int] = {}
    spare: list[Path] = []
    for path in sorted(folder.iterdir()):
        with suppress(FileNotFoundError):  # another process has removed it
            state = path.stat()
            sizes[path] = state.st_size
            # What a process is writing now, or what one left that was killed while it did.
            left = path.suffix == ".part" and time.time() - state.st_mtime > _ABANDONED
            if left or (path.suffix == _ENDING and path.name not in wanted):
                spare.append(path)
    for path in spare:
        if sum(sizes.values()) + size <= limit:
            break
        path.unlink(missing_ok=True)
        del sizes[path]
    return sum(sizes.values()) + size <= limit
