"""The Siamese tracker: `init` with a box, `update` with every further frame."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from lighttrack_nas.trackers.base.boxes import checked_box
from lighttrack_nas.trackers.base.errors import InputError
from lighttrack_nas.trackers.data.frames import checked_frame
from lighttrack_nas.trackers.tracking.crops import (
    context_side,
    crop_corner,
    crop_square,
    frame_scale,
    mean_colour,
    network_input,
)
from lighttrack_nas.trackers.tracking.hyper_parameters import HyperParameters, load_hyper_parameters


class ArrayNetwork(Protocol):
    """A network on numpy arrays: whatever has these five plugs into the tracker, torch or not.

    A sixth may say what the images are: a method ``prepare(crop)`` turns a crop, ``(side, side, 3)`` BGR uint8, into
    what `template` and `track` take, with a batch of 1 in front. Where there is none, `crops.network_input` does it;
    a network that normalises for itself has `crops.raw_input`.

    The tracker asks for one target at a time. To follow many in step (`lockstep`), what `template` returns must take an
    integer array as index, ``features[np.array([0, 2])]``, and give the features of those templates of its batch, as
    numpy arrays and torch tensors do.

    Attributes:
        template_size: Side of the template crop, pixels.
        search_sizes: One or two sides of the search crop, ascending; the larger one serves small targets.
        stride: Search pixels per step of the output map.
    """

    template_size: int
    search_sizes: tuple[int, ...]
    stride: int

    def template(self, image: np.ndarray) -> Any:
        """Map ``(batch, 3, template_size, template_size)`` float32, or what `prepare` makes, to features, opaque."""

    def track(self, features: Any, image: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Predict logits ``(batch, 1, n, n)`` and distances l, t, r, b in search pixels ``(batch, 4, n, n)``."""


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


class SiameseTracker:
    """Tracks one target through a video, as LightTrack's released tracker does, step by step.

    Args:
        network: Anything that follows `ArrayNetwork`; `lighttrack_nas.trackers.runtimes.torch_network.TorchNetwork`
            makes one of a `SiameseNetwork`.
        hyper_parameters: A value, the name of a set ("default", "vot2019"), or a file.

    Raises:
        InputError: Unknown or impossible hyper-parameters, or a network without proper search sizes.

    Example:
        >>> tracker.init(frame, (x, y, width, height))  # doctest: +SKIP
        >>> box, score = tracker.update(next_frame)  # doctest: +SKIP
    """

    def __init__(
        self,
        network: ArrayNetwork,
        hyper_parameters: HyperParameters | str | Path | Mapping[str, Any] = "default",
    ) -> None:
        check_search_sizes(network)
        self.network = network
        self.hyper_parameters = load_hyper_parameters(hyper_parameters)
        self._target: Target | None = None

    @property
    def state(self) -> TargetState | None:
        """Where the target is; None before `init`."""
        return None if self._target is None else self._target.state

    def another(self) -> SiameseTracker:
        """Make a tracker for another target, with the same network and hyper-parameters; `MultiTracker` batches them.

        It has no target yet, and shares nothing that tracking changes.
        """
        return SiameseTracker(self.network, self.hyper_parameters)

    def init(self, frame: np.ndarray, box: Any) -> None:
        """Start on a target.

        Args:
            frame: ``(height, width, 3)`` BGR uint8.
            box: x, y, w, h of the target; it may reach outside the frame.

        Raises:
            InputError: The frame is of another type, or the box has no area or lies outside the frame.
        """
        target = Target(frame, box, self.network, self.hyper_parameters)
        self._features = self.network.template(target.template_image)
        self.search_size = target.search_size
        self._target = target

    def update(self, frame: np.ndarray) -> tuple[np.ndarray, float]:
        """Find the target in the next frame.

        Args:
            frame: ``(height, width, 3)`` BGR uint8. Its size may change on the way; see `Target.search_image`.

        Returns:
            The box ``(4,)`` x, y, w, h, in this frame's pixels, and the network's score of it in [0, 1].

        Raises:
            InputError: No `init` before, or a frame of another type.
        """
        if self._target is None:
            raise InputError("the tracker has no target yet: call init(frame, box) before update(frame)")
        logits, distances = self.network.track(self._features, self._target.search_image(frame))
        return self._target.move(logits[0, 0], distances[0])


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
        self._frame_shape = frame.shape
        self._padding = mean_colour(frame)
        self.state = TargetState(np.array([x + w / 2, y + h / 2]), np.array([w, h]))
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
            self.state = TargetState(self.state.centre * scale, self.state.size * scale)
            self._frame_shape = frame.shape
        return self._prepare(crop_square(frame, self.state.centre, self._side, self.search_size, self._padding))

    def move(self, logits: np.ndarray, distances: np.ndarray) -> tuple[np.ndarray, float]:
        """Move the target to where the network sees it in the last search image; see `locate`.

        Returns:
            The box ``(4,)`` x, y, w, h, and the network's score of it in [0, 1].

        Raises:
            InputError: The network's output holds no finite prediction at all.
        """
        moved, score = locate(
            logits,
            distances,
            self.state,
            scale=self._scale,
            search_size=self.search_size,
            stride=self._stride,
            hyper_parameters=self._hyper_parameters,
        )
        centre = moved.centre
        if self._hyper_parameters.exact_crops and moved is not self.state:
            centre = centre + np.array(crop_corner(self.state.centre, self._side)) + self._side / 2 - self.state.centre
        limits = self._frame_shape[1::-1]
        least = self._hyper_parameters.min_size
        # On numbers: right behind the network every array operation costs a hundred times its arithmetic.
        self.state = TargetState(
            centre=np.array(
                [min(max(value, 0.0), limit) for value, limit in zip(centre.tolist(), limits, strict=True)]
            ),
            size=np.array(
                [max(least, min(limit, value)) for value, limit in zip(moved.size.tolist(), limits, strict=True)]
            ),
        )
        return self.state.box, score

    @property
    def _scale(self) -> float:
        """Search pixels per frame pixel."""
        return self._template_size / context_side(self.state.size, self._hyper_parameters.context)

    @property
    def _side(self) -> int:
        """Of the search crop, frame pixels."""
        # Python 2's rounding, half away from zero, as the published tracker rounds here and only here.
        return math.floor(self.search_size / self._scale + 0.5)


def check_search_sizes(network: ArrayNetwork) -> None:
    """Raise InputError for a network without proper search sizes."""
    if not isinstance(network.search_sizes, tuple) or not 1 <= len(network.search_sizes) <= 2:
        raise InputError(f"network.search_sizes: expected a tuple of one or two sizes, got {network.search_sizes!r}")


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
