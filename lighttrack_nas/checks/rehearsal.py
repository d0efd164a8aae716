"""What the steps of a chain cost, by doing each for a moment in a folder that is thrown away."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any

import numpy as np

from lighttrack_nas.chain.chain import run_pretraining, run_retraining, run_search, run_supernet
from lighttrack_nas.chain.data import read_videos
from lighttrack_nas.chain.own_teacher import lacks_teacher, learns_from_teacher
from lighttrack_nas.config.config import Config
from lighttrack_nas.strategies.search.goals.objectives import TRACKED
from lighttrack_nas.trackers.base.files import make_folder
from lighttrack_nas.trackers.base.progress import Say

if TYPE_CHECKING:
    from lighttrack_nas.strategies.one_shot.training.callbacks import AfterStep

_STEPS = 8  # of each training
_CANDIDATES = 3  # of the search
_SEQUENCES = 3  # that candidates track


@dataclass(frozen=True)
class StepCost:
    """What one step of a chain takes.

    Attributes:
        name: The command.
        work: What is done, in words: "2,000 steps".
        pairs: Training pairs (or images) that are drawn; 0 where none are.
        seconds: Estimated; NaN where nothing was measured.
        disk: Bytes that it leaves, estimated.
    """

    name: str
    work: str
    pairs: int
    seconds: float
    disk: int


@dataclass(frozen=True)
class ChainCost:
    """What a chain takes on this machine.

    Attributes:
        steps: In their order.
        memory: Largest resident memory of this process while it rehearsed, bytes; NaN where the system does not tell.
            Processes that prepare batches come beside it.
    """

    steps: tuple[StepCost, ...]
    memory: float


def rehearse(config: Config, say: Say) -> ChainCost:
    """Do each step of a chain for a moment, and reckon what the whole takes.

    Eight steps of each training, three candidates on three of the validation sequences; times are those of this machine
    as busy as it is now. Generated sets are made where the chain will look for them.

    Args:
        config: Of a chain without mistakes, see `chain_mistakes`.
        say: Told what is rehearsed.

    Raises:
        InputError: A step cannot be done; it says why.
    """
    generated = config.folder("generated")
    make_folder(generated)
    with tempfile.TemporaryDirectory(prefix="lighttrack-nas-check-") as name:
        (Path(name) / "generated").symlink_to(generated.absolute(), target_is_directory=True)
        videos = read_videos(config.validation, generated)
        few = sorted(videos, key=len)[:_SEQUENCES]
        share = sum(map(len, videos)) / sum(map(len, few))
        short = _shortened(config, name, tuple(video.name for video in few))
        costs = []
        if config.pretraining is not None:
            say("rehearsing pretrain-backbone")
            costs.append(_training(config, short, "pretrain-backbone", "pretraining", run_pretraining))
        say("rehearsing train-supernet")
        costs.append(_training(config, short, "train-supernet", "supernet", run_supernet))
        say("rehearsing search")
        candidate, disk = _candidate(short, share)
        strategy = config.supernet.one_shot_strategy()
        if learns_from_teacher(strategy):
            count = config.predictor.networks
            costs.append(StepCost("predict", f"{count:,} networks, at most as below", 0, count * candidate, 0))
        trials = config.search.trials
        seconds = trials * candidate / config.search.workers
        costs.append(StepCost("search", f"{trials:,} trials, {candidate:.3g} s each", 0, seconds, disk))
        say("rehearsing retrain")
        costs.append(_training(config, short, "retrain", "retrain", run_retraining))
        if lacks_teacher(strategy):
            settings = config.training(config.supernet.teacher_training, "supernet.teacher_training")
            a_step = costs[-1].seconds / config.training(config.retrain.training, "retrain.training").steps
            pairs = settings.steps * settings.batch_size * settings.accumulate
            work = f"{settings.steps:,} steps of the teacher, as of retrain"
            costs.insert(0, StepCost("train-supernet", work, pairs, settings.steps * a_step, costs[-1].disk))
        sets = config.tuning.trials
        costs.append(StepCost("tune-tracker", f"{sets:,} sets", 0, sets * candidate, 0))
    return ChainCost(tuple(costs), _peak_memory())


def _shortened(config: Config, output: str, sequences: tuple[str, ...]) -> Config:
    """The configuration of the rehearsal: everything as it is, but for a moment."""

    def training(part: dict[str, Any]) -> dict[str, Any]:
        return part | {"steps": _STEPS, "warmup_steps": 1}

    supernet = config.supernet.model_copy(
        update={
            "training": training(config.supernet.training),
            "teacher_training": training(config.supernet.teacher_training),
        }
    )
    search = config.search.model_copy(
        update={
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
    retrain = config.retrain.model_copy(update={"training": training(config.retrain.training), "choose": "best"})
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


def _training(
    config: Config, short: Config, command: str, part: str, run: Callable[[Config, Say, AfterStep], object]
) -> StepCost:
    """Time the steps of a training, its start apart."""
    times = [perf_counter()]
    run(short, _silent, lambda *_: times.append(perf_counter()))
    settings = config.training(getattr(config, part).training, f"{part}.training")
    a_step = float(np.median(np.diff(times)[len(times) // 2 :]))
    start = max(times[-1] - times[0] - a_step * _STEPS, 0.0)
    pairs = settings.steps * settings.batch_size * settings.accumulate
    work = f"{settings.steps:,} steps, {a_step:.3g} s each"
    return StepCost(command, work, pairs, start + settings.steps * a_step, _size(short.folder(part)))


def _candidate(short: Config, share: float) -> tuple[float, int]:
    """Seconds of a candidate on all validation sequences, and bytes of a search's folder, most of which are figures."""
    result = run_search(short, _silent)
    seconds = result.trials["seconds"].dropna()
    scaled = share if any(objective.name in (*TRACKED, "score") for objective in result.objectives) else 1.0
    return float(seconds.min()) * scaled, _size(short.folder("search"))


def _silent(sentence: str) -> None:
    """Say nothing: what the steps say, they say when they are done in earnest."""


def _size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def _peak_memory() -> float:
    try:
        import resource
    except ImportError:  # not on Windows
        return float("nan")
    import sys

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return float(peak if sys.platform == "darwin" else peak * 1024)
