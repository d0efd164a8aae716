"""From a source of a configuration to its pairs, and to the pictures that a generator may cut from."""

from __future__ import annotations

import os
from bisect import bisect_right
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, overload

from lighttrack_nas.config.config_data import ImagesSource, VideosSource
from lighttrack_nas.config.config_labels import Crop511Source, DetSource, StillsSource, VidSource, YoutubeBBSource
from lighttrack_nas.trackers.base.errors import InputError
from lighttrack_nas.trackers.base.progress import Say
from lighttrack_nas.trackers.data.sequence import Sequence as Video
from lighttrack_nas.trackers.training.labels.coco import read_stills
from lighttrack_nas.trackers.training.labels.crop511 import read_crop, read_crop511
from lighttrack_nas.trackers.training.labels.imagenet import read_det, read_vid
from lighttrack_nas.trackers.training.labels.youtubebb import read_youtubebb
from lighttrack_nas.trackers.training.pairs.clips import read_clips, read_pictures
from lighttrack_nas.trackers.training.pairs.pair_settings import PairSettings
from lighttrack_nas.trackers.training.pairs.shots import Shot
from lighttrack_nas.trackers.training.pairs.stills import Still, StillPairs, Stills
from lighttrack_nas.trackers.training.pairs.tracks import TrackedVideos, TrackPairs
from lighttrack_nas.trackers.training.pairs.unlabelled import UnlabelledPairs

if TYPE_CHECKING:
    from lighttrack_nas.strategies.one_shot.training.training_settings import TrainingSettings

Labelled = StillsSource | VidSource | DetSource | YoutubeBBSource | Crop511Source
"""Sources that are read from annotation files."""


def _shot_of_video(video: Video, index: int) -> Shot:
    return Shot(video.frame_paths[index], video.boxes[index])


def _shot_of_still(still: Still, index: int) -> Shot:
    return Shot(still.path, still.boxes[index])


class Shots(Sequence[Shot]):
    """The images and boxes of several sources, each made when it is asked for: large sets have millions."""

    def __init__(self) -> None:
        self._ends: list[int] = []
        self._makers: list[Callable[[int], Shot]] = []

    def add(self, count: int, make: Callable[[int], Shot]) -> None:
        """Add so many, of which `make` gives each by its number from 0."""
        if count:
            self._ends.append(len(self) + count)
            self._makers.append(make)

    def add_videos(self, videos: Sequence[Video]) -> None:
        """Add every frame of sequences."""
        for video in videos:
            self.add(len(video), partial(_shot_of_video, video))

    def add_labelled(self, labelled: Stills | TrackedVideos) -> None:
        """Add every box of stills or tracks."""
        if isinstance(labelled, Stills):
            for still in labelled:
                self.add(len(still.boxes), partial(_shot_of_still, still))
        else:
            for track in labelled.tracks:
                self.add(len(track), track.shot)

    def __len__(self) -> int:
        return self._ends[-1] if self._ends else 0

    @overload
    def __getitem__(self, index: int) -> Shot: ...
    @overload
    def __getitem__(self, index: slice) -> list[Shot]: ...
    def __getitem__(self, index: int | slice) -> Shot | list[Shot]:
        if isinstance(index, slice):
            return [self[place] for place in range(*index.indices(len(self)))]
        if not 0 <= index < len(self):
            raise IndexError(index)
        place = bisect_right(self._ends, index)
        return self._makers[place](index - (self._ends[place - 1] if place else 0))


def read_labelled(source: Labelled, say: Say | None) -> Stills | TrackedVideos:
    """Read a source's annotations.

    Raises:
        InputError: They cannot be read, or hold nothing usable.
    """
    path = expanded(source.path)
    if isinstance(source, StillsSource):
        return read_stills(path, _expanded(source.images))
    if say is not None and isinstance(source, VidSource | DetSource):
        say(f"annotation files in '{path}' are read, one for each image, which may take minutes")
    if isinstance(source, VidSource):
        return read_vid(path, source.only, source.without)
    if isinstance(source, DetSource):
        return read_det(path, source.only, source.without)
    if isinstance(source, YoutubeBBSource):
        return read_youtubebb(path, _expanded(source.frames), source.only, source.without)
    return read_crop511(path, _expanded(source.annotations), source.only, source.without, source.aspect)


def labelled_pairs(
    source: Labelled, labelled: Stills | TrackedVideos, settings: PairSettings, cache_bytes: int
) -> StillPairs | TrackPairs:
    """Make pairs of what was read."""
    if isinstance(labelled, Stills):
        return StillPairs(labelled, settings, cache_bytes)
    assert not isinstance(source, StillsSource | DetSource)
    if isinstance(source, Crop511Source):
        return TrackPairs(labelled, settings, source.frame_range, cache_bytes, read_crop)
    return TrackPairs(labelled, settings, source.frame_range, cache_bytes)


def unlabelled_pairs(
    source: ImagesSource | VideosSource, settings: PairSettings, cache_bytes: int, say: Say | None
) -> UnlabelledPairs:
    """Read pictures or videos without labels.

    Raises:
        InputError: There are none.
    """
    path = expanded(source.path)
    if isinstance(source, ImagesSource):
        return UnlabelledPairs(read_pictures(path), settings, cache_bytes=cache_bytes)
    if say is not None:
        say(f"video files in '{path}' are decoded once, which may take a while")
    return UnlabelledPairs(read_clips(path, source.frame_range), settings, source.frame_range, cache_bytes)


def decoding_processes(settings: TrainingSettings) -> int:
    """How many processes of a training decode frames: its own, and those that prepare batches, on every device."""
    return settings.devices * (1 + settings.workers)


def expanded(path: str) -> str:
    """Put environment variables' values into a path, and the home folder for ``~``.

    Raises:
        InputError: A variable is not set.
    """
    full_path = os.path.expanduser(os.path.expandvars(path))
    if "$" in full_path:
        raise InputError(f"path '{path}': set the environment variable that it names, or write the path out")
    return full_path


def _expanded(path: str | None) -> Path | None:
    return None if path is None else Path(expanded(path))
