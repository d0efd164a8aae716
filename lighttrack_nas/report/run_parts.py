"""The report's parts beside fronts: training curves, how far rankings are to be trusted, comparisons, the tracker."""

from __future__ import annotations

import base64
import io
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from lighttrack_nas.report.frames import tracked_frames, video_frames
from lighttrack_nas.report.page import Picture, Section, Table
from lighttrack_nas.report.record_values import mapping_at, number_at, texts_at
from lighttrack_nas.report.run_folders import RunFolder, record_or_empty

MODEL_FILE = "model.safetensors"
_MOST_STEPS = 400  # points of a curve
_MOST_ROWS = 200  # of a foreign table
_TYPES = {".svg": "image/svg+xml", ".png": "image/png"}
_UNTOLD = "Nothing here says how well the supernet ranks networks: rank-correlation measures it."
_EXACT = ("table", "places", "surrogate")
"""Evaluators that no supernet's ranking stands behind."""


def curve_data(folders: Sequence[RunFolder]) -> list[dict[str, Any]]:
    """The losses of every training that left logs, thinned; JSON-able."""
    curves = []
    for place, title in _trainings(folders).items():
        lines = _lines(place)
        if lines:
            values = [value for line in lines for value in line["values"]]
            log = min(values) > 0 and max(values) > 30 * min(values)
            curves.append({"title": title, "unit": "loss", "log": log, "lines": lines})
    return curves


def _trainings(folders: Sequence[RunFolder]) -> dict[Path, str]:
    """The folders of trainings' logs, each once, with what they are called."""
    names = {}
    for folder in folders:
        steps = [step / "tensorboard" for step in folder.steps.values() if (step / "tensorboard").is_dir()]
        for place in sorted({*folder.path.glob("tensorboard/"), *folder.path.glob("*/tensorboard/"), *steps}):
            chain = folder.chain or folder.path
            names[place] = chain.name + ("" if place.parent == chain else f", {place.parent.name}")
    return names


def _lines(place: Path) -> list[dict[str, Any]]:
    from tensorboard.backend.event_processing.event_accumulator import SCALARS, EventAccumulator

    events = EventAccumulator(str(place), size_guidance={SCALARS: 0})
    events.Reload()
    lines = []
    for tag in events.Tags()["scalars"]:
        finite_events = [event for event in events.Scalars(tag) if np.isfinite(event.value)]
        if tag == "learning_rate" or len(finite_events) < 2:
            continue
        kept = np.unique(
            np.linspace(0, len(finite_events) - 1, min(_MOST_STEPS, len(finite_events))).round().astype(int)
        )
        thin = [finite_events[index] for index in kept]
        lines.append({"name": tag, "steps": [e.step for e in thin], "values": [float(e.value) for e in thin]})
    return lines


def trust_section(
    folders: Sequence[RunFolder], notes: Mapping[str, str], evaluators: Sequence[str]
) -> tuple[Section | None, str]:
    """How far the scores that a search went by are to be trusted, and a sentence where nothing says so of the supernet.

    Args:
        folders: May hold rank correlations and a predictor.
        notes: How latencies agree with those measured again, by run.
        evaluators: What scored the searches' networks.
    """
    sentences, tables, pictures = [], [], []
    for place in dict.fromkeys(folder.steps.get("ranking", folder.path) for folder in folders):
        ranking = record_or_empty(place / "rank_correlation.json")
        if isinstance(ranking.get("correlations"), list):
            tables.append(
                (f"Rank correlation with networks trained alone, {place}", _correlations(ranking["correlations"]))
            )
            pictures += figures(place, "*.svg")
    for place in dict.fromkeys(folder.steps["predictor"] for folder in folders if "predictor" in folder.steps):
        predictor = record_or_empty(place / "predictor.json")
        tau = predictor.get("tau")
        estimate = [number_at({"": part}, "") for part in tau] if isinstance(tau, list) else []
        if len(estimate) == 3 and estimate[0] is not None:
            value, low, high = (math.nan if part is None else part for part in estimate)
            sentences.append(
                f"{place.parent.name}: the predictor of {predictor.get('measurement')} ranks networks held out with "
                f"Kendall's tau {value:.2f} ({low:.2f} to {high:.2f}), from {predictor.get('networks')} networks."
            )
    exact = all(any(word in name for word in _EXACT) for name in evaluators)
    untold = "" if sentences or tables or exact else _UNTOLD
    sentences += [f"{run}: {note}." if run else f"{note}." for run, note in notes.items() if note]
    if not (sentences or tables):
        return None, untold
    title = "How far to trust the ranking"
    return Section("trust", title, sentences, tables=tables, pictures=pictures, wide=True), untold


def comparison_section(folders: Sequence[RunFolder]) -> Section | None:
    """The tables and figures of comparisons of strategies, as `compare` wrote them."""
    tables, folded, pictures, sentences = [], [], [], []
    for place in (place for folder in folders for place in folder.comparisons):
        record = record_or_empty(place / "run.json")
        limits = ", ".join(texts_at(record, "constraints")) or "none"
        sentences.append(
            f"{place}: {record.get('trials')} trials a run; {', '.join(texts_at(record, 'objectives'))}; "
            f"limits: {limits}. Hypervolumes are shares of the best known front's; medians, quartiles over seeds."
        )
        tables.append(("", _csv_table(place / "summary.csv")))
        others = [file for file in sorted(place.glob("*.csv")) if file.stem not in ("raw", "summary")]
        folded += [(f"{place.name}: {file.stem}", _csv_table(file)) for file in others]
        pictures += figures(place, "*.svg")
    if not tables:
        return None
    return Section("comparison", "Strategies compared", sentences, (), tables, folded, pictures, wide=True)


def tracker_section(folders: Sequence[RunFolder]) -> tuple[Section | None, str]:
    """The found tracker: how it does on unseen sequences, its hyper-parameters, and frames; or what is missing."""
    tables: list[tuple[str, Table]] = []
    pictures: list[Picture] = []
    missing = ""
    for folder in folders:
        summary = record_or_empty(folder.path / "summary.json")
        overlaps = {name: number_at(mapping_at(summary, "ao"), name) for name in mapping_at(summary, "ao")}
        if overlaps:
            costs = mapping_at(summary, "costs")
            rows = [
                [name, "" if value is None else f"{value:.3f}", *_cost_cells(mapping_at(costs, name))]
                for name, value in sorted(overlaps.items(), key=lambda item: -(item[1] or 0))
            ]
            header = ("tracker", "average overlap", "MACs (M)", "ms a frame")
            tables.append(
                (f"On unseen sequences ({summary.get('test', '')})", Table(header, rows, frozenset({1, 2, 3})))
            )
        for name, place in folder.of_step("tuning").items():
            tuned = record_or_empty(place / "hyper_parameters.json")
            rows = [
                [str(key), f"{value:.4g}" if isinstance(value, float) else str(value)] for key, value in tuned.items()
            ]
            title = "Tuned hyper-parameters" + ("" if name == "tuning" else f" ({name})")
            if tuned:
                tables.append((title, Table(("hyper-parameter", "value"), rows, frozenset({1}))))
        videos = sorted({*folder.path.glob("video.mp4"), *folder.path.glob("*/video.mp4")})
        frames = [frame for video in videos[:2] for frame in video_frames(video)] or _tracked(folder)
        pictures += frames
        if not frames and folder.of_step("retrain"):
            model = next(iter(folder.of_step("retrain").values())) / MODEL_FILE
            missing = (
                f"No frames of the found tracker: lighttrack-nas track {model} VIDEO.mp4 --box X,Y,W,H --output "
                f"{folder.path / 'video'} --save-video makes a video, and the next report shows it."
            )
    if not tables and not pictures:
        return None, missing
    return Section("tracker", "The found tracker", tables=tables, pictures=pictures), missing


def _tracked(folder: RunFolder) -> list[Picture]:
    """Frames on the generated sequences that the chain made, those of the test first."""
    models = [place / MODEL_FILE for step in ("tuning", "retrain") for place in folder.of_step(step).values()]
    model = next((file for file in models if file.is_file()), None)
    sets = sorted(
        ((folder.chain or folder.path) / "generated").glob("*/"),
        key=lambda place: ("test" not in place.name, place.name),
    )
    return [] if model is None or not sets else tracked_frames(model, sets[0])


def figures(folder: Path, pattern: str) -> list[Picture]:
    """The figures in a folder, inside the page."""
    return [
        Picture(f"data:{_TYPES[file.suffix]};base64,{base64.b64encode(file.read_bytes()).decode()}", file.stem)
        for file in sorted(folder.glob(pattern))
    ]


def _correlations(rows: Sequence[Mapping[str, Any]]) -> Table:
    kept = [row for row in rows if isinstance(row, dict) and row.get("against") == "each seed"]
    cells = [
        [
            str(row.get("measurement", "")),
            ", ".join(filter(None, (str(row.get("ranking", "")), str(row.get("weights", ""))))),
            str(row.get("statistic", "")),
            _interval(row),
            str(row.get("networks", "")),
        ]
        for row in kept
    ]
    return Table(("measurement", "ranking", "statistic", "value (95 %)", "networks"), cells, frozenset({3, 4}))


def _interval(row: Mapping[str, Any]) -> str:
    value, low, high = (number_at(row, name) for name in ("value", "low", "high"))
    return "" if value is None or low is None or high is None else f"{value:.2f} ({low:.2f} to {high:.2f})"


def _csv_table(file: Path) -> Table:
    try:
        table = pd.read_csv(io.StringIO(file.read_text(encoding="utf-8")))
    except (OSError, ValueError):
        return Table((f"{file.name} cannot be read",), [])
    numbers = frozenset(index for index, kind in enumerate(table.dtypes) if pd.api.types.is_numeric_dtype(kind))
    rows = [[_cell(value) for value in row] for row in table.head(_MOST_ROWS).itertuples(index=False)]
    return Table([str(name).replace("_", " ") for name in table.columns], rows, numbers)


def _cell(value: Any) -> str:
    if isinstance(value, float):
        return "" if np.isnan(value) else f"{value:.4g}"
    return str(value)


def _cost_cells(costs: Mapping[str, Any]) -> list[str]:
    macs, latency = number_at(costs, "macs"), number_at(costs, "latency_ms")
    return ["" if macs is None else f"{macs / 1e6:.1f}", "" if latency is None else f"{latency:.2f}"]
