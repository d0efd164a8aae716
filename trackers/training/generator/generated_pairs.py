"""Training pairs from generated scenes, rendered as crops at once."""

from __future__ import annotations

import math
from collections.abc import Sequence

import cv2
import numpy as np

from lighttrack_nas.trackers.base.errors import InputError
from lighttrack_nas.trackers.tracking.crops import context_side, mean_colour
from lighttrack_nas.trackers.training.generator.generator_settings import SceneSettings
from lighttrack_nas.trackers.training.generator.scenes import Material, Scene, make_scene
from lighttrack_nas.trackers.training.pairs.pair import Pair
from lighttrack_nas.trackers.training.pairs.pair_cutting import jittered
from lighttrack_nas.trackers.training.pairs.pair_settings import PairSettings

_FRAMES = 60.0  # length of a pair's scene
_LARGEST_GAP = 40.0
_LARGEST_ASPECT = 4.0  # of a patch


class GeneratedPairs:
    """A source of pairs (`PairSource`) that makes up a scene for every pair.

    Both crops show one scene at two times, at most 40 frames apart. A part of the frame that the search crop would
    reach beyond is filled with the mean colour, as the tracker does. In a negative pair the target is not in the scene
    at the search crop's time; other objects may be.

    Args:
        settings: Sizes and augmentation of the crops.
        scenes: What the scenes hold.
        patches: Cut-outs of real objects, ``(height, width, 3)`` BGR uint8, to be targets and other objects.
        backgrounds: Real images, BGR uint8.

    Raises:
        InputError: A patch or background is no BGR picture.
    """

    def __init__(
        self,
        settings: PairSettings,
        scenes: SceneSettings | None = None,
        patches: Sequence[np.ndarray] = (),
        backgrounds: Sequence[np.ndarray] = (),
    ) -> None:
        self._settings = settings
        self._scenes = SceneSettings() if scenes is None else scenes
        # In the template crop the target takes half of the side or so: its texture has about two pixels for one.
        size, background_size = settings.template_size, 2 * settings.search_size
        self._material = Material(
            object_size=size,
            background_size=background_size,
            patches=tuple(_square_patch(patch, size, f"patch {n}") for n, patch in enumerate(patches)),
            backgrounds=tuple(
                _shrunk(image, background_size, f"background {n}") for n, image in enumerate(backgrounds)
            ),
        )

    def pair(self, rng: np.random.Generator) -> Pair:
        """Draw a pair; all that is random comes from `rng`."""
        settings = self._settings
        positive = bool(rng.random() >= settings.negatives)
        half_frame = _random_half_frame(rng)
        template_time = rng.uniform(0, _FRAMES)
        search_time = min(max(template_time + rng.uniform(-_LARGEST_GAP, _LARGEST_GAP), 0), _FRAMES)
        scene = make_scene(
            rng,
            self._scenes,
            self._material,
            half_frame=half_frame,
            frames=_FRAMES,
            # Often close to the moment of the search crop, seldom in front of the template.
            moment=search_time + rng.normal(0, 4),
        )
        flip = bool(rng.random() < settings.flip)
        stretch = 1 + rng.uniform(-1, 1, 2) * settings.template_stretch
        shift = rng.uniform(-1, 1, 2) * settings.template_shift
        view, _ = _crop_view(scene, template_time, settings.context, settings.template_size, 1.0, stretch, shift, flip)
        template = self._picture(scene, template_time, view, settings.template_size, half_frame, rng)
        sides = settings.search_size / settings.template_size
        sides *= math.exp(rng.uniform(-1, 1) * settings.search_scale)
        stretch = 1 + rng.uniform(-1, 1, 2) * settings.search_stretch
        shift = rng.uniform(-1, 1, 2) * settings.search_shift
        view, box = _crop_view(scene, search_time, settings.context, settings.search_size, sides, stretch, shift, flip)
        search = self._picture(scene, search_time, view, settings.search_size, half_frame, rng, positive)
        return Pair(template, search, box.astype(np.float32) if positive else np.zeros(4, np.float32), positive)

    def _picture(
        self,
        scene: Scene,
        time: float,
        view: np.ndarray,
        size: int,
        half_frame: np.ndarray,
        rng: np.random.Generator,
        with_target: bool = True,
    ) -> np.ndarray:
        picture = scene.render(time, view, (size, size), with_target=with_target)
        picture = scene.quality.apply(picture, rng)
        _pad(picture, view, half_frame)
        jitter = self._settings.colour_jitter
        return jittered(picture, jitter, rng.uniform(-1, 1, 5).tolist()) if jitter else picture


def _crop_view(
    scene: Scene,
    time: float,
    context: float,
    size: int,
    sides: float,
    stretch: np.ndarray,
    shift: np.ndarray,
    flip: bool,
) -> tuple[np.ndarray, np.ndarray]:
    """View of a crop: the target's context square, `sides` times as large, stretched, shifted and perhaps mirrored.

    Returns:
        View ``(2, 3)``, and the target's box ``(4,)`` in it.
    """
    box = scene.target_box(time, np.eye(2, 3))
    extent = context_side(box[2:], context) * sides * stretch
    scale = size / extent
    corner = box[:2] + box[2:] / 2 - extent * (0.5 + shift)
    place, target = (box[:2] - corner) * scale, box[2:] * scale
    view = np.array([[scale[0], 0, -corner[0] * scale[0]], [0, scale[1], -corner[1] * scale[1]]])
    if flip:
        view[0] *= -1
        view[0, 2] += size
        place[0] = size - place[0] - target[0]
    return view, np.concatenate([place, target])


def _random_half_frame(rng: np.random.Generator) -> np.ndarray:
    """Half the width and height of a frame in which the target's side is 5 to 40 % of the shorter one."""
    half = 0.5 / math.exp(rng.uniform(math.log(0.05), math.log(0.4)))
    longer = half * (4 / 3, 16 / 9, 1.0)[int(rng.integers(3))]
    return np.array([longer, half]) if rng.random() < 0.85 else np.array([half, longer])


def _pad(picture: np.ndarray, view: np.ndarray, half_frame: np.ndarray) -> None:
    """Fill what lies outside the frame with the mean colour of what is inside."""
    height, width = picture.shape[:2]
    ends = np.sort(np.stack([-half_frame, half_frame]) * (view[0, 0], view[1, 1]) + view[:, 2], axis=0)
    left, top, right, bottom = np.rint(ends).astype(int).ravel().tolist()
    left, top = max(left, 0), max(top, 0)
    inside = picture[top : max(bottom, 0), left : max(right, 0)]
    if inside.size == 0 or inside.shape == picture.shape:
        return
    colour = mean_colour(inside).astype(np.uint8)
    picture[:top], picture[min(bottom, height) :] = colour, colour
    picture[:, :left], picture[:, min(right, width) :] = colour, colour


def _checked(image: np.ndarray, what: str) -> np.ndarray:
    if not isinstance(image, np.ndarray) or image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3:
        got = f"{image.dtype} {image.shape}" if isinstance(image, np.ndarray) else type(image).__name__
        raise InputError(f"{what}: expected a picture, uint8 (height, width, 3), got {got}")
    if image.size == 0:
        raise InputError(f"{what}: the picture is empty")
    return image


def _square_patch(patch: np.ndarray, size: int, what: str) -> tuple[np.ndarray, float]:
    height, width = _checked(patch, what).shape[:2]
    aspect = min(max(width / height, 1 / _LARGEST_ASPECT), _LARGEST_ASPECT)
    return np.asarray(cv2.resize(patch, (size, size), interpolation=cv2.INTER_AREA)), aspect


def _shrunk(image: np.ndarray, size: int, what: str) -> np.ndarray:
    """Make a large image small once, so that a window of it needs no slow averaging later."""
    height, width = _checked(image, what).shape[:2]
    scale = 1.5 * size / min(height, width)
    if scale >= 1:
        return image.copy()
    small = (max(round(width * scale), 1), max(round(height * scale), 1))
    return np.asarray(cv2.resize(image, small, interpolation=cv2.INTER_AREA))
