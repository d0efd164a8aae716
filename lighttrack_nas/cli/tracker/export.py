"""`export`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from lighttrack_nas.cli.shared.parsing import parse_on_bad
from lighttrack_nas.cli.shared.printing import print_note, print_table, print_warning
from lighttrack_nas.export.calibration_data import CALIBRATION_FRAMES
from lighttrack_nas.export.export_checks import AnswerDifferences
from lighttrack_nas.export.exporting import Export, export_model
from lighttrack_nas.reporting.phrases import duration
from lighttrack_nas.reporting.progress_bar import progress
from lighttrack_nas.trackers.base.errors import InputError
from lighttrack_nas.trackers.data.readers.reader_registry import read_sequences


def export(
    model: str,
    output: Path,
    format: str,
    template_size: int | None,
    search_sizes: Sequence[int],
    dynamic: bool,
    correlation: str,
    precision: str,
    raw: bool,
    hyper_parameters: str | None,
    sequences: Path | None,
    layout: str,
    max_ao_loss: float,
    *,
    split: str = "all",
    only: Sequence[str] = (),
    without: Sequence[str] = (),
    on_bad: str = "refuse",
    opset: int | None = None,
    calibration_data: Path | None = None,
    calibration_frames: int | None = None,
) -> None:
    """Export a model, and say how well the graphs agree with it."""
    bad = parse_on_bad(on_bad)
    if sequences is None and (only or without or split != "all" or bad != "refuse"):
        raise InputError(
            "--split, --only, --without and --on-bad choose from --sequences: give these, or leave the others out"
        )
    if calibration_frames is not None and calibration_data is None:
        raise InputError("--calibration-frames belongs to --calibration-data FOLDER: give both")
    videos = (
        None
        if sequences is None
        else read_sequences(sequences, layout, split, only=only, without=without, on_bad=bad, say=print_warning)
    )
    if videos == []:
        raise InputError(f"'{sequences}' holds no sequences")
    with progress("exporting", None, "steps") as advance:
        done = export_model(
            model,
            output,
            format=format,
            template_size=template_size,
            search_sizes=search_sizes or None,
            dynamic=dynamic,
            correlation=correlation,
            precision=precision,
            raw=raw,
            hyper_parameters=hyper_parameters,
            sequences=videos,
            largest_ao_loss=max_ao_loss,
            opset=opset,
            calibration_data=calibration_data,
            calibration_frames=calibration_frames or CALIBRATION_FRAMES,
            progress=lambda words: advance(1, words),
            estimated=lambda seconds: print_note(f"the rest of the export takes about {duration(seconds)}"),
        )
    _print(done)
    if calibration_data is not None:
        print(f"{calibration_data}: inputs of the graphs over {calibration_frames or CALIBRATION_FRAMES} frames")


def _print(done: Export) -> None:
    print("largest differences from the original, as such and as a share of its largest answer")
    header = ["search size", "crops", "logits", "share", "distances (px)", "share"]
    print_table(header, _rows(done.agreement), right=range(len(header)))
    for runtime, outcome in done.also.items():
        if isinstance(outcome, str):
            print(f"\nnot on {runtime}: {outcome}")
        else:
            print(f"\nthe same on {runtime} (--runtime {runtime})")
            print_table(header, _rows(outcome), right=range(len(header)))
    if done.ao:
        print(f"\nAO {done.ao['exported']:.3f}, the original's {done.ao['original']:.3f}, on {done.ao['on']}")
    versions = ", ".join(f"{name} {version}" for name, version in done.versions.items())
    print(f"\n{done.folder}: {done.bytes / 1e6:.2f} MB for {versions}; track and evaluate take it as a model")


def _rows(agreement: Mapping[int, AnswerDifferences]) -> list[list[str]]:
    return [
        [
            str(size),
            str(differences.crops),
            f"{differences.logits:.2g}",
            f"{differences.logits_share:.1e}",
            f"{differences.distances:.2g}",
            f"{differences.distances_share:.1e}",
        ]
        for size, differences in agreement.items()
    ]
