"""What the steps of a chain cost, by doing each for a moment in a folder that is thrown away."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from lighttrack_nas.benchmarks.latency.latency_build import estimate_build
from lighttrack_nas.chain.chain import run_retraining, run_search, run_supernet
from lighttrack_nas.chain.data import choose_videos, read_videos
from lighttrack_nas.chain.evaluators import table_to_build, tracked_frames
from lighttrack_nas.chain.image_steps import run_network_pretraining, run_pretraining
from lighttrack_nas.chain.own_teacher import lacks_teacher, learns_from_teacher
from lighttrack_nas.chain.pair_sources import expanded
from lighttrack_nas.chain.presence_tuning import RULES
from lighttrack_nas.chain.trainings.training import MODEL_FILE
from lighttrack_nas.checks.short_chains import STEPS, few_videos, shortened
from lighttrack_nas.config.config import Config
from lighttrack_nas.models.models import load_model
from lighttrack_nas.processes.search_processes import threads_of_each
from lighttrack_nas.search_spaces.loading.loading import load_space
from lighttrack_nas.strategies.one_shot.images.image_folders import read_image_folder
from lighttrack_nas.strategies.search.goals.objectives import TRACKED
from lighttrack_nas.trackers.base.files import make_folder
from lighttrack_nas.trackers.base.progress import Say
from lighttrack_nas.trackers.tracking.hyper_parameters import load_hyper_parameters
from lighttrack_nas.trackers.tracking.lockstep import Video as FrameSource
from lighttrack_nas.trackers.tracking.lockstep import keep_frames

if TYPE_CHECKING:
    from lighttrack_nas.config.config_training import Pretraining
    from lighttrack_nas.strategies.one_shot.training.callbacks import AfterStep
    from lighttrack_nas.strategies.one_shot.training.training_settings import TrainingSettings

_PLENTY = 8 << 30  # bytes, for their frames


@dataclass(frozen=True)
class StepCost:
    """What one step of a chain takes.

    Attributes:
        name: The command, and after a colon a part of it that has a line of its own.
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
    as busy as it is now. Frames of the validation sequences that will find no room in memory are reckoned as decoded
    for each candidate. Generated sets are made where the chain will look for them.

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
        few = few_videos(videos)
        short = shortened(config, name, tuple(video.name for video in few))
        costs = []
        if config.pretraining is not None:
            say("rehearsing pretrain-backbone")
            settings = _image_settings(config, config.pretraining, "pretraining")
            costs.append(_training(settings, short, "pretrain-backbone", "pretraining", run_pretraining))
        if config.supernet.path is None:
            say("rehearsing train-supernet")
            settings = config.training(config.supernet.training, "supernet.training")
            costs.append(_training(settings, short, "train-supernet", "supernet", run_supernet))
        say("rehearsing search")
        measured, disk = _candidate(short, _worker_threads(config))
        pretraining = None
        if config.retrain.pretraining is not None:
            say("rehearsing pretrain-network")
            settings = _image_settings(config, config.retrain.pretraining, "retrain.pretraining")
            pretraining = _training(settings, short, "pretrain-network", "network-pretraining", run_network_pretraining)
        say("rehearsing retrain")
        settings = config.training(config.retrain.training, "retrain.training")
        retraining = _training(settings, short, "retrain", "retrain", run_retraining)
        tracking = _tracking(short)
        few_frames, frames = sum(map(len, few)), sum(map(len, videos))
        # What does not track, such as new BatchNorm statistics, takes as long however long the sequences are.
        others = max(measured - tracking.of(few_frames), 0.0) if _tracks(short) else measured
        candidate = others + tracking.of(frames) if _tracks(config) else measured
        strategy = config.supernet.one_shot_strategy()
        if learns_from_teacher(strategy):
            count = config.predictor.networks
            costs.append(StepCost("predict", f"{count:,} networks, at most as below", 0, count * candidate, 0))
        latency = table_to_build(config, load_space(config.space))
        if latency is not None:
            work = f"on {latency.runtime}, once for this machine"
            seconds = estimate_build(load_space(config.space), latency)
            costs.append(StepCost("search: latency table", work, 0, seconds, 0))
        trials = config.search.trials
        seconds = trials * candidate / min(config.search.workers, os.cpu_count() or 1)
        costs.append(StepCost("search", f"{trials:,} trials, {candidate:.3g} s each", 0, seconds, disk))
        costs += [] if pretraining is None else [pretraining]
        costs.append(_with_snapshots(retraining, config.retrain.snapshots, tracking.of(frames)))
        if config.supernet.path is None and lacks_teacher(strategy):
            settings = config.training(config.supernet.teacher_training, "supernet.teacher_training")
            pairs = _pairs(settings)
            work = f"{settings.steps:,} steps of the teacher, as of retrain"
            seconds = pairs * retraining.seconds / retraining.pairs
            costs.insert(0, StepCost("train-supernet: teacher", work, pairs, seconds, retraining.disk))
        sets = config.tuning.trials
        if any(video.absent[1:].any() for video in videos):
            sets += 1 + len(RULES)  # which fits presence, and looks for a rule
        costs.append(StepCost("tune-tracker", f"{sets:,} sets", 0, sets * tracking.of(frames), 0))
    return ChainCost(tuple(costs), _peak_memory())


def _image_settings(config: Config, part: Pretraining, where: str) -> TrainingSettings:
    images = read_image_folder(expanded(part.images)).images
    return config.training(part.training, f"{where}.training", epoch=len(images))


def _training(
    settings: TrainingSettings, short: Config, command: str, step: str, run: Callable[[Config, Say, AfterStep], object]
) -> StepCost:
    """Time the steps of a training, its start apart.

    Args:
        settings: Of the whole training.
        short: The configuration of the rehearsal.
        command: What it is called.
        step: Whose folder it works in.
        run: What trains.
    """
    times = [perf_counter()]
    run(short, _silent, lambda *_: times.append(perf_counter()))
    a_step = float(np.median(np.diff(times)[len(times) // 2 :]))
    start = max(times[-1] - times[0] - a_step * STEPS, 0.0)
    work = f"{settings.steps:,} steps, {a_step:.3g} s each"
    return StepCost(command, work, _pairs(settings), start + settings.steps * a_step, _size(short.folder(step)))


def _with_snapshots(retraining: StepCost, count: int, tracking: float) -> StepCost:
    """The retraining with the states that it keeps, each of which tracks the validation sequences."""
    if not count:
        return retraining
    work = f"{retraining.work}, {count:,} states that track"
    seconds, disk = retraining.seconds + count * tracking, retraining.disk * (1 + count)
    return replace(retraining, work=work, seconds=seconds, disk=disk)


def _pairs(settings: TrainingSettings) -> int:
    """What is drawn for a training on all its devices."""
    return settings.steps * settings.samples_per_step


def _tracks(config: Config) -> bool:
    """Whether candidates track: an objective or a limit is a figure of tracks, or a score that weighs one."""
    part = config.search
    names = part.wanted
    return not names.union(part.score if "score" in names else ()).isdisjoint(TRACKED)


def _worker_threads(config: Config) -> int | None:
    """Torch threads of each of several workers; None where one alone searches."""
    return threads_of_each(config.search.workers) if config.search.workers > 1 else None


def _candidate(short: Config, threads: int | None) -> tuple[float, int]:
    """Seconds of a candidate on the few sequences, and bytes of a search's folder, most of which are figures."""
    import torch

    before = torch.get_num_threads()
    try:
        result = run_search(short if threads is None else short.model_copy(update={"threads": threads}), _silent)
    finally:
        torch.set_num_threads(before)
    return float(result.trials["seconds"].dropna().min()), _size(short.folder("search"))


class Tracking(NamedTuple):
    """What a tracked frame takes.

    Attributes:
        kept: Seconds, where the frame is in memory.
        read: Seconds, where it is decoded.
        room: Frames that find room in memory.
    """

    kept: float
    read: float
    room: float

    def of(self, frames: int) -> float:
        """Seconds for a number of frames."""
        kept = min(frames, self.room)
        return kept * self.kept + (frames - kept) * self.read


def _tracking(short: Config) -> Tracking:
    """Time the retrained network on the few sequences, with frames in memory and without."""
    from lighttrack_nas.benchmarks.scoring.network_scores import track_ao

    few = choose_videos(short.validation, short.folder("generated")).sequences
    network = load_model(short.folder("retrain") / MODEL_FILE).network
    hyper_parameters = load_hyper_parameters(short.search.hyper_parameters)
    asked = tracked_frames(short, load_space(short.space), few, 1, _silent)
    count = sum(map(len, few))

    def a_frame(videos: Sequence[FrameSource]) -> float:
        seconds = []
        for _ in range(2):  # the first time warms up, and reads what is kept
            start = perf_counter()
            track_ao(network, few, hyper_parameters, short.device, frames=videos, readers=asked["readers"])
            seconds.append(perf_counter() - start)
        return min(seconds) / count

    kept = a_frame(keep_frames(asked["frames"], _PLENTY))
    size = float(np.mean([video.frame(0).nbytes for video in asked["frames"]]))
    return Tracking(kept, max(kept, a_frame(asked["frames"])), asked["frame_memory"] // size)


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
