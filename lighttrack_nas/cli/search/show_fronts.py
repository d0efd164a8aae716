"""`front` and `findings`."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import pandas as pd

from lighttrack_nas.cli.shared.printing import print_json, print_table
from lighttrack_nas.counts.counter import LEGEND
from lighttrack_nas.reporting.plot_style import axis_of
from lighttrack_nas.results.findings import findings as count_findings
from lighttrack_nas.results.findings import save_findings
from lighttrack_nas.results.front_files import save_front
from lighttrack_nas.results.front_page import architecture_lines, front_cells
from lighttrack_nas.results.networks import records
from lighttrack_nas.results.published import CAUTION, HEADER, PUBLISHED, published_rows
from lighttrack_nas.results.results import Result
from lighttrack_nas.strategies.search.goals.objectives import Constraint, short_number
from lighttrack_nas.trackers.base.errors import InputError

if TYPE_CHECKING:
    from lighttrack_nas.results.fronts import Front, FrontPoint, Hypervolume


def front(
    runs: list[Path],
    where: list[str],
    x: str | None,
    nearest: list[str],
    output: Path | None,
    as_json: bool,
    objectives: Sequence[str] = (),
) -> None:
    """Show the front of one or several runs.

    Args:
        runs: Folders of searches.
        where: Constraints such as "macs<=600M", besides the runs' own.
        x: Measurement on the plots' horizontal axis; None takes MACs where they were measured.
        nearest: Wishes such as "macs=530M"; the network nearest to each is shown.
        output: Folder for the tables, plots and architectures; None writes nothing.
        as_json: Print JSON alone.
        objectives: Such as "minimize params", instead of the runs' own.
    """
    result = Result.load(runs)
    front = result.front(where, list(objectives) or None)
    x, _ = front.axes(x, None)
    wishes = {text: front.nearest(**read_wish(text)) for text in nearest}
    covered = front.hypervolume()
    files = [result.save(output), *save_front(front, output, x)] if output else []
    if as_json:
        print_json(_record(result, front, wishes, covered, files))
        return
    for note in (*result.notes, front.note):
        if note:
            print(f"warning: {note}", file=sys.stderr)
    print_front(result, front, wishes)
    for path in files:
        print(path)
    print(f"\n{CAUTION}\n")
    print_table(HEADER, published_rows(), right=range(1, len(HEADER) - 1))


def findings(run: Path, as_json: bool, output: Path | None = None) -> None:
    """Show what the networks of a run's front have in common, against their space.

    Args:
        run: Folder of a search.
        as_json: Print JSON alone.
        output: Folder for tables and figure; None writes nothing.
    """
    result = Result.load(run)
    front = result.front()
    counted = count_findings(front)
    files = save_findings(counted, output) if output else []
    if as_json:
        notes = {"notes": _notes(result, front), "files": [str(path) for path in files]}
        print_json({"space": result.space.name} | notes | counted.to_dict())
        return
    for note in _notes(result, front):
        print(f"warning: {note}", file=sys.stderr)
    print(f"front of {result.space.name}: {counted.networks} networks\n")
    rows = [
        (
            row["property"],
            row["value"],
            row["measure"],
            f"{row['front']:.3f}",
            "too few" if pd.isna(row["low"]) else f"{row['low']:.3f} to {row['high']:.3f}",
            f"{row['space']:.3f}",
            "" if pd.isna(row["p_corrected"]) else f"{row['p_corrected']:.2g}",
            row["differs"],
        )
        for row in records(counted.table)
    ]
    header = ("property", "value", "measure", "front", "interval", "space", "p", "front has")
    print_table(header, rows, right=(3, 4, 5, 6))
    print(f"\n{LEGEND}")
    print("\nLightTrack's findings, asked of this front:")
    for claim in counted.claims:
        print(f"{claim.text}: {claim.answer} ({claim.reason})")
    for path in files:
        print(path)


def read_wish(text: str) -> dict[str, float]:
    """Read a wish such as "macs=530M": a measurement and the value to be near to.

    Raises:
        InputError: Malformed, or no measurement.
    """
    name, _, value = text.partition("=")
    try:
        wanted = Constraint.parse(f"{name.strip()} <= {value}")
    except InputError:
        raise InputError(f"--nearest '{text}': expected a measurement and a number, such as macs=530M") from None
    return {wanted.name: wanted.limit}


def _notes(result: Result, front: Front) -> list[str]:
    return [note for note in (*result.notes, front.note) if note]


def print_front(result: Result, front: Front, wishes: Mapping[str, FrontPoint] = MappingProxyType({})) -> None:
    """Print a front as a table, the networks that come nearest to wishes, and the hypervolume."""
    print(f"space {front.space.name} ({front.space.hash}): {len(result.trials)} trials, {len(front.networks)} networks")
    print("front of " + ", ".join(map(str, front.objectives)))
    print("where " + (" and ".join(map(str, front.constraints)) or "anything goes") + "\n")
    header, rows = front_cells(front)
    print_table(header, rows, right=range(1, header.index("paths") + 1))
    if front.latency_note:
        print(f"\n{front.latency_note}")
    for text, point in wishes.items():
        print(f"\nnearest to {text}: network {point.network}, {measured_text(point)}")
        print("\n".join(f"  {line}" for line in architecture_lines(point.architecture)))
    if front.networks["feasible"].any():
        print(f"\nhypervolume {_hypervolume(front.hypervolume())}")


def measured_text(point: FrontPoint) -> str:
    """The measurements of a point in a line."""
    return ", ".join(
        f"{name} {short_number(value) if axis_of(name).divisor > 1 else f'{value:.4f}'}"
        for name, value in point.measurements.items()
    )


def _hypervolume(covered: Hypervolume) -> str:
    value, units, worst = covered.value, [], []
    for name, limit in covered.reference.items():
        axis = axis_of(name)
        value /= axis.divisor
        units.append(f"M {name}" if axis.divisor > 1 else name)
        worst.append(f"{name} {short_number(limit) if axis.divisor > 1 else f'{limit:.4f}'}")
    return (
        f"{value:.4g} ({' x '.join(units)}), up to the reference point {', '.join(worst)}, the worst of all networks "
        "that keep the limits"
    )


def _record(
    result: Result, front: Front, wishes: dict[str, FrontPoint], covered: Hypervolume, files: list[Path]
) -> dict[str, Any]:
    """Everything that is printed, JSON-able; None for what was not measured."""
    points = {row["network"]: json_row(row) for row in records(front.table)}
    has_volume = bool(front.networks["feasible"].any())
    return {
        "space": front.space.name,
        "space_hash": front.space.hash,
        "objectives": [str(objective) for objective in front.objectives],
        "constraints": [str(constraint) for constraint in front.constraints],
        "trials": len(result.trials),
        "networks": len(front.networks),
        "notes": _notes(result, front),
        "latency_note": front.latency_note,
        "front": list(points.values()),
        "nearest": {text: points[point.network] for text, point in wishes.items()},
        "hypervolume": {"value": covered.value, "reference": dict(covered.reference)} if has_volume else None,
        "files": [str(path) for path in files],
        "published": {"caution": CAUTION, "trackers": [tracker._asdict() for tracker in PUBLISHED]},
    }


def json_row(row: dict[str, Any]) -> dict[str, Any]:
    """A row of a front's table, JSON-able; None for what was not measured."""
    clean = {name: None if pd.isna(value) else value for name, value in row.items()}
    trials = {"trials": row["trials"].split(", ")} if "trials" in row else {}
    return clean | trials | {"choices": json.loads(row["choices"])}
