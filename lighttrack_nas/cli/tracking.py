"""`track` and `evaluate`."""

from __future__ import annotations

import hashlib
import json
import math
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from lighttrack_nas import environment
from lighttrack_nas.cli.printing import print_json, print_table
from lighttrack_nas.cli.video import VideoWriter, draw_box
from lighttrack_nas.progress import progress
from lighttrack_nas.trackers.boxes import checked_box
from lighttrack_nas.trackers.errors import InputError
from lighttrack_nas.trackers.files import write_atomically
from lighttrack_nas.trackers.names import checked_name
from lighttrack_nas.trackers.protocol import Tracker
from lighttrack_nas.trackers.sources import open_source


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
) -> None:
    """Track through one video; what was tracked is written also when the video breaks or the user stops."""
    given = _parse_box(box) if box is not None else None
    tracker, record = resolve_tracker(model, hyper_parameters, device, threads)
    with open_source(source) as frames:
        first = next(iter(frames))
        start = checked_box(given if given is not None else _ask_for_box(first), first.shape, "--box")
        track_record = record | {"source": source, "box": start.tolist(), "versions": environment.versions()}
        boxes, scores, times = [start], [math.nan], [0.0]
        total = frames.length if max_frames is None else min(max_frames, frames.length or max_frames)
        video = VideoWriter(output / "video.mp4", first.shape, frames.fps or 25.0) if save_video else None
        try:
            with progress("tracking", total, "frames") as advance:
                times[0] = _timed(lambda: tracker.init(first, start))[1]
                if video:
                    video.write(draw_box(first, start, None))
                advance(1, "")
                while max_frames is None or len(boxes) < max_frames:
                    frame = next(frames, None)
                    if frame is None:
                        break
                    (found, score), seconds = _timed(lambda image=frame: tracker.update(image))
                    boxes.append(found)
                    scores.append(score)
                    times.append(seconds)
                    if video:
                        video.write(draw_box(frame, found, score))
                    advance(1, f"score {score:.2f}")
        except KeyboardInterrupt:
            print("stopped; what was tracked is written", file=sys.stderr)
        finally:
            if video:
                video.close()
            _write_track(output, boxes, scores, times, track_record)
        if frames.warning:
            print(f"warning: {frames.warning}", file=sys.stderr)
    seconds = sum(times[1:])
    rate = f", {(len(times) - 1) / seconds:.1f} frames/s" if seconds > 0 else ""
    print(f"{len(boxes)} frames{rate}: {output / 'boxes.txt'}" + (f", {output / 'video.mp4'}" if video else ""))


def evaluate(
    model: str,
    sequences: Path,
    output: Path,
    layout: str,
    protocol: str,
    eao_interval: str | None,
    hyper_parameters: str | None,
    device: str,
    threads: int | None,
    as_json: bool,
) -> None:
    """Measure a tracker on a data set."""
    from lighttrack_nas.benchmarks import evaluation, plots, vot
    from lighttrack_nas.trackers.readers import read_sequences

    checked_name(protocol, ("one-pass", "vot"), "protocol")
    interval = _parse_interval(eao_interval) if eao_interval else None
    videos = read_sequences(sequences, layout)
    tracker, about = resolve_tracker(model, hyper_parameters, device, threads)
    record = about | {
        "sequences": str(sequences.resolve()),
        "layout": layout,
        "protocol": protocol,
        "versions": environment.versions(),
    }
    with progress("evaluating", len(videos), "sequences") as advance:

        def show(name: str, figures: Mapping[str, float] | None) -> None:
            value = "failed" if figures is None else " ".join(f"{k} {figures[k]:.3f}" for k in list(figures)[:1])
            advance(1, f"{name}: {value}")

        result: Any
        if protocol == "vot":
            result = vot.evaluate_supervised(tracker, videos, output, record, interval, show)
        else:
            result = evaluation.evaluate(tracker, videos, output, record, show)
            plots.save_figures(result, output, name=Path(model).stem if model.endswith(".safetensors") else model)
    result.save(output)
    for name, reason in result.failures.items():
        print(f"warning: sequence '{name}' could not be evaluated: {reason}", file=sys.stderr)
    if as_json:
        print_json(json.loads(result.to_json()))
    elif result.sequences:
        _print_result(result.overall, result.sequences)
        print(f"\n{output / 'summary.json'}")
    if result.failures and not result.sequences:
        raise InputError("no sequence could be evaluated")


def resolve_tracker(
    model: str, hyper_parameters: str | None, device: str, threads: int | None
) -> tuple[Tracker, dict[str, Any]]:
    """Make the tracker that a person named, and say what it is.

    Args:
        model: A path that ends in .safetensors, or a baseline's name.
        hyper_parameters: A set's name or a file; None takes the model's own.
        device: Torch device.
        threads: Torch threads; None leaves torch's default.

    Returns:
        The tracker, and a JSON-able record of what decides its results.

    Raises:
        InputError: Unreadable model, unknown name, or hyper-parameters for a baseline.
    """
    if model.endswith(".safetensors"):
        import torch

        from lighttrack_nas.models import load_tracker

        if threads is not None:
            torch.set_num_threads(threads)
        tracker = load_tracker(model, hyper_parameters, device)
        digest = hashlib.sha256(Path(model).read_bytes()).hexdigest()
        return tracker, {
            "tracker": model,
            "sha256": digest,
            "hyper_parameters": tracker.hyper_parameters.to_dict(),
            "device": device,
            "threads": torch.get_num_threads(),
            "processor": environment.cpu_name(),
        }
    from lighttrack_nas.trackers.baselines import BASELINES, build_baseline

    if model.endswith(".pth"):
        raise InputError(f"'{model}' is a PyTorch file: import it first with `lighttrack-nas import-weights`")
    if model.partition(":")[0] not in {name.partition(":")[0] for name in BASELINES}:
        raise InputError(
            f"'{model}' is neither a model file (.safetensors) nor a baseline; baselines: {', '.join(BASELINES)}"
        )
    if hyper_parameters is not None:
        raise InputError(f"--hyper-parameters are for Siamese models; baseline '{model}' has none")
    return build_baseline(model), {"tracker": model, "device": "cpu", "processor": environment.cpu_name()}


def _parse_box(text: str) -> np.ndarray:
    try:
        values = [float(part) for part in text.split(",")]
    except ValueError:
        values = []
    if len(values) != 4:
        raise InputError(f"--box '{text}': expected four numbers x,y,width,height, such as 120,80,60,40")
    return checked_box(values, where="--box")


def _parse_interval(text: str) -> tuple[int, int]:
    from lighttrack_nas.benchmarks.vot_eao import PUBLISHED_INTERVALS

    if text[:1].isalpha():
        return PUBLISHED_INTERVALS[checked_name(text, PUBLISHED_INTERVALS, "challenge")]
    low, _, high = text.partition(",")
    if not (low.isdecimal() and high.isdecimal() and 1 <= int(low) <= int(high)):
        raise InputError(f"--eao-interval '{text}': expected LOW,HIGH in frames, such as 46,291, or a challenge's name")
    return int(low), int(high)


def _ask_for_box(frame: np.ndarray) -> np.ndarray:
    import cv2

    if sys.platform.startswith("linux") and not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
        raise InputError("there is no screen to draw the target on: give it with --box x,y,width,height")
    try:
        box = cv2.selectROI("Draw the target, then press Enter", frame)
        cv2.destroyAllWindows()
    except cv2.error:
        raise InputError("OpenCV cannot open a window here: give the target with --box x,y,width,height") from None
    return np.array(box, float)


def _timed(call: Any) -> tuple[Any, float]:
    from time import perf_counter

    start = perf_counter()
    result = call()
    return result, perf_counter() - start


def _write_track(
    output: Path, boxes: list[np.ndarray], scores: list[float], times: list[float], record: dict[str, Any]
) -> None:
    write_atomically(output / "boxes.txt", "".join(",".join(f"{v:.4f}" for v in box) + "\n" for box in boxes))
    write_atomically(output / "scores.txt", "".join(f"{score:.6f}\n" for score in scores))
    write_atomically(output / "times.txt", "".join(f"{seconds:.6f}\n" for seconds in times))
    write_atomically(output / "track.json", json.dumps(record | {"frames": len(boxes)}, indent=2) + "\n")


def _print_result(overall: Mapping[str, float], sequences: Mapping[str, Mapping[str, float]]) -> None:
    columns = [name for name in next(iter(sequences.values())) if name in overall]

    digits = {"frames": 0, "failures": 0, "fps": 1}

    def cells(values: Mapping[str, float], names: list[str]) -> list[str]:
        return [f"{values[name]:.{digits.get(name, 3)}f}" for name in names]

    rows = [[name, *cells(values, columns)] for name, values in sequences.items()]
    rows.append(["overall", *cells(overall, columns)])
    print_table(["sequence", *columns], rows, right=range(1, len(columns) + 1))
    rest = [name for name in overall if name not in columns]
    print("\n" + ", ".join(f"{name} {value}" for name, value in zip(rest, cells(overall, rest), strict=True)))
