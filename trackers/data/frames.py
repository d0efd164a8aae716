"""Frames: what a valid one is, and the image files of a folder in their order."""

import contextlib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import cv2
import numpy as np

from lighttrack_nas.trackers.base.errors import InputError

_START, _END, _SCAN = b"\xff\xd8", b"\xff\xd9", b"\xff\xda"  # JPEG's markers
_BITS = (8, 10, 12, 14, 16)
IMAGE_SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".tif", ".tiff", ".pgm", ".ppm", ".jp2", ".webp")


def checked_frame(frame: object) -> None:
    """Check a frame that a tracker is given.

    Args:
        frame: Should be BGR uint8 ``(height, width, 3)``.

    Raises:
        InputError: No such array, or an empty one.
    """
    expected = "uint8 (height, width, 3), BGR as OpenCV reads it"
    if not isinstance(frame, np.ndarray):
        raise InputError(f"frame: expected {expected}, got {type(frame).__name__}")
    is_picture = frame.dtype == np.uint8 and frame.ndim == 3 and frame.shape[2] == 3 and frame.size > 0
    if not is_picture:
        raise InputError(f"frame: expected {expected}, got {frame.dtype} {frame.shape}")


def eight_bits(picture: np.ndarray) -> np.ndarray:
    """A picture in 8 bits a colour: of 16, the upper 8 of those that are used.

    Cameras of 10, 12 or 14 bits, as thermal and medical ones, leave the others of 16 empty. How many are used is taken
    from the brightest pixel.

    Args:
        picture: uint8, or uint16, of any shape.

    Returns:
        uint8 of that shape; uint8 as it is.
    """
    if picture.dtype != np.uint16:
        return picture
    used = int(picture.max()).bit_length()
    bits = next(bits for bits in _BITS if used <= bits)
    return np.right_shift(picture, bits - 8).astype(np.uint8)


def list_images(folder: Path) -> tuple[Path, ...]:
    """List the image files of a folder in natural order, so that 2.jpg comes before 10.jpg.

    Hidden files, which some archives carry along (`._0001.jpg`), are left out.

    Raises:
        InputError: There is no such folder, or it holds no images.
    """
    if not folder.is_dir():
        raise InputError(f"there is no folder '{folder}' with frames")
    images = [p for p in folder.iterdir() if p.suffix.lower() in IMAGE_SUFFIXES and not p.name.startswith(".")]
    if not images:
        raise InputError(f"folder '{folder}' holds no frames: expected images ({', '.join(IMAGE_SUFFIXES)})")
    return tuple(sorted(images, key=natural_order))


def natural_order(path: Path) -> list[str | int]:
    """Sorting key of a path's name in which runs of digits count as numbers."""
    # Split at digits: text at even places, numbers at odd ones, so that two keys always compare like with like.
    parts = re.split(r"(\d+)", path.name)
    return [int(part) if place % 2 else part for place, part in enumerate(parts)]


def is_cut_jpeg(file: BinaryIO) -> bool:
    """Whether a file is a JPEG that stops before its picture ends.

    Nearly always the file's last two bytes tell. Where others follow, as some cameras append, the end is looked for.

    Args:
        file: Any image file, open; it is read from its beginning.
    """
    if file.read(2) != _START:
        return False
    size = file.seek(0, 2)
    file.seek(max(size - 2, 0))
    if file.read(2) == _END:
        return False
    file.seek(0)
    content = file.read()
    # A preview before the picture has an end of its own, so that only what follows the headers counts: each is a marker
    # and its length.
    place = 2
    while place + 4 <= len(content) and content[place : place + 2] != _SCAN:
        # Any number of FF may stand before a marker.
        fill = content[place + 1 : place + 2] == b"\xff"
        place += 1 if fill else 2 + int.from_bytes(content[place + 2 : place + 4])
    return content.find(_END, place) < 0


@contextlib.contextmanager
def quiet_opencv() -> Iterator[None]:
    """Silence OpenCV's own log inside the block, where our error message says it better."""
    level = cv2.utils.logging.getLogLevel()
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
    try:
        yield
    finally:
        cv2.utils.logging.setLogLevel(level)
