"""YouTube-BoundingBoxes: its table of detections, and frames that were cut from the videos."""

from __future__ import annotations

import csv
import os
from collections.abc import Collection, Iterator
from pathlib import Path

import numpy as np

from lighttrack_nas.trackers.base.errors import InputError
from lighttrack_nas.trackers.base.parsing import parse_number
from lighttrack_nas.trackers.training.labels.chosen import Chosen
from lighttrack_nas.trackers.training.pairs.left_out import SHORT, Kind, LeftOut
from lighttrack_nas.trackers.training.pairs.tracks import FramesOf, Track, TrackedVideos

COLUMNS = "youtube_id, timestamp_ms, class_id, class_name, object_id, object_presence, xmin, xmax, ymin, ymax"
BAD_ROW = Kind("row", f"that does not hold {COLUMNS}")
NO_AREA = Kind("row", "whose box is no part of the frame")
MISSING = Kind("frame", "that is not there")

_Track = tuple[list[tuple[int, str]], list[tuple[float, float, float, float]]]


def read_youtubebb(
    path: Path | str, frames: Path | str | None = None, only: Collection[str] = (), without: Collection[str] = ()
) -> TrackedVideos:
    """Read YouTube-BB: ``yt_bb_detection_train.csv``, and frames as the download scripts cut them.

    A row holds youtube_id, timestamp_ms, class_id, class_name, object_id, object_presence, xmin, xmax, ymin and ymax,
    the last four as shares of the frame. Its frame is ``CLASS_ID/YOUTUBE_ID_TIMESTAMP_CLASS_ID_OBJECT_ID.jpg``, which
    pysot's and SiamFC's scripts read too. The rows of one video, class and object are a track; those in which it is
    absent are passed over. What cannot be used is left out and counted.

    Args:
        path: The table.
        frames: The folder of the classes' folders; None takes the table's path without its ending.
        only: Videos to take by their youtube_id; none takes all.
        without: Videos to leave out.

    Raises:
        InputError: The table cannot be read, a name is that of no video, or nothing usable is there.
    """
    table = Path(path).expanduser()
    folder = table.with_suffix("") if frames is None else Path(frames).expanduser()
    chosen, left_out = Chosen(only, without), LeftOut()
    wanted: dict[str, bool] = {}
    by_video: dict[str, dict[tuple[str, str], _Track]] = {}
    for number, row in _rows(table):
        box = _box(row)
        if box is None:
            left_out.add(BAD_ROW, f"line {number}")
            continue
        video, time, class_id, _, target, presence = row[:6]
        if video not in wanted:
            wanted[video] = chosen(video)
        if not wanted[video] or presence == "absent":
            continue
        x1, y1, x2, y2 = box
        if not (0 <= x1 < x2 <= 1 and 0 <= y1 < y2 <= 1):
            left_out.add(NO_AREA, f"line {number}")
            continue
        name = f"{video}_{time}_{class_id}_{target}.jpg"
        if not os.path.isfile(folder / class_id / name):
            left_out.add(MISSING, f"'{folder / class_id / name}'")
            continue
        times, boxes = by_video.setdefault(video, {}).setdefault((class_id, target), ([], []))
        times.append((int(time), name))
        boxes.append((x1, y1, x2 - x1, y2 - y1))
    chosen.check(f"table '{table}'", wanted)
    videos = {
        video: tracks
        for video, by_target in by_video.items()
        if (tracks := tuple(_tracks(folder, by_target, left_out)))
    }
    if not videos:
        counts = f": {left_out}" if str(left_out) else ""
        raise InputError(f"table '{table}', with frames in '{folder}', holds no tracks to make pairs of{counts}")
    return TrackedVideos(videos, left_out)


def _rows(table: Path) -> Iterator[tuple[int, list[str]]]:
    """Each line's number and fields, without a heading."""
    try:
        with table.open(newline="", encoding="utf-8-sig") as file:
            for row in (reader := csv.reader(file)):
                if row and not (reader.line_num == 1 and row[0].strip() == "youtube_id"):
                    yield reader.line_num, [field.strip() for field in row]
    except OSError as error:
        raise InputError(f"table '{table}' cannot be read: {error.strerror}") from None
    except (UnicodeDecodeError, csv.Error):
        raise InputError(f"table '{table}' is no text file of comma-separated values") from None


def _box(row: list[str]) -> tuple[float, float, float, float] | None:
    """The corners x1, y1, x2, y2; None of what is no row of the table."""
    if len(row) != 10 or row[5] not in ("present", "absent") or not all(row[:5]):
        return None
    if not (row[1].isascii() and row[1].isdigit() and len(row[1]) < 16) or {"/", "\0"} & set(row[0] + row[2] + row[4]):
        return None
    try:
        x1, x2, y1, y2 = map(parse_number, row[6:])
    except ValueError:
        return None
    return x1, y1, x2, y2


def _tracks(folder: Path, targets: dict[tuple[str, str], _Track], left_out: LeftOut) -> Iterator[Track]:
    for (class_id, _), (times, boxes) in targets.items():
        if len(times) < 2:
            left_out.add(SHORT)
            continue
        rows = sorted(zip(times, boxes, strict=True))
        names = tuple(name for (_, name), _ in rows)
        yield Track(FramesOf(folder / class_id, names), np.array([box for _, box in rows]), shares=True)
