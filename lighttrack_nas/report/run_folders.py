"""What a folder that the report is asked for holds: a search, a chain, a comparison."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lighttrack_nas.results.runs import JOURNAL
from lighttrack_nas.trackers.base.errors import InputError
from lighttrack_nas.trackers.base.parsing import parse_json, read_text

_SEARCH, _RECORD = "search", "run.json"
_OF_A_SEARCH = ("search", "network-pretraining", "retrain", "tuning")
"""Steps whose folders have a search's name behind theirs, such as search-NAME, where it has one."""
_STEPS = (
    "pretraining",
    "teacher",
    "supernet",
    "predictor",
    "search",
    "network-pretraining",
    "retrain",
    "tuning",
    "ranking",
)
"""A chain's folders that the report looks into, in their order."""


@dataclass(frozen=True)
class RunFolder:
    """A folder and what it holds.

    Attributes:
        path: As given.
        searches: Folders that hold a search's journal, by the search's name; "" for the one without.
        comparisons: Folders of comparisons, itself or below.
        chain: The chain's folder: it itself, or where it is a search's, the one above; None where there is no chain.
        steps: The chain's steps that were begun, by their folders' names; of a search's folder those that it builds on
            and those that build on it.
    """

    path: Path
    searches: dict[str, Path]
    comparisons: tuple[Path, ...]
    chain: Path | None
    steps: dict[str, Path]

    def of_step(self, step: str) -> dict[str, Path]:
        """The folders of a step by their names: one a search where each has its own."""
        return {name: path for name, path in self.steps.items() if step_of(name) == step}


def run_folders(paths: Sequence[Path]) -> list[RunFolder]:
    """Look into folders.

    Raises:
        InputError: One is given twice, does not exist, or holds nothing to report.
    """
    if len({path.resolve() for path in paths}) < len(paths):
        raise InputError(f"a folder was given twice in {', '.join(map(str, paths))}")
    folders = [_run_folder(path) for path in paths]
    searches = [place.resolve() for folder in folders for place in folder.searches.values()]
    if len(set(searches)) < len(searches):
        raise InputError(f"a search was given twice in {', '.join(map(str, paths))}: by its folder and its chain's")
    return folders


def step_of(folder: str) -> str:
    """The step that a chain's folder is of, by the folder's name."""
    return next((step for step in _OF_A_SEARCH if folder.startswith(f"{step}-")), folder)


def _run_folder(path: Path) -> RunFolder:
    if not path.is_dir():
        raise InputError(f"'{path}' is no folder: expected that of a chain, a search, the quickstart or a comparison")
    comparisons = tuple(folder for folder in (path, *sorted(path.glob("*/"))) if _is_comparison(folder))
    if (path / JOURNAL).is_file() and step_of(path.name) == _SEARCH:
        name = _search_name(path)
        steps = {step: place for step, place in _steps(path.parent).items() if _belongs(step, name)}
        if name or len(steps) > 1:  # else it may as well stand alone
            return RunFolder(path, {name: path}, comparisons, path.parent, steps)
    steps = _steps(path)
    below = [place for place in steps.values() if step_of(place.name) == _SEARCH and (place / JOURNAL).is_file()]
    searches = {"": path} if (path / JOURNAL).is_file() else {_search_name(place): place for place in below}
    if not (steps or comparisons or searches):
        raise InputError(
            f"'{path}' holds nothing to report: expected the folder of a chain, of a search ({JOURNAL}), of the "
            "quickstart or of a comparison (summary.csv)"
        )
    return RunFolder(path, searches, comparisons, path if steps else None, steps)


def _steps(chain: Path) -> dict[str, Path]:
    """The folders of a chain's steps that hold something, by their names, in the steps' order."""
    steps: dict[str, Path] = {}
    for step in _STEPS:
        named = sorted(chain.glob(f"{step}-*/")) if step in _OF_A_SEARCH else []
        steps |= {place.name: place for place in (chain / step, *named) if place.is_dir() and any(place.iterdir())}
    return steps


def _search_name(folder: Path) -> str:
    """The name of the search that a step's folder belongs to; "" where it has none."""
    return folder.name.removeprefix(step_of(folder.name)).removeprefix("-")


def _belongs(step: str, search: str) -> bool:
    """Whether a step's folder is one that a search builds on, or one of its own."""
    return step_of(step) not in _OF_A_SEARCH or _search_name(Path(step)) == search


def _is_comparison(folder: Path) -> bool:
    return (folder / "summary.csv").is_file() and record_or_empty(folder / _RECORD).get("command") == "compare"


def record_or_empty(file: Path) -> dict[str, Any]:
    """A JSON file's object; empty where there is none, or something else: a page is no place to stop at."""
    try:
        content = parse_json(read_text(file, "record"), str(file))
    except InputError:
        return {}
    return content if isinstance(content, dict) else {}


def step_record(folder: Path) -> dict[str, Any]:
    """What a step says of itself: its ``run.json``, and what stands in the weights that it wrote."""
    return record_or_empty(folder / _RECORD) | _outcome(folder)


def _outcome(folder: Path) -> dict[str, Any]:
    from safetensors import SafetensorError, safe_open

    for file in sorted(folder.glob("*.safetensors")):
        try:
            with safe_open(str(file), "numpy") as weights:
                about = parse_json((weights.metadata() or {}).get("lighttrack_nas", "{}"), str(file))
        except (SafetensorError, OSError, ValueError, InputError):
            continue
        provenance = about.get("provenance") if isinstance(about, dict) else None
        if isinstance(provenance, dict):
            return {key: provenance[key] for key in ("steps", "seconds_of_last_call", "machine") if key in provenance}
    return {}
