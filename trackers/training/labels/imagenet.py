"""ImageNet VID and DET as they are unpacked: XML below `Annotations`, images at the same places below `Data`."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator
from pathlib import Path

import numpy as np

from lighttrack_nas.trackers.base.errors import InputError
from lighttrack_nas.trackers.training.labels.chosen import Chosen
from lighttrack_nas.trackers.training.labels.xml_files import LabelledObject, read_objects
from lighttrack_nas.trackers.training.pairs.left_out import NO_AREA, NO_BOX, SHORT, Kind, LeftOut
from lighttrack_nas.trackers.training.pairs.shots import SMALLEST_SIDE
from lighttrack_nas.trackers.training.pairs.stills import Still, Stills
from lighttrack_nas.trackers.training.pairs.tracks import FramesOf, Track, TrackedVideos

_SUFFIXES = (".jpeg", ".jpg", ".png")
BAD_FILE = Kind("annotation file", "that cannot be read")
NO_NUMBERS = Kind("object", "without a bndbox of four numbers")
NO_TRACK = Kind("object", "without a trackid")
SAME_TRACK = Kind("object", "with the trackid of another in its frame")
MISSING = Kind("image", "that is not there")


def read_vid(path: Path | str, only: Collection[str] = (), without: Collection[str] = ()) -> TrackedVideos:
    """Read ImageNet VID: ``Annotations/VID/train/.../VIDEO/000000.xml`` and ``Data/VID/train/.../VIDEO/000000.JPEG``.

    Objects of a video with one `trackid` are a track; frames in which the target is absent have no such object. What
    cannot be used is left out and counted. Links below the folder are not followed.

    Args:
        path: The folder that holds `Annotations` and `Data`, for VID's training split; or a folder of annotations
            below `Annotations`.
        only: Videos to take, or folders of them; none takes all.
        without: Videos to leave out, or folders of them.

    Raises:
        InputError: No such folders, a name is that of no video, or nothing usable is there.
    """
    labels, images = _folders(path, "VID")
    chosen, left_out = Chosen(only, without), LeftOut()
    videos: dict[str, tuple[Track, ...]] = {}
    names = []
    for name, files in _annotation_folders(labels):
        names.append(name)
        if chosen(name) and (tracks := tuple(_tracks(labels / name, images / name, files, left_out))):
            videos[name] = tracks
    chosen.check(f"folder '{labels}'", names)
    if not videos:
        raise InputError(_nothing(labels, images, "tracks", left_out))
    return TrackedVideos(videos, left_out)


def read_det(path: Path | str, only: Collection[str] = (), without: Collection[str] = ()) -> Stills:
    """Read ImageNet DET: ``Annotations/DET/train/.../NAME.xml`` and ``Data/DET/train/.../NAME.JPEG``.

    What cannot be used is left out and counted, images without objects too. Links below the folder are not followed.

    Args:
        path: The folder that holds `Annotations` and `Data`, for DET's training split; or a folder of annotations
            below `Annotations`.
        only: Images to take, or folders of them; none takes all.
        without: Images to leave out, or folders of them.

    Raises:
        InputError: No such folders, a name is that of no image, or nothing usable is there.
    """
    labels, images = _folders(path, "DET")
    chosen, left_out = Chosen(only, without), LeftOut()
    stills: list[Still] = []
    names = []
    for folder, files in _annotation_folders(labels):
        there = _images_in(images / folder)
        names.append(folder)
        for file in files:
            stem = file.removesuffix(".xml")
            name = f"{folder}/{stem}".removeprefix("./")
            if not chosen(name):
                continue
            names[-1] = name
            boxes = [labelled.box for labelled in _usable(labels / folder / file, left_out)]
            if not boxes:
                left_out.add(NO_BOX)
            elif stem not in there:
                left_out.add(MISSING, f"'{images / folder / stem}.JPEG'")
            else:
                stills.append(Still(images / folder / there[stem], np.array(boxes, float)))
    chosen.check(f"folder '{labels}'", names)
    if not stills:
        raise InputError(_nothing(labels, images, "images with boxes", left_out))
    return Stills(tuple(stills), labels, left_out)


def _folders(path: Path | str, task: str) -> tuple[Path, Path]:
    """Where annotations and images lie."""
    given = Path(path).expanduser()
    labels = given / "Annotations" / task / "train" if (given / "Annotations").is_dir() else given
    # A name from within, such as `val`, does not tell that it is below `Annotations`.
    labels = labels if "Annotations" in labels.parts else labels.absolute()
    parts = labels.parts
    if "Annotations" not in parts or not labels.is_dir():
        raise InputError(
            f"there is no folder '{given / 'Annotations' / task / 'train'}': expected the folder that holds ImageNet's "
            "'Annotations' and 'Data', or one below 'Annotations'"
        )
    place = len(parts) - 1 - parts[::-1].index("Annotations")
    return labels, Path(*parts[:place], "Data", *parts[place + 1 :])


def _annotation_folders(root: Path) -> Iterator[tuple[str, list[str]]]:
    """Each folder with XML files, by its path from the root, and their names in order."""
    for folder, below, files in os.walk(root):
        below.sort()
        inside = sorted(name for name in files if name.endswith(".xml") and not name.startswith("."))
        if inside:
            yield Path(folder).relative_to(root).as_posix(), inside


def _tracks(labels: Path, images: Path, files: list[str], left_out: LeftOut) -> Iterator[Track]:
    there = _images_in(images)
    tracks: dict[str, tuple[list[str], list[tuple[float, ...]]]] = {}
    for file in files:
        usable = list(_usable(labels / file, left_out, tracked=True))
        image = there.get(file.removesuffix(".xml"))
        if usable and image is None:
            left_out.add(MISSING, f"'{images / file.removesuffix('.xml')}.JPEG'")
            continue
        for labelled in usable:
            names, boxes = tracks.setdefault(labelled.track, ([], []))
            if names and names[-1] == image:
                left_out.add(SAME_TRACK, f"in '{labels / file}'")
            elif image is not None and labelled.box is not None:
                names.append(image)
                boxes.append(labelled.box)
    for names, boxes in tracks.values():
        if len(names) > 1:
            yield Track(FramesOf(images, tuple(names)), np.array(boxes, float))
        else:
            left_out.add(SHORT)


def _usable(path: Path, left_out: LeftOut, tracked: bool = False) -> Iterator[LabelledObject]:
    try:
        objects = read_objects(path)
    except InputError as error:
        left_out.add(BAD_FILE, str(error))
        return
    for labelled in objects:
        if labelled.box is None:
            left_out.add(NO_NUMBERS, f"in '{path}'")
        elif tracked and not labelled.track:
            left_out.add(NO_TRACK, f"in '{path}'")
        elif min(labelled.box[2:]) < SMALLEST_SIDE:
            left_out.add(NO_AREA)
        else:
            yield labelled


def _images_in(folder: Path) -> dict[str, str]:
    """The image files of a folder, by their names without the ending."""
    try:
        names = os.listdir(folder)
    except OSError:
        return {}
    return {os.path.splitext(name)[0]: name for name in names if name.lower().endswith(_SUFFIXES)}


def _nothing(labels: Path, images: Path, what: str, left_out: LeftOut) -> str:
    counts = f": {left_out}" if str(left_out) else ""
    return f"folder '{labels}', with images in '{images}', holds no {what} to make pairs of{counts}"
