"""Things that move in a scene, and painting them.

Lengths are in sides of the target, positions are relative to the frame's middle. A *view* is the affine map ``(2, 3)``
from there to the pixels of a picture, whose coordinates are those of edges: pixel i covers i to i + 1.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np

from lighttrack_nas.trackers.training.generator.motion import Motion, MotionCurves

_FINE = 4  # a mask is drawn this many times as large and averaged down: OpenCV's own smooth edges are too wide
_SHORTEST_BLUR = 1.5


@dataclass(frozen=True, eq=False)
class ActorPart:
    """A piece of an actor.

    Attributes:
        outline: ``(corners, 2)`` in the actor's own coordinates.
        basis: ``(corners, 4)`` how far each of the actor's deformations moves a corner, as a share of its distance from
            the part's centre.
        texture: ``(n, n, 3)`` BGR uint8.
        centre: ``(2,)`` the middle of the texture, about which the part deforms and swings.
        size: ``(2,)`` width and height over which the texture is laid.
        swing: Radians by which the part turns about its centre when the actor's swing is 1.
    """

    outline: np.ndarray
    basis: np.ndarray
    texture: np.ndarray
    centre: np.ndarray
    size: np.ndarray
    swing: float = 0.0


@dataclass(frozen=True, eq=False)
class Actor:
    """A thing that moves, turns, grows, deforms and changes its brightness.

    Attributes:
        parts: Painted in this order.
        path: Position x, y at a time in frames.
        pose: At a time: logarithm of the scale, of the aspect, rotation, swing, slide of the texture along x and y (as
            a share of the texture), logarithm of the brightness, and four deformations.
    """

    parts: tuple[ActorPart, ...]
    path: Motion
    pose: MotionCurves

    def outlines(self, time: float, zoom: float = 1.0) -> list[np.ndarray]:
        """Corners ``(corners, 2)`` of each part in the scene, at a time in frames, the camera's zoom given."""
        pose = self.pose(time)
        matrix, position = _stretch(pose, zoom), self.path(time)
        return [_outline(part, pose, matrix, position) for part in self.parts]

    def paint(self, canvas: np.ndarray, time: float, view: np.ndarray, zoom: float = 1.0, shutter: float = 0.0) -> None:
        """Paint the actor over a picture.

        Args:
            canvas: ``(height, width, 3)`` BGR uint8, changed in place.
            time: In frames.
            view: ``(2, 3)``, from the scene to the picture.
            zoom: The camera's zoom.
            shutter: Frames for which the shutter is open: how far motion blurs.
        """
        pose = self.pose(time)
        matrix, position = _stretch(pose, zoom), self.path(time)
        kernel = None
        if shutter:
            kernel = line_kernel(view[:, :2] @ (self.path(time + shutter) - position))
        gain = math.exp(pose[6])
        for part in self.parts:
            outline = _outline(part, pose, matrix, position)
            own = matrix @ _rotation(part.swing * pose[3]) if part.swing else matrix
            slid = pose[4:6] * part.size
            texture_to_scene = np.empty((2, 3))
            texture_to_scene[:, :2] = own * (part.size / len(part.texture))
            texture_to_scene[:, 2] = own @ (slid - part.size / 2) + matrix @ part.centre + position
            paint_part(canvas, outline @ view[:, :2].T + view[:, 2], part.texture, texture_to_scene, view, gain, kernel)


def paint_part(
    canvas: np.ndarray,
    outline: np.ndarray,
    texture: np.ndarray,
    texture_to_scene: np.ndarray,
    view: np.ndarray,
    gain: float,
    kernel: np.ndarray | None,
) -> None:
    """Paint a texture into an outline.

    Args:
        canvas: ``(height, width, 3)`` BGR uint8, changed in place.
        outline: ``(corners, 2)`` in pixels of the canvas.
        texture: ``(n, n, 3)`` BGR uint8.
        texture_to_scene: ``(2, 3)`` from the texture's pixels to the scene.
        view: ``(2, 3)`` from the scene to the canvas.
        gain: Factor of the brightness.
        kernel: Blurs the part, edges included; None for a sharp one.
    """
    margin = 1 if kernel is None else 1 + len(kernel) // 2
    x1, y1 = outline.min(axis=0).tolist()
    x2, y2 = outline.max(axis=0).tolist()
    left, top = max(math.floor(x1) - margin, 0), max(math.floor(y1) - margin, 0)
    region = canvas[top : max(math.ceil(y2) + margin, 0), left : max(math.ceil(x2) + margin, 0)]
    if region.size == 0:
        return
    height, width = region.shape[:2]
    mask = _mask(outline - (left, top), width, height)
    # To the pixels' centres, from which OpenCV counts.
    matrix = view[:, :2] @ texture_to_scene
    matrix[:, 2] += view[:, 2] - (left, top) + matrix[:, :2].sum(axis=1) / 2 - 0.5
    paint = cv2.warpAffine(texture, matrix, (width, height), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101)
    if gain != 1:
        paint = cv2.convertScaleAbs(paint, alpha=gain)
    if kernel is not None:
        mask, paint = cv2.filter2D(mask, -1, kernel, borderType=cv2.BORDER_CONSTANT), cv2.filter2D(paint, -1, kernel)
    weight = cv2.merge([mask, mask, mask])
    over = cv2.multiply(paint, weight, scale=1 / 255)
    cv2.add(over, cv2.multiply(region, cv2.bitwise_not(weight), scale=1 / 255), dst=region)


def line_kernel(motion: np.ndarray) -> np.ndarray | None:
    """Kernel that blurs along a motion ``(2,)`` in pixels, centred; None where there is too little of it to see."""
    length = float(np.hypot(motion[0], motion[1]))
    if length < _SHORTEST_BLUR:
        return None
    half = motion / max(length / 15, 1) / 2  # no longer than 15 pixels
    reach = int(np.ceil(np.abs(half).max()))
    kernel = np.zeros((2 * reach + 1, 2 * reach + 1), np.float32)
    for share in np.linspace(-1, 1, 2 * reach + 1):
        x, y = np.rint(half * share).astype(int) + reach
        kernel[y, x] += 1
    kernel /= kernel.sum()
    return kernel


def _mask(outline: np.ndarray, width: int, height: int) -> np.ndarray:
    """Share of each pixel that lies in the outline, ``(height, width)`` uint8, 255 for all of it."""
    fine = np.zeros((height * _FINE, width * _FINE), np.uint8)
    corners = np.rint((outline * _FINE - 0.5) * 16).astype(np.int32)
    cv2.fillPoly(fine, [corners], 255, lineType=cv2.LINE_8, shift=4)
    return np.asarray(cv2.resize(fine, (width, height), interpolation=cv2.INTER_AREA))


def _outline(part: ActorPart, pose: np.ndarray, matrix: np.ndarray, position: np.ndarray) -> np.ndarray:
    """Corners of a part in the scene."""
    corners = (part.outline - part.centre) * (1 + part.basis @ pose[7:])[:, None]
    if part.swing:
        corners = corners @ _rotation(part.swing * pose[3]).T
    outline: np.ndarray = (corners + part.centre) @ matrix.T + position
    return outline


def _stretch(pose: np.ndarray, zoom: float) -> np.ndarray:
    """Matrix from an actor's own coordinates to the scene's directions: scale, aspect, then rotation."""
    scale, aspect = zoom * math.exp(pose[0]), math.exp(pose[1] / 2)
    return _rotation(pose[2]) * (scale * aspect, scale / aspect)


def _rotation(angle: float) -> np.ndarray:
    cos, sin = math.cos(angle), math.sin(angle)
    return np.array([[cos, -sin], [sin, cos]])
