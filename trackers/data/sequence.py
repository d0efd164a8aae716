"""A video with its ground truth."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np

from lighttrack_nas.trackers.base.errors import InputError
from lighttrack_nas.trackers.base.files import require_utf8
from lighttrack_nas.trackers.data.frames import eight_bits, is_cut_jpeg, quiet_opencv


@dataclass(frozen=True, eq=False)
class Sequence:
    """One video of a data set: frames on disk and what is known of the target.

    Attributes:
        name: Unique in its data set.
        frame_paths: The frames' image files, in order.
        boxes: ``(frames, 4)`` float64, x, y, w, h; NaN where the target has no box (absent, or ground truth not
            published, as in test splits that give only the first).
        absent: ``(frames,)`` bool, the target is not in the picture; such frames are not scored.
        polygons: ``(frames, 8)`` float64 corner points x1, y1, ... of VOT's rotated ground truth, or None.
        source: The annotation file, for error messages.
    """

    name: str
    frame_paths: tuple[Path, ...]
    boxes: np.ndarray
    absent: np.ndarray
    polygons: np.ndarray | None = None
    source: Path | None = field(default=None, compare=False)

    def __post_init__(self) -> None:
        frames = len(self.frame_paths)
        if frames == 0:
            raise InputError(f"sequence '{self.name}' has no frames (ground truth: {self.source})")
        if self.boxes.shape != (frames, 4) or self.absent.shape != (frames,):
            raise ValueError(
                f"boxes ({frames}, 4) and absent ({frames},) expected for {frames} frames, got {self.boxes.shape=} "
                f"and {self.absent.shape=}"
            )

    def __len__(self) -> int:
        return len(self.frame_paths)

    @property
    def has_boxes_to_score(self) -> bool:
        """Whether a frame after the first, where trackers are given it, has a box: without one nothing is measured."""
        return bool(np.isfinite(self.boxes[1:]).all(axis=1).any())

    def frame(self, index: int) -> np.ndarray:
        """Read a frame, BGR uint8 ``(height, width, 3)``.

        Raises:
            InputError: The image file is missing or cannot be decoded.
        """
        return read_image(self.frame_paths[index])

    def frames(self) -> Iterator[np.ndarray]:
        """Read the frames one after another."""
        return (self.frame(index) for index in range(len(self)))


def read_image(path: Path) -> np.ndarray:
    """Read an image file as BGR uint8 ``(height, width, 3)``.

    Of more than 8 bits a colour those are taken that `eight_bits` takes.

    Raises:
        InputError: The file is missing, cannot be read or is a JPEG without its end, or OpenCV cannot open or
            decode it.
    """
    require_utf8(path, "image")
    try:
        if not path.is_file():
            raise InputError(f"image '{path}' does not exist")
        # OpenCV does not say why it cannot read a file.
        with path.open("rb", 0) as file:
            cut = is_cut_jpeg(file)
    except OSError as error:
        raise InputError(f"image '{path}' cannot be read: {error.strerror}") from None
    if cut:
        raise InputError(f"image '{path}' is truncated: a JPEG file without its end, which OpenCV would fill with grey")
    try:
        with quiet_opencv():
            image = cv2.imread(str(path), cv2.IMREAD_COLOR | cv2.IMREAD_ANYDEPTH)
    except cv2.error as error:
        reason = " ".join(str(error).split())[:200]
        raise InputError(f"image '{path}' cannot be decoded: {reason}") from None
    if image is None:
        raise InputError(f"image '{path}' cannot be decoded: it is truncated, or no format that OpenCV reads")
    return eight_bits(image)
