"""Still images with boxes, from annotation files in COCO's format."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from lighttrack_nas.trackers.base.boxes import is_place
from lighttrack_nas.trackers.base.errors import InputError
from lighttrack_nas.trackers.base.parsing import parse_json, read_text, short
from lighttrack_nas.trackers.training.pairs.left_out import CROWD, NO_AREA, NO_BOX, Kind, LeftOut
from lighttrack_nas.trackers.training.pairs.shots import SMALLEST_SIDE
from lighttrack_nas.trackers.training.pairs.stills import Still, Stills

NO_BBOX = Kind("annotation", "without a bbox of four numbers x, y, width, height in pixels")
UNKNOWN_IMAGE = Kind("annotation", "of an image that the file does not list")
MISSING = Kind("image", "that could not be found")


def read_stills(path: Path | str, images: Path | str | None = None) -> Stills:
    """Read still images with boxes: JSON in COCO's format, lists `images` (`id`, `file_name`) and `annotations`.

    Of an annotation, `image_id`, `bbox` (x, y, w, h; 0-based) and, if given, `iscrowd` are read. Only the annotation
    file is: images are looked for and decoded when drawn. Without `images` they are looked for in the file's folder,
    in `images/` there, and as COCO's archives are unpacked: for `annotations/instances_train2017.json` in
    `train2017/` and `images/train2017/` beside `annotations/`.

    What cannot be used is left out and counted: boxes of crowds and without area, annotations without a box or of an
    image that the file does not list, images without a usable box or that are not there.

    Args:
        path: The JSON file, or a folder that holds `annotations.json`.
        images: The folder that the files' names start from; None looks in the places above.

    Raises:
        InputError: The file cannot be read or is no such JSON, holds no usable box, or none of its images exists.
    """
    path = _annotation_file(Path(path).expanduser())
    where = f"annotation file '{path}'"
    content = parse_json(read_text(path, "annotation file"), where, any_text=True)
    names = _image_names(content, where)
    left_out = LeftOut()
    boxes = _boxes(_entries(content, "annotations", where), names, left_out)
    left_out.add(NO_BOX, count=len(names) - len(boxes))
    if not boxes:
        counts = f": {left_out}" if str(left_out) else ""
        raise InputError(f"{where} holds no usable box, so that there is nothing to make pairs of{counts}")
    folders = _places(path) if images is None else [Path(images).expanduser()]
    stills = [Still(place, np.array(boxes[key])) for key, place in _existing(names, boxes, folders, left_out)]
    if not stills:
        places = " or ".join(f"'{folder}'" for folder in folders)
        first = short(next(name for key, name in names.items() if key in boxes))
        raise InputError(
            f"{where}: none of its {len(boxes)} images is in {places}, the first is {first}; key 'images' "
            "names another folder"
        )
    return Stills(tuple(stills), path, left_out)


def _annotation_file(path: Path) -> Path:
    """The file that is meant: in a folder, `annotations.json`."""
    if not path.is_dir():
        return path
    inside, chosen = sorted((path / "annotations").glob("*.json")), path / "annotations.json"
    if inside and not chosen.is_file():
        some = ", ".join(f"'{file}'" for file in inside[:4])
        raise InputError(f"folder '{path}' holds no annotations.json: name the annotation file, one of {some}")
    return chosen


def _places(path: Path) -> list[Path]:
    """Where the images of an annotation file may lie."""
    # A bare name, from within the folder, does not tell the folder's.
    folder = path.parent if path.parent.name else path.parent.absolute()
    bases = [folder, folder.parent] if folder.name == "annotations" else [path.parent]
    split = path.stem.rpartition("_")[2]
    return [base / inside for base in bases for inside in (".", "images", split, f"images/{split}")]


def _entries(content: object, key: str, where: str) -> list[Any]:
    entries = content.get(key) if isinstance(content, Mapping) else None
    if not isinstance(entries, list):
        raise InputError(f"{where}: expected COCO's format, a mapping with lists 'images' and 'annotations'")
    return entries


def _image_names(content: object, where: str) -> dict[Any, str]:
    names: dict[Any, str] = {}
    for place, entry in enumerate(_entries(content, "images", where)):
        if not isinstance(entry, Mapping):
            raise InputError(f"{where}: images {place}: expected a mapping, got {short(entry)}")
        key, name = entry.get("id"), entry.get("file_name")
        if not isinstance(key, int | str) or not isinstance(name, str) or not name:
            raise InputError(f"{where}: image {place}: expected an id and a file_name, got {short(dict(entry))}")
        if key in names:
            raise InputError(f"{where}: image {place}: id {short(key)} is that of {short(names[key])} too")
        names[key] = name
    return names


def _boxes(entries: list[Any], names: Mapping[Any, str], left_out: LeftOut) -> dict[Any, list[list[float]]]:
    """The usable boxes of each image that has some; the rest is counted."""
    boxes: dict[Any, list[list[float]]] = {}
    for place, entry in enumerate(entries):
        box: Any = entry.get("bbox") if isinstance(entry, Mapping) else None
        if not _is_box(box):
            left_out.add(NO_BBOX, f"annotation {place}, which has {short(box)}")
            continue
        image = entry.get("image_id")
        if not isinstance(image, int | str) or image not in names:
            left_out.add(UNKNOWN_IMAGE, f"annotation {place}, whose image_id is {short(image)}")
        elif entry.get("iscrowd"):
            left_out.add(CROWD)
        elif min(box[2:]) < SMALLEST_SIDE:
            left_out.add(NO_AREA)
        else:
            boxes.setdefault(image, []).append([float(value) for value in box])
    return boxes


def _is_box(box: object) -> bool:
    return isinstance(box, list) and len(box) == 4 and all(map(is_place, box))


def _existing(
    names: Mapping[Any, str], wanted: Iterable[Any], folders: list[Path], left_out: LeftOut
) -> Iterable[tuple[Any, Path]]:
    """The images that exist, each with its id, in the file's order; the others are counted."""
    wanted = set(wanted)
    order = list(folders)
    for key, name in names.items():
        if key not in wanted:
            continue
        # Unlike Path.is_file, this takes names that are too long or hold a null for names of no file.
        folder = next((folder for folder in order if os.path.isfile(folder / name)), None)
        if folder is None:
            left_out.add(MISSING, short(name))
            continue
        if folder is not order[0]:  # the next one is likely to lie beside it
            order.remove(folder)
            order.insert(0, folder)
        yield key, folder / name
