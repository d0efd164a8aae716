"""The task of telling classes of images apart, and how often a network is right."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor, nn

from lighttrack_nas.strategies.one_shot.images.image_folders import ImageFolder
from lighttrack_nas.strategies.one_shot.images.image_recipe import ImageRecipe, training_crop, whole_crop
from lighttrack_nas.trackers.base.errors import InputError
from lighttrack_nas.trackers.data.sequence import read_image
from lighttrack_nas.trackers.training.batches import images_to_tensor

_TRIES = 20
_IMAGES = 0x1A6


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
    """Random crops of images, cross-entropy with smoothed labels.

    Attributes:
        folder: The images.
        image_size: Side of a crop, pixels.
        batch_size: Images a batch.
        seed: Crop i is a function of (seed, i).
        recipe: How crops are changed, and labels smoothed.
    """

    folder: ImageFolder
    image_size: int
    batch_size: int
    seed: int
    recipe: ImageRecipe = field(default_factory=ImageRecipe)

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
        loss = nn.functional.cross_entropy(logits.float(), labels, label_smoothing=self.recipe.smoothing)
        return {"loss": loss, "accuracy": (logits.argmax(1) == labels).float().mean()}

    def _image(self, index: int) -> tuple[np.ndarray, int]:
        rng = np.random.default_rng([self.seed, index, _IMAGES])
        for _ in range(_TRIES):
            path, label = self.folder.images[rng.integers(len(self.folder.images))]
            try:
                return training_crop(read_image(path), self.image_size, self.recipe, rng), label
            except InputError as error:
                reason = error
        raise InputError(f"{_TRIES} images in a row cannot be read; the last: {reason}")


def share_of_right(
    model: nn.Module, folder: ImageFolder, image_size: int, batch_size: int = 64, device: str = "cpu"
) -> float:
    """How often a network names the class of an image, by the middle of each; a share, 0 to 1 ("top 1").

    Args:
        model: Maps images to logits ``(batch, classes)``; left in eval mode.
        folder: The images, of the classes that the network was trained on.
        image_size: Side of the crops, pixels.
        batch_size: Images at a time.
        device: Where the network runs.

    Images that cannot be read are left out.

    Raises:
        InputError: None can be read.
    """
    model.to(device).eval()
    right = count = 0
    with torch.inference_mode():
        for start in range(0, len(folder.images), batch_size):
            crops, labels = [], []
            for path, label in folder.images[start : start + batch_size]:
                with suppress(InputError):
                    crops.append(whole_crop(read_image(path), image_size))
                    labels.append(label)
            if crops:
                answers = model(images_to_tensor(np.stack(crops), device)).argmax(1).cpu().numpy()
                right, count = right + int((answers == np.array(labels)).sum()), count + len(labels)
    if not count:
        raise InputError(f"none of the {len(folder.images)} images held out can be read")
    return right / count
