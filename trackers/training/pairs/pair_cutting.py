"""Cutting a training pair out of two frames: crop, resize and augmentation in one warp a crop.

Coordinates are those of edges: pixel i covers i to i + 1, its centre lies at i + .5, and a box of x, y, w, h covers the
pixels x to x + w - 1 where these are whole. OpenCV's warp counts from pixel centres.
"""

from __future__ import annotations

import math

import cv2
import numpy as np

from lighttrack_nas.trackers.tracking.crops import context_side, mean_colour
from lighttrack_nas.trackers.training.pairs.pair import Pair
from lighttrack_nas.trackers.training.pairs.pair_settings import PairSettings

# The mean colour for padding is taken from about as many rows: all of a large frame would cost more than both crops.
_SAMPLED_ROWS = 16
_SMALLEST_PLACE = 16  # pixels of the frame
_LEVELS = np.arange(256.0)


def cut_pair(
    template_frame: np.ndarray,
    template_box: np.ndarray,
    search_frame: np.ndarray,
    search_box: np.ndarray,
    settings: PairSettings,
    rng: np.random.Generator,
    positive: bool = True,
) -> Pair:
    """Cut and augment a pair.

    The template crop is the square with context around the target, as the tracker cuts it; the search crop shows more
    in the same measure as it is larger, around the target of its own frame. What lies outside a frame takes the frame's
    mean colour. Takes a fixed number of values from `rng`.

    Args:
        template_frame: ``(height, width, 3)`` BGR uint8.
        template_box: ``(4,)`` x, y, w, h with positive sides.
        search_frame: ``(height, width, 3)`` BGR uint8; may be the same frame.
        search_box: ``(4,)`` x, y, w, h with positive sides; in a negative pair, what the crop is cut around.
        settings: Sizes and strengths.
        rng: Source of all that is random.
        positive: Whether both boxes hold the same target; if not, the pair's box is zeros.
    """
    values = rng.random(20).tolist()
    flip = values[0] < settings.flip
    amounts = [2.0 * value - 1.0 for value in values[1:]]
    square = context_side(template_box[2:], settings.context)
    stretch = settings.template_stretch
    template, _ = _cut(
        template_frame,
        template_box,
        (square * (1 + stretch * amounts[0]), square * (1 + stretch * amounts[1])),
        (settings.template_shift * amounts[2], settings.template_shift * amounts[3]),
        settings.template_size,
        flip,
    )
    square = context_side(search_box[2:], settings.context) * settings.search_size / settings.template_size
    square *= math.exp(settings.search_scale * amounts[4])
    stretch = settings.search_stretch
    search, box = _cut(
        search_frame,
        search_box,
        (square * (1 + stretch * amounts[5]), square * (1 + stretch * amounts[6])),
        (settings.search_shift * amounts[7], settings.search_shift * amounts[8]),
        settings.search_size,
        flip,
    )
    jitter = settings.colour_jitter
    if jitter:
        template = jittered(template, jitter, amounts[9:14])
        search = jittered(search, jitter, amounts[14:19])
    return Pair(template, search, np.array(box if positive else (0, 0, 0, 0), np.float32), positive)


def empty_place(
    frame_shape: tuple[int, ...], box: np.ndarray, settings: PairSettings, rng: np.random.Generator
) -> np.ndarray | None:
    """Find a place for the search crop of a negative pair in a frame that shows the target.

    The place lies in one of the four strips beside the target, so small that no augmentation can bring the target into
    the crop. Takes a fixed number of values from `rng`.

    Args:
        frame_shape: ``(height, width, ...)``.
        box: ``(4,)`` x, y, w, h of the target.
        settings: Sizes and strengths.
        rng: Source of all that is random.

    Returns:
        ``(4,)`` x, y, w, h of a square box to cut around, or None where the target leaves no room.
    """
    which, across, down = rng.random(3).tolist()
    height, width = frame_shape[:2]
    left, top, right, bottom = box[0], box[1], box[0] + box[2], box[1] + box[3]
    strips = [(0, 0, left, height), (right, 0, width, height), (0, 0, width, top), (0, bottom, width, height)]
    strips = [
        (max(x1, 0), max(y1, 0), min(x2, width), min(y2, height))
        for x1, y1, x2, y2 in strips
        if min(x2, width) - max(x1, 0) >= _SMALLEST_PLACE and min(y2, height) - max(y1, 0) >= _SMALLEST_PLACE
    ]
    if not strips:
        return None
    x1, y1, x2, y2 = (float(value) for value in strips[int(which * len(strips))])
    # The farthest that a crop reaches from its nominal centre, as a share of half its nominal side.
    reach = (1 + 2 * settings.search_shift) * math.exp(settings.search_scale) * (1 + settings.search_stretch)
    crop = context_side(box[2:], settings.context) * settings.search_size / settings.template_size
    place = min(crop * reach, x2 - x1, y2 - y1)
    side = place / reach * settings.template_size / settings.search_size / (1 + 2 * settings.context)
    centre_x = x1 + place / 2 + across * (x2 - x1 - place)
    centre_y = y1 + place / 2 + down * (y2 - y1 - place)
    return np.array([centre_x - side / 2, centre_y - side / 2, side, side])


def _cut(
    frame: np.ndarray,
    box: np.ndarray,
    sides: tuple[float, float],
    shift: tuple[float, float],
    size: int,
    flip: bool,
) -> tuple[np.ndarray, tuple[float, float, float, float]]:
    """Cut a rectangle with the target's centre `shift` (a share of its sides) off its own, resized to a square.

    Returns:
        The crop ``(size, size, 3)``, and x, y, w, h of the target in it.
    """
    x, y, w, h = (float(value) for value in box)
    scale_x, scale_y = size / sides[0], size / sides[1]
    left, top = x + w / 2 - sides[0] * (0.5 + shift[0]), y + h / 2 - sides[1] * (0.5 + shift[1])
    target = ((x - left) * scale_x, (y - top) * scale_y, w * scale_x, h * scale_y)
    a, b, d = scale_x, -left * scale_x, -top * scale_y
    if flip:
        a, b = -a, size - b
        target = (size - target[0] - target[2], *target[1:])
    matrix = np.array([[a, 0, b + 0.5 * a - 0.5], [0, scale_y, d + 0.5 * scale_y - 0.5]])
    height, width = frame.shape[:2]
    padding = (0.0, 0.0, 0.0)
    # Within a pixel of the edge the warp mixes padding in.
    if min(left, top) < 1 or left + sides[0] > width - 1 or top + sides[1] > height - 1:
        step = max(1, height // _SAMPLED_ROWS)
        padding = mean_colour(frame[step // 2 :: step]).tolist()
    crop = cv2.warpAffine(
        frame, matrix, (size, size), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT, borderValue=padding
    )
    return crop, target


def jittered(crop: np.ndarray, strength: float, amounts: list[float]) -> np.ndarray:
    """Change brightness, contrast (about mid-grey) and the channels' gains, as `PairSettings.colour_jitter` says.

    Args:
        crop: ``(height, width, 3)`` BGR uint8.
        strength: The setting.
        amounts: Five, in -1 to 1: brightness, contrast, and the gain of each channel.
    """
    brightness, contrast, *gains = amounts
    levels = ((_LEVELS - 127.5) * (1 + strength * contrast) + 127.5) * (1 + strength * brightness)
    channels = 1 + strength / 2 * np.array(gains)
    table = np.clip(levels[:, None] * channels + 0.5, 0, 255).astype(np.uint8)
    return cv2.LUT(crop, table.reshape(1, 256, 3))
