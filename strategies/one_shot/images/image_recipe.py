"""How images are changed before a network learns their classes, and what its classifier is like."""

from __future__ import annotations

from functools import lru_cache
from typing import Annotated, Any, ClassVar

import cv2
import numpy as np
from pydantic import ConfigDict, Field

from lighttrack_nas.search_spaces.base.careful_models import CarefulModel
from lighttrack_nas.search_spaces.base.parts import WithLaterKeys

_BINS = 31
"""Of torchvision's magnitudes, 0 among them."""
_MEAN_BGR = (104, 116, 124)
"""ImageNet's mean colour: what is erased is 0 to the network."""

Share = Annotated[float, Field(ge=0, le=1)]


class ImageRecipe(CarefulModel, WithLaterKeys):
    """How a backbone is trained on images. The defaults are those of LightTrack's backbone supernet where known.

    Attributes:
        smallest_area: A crop covers at least this share of its image; the aspect ratio is drawn from 3/4 to 4/3.
        colour_jitter: Largest relative change of brightness and of each colour.
        rand_augment: Strength of torchvision's RandAugment, as a share of its largest; it makes two of its changes.
            0 makes none.
        erasing: How likely a rectangle of an image is erased, by torchvision's RandomErasing.
        smoothing: Share of the label that is given to all classes.
        dropout: Share of the classifier's inputs that are left out at a step.
        head_width: Channels of a pointwise convolution before the classifier, which the tracker does not have (1,280 in
            MobileNets and EfficientNets); None: no such convolution.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    smallest_area: float = Field(default=0.2, gt=0, le=1)
    colour_jitter: Share = 0.06
    rand_augment: Share = 0.0
    erasing: Share = 0.0
    smoothing: float = Field(default=0.1, ge=0, lt=1)
    dropout: float = Field(default=0.0, ge=0, lt=1)
    head_width: int | None = Field(default=None, ge=1, le=16384)

    LATER: ClassVar[frozenset[str]] = frozenset(
        {"smallest_area", "colour_jitter", "rand_augment", "erasing", "smoothing", "dropout", "head_width"}
    )


def training_crop(image: np.ndarray, size: int, recipe: ImageRecipe, rng: np.random.Generator) -> np.ndarray:
    """Cut a random part of an image, and change it.

    Args:
        image: ``(height, width, 3)`` BGR uint8.
        size: Side of the crop, pixels.
        recipe: The changes.
        rng: Decides all that is random.

    Returns:
        ``(size, size, 3)`` BGR uint8.
    """
    height, width = image.shape[:2]
    area = rng.uniform(recipe.smallest_area, 1.0) * height * width
    aspect = np.exp(rng.uniform(np.log(3 / 4), np.log(4 / 3)))
    crop_width = int(np.clip(round(np.sqrt(area * aspect)), 1, width))
    crop_height = int(np.clip(round(np.sqrt(area / aspect)), 1, height))
    left, top = rng.integers(width - crop_width + 1), rng.integers(height - crop_height + 1)
    crop = image[top : top + crop_height, left : left + crop_width]
    crop = cv2.resize(crop, (size, size), interpolation=cv2.INTER_AREA)
    if rng.random() < 0.5:
        crop = crop[:, ::-1]
    gains = 1 + rng.uniform(-recipe.colour_jitter, recipe.colour_jitter, 3)
    gains *= 1 + rng.uniform(-recipe.colour_jitter, recipe.colour_jitter)
    crop = np.clip(crop * gains, 0, 255).astype(np.uint8)
    return _by_torchvision(crop, recipe, rng) if recipe.rand_augment or recipe.erasing else crop


def whole_crop(image: np.ndarray, size: int) -> np.ndarray:
    """Cut the middle of an image: the square of seven eighths of its shorter side, as is usual for measuring.

    Args:
        image: ``(height, width, 3)`` BGR uint8.
        size: Side of the crop, pixels.

    Returns:
        ``(size, size, 3)`` BGR uint8.
    """
    height, width = image.shape[:2]
    side = max(1, round(min(height, width) * 7 / 8))
    top, left = (height - side) // 2, (width - side) // 2
    return cv2.resize(image[top : top + side, left : left + side], (size, size), interpolation=cv2.INTER_AREA)


def _by_torchvision(crop: np.ndarray, recipe: ImageRecipe, rng: np.random.Generator) -> np.ndarray:
    """RandAugment and RandomErasing, which draw from torch's global generator."""
    import torch

    pixels = torch.from_numpy(np.ascontiguousarray(crop[:, :, ::-1].transpose(2, 0, 1)))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(int(rng.integers(2**63)))
        for change in _changes(recipe.rand_augment, recipe.erasing):
            pixels = change(pixels)
    return np.ascontiguousarray(pixels.numpy().transpose(1, 2, 0)[:, :, ::-1])


@lru_cache(maxsize=8)
def _changes(rand_augment: float, erasing: float) -> tuple[Any, ...]:
    from torchvision.transforms import v2

    changes: list[Any] = []
    if rand_augment:
        strength = round(rand_augment * (_BINS - 1))
        changes.append(v2.RandAugment(num_ops=2, magnitude=strength, num_magnitude_bins=_BINS))
    if erasing:
        changes.append(v2.RandomErasing(p=erasing, value=[float(value) for value in reversed(_MEAN_BGR)]))
    return tuple(changes)
