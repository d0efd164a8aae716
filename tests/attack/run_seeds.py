"""Small folders of what commands leave: a comparison, a chain on a supernet, results of trackers."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from jobs import prepare
from readers import TRIALS

import lighttrack_nas as ltn

COMPARISON = """table: lighttrack-table
strategies: {random: random, local-search: local-search}
seeds: 2
trials: TRIALS
objectives: [maximize overlap, minimize macs]
output: out
"""


def make_runs(folder: Path, box: str, frames: int) -> None:
    """Write what the commands leave, each into a folder of its own.

    Args:
        folder: Of all inputs.
        box: Of the target, x, y, w, h.
        frames: Of the sequences.
    """
    _comparison(folder / "compared")
    _chain(folder / "chained")
    _results(folder, box, frames)
    _measured(folder)


def _comparison(folder: Path) -> None:
    folder.mkdir()
    (folder / "compare.yaml").write_text(COMPARISON.replace("TRIALS", str(TRIALS)))
    _call(folder, "compare", "compare.yaml")


def _chain(folder: Path) -> None:
    folder.mkdir()
    prepare(folder)
    _call(folder, "train-supernet", "chain.yaml")
    _call(folder, "search", "chain.yaml")


def _results(folder: Path, box: str, frames: int) -> None:
    """Of other toolkits' trackers, and of `evaluate` by VOT's protocol."""
    rows, times = f"{box}\n" * frames, "0.01\n" * frames
    texts = {"one/a.txt": rows, "one/times/a_time.txt": times, "two/a/a_001.txt": rows.replace(",", "\t")}
    for name, text in texts.items():
        file = folder / "others" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    _call(folder, "evaluate", "never-moves", "vot", "--layout", "vot", "--protocol", "vot", "-o", "vot/out")


def _measured(folder: Path) -> None:
    """Tables in the making, and what is learnt of spaces."""
    space = ltn.load_space("lighttrack-tiny")
    row = {"probabilities": {}, "space": space.name, "space_hash": space.hash}
    row["probabilities"] = {label: dict.fromkeys(values, 1 / len(values)) for label, values in space.labels.items()}
    texts = {
        "rows/rows.jsonl": "".join(json.dumps({"row": i, "overlap": 0.5, "macs": 1e6}) + "\n" for i in range(4)),
        "distribution/distribution.json": json.dumps(row),
    }
    for name, text in texts.items():
        (folder / name).parent.mkdir()
        (folder / name).write_text(text)


def _call(folder: Path, *words: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "lighttrack_nas", *words], cwd=folder, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise SystemExit(f"{' '.join(words)}: {done.stderr[-2000:]}")
