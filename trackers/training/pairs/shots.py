"""From targets in image files to pairs: what sequences and stills have in common."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from lighttrack_nas.trackers.base.boxes import checked_box
from lighttrack_nas.trackers.base.errors import InputError
from lighttrack_nas.trackers.data.sequence import read_image
from lighttrack_nas.trackers.training.pairs.frame_cache import FrameCache
from lighttrack_nas.trackers.training.pairs.left_out import counted
from lighttrack_nas.trackers.training.pairs.pair import Pair
from lighttrack_nas.trackers.training.pairs.pair_cutting import cut_pair, empty_place
from lighttrack_nas.trackers.training.pairs.pair_settings import PairSettings

SMALLEST_SIDE = 1.0
"""Boxes with a side below this, pixels, are taken for annotations without a target."""
_MOST_DRAWS = 20


@dataclass(frozen=True, eq=False)
class Shot:
    """An image file and a target in it.

    Attributes:
        path: The image.
        box: ``(4,)`` x, y, w, h.
        shares: Whether the box is in shares of the image's width and height rather than in pixels.
    """

    path: Path
    box: np.ndarray
    shares: bool = False

    def box_in(self, frame: np.ndarray) -> np.ndarray:
        """The box in pixels of the decoded image."""
        height, width = frame.shape[:2]
        return self.box * (width, height, width, height) if self.shares else self.box


@dataclass(frozen=True, eq=False)
class Draw:
    """What a pair is to be made of.

    Attributes:
        template: Where the template crop is cut.
        search: Where the search crop is cut.
        shows: What the search crop shows: the template's target, another target (of `search`), or a place of `search`
            without it.
    """

    template: Shot
    search: Shot
    shows: Literal["target", "another", "elsewhere"]


class ShotReader:
    """Makes pairs of shots, and keeps account of those that cannot be used.

    Args:
        settings: How pairs are cut.
        cache_bytes: Most bytes of decoded frames to keep.
        decode: What reads an image, see `FrameCache`.

    Raises:
        InputError: A negative limit.

    Attributes:
        settings: As given.
        cache: The frames.
        stray_boxes: Why a box did not fit its frame, by path and box.
    """

    def __init__(
        self, settings: PairSettings, cache_bytes: int, decode: Callable[[Path], np.ndarray] = read_image
    ) -> None:
        self.settings = settings
        self.cache = FrameCache(cache_bytes, decode)
        self.stray_boxes: dict[tuple[Path, tuple[float, ...]], str] = {}

    def pair(self, draw: Callable[[np.random.Generator], Draw], rng: np.random.Generator) -> Pair:
        """Make a pair of the first draw whose images can be read and whose boxes lie on them.

        What is taken from `rng` depends on the files, never on what was read before.

        Raises:
            InputError: Twenty draws in a row could not be used.
        """
        for _ in range(_MOST_DRAWS):
            drawn = draw(rng)
            template, search = self._frame(drawn.template), self._frame(drawn.search)
            if template is not None and search is not None:
                return self._cut(drawn, template, search, rng)
        failed = drawn.template if template is None else drawn.search
        reason = self.cache.bad_images.get(failed.path) or self.stray_boxes[self._key(failed)]
        raise InputError(
            f"{_MOST_DRAWS} draws of a pair in a row met images or boxes that cannot be used; the last: {reason}"
        )

    def report(self) -> list[str]:
        """Say what could not be used so far, a sentence each; empty if nothing."""
        bad, stray = self.cache.bad_images, self.stray_boxes
        sentences = []
        if bad:
            sentences.append(f"{counted(len(bad), 'image')} could not be read, as: {next(iter(bad.values()))}")
        if stray:
            sentences.append(f"{counted(len(stray), 'box')} did not fit the frame, as: {next(iter(stray.values()))}")
        return sentences

    def _cut(self, drawn: Draw, template: np.ndarray, search: np.ndarray, rng: np.random.Generator) -> Pair:
        box, positive = drawn.search.box_in(search), drawn.shows == "target"
        if drawn.shows == "elsewhere":
            place = empty_place(search.shape, box, self.settings, rng)
            # A target that fills the frame leaves no place without it: then the pair is a positive one.
            box, positive = (box, True) if place is None else (place, False)
        return cut_pair(template, drawn.template.box_in(template), search, box, self.settings, rng, positive)

    def _frame(self, shot: Shot) -> np.ndarray | None:
        frame = self.cache.read(shot.path)
        if frame is None:
            return None
        try:
            checked_box(shot.box_in(frame), frame.shape, f"image '{shot.path}'")
        except InputError as error:
            self.stray_boxes[self._key(shot)] = str(error)
            return None
        return frame

    @staticmethod
    def _key(shot: Shot) -> tuple[Path, tuple[float, ...]]:
        return shot.path, tuple(shot.box.tolist())


def has_area(boxes: np.ndarray) -> np.ndarray:
    """Tell which boxes are finite with sides of `SMALLEST_SIDE` or more: ``(N, 4)`` to ``(N,)`` bool."""
    return np.isfinite(boxes).all(axis=1) & (boxes[:, 2:] >= SMALLEST_SIDE).all(axis=1)
