"""Frozen sets of generated videos, to measure trackers on anywhere without a download."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

import cv2
import numpy as np

from lighttrack_nas.trackers.base.errors import InputError
from lighttrack_nas.trackers.base.files import make_folder, write_atomically
from lighttrack_nas.trackers.base.names import checked_name
from lighttrack_nas.trackers.base.parsing import parse_json, read_text, short
from lighttrack_nas.trackers.base.part_folders import part_folder
from lighttrack_nas.trackers.base.progress import Say
from lighttrack_nas.trackers.data.readers.reader_registry import read_sequences
from lighttrack_nas.trackers.data.sequence import Sequence
from lighttrack_nas.trackers.training.generator.generator_settings import SceneSettings
from lighttrack_nas.trackers.training.generator.videos import GeneratedVideo, generate_video

_STAMP = "meta.json"
_JPEG_QUALITY = 95
# Five sequences in turn: both, neither, look-alikes, occlusion, neither.
_DISTRACTORS = (True, False, True, False, False)
_OCCLUSIONS = (True, False, False, True, False)


@dataclass(frozen=True)
class GeneratedSet:
    """A frozen set: what it holds follows from these values, and never changes under its name.

    Two of five sequences have look-alikes of the target, two have occlusions, one of them both.

    Attributes:
        name: With the version at its end.
        sequences: How many videos.
        frames: Of each video.
        width: Of the frames, pixels.
        height: Of the frames, pixels.
        entropy: Where the videos' chance comes from; see `generator_of`.
        scenes: What the videos show.
        departures: Whether the target leaves every video for a while.
    """

    name: str
    sequences: int
    frames: int
    width: int
    height: int
    entropy: int
    scenes: SceneSettings
    departures: bool = False

    def generator_of(self, index: int) -> np.random.Generator:
        """The source of chance of one video.

        It is seeded with `entropy` under a spawn key (the video's number). numpy feeds at least five words to its hash
        then, while the pairs for training, of seed and index below 2^64, feed it four at most without a spawn key: no
        seed of training gives what a set shows.
        """
        return np.random.default_rng(np.random.SeedSequence(self.entropy, spawn_key=(index,)))

    def video(self, index: int) -> GeneratedVideo:
        """Generate a video, 0 to `sequences` - 1."""
        return generate_video(
            self.generator_of(index),
            frames=self.frames,
            width=self.width,
            height=self.height,
            scenes=self.scenes,
            distractor=_DISTRACTORS[index % 5],
            occlusion=_OCCLUSIONS[index % 5],
            departure=self.departures,
        )

    def sequence_name(self, index: int) -> str:
        """Name of a video, such as ``generated-test-v1_03``."""
        return f"{self.name}_{index + 1:02d}"

    def stamp(self) -> dict[str, object]:
        """What a folder's ``meta.json`` says."""
        return {
            "set": self.name,
            "frames": self.frames,
            "size": [self.width, self.height],
            "sequences": {
                self.sequence_name(index): {
                    "distractors": _DISTRACTORS[index % 5],
                    "occlusion": _OCCLUSIONS[index % 5],
                }
                for index in range(self.sequences)
            },
        }


# Livelier than the average of training, so that a box that never moves is worth little, and boxes must follow.
_SCENES = SceneSettings(
    speed=(0.06, 0.12), fast_motion=0.4, camouflage=0.25, rotation=0.8, deformation=0.14, lighting=0.5, degradation=0.7
)

GENERATED_SETS: Mapping[str, GeneratedSet] = MappingProxyType(
    {
        generated.name: generated
        for generated in (
            GeneratedSet("generated-test-v1", 20, 100, 240, 180, 0x7E57, _SCENES),
            GeneratedSet("generated-val-v1", 12, 60, 240, 180, 0x5E1EC7, _SCENES),
            GeneratedSet("generated-absent-test-v1", 20, 120, 240, 180, 0x7E57AB, _SCENES, departures=True),
            GeneratedSet("generated-absent-val-v1", 12, 120, 240, 180, 0x5E1EAB, _SCENES, departures=True),
        )
    }
)
"""The frozen sets by name: of either kind one to report figures on, and one to choose by."""


def generated_sequences(name: str, folder: Path | str, progress: Say | None = None) -> list[Sequence]:
    """Read a frozen set from a folder, after writing it if the folder is missing or empty.

    The folder has GOT-10k's layout, with frames as JPEG of quality 95, and a ``meta.json`` that says which set it is.
    It appears at its name when it is complete; a killed call leaves at most a hidden folder
    ``.NAME.….part`` beside it, which nothing reads and the next call removes.

    Args:
        name: A name of `GENERATED_SETS`.
        folder: The set's own folder.
        progress: Called with each sequence's name when it is written.

    Raises:
        InputError: An unknown name, a folder that holds something else, or one that cannot be written.

    Example:
        >>> generated_sequences("generated-val-v1", "data/generated-val-v1")  # doctest: +SKIP
    """
    generated = GENERATED_SETS[checked_name(name, GENERATED_SETS, "generated set")]
    folder = Path(folder).expanduser()
    if not folder.exists() or (folder.is_dir() and not any(folder.iterdir())):
        _write(generated, folder, progress)
    _check_stamp(generated, folder)
    return read_sequences(folder, "got10k")


def _write(generated: GeneratedSet, folder: Path, progress: Say | None) -> None:
    """Write a set into a hidden folder beside, and rename that at the end: nobody ever reads half a set."""
    parent = folder.absolute().parent
    make_folder(parent)
    with part_folder(folder.absolute()) as part:
        names = [generated.sequence_name(index) for index in range(generated.sequences)]
        for index, name in enumerate(names):
            _write_video(generated.video(index), part / name)
            if progress is not None:
                progress(name)
        write_atomically(part / "list.txt", "".join(f"{name}\n" for name in names))
        write_atomically(part / _STAMP, json.dumps(generated.stamp(), indent=1) + "\n")
        part.chmod(0o755)
        try:
            os.rename(part, folder)
        except OSError as error:
            # Somebody else may have been as fast; the caller looks at what is there.
            if not (folder / _STAMP).is_file():
                raise InputError(f"'{folder}' cannot be written: {error.strerror}") from None


def _write_video(video: GeneratedVideo, folder: Path) -> None:
    folder.mkdir()
    for number, frame in enumerate(video.frames, start=1):
        _, data = cv2.imencode(".jpg", frame, [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY])
        (folder / f"{number:08d}.jpg").write_bytes(data.tobytes())
    rows = (",".join(f"{value:.4f}" for value in box) for box in video.boxes)
    (folder / "groundtruth.txt").write_text("".join(f"{row}\n" for row in rows))
    (folder / "absence.label").write_text("".join(f"{int(absent)}\n" for absent in video.absent))


def _check_stamp(generated: GeneratedSet, folder: Path) -> None:
    stamp = folder / _STAMP
    try:
        content = parse_json(read_text(stamp, "stamp"), f"'{stamp}'")
    except InputError:
        raise InputError(
            f"'{folder}' is not the generated set '{generated.name}': it has no readable {_STAMP}; give a folder that "
            "is missing or empty to have the set written"
        ) from None
    if content != generated.stamp():
        other = short(content.get("set") if isinstance(content, dict) else None)
        raise InputError(
            f"'{folder}' holds the set {other} or another state of it, not '{generated.name}': give another folder"
        )
