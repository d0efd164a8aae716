"""`front --overlay`: runs beside each other."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lighttrack_nas.chain.choosing import search_runs
from lighttrack_nas.cli.search.show_fronts import json_row, read_reference
from lighttrack_nas.cli.shared.printing import print_json, print_table, print_warning
from lighttrack_nas.results.front_texts import joined_cells, number_columns
from lighttrack_nas.results.networks import records, shown_number
from lighttrack_nas.side_by_side.overlay_files import group_volumes, save_overlay, volume_table
from lighttrack_nas.side_by_side.overlay_texts import (
    GROUP_HEADER,
    GROUP_NUMBERS,
    VOLUME_HEADER,
    VOLUME_NUMBERS,
    group_cells,
    volume_cells,
)
from lighttrack_nas.side_by_side.overlays import overlay_of

if TYPE_CHECKING:
    from lighttrack_nas.side_by_side.overlays import Overlay


def show_overlay(
    runs: Sequence[Path],
    where: Sequence[str],
    x: str | None,
    objectives: Sequence[str],
    reference: Sequence[str],
    attainment: bool,
    output: Path | None,
    as_json: bool,
    overrides: Sequence[str] = (),
) -> None:
    """Show the fronts of several runs beside each other.

    Args:
        runs: Folders of searches, or configurations of their chains.
        where: Constraints besides the runs' own.
        x: Measurement on the plots' horizontal axis; None takes MACs where they were measured.
        objectives: Instead of those that the runs have in common.
        reference: Such as "macs=60M", the worst values that count in hypervolumes; none takes the worst of all runs.
        attainment: Group runs by their strategy whatever else they differ in.
        output: Folder for tables and figures; None writes nothing.
        as_json: Print JSON alone.
        overrides: See `search_runs`.
    """
    searched = search_runs(runs, overrides)
    overlay = overlay_of(searched, where, list(objectives) or None, read_reference(reference), attainment)
    x, _ = overlay.axes(x, None)
    files = save_overlay(overlay, output, x) if output else []
    if as_json:
        print_json(_record(overlay, files))
        return
    for note in overlay.notes:
        print_warning(note)
    _print(overlay)
    for path in files:
        print(path)


def _print(overlay: Overlay) -> None:
    print("fronts of " + ", ".join(map(str, overlay.objectives)) + "\n")
    header, rows = joined_cells(overlay.fronts)
    print_table(header, rows, right=number_columns(header))
    for name, front in overlay.fronts.items():
        if front.latency_verdict is not None:
            print(f"\n{name}: {front.latency_verdict}")
    print()
    print_table(VOLUME_HEADER, volume_cells(overlay), right=VOLUME_NUMBERS)
    if overlay.reference:
        worst = ", ".join(f"{name} {shown_number(name, value)}" for name, value in overlay.reference.items())
        print(f"\nhypervolumes ({' x '.join(overlay.reference)}) up to the reference point {worst}")
    groups = group_cells(overlay)
    if groups:
        print("\nruns that differ by their seed\n")
        print_table(GROUP_HEADER, groups, right=GROUP_NUMBERS)


def _record(overlay: Overlay, files: Sequence[Path]) -> dict[str, object]:
    """Everything that is printed, JSON-able; None for what was not measured."""
    return {
        "objectives": [str(objective) for objective in overlay.objectives],
        "reference": dict(overlay.reference) or None,
        "notes": list(overlay.notes),
        "runs": {row["run"]: _run_record(overlay, row) for row in records(volume_table(overlay))},
        "groups": {name: list(names) for name, names in overlay.groups.items()},
        "over_seeds": records(group_volumes(overlay)),
        "files": [str(path) for path in files],
    }


def _run_record(overlay: Overlay, row: dict[str, Any]) -> dict[str, object]:
    """A run by its row of hypervolumes, and its front."""
    front = overlay.fronts[row["run"]]
    return {key: None if value != value else value for key, value in row.items() if key != "run"} | {
        "label": overlay.labels[row["run"]],
        "constraints": [str(limit) for limit in front.constraints],
        "uncounted": list(front.uncounted),
        "latency_verdict": None if front.latency_verdict is None else front.latency_verdict.to_dict(),
        "front": [json_row(one) for one in records(front.table)],
    }
