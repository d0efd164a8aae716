"""`front --overlay`: runs beside each other."""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from lighttrack_nas.chain.choosing import search_runs
from lighttrack_nas.cli.search.show_fronts import json_row, read_reference
from lighttrack_nas.cli.shared.printing import print_json, print_table
from lighttrack_nas.results.front_texts import front_cells
from lighttrack_nas.results.networks import records, shown_number
from lighttrack_nas.side_by_side.overlay_files import group_volumes, save_overlay, volume_table
from lighttrack_nas.side_by_side.overlays import overlay_of
from lighttrack_nas.strategies.search.goals.objectives import short_number

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
    found = overlay_of(searched, where, list(objectives) or None, read_reference(reference), attainment)
    x, _ = found.axes(x, None)
    files = save_overlay(found, output, x) if output else []
    if as_json:
        print_json(_record(found, files))
        return
    for note in (*found.notes, *(note for result in found.results.values() for note in result.notes)):
        print(f"warning: {note}", file=sys.stderr)
    _print(found)
    for path in files:
        print(path)


def _print(found: Overlay) -> None:
    print("fronts of " + ", ".join(map(str, found.objectives)) + "\n")
    tables = {name: front_cells(front) for name, front in found.fronts.items()}
    header = list(dict.fromkeys(title for titles, _ in tables.values() for title in titles))
    rows = [
        [name, *(dict(zip(titles, row, strict=True)).get(title, "") for title in header)]
        for name, (titles, cells) in tables.items()
        for row in cells
    ]
    right = [place for place, title in enumerate(header, start=1) if title not in ("network", "code")]
    print_table(("run", *header), rows, right=right)
    volumes = [
        (
            found.labels[row["run"]],
            row["group"],
            str(row["trials"]),
            str(row["networks"]),
            str(row["front"]),
            "yes" if row["keeps_limits"] else "no",
            "" if math.isnan(row["hypervolume"]) else short_number(row["hypervolume"]),
        )
        for row in records(volume_table(found))
    ]
    print()
    titles = ("run", "group", "trials", "networks", "on the front", "keeps its limits", "hypervolume")
    print_table(titles, volumes, right=(2, 3, 4, 6))
    if found.reference:
        worst = ", ".join(f"{name} {shown_number(name, value)}" for name, value in found.reference.items())
        print(f"\nhypervolumes ({' x '.join(found.reference)}) up to the reference point {worst}")
    groups = records(group_volumes(found))
    if groups:
        print("\nruns that differ by their seed, hypervolume\n")
        cells = [
            (
                row["group"],
                str(row["runs"]),
                *(short_number(row[key]) for key in ("median", "low", "high")),
            )
            for row in groups
        ]
        print_table(("group", "runs", "median", "lower quartile", "upper quartile"), cells, right=(1, 2, 3, 4))


def _record(found: Overlay, files: Sequence[Path]) -> dict[str, object]:
    """Everything that is printed, JSON-able; None for what was not measured."""
    return {
        "objectives": [str(objective) for objective in found.objectives],
        "reference": dict(found.reference) or None,
        "notes": list(found.notes),
        "runs": {
            row["run"]: {key: None if value != value else value for key, value in row.items() if key != "run"}
            | {
                "label": found.labels[row["run"]],
                "constraints": [str(limit) for limit in found.fronts[row["run"]].constraints],
                "front": [json_row(one) for one in records(found.fronts[row["run"]].table)],
            }
            for row in records(volume_table(found))
        },
        "groups": {name: list(names) for name, names in found.groups.items()},
        "over_seeds": records(group_volumes(found)),
        "files": [str(path) for path in files],
    }
