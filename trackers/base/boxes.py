"""Arithmetic of boxes: ``x, y, width, height`` in pixels, float, 0-based, top-left."""

import numpy as np

from lighttrack_nas.trackers.base.errors import InputError

# Crops grow with the target: beyond these sides they would take all memory, or hold nothing of the picture.
_SMALLEST_SIDE = 0.1
_LARGEST_SIDE = 3
LARGEST_PLACE = 1_000_000
"""Pixels: what lies farther out is no place in a picture, but a mistake in a file."""


def is_place(value: object) -> bool:
    """Whether a value that was read is a number of pixels: no NaN, infinity, or number that no float holds."""
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < LARGEST_PLACE


def overlap(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Intersection over union, pair by pair.

    Args:
        first: ``(N, 4)`` boxes x, y, w, h.
        second: ``(N, 4)`` boxes, or ``(4,)`` one box against all.

    Returns:
        ``(N,)`` float64 in [0, 1]; 0 for pairs without area, NaN where either box holds a NaN.

    Raises:
        ValueError: The shapes do not fit.

    Example:
        >>> overlap(np.array([[0, 0, 10, 10]]), np.array([[5, 0, 10, 10]])).round(3)
        array([0.333])
    """
    first, second = np.asarray(first, float), np.asarray(second, float)
    if first.ndim != 2 or first.shape[1] != 4 or second.shape not in (first.shape, (4,)):
        raise ValueError(f"overlap needs (N, 4) and (N, 4) or (4,), got {first.shape=} and {second.shape=}")
    low = np.maximum(first[:, :2], second[..., :2])
    high = np.minimum(first[:, :2] + first[:, 2:], second[..., :2] + second[..., 2:])
    shared = np.clip(high - low, 0, None).prod(axis=1)
    union = first[:, 2:].prod(axis=1) + second[..., 2:].prod(axis=-1) - shared
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(np.isnan(union), np.nan, np.where(union > 0, np.minimum(shared / union, 1.0), 0.0))


def polygon_to_box(polygon: np.ndarray) -> np.ndarray:
    """Turn VOT's rotated ground truth into an upright box of the same area, as the published trackers start from.

    The box is centred on the mean of the corners; the polygon's bounding box is shrunk so that its area becomes the
    polygon's. One pixel is added to width and height (`lighttrack` and its forerunners count pixels, not edges).

    Args:
        polygon: ``(8,)`` corner points x1, y1, ..., x4, y4.

    Returns:
        ``(4,)`` box x, y, w, h.
    """
    corners = np.asarray(polygon, float).reshape(4, 2)
    centre = corners.mean(axis=0)
    extent = corners.max(axis=0) - corners.min(axis=0)
    # Shoelace-free form used with VOT: the area of the parallelogram spanned by two neighbouring sides.
    area = np.linalg.norm(corners[0] - corners[1]) * np.linalg.norm(corners[1] - corners[2])
    scale = np.sqrt(area / extent.prod()) if extent.prod() > 0 else 1.0
    size = scale * extent + 1
    return np.concatenate([centre - size / 2, size])


def checked_box(box: object, frame_shape: tuple[int, ...] | None = None, where: str = "box") -> np.ndarray:
    """Check a box that a person or a file gave.

    Args:
        box: Four numbers x, y, w, h.
        frame_shape: ``(height, width, ...)`` of the frame that the box must touch; None to skip that check.
        where: What to call the box in an error message.

    Returns:
        ``(4,)`` float64.

    Raises:
        InputError: Not four finite numbers, beyond `LARGEST_PLACE`, no area, wholly outside the frame, or a side below
            .1 pixels or above three times the frame's longer side.
    """
    try:
        values = np.asarray(box, dtype=float)
    except (TypeError, ValueError):
        values = np.empty(0)
    if values.shape != (4,):
        raise InputError(f"{where}: expected four numbers x, y, width, height, got {box!r}")
    x, y, w, h = values
    if not np.isfinite(values).all():
        raise InputError(f"{where}: {x:g},{y:g},{w:g},{h:g} holds a value that is not finite")
    if w <= 0 or h <= 0:
        raise InputError(f"{where}: width and height must be positive, got {w:g} x {h:g}")
    if frame_shape is not None:
        height, width = frame_shape[:2]
        if x >= width or y >= height or x + w <= 0 or y + h <= 0:
            raise InputError(f"{where}: {x:g},{y:g},{w:g},{h:g} lies outside the frame of {width} x {height} pixels")
        if min(w, h) < _SMALLEST_SIDE or max(w, h) > _LARGEST_SIDE * max(width, height):
            raise InputError(
                f"{where}: a target of {w:g} x {h:g} pixels cannot be tracked in a frame of {width} x {height}: its "
                f"sides must be at least {_SMALLEST_SIDE} and at most {_LARGEST_SIDE} times the frame's longer side"
            )
    if (np.abs(values) > LARGEST_PLACE).any():
        raise InputError(f"{where}: {x:g},{y:g},{w:g},{h:g} lies more than {LARGEST_PLACE} pixels out")
    return values
