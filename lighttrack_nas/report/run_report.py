"""The report of runs: everything that their folders hold, on one page."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from lighttrack_nas.costing.cost_analysis import load_cost_table
from lighttrack_nas.report.front_report import (
    FINDINGS_LEGEND,
    findings_sections,
    front_data,
    front_section,
    pair_sections,
    published_section,
)
from lighttrack_nas.report.network_data import ChainPlace
from lighttrack_nas.report.page import Page, Section, Table, render
from lighttrack_nas.report.run_folders import RunFolder, run_folders
from lighttrack_nas.report.run_parts import comparison_section, curve_data, tracker_section, trust_section
from lighttrack_nas.report.run_tables import run_section, version_section
from lighttrack_nas.reporting.environment import versions
from lighttrack_nas.reporting.plot_style import RUN_COLOURS, run_colours
from lighttrack_nas.results.front_plots import front_title
from lighttrack_nas.results.networks import shown_number
from lighttrack_nas.results.runs import read_run
from lighttrack_nas.side_by_side.overlay_plots import band
from lighttrack_nas.side_by_side.overlay_texts import (
    GROUP_HEADER,
    GROUP_NUMBERS,
    VOLUME_HEADER,
    VOLUME_NUMBERS,
    group_cells,
    volume_cells,
)
from lighttrack_nas.side_by_side.overlays import Overlay, overlay_of
from lighttrack_nas.side_by_side.run_groups import run_names
from lighttrack_nas.trackers.base.files import make_folder, write_atomically

if TYPE_CHECKING:
    from lighttrack_nas.benchmarks.costs.cost_table import CostTable

REPORT_FILE = "report.html"


def write_report(runs: Sequence[Path | str], output: Path | str) -> Path:
    """Write the report of runs: what was run, training curves, fronts, findings, comparisons, the found tracker.

    Several searches stand beside each other, each with a front of its own. Parts that a folder does not have are left
    out, and the page says which. The first report of a space counts what its parts cost, which takes seconds.

    Args:
        runs: Folders of chains, searches, the quickstart or comparisons, finished or still running.
        output: Folder for ``report.html``; made if missing.

    Returns:
        The page, about 5 MB, which needs nothing else.

    Raises:
        InputError: A folder holds nothing to report or a damaged journal, was given twice, or the searches have no
            objective in common.
    """
    folders = run_folders([Path(run) for run in runs])
    page = report_page(folders)
    output = Path(output)
    make_folder(output)
    write_atomically(output / REPORT_FILE, render(page))
    return output / REPORT_FILE


def report_page(folders: Sequence[RunFolder]) -> Page:
    """Gather everything that folders hold."""
    searched = [(folder, name) for folder in folders for name in folder.searches]
    # A chain's search without a name goes by the chain's.
    names = run_names([folder.searches[name] if name else folder.path for folder, name in searched])
    runs = [read_run(folder.searches[name], shown) for (folder, name), shown in zip(searched, names, strict=True)]
    overlay = overlay_of(runs) if runs else None
    curves = curve_data(folders)
    evaluators = [str((run.record.get("evaluator") or {}).get("evaluator", "")) for run in runs]
    latency = (
        {} if overlay is None else {name: str(front.latency_verdict or "") for name, front in overlay.fronts.items()}
    )
    trust, untold = trust_section(
        folders, latency if len(latency) > 1 else {"": next(iter(latency.values()), "")}, evaluators
    )
    tracker, unseen = tracker_section(folders)
    missing = [untold if runs else "", unseen]
    if not runs:
        missing.append("No journal of a search is here, and so no front.")
    if any(folder.chain for folder in folders) and not curves:
        missing.append("No training left its curves.")
    sections: list[Section | None] = (
        [run_section(runs, overlay, folders)] if runs or any(folder.chain for folder in folders) else []
    )
    if overlay is not None:
        sections += _front_sections(overlay)
    if curves:
        sections.append(Section("training", "Training", ["Losses by step."], ["curves"]))
    sections += [tracker, trust]
    if overlay is not None:
        sections += _findings(overlay)
    sections += [comparison_section(folders), published_section() if runs else None, version_section(runs, folders)]
    shown = [section for section in sections if section is not None]
    command = " ".join(shlex.quote(str(folder.path)) for folder in folders)
    return Page(
        title=_title(overlay, folders),
        lead=_lead(overlay, folders),
        warnings=[] if overlay is None else _warnings(overlay),
        sections=shown,
        data=_data(overlay, searched) | {"curves": curves, "colours": list(RUN_COLOURS)},
        missing=[text for text in missing if text],
        footer=f"lighttrack-nas {versions()['lighttrack-nas']}: lighttrack-nas report {command}",
    )


def _title(overlay: Overlay | None, folders: Sequence[RunFolder]) -> str:
    if overlay is None:
        kind = "Comparison of search strategies" if folders[0].comparisons else "Run"
        return f"{kind}: {', '.join(folder.path.name or str(folder.path) for folder in folders)}"
    fronts = list(overlay.fronts.values())
    if len(fronts) == 1:
        return front_title(fronts[0])
    return f"{', '.join(dict.fromkeys(front.space.name for front in fronts))}: {len(fronts)} searches side by side"


def _lead(overlay: Overlay | None, folders: Sequence[RunFolder]) -> str:
    places = ", ".join(str(folder.path) for folder in folders)
    return places if overlay is None else f"{', '.join(map(str, overlay.objectives))}. {places}"


def _warnings(overlay: Overlay) -> list[str]:
    notes = list(overlay.notes)
    if len(overlay.fronts) == 1:
        (name,) = overlay.fronts
        notes = [note.removeprefix(f"run '{name}': ") for note in notes]
    return [note[0].upper() + note[1:] + "." for note in notes]


def _front_sections(overlay: Overlay) -> list[Section | None]:
    fronts = dict(overlay.fronts)
    alone = len(fronts) == 1
    beside: list[Section | None] = [] if alone else [_side_by_side(overlay)]
    return [*beside, front_section(fronts), *pair_sections(next(iter(fronts.values())))]


def _side_by_side(overlay: Overlay) -> Section:
    """Hypervolumes to one reference, and what seeds attain."""
    worst = ", ".join(f"{name} {shown_number(name, value)}" for name, value in overlay.reference.items())
    unit = " x ".join(overlay.reference)
    sentences = [
        f"Hypervolumes ({unit}) up to the reference point {worst}, the worst of all networks of all runs that keep the "
        "limits."
        if worst
        else "Hypervolumes have no reference in common."
    ]
    tables = [("", Table(VOLUME_HEADER, volume_cells(overlay), frozenset(VOLUME_NUMBERS)))]
    several = any(len(names) > 1 for names in overlay.groups.values())
    if several:
        sentences.append(
            "Lines are reached by half of a group's runs, bands from a quarter to three quarters of them (attainment "
            "surfaces, López-Ibáñez et al. 2010); a group are the runs that differ by their seed alone."
        )
    if groups := group_cells(overlay):
        tables.append(("Over seeds", Table(GROUP_HEADER, groups, frozenset(GROUP_NUMBERS))))
    return Section("beside", "Runs side by side", sentences, ["attainment"] if several else [], tables)


def _findings(overlay: Overlay) -> list[Section]:
    """Each run's findings, under one heading."""
    by_run = {name: findings_sections(front) for name, front in overlay.fronts.items()}
    parts = [(name, section) for name, sections in by_run.items() for section in sections]
    if len(parts) < 2:
        return [section for _, section in parts]
    rows = [[name, *row] for name, section in parts for _, table in section.tables for row in table.rows]
    header = ("run", *parts[0][1].tables[0][1].header)
    folded = [(f"{name}: {title.lower()}", table) for name, section in parts for title, table in section.folded]
    sentence = "What the networks of each front have in common, against uniform draws of the space; intervals of 95 %."
    return [
        Section("findings", "Findings", [sentence, *FINDINGS_LEGEND], tables=[("", Table(header, rows))], folded=folded)
    ]


def _data(overlay: Overlay | None, searched: Sequence[tuple[RunFolder, str]]) -> dict[str, Any]:
    """What the script draws, of fronts whose folders and names of searches are given."""
    if overlay is None:
        return {"columns": [], "limits": [], "runs": [], "networks": [], "x": "", "y": ""}
    fronts = dict(overlay.fronts)
    x, y = overlay.axes(None, None)
    costs: dict[str, CostTable | None] = {}
    for front in fronts.values():
        if front.space.is_declared and len(front.table) and front.space.hash not in costs:
            costs[front.space.hash] = load_cost_table(front.space)
    places = [ChainPlace(str(folder.chain or ""), search) for folder, search in searched]
    data = front_data(fronts, overlay.labels, x, y, costs, dict(zip(fronts, places, strict=True)))
    if len(fronts) == 1:
        return data
    return _coloured(data, overlay) | {"attainment": _attainment(overlay, x, y)}


def _coloured(data: dict[str, Any], overlay: Overlay) -> dict[str, Any]:
    """Runs of one group in the group's colour, where there are groups."""
    if all(len(names) == 1 for names in overlay.groups.values()):
        return data
    colours = run_colours(list(overlay.groups))
    runs = []
    for run in data["runs"]:
        group = overlay.group_of(run["name"])
        count = len(overlay.groups[group])
        legend = f"{group}, {count} runs" if count > 1 else run["legend"]
        runs.append(run | {"colour": colours[group], "legend": legend})
    return data | {"runs": runs}


def _attainment(overlay: Overlay, x: str, y: str) -> Mapping[str, Any] | None:
    first = next(iter(overlay.fronts.values()))
    sign = first.sign(x)
    colours = run_colours(list(overlay.groups))
    groups = []
    for name, attained in overlay.drawn_attainments(x, y).items():
        surfaces = attained.surfaces
        edges = band(surfaces[75], surfaces[25], sign) if len(surfaces[75]) else [np.empty(0)] * 3
        groups.append(
            {
                "name": name,
                "runs": attained.runs,
                "colour": colours[name],
                "median": surfaces[50].tolist(),
                "band": [edge.tolist() for edge in edges],
            }
        )
    return {"x": x, "y": y, "groups": groups} if groups else None
