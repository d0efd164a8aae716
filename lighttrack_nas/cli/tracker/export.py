"""`export`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from lighttrack_nas.cli.shared.parsing import parse_on_bad
from lighttrack_nas.cli.shared.printing import print_table, print_warning
from lighttrack_nas.export.exporting import Export, export_model
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
) -> None:
    """Export a model, and say how well the graphs agree with it."""
    bad = parse_on_bad(on_bad)
    if sequences is None and (only or without or split != "all" or bad != "refuse"):
        raise InputError(
            "--split, --only, --without and --on-bad choose from --sequences: give these, or leave the others out"
        )
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
            progress=lambda words: advance(1, words),
        )
    _print(done)


def _print(done: Export) -> None:
    rows = [
        [
            str(size),
            str(differences.crops),
            f"{differences.logits:.2g}",
            f"{differences.logits_share:.1e}",
            f"{differences.distances:.2g}",
            f"{differences.distances_share:.1e}",
        ]
        for size, differences in done.agreement.items()
    ]
    print("largest differences from the original, as such and as a share of its largest answer")
    header = ["search size", "crops", "logits", "share", "distances (px)", "share"]
    print_table(header, rows, right=range(len(header)))
    if done.ao:
        print(f"\nAO {done.ao['exported']:.3f}, the original's {done.ao['original']:.3f}, on {done.ao['on']}")
    versions = ", ".join(f"{name} {version}" for name, version in done.versions.items())
    print(f"\n{done.folder}: {done.bytes / 1e6:.2f} MB for {versions}; track and evaluate take it as a model")
