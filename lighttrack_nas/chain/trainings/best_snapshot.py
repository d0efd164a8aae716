"""The best of the states that a training has kept, by a score on validation sequences."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import FiniteFloat

from lighttrack_nas.strategies.one_shot.training.snapshots import SNAPSHOTS, snapshot_files
from lighttrack_nas.trackers.base.files import write_atomically
from lighttrack_nas.trackers.base.parsing import read_json

if TYPE_CHECKING:
    from lighttrack_nas.trackers.network.network import SiameseNetwork

SCORES = "scores.json"
_AGAIN = "remove it, and the same command scores all states again"


def take_best_snapshot(
    network: SiameseNetwork, output: Path, score: Callable[[SiameseNetwork], float]
) -> dict[str, Any]:
    """Score all states, and give the network the best one's weights; of equal ones the latest.

    What is scored stays so, in ``snapshots/scores.json``, if it is stopped.

    Args:
        network: Of the training; it is left in eval mode, on the CPU.
        output: Folder of the training.
        score: Of a network, the higher the better.

    Returns:
        What to record: the scores by step, and the step taken.

    Raises:
        InputError: A file cannot be read, or the score's own.
    """
    from lighttrack_nas.trackers.weights.weights import load_weights

    files, record = snapshot_files(output), output / SNAPSHOTS / SCORES
    scores: dict[str, float] = read_json(record, "scores", dict[str, FiniteFloat], _AGAIN) if record.exists() else {}
    network.cpu()
    for step, file in files.items():
        if str(step) not in scores:
            load_weights(network, file)
            scores[str(step)] = float(score(network.eval()))
            network.cpu()
            write_atomically(record, json.dumps(scores, indent=2) + "\n")
    best = max(files, key=lambda step: (scores[str(step)], step))
    load_weights(network, files[best])
    return {"snapshot_scores": scores, "taken_at_step": best}
