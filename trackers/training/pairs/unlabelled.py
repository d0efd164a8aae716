"""Pairs from pictures and videos without labels, for learning from a teacher: around a box in a random place."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import numpy as np

from lighttrack_nas.trackers.base.errors import InputError
from lighttrack_nas.trackers.base.parsing import short
from lighttrack_nas.trackers.training.pairs.clips import Clip, Clips
from lighttrack_nas.trackers.training.pairs.left_out import counted
from lighttrack_nas.trackers.training.pairs.pair import Pair
from lighttrack_nas.trackers.training.pairs.pair_settings import PairSettings
from lighttrack_nas.trackers.training.pairs.shots import Draw, Shot, ShotReader

_SMALLEST, _LARGEST = 0.08, 0.5  # side of a box, as a share of the picture's shorter one
_LARGEST_ASPECT = 3.0
_NAMED = 5


class UnlabelledPairs:
    """Draws a clip, a frame of it and a random box there, and cuts both crops around that place.

    The search crop comes from a frame not far from the template's: in a picture, a clip of one frame, from the picture
    itself. Clips are drawn uniformly, frames within them too. What stands in the box is whatever is there, in another
    frame at the same place: pairs are not `labelled`. A negative pair takes the search crop from a random box of
    another clip or, where there is one clip only, from another place of the search frame.

    Pictures are decoded when drawn. One that cannot be read is left out and another pair drawn instead.

    Args:
        clips: From `read_pictures` or `read_clips`.
        settings: How pairs are cut.
        frame_range: Most frames between the two, 0 or more.
        cache_bytes: Most bytes of decoded frames to keep in memory.

    Raises:
        InputError: There are no clips, or an impossible range or limit.
    """

    def __init__(self, clips: Clips, settings: PairSettings, frame_range: int = 40, cache_bytes: int = 1 << 30) -> None:
        if not isinstance(frame_range, int) or isinstance(frame_range, bool) or frame_range < 0:
            raise InputError(f"pairs: frame_range: expected a whole number, 0 or more, got {short(frame_range)}")
        if not clips.clips:
            raise InputError("pairs without labels need one or more pictures or videos, got none")
        self._clips = clips
        self._frame_range = frame_range
        self._reader = ShotReader(settings, cache_bytes, clips.read)

    @property
    def bad_images(self) -> dict[Path, str]:
        """Why an image that was drawn could not be used, by path."""
        return dict(self._reader.cache.bad_images)

    def report(self) -> list[str]:
        """Say what was left out so far, a sentence each; empty if nothing."""
        out = self._clips.left_out
        sentences = [f"{counted(len(out), 'video')} left out: {_named(out.items())}"] if out else []
        return [*sentences, *self._clips.remarks, *self._reader.report()]

    def pair(self, rng: np.random.Generator) -> Pair:
        """Draw a pair.

        Raises:
            InputError: Twenty draws in a row hit images that cannot be used.
        """
        return replace(self._reader.pair(self._draw, rng), labelled=False)

    def pictures(self, count: int, rng: np.random.Generator) -> list[np.ndarray]:
        """Take a frame of each of so many clips, or of all there are, in random order; what cannot be read is left out.

        Args:
            count: How many clips.
            rng: Source of all that is random.

        Returns:
            BGR uint8 ``(height, width, 3)`` each, not to be written to.
        """
        pictures = []
        for place in rng.permutation(len(self._clips.clips))[:count]:
            clip = self._clips.clips[place]
            pictures.append(self._reader.cache.read(clip.paths[int(rng.integers(len(clip)))]))
        return [picture for picture in pictures if picture is not None]

    def _draw(self, rng: np.random.Generator) -> Draw:
        negative = rng.random() < self._reader.settings.negatives
        clips = self._clips.clips
        place = int(rng.integers(len(clips)))
        clip = clips[place]
        index = int(rng.integers(len(clip)))
        template = self._shot(clip.paths[index], rng)
        if negative and len(clips) > 1:
            # Any of the others: the drawn place is skipped.
            other = int(rng.integers(len(clips) - 1))
            clip = clips[other + (other >= place)]
            return Draw(template, self._shot(clip.paths[int(rng.integers(len(clip)))], rng), "another")
        path = clip.paths[_near(clip, index, self._frame_range, rng)]
        if self._shape(path) != self._shape(template.path):
            path = template.path  # the same place is nowhere in a frame of another size
        return Draw(template, Shot(path, template.box), "elsewhere" if negative else "target")

    def _shot(self, path: Path, rng: np.random.Generator) -> Shot:
        return Shot(path, random_box(self._shape(path), rng))

    def _shape(self, path: Path) -> tuple[int, ...]:
        frame = self._reader.cache.read(path)
        # What cannot be read the reader finds out by itself, and draws again.
        return (1, 1) if frame is None else frame.shape


def random_box(frame_shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
    """Draw a box inside a picture: its place uniformly, size and proportions on a scale of logarithms.

    Takes a fixed number of values from `rng`.

    Args:
        frame_shape: ``(height, width, ...)``.
        rng: Source of all that is random.

    Returns:
        ``(4,)`` x, y, w, h: the root of its area is .08 to .5 of the picture's shorter side, its longer side up to
        three times the shorter one.
    """
    size, aspect, across, down = rng.random(4).tolist()
    height, width = frame_shape[:2]
    side = min(height, width) * _SMALLEST * (_LARGEST / _SMALLEST) ** size
    stretch = math.sqrt(_LARGEST_ASPECT) ** (2 * aspect - 1)
    w, h = side * stretch, side / stretch
    return np.array([across * (width - w), down * (height - h), w, h])


def _near(clip: Clip, index: int, frame_range: int, rng: np.random.Generator) -> int:
    """A frame's index, uniformly among those up to so many numbers from the given one."""
    numbers = clip.numbers
    first = np.searchsorted(numbers, numbers[index] - frame_range)
    last = np.searchsorted(numbers, numbers[index] + frame_range, side="right")
    return int(rng.integers(first, last))


def _named(left_out: Iterable[tuple[Path, str]]) -> str:
    named = [f"'{path}' ({reason})" for path, reason in left_out]
    return ", ".join(named[:_NAMED]) + (", ..." if len(named) > _NAMED else "")
