"""What a folder that the report is asked for holds: a search, a chain, a comparison."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lighttrack_nas.results.runs import JOURNAL
from lighttrack_nas.trackers.base.errors import InputError

_SEARCH, _RECORD = "search", "run.json"
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
        search: Whether there is a journal of a search, in it or in its `search`.
        comparison: Folders of comparisons, itself or below.
        steps: A chain's steps that were begun, by name.
    """

    path: Path
    search: bool
    comparisons: tuple[Path, ...]
    steps: dict[str, Path]

    @property
    def is_chain(self) -> bool:
        """Whether a chain's steps are folders in it."""
        return bool(self.steps)


def run_folders(paths: Sequence[Path]) -> list[RunFolder]:
    """Look into folders.

    Raises:
        InputError: One is given twice, does not exist, or holds nothing to report.
    """
    if len({path.resolve() for path in paths}) < len(paths):
        raise InputError(f"a folder was given twice in {', '.join(map(str, paths))}")
    return [_run_folder(path) for path in paths]


def _run_folder(path: Path) -> RunFolder:
    if not path.is_dir():
        raise InputError(f"'{path}' is no folder: expected that of a chain, a search, the quickstart or a comparison")
    steps = {name: path / name for name in _STEPS if (path / name).is_dir() and any((path / name).iterdir())}
    comparisons = tuple(folder for folder in (path, *sorted(path.glob("*/"))) if _is_comparison(folder))
    search = (path / JOURNAL).is_file() or (path / _SEARCH / JOURNAL).is_file()
    if not (steps or comparisons or search):
        raise InputError(
            f"'{path}' holds nothing to report: expected the folder of a chain, of a search ({JOURNAL}), of the "
            "quickstart or of a comparison (summary.csv)"
        )
    return RunFolder(path, search, comparisons, steps)


def _is_comparison(folder: Path) -> bool:
    return (folder / "summary.csv").is_file() and read_json(folder / _RECORD).get("command") == "compare"


def read_json(file: Path) -> dict[str, Any]:
    """A JSON file's object; empty where there is none, or something else: a page is no place to stop at."""
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def step_record(folder: Path) -> dict[str, Any]:
    """What a step says of itself: its ``run.json``, and what stands in the weights that it wrote."""
    return read_json(folder / _RECORD) | _outcome(folder)


def _outcome(folder: Path) -> dict[str, Any]:
    from safetensors import SafetensorError, safe_open

    for file in sorted(folder.glob("*.safetensors")):
        try:
            with safe_open(str(file), "numpy") as weights:
                about = json.loads((weights.metadata() or {}).get("lighttrack_nas", "{}"))
        except (SafetensorError, OSError, ValueError):
            continue
        found = about.get("provenance") if isinstance(about, dict) else None
        if isinstance(found, dict):
            return {key: found[key] for key in ("steps", "seconds_of_last_call", "machine") if key in found}
    return {}
