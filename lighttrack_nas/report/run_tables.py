"""The report's tables of what was run, and with what."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from lighttrack_nas.report.network_data import network_count
from lighttrack_nas.report.page import Section, Table
from lighttrack_nas.report.record_values import mapping_at, number_at
from lighttrack_nas.report.run_folders import RunFolder, record_or_empty, step_of, step_record
from lighttrack_nas.reporting.phrases import duration
from lighttrack_nas.results.networks import shown_number
from lighttrack_nas.side_by_side.overlays import device_text
from lighttrack_nas.strategies.search.goals.objectives import short_number

if TYPE_CHECKING:
    from pathlib import Path

    from lighttrack_nas.results.runs import Run
    from lighttrack_nas.side_by_side.overlays import Overlay

_SENTENCES = {
    "supernet": "trains the network that holds all others",
    "teacher": "trains the network that the supernet learns from",
    "pretraining": "trains the backbone's operations on images",
    "predictor": "fits what predicts networks from their places",
    "search": "proposes and scores networks",
    "network-pretraining": "trains the chosen backbone on images",
    "retrain": "trains the chosen network alone",
    "tuning": "tunes the tracker's hyper-parameters",
    "ranking": "asks how well supernets rank networks",
}


_GROUND = ("supernet", "table", "rows", "device", "processor", "threads")
_LONG = 40  # characters of a record's value that no table shows


def run_section(runs: Sequence[Run], overlay: Overlay | None, folders: Sequence[RunFolder]) -> Section:
    """What was run: a column a search, and a row a step of every chain."""
    tables = []
    if overlay is not None:
        columns = [_facts(run, overlay) for run in runs]
        names = list(dict.fromkeys(key for column in columns for key in column))
        rows = [[name, *(column.get(name, "") for column in columns)] for name in names]
        tables.append(("", Table(("search", *(run.name for run in runs)), rows)))
    chains: dict[Path, dict[str, Path]] = {}  # several searches may be of one
    for folder in folders:
        if folder.chain:
            chains.setdefault(folder.chain, {}).update(folder.steps)
    header = ("step", "", "training", "minutes", "seed", "machine")
    for chain, steps in chains.items():
        tables.append((f"Steps of the chain in {chain}", Table(header, _steps(steps), frozenset({3, 4}))))
    return Section("run", "What was run", tables=tables)


def version_section(runs: Sequence[Run], folders: Sequence[RunFolder]) -> Section | None:
    """The versions that results were made with, a column where they differ."""
    versions_by_result: dict[str, Mapping[str, Any]] = {}
    for run in runs:
        versions_by_result[f"search of {run.name}"] = mapping_at(run.record, "versions")
    for folder in folders:
        for name, path in folder.steps.items():
            versions_by_result[f"{name} of {path.parent.name}"] = mapping_at(
                record_or_empty(path / "run.json"), "versions"
            )
        for path in folder.comparisons:
            versions_by_result[f"comparison {path.name}"] = mapping_at(record_or_empty(path / "run.json"), "versions")
    packages = list(dict.fromkeys(package for versions in versions_by_result.values() for package in versions))
    if not packages:
        return None
    rows = []
    for package in packages:
        of = {place: str(versions[package]) for place, versions in versions_by_result.items() if package in versions}
        kinds = list(dict.fromkeys(of.values()))
        told = kinds[0] if len(kinds) == 1 else "; ".join(f"{value} ({place})" for place, value in of.items())
        rows.append([package, told])
    return Section("versions", "Versions", folded=[("Packages", Table(("package", "version"), rows))])


def _facts(run: Run, overlay: Overlay) -> dict[str, str]:
    front, result, record = overlay.fronts[run.name], overlay.results[run.name], run.record
    seconds = float(result.trials["seconds"].sum()) if len(result.trials) else 0.0
    facts = {
        "space": f"{run.space.name} ({run.space.hash})",
        "strategy": _words(record.get("strategy")),
        "objectives": ", ".join(map(str, run.objectives)),
        "limits": ", ".join(map(str, front.constraints)) or "none",
        "trials": f"{len(run.trials)}, of {len(front.networks)} networks"
        + (f"; {len(run.failures)} failed" if run.failures else ""),
        "evaluations took": duration(seconds),
        "scored by": _scored_by(record.get("evaluator")),
        "latencies of": device_text(run) if record.get("latency") else "",
        "front": network_count(len(front.table))
        + ("" if front.keeps_limits else ", outside the limits: no network keeps them"),
    }
    volume = overlay.hypervolumes.get(run.name)
    if volume is not None and front.networks["feasible"].any():
        worst = ", ".join(f"{name} {shown_number(name, value)}" for name, value in volume.reference.items())
        facts["hypervolume"] = f"{short_number(volume.value)} ({' x '.join(volume.reference)}), up to {worst}"
    return {key: value for key, value in facts.items() if value}


def _words(record: Any) -> str:
    """A record as words: "NSGA2, population_size 20, seed 0"; what is long or nested is left out."""
    if not isinstance(record, Mapping):
        return "" if record is None else str(record)
    parts = []
    for key, value in record.items():
        if key in ("name", "evaluator"):
            parts.append(str(value))
        elif isinstance(value, (str, int, float)) and len(str(value)) <= _LONG:
            parts.append(f"{key.replace('_', ' ')} {value}")
    return ", ".join(parts)


def _scored_by(record: Any) -> str:
    """What scored networks, and on what; the rest of an evaluator's record is for machines."""
    told = record if isinstance(record, Mapping) else {"evaluator": record}
    return _words({key: told[key] for key in ("evaluator", *_GROUND) if key in told})


def _steps(places: Mapping[str, Path]) -> list[list[str]]:
    rows = []
    for name, path in places.items():
        record = step_record(path)
        settings = mapping_at(record, "settings")
        seconds, seed = number_at(record, "seconds_of_last_call"), settings.get("seed", record.get("seed"))
        steps = record.get("steps") or settings.get("steps")
        rows.append(
            [
                name,
                _SENTENCES[step_of(name)],
                f"{steps} steps" if steps else "",
                "" if seconds is None else f"{seconds / 60:.1f}",
                "" if seed is None else str(seed),
                str(record.get("machine", "")),
            ]
        )
    return rows
