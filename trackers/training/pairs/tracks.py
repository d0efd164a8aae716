"""Videos with targets that are followed through some of their frames, and pairs of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import overload

import numpy as np

from lighttrack_nas.trackers.base.errors import InputError
from lighttrack_nas.trackers.base.parsing import short
from lighttrack_nas.trackers.data.sequence import read_image
from lighttrack_nas.trackers.training.pairs.left_out import NO_AREA, LeftOut
from lighttrack_nas.trackers.training.pairs.pair import Pair
from lighttrack_nas.trackers.training.pairs.pair_settings import PairSettings
from lighttrack_nas.trackers.training.pairs.shots import Draw, Shot, ShotReader


class FramesOf(Sequence[Path]):
    """Image files of one folder, of which only the names are kept: large sets have millions.

    Args:
        folder: Where they lie.
        names: Their names in it.
    """

    def __init__(self, folder: Path, names: tuple[str, ...]) -> None:
        self._folder, self._names = folder, names

    def __len__(self) -> int:
        return len(self._names)

    @overload
    def __getitem__(self, index: int) -> Path: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Path]: ...
    def __getitem__(self, index: int | slice) -> Path | Sequence[Path]:
        if isinstance(index, slice):
            return FramesOf(self._folder, self._names[index])
        return self._folder / self._names[index]


@dataclass(frozen=True, eq=False)
class Track:
    """A target's annotated frames, in their order.

    Attributes:
        frames: Image files, one or more.
        boxes: ``(N, 4)`` x, y, w, h, with positive sides.
        shares: Whether the boxes are shares of the frame's width and height rather than pixels.
    """

    frames: Sequence[Path]
    boxes: np.ndarray
    shares: bool = False

    def __len__(self) -> int:
        return len(self.frames)

    def shot(self, index: int) -> Shot:
        """A frame and the target in it."""
        return Shot(self.frames[index], self.boxes[index], self.shares)


@dataclass(frozen=True, eq=False)
class TrackedVideos:
    """Videos with one track or more each, and what was left out.

    Attributes:
        videos: The tracks of each video, by its name.
        left_out: What could not be used.
    """

    videos: Mapping[str, tuple[Track, ...]]
    left_out: LeftOut = field(default_factory=LeftOut)

    def __len__(self) -> int:
        return len(self.videos)

    @property
    def tracks(self) -> list[Track]:
        """All tracks."""
        return [track for tracks in self.videos.values() for track in tracks]


class TrackPairs:
    """Draws a video, a track of it, a template frame of that, and a search frame not far from it.

    Videos are drawn uniformly, so that long ones count no more than short ones; so are the tracks of a video, the
    template frame among the track's annotated frames, and the search frame among those up to `frame_range` places
    before or after it in the list of annotated frames, the template frame included, as LightTrack counts. A negative
    pair takes the search crop from another video or, where there is one video only, from a place of the search frame
    without the target.

    Frames are decoded when drawn. An image that cannot be read, or a box that does not fit its frame, is left out and
    another pair drawn instead.

    Args:
        tracked: From `read_vid`, `read_youtubebb` or `read_crop511`.
        settings: How pairs are cut.
        frame_range: Most places between the two frames, 0 or more.
        cache_bytes: Most bytes of decoded frames to keep in memory.
        decode: What reads an image; `read_crop` for pysot's crops.

    Raises:
        InputError: There is no video, or an impossible range or limit.
    """

    def __init__(
        self,
        tracked: TrackedVideos,
        settings: PairSettings,
        frame_range: int = 100,
        cache_bytes: int = 1 << 30,
        decode: Callable[[Path], np.ndarray] = read_image,
    ) -> None:
        if not isinstance(frame_range, int) or isinstance(frame_range, bool) or frame_range < 0:
            raise InputError(f"pairs: frame_range: expected a whole number, 0 or more, got {short(frame_range)}")
        self._frame_range = frame_range
        self._reader = ShotReader(settings, cache_bytes, decode)
        self._left_out = tracked.left_out
        self._videos = tuple(tracked.videos.values())
        if not self._videos:
            raise InputError("pairs from tracks need one or more videos, got none")

    @property
    def bad_images(self) -> dict[Path, str]:
        """Why an image that was drawn could not be read, by path."""
        return dict(self._reader.cache.bad_images)

    @property
    def unusable_boxes(self) -> int:
        """Number of boxes without area, and of drawn boxes that did not fit their frame."""
        return self._left_out[NO_AREA] + len(self._reader.stray_boxes)

    def report(self) -> list[str]:
        """Say what was left out so far, a sentence each; empty if nothing."""
        return self._left_out.sentences() + self._reader.report()

    def pair(self, rng: np.random.Generator) -> Pair:
        """Draw a pair.

        Raises:
            InputError: Twenty draws in a row hit images or boxes that cannot be used.
        """
        return self._reader.pair(self._draw, rng)

    def _draw(self, rng: np.random.Generator) -> Draw:
        negative = rng.random() < self._reader.settings.negatives
        place = int(rng.integers(len(self._videos)))
        track = _one_of(self._videos[place], rng)
        index = int(rng.integers(len(track)))
        first, last = max(index - self._frame_range, 0), min(index + self._frame_range, len(track) - 1)
        template, near = track.shot(index), track.shot(int(rng.integers(first, last + 1)))
        if not negative:
            return Draw(template, near, "target")
        if len(self._videos) == 1:
            return Draw(template, near, "elsewhere")
        # Any of the others: the drawn place is skipped.
        other = int(rng.integers(len(self._videos) - 1))
        track = _one_of(self._videos[other + (other >= place)], rng)
        return Draw(template, track.shot(int(rng.integers(len(track)))), "another")


def _one_of(tracks: tuple[Track, ...], rng: np.random.Generator) -> Track:
    return tracks[0] if len(tracks) == 1 else tracks[int(rng.integers(len(tracks)))]
