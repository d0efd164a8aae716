"""One target on its way through a video: where it is looked for, and where it is found."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import numpy as np

from lighttrack_nas.trackers.base.boxes import checked_box
from lighttrack_nas.trackers.base.errors import InputError
from lighttrack_nas.trackers.data.frames import checked_frame
from lighttrack_nas.trackers.tracking.array_network import ArrayNetwork
from lighttrack_nas.trackers.tracking.crops import (
    context_side,
    crop_corner,
    crop_square,
    frame_scale,
    mean_colour,
    network_input,
)
from lighttrack_nas.trackers.tracking.hyper_parameters import HyperParameters
from lighttrack_nas.trackers.tracking.presence import Tracked, Watch, places_to_look, presence_of


@dataclass(frozen=True)
class TargetState:
    """Where the target is.

    Attributes:
        centre: ``(2,)`` x, y in frame pixels.
        size: ``(2,)`` width and height in frame pixels.
    """

    centre: np.ndarray
    size: np.ndarray

    @property
    def box(self) -> np.ndarray:
        """``(4,)`` x, y, w, h."""
        return np.concatenate([self.centre - self.size / 2, self.size])


class Target:
    """One target on its way through a video: all of a tracker's step but the network.

    Args:
        frame: The first one, ``(height, width, 3)`` BGR uint8.
        box: x, y, w, h of the target in it; it may reach outside the frame.
        network: Says the sizes; it is not run.
        hyper_parameters: Of the tracker.

    Attributes:
        state: Where the target is.
        search_size: Side of its search crops, pixels, one of the network's.
        template_image: The network's input of the first frame, see `ArrayNetwork`.

    Raises:
        InputError: The frame is of another type, or the box has no area or lies outside the frame.
    """

    def __init__(self, frame: np.ndarray, box: Any, network: ArrayNetwork, hyper_parameters: HyperParameters) -> None:
        checked_frame(frame)
        x, y, w, h = checked_box(box, frame.shape)
        self._template_size, self._stride = network.template_size, network.stride
        self._hyper_parameters = hyper_parameters
        self._anywhere = replace(hyper_parameters, window_influence=0.0)
        self._frame_shape = frame.shape
        self._padding = mean_colour(frame)
        self.state = self._last_sure = TargetState(np.array([x + w / 2, y + h / 2]), np.array([w, h]))
        self._watch = Watch(hyper_parameters)
        self._places: list[np.ndarray] = []  # still to look at, in the round that is under way
        self._looked_at = self.state.centre
        height, width = frame.shape[:2]
        small = w * h / (width * height) < hyper_parameters.small_target
        # Decided once: a target that grows keeps its search size.
        self.search_size = network.search_sizes[-1 if small else 0]
        side = round(context_side(self.state.size, hyper_parameters.context))
        self._prepare: Callable[[np.ndarray], np.ndarray] = getattr(network, "prepare", network_input)
        self.template_image = self._prepare(
            crop_square(frame, self.state.centre, side, self._template_size, self._padding)
        )

    def search_image(self, frame: np.ndarray) -> np.ndarray:
        """Cut the next frame's search crop around where the target was.

        A frame may be larger or smaller than the one before. If it has the same proportions, the picture was scaled,
        and the target with it; if not, the target stays where it was, in pixels.

        Args:
            frame: ``(height, width, 3)`` BGR uint8.

        Returns:
            The network's input, ``(1, 3, search_size, search_size)`` float32 unless the network asks for another.

        Raises:
            InputError: A frame of another type.
        """
        checked_frame(frame)
        if frame.shape != self._frame_shape:
            scale = frame_scale(self._frame_shape, frame.shape)
            self.state, self._last_sure = (
                TargetState(state.centre * scale, state.size * scale) for state in (self.state, self._last_sure)
            )
            self._frame_shape = frame.shape
            self._places = []
        self._looked_at = self._next_place() if self._watch.lost else self.state.centre
        return self._prepare(crop_square(frame, self._looked_at, self._side, self.search_size, self._padding))

    def move(self, logits: np.ndarray, distances: np.ndarray) -> Tracked:
        """Move the target to where the network sees it in the last search image; see `locate`.

        A lost target stays where it was seen last, until it is found.

        Returns:
            The box ``(4,)`` x, y, w, h, and the network's score of it in [0, 1].

        Raises:
            InputError: The network's output holds no finite prediction at all.
        """
        looked = self.state if self._looked_at is self.state.centre else TargetState(self._looked_at, self.state.size)
        moved, score = locate(
            logits,
            distances,
            looked,
            scale=self._scale,
            search_size=self.search_size,
            stride=self._stride,
            # Where it may come back says nothing of where it will.
            hyper_parameters=self._anywhere if self._watch.lost else self._hyper_parameters,
        )
        presence = presence_of(score, self._hyper_parameters)
        was_lost, lost = self._watch.lost, self._watch.see(presence)
        if lost:
            if not was_lost:
                self._places = []
            self.state = self._last_sure
        else:
            self.state = self._inside(moved, looked)
            if self._watch.is_sure(presence):
                self._last_sure = self.state
        return Tracked(self.state.box, score, lost, presence)

    def _inside(self, moved: TargetState, looked: TargetState) -> TargetState:
        """Where the target is now, in the frame, of where the network sees it from where it was looked."""
        centre = moved.centre
        if self._hyper_parameters.exact_crops and moved is not looked:
            centre = centre + np.array(crop_corner(looked.centre, self._side)) + self._side / 2 - looked.centre
        limits = self._frame_shape[1::-1]
        least = self._hyper_parameters.min_size
        # On numbers: right behind the network every array operation costs a hundred times its arithmetic.
        return TargetState(
            centre=np.array(
                [min(max(value, 0.0), limit) for value, limit in zip(centre.tolist(), limits, strict=True)]
            ),
            size=np.array(
                [max(least, min(limit, value)) for value, limit in zip(moved.size.tolist(), limits, strict=True)]
            ),
        )

    def _next_place(self) -> np.ndarray:
        if not self._places:
            self._places = places_to_look(self.state.centre, self._side, self._frame_shape[1::-1])[::-1]
        return self._places.pop()

    @property
    def _scale(self) -> float:
        """Search pixels per frame pixel."""
        return self._template_size / context_side(self.state.size, self._hyper_parameters.context)

    @property
    def _side(self) -> int:
        """Of the search crop, frame pixels."""
        # Python 2's rounding, half away from zero, as the published tracker rounds here and only here.
        return math.floor(self.search_size / self._scale + 0.5)


def locate(
    logits: np.ndarray,
    distances: np.ndarray,
    state: TargetState,
    *,
    scale: float,
    search_size: int,
    stride: int,
    hyper_parameters: HyperParameters,
) -> tuple[TargetState, float]:
    """Choose a prediction and move the target there: penalty, window, and the size smoothed twice.

    Args:
        logits: ``(n, n)``.
        distances: ``(4, n, n)`` left, top, right, bottom in search pixels.
        state: Where the target was.
        scale: Search pixels per frame pixel.
        search_size: Side of the search crop, pixels.
        stride: Search pixels per step of the map.
        hyper_parameters: Penalty, window and rate.

    Positions whose prediction is not finite or has no extent are never chosen. Where no position is left, the target
    stays where it was, with score 0.

    Returns:
        The new state in frame pixels, not yet clipped to the frame, and the score in [0, 1].

    Raises:
        InputError: The network's output holds no finite prediction at all.
    """
    influence = hyper_parameters.window_influence
    grid, window = _grid_and_window(search_size, stride, influence)
    if logits.shape != window.shape or distances.shape != (4, *window.shape):
        raise ValueError(
            f"a map of {window.shape} and distances (4, {window.shape[0]}, {window.shape[1]}) expected for search size "
            f"{search_size} at stride {stride}, got {logits.shape=} and {distances.shape=}"
        )
    # Few operations, on both axes at once: they are short, and cost what calling them costs.
    sides = distances.astype(np.float64)
    sizes = sides[:2] + sides[2:]
    width, height = (state.size * scale).tolist()
    # What cannot be used goes through the arithmetic with the rest, and is left out of the choice.
    with np.errstate(all="ignore"):
        scores = 1.0 / (1.0 + np.exp(-logits.astype(np.float64)))
        padded = sizes + (sizes[0] + sizes[1]) * 0.5
        changes = np.empty_like(sizes)
        np.divide(np.sqrt(padded[0] * padded[1]), _padded_size(width, height), out=changes[0])
        np.divide(width / height, sizes[0] / sizes[1], out=changes[1])
        changes = np.maximum(changes, 1.0 / changes)
        penalty = np.exp((1 - changes[0] * changes[1]) * hyper_parameters.penalty_k)
        rated = penalty * scores * (1 - influence) + window
    # A sum is finite only where all of it is.
    if not (math.isfinite(logits.sum(dtype=np.float64) + sides.sum()) and sizes.min() > 0):
        finite = np.isfinite(logits) & np.isfinite(sides).all(axis=0)
        if not finite.any():
            raise InputError("the network's output is not finite at any position: its weights are broken")
        rated = np.where(finite & (sizes > 0).all(axis=0), rated, -np.inf)
    row, column = place = divmod(int(rated.argmax()), len(grid))
    if rated[place] == -np.inf:
        return state, 0.0
    left, top, right, bottom = sides[:, row, column].tolist()
    score = float(scores[place])
    rate = float(penalty[place]) * score * hyper_parameters.lr
    middle = search_size // 2
    centre = [
        old + (grid[cell] + (after - before) / 2 - middle) / scale
        for old, cell, before, after in zip(
            state.centre.tolist(), (column, row), (left, top), (right, bottom), strict=True
        )
    ]
    size = [
        _smoothed(rate, extent / scale, old)
        for old, extent in zip(state.size.tolist(), (left + right, top + bottom), strict=True)
    ]
    return TargetState(np.array(centre), np.array(size)), score


@lru_cache(maxsize=16)
def _grid_and_window(search_size: int, stride: int, influence: float) -> tuple[list[float], np.ndarray]:
    """The cells' places in search pixels, and what the window adds to their ratings."""
    cells = round(search_size / stride)
    grid = (np.arange(cells) - cells // 2) * stride + search_size // 2
    hanning = np.hanning(cells)
    return grid.astype(np.float64).tolist(), np.outer(hanning, hanning) * influence


def _smoothed(rate: float, predicted: float, old: float) -> float:
    smoothed = rate * predicted + (1 - rate) * old
    # The published tracker smooths the smoothed size once more.
    return rate * smoothed + (1 - rate) * old


def _padded_size(width: float, height: float) -> float:
    padding = (width + height) * 0.5
    return math.sqrt((width + padding) * (height + padding))
