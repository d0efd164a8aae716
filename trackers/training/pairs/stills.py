"""Still images with boxes, and pairs of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from lighttrack_nas.trackers.base.errors import InputError
from lighttrack_nas.trackers.training.pairs.left_out import NO_AREA, LeftOut
from lighttrack_nas.trackers.training.pairs.pair import Pair
from lighttrack_nas.trackers.training.pairs.pair_settings import PairSettings
from lighttrack_nas.trackers.training.pairs.shots import Draw, Shot, ShotReader


@dataclass(frozen=True, eq=False)
class Still:
    """An image and the targets in it.

    Attributes:
        path: The image file.
        boxes: ``(N, 4)`` float64 x, y, w, h, N 1 or more.
    """

    path: Path
    boxes: np.ndarray


@dataclass(frozen=True, eq=False)
class Stills:
    """Images with usable boxes, and how much was left out.

    Attributes:
        images: The images, in the file's order.
        source: The annotation file, or the folder of annotation files.
        left_out: What could not be used.
    """

    images: tuple[Still, ...]
    source: Path | None = None
    left_out: LeftOut = field(default_factory=LeftOut)

    def __len__(self) -> int:
        return len(self.images)

    def __iter__(self) -> Iterator[Still]:
        return iter(self.images)


class StillPairs:
    """Draws an image and one of its boxes, and cuts both crops there, each augmented by itself.

    Images are drawn uniformly, then boxes within the image. A negative pair takes the search crop from a box of another
    image or, where there is one image only, from a place of it without the target. Images that cannot be read and boxes
    that do not fit their image are left out, and another pair drawn instead.

    Args:
        stills: The images, from `read_stills` or `read_det`.
        settings: How pairs are cut.
        cache_bytes: Most bytes of decoded images to keep in memory.

    Raises:
        InputError: There are no images, or an impossible limit.
    """

    def __init__(self, stills: Stills, settings: PairSettings, cache_bytes: int = 1 << 30) -> None:
        if not len(stills):
            raise InputError("pairs from stills need one or more images with boxes, got none")
        self._stills = stills
        self._reader = ShotReader(settings, cache_bytes)

    @property
    def bad_images(self) -> dict[Path, str]:
        """Why an image that was drawn could not be read, by path."""
        return dict(self._reader.cache.bad_images)

    @property
    def unusable_boxes(self) -> int:
        """Number of boxes without area, and of drawn boxes that did not fit their image."""
        return self._stills.left_out[NO_AREA] + len(self._reader.stray_boxes)

    def report(self) -> list[str]:
        """Say what was left out so far, a sentence each; empty if nothing."""
        return self._stills.left_out.sentences() + self._reader.report()

    def pair(self, rng: np.random.Generator) -> Pair:
        """Draw a pair.

        Raises:
            InputError: Twenty draws in a row hit images or boxes that cannot be used.
        """
        return self._reader.pair(self._draw, rng)

    def _draw(self, rng: np.random.Generator) -> Draw:
        negative = rng.random() < self._reader.settings.negatives
        place = int(rng.integers(len(self._stills)))
        template = self._shot(place, rng)
        if not negative:
            return Draw(template, template, "target")
        if len(self._stills) == 1:
            return Draw(template, template, "elsewhere")
        # Any of the others: the drawn place is skipped.
        other = int(rng.integers(len(self._stills) - 1))
        return Draw(template, self._shot(other + (other >= place), rng), "another")

    def _shot(self, place: int, rng: np.random.Generator) -> Shot:
        still = self._stills.images[place]
        return Shot(still.path, still.boxes[int(rng.integers(len(still.boxes)))])
