"""Images in class folders (ImageNet's layout), and the task of telling the classes apart."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
from torch import Tensor, nn

from lighttrack_nas.trackers.base.errors import InputError
from lighttrack_nas.trackers.data.sequence import read_image
from lighttrack_nas.trackers.training.batches import images_to_tensor

SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".webp")
_TRIES = 20
_IMAGES = 0x1A6


@dataclass(frozen=True)
class ImageFolder:
    """Images by class.

    Attributes:
        classes: The folders' names, sorted; a class's number is its place.
        images: Path and class of every image.
    """

    classes: tuple[str, ...]
    images: tuple[tuple[Path, int], ...]


def read_image_folder(folder: Path | str) -> ImageFolder:
    """Find the images of a folder of class folders; images may lie deeper inside a class.

    Raises:
        InputError: No such folder, fewer than two classes, or a class without images.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise InputError(f"image folder '{folder}' does not exist; expected a folder with one folder a class")
    classes = sorted(path.name for path in folder.iterdir() if path.is_dir() and not path.name.startswith("."))
    if len(classes) < 2:
        raise InputError(f"'{folder}' holds {len(classes)} class folders; telling classes apart needs two or more")
    images: list[tuple[Path, int]] = []
    for number, name in enumerate(classes):
        found = sorted(path for path in (folder / name).rglob("*") if path.suffix.lower() in SUFFIXES)
        if not found:
            raise InputError(f"class folder '{folder / name}' holds no image ({', '.join(SUFFIXES)})")
        images += [(path, number) for path in found]
    return ImageFolder(tuple(classes), tuple(images))


@dataclass(frozen=True, eq=False)
class ImageBatch:
    """Images and their classes.

    Attributes:
        images: ``(batch, size, size, 3)`` BGR uint8.
        labels: ``(batch,)`` int64.
    """

    images: np.ndarray
    labels: np.ndarray


@dataclass(frozen=True)
class ClassificationTask:
    """Random crops of images, cross-entropy with smoothed labels (LightTrack's backbone supernet: smoothing .1).

    Attributes:
        folder: The images.
        image_size: Side of a crop, pixels.
        batch_size: Images a batch.
        seed: Crop i is a function of (seed, i).
        smallest_area: A crop covers at least this share of its image.
        colour_jitter: Largest relative change of brightness and of each colour.
        smoothing: Share of the label given to all classes.
    """

    folder: ImageFolder
    image_size: int
    batch_size: int
    seed: int
    smallest_area: float = 0.2
    colour_jitter: float = 0.06
    smoothing: float = 0.1

    def batch(self, index: int) -> ImageBatch:
        """See `Task.batch`.

        Raises:
            InputError: One image after another cannot be read.
        """
        drawn = [self._image(index * self.batch_size + i) for i in range(self.batch_size)]
        return ImageBatch(np.stack([image for image, _ in drawn]), np.array([label for _, label in drawn]))

    def loss(self, model: nn.Module, batch: ImageBatch, device: torch.device) -> Mapping[str, Tensor]:
        """See `Task.loss`."""
        labels = torch.from_numpy(batch.labels).to(device)
        logits = model(images_to_tensor(batch.images, str(device)))
        loss = nn.functional.cross_entropy(logits.float(), labels, label_smoothing=self.smoothing)
        return {"loss": loss, "accuracy": (logits.argmax(1) == labels).float().mean()}

    def _image(self, index: int) -> tuple[np.ndarray, int]:
        rng = np.random.default_rng([self.seed, index, _IMAGES])
        for _ in range(_TRIES):
            path, label = self.folder.images[rng.integers(len(self.folder.images))]
            try:
                return self._crop(read_image(path), rng), label
            except InputError as error:
                reason = error
        raise InputError(f"{_TRIES} images in a row cannot be read; the last: {reason}")

    def _crop(self, image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        height, width = image.shape[:2]
        area = rng.uniform(self.smallest_area, 1.0) * height * width
        aspect = np.exp(rng.uniform(np.log(3 / 4), np.log(4 / 3)))
        crop_width = int(np.clip(round(np.sqrt(area * aspect)), 1, width))
        crop_height = int(np.clip(round(np.sqrt(area / aspect)), 1, height))
        left, top = rng.integers(width - crop_width + 1), rng.integers(height - crop_height + 1)
        crop = image[top : top + crop_height, left : left + crop_width]
        crop = cv2.resize(crop, (self.image_size, self.image_size), interpolation=cv2.INTER_AREA)
        if rng.random() < 0.5:
            crop = crop[:, ::-1]
        gains = 1 + rng.uniform(-self.colour_jitter, self.colour_jitter, 3)
        gains *= 1 + rng.uniform(-self.colour_jitter, self.colour_jitter)
        return np.clip(crop * gains, 0, 255).astype(np.uint8)
