"""Pairs from the frames of sequences."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from lighttrack_nas.trackers.base.errors import InputError
from lighttrack_nas.trackers.base.parsing import short
from lighttrack_nas.trackers.data.sequence import Sequence
from lighttrack_nas.trackers.training.pairs.left_out import counted
from lighttrack_nas.trackers.training.pairs.pair import Pair
from lighttrack_nas.trackers.training.pairs.pair_settings import PairSettings
from lighttrack_nas.trackers.training.pairs.shots import Draw, Shot, ShotReader, has_area

_NAMED = 5


class SequencePairs:
    """Draws a sequence, a template frame of it, and a search frame not far from that.

    Sequences are drawn uniformly, so that long ones count no more than short ones; so are the template frame among the
    sequence's annotated frames (target present, box finite, sides of a pixel or more) and the search frame among
    those up to `frame_range` places before or after it in the list of annotated frames, the template frame included,
    as LightTrack counts. A negative pair takes the search crop from another sequence or, where there is one sequence
    only, from a place of the search frame without the target.

    Frames are decoded when drawn. An image that cannot be read, or a box that does not fit its frame, is left out and
    another pair drawn instead.

    Args:
        sequences: The videos; those with fewer than two annotated frames are left out.
        settings: How pairs are cut.
        frame_range: Most places between the two frames, 0 or more.
        cache_bytes: Most bytes of decoded frames to keep in memory.

    Raises:
        InputError: No sequence is left, or an impossible range or limit.

    Attributes:
        left_out: Names of the sequences left out.
    """

    def __init__(
        self,
        sequences: Iterable[Sequence],
        settings: PairSettings,
        frame_range: int = 100,
        cache_bytes: int = 1 << 30,
    ) -> None:
        if not isinstance(frame_range, int) or isinstance(frame_range, bool) or frame_range < 0:
            raise InputError(f"pairs: frame_range: expected a whole number, 0 or more, got {short(frame_range)}")
        self._frame_range = frame_range
        self._reader = ShotReader(settings, cache_bytes)
        self._without_area = 0
        self._tracks: list[_Track] = []
        left_out = []
        for sequence in sequences:
            area, annotated = has_area(sequence.boxes), np.isfinite(sequence.boxes).all(axis=1) & ~sequence.absent
            self._without_area += int((annotated & ~area).sum())
            usable = np.flatnonzero(annotated & area)
            if len(usable) < 2:
                left_out.append(sequence.name)
            else:
                paths = tuple(sequence.frame_paths[index] for index in usable)
                self._tracks.append(_Track(paths, np.array(sequence.boxes[usable], float)))
        self.left_out = tuple(left_out)
        if not self._tracks:
            raise InputError(
                "pairs from sequences need one or more sequences with two or more annotated frames, got "
                + (
                    f"{counted(len(left_out), 'sequence')} with fewer: {_named(left_out)}"
                    if left_out
                    else "no sequences"
                )
            )

    @property
    def bad_images(self) -> dict[Path, str]:
        """Why an image that was drawn could not be read, by path."""
        return dict(self._reader.cache.bad_images)

    @property
    def unusable_boxes(self) -> int:
        """Number of boxes without area, and of drawn boxes that did not fit their frame."""
        return self._without_area + len(self._reader.stray_boxes)

    def report(self) -> list[str]:
        """Say what was left out so far, a sentence each; empty if nothing."""
        sentences = []
        if self.left_out:
            few = "with fewer than two annotated frames left out"
            sentences.append(f"{counted(len(self.left_out), 'sequence')} {few}: {_named(self.left_out)}")
        if self._without_area:
            sentences.append(f"{counted(self._without_area, 'box')} with a side below a pixel left out")
        return sentences + self._reader.report()

    def pair(self, rng: np.random.Generator) -> Pair:
        """Draw a pair.

        Raises:
            InputError: Twenty draws in a row hit images or boxes that cannot be used.
        """
        return self._reader.pair(self._draw, rng)

    def _draw(self, rng: np.random.Generator) -> Draw:
        negative = rng.random() < self._reader.settings.negatives
        place = int(rng.integers(len(self._tracks)))
        track = self._tracks[place]
        index = int(rng.integers(len(track)))
        first, last = max(index - self._frame_range, 0), min(index + self._frame_range, len(track) - 1)
        template, near = track.shot(index), track.shot(int(rng.integers(first, last + 1)))
        if not negative:
            return Draw(template, near, "target")
        if len(self._tracks) == 1:
            return Draw(template, near, "elsewhere")
        # Any of the others: the drawn place is skipped.
        other = int(rng.integers(len(self._tracks) - 1))
        track = self._tracks[other + (other >= place)]
        return Draw(template, track.shot(int(rng.integers(len(track)))), "another")


@dataclass(frozen=True, eq=False)
class _Track:
    """The annotated frames of a sequence: image files and ``(N, 4)`` boxes."""

    paths: tuple[Path, ...]
    boxes: np.ndarray

    def __len__(self) -> int:
        return len(self.paths)

    def shot(self, index: int) -> Shot:
        return Shot(self.paths[index], self.boxes[index])


def _named(names: Iterable[str]) -> str:
    names = list(names)
    return ", ".join(names[:_NAMED]) + (", ..." if len(names) > _NAMED else "")
