"""The chain that a rehearsal runs: everything as in the whole one, but for a moment."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lighttrack_nas.chain.evaluators import table_to_build
from lighttrack_nas.chain.trainings.training import MODEL_FILE
from lighttrack_nas.checks.chain_checks import comes_later
from lighttrack_nas.config.config import Config
from lighttrack_nas.config.config_training import set_otherwise
from lighttrack_nas.search_spaces.loading.loading import load_space

if TYPE_CHECKING:
    from lighttrack_nas.trackers.data.sequence import Sequence as Video

STEPS = 8
"""Of each training."""
_CANDIDATES = 3  # of the search
_SEQUENCES = 3  # that candidates track


def few_videos(videos: Sequence[Video]) -> list[Video]:
    """The shortest sequences, one with frames without the target among them if there is one."""
    shortest = sorted((video for video in videos if video.has_boxes_to_score), key=len)
    few = shortest[:_SEQUENCES]
    with_absence = [video for video in shortest if video.absent[1:].any()]
    return few if not with_absence or with_absence[0] in few else [*few[: _SEQUENCES - 1], with_absence[0]]


def shortened(config: Config, output: str, sequences: tuple[str, ...]) -> Config:
    """The configuration of the rehearsal: everything as it is, but for a moment, and on one device.

    Args:
        config: Of the whole chain.
        output: Folder of the rehearsal.
        sequences: Names of those that candidates track.
    """

    def training(part: dict[str, Any]) -> dict[str, Any]:
        return set_otherwise(
            part, {"steps": STEPS, "warmup_steps": 1, "schedule_steps": None, "devices": 1, "nodes": 1}
        )

    supernet = config.supernet.model_copy(
        update={
            "training": training(config.supernet.training),
            "teacher_training": training(config.supernet.teacher_training),
        }
    )
    latency = config.search.latency
    if table_to_build(config, load_space(config.space)) is not None:
        latency = latency.model_copy(update={"source": "measured"})
    search = config.search.model_copy(
        update={
            "latency": latency,
            "strategy": "random",
            "trials": _CANDIDATES,
            "workers": 1,
            "constraints": (),
            "enqueue": (),
            "enqueue_predicted": 0,
            "enqueue_from_distribution": 0,
            "storage": None,
        }
    )
    part = config.retrain
    retrain = part.model_copy(update={"training": training(part.training), "choose": "best", "snapshots": 0})
    if part.architecture is not None and comes_later(part.architecture, config.folder("search")):
        retrain = retrain.model_copy(update={"architecture": None})
    if part.pretraining is not None:
        images = part.pretraining.model_copy(update={"training": training(part.pretraining.training), "held_out": None})
        retrain = retrain.model_copy(update={"pretraining": images})
    if part.teacher is not None and comes_later(part.teacher, config.folder("teacher")):
        retrain = retrain.model_copy(update={"teacher": str(Path(output) / "teacher" / MODEL_FILE)})
    pretraining = config.pretraining
    if pretraining is not None:
        pretraining = pretraining.model_copy(update={"training": training(pretraining.training)})
    return config.model_copy(
        update={
            "output": output,
            "validation": config.validation.model_copy(update={"only": sequences, "without": ()}),
            "supernet": supernet,
            "search": search,
            "retrain": retrain,
            "pretraining": pretraining,
        }
    )
