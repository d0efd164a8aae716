"""Drawing actors: targets, look-alikes, others and what passes in front of them."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from lighttrack_nas.trackers.training.generator.actors import Actor, ActorPart
from lighttrack_nas.trackers.training.generator.generator_settings import SceneSettings
from lighttrack_nas.trackers.training.generator.motion import MotionCurves, random_curves
from lighttrack_nas.trackers.training.generator.outlines import deformation_basis, in_unit_box, random_outline
from lighttrack_nas.trackers.training.generator.quality import tinted
from lighttrack_nas.trackers.training.generator.textures import Palette, random_palette, random_texture

_SLOW = 0.06  # radians a frame: a period of about 100 frames


def random_parts(
    rng: np.random.Generator, settings: SceneSettings, texture_size: int, palette: Palette
) -> tuple[ActorPart, ...]:
    """Draw the parts of an object, one to three, together of an area of 1 (as a box) and of a random aspect.

    Args:
        rng: Where chance comes from.
        settings: Ranges.
        texture_size: Side of the textures, pixels.
        palette: Colours of the first part. Another part has these too, or its own.
    """
    lowest, highest = (math.log(value) for value in settings.aspect)
    aspect = math.exp(rng.uniform(lowest, highest))
    count = (1, 1, 1, 2, 2, 3)[int(rng.integers(6))]
    outlines = [random_outline(rng)]
    for _ in range(count - 1):
        # A head, a limb, a cabin: smaller, at the rim of the body, above it as often as anywhere else.
        size = rng.uniform(0.25, 0.65, 2)
        angle = -np.pi / 2 if rng.random() < 0.5 else rng.uniform(0, 2 * np.pi)
        centre = np.array([np.cos(angle), np.sin(angle)]) * rng.uniform(0.3, 0.55)
        outlines.append(random_outline(rng) * size + centre)
    points = in_unit_box(np.concatenate(outlines)) * (math.sqrt(aspect), 1 / math.sqrt(aspect))
    parts = []
    for place, outline in enumerate(points.reshape(count, -1, 2)):
        colours = palette if place == 0 or rng.random() < 0.3 else random_palette(rng)
        swing = rng.uniform(-0.5, 0.5) if place else 0.0
        pixels = texture_size // 2 if place else texture_size
        parts.append(make_part(outline, random_texture(rng, pixels, colours), swing))
    # Some limbs are behind the body.
    return tuple(parts) if rng.random() < 0.5 else tuple(reversed(parts))


def patch_parts(rng: np.random.Generator, patch: np.ndarray, aspect: float) -> tuple[ActorPart, ...]:
    """Make an object of a picture of one, cut out with a random outline that leaves most of it.

    Args:
        rng: Where chance comes from.
        patch: ``(n, n, 3)`` BGR uint8, already square.
        aspect: Width / height that it had.
    """
    outline = random_outline(rng)
    # Outlines that leave out much of their box would leave out much of the object.
    full = in_unit_box(np.sign(outline) * np.abs(outline) ** rng.uniform(0.4, 1.0))
    return (make_part(full * (math.sqrt(aspect), 1 / math.sqrt(aspect)), patch),)


def make_part(outline: np.ndarray, texture: np.ndarray, swing: float = 0.0) -> ActorPart:
    """Make a part of an outline with a texture over its bounding box."""
    low, high = outline.min(axis=0), outline.max(axis=0)
    centre = (low + high) / 2
    return ActorPart(outline, deformation_basis(outline - centre), texture, centre, high - low, swing)


def random_pose(rng: np.random.Generator, settings: SceneSettings, *, scale: float = 0.0) -> MotionCurves:
    """Draw how an actor changes; see `Actor.pose`.

    Args:
        rng: Where chance comes from.
        settings: The amplitudes.
        scale: Logarithm of the middle scale.
    """
    middle = np.zeros(11)
    middle[0] = scale
    deformation = settings.deformation
    lobes = [deformation, deformation, deformation / 2, deformation / 2]
    brightness = 0.15 if rng.random() < settings.lighting else 0.0
    amplitude = np.array(
        [settings.scale, settings.aspect_change, settings.rotation, 1.0, 0.08, 0.08, brightness, *lobes]
    )
    # Each scene has its own liveliness: some objects are rigid, some never keep still.
    amplitude *= rng.random(11) ** 0.7
    rates = _SLOW * np.array([1.0, 1.0, 1.0, 3.0, 1.0, 1.0, 0.7, 2.0, 2.0, 2.5, 2.5])
    return random_curves(rng, middle, amplitude, rates * rng.uniform(0.5, 1.5, 11))


def random_path(rng: np.random.Generator, settings: SceneSettings, reach: np.ndarray, frames: float) -> MotionCurves:
    """Draw a path within ``-reach`` to ``reach``, ``(2,)``, at a speed of the settings."""
    amplitude = np.maximum(reach, 0.0) * rng.uniform(0.7, 1.0, 2)
    lowest, highest = settings.speed
    speed = rng.uniform(lowest, highest)
    # The root of the mean square of a sine's slope is amplitude * rate / sqrt(2).
    rates = np.clip(math.sqrt(2) * speed * rng.uniform(0.6, 1.2, 2) / np.maximum(amplitude, 0.1), 0.01, 0.15)
    dash = (0.0, 1.0, 0.0)
    if rng.random() < settings.fast_motion:
        length = rng.uniform(6, 14)
        # At its fastest, a dash adds 1.5 times this share to the speed of time.
        share = min(rng.uniform(1, 2.5), 0.15 / float(np.hypot(*(amplitude * rates))))
        dash = (rng.uniform(0.1, 0.9) * frames, length, length * share)
    return random_curves(rng, np.zeros(2), amplitude, rates, dash)


def beside(
    rng: np.random.Generator, path: MotionCurves, nearest: float, farthest: float, settings: SceneSettings
) -> MotionCurves:
    """Draw a path that keeps near another: so far away, in a direction that changes slowly.

    Args:
        rng: Where chance comes from.
        path: The other path.
        nearest: Least distance, sides.
        farthest: Largest mean distance, sides.
        settings: Their speed bounds how much the distance varies.
    """
    distance = rng.uniform(nearest, farthest)
    angle = rng.uniform(0, 2 * np.pi)
    middle = path.middle + distance * np.array([np.cos(angle), np.sin(angle)])
    strays = np.full(2, max(distance - nearest, 0.0) / math.sqrt(2))
    rate = min(settings.speed[1] / max(strays[0], 0.1), 0.1)
    own = random_curves(rng, middle, strays, rate)
    return replace(path, middle=middle, waves=np.concatenate([path.waves, own.waves], axis=1))


def look_alike(rng: np.random.Generator, parts: tuple[ActorPart, ...]) -> tuple[ActorPart, ...]:
    """Make parts like others: the same textures in slightly other colours and another shape, or the reverse."""
    gains = rng.uniform(0.75, 1.25) * rng.uniform(0.85, 1.15, 3)
    mirrored = rng.random() < 0.5
    stretch = np.exp(rng.uniform(-0.3, 0.3, 2))
    new_shape = rng.random() < 0.5
    result = []
    for part in parts:
        texture = tinted(part.texture, gains)
        texture = np.ascontiguousarray(texture[:, ::-1]) if mirrored else texture
        outline = part.outline
        if new_shape:
            outline = random_outline(rng) * part.size + part.centre
        result.append(make_part(outline * stretch, texture, part.swing))
    return tuple(result)


def passer_by(
    rng: np.random.Generator, path: MotionCurves, when: float, size: np.ndarray, texture: np.ndarray
) -> Actor:
    """Draw what passes in front of a target and hides a part of it: a bar, long across its way, or a blob.

    Args:
        rng: Where chance comes from.
        path: The target's.
        when: When it is in front, frames.
        size: ``(2,)`` width and height of the target.
        texture: ``(n, n, 3)`` BGR uint8.
    """
    sideways = rng.random() < 0.7
    along, across = (size[0], size[1]) if sideways else (size[1], size[0])
    if rng.random() < 0.5:
        length, offset = rng.uniform(1.6, 4.0) * across, 0.0
        width = along * rng.uniform(0.2, 0.55)
        outline = np.array([(-0.5, -0.5), (0.5, -0.5), (0.5, 0.5), (-0.5, 0.5)])
    else:
        length = rng.uniform(0.5, 1.2) * across
        width = along * rng.uniform(0.35, 0.9)
        # Off the middle, so that a part of the target shows above or below.
        offset = (-1.0, 1.0)[int(rng.integers(2))] * (0.5 * length + across * rng.uniform(-0.2, 0.15))
        outline = random_outline(rng)
    speed = (-1.0, 1.0)[int(rng.integers(2))] * rng.uniform(0.04, 0.14)
    # A sine of a rate so low that it is a line wherever it matters: it never comes back within a video's length.
    rate = 0.002
    away = np.zeros((3, 1, 2))
    away[1] = rate
    lane = 0 if sideways else 1
    away[0, 0, lane], away[2, 0, lane] = speed / rate, -rate * when
    middle = path.middle.copy()
    middle[1 - lane] += offset
    extent = np.array([width, length]) if sideways else np.array([length, width])
    tilt = np.zeros(11)
    tilt[2] = rng.uniform(-0.3, 0.3)
    pose = MotionCurves(tilt, np.zeros((3, 1, 11)))
    moving = replace(path, middle=middle, waves=np.concatenate([path.waves, away], axis=1))
    return Actor((make_part(outline * extent, texture),), moving, pose)
