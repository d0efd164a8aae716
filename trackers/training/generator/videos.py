"""Generated videos: whole frames and the target's boxes."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from lighttrack_nas.trackers.base.errors import InputError
from lighttrack_nas.trackers.training.generator.generator_settings import SceneSettings
from lighttrack_nas.trackers.training.generator.scenes import Material, make_scene

_SMALLEST_FRAME, _LARGEST_FRAME = 32, 4096
_LONGEST = 500  # frames; what passes in front of the target would come back after 700
# The target's first side over the frame's shorter one. Scale, aspect and zoom change it by a third or so.
_SHARE = (0.16, 0.3)


@dataclass(frozen=True, eq=False)
class GeneratedVideo:
    """A video that nobody filmed.

    Attributes:
        frames: ``(height, width, 3)`` BGR uint8 each.
        boxes: ``(n, 4)`` float64 x, y, w, h around the whole target, what is hidden or outside the frame included; NaN
            where it is absent.
        absent: ``(n,)`` bool, the target is wholly outside the frame.
        has_distractor: Look-alikes of the target are about.
        has_occlusion: Something passes in front of the target.
    """

    frames: list[np.ndarray]
    boxes: np.ndarray
    absent: np.ndarray
    has_distractor: bool
    has_occlusion: bool


def generate_video(
    seed: int | np.random.Generator,
    *,
    frames: int,
    width: int,
    height: int,
    scenes: SceneSettings | None = None,
    distractor: bool | None = None,
    occlusion: bool | None = None,
    departure: bool = False,
) -> GeneratedVideo:
    """Generate a video. The target is in the first frame, and stays in sight but for a rim unless it departs.

    Args:
        seed: 0 or more, or the generator that all chance comes from.
        frames: 1 to 500.
        width: Of the frames, 32 to 4096 pixels.
        height: Of the frames, 32 to 4096 pixels.
        scenes: What the scene holds.
        distractor: Whether there are look-alikes; None leaves it to chance.
        occlusion: Whether something passes in front of the target; None leaves it to chance.
        departure: Whether the target leaves the frame for a while, and comes back elsewhere.

    Raises:
        InputError: A number out of its range.

    Example:
        >>> video = generate_video(7, frames=3, width=64, height=48)
        >>> len(video.frames), video.boxes.shape
        (3, (3, 4))
    """
    _check("frames", frames, 1, _LONGEST)
    _check("width", width, _SMALLEST_FRAME, _LARGEST_FRAME)
    _check("height", height, _SMALLEST_FRAME, _LARGEST_FRAME)
    rng = seed if isinstance(seed, np.random.Generator) else np.random.default_rng(_checked_seed(seed))
    share = math.exp(rng.uniform(math.log(_SHARE[0]), math.log(_SHARE[1])))
    side = share * min(width, height)
    size = np.array([width, height])
    scene = make_scene(
        rng,
        SceneSettings() if scenes is None else scenes,
        Material(object_size=_even(1.5 * side), background_size=_even(7 * side)),
        half_frame=size / side / 2,
        frames=frames,
        distractor=distractor,
        occluder=occlusion,
        departure=departure,
    )
    view = np.array([[side, 0, width / 2], [0, side, height / 2]])
    pictures, boxes = [], np.empty((frames, 4))
    for time in range(frames):
        picture = scene.render(time, view, (width, height))
        pictures.append(scene.quality.apply(picture, rng))
        boxes[time] = scene.target_box(time, view)
    outside = (boxes[:, :2] >= size) | (boxes[:, :2] + boxes[:, 2:] <= 0)
    absent = outside[:, 0] | outside[:, 1]
    boxes[absent] = np.nan
    return GeneratedVideo(pictures, boxes, absent, scene.has_distractor, scene.has_occluder)


def _even(length: float) -> int:
    return max(2 * round(length / 2), 8)


def _check(name: str, value: object, lowest: int, highest: int) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or not lowest <= value <= highest:
        raise InputError(f"{name} of a generated video must be a whole number of {lowest} to {highest}, got {value!r}")


def _checked_seed(seed: object) -> int:
    if isinstance(seed, bool) or not isinstance(seed, int) or seed < 0:
        raise InputError(f"seed of a generated video must be a whole number of 0 or more, got {seed!r}")
    return seed
