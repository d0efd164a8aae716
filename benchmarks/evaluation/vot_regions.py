"""Overlap of VOT's regions: rotated quadrilaterals and upright boxes."""

from typing import Any

import numpy as np


def region_overlap(region: np.ndarray, box: np.ndarray, frame_size: tuple[int, int] | None = None) -> float:
    """Intersection over union of a region and an upright box, exact.

    Args:
        region: ``(4,)`` box x, y, w, h, or ``(8,)`` corners x1, y1, ... of a quadrilateral whose sides do not cross.
        box: ``(4,)`` box x, y, w, h.
        frame_size: (width, height) of the image; what lies outside is ignored, as VOT does. None takes all.

    Returns:
        0 to 1; 0 where both are empty inside the image, or the box holds a NaN.
    """
    box = np.asarray(box, float)
    if not np.isfinite(box).all() or (box[2:] <= 0).any():
        return 0.0
    polygon, other = _corners(region), _corners(box)
    if frame_size is not None:
        polygon, other = (_cut(corners, (0, 0), frame_size) for corners in (polygon, other))
    shared = _area(_cut(polygon, box[:2], box[:2] + box[2:]))
    union = _area(polygon) + _area(other) - shared
    return float(min(shared / union, 1)) if union > 0 else 0.0


def _corners(region: np.ndarray) -> np.ndarray:
    region = np.asarray(region, float)
    if len(region) == 8:
        return region.reshape(4, 2)
    x, y, w, h = region
    return np.array([[x, y], [x + w, y], [x + w, y + h], [x, y + h]])


def _cut(corners: np.ndarray, low: Any, high: Any) -> np.ndarray:
    """Cut a polygon ``(n, 2)`` to an upright rectangle, one side after another (Sutherland and Hodgman, 1974).

    cv2.intersectConvexConvex is not used: where corners or sides nearly touch, it may return a whole polygon for a
    part of it (seen with OpenCV 5.0).
    """
    for axis, bound, sign in ((0, low[0], 1), (0, high[0], -1), (1, low[1], 1), (1, high[1], -1)):
        if len(corners) == 0:
            break
        inside = sign * (corners[:, axis] - bound) >= 0
        kept = []
        for here, there, here_in, there_in in zip(
            corners, np.roll(corners, -1, axis=0), inside, np.roll(inside, -1), strict=True
        ):
            if here_in:
                kept.append(here)
            if here_in != there_in:
                step = (bound - here[axis]) / (there[axis] - here[axis])
                kept.append(here + step * (there - here))
        corners = np.array(kept).reshape(-1, 2)
    return corners


def _area(corners: np.ndarray) -> float:
    x, y = corners.T
    return abs(float(np.dot(x, np.roll(y, -1)) - np.dot(y, np.roll(x, -1)))) / 2
