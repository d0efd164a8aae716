"""The commands that work long, and small inputs for them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import yaml

_TRAINING = {"batch_size": 2, "workers": 0, "warmup_steps": 0, "checkpoint_steps": 2, "log_steps": 2, "steps": 6}


@dataclass(frozen=True)
class Job:
    """A command, and what it leaves.

    Attributes:
        name: Of it.
        call: Arguments, in the prepared folder.
        output: The folder or file that it writes.
        results: Patterns of the files that must be as undisturbed; of tables without what was measured by a clock.
        needs: Jobs that come before.
        equal: Whether the results are the same each time; a latency table's are measured, and must only be there.
    """

    name: str
    call: tuple[str, ...]
    output: str
    results: tuple[str, ...]
    needs: tuple[str, ...] = ()
    equal: bool = True


_TINY = "lighttrack-tiny-generated"
_SUPERNET = "supernet/supernet.safetensors"
_SEARCHED = ("train-supernet", "search")
_TIMES = ("latency-table", "--space", "lighttrack-table", "--runtime", "torch", "--networks", "10")

JOBS: Sequence[Job] = (
    Job(
        "compare",
        ("compare", "compare.yaml"),
        "run/compare",
        ("run/compare/runs/**/*.csv", "run/compare/summary.csv"),
    ),
    Job(
        "track",
        ("track", _TINY, "data/a", "--box", "60,40,32,24", "-o", "run/track"),
        "run/track",
        ("run/track/boxes.txt",),
    ),
    Job("evaluate", ("evaluate", _TINY, "data", "-o", "run/evaluate"), "run/evaluate", ("run/evaluate/*/*_001.txt",)),
    Job("export", ("export", _TINY, "-o", "run/export"), "run/export", ("run/export/*.onnx",)),
    Job("latency-table", (*_TIMES, "-o", "run/times.json"), "run/times.json", ("run/times.json",), equal=False),
    Job(
        "pretrain-backbone",
        ("pretrain-backbone", "images.yaml"),
        "run/images/pretraining",
        ("run/images/pretraining/*.safetensors",),
    ),
    Job("train-supernet", ("train-supernet", "chain.yaml"), "run/chain/supernet", (f"run/chain/{_SUPERNET}",)),
    Job(
        "blockwise",
        ("train-supernet", "blockwise.yaml"),
        "run/blockwise/supernet",
        (f"run/blockwise/{_SUPERNET}", "run/blockwise/supernet/places.csv"),
    ),
    Job(
        "search",
        ("search", "chain.yaml"),
        "run/chain/search",
        ("run/chain/search/trials.csv", "run/chain/search/front.csv"),
        _SEARCHED[:1],
    ),
    Job("front", ("front", "run/chain/search", "-o", "run/front"), "run/front", ("run/front/front.csv",), _SEARCHED),
    Job(
        "retrain",
        ("retrain", "chain.yaml"),
        "run/chain/retrain",
        ("run/chain/retrain/model.safetensors",),
        _SEARCHED,
    ),
    Job(
        "tune-tracker",
        ("tune-tracker", "chain.yaml"),
        "run/chain/tuning",
        ("run/chain/tuning/hyper_parameters.json",),
        (*_SEARCHED, "retrain"),
    ),
    Job("report", ("report", "run/chain", "-o", "run/report"), "run/report", ("run/report/*.html",), _SEARCHED, False),
)


def prepare(folder: Path) -> None:
    """Write the inputs of all jobs."""
    rng = np.random.default_rng(0)
    for name in "abc":
        (folder / "data" / name).mkdir(parents=True)
        background, target = (
            rng.integers(0, 120, (120, 160, 3), np.uint8),
            rng.integers(100, 256, (24, 32, 3), np.uint8),
        )
        for index in range(12):
            frame = background.copy()
            frame[40:64, 60 + index : 92 + index] = target
            cv2.imwrite(str(folder / "data" / name / f"{index + 1:08d}.jpg"), frame)
        (folder / "data" / name / "groundtruth.txt").write_text("".join(f"{60 + i},40,32,24\n" for i in range(12)))
        (folder / "images" / name).mkdir(parents=True)
        for index in range(4):
            cv2.imwrite(str(folder / "images" / name / f"{index}.png"), rng.integers(0, 255, (40, 50, 3), np.uint8))
    chain = {
        "output": "run/chain",
        "threads": 1,
        "validation": {"path": "data"},
        "data": {"sources": [{"kind": "generated"}]},
        "supernet": {"training": _TRAINING},
        "search": {
            "trials": 10,
            "strategy": {"name": "nsga2", "population_size": 4},
            "calibration_batches": 1,
            "batch_size": 4,
        },
        "retrain": {"training": _TRAINING},
        "tuning": {"trials": 3},
    }
    teacher = {"name": "blockwise", "teacher": "lighttrack-tiny-generated"}
    files = {
        "chain.yaml": chain,
        "blockwise.yaml": chain | {"output": "run/blockwise", "supernet": {"strategy": teacher, "training": _TRAINING}},
        "images.yaml": chain | {"output": "run/images", "pretraining": {"images": "images", "training": _TRAINING}},
        "compare.yaml": {
            "table": "lighttrack-table",
            "strategies": {"random": "random", "nsga2": {"name": "nsga2", "population_size": 10}},
            "seeds": 3,
            "trials": 40,
            "objectives": ["maximize overlap", "minimize macs"],
            "output": "run/compare",
        },
    }
    for name, content in files.items():
        (folder / name).write_text(yaml.safe_dump(content))
