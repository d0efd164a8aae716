"""Trackers to compare with: OpenCV's, and a box that never moves."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from lighttrack_nas.trackers.base.boxes import checked_box
from lighttrack_nas.trackers.base.errors import InputError
from lighttrack_nas.trackers.base.names import checked_name
from lighttrack_nas.trackers.data.frames import checked_frame, quiet_opencv
from lighttrack_nas.trackers.tracking.protocol import Tracker


@dataclass(frozen=True)
class _Baseline:
    """How to make a baseline.

    Attributes:
        opencv_class: Its name in `cv2` or `cv2.legacy`, without `_create`; empty for a box that never moves.
        models: The parameter of OpenCV's `..._Params` for each model file, and what the file is called in the folder
            that the user gives. An empty pattern: the user gives the file itself.
        inside: Whether the tracker can start only on a box inside the frame.
        wheel: The package that has it.
    """

    opencv_class: str = ""
    models: Mapping[str, str] = field(default_factory=dict)
    inside: bool = False
    wheel: str = "opencv-python"

    @property
    def argument(self) -> str:
        """What the user gives after the name and a colon, empty for nothing."""
        if not self.models:
            return ""
        return "FOLDER" if all(self.models.values()) else "FILE.onnx"


_CONTRIB = "opencv-contrib-python"
_BASELINES = {
    "never-moves": _Baseline(),
    "opencv-mil": _Baseline("TrackerMIL", inside=True),
    "opencv-nano": _Baseline("TrackerNano", {"backbone": "*backbone*.onnx", "neckhead": "*head*.onnx"}),
    "opencv-vit": _Baseline("TrackerVit", {"net": ""}),
    "opencv-dasiamrpn": _Baseline(
        "TrackerDaSiamRPN",
        {"model": "*model*.onnx", "kernel_cls1": "*kernel_cls1*.onnx", "kernel_r1": "*kernel_r1*.onnx"},
    ),
    "opencv-csrt": _Baseline("TrackerCSRT", inside=True, wheel=_CONTRIB),
    "opencv-kcf": _Baseline("TrackerKCF", inside=True, wheel=_CONTRIB),
    "opencv-mosse": _Baseline("TrackerMOSSE", inside=True, wheel=_CONTRIB),
}

BASELINES = tuple(f"{name}:{baseline.argument}".rstrip(":") for name, baseline in _BASELINES.items())
"""The names as `build_baseline` takes them, with FOLDER or FILE.onnx where a path belongs."""

# OpenCV's MIL never returns from `init` on boxes of four pixels and less, and fails on one that leaves it no room to
# learn the surroundings from boxes beside it.
_SMALLEST_SIDE = 8
_ROOM = 16


class NeverMoves:
    """Answers with the first box for ever: what a tracker must beat."""

    def __init__(self) -> None:
        self._box: np.ndarray | None = None

    def init(self, frame: np.ndarray, box: Any) -> None:
        """Start on a target; see `OpenCVTracker.init`."""
        checked_frame(frame)
        self._box = checked_box(box, frame.shape)

    def update(self, frame: np.ndarray) -> tuple[np.ndarray, float]:
        """Answer with the first box and a score of 1; see `OpenCVTracker.update`."""
        if self._box is None:
            raise InputError("the tracker has no target yet: call init(frame, box) before update(frame)")
        checked_frame(frame)
        return self._box.copy(), 1.0


class OpenCVTracker:
    """One of OpenCV's trackers behind the interface of all trackers here.

    OpenCV takes and gives whole pixels. `init` starts a fresh tracker, so that one object serves many sequences.

    Args:
        create: Makes OpenCV's tracker. It is called once here, too, so that a bad model file is found at once.
        inside: Cut the first box to the frame, for trackers that fail on boxes that reach outside.
    """

    def __init__(self, create: Callable[[], Any], *, inside: bool = False) -> None:
        create()
        self._create = create
        self._inside = inside
        self._tracker: Any = None
        self._box = np.full(4, np.nan)
        self._frame_shape: tuple[int, ...] = ()

    def init(self, frame: np.ndarray, box: Any) -> None:
        """Start on a target.

        Args:
            frame: ``(height, width, 3)`` BGR uint8.
            box: x, y, w, h of the target; it may reach outside the frame.

        Raises:
            InputError: The frame is of another type, the box has no area or lies outside the frame, or OpenCV refuses
                them.
        """
        checked_frame(frame)
        values = checked_box(box, frame.shape)
        start = _whole_pixels(values, frame.shape if self._inside else None)
        tracker = self._create()
        try:
            refused = tracker.init(frame, start) is False
        except cv2.error as error:
            raise InputError(f"OpenCV cannot start on box {start}: {_reason(error)}") from None
        if refused:
            raise InputError(f"OpenCV cannot start on box {start}")
        self._tracker, self._box, self._frame_shape = tracker, values, frame.shape

    def update(self, frame: np.ndarray) -> tuple[np.ndarray, float]:
        """Find the target in the next frame.

        Args:
            frame: ``(height, width, 3)`` BGR uint8. OpenCV's trackers rely on frames of one size: one of another size
                is scaled to the first one's, and the box scaled back.

        Returns:
            The box ``(4,)`` x, y, w, h, and the tracker's score of it in [0, 1]: 1 for those that give none. Where
            OpenCV reports the target lost, the box before and 0.

        Raises:
            InputError: No `init` before, a frame of another type, or OpenCV fails on it.
        """
        if self._tracker is None:
            raise InputError("the tracker has no target yet: call init(frame, box) before update(frame)")
        checked_frame(frame)
        height, width = self._frame_shape[:2]
        scale = np.array([frame.shape[1] / width, frame.shape[0] / height] * 2)
        if frame.shape != self._frame_shape:
            frame = cv2.resize(frame, (width, height))
        try:
            is_found, box = self._tracker.update(frame)
            # Trackers without a score have no such method, or answer -1.
            score = float(self._tracker.getTrackingScore()) if hasattr(self._tracker, "getTrackingScore") else -1.0
        except cv2.error as error:
            raise InputError(
                f"OpenCV cannot follow the target on from {self._box.tolist()}: {_reason(error)}"
            ) from None
        if not is_found:
            return self._box * scale, 0.0
        self._box = np.array(box, float)
        return self._box * scale, score if score >= 0 else 1.0


def build_baseline(name: str) -> Tracker:
    """Make a tracker to compare with.

    Args:
        name: One of `BASELINES`; with the path of the model files for those that need any:
            `opencv-nano:models/nanotrack`.

    Raises:
        InputError: An unknown name, an OpenCV without this tracker, or a model file that is missing or no model.
    """
    key, _, given = name.partition(":")
    baseline = _BASELINES[checked_name(key, _BASELINES, "baseline")]
    if given and not baseline.argument:
        raise InputError(f"baseline '{key}' takes no path, got '{name}'")
    if not baseline.opencv_class:
        return NeverMoves()
    creator = _creator(baseline)
    if creator is None:
        raise InputError(f"baseline '{key}' {_missing(baseline)}")
    if baseline.argument and not given:
        raise InputError(f"baseline '{key}' needs the path of its model: {key}:{baseline.argument}")
    files = {parameter: _model_file(Path(given), pattern) for parameter, pattern in baseline.models.items()}
    return OpenCVTracker(partial(_create, creator, baseline.opencv_class, files), inside=baseline.inside)


def available_baselines() -> dict[str, str]:
    """Say for each name of `BASELINES` whether the installed OpenCV has it: "available", or what it needs."""
    states = {}
    for shown, baseline in zip(BASELINES, _BASELINES.values(), strict=True):
        usable = not baseline.opencv_class or _creator(baseline) is not None
        states[shown] = "available" if usable else _missing(baseline)
    return states


def _creator(baseline: _Baseline) -> Callable[..., Any] | None:
    name = f"{baseline.opencv_class}_create"
    return getattr(cv2, name, None) or getattr(getattr(cv2, "legacy", None), name, None)


def _missing(baseline: _Baseline) -> str:
    return f"needs {baseline.wheel}: the installed OpenCV {cv2.__version__} has no {baseline.opencv_class}"


def _create(creator: Callable[..., Any], opencv_class: str, files: Mapping[str, Path]) -> Any:
    if not files:
        return creator()
    parameters = getattr(cv2, f"{opencv_class}_Params")()
    for parameter, path in files.items():
        setattr(parameters, parameter, str(path))
    try:
        with quiet_opencv():
            return creator(parameters)
    except cv2.error as error:
        paths = ", ".join(f"'{path}'" for path in files.values())
        raise InputError(f"OpenCV cannot load {paths} for {opencv_class}: {_reason(error)}") from None


def _model_file(given: Path, pattern: str) -> Path:
    given = given.expanduser()
    if not pattern:
        if not given.is_file():
            raise InputError(f"model file '{given}' does not exist: expected an ONNX file")
        return given
    if not given.is_dir():
        raise InputError(f"model folder '{given}' does not exist: expected a folder with {pattern}")
    files = sorted(given.glob(pattern))
    if len(files) != 1:
        names = ", ".join(path.name for path in files) or "none"
        raise InputError(f"model folder '{given}' must hold one file {pattern}, found {names}")
    return files[0]


def _whole_pixels(box: np.ndarray, inside: tuple[int, ...] | None) -> tuple[int, int, int, int]:
    """Round a box, and for the trackers that need it cut it to the frame's inside."""
    x, y, w, h = (round(value) for value in box)
    if inside is None:
        return x, y, max(w, 1), max(h, 1)
    if min(inside[:2]) < _SMALLEST_SIDE + _ROOM:
        least = _SMALLEST_SIDE + _ROOM
        raise InputError(f"frame: expected at least {least} x {least} pixels for this tracker, got {inside}")
    x, w = _cut(x, w, inside[1])
    y, h = _cut(y, h, inside[0])
    return x, y, w, h


def _cut(start: int, length: int, limit: int) -> tuple[int, int]:
    end, start = min(start + length, limit), max(start, 0)
    fitting = min(max(end - start, _SMALLEST_SIDE), limit - _ROOM)
    start += (end - start - fitting) // 2
    return min(max(start, 0), limit - fitting), fitting


def _reason(error: cv2.error) -> str:
    return " ".join(str(error).split())[:200]
