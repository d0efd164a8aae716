"""pysot's training crops: 511 pixels around each target, cut once from the frames, and the boxes that go with them.

Its scripts cut, for a box with corners x1, y1, x2, y2, the square around the middle whose side is ``511 / 127`` times
``sqrt((w + (w + h) / 2) * (h + (w + h) / 2))``, so that a template of 127 pixels is the middle of the crop at its
scale. They map the square's corners to the middles of the crop's outermost pixels: the scale is 510/511 of that, and
since the corners are taken for pixels' middles too, the target lies half a pixel of the frame left of and above the
crop's middle.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from lighttrack_nas.trackers.base.boxes import is_place
from lighttrack_nas.trackers.base.errors import InputError
from lighttrack_nas.trackers.base.parsing import parse_json, read_text, short
from lighttrack_nas.trackers.data.sequence import read_image
from lighttrack_nas.trackers.training.labels.chosen import Chosen
from lighttrack_nas.trackers.training.pairs.left_out import NO_AREA, Kind, LeftOut
from lighttrack_nas.trackers.training.pairs.shots import SMALLEST_SIDE
from lighttrack_nas.trackers.training.pairs.tracks import FramesOf, Track, TrackedVideos

SIDE, TEMPLATE = 511, 127
NO_BOX = Kind("entry", "that is no frame number with a box of two or four numbers")
MISSING = Kind("crop", "that is not there")


def read_crop511(
    path: Path | str,
    annotations: Path | str | None = None,
    only: Collection[str] = (),
    without: Collection[str] = (),
    aspect: float | None = None,
) -> TrackedVideos:
    """Read which crops there are: files ``VIDEO/FRAME.TRACK.x.jpg`` and JSON ``{VIDEO: {TRACK: {FRAME: BOX}}}``.

    A box is ``[x1, y1, x2, y2]`` or ``[w, h]`` in pixels of the frame; the pair is cut from the crop as it would be
    from the frame, as far as the crop reaches. Crops that are not there, boxes without area and what is no box are left
    out and counted.

    Args:
        path: The folder of crops.
        annotations: The JSON file; None takes ``train.json`` in the folder or beside it.
        only: Videos to take, or folders of them; none takes all.
        without: Videos to leave out, or folders of them.
        aspect: Width over height of the frames, where the boxes are shares of these, as pysot's script writes them for
            YouTube-BB; None where they are pixels.

    Raises:
        InputError: The file cannot be read or is no such JSON, a name is that of no video, or nothing usable is there.

    Example:
        >>> read_crop511("vid/crop511", "vid/train.json")  # doctest: +SKIP
    """
    root = Path(path).expanduser()
    if not root.is_dir():
        raise InputError(f"there is no folder '{root}' of crops")
    file = _annotation_file(root) if annotations is None else Path(annotations).expanduser()
    where = f"annotation file '{file}'"
    content = parse_json(read_text(file, "annotation file"), where, any_text=True)
    if not isinstance(content, Mapping):
        raise InputError(f"{where}: expected pysot's format, a mapping VIDEO: TRACK: FRAME: BOX, got {short(content)}")
    chosen, left_out = Chosen(only, without), LeftOut()
    videos = {}
    for video, entries in content.items():
        if chosen(video) and (tracks := tuple(_tracks(root, video, entries, aspect, left_out, where))):
            videos[video] = tracks
    chosen.check(where, content)
    if not videos:
        raise InputError(f"{where} and folder '{root}' hold nothing to make pairs of{_why(content, aspect, left_out)}")
    return TrackedVideos(videos, left_out)


def read_crop(path: Path) -> np.ndarray:
    """Read a crop, BGR uint8 ``(511, 511, 3)``.

    Raises:
        InputError: It cannot be read, or has another size.
    """
    crop = read_image(path)
    if crop.shape[:2] != (SIDE, SIDE):
        height, width = crop.shape[:2]
        raise InputError(f"crop '{path}' has {width} x {height} pixels, expected {SIDE} x {SIDE}")
    return crop


def boxes_in_crops(sizes: np.ndarray, pixels: bool = True) -> np.ndarray:
    """Where targets lie in their crops.

    Args:
        sizes: ``(N, 2)`` width and height in the frame, positive.
        pixels: Whether they are in pixels; else their proportions are all that counts.

    Returns:
        ``(N, 4)`` x, y, w, h in pixels of the crop.
    """
    margins = sizes.sum(axis=1, keepdims=True) / 2
    squares = np.sqrt((sizes + margins).prod(axis=1, keepdims=True))
    scales = (SIDE - 1) / SIDE * TEMPLATE / squares
    inside = sizes * scales
    return np.hstack([SIDE / 2 - (scales / 2 if pixels else 0.0) - inside / 2, inside])


def _annotation_file(root: Path) -> Path:
    places = [root / "train.json", root.parent / "train.json"]
    file = next((place for place in places if place.is_file()), None)
    if file is None:
        raise InputError(f"there is neither '{places[0]}' nor '{places[1]}': name the annotation file")
    return file


def _tracks(
    root: Path, video: str, entries: object, aspect: float | None, left_out: LeftOut, where: str
) -> Iterator[Track]:
    """The tracks of a video of which some crop is there."""
    if not isinstance(entries, Mapping) or not all(isinstance(frames, Mapping) for frames in entries.values()):
        raise InputError(f"{where}: {short(video)}: expected a mapping TRACK: FRAME: BOX, got {short(entries)}")
    folder = root / video
    there = _names_in(folder)
    for track, frames in entries.items():
        names, sizes = [], []
        for frame, box in sorted(frames.items(), key=lambda item: (len(item[0]), item[0])):
            size = _size(box)
            if size is None or not (frame.isascii() and frame.isdigit()):
                left_out.add(NO_BOX, f"{short(video)}, {short(track)}, {short(frame)}: {short(box)}")
                continue
            width, height = (size[0] * aspect, size[1]) if aspect else size
            name = f"{frame}.{track}.x.jpg"
            if not min(width, height) >= (1e-6 if aspect else SMALLEST_SIDE):
                left_out.add(NO_AREA)
            elif name not in there:
                left_out.add(MISSING, short(str(folder / name)))
            else:
                names.append(name)
                sizes.append((width, height))
        if names:
            yield Track(FramesOf(folder, tuple(names)), boxes_in_crops(np.array(sizes), pixels=aspect is None))


def _names_in(folder: Path) -> set[str]:
    try:
        return set(os.listdir(folder))
    except (OSError, ValueError):  # not there, or a name that no folder can have
        return set()


def _size(box: Any) -> tuple[float, float] | None:
    """Width and height; None of what is no box."""
    if not isinstance(box, list) or len(box) not in (2, 4) or not all(map(is_place, box)):
        return None
    return (box[0], box[1]) if len(box) == 2 else (box[2] - box[0], box[3] - box[1])


def _why(content: Mapping[str, Any], aspect: float | None, left_out: LeftOut) -> str:
    # What was not asked for may be anything, and is not said to be wrong.
    tracks = [frames for video in content.values() if isinstance(video, Mapping) for frames in video.values()]
    boxes = (box for frames in tracks if isinstance(frames, Mapping) for box in frames.values() if _size(box))
    values = [value for box in boxes for value in box]
    if aspect is None and values and max(values) <= 1.5:
        return ": its boxes are shares of the frame, for which key 'aspect' must say the frames' width over height"
    return f": {left_out}" if str(left_out) else ""
