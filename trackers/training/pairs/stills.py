"""Still images with boxes, from annotation files in COCO's format, and pairs of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from lighttrack_nas.trackers.base.errors import InputError
from lighttrack_nas.trackers.base.parsing import parse_json, read_text, short
from lighttrack_nas.trackers.training.pairs.pair import Pair
from lighttrack_nas.trackers.training.pairs.pair_settings import PairSettings
from lighttrack_nas.trackers.training.pairs.shots import Draw, Shot, ShotReader, counted, has_area

_LARGEST = 1e6  # pixels


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
        source: The annotation file.
        crowds: Number of boxes left out since they hold a crowd.
        no_area: Number of boxes left out since a side is below a pixel.
    """

    images: tuple[Still, ...]
    source: Path | None = None
    crowds: int = 0
    no_area: int = 0

    def __len__(self) -> int:
        return len(self.images)

    def __iter__(self) -> Iterator[Still]:
        return iter(self.images)


def read_stills(path: Path | str) -> Stills:
    """Read still images with boxes: JSON in COCO's format, lists `images` (`id`, `file_name`) and `annotations`.

    Of an annotation, `image_id`, `bbox` (x, y, w, h; 0-based) and, if given, `iscrowd` are read. Only the annotation
    file is: images are looked for in its folder and in `images/` there, and decoded when drawn. Images without usable
    boxes are left out.

    Args:
        path: The JSON file, or a folder that holds `annotations.json`.

    Raises:
        InputError: The file cannot be read or is malformed, holds no usable box, or none of its images exists.
    """
    path = Path(path).expanduser()
    if path.is_dir():
        path = path / "annotations.json"
    where = f"annotation file '{path}'"
    content = parse_json(read_text(path, "annotation file"), where)
    names = _image_names(content, where)
    boxes: dict[Any, list[list[float]]] = {}
    crowds = no_area = 0
    for place, entry in enumerate(_entries(content, "annotations", where)):
        image, box = _annotation(entry, names, f"{where}: annotation {place}")
        if entry.get("iscrowd"):
            crowds += 1
        elif not has_area(np.array([box]))[0]:
            no_area += 1
        else:
            boxes.setdefault(image, []).append(box)
    if not boxes:
        raise InputError(f"{where} holds no box with an area, crowds apart: there is nothing to make pairs of")
    folders = (path.parent, path.parent / "images")
    kept = [image for image in names if image in boxes]
    images = tuple(Still(_find(names[image], folders), np.array(boxes[image])) for image in kept)
    if not any(image.path.is_file() for image in images):
        places = " or ".join(f"'{folder}'" for folder in folders)
        raise InputError(f"{where}: none of its {len(kept)} images is in {places}, the first is '{names[kept[0]]}'")
    return Stills(images, path, crowds, no_area)


class StillPairs:
    """Draws an image and one of its boxes, and cuts both crops there, each augmented by itself.

    Images are drawn uniformly, then boxes within the image. A negative pair takes the search crop from a box of another
    image or, where there is one image only, from a place of it without the target. Images that cannot be read and boxes
    that do not fit their image are left out, and another pair drawn instead.

    Args:
        stills: The images, see `read_stills`.
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
        return self._stills.no_area + len(self._reader.stray_boxes)

    def report(self) -> list[str]:
        """Say what was left out so far, a sentence each; empty if nothing."""
        sentences = []
        if self._stills.crowds:
            sentences.append(f"{counted(self._stills.crowds, 'box')} of crowds left out")
        if self._stills.no_area:
            sentences.append(f"{counted(self._stills.no_area, 'box')} with a side below a pixel left out")
        return sentences + self._reader.report()

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


def _entries(content: object, key: str, where: str) -> list[Mapping[str, Any]]:
    entries = content.get(key) if isinstance(content, Mapping) else None
    if not isinstance(entries, list):
        raise InputError(f"{where}: expected COCO's format, a mapping with lists 'images' and 'annotations'")
    for place, entry in enumerate(entries):
        if not isinstance(entry, Mapping):
            raise InputError(f"{where}: {key} {place}: expected a mapping, got {short(entry)}")
    return entries


def _image_names(content: object, where: str) -> dict[Any, str]:
    names: dict[Any, str] = {}
    for place, entry in enumerate(_entries(content, "images", where)):
        key, name = entry.get("id"), entry.get("file_name")
        if not isinstance(key, int | str) or not isinstance(name, str) or not name:
            raise InputError(f"{where}: image {place}: expected an id and a file_name, got {short(dict(entry))}")
        if key in names:
            raise InputError(f"{where}: image {place}: id {short(key)} is that of '{names[key]}' too")
        names[key] = name
    return names


def _annotation(entry: Mapping[str, Any], names: Mapping[Any, str], where: str) -> tuple[Any, list[float]]:
    """Check one annotation of a COCO file; give its image's number and its box, x, y, width, height in pixels."""
    image, box = entry.get("image_id"), entry.get("bbox")
    if not isinstance(image, int | str) or image not in names:
        raise InputError(f"{where}: image_id {short(image)} is that of no image in the file")
    # The bound also refuses NaN, infinity, and whole numbers that no float holds.
    if (
        not isinstance(box, list)
        or len(box) != 4
        or not all(isinstance(value, int | float) and abs(value) < _LARGEST for value in box)
    ):
        raise InputError(f"{where}: expected a bbox of four numbers x, y, width, height in pixels, got {short(box)}")
    return image, [float(value) for value in box]


def _find(name: str, folders: tuple[Path, ...]) -> Path:
    """The first that exists, or else the first."""
    candidates = [folder / name for folder in folders]
    return next((path for path in candidates if path.is_file()), candidates[0])
