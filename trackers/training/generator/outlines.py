"""Random outlines of objects: closed polygons of many corners."""

from __future__ import annotations

import numpy as np

_CORNERS = 40


def random_outline(rng: np.random.Generator) -> np.ndarray:
    """Draw an outline: an ellipse or a rounded box, a polygon with rounded corners, or a blob with bulges.

    Returns:
        ``(40, 2)`` corners x, y; their bounding box is exactly -.5 to .5 both ways.
    """
    angles = np.arange(_CORNERS) * (2 * np.pi / _CORNERS)
    kind = rng.random()
    if kind < 0.4:
        points = _superellipse(angles, power=float(np.exp(rng.uniform(np.log(1.3), np.log(8)))))
    elif kind < 0.7:
        points = _rounded_polygon(rng)
    else:
        points = _blob(rng, angles)
    return in_unit_box(points)


def in_unit_box(points: np.ndarray) -> np.ndarray:
    """Move and stretch points so that their bounding box is -.5 to .5 both ways."""
    low, high = points.min(axis=0), points.max(axis=0)
    result: np.ndarray = (points - (low + high) / 2) / (high - low)
    return result


def deformation_basis(outline: np.ndarray) -> np.ndarray:
    """How far bulges of two and three lobes move each corner out, ``(corners, 4)``: cosines and sines of its angle."""
    angle = np.arctan2(outline[:, 1], outline[:, 0])
    return np.stack([np.cos(2 * angle), np.sin(2 * angle), np.cos(3 * angle), np.sin(3 * angle)], axis=1)


def _superellipse(angles: np.ndarray, power: float) -> np.ndarray:
    """A rhomb (1) to an ellipse (2) to nearly a box (8)."""
    unit = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    radius = (np.abs(unit) ** power).sum(axis=1) ** (-1 / power)
    return unit * radius[:, None]


def _rounded_polygon(rng: np.random.Generator) -> np.ndarray:
    """Three to eight corners in order of their angle, joined by straight sides, then smoothed."""
    count = int(rng.integers(3, 9))
    angles = (np.arange(count) + rng.uniform(-0.35, 0.35, count)) * (2 * np.pi / count) + rng.uniform(0, 2 * np.pi)
    corners = np.stack([np.cos(angles), np.sin(angles)], axis=1) * rng.uniform(0.6, 1.0, (count, 1))
    place = np.arange(_CORNERS) * (count / _CORNERS)
    before = place.astype(int)
    share = (place - before)[:, None]
    points = corners[before] * (1 - share) + corners[(before + 1) % count] * share
    for _ in range(int(rng.integers(0, 3))):
        points = 0.5 * points + 0.25 * (np.roll(points, 1, axis=0) + np.roll(points, -1, axis=0))
    return points


def _blob(rng: np.random.Generator, angles: np.ndarray) -> np.ndarray:
    """A circle with bulges of two to seven lobes."""
    lobes = np.arange(2, 8)
    heights = rng.uniform(-1, 1, 6) * (0.45 / lobes ** rng.uniform(0.4, 1.2))
    radius = 1 + np.cos(angles[:, None] * lobes + rng.uniform(0, 2 * np.pi, 6)) @ heights
    return np.stack([np.cos(angles), np.sin(angles)], axis=1) * np.maximum(radius, 0.25)[:, None]
