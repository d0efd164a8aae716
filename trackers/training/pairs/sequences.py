"""Pairs from the frames of sequences."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from lighttrack_nas.trackers.base.errors import InputError
from lighttrack_nas.trackers.data.sequence import Sequence
from lighttrack_nas.trackers.training.pairs.left_out import NO_AREA, LeftOut, counted
from lighttrack_nas.trackers.training.pairs.pair_settings import PairSettings
from lighttrack_nas.trackers.training.pairs.shots import has_area
from lighttrack_nas.trackers.training.pairs.tracks import Track, TrackedVideos, TrackPairs

_NAMED = 5


class SequencePairs(TrackPairs):
    """Draws a sequence, a template frame of it, and a search frame not far from that.

    As `TrackPairs` draws: sequences are the videos, each with one track, whose annotated frames are those with the
    target present and a finite box with sides of a pixel or more.

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
        boxes, tracks, few = LeftOut(), [], []
        for sequence in sequences:
            area, annotated = has_area(sequence.boxes), np.isfinite(sequence.boxes).all(axis=1) & ~sequence.absent
            boxes.add(NO_AREA, count=int((annotated & ~area).sum()))
            usable = np.flatnonzero(annotated & area)
            if len(usable) < 2:
                few.append(sequence.name)
            else:
                frames = tuple(sequence.frame_paths[index] for index in usable)
                tracks.append(Track(frames, np.array(sequence.boxes[usable], float)))
        self.left_out = tuple(few)
        if not tracks:
            raise InputError(
                "pairs from sequences need one or more sequences with two or more annotated frames, got "
                + (f"{counted(len(few), 'sequence')} with fewer: {_named(few)}" if few else "no sequences")
            )
        # By number: names may stand twice where sequences of several sets are put together.
        videos = {str(number): (track,) for number, track in enumerate(tracks)}
        super().__init__(TrackedVideos(videos, boxes), settings, frame_range, cache_bytes)

    def report(self) -> list[str]:
        """Say what was left out so far, a sentence each; empty if nothing."""
        sentences = []
        if self.left_out:
            few = "with fewer than two annotated frames left out"
            sentences.append(f"{counted(len(self.left_out), 'sequence')} {few}: {_named(self.left_out)}")
        return sentences + super().report()


def _named(names: Iterable[str]) -> str:
    names = list(names)
    return ", ".join(names[:_NAMED]) + (", ..." if len(names) > _NAMED else "")
