"""Images in class folders: ImageNet's layout."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from lighttrack_nas.trackers.base.errors import InputError
from lighttrack_nas.trackers.data.frames import IMAGE_SUFFIXES


@dataclass(frozen=True)
class ImageFolder:
    """Images by class.

    Attributes:
        classes: The folders' names, sorted; a class's number is its place.
        images: Path and class of every image.
    """

    classes: tuple[str, ...]
    images: tuple[tuple[Path, int], ...]


def read_classes(folder: Path | str) -> list[str]:
    """The classes of a folder of class folders, sorted; no image is looked for.

    Raises:
        InputError: No such folder, or fewer than two classes.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise InputError(f"image folder '{folder}' does not exist; expected a folder with one folder a class")
    classes = sorted(path.name for path in folder.iterdir() if path.is_dir() and not path.name.startswith("."))
    if len(classes) < 2:
        raise InputError(f"'{folder}' holds {len(classes)} class folders; telling classes apart needs two or more")
    return classes


def require_same_classes(classes: Sequence[str], held_out: Sequence[str]) -> None:
    """Check that images held out are of the classes that are learnt.

    Raises:
        InputError: They are not.
    """
    if list(classes) != list(held_out):
        raise InputError(
            f"the images held out are of {len(held_out)} classes, which are not the {len(classes)} of the training: "
            "give a folder with the same class folders"
        )


def read_image_folder(folder: Path | str) -> ImageFolder:
    """Find the images of a folder of class folders; images may lie deeper inside a class.

    Raises:
        InputError: No such folder, fewer than two classes, or a class without images.
    """
    folder, classes = Path(folder), read_classes(folder)
    images: list[tuple[Path, int]] = []
    for number, name in enumerate(classes):
        paths = sorted(path for path in (folder / name).rglob("*") if path.suffix.lower() in IMAGE_SUFFIXES)
        if not paths:
            raise InputError(f"class folder '{folder / name}' holds no image ({', '.join(IMAGE_SUFFIXES)})")
        images += [(path, number) for path in paths]
    return ImageFolder(tuple(classes), tuple(images))
