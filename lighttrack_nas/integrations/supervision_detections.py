"""What trackers found, for the supervision package."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from lighttrack_nas.trackers.base.errors import InputError
from lighttrack_nas.trackers.base.packages import naming_packages

if TYPE_CHECKING:
    import supervision


def as_detections(
    results: Sequence[tuple[np.ndarray, float]], tracker_ids: Sequence[int] | None = None
) -> supervision.Detections:
    """Make supervision's `Detections` of one frame's results, for its annotators, zones and writers.

    Args:
        results: What `MultiTracker.update` returned; ``[tracker.update(frame)]`` of a single target. Targets that are
            lost are left out.
        tracker_ids: A number for each result; None numbers them from 1 in their order, so that a target keeps its
            number while others are lost.

    Returns:
        With `xyxy` ``(targets, 4)`` left, top, right, bottom in pixels, `confidence` ``(targets,)`` the scores, and
        `tracker_id` ``(targets,)``.

    Raises:
        InputError: The package is missing, or there are not as many numbers as results.
    """
    with naming_packages():
        import supervision

    if tracker_ids is not None and len(tracker_ids) != len(results):
        raise InputError(f"tracker_ids: expected one for each of {len(results)} results, got {len(tracker_ids)}")
    numbers = range(1, len(results) + 1) if tracker_ids is None else tracker_ids
    seen = [
        (number, *result) for number, result in zip(numbers, results, strict=True) if not getattr(result, "lost", False)
    ]
    boxes = np.array([box for _, box, _ in seen], float).reshape(-1, 4)
    return supervision.Detections(
        xyxy=np.concatenate([boxes[:, :2], boxes[:, :2] + boxes[:, 2:]], axis=1),
        confidence=np.array([score for _, _, score in seen], float),
        tracker_id=np.array([number for number, _, _ in seen], int),
    )
