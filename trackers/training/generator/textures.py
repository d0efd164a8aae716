"""Procedural textures: a random field of one value a pixel, seen through a random palette."""

from __future__ import annotations

import cv2
import numpy as np

Palette = np.ndarray
"""``(colours, 3)`` float BGR, 0 to 255."""

_PURE_HUES = np.array([1.0, 5.0, 3.0])  # three sixths of the circle from blue, green and red


def random_palette(rng: np.random.Generator, like: Palette | None = None) -> Palette:
    """Draw two to five colours that go together: mostly dull, as in real pictures, sometimes bright.

    Args:
        rng: Where chance comes from.
        like: Colours to stay close to.
    """
    count = int(rng.integers(2, 6))
    if like is not None:
        chosen = like[rng.integers(0, len(like), count)]
        return limited(chosen + 14 * rng.standard_normal((count, 3)) + 10 * rng.standard_normal(), 255)
    vividness, hue, variety, middle, spread = rng.random(5).tolist()
    hues = 6 * hue + (0.2, 0.7, 2.0)[int(3 * variety)] * rng.standard_normal(count)
    saturations, values = rng.random((2, count))
    saturations = limited((0.1 + 0.9 * vividness) ** 2 * (0.3 + 0.8 * saturations), 1)
    values = limited(0.2 + 0.6 * middle + (0.12 + 0.4 * spread) * (2 * values - 1), 1)
    # HSV to BGR: each channel is a clipped triangle wave of the hue.
    pure = limited(2 - np.abs((hues[:, None] - _PURE_HUES) % 6 - 3), 1)
    colours: Palette = values[:, None] * (1 - saturations[:, None] * (1 - pure)) * 255
    return colours


def limited(values: np.ndarray, highest: float) -> np.ndarray:
    """Cut values to 0 to `highest`, in a third of the time that np.clip takes for a few."""
    result: np.ndarray = np.minimum(np.maximum(values, 0), highest)
    return result


def random_texture(rng: np.random.Generator, size: int, palette: Palette) -> np.ndarray:
    """Draw a texture.

    Args:
        rng: Where chance comes from.
        size: Its side, pixels. The same chance gives the same texture, finer or coarser.
        palette: Its colours.

    Returns:
        ``(size, size, 3)`` BGR uint8.
    """
    field = random_field(rng, size)
    if rng.random() < 0.4:
        share = float(rng.uniform(0.25, 0.75))
        field = cv2.addWeighted(field, share, random_field(rng, size), 1 - share, 0)
    # Two fields together are low in contrast, and noise is anyway.
    field = np.asarray(cv2.normalize(field, np.empty_like(field), 0, 255, cv2.NORM_MINMAX))
    picture = np.asarray(cv2.applyColorMap(field, _colour_table(rng, palette)))
    detail = float(rng.uniform(0, 0.5)) ** 1.5
    grain = rng.integers(0, 256, (size // 2, size // 2), np.uint8)
    shade = cv2.resize(rng.integers(0, 256, (2, 2), np.uint8), (size // 2, size // 2))
    depth = float(rng.uniform(0, 0.3))
    light = cv2.resize(cv2.addWeighted(grain, detail, shade, depth, 128 - 128 * (detail + depth)), (size, size))
    return np.asarray(cv2.multiply(picture, cv2.merge([light, light, light]), scale=1 / 128))


def random_field(rng: np.random.Generator, size: int) -> np.ndarray:
    """Draw a field: noise, stripes, checks, spots, patchwork, bands or rings, ``(size, size)`` uint8."""
    kind = rng.random()
    if kind < 0.35:
        cells, octaves = ((2, 5), (3, 5), (5, 4), (8, 3))[int(rng.integers(4))]
        noise = value_noise(rng, size, octaves=octaves, persistence=float(rng.uniform(0.2, 0.8)), first=cells)
        # Folded at its middle: veins, as in marble or bark.
        return noise if rng.random() < 0.75 else np.abs(noise.astype(np.int16) - 128).astype(np.uint8)
    if kind < 0.65:
        return _waves(rng, size)
    if kind < 0.8:
        # Spots: noise with its middle pulled apart.
        noise = value_noise(rng, size, octaves=2, persistence=0.4, first=int(rng.integers(3, 10)))
        gain = float(rng.uniform(3, 12))
        return np.asarray(cv2.addWeighted(noise, gain, noise, 0, 128 - gain * float(rng.uniform(100, 156))))
    if kind < 0.9:
        shape = rng.integers(2, 9, 2)
        patches = rng.integers(0, 256, shape, np.uint8)
        return np.asarray(cv2.resize(patches, (size, size), interpolation=cv2.INTER_NEAREST))
    bands = rng.integers(0, 256, (int(rng.integers(2, 5)), 1), np.uint8)
    sharp = np.asarray(cv2.resize(bands, (size, size), interpolation=cv2.INTER_NEAREST))
    return sharp if rng.random() < 0.7 else np.ascontiguousarray(sharp.T)


def value_noise(rng: np.random.Generator, size: int, *, octaves: int, persistence: float, first: int) -> np.ndarray:
    """Sum random grids, each of twice the cells of the one before and `persistence` its height.

    Args:
        rng: Where chance comes from.
        size: Side of the result, pixels.
        octaves: How many grids.
        persistence: Height of a grid over that of the one before.
        first: Cells along the side of the first grid; those across are fewer at times, for grain that has a direction.

    Returns:
        ``(size, size)`` uint8.
    """
    across = max(2, round(first * (1.0, 1.0, 0.5, 2.0)[int(rng.integers(4))]))
    total: np.ndarray = rng.random((first, across), np.float32)
    height, heights = 1.0, 1.0
    for octave in range(1, octaves):
        cells = (across << octave, first << octave)
        height *= persistence
        heights += height
        # The sum so far is enlarged as it goes: cheaper than enlarging every grid to the full size.
        wider = cv2.resize(total, cells, interpolation=cv2.INTER_CUBIC if octave < 3 else cv2.INTER_LINEAR)
        total = np.asarray(cv2.scaleAdd(rng.random((cells[1], cells[0]), np.float32), height, wider))
    smooth = cv2.resize(total, (size, size), interpolation=cv2.INTER_CUBIC if octaves < 3 else cv2.INTER_LINEAR)
    return np.asarray(cv2.convertScaleAbs(smooth, alpha=255 / heights))


def _waves(rng: np.random.Generator, size: int) -> np.ndarray:
    """Stripes, checks or rings, soft or sharp, straight or warped."""
    x = np.arange(size, dtype=np.float32)[None, :] / np.float32(size)
    y = x.T
    turns = float(rng.uniform(1, 9)) * 2 * np.pi
    angle = (0.0, np.pi / 2, float(rng.uniform(0, np.pi)))[int(rng.integers(3))]
    cos, sin = np.float32(np.cos(angle) * turns), np.float32(np.sin(angle) * turns)
    kind = rng.random()
    if kind < 0.2:
        centre = rng.uniform(0.2, 0.8, 2).astype(np.float32)
        phase = np.float32(turns) * np.sqrt((x - centre[0]) ** 2 + (y - centre[1]) ** 2)
    else:
        phase = cos * x + sin * y
    if rng.random() < 0.5:
        warp = cv2.resize(rng.random((4, 4), np.float32), (size, size), interpolation=cv2.INTER_CUBIC)
        phase = phase + np.float32(rng.uniform(1, 6)) * warp
    wave = np.sin(phase)
    if kind > 0.7:
        wave = wave * np.sin(cos * y - sin * x)
    gain = 127 * (1.0, 2.5, 12.0)[int(rng.integers(3))]
    return limited(wave * np.float32(gain) + np.float32(128), 255).astype(np.uint8)


def _colour_table(rng: np.random.Generator, palette: Palette) -> np.ndarray:
    """Colours ``(256, 1, 3)`` of the values: from one of the palette to the next in steps or without."""
    steps = rng.random() < 0.4
    colours = palette.astype(np.uint8)[:, None, :]
    return np.asarray(cv2.resize(colours, (1, 256), interpolation=cv2.INTER_NEAREST if steps else cv2.INTER_LINEAR))
