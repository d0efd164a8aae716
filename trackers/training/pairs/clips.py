"""Pictures and videos without labels: what a folder holds, and frames of video files kept in memory.

A picture is a clip of one frame. Video files are decoded once, from the first frame on: to seek one takes as long as
decoding some fifteen to sixty in a row, and what a seek finds is for each container to say. Some of the frames are
kept, as JPEG, which a worker process gets with the rest.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np

from lighttrack_nas.trackers.base.errors import InputError
from lighttrack_nas.trackers.data.frames import IMAGE_SUFFIXES, natural_order
from lighttrack_nas.trackers.data.sequence import read_image
from lighttrack_nas.trackers.data.sources import open_source

VIDEO_SUFFIXES = (".mp4", ".avi", ".mkv", ".mov", ".webm")
SMALLEST_PICTURE = 32
"""Pixels of the shorter side: less is no picture to learn from."""
LARGEST_PICTURE = 720
"""Pixels of the longer side: larger pictures are made smaller, so that memory and time do not depend on the camera."""
MOST_FRAMES = 10_000
"""So many frames of a video file are read; those behind them are left out, and said."""
_KEPT_IN_RANGE = 8  # frames beside each other are nearly the same
_QUALITY = 92  # of JPEG


@dataclass(frozen=True, eq=False)
class Clip:
    """A picture, or frames of a video in their order.

    Attributes:
        paths: An image file each; or for a frame of a video file, the file's path with the frame's number behind it.
        numbers: Of the frames, counted in the video from 0.
    """

    paths: tuple[Path, ...]
    numbers: tuple[int, ...]

    def __len__(self) -> int:
        return len(self.paths)


@dataclass(frozen=True, eq=False)
class Clips:
    """What a folder holds, and what was left out of it.

    Attributes:
        clips: One or more.
        kept: Frames of video files as JPEG, by the path that stands for them.
        left_out: Why a video was left out, by path.
        remarks: Sentences on videos of which a part is used.
    """

    clips: tuple[Clip, ...]
    kept: Mapping[Path, bytes] = field(default_factory=dict)
    left_out: Mapping[Path, str] = field(default_factory=dict)
    remarks: tuple[str, ...] = ()

    def read(self, path: Path) -> np.ndarray:
        """Read a frame, BGR uint8 ``(height, width, 3)``, its longer side at most `LARGEST_PICTURE`.

        Raises:
            InputError: The file cannot be read, or shows less than `SMALLEST_PICTURE`.
        """
        kept = self.kept.get(path)
        if kept is not None:
            return np.asarray(cv2.imdecode(np.frombuffer(kept, np.uint8), cv2.IMREAD_COLOR))
        return _shrunk(read_image(path), f"image '{path}'")


def read_pictures(folder: Path | str) -> Clips:
    """Find the pictures in a folder and its subfolders, hidden ones apart; they are read when drawn.

    Raises:
        InputError: There is no such folder, or no picture in it.
    """
    root = _checked_folder(folder, "pictures")
    clips = tuple(Clip((path,), (0,)) for files in _folders(root) for path in files if _is(path, IMAGE_SUFFIXES))
    if not clips:
        raise InputError(f"folder '{root}' holds no pictures: expected {', '.join(IMAGE_SUFFIXES)} in it or below")
    return Clips(clips)


def read_clips(folder: Path | str, frame_range: int, memory: int = 1 << 29) -> Clips:
    """Find the videos in a folder and its subfolders, hidden ones apart: video files, and folders of frames.

    Images beside a video file are no frames. Of video files some eight frames in each `frame_range` are kept, and where
    that is more than a file's share of the memory, those of some stretches of that length.

    Args:
        folder: What holds them; it may be a folder of frames itself.
        frame_range: Most frames between the two of a pair.
        memory: Most bytes for kept frames, divided between the video files; two of each are kept in any case.

    Raises:
        InputError: There is no such folder, or no video of two frames or more in it.
    """
    root = _checked_folder(folder, "videos")
    folders = list(_folders(root))
    videos = sum(_is(path, VIDEO_SUFFIXES) for files in folders for path in files)
    clips: list[Clip] = []
    kept: dict[Path, bytes] = {}
    left_out: dict[Path, str] = {}
    remarks: list[str] = []
    for files in folders:
        inside = [path for path in files if _is(path, VIDEO_SUFFIXES)]
        frames = [] if inside else [path for path in files if _is(path, IMAGE_SUFFIXES)]
        if len(frames) == 1:
            left_out[frames[0].parent] = "it holds one frame only"
        elif frames:
            clips.append(Clip(tuple(frames), tuple(range(len(frames)))))
        for path in inside:
            try:
                decoded, remark = _decoded(path, frame_range, memory // videos)
            except InputError as error:
                left_out[path] = str(error)
                continue
            remarks += [remark] if remark else []
            if len(decoded) < 2:
                left_out[path] = "it holds one frame only"
                continue
            names = {number: path / str(number) for number in decoded}
            clips.append(Clip(tuple(names.values()), tuple(names)))
            kept |= {names[number]: encoded for number, encoded in decoded.items()}
    if not clips:
        some = next(iter(left_out.items()), None)
        reason = f"; left out: '{some[0]}', {some[1]}" if some else ""
        raise InputError(
            f"folder '{root}' holds no video of two frames or more: expected {', '.join(VIDEO_SUFFIXES)}, or folders "
            f"of frames ({', '.join(IMAGE_SUFFIXES)}){reason}"
        )
    return Clips(tuple(clips), kept, left_out, tuple(remarks))


def _checked_folder(folder: Path | str, what: str) -> Path:
    root = Path(folder).expanduser()
    if not root.is_dir():
        raise InputError(f"there is no folder '{root}' to read {what} from")
    return root


def _folders(root: Path) -> Iterator[list[Path]]:
    """The files of a folder and of each of its subfolders, in natural order; links to folders are not followed."""
    for folder, subfolders, files in os.walk(root):
        subfolders[:] = sorted((name for name in subfolders if not name.startswith(".")), key=_order)
        yield sorted((Path(folder, name) for name in files if not name.startswith(".")), key=natural_order)


def _order(name: str) -> list[str | int]:
    return natural_order(Path(name))


def _is(path: Path, suffixes: tuple[str, ...]) -> bool:
    return path.suffix.lower() in suffixes


def _decoded(path: Path, frame_range: int, limit: int) -> tuple[dict[int, bytes], str]:
    """Decode a video file.

    Returns:
        The frames kept as JPEG by number, and a sentence where the file was not read to its end, else "".
    """
    stretch = frame_range + 1
    step, spread = max(stretch // _KEPT_IN_RANGE, 1), 1  # each so many-th frame, of each so many-th stretch
    kept: dict[int, bytes] = {}
    with open_source(str(path)) as source:
        for number, frame in enumerate(source):
            if number == MOST_FRAMES:
                return kept, f"'{path}' is longer than {MOST_FRAMES} frames: those behind are left out"
            last = number, frame
            if number % step or number // stretch % spread:
                continue
            kept[number] = _encoded(frame, f"video '{path}'")
            while len(kept) > 2 and sum(map(len, kept.values())) > limit:
                if max(kept) >= stretch:
                    spread *= 2
                else:
                    step *= 2
                kept = {n: jpeg for n, jpeg in kept.items() if n % step == 0 and n // stretch % spread == 0}
        if len(kept) == 1 and last[0] > 0:  # shorter than a step
            kept[last[0]] = _encoded(last[1], f"video '{path}'")
        return kept, source.warning or ""


def _encoded(frame: np.ndarray, where: str) -> bytes:
    return cv2.imencode(".jpg", _shrunk(frame, where), [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])[1].tobytes()


def _shrunk(frame: np.ndarray, where: str) -> np.ndarray:
    height, width = frame.shape[:2]
    if min(height, width) < SMALLEST_PICTURE:
        raise InputError(f"{where} has {width} x {height} pixels: expected {SMALLEST_PICTURE} or more each way")
    scale = LARGEST_PICTURE / max(height, width)
    if scale >= 1:
        return frame
    # A long strip keeps a pixel in its shorter side.
    size = max(round(width * scale), 1), max(round(height * scale), 1)
    return np.asarray(cv2.resize(frame, size, interpolation=cv2.INTER_AREA))
