"""A scene: background, actors, camera and light, all functions of time; and pictures of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np

from lighttrack_nas.trackers.training.generator import casting
from lighttrack_nas.trackers.training.generator.actors import Actor, ActorPart, line_kernel
from lighttrack_nas.trackers.training.generator.backgrounds import random_background, window_of
from lighttrack_nas.trackers.training.generator.generator_settings import SceneSettings
from lighttrack_nas.trackers.training.generator.motion import MotionCurves, random_curves, random_departure
from lighttrack_nas.trackers.training.generator.quality import Quality, random_quality, tinted
from lighttrack_nas.trackers.training.generator.textures import Palette, random_palette, random_texture

_INSIDE = 0.45  # sides that the target's middle keeps from the frame's edge


@dataclass(frozen=True, eq=False)
class Material:
    """What scenes are made of, beside chance.

    Attributes:
        object_size: Side of the actors' textures, pixels.
        background_size: Side of the background, pixels.
        patches: Real objects: ``(object_size, object_size, 3)`` BGR uint8 and the width / height that it had.
        backgrounds: Real images, BGR uint8.
    """

    object_size: int
    background_size: int
    patches: Sequence[tuple[np.ndarray, float]] = ()
    backgrounds: Sequence[np.ndarray] = ()


@dataclass(frozen=True, eq=False)
class Scene:
    """A scene. Lengths are in sides of the target, positions relative to the frame's middle, times in frames.

    Attributes:
        background: ``(n, n, 3)`` BGR uint8, repeated in mirrors for ever.
        extent: Its side.
        camera: Pan x and y, logarithm of the zoom, rotation.
        light: Logarithm of the brightness of blue, green and red.
        behind: Painted before the target.
        target: The target.
        front: Painted after the target.
        shutter: Frames for which the shutter is open.
        quality: Of the pictures.
        has_distractor: Look-alikes of the target are about.
        has_occluder: Something passes in front of the target.
    """

    background: np.ndarray
    extent: float
    camera: MotionCurves
    light: MotionCurves | None
    behind: tuple[Actor, ...]
    target: Actor
    front: tuple[Actor, ...]
    shutter: float
    quality: Quality
    has_distractor: bool
    has_occluder: bool

    def target_box(self, time: float, view: np.ndarray) -> np.ndarray:
        """Bounding box ``(4,)`` x, y, w, h of the whole target, hidden or not, in pixels of a view."""
        corners = np.concatenate(self.target.outlines(time, self._zoom(time))) @ view[:, :2].T + view[:, 2]
        low = corners.min(axis=0)
        return np.concatenate([low, corners.max(axis=0) - low])

    def render(self, time: float, view: np.ndarray, size: tuple[int, int], *, with_target: bool = True) -> np.ndarray:
        """Make a picture, as good as pictures get; `quality` is for the caller to apply.

        Args:
            time: In frames.
            view: ``(2, 3)`` from the scene to the picture's pixels.
            size: Width and height, pixels.
            with_target: False leaves the target out.

        Returns:
            ``(height, width, 3)`` BGR uint8.
        """
        camera = self.camera(time)
        zoom = float(np.exp(camera[2]))
        picture = self._render_background(camera, time, view, size)
        actors = (*self.behind, *([self.target] if with_target else []), *self.front)
        for actor in actors:
            actor.paint(picture, time, view, zoom, self.shutter)
        return picture if self.light is None else tinted(picture, np.exp(self.light(time)))

    def _zoom(self, time: float) -> float:
        return float(np.exp(self.camera(time)[2]))

    def _render_background(
        self, camera: np.ndarray, time: float, view: np.ndarray, size: tuple[int, int]
    ) -> np.ndarray:
        zoom, angle = np.exp(camera[2]), camera[3]
        turn = zoom * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        matrix = np.empty((2, 3))
        matrix[:, :2] = view[:, :2] @ turn * (self.extent / len(self.background))
        middle = np.full(2, self.extent / 2) + camera[:2]
        matrix[:, 2] = view[:, 2] - view[:, :2] @ turn @ middle + matrix[:, :2].sum(axis=1) / 2 - 0.5
        picture = cv2.warpAffine(
            self.background, matrix, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101
        )
        if self.shutter:
            kernel = line_kernel(view[:, :2] @ (self.camera(time + self.shutter)[:2] - camera[:2]) * zoom)
            picture = picture if kernel is None else cv2.filter2D(picture, -1, kernel)
        return np.asarray(picture)


def make_scene(
    rng: np.random.Generator,
    settings: SceneSettings,
    material: Material,
    *,
    half_frame: np.ndarray,
    frames: float,
    moment: float | None = None,
    distractor: bool | None = None,
    occluder: bool | None = None,
    departure: bool = False,
) -> Scene:
    """Draw a scene.

    Args:
        rng: Where chance comes from.
        settings: How often what happens.
        material: Sizes of textures, and real pictures.
        half_frame: ``(2,)`` half the frame's width and height, sides of the target. The target's middle stays within.
        frames: Length of the scene.
        moment: When an occluder is in front of the target; None: once or more in the course of the scene.
        distractor: Whether there are look-alikes; None leaves it to chance.
        occluder: Whether something passes in front of the target; None leaves it to chance.
        departure: Whether the target leaves the frame for a while; what moves about near it stays.
    """
    if distractor is None:
        distractor = rng.random() < settings.distractors
    if occluder is None:
        occluder = rng.random() < settings.occluders
    colours = random_palette(rng)
    if material.backgrounds and rng.random() < settings.real:
        image = material.backgrounds[int(rng.integers(len(material.backgrounds)))]
        background = window_of(rng, image, material.background_size)
    else:
        background = random_background(rng, material.background_size, colours)
    parts = _object_parts(rng, settings, material, _target_palette(rng, settings, colours))
    path = casting.random_path(rng, settings, half_frame - _INSIDE, frames)
    target = Actor(parts, path, casting.random_pose(rng, settings))
    front = []
    if occluder:
        corners = np.concatenate([part.outline for part in parts])
        for when in _moments(rng, frames) if moment is None else [moment]:
            texture = random_texture(rng, material.object_size, random_palette(rng))
            front.append(casting.passer_by(rng, path, when, np.ptp(corners, axis=0), texture))
    scene = Scene(
        background=background,
        extent=float(rng.uniform(6, 11)),
        camera=_random_camera(rng, settings),
        light=_random_light(rng) if rng.random() < settings.lighting else None,
        behind=_bystanders(rng, settings, material, path, parts, distractor),
        target=target,
        front=tuple(front),
        shutter=float(rng.uniform(0.4, 1.2)) if rng.random() < settings.motion_blur else 0.0,
        quality=random_quality(rng, settings.degradation),
        has_distractor=distractor,
        has_occluder=occluder,
    )
    if not departure:
        return scene
    return replace(scene, target=replace(target, path=random_departure(rng, path, half_frame, frames)))


def _bystanders(
    rng: np.random.Generator,
    settings: SceneSettings,
    material: Material,
    path: MotionCurves,
    target_parts: tuple[ActorPart, ...],
    distractor: bool,
) -> tuple[Actor, ...]:
    """Draw what moves about behind the target: others, look-alikes, and what carries it."""

    def bystander(parts: tuple[ActorPart, ...], nearest: float, farthest: float, scales: tuple[float, float]) -> Actor:
        way = casting.beside(rng, path, nearest, farthest, settings)
        return Actor(parts, way, casting.random_pose(rng, settings, scale=float(rng.uniform(*scales))))

    def other() -> tuple[ActorPart, ...]:
        return _object_parts(rng, settings, material, random_palette(rng))

    behind = []
    if rng.random() < settings.others:
        behind += [bystander(other(), 0.9, 2.8, (-0.6, 0.5)) for _ in range(int(rng.integers(1, 3)))]
    if distractor:
        for _ in range(int(rng.integers(1, 3))):
            behind.append(bystander(casting.look_alike(rng, target_parts), 1.2, 2.4, (-0.2, 0.2)))
    if rng.random() < settings.carriers:
        behind.append(bystander(other(), 0.8, 0.8, (0.2, 0.7)))
    return tuple(behind)


def _object_parts(
    rng: np.random.Generator, settings: SceneSettings, material: Material, palette: Palette
) -> tuple[ActorPart, ...]:
    if material.patches and rng.random() < settings.real:
        return casting.patch_parts(rng, *material.patches[int(rng.integers(len(material.patches)))])
    return casting.random_parts(rng, settings, material.object_size, palette)


def _target_palette(rng: np.random.Generator, settings: SceneSettings, background: Palette) -> Palette:
    """Draw the target's colours: those of the background, or others."""
    if rng.random() < settings.camouflage:
        return random_palette(rng, background)
    palette = random_palette(rng)
    # Much alike by chance: another try.
    return palette if np.abs(palette.mean(axis=0) - background.mean(axis=0)).max() > 40 else random_palette(rng)


def _moments(rng: np.random.Generator, frames: float) -> list[float]:
    """Two times, one in each half of a scene, so that every scene shows an occlusion for a while."""
    first, second = rng.uniform(0.2, 0.45), rng.uniform(0.6, 0.9)
    return [first * frames, second * frames]


def _random_camera(rng: np.random.Generator, settings: SceneSettings) -> MotionCurves:
    """Slow pan, zoom and rotation; a tenth of cameras shake."""
    pan = settings.camera_pan
    amplitude = np.array([pan, pan, settings.camera_zoom, settings.camera_rotation]) * rng.random(4) ** 1.5
    curves = random_curves(rng, np.zeros(4), amplitude, rng.uniform(0.01, 0.06, 4))
    if rng.random() < 0.1 and pan > 0:
        curves.waves[0, 1, :2] = rng.uniform(0.02, 0.06)
        curves.waves[1, 1, :2] = rng.uniform(0.8, 1.8, 2)
    return curves


def _random_light(rng: np.random.Generator) -> MotionCurves:
    amplitude = rng.uniform(0, 0.2) + rng.uniform(0, 0.05, 3)
    curves = random_curves(rng, np.full(3, rng.uniform(-0.3, 0.1)), amplitude, rng.uniform(0.02, 0.08))
    # One phase for all: brightness, with a tint by the amplitudes.
    curves.waves[1:] = curves.waves[1:, :, :1]
    return curves
