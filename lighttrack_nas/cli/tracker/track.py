"""`track`, and the trackers that commands name."""

from __future__ import annotations

import hashlib
import math
import sys
from collections.abc import Sequence
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np

from lighttrack_nas.cli.shared.printing import print_note, print_warning
from lighttrack_nas.cli.shared.screen import LiveWindow, screen_problem
from lighttrack_nas.cli.tracker.box_files import read_boxes
from lighttrack_nas.cli.tracker.draw_video import VideoWriter, draw_boxes
from lighttrack_nas.cli.tracker.track_files import TrackFiles, set_aside
from lighttrack_nas.cli.tracker.tracker_names import is_baseline, is_exported
from lighttrack_nas.models.models import load_tracker
from lighttrack_nas.models.shipped_models import SHIPPED, is_shipped, model_file
from lighttrack_nas.reporting import environment
from lighttrack_nas.reporting.progress_bar import progress
from lighttrack_nas.trackers.base.boxes import checked_box
from lighttrack_nas.trackers.base.errors import InputError
from lighttrack_nas.trackers.base.files import make_folder
from lighttrack_nas.trackers.base.parsing import parse_number
from lighttrack_nas.trackers.data.sources import open_source
from lighttrack_nas.trackers.tracking.multi_tracker import MultiTracker
from lighttrack_nas.trackers.tracking.presence import Tracked
from lighttrack_nas.trackers.tracking.protocol import Tracker
from lighttrack_nas.trackers.tracking.tracker import SiameseTracker


def track(
    model: str,
    source: str,
    output: Path,
    box: str | None,
    save_video: bool,
    max_frames: int | None,
    hyper_parameters: str | None,
    device: str,
    threads: int | None,
    compute_precision: str | None = None,
    runtime: str | None = None,
    boxes: Path | None = None,
    show: bool = False,
) -> None:
    """Track through one video; what was tracked is written also when the video breaks or the user stops."""
    if box is not None and boxes is not None:
        raise InputError("--box and --boxes both say the targets: give one of them")
    if show and (problem := screen_problem()):
        raise InputError(f"--show: {problem}; --save-video writes what it would show")
    # A single target has no name.
    given = read_boxes(boxes) if boxes is not None else {"": _parse_box(box)} if box is not None else None
    one, record = resolve_tracker(model, hyper_parameters, device, threads, compute_precision, runtime)
    tracker = _OneTarget(one) if boxes is None else _several(one, model)
    if (output / "run.json").is_file() or output.resolve() == Path(source).resolve():
        raise InputError(f"'{output}' holds results of `evaluate`, or the frames themselves: give another folder")
    make_folder(output)
    with open_source(source, print_warning) as frames:
        first = next(frames)
        targets = given or {"": _ask_for_box(first)}
        names = list(targets)
        start = [
            checked_box(value, first.shape, f"'{boxes}', target '{name}'" if boxes else "--box")
            for name, value in targets.items()
        ]
        seconds = _timed(lambda: tracker.init(first, start))[1]
        said = (
            {"boxes": {n: b.tolist() for n, b in zip(names, start, strict=True)}}
            if boxes
            else {"box": start[0].tolist()}
        )
        if moved := set_aside(output, names, boxes):
            print_note(f"'{output}' held results of an earlier run: they are in '{moved}' now")
        written = TrackFiles(output, record | {"source": source, **said, "versions": environment.versions()}, names)
        written.add([Tracked(value, math.nan) for value in start], seconds)
        total = frames.length if max_frames is None else min(max_frames, frames.length or max_frames)
        video = VideoWriter(output / "video.mp4", first.shape, frames.fps or 25.0) if save_video else None
        window = LiveWindow(f"{frames.name}: q or Escape ends", first.shape) if show else None
        view = _View(video, window, names)
        ended = "stopped"
        try:
            with progress("tracking", total, "frames") as advance:
                going = view.show(first, [Tracked(value, math.nan) for value in start])
                advance(1, "")
                while going and (max_frames is None or written.frames < max_frames):
                    frame = next(frames, None)
                    if frame is None:
                        break
                    tracked, seconds = _timed(lambda image=frame: tracker.update(image))
                    written.add(tracked, seconds)
                    going = view.show(frame, tracked)
                    what = "score" if tracked[0].presence is None else "presence"
                    sure = min(_sureness(target) for target in tracked)
                    advance(1, "lost" if all(target.lost for target in tracked) else f"{what} {sure:.2f}")
            if going:
                ended = "finished"
        except KeyboardInterrupt:
            print(f"stopped: the {written.frames} frames so far are written", file=sys.stderr)
            raise
        finally:
            repeated, missing = frames.continuity.repeated, frames.continuity.missing
            written.write(ended, repeated_frames=repeated, missing_frames=missing)
            view.close()
            if frames.continuity.sentence:
                print_warning(f"'{frames.name}': {frames.continuity.sentence}")
        if frames.warning:
            print_warning(frames.warning)
    rate = f", {(written.frames - 1) / written.seconds:.1f} frames/s" if written.seconds > 0 else ""
    files = [output / ("boxes" if boxes else "boxes.txt"), *([output / "video.mp4"] if video else [])]
    several = f" of {len(names)} targets" if boxes else ""
    print(f"{written.frames} frames{several}{rate}: {', '.join(map(str, files))}")


class _View:
    """What shows the tracked frames: a video, a window, both or none."""

    def __init__(self, video: VideoWriter | None, window: LiveWindow | None, names: Sequence[str]) -> None:
        self._video, self._window, self._names = video, window, names

    def show(self, frame: np.ndarray, tracked: Sequence[Tracked]) -> bool:
        """Show a frame; whether to go on."""
        if not (self._video or self._window):
            return True
        scores = [None if math.isnan(target.score) else _sureness(target) for target in tracked]
        drawn = draw_boxes(
            frame, [target.box for target in tracked], scores, self._names, [target.lost for target in tracked]
        )
        if self._video:
            self._video.write(drawn)
        return self._window is None or self._window.show(drawn)

    def close(self) -> None:
        if self._video:
            self._video.close()
        if self._window:
            self._window.close()


def _sureness(target: Tracked) -> float:
    """The presence, or where none is stated, the score."""
    return target.score if target.presence is None else target.presence


class _OneTarget:
    """Any tracker, as one of several targets."""

    def __init__(self, tracker: Tracker) -> None:
        self._tracker = tracker

    def init(self, frame: np.ndarray, boxes: Sequence[np.ndarray]) -> None:
        self._tracker.init(frame, boxes[0])

    def update(self, frame: np.ndarray) -> list[Tracked]:
        answer = self._tracker.update(frame)
        # Other people's trackers say box and score alone.
        return [answer if isinstance(answer, Tracked) else Tracked(*answer)]


def _several(tracker: Tracker, name: str) -> MultiTracker:
    if not isinstance(tracker, SiameseTracker):
        raise InputError(f"--boxes are for Siamese models; baseline '{name}' follows one target: give --box")
    return MultiTracker(tracker.network, tracker.hyper_parameters)


def resolve_tracker(
    model: str,
    hyper_parameters: str | None,
    device: str,
    threads: int | None,
    compute_precision: str | None = None,
    runtime: str | None = None,
) -> tuple[Tracker, dict[str, Any]]:
    """Make the tracker that a person named, and say what it is.

    Args:
        model: A path that ends in .safetensors, a shipped model's name, a baseline's, or an exported folder.
        hyper_parameters: A set's name or a file; None takes the model's own.
        device: Of torch, or of an exported folder's runtime.
        threads: On the CPU; None leaves the default.
        compute_precision: Of an exported folder; None leaves float32.
        runtime: Of an exported folder; None takes its own.

    Returns:
        The tracker, and a JSON-able record of what decides its results.

    Raises:
        InputError: Unreadable model, unknown name, or hyper-parameters, a precision or a runtime for a baseline.
    """
    from lighttrack_nas.trackers.tracking.baselines import BASELINES, build_baseline

    if is_exported(model):
        return _exported(model, hyper_parameters, device, threads, compute_precision, runtime)
    if model.endswith(".safetensors") or is_shipped(model):
        import torch

        if threads is not None:
            torch.set_num_threads(threads)
        tracker = load_tracker(model, hyper_parameters, device, compute_precision=compute_precision, runtime=runtime)
        digest = hashlib.sha256(model_file(model).read_bytes()).hexdigest()
        return tracker, {
            "tracker": model,
            "sha256": digest,
            "hyper_parameters": tracker.hyper_parameters.to_dict(),
            "device": device,
            "threads": torch.get_num_threads(),
            "processor": environment.cpu_name(),
        }
    if model.endswith(".pth"):
        raise InputError(f"'{model}' is a PyTorch file: import it first with `lighttrack-nas import-weights`")
    if not is_baseline(model):
        raise InputError(
            f"'{model}' is neither a model file (.safetensors), nor {', '.join(SHIPPED)}, nor an exported folder, nor "
            f"a baseline; baselines: {', '.join(BASELINES)}"
        )
    if hyper_parameters is not None:
        raise InputError(f"--hyper-parameters are for Siamese models; baseline '{model}' has none")
    if compute_precision is not None:
        raise InputError(f"--compute-precision is for exported folders; baseline '{model}' has none")
    if runtime is not None:
        raise InputError(f"--runtime is for exported folders; baseline '{model}' has none")
    return build_baseline(model), {"tracker": model, "device": "cpu", "processor": environment.cpu_name()}


def _exported(
    folder: str,
    hyper_parameters: str | None,
    device: str,
    threads: int | None,
    compute_precision: str | None,
    runtime: str | None,
) -> tuple[Tracker, dict[str, Any]]:
    from lighttrack_nas.trackers.runtimes.exported import ExportedNetwork
    from lighttrack_nas.trackers.runtimes.runtime_registry import runtime_versions

    tracker = load_tracker(folder, hyper_parameters, device, threads, compute_precision, runtime)
    network = tracker.network
    assert isinstance(network, ExportedNetwork)
    return tracker, {
        "tracker": folder,
        "sha256": network.manifest.seal,
        "runtime": network.runtime,
        "runtime_versions": runtime_versions(network.runtime),
        "precision": network.manifest.precision,
        "compute_precision": network.options.precision,
        "hyper_parameters": tracker.hyper_parameters.to_dict(),
        "device": device,
        "threads": network.options.threads,
        "processor": environment.cpu_name(),
    }


def _parse_box(text: str) -> np.ndarray:
    try:
        values = [parse_number(part) for part in text.split(",")]
    except ValueError:
        values = []
    if len(values) != 4:
        raise InputError(f"--box '{text}': expected four numbers x,y,width,height, such as 120,80,60,40")
    return checked_box(values, where="--box")


def _ask_for_box(frame: np.ndarray) -> np.ndarray:
    if problem := screen_problem():
        raise InputError(f"{problem}, so that the target cannot be drawn: give it with --box x,y,width,height")
    import cv2

    box = cv2.selectROI("Draw the target, then press Enter", frame)
    cv2.destroyAllWindows()
    return np.array(box, float)


def _timed(call: Any) -> tuple[Any, float]:
    start = perf_counter()
    result = call()
    return result, perf_counter() - start
