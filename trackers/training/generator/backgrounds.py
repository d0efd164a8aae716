"""What lies behind a scene: a picture of textures and clutter, or a real one."""

from __future__ import annotations

import math

import cv2
import numpy as np

from lighttrack_nas.trackers.training.generator.outlines import random_outline
from lighttrack_nas.trackers.training.generator.textures import Palette, limited, random_palette, random_texture

_BOX = np.array([(-0.5, -0.5), (0.5, -0.5), (0.5, 0.5), (-0.5, 0.5)])


def random_background(rng: np.random.Generator, size: int, palette: Palette) -> np.ndarray:
    """Draw a background: one texture or two with a border between, and shapes strewn about, singly or in groups.

    Args:
        rng: Where chance comes from.
        size: Its side, pixels.
        palette: Colours of most of it.

    Returns:
        ``(size, size, 3)`` BGR uint8.
    """
    # Textures of half the size: background is soft more often than not, and the shapes' edges make up for it.
    picture = np.asarray(cv2.resize(random_texture(rng, size // 2, palette), (size, size)))
    second = random_texture(rng, size // 2, random_palette(rng, palette if rng.random() < 0.5 else None))
    second = np.asarray(cv2.resize(second, (size, size)))
    if rng.random() < 0.6:
        # A horizon, a wall's foot, a kerb; one in five stands upright.
        heights = rng.uniform(0.1, 0.9) + (0.02, 0.15)[int(rng.integers(2))] * rng.standard_normal(5)
        border = np.stack([np.arange(5) / 4, heights], axis=1)
        region = np.concatenate([border, [(1.0, 1.0), (0.0, 1.0)]])
        _fill(picture, [region if rng.random() < 0.8 else region[:, ::-1]], second)
    colours = np.concatenate([palette, random_palette(rng)])
    for _ in range(int(rng.integers(0, (2, 5, 9)[int(rng.integers(3))]))):
        _strew(rng, picture, second, colours)
    if rng.random() < 0.4:
        grain = rng.integers(0, 256, (size, size), np.uint8)
        strength = float(rng.uniform(0.05, 0.25))
        cv2.addWeighted(picture, 1, cv2.merge([grain, grain, grain]), strength, -128 * strength, dst=picture)
    return picture


def window_of(rng: np.random.Generator, image: np.ndarray, size: int) -> np.ndarray:
    """Cut a random window of a real image, at least half as large as it, and make it square: ``(size, size, 3)``."""
    height, width = image.shape[:2]
    share = rng.uniform(0.5, 1.0, 2)
    rows, columns = max(int(height * share[0]), 1), max(int(width * share[1]), 1)
    top, left = int(rng.integers(0, height - rows + 1)), int(rng.integers(0, width - columns + 1))
    window = image[top : top + rows, left : left + columns]
    return np.asarray(cv2.resize(window, (size, size)))


def _strew(rng: np.random.Generator, picture: np.ndarray, texture: np.ndarray, colours: Palette) -> None:
    """Add shapes of one kind: a single one, a few here and there, or a row or grid of them."""
    size = len(picture)
    small, wide, kind, order = rng.random(4).tolist()
    colour = limited(colours[rng.integers(len(colours))] * rng.uniform(0.7, 1.3), 255).tolist()
    count = (1, 1, 3, 9)[int(rng.integers(4))]
    if order < 0.5:
        places = rng.random((count, 2))
    else:
        # A fence, a row of windows, cars in a park.
        step = rng.uniform(-0.2, 0.2, (2, 2))
        number = np.arange(count)
        places = rng.random(2) + (number % 5)[:, None] * step[0] + (number // 5)[:, None] * step[1]
    if kind < 0.2:
        ends = np.rint(np.stack([places, places + rng.normal(0, 0.4, 2)], axis=1) * size * 16).astype(np.int32)
        cv2.polylines(picture, list(ends), False, colour, int(rng.integers(1, 6)), cv2.LINE_AA, 4)
        return
    largest = 0.35 if count == 1 else 0.15
    extent = 0.03 * (largest / 0.03) ** np.array([small, wide])
    outline = (_BOX if kind < 0.55 else random_outline(rng)) * extent
    if rng.random() < 0.5:
        angle = rng.uniform(0, math.pi)
        cos, sin = math.cos(angle), math.sin(angle)
        outline = outline @ np.array([[cos, -sin], [sin, cos]])
    shapes = [outline + place for place in places]
    if rng.random() < 0.35:
        _fill(picture, shapes, texture)
        return
    for shape in shapes:
        cv2.fillPoly(picture, [_fixed(shape * size)], colour, cv2.LINE_AA, 4)


def _fill(picture: np.ndarray, shapes: list[np.ndarray], texture: np.ndarray) -> None:
    """Copy a texture of the picture's size into outlines of corners 0 to 1."""
    mask = np.zeros(picture.shape[:2], np.uint8)
    for shape in shapes:
        cv2.fillPoly(mask, [_fixed(shape * len(picture))], 255, cv2.LINE_8, 4)
    cv2.copyTo(texture, mask, picture)


def _fixed(corners: np.ndarray) -> np.ndarray:
    """Corners in sixteenths of a pixel, as OpenCV takes them."""
    return np.rint((corners - 0.5) * 16).astype(np.int32)
