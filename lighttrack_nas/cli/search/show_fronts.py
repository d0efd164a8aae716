"""`front` and `findings`."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import pandas as pd

from lighttrack_nas.chain.choosing import runs_result
from lighttrack_nas.cli.shared.printing import print_json, print_table, print_warning
from lighttrack_nas.costing.limits import require_reachable, space_ends
from lighttrack_nas.counts.counter import LEGEND
from lighttrack_nas.report.front_files import save_front
from lighttrack_nas.reporting.plot_style import axis_of
from lighttrack_nas.results.findings import findings as count_findings
from lighttrack_nas.results.findings import save_findings
from lighttrack_nas.results.findings_texts import FINDINGS_HEADER, FINDINGS_NUMBERS, findings_cells
from lighttrack_nas.results.front_texts import architecture_lines, front_cells
from lighttrack_nas.results.fronts import LATENCY_AGAIN_COLUMN
from lighttrack_nas.results.networks import records, shown_number
from lighttrack_nas.results.published import CAUTION, HEADER, PUBLISHED, published_rows
from lighttrack_nas.strategies.search.goals.objectives import Constraint, parse_constraints, short_number
from lighttrack_nas.trackers.base.errors import InputError

_WORST = "the worst of all networks that keep the limits"

if TYPE_CHECKING:
    from lighttrack_nas.results.fronts import Front, FrontPoint, Hypervolume
    from lighttrack_nas.results.results import Result


def front(
    runs: list[Path],
    where: list[str],
    x: str | None,
    nearest: list[str],
    output: Path | None,
    as_json: bool,
    objectives: Sequence[str] = (),
    overrides: Sequence[str] = (),
    reference: Sequence[str] = (),
) -> None:
    """Show the front of one or several runs.

    Args:
        runs: Folders of searches, or configurations of their chains.
        where: Constraints such as "macs<=600M", besides the runs' own.
        x: Measurement on the plots' horizontal axis; None takes MACs where they were measured.
        nearest: Wishes such as "macs=530M"; the network nearest to each is shown.
        output: Folder for the tables, plots and architectures; None writes nothing.
        as_json: Print JSON alone.
        objectives: Such as "minimize params", instead of the runs' own.
        overrides: See `search_runs`.
        reference: Such as "macs=60M", the worst values that count in the hypervolume; none takes the worst of all
            networks that keep the limits.
    """
    result = runs_result(runs, overrides)
    front = result.front(where, list(objectives) or None)
    if where and not front.keeps_limits:
        limits = parse_constraints(where)
        require_reachable(limits, space_ends(result.space, limits), result.space.name)
    x, _ = front.axes(x, None)
    wishes = {text: front.nearest(**read_wish(text)) for text in nearest}
    covered = front.hypervolume(read_reference(reference))
    files = [result.save(output), *save_front(front, output, x)] if output else []
    if as_json:
        print_json(_record(result, front, wishes, covered, files))
        return
    print_front(result, front, wishes, covered if reference else None)
    for path in files:
        print(path)
    print(f"\n{CAUTION}\n")
    print_table(HEADER, published_rows(), right=range(1, len(HEADER) - 1))


def findings(run: Path, as_json: bool, overrides: Sequence[str] = (), output: Path | None = None) -> None:
    """Show what the networks of a run's front have in common, against their space.

    Args:
        run: Folder of a search, or the configuration of its chain.
        as_json: Print JSON alone.
        overrides: See `search_runs`.
        output: Folder for tables and figure; None writes nothing.
    """
    result = runs_result([run], overrides)
    front = result.front()
    counted = count_findings(front)
    files = save_findings(counted, output) if output else []
    if as_json:
        notes = {"notes": _notes(result, front), "files": [str(path) for path in files]}
        print_json({"space": result.space.name} | notes | counted.to_dict())
        return
    for note in _notes(result, front):
        print_warning(note)
    print(f"front of {result.space.name}: {counted.networks} networks\n")
    print_table(FINDINGS_HEADER, findings_cells(counted), right=FINDINGS_NUMBERS)
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


def read_reference(texts: Sequence[str]) -> dict[str, float] | None:
    """Read the worst values that count, such as "macs=60M", a text an objective; None where there is none.

    Raises:
        InputError: Malformed, or no measurement.
    """
    values = {}
    for text in texts:
        name, _, value = text.partition("=")
        try:
            limit = Constraint.parse(f"{name.strip()} <= {value}")
        except InputError:
            raise InputError(f"--reference '{text}': expected a measurement and a number, such as macs=60M") from None
        values[limit.name] = limit.limit
    return values or None


def _notes(result: Result, front: Front) -> list[str]:
    """What a reader must know; the latencies' verdict stands below the table."""
    return [*result.notes, *front.warnings]


def print_front(
    result: Result,
    front: Front,
    wishes: Mapping[str, FrontPoint] = MappingProxyType({}),
    covered: Hypervolume | None = None,
) -> None:
    """Print a front as a table, the networks that come nearest to wishes, and the hypervolume; warn beforehand.

    Args:
        result: The search's.
        front: Its front.
        wishes: Networks to describe, by what was wished for.
        covered: To a reference that was asked for; None takes the worst of all networks that keep the limits.
    """
    for note in _notes(result, front):
        print_warning(note)
    print(f"space {front.space.name} ({front.space.hash}): {len(result.trials)} trials, {len(front.networks)} networks")
    goals = ", ".join(map(str, front.objectives))
    kept = front.keeps_limits
    print(f"front of {goals}" if kept else f"NO front of {goals}: no network found keeps the limits; these are nearest")
    print("where " + (" and ".join(map(str, front.constraints)) or "anything goes") + "\n")
    header, rows = front_cells(front)
    print_table(header, rows, right=range(1, header.index("paths") + 1))
    if front.latency_verdict is not None:
        print(
            f"\nlatency_ms is what the search went by, {LATENCY_AGAIN_COLUMN} the least time of the whole networks, "
            "measured in turns at its end"
        )
        print(front.latency_verdict)
    for text, point in wishes.items():
        print(f"\nnearest to {text}: network {point.network}, {measured_text(point)}")
        print("\n".join(f"  {line}" for line in architecture_lines(point.architecture)))
    if front.networks["feasible"].any():
        print(f"\n{hypervolume_text(covered)}" if covered else f"\n{hypervolume_text(front.hypervolume())}, {_WORST}")


def measured_text(point: FrontPoint) -> str:
    """The measurements of a point in a line."""
    return ", ".join(
        f"{name} {short_number(value) if axis_of(name).divisor > 1 else f'{value:.4f}'}"
        for name, value in point.measurements.items()
    )


def hypervolume_text(covered: Hypervolume) -> str:
    """A hypervolume in its unit, the product of the objectives' own, and its reference."""
    worst = ", ".join(f"{name} {shown_number(name, limit)}" for name, limit in covered.reference.items())
    unit = " x ".join(covered.reference)
    return f"hypervolume {short_number(covered.value)} ({unit}), up to the reference point {worst}"


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
        "keeps_limits": front.keeps_limits,
        "uncounted": list(front.uncounted),
        "latency_verdict": None if front.latency_verdict is None else front.latency_verdict.to_dict(),
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
