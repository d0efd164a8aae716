"""The trainings on pairs: a supernet, and the chosen network alone.

Each works in a folder of its own: ``run.json`` says what is trained there, ``last.ckpt`` holds the state to go on from,
``tensorboard/`` the losses. The same call again goes on where it stopped, or returns what is finished.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lighttrack_nas.chain.trainings.pretraining import take_backbone
from lighttrack_nas.chain.trainings.training_records import begin_run, outcome, task_record, training_record
from lighttrack_nas.chain.trainings.training_starts import first_network, fitted_pairs, macs_paths, start_backbone
from lighttrack_nas.models.backbones import backbone_of, require_backbone
from lighttrack_nas.models.models import load_model, save_model
from lighttrack_nas.models.supernets import (
    SUPERNET_FILE,
    load_supernet,
    save_supernet,
    supernet_file,
)
from lighttrack_nas.search_spaces.space import Architecture, Space
from lighttrack_nas.strategies.one_shot.devices.device_processes import is_first_process
from lighttrack_nas.trackers.base.errors import InputError
from lighttrack_nas.trackers.base.files import write_atomically
from lighttrack_nas.trackers.tracking.hyper_parameters import HyperParameters

if TYPE_CHECKING:
    from lighttrack_nas.models.models import Model
    from lighttrack_nas.search_spaces.building.supernet import Supernet
    from lighttrack_nas.strategies.one_shot.teaching.lessons import Lessons
    from lighttrack_nas.strategies.one_shot.training.callbacks import AfterStep
    from lighttrack_nas.strategies.one_shot.training.one_shot_problem import OneShotStrategy
    from lighttrack_nas.strategies.one_shot.training.training_settings import TrainingSettings
    from lighttrack_nas.trackers.network.network import SiameseNetwork
    from lighttrack_nas.trackers.training.losses import LossSettings
    from lighttrack_nas.trackers.training.pairs.pair import PairSource
    from lighttrack_nas.trackers.training.targets import TargetSettings

DISTRIBUTION_FILE = "distribution.json"
MODEL_FILE = "model.safetensors"


def train_supernet(
    space: Space,
    pairs: PairSource,
    *,
    settings: TrainingSettings,
    output: str | Path,
    strategy: str | OneShotStrategy = "spos",
    targets: TargetSettings | None = None,
    losses: LossSettings | None = None,
    backbone: str | Path | None = None,
    start_from: str | Path | None = None,
    held_out: PairSource | None = None,
    record: Mapping[str, Any] | None = None,
    progress: AfterStep | None = None,
) -> Supernet:
    """Train a space's weight-sharing network for tracking, through one of NNI's one-shot strategies.

    Args:
        space: The space.
        pairs: The training pairs.
        settings: How to train.
        output: The run's folder; the result is its ``supernet.safetensors``, and with a differentiable strategy
            ``distribution.json``, which `Distribution.from_json` reads.
        strategy: The way of training, or its name in `lighttrack_nas.strategies.one_shot.strategies.one_shot_registry`.
        targets: How labels are made; None: the default.
        losses: How they are compared with; None: the default.
        backbone: What the backbone starts from: a ``backbone.safetensors``, or, where its blocks are parts of a network
            of torchvision or timm, that network's weights as its `state_dict` gives them, as safetensors or .pth. None
            starts from random weights.
        start_from: A supernet of this or another space, by its file or folder, whose weights are taken where they fit;
            the report is written beside the result. See `lighttrack_nas.models.migration.migrate_supernet`.
        held_out: Pairs on which a strategy with a teacher measures its table of places, ``places.json`` and
            ``places.csv`` beside the result; None: training pairs that come after those of the training.
        record: JSON-able facts on the data, kept with the result.
        progress: Called after every step.

    Returns:
        The supernet, in eval mode.

    Raises:
        InputError: See `lighttrack_nas.strategies.one_shot.training.fit.fit`; or no such strategy, or it does not fit
            the settings, the folder holds another training, the backbone is of another space, or the supernet to start
            from cannot be read or has nothing in common with the space.
    """
    import torch

    from lighttrack_nas.models.migration import save_report, start_record, take_weights
    from lighttrack_nas.models.teachers import load_teacher
    from lighttrack_nas.search_spaces.building.model_space import build_model_space
    from lighttrack_nas.search_spaces.building.supernet import Supernet
    from lighttrack_nas.strategies.one_shot.strategies.differentiable import learnt_distribution, without_alphas
    from lighttrack_nas.strategies.one_shot.strategies.one_shot_registry import one_shot_strategy, strategy_record
    from lighttrack_nas.strategies.one_shot.teaching.first_weights import start_from_teacher
    from lighttrack_nas.strategies.one_shot.training.fit import CHECKPOINT, fit
    from lighttrack_nas.strategies.one_shot.training.one_shot_problem import OneShotProblem
    from lighttrack_nas.trackers.network.norms import fold_norms

    output = Path(output)
    if backbone is not None and start_from is not None:
        raise InputError(f"start from supernet '{start_from}' or from backbone '{backbone}', not from both")
    if isinstance(strategy, str):
        strategy = one_shot_strategy(strategy)
    require_backbone(space, settings)
    task = _tracking_task(pairs, settings, targets, losses)
    about = (
        training_record("train-supernet", space, settings, record)
        | task_record(task)
        | {"strategy": strategy_record(strategy), "backbone": None if backbone is None else str(backbone)}
        | {"start_from": None if start_from is None else start_record(start_from, space, output)}
    )
    plan = strategy.plan(
        OneShotProblem(space=space, settings=settings, macs=partial(macs_paths, space), load_teacher=load_teacher)
    )
    lessons = plan.lessons
    if lessons is not None:
        about |= {"teacher": lessons.teacher.record()}
        if start_from is not None or backbone is not None:
            raise InputError("a supernet that learns from a teacher starts from it: leave out start_from and backbone")
    begin_run(output, about)
    file = output / SUPERNET_FILE
    if file.exists():
        return _taught(output, load_supernet(file, space), lessons, pairs if held_out is None else held_out, settings)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(settings.seed)
        model = build_model_space(space) if lessons is None else build_model_space(space, lessons.tasks)
    if lessons is not None and not (output / CHECKPOINT).exists():
        start_from_teacher(model, lessons, fitted_pairs(pairs, settings.seed))
    if backbone is not None:
        start_backbone(model.network.backbone, Path(backbone), space)
    if start_from is not None and not (output / CHECKPOINT).exists():
        taken = take_weights(model, load_supernet(supernet_file(start_from)).model_space)
        if is_first_process():
            save_report(taken, output)
    report = fit(model, backbone_of(model.network), task, settings, output, plan=plan, progress=progress)
    distribution = learnt_distribution(space, model)
    if distribution is not None:
        # Before the supernet's: where that is, this is.
        write_atomically(output / DISTRIBUTION_FILE, distribution.to_json() + "\n")
        model = without_alphas(model)
    if lessons is not None:
        fold_norms(model)
    save_supernet(Supernet(space, model), file, about | outcome(report))
    return _taught(output, load_supernet(file, space), lessons, pairs if held_out is None else held_out, settings)


def _taught(
    output: Path, supernet: Supernet, lessons: Lessons | None, pairs: PairSource, settings: TrainingSettings
) -> Supernet:
    """See that a supernet that learnt from a teacher has its table of places beside it."""
    from lighttrack_nas.benchmarks.scoring.place_scores import PLACES_FILE

    if lessons is not None and is_first_process() and not (output / PLACES_FILE).exists():
        from lighttrack_nas.place_tables.place_measuring import measure_places

        measure_places(supernet, lessons, pairs, seed=settings.seed).save(output)
    return supernet


def retrain(
    architecture: Architecture,
    pairs: PairSource,
    *,
    settings: TrainingSettings,
    output: str | Path,
    targets: TargetSettings | None = None,
    losses: LossSettings | None = None,
    supernet: Supernet | None = None,
    hyper_parameters: HyperParameters | None = None,
    teacher: str | Path | None = None,
    teacher_code: str | None = None,
    teacher_weight: float = 1.0,
    label_weight: float = 1.0,
    backbone: str | Path | None = None,
    snapshots: int = 0,
    snapshot_share: float = 0.4,
    score: Callable[[SiameseNetwork], float] | None = None,
    record: Mapping[str, Any] | None = None,
    progress: AfterStep | None = None,
) -> Model:
    """Train one architecture's plain network, from random weights or from those it inherits.

    With a teacher it learns the teacher's maps and answers, and labels beside them where there are any. It then starts
    from the teacher's blocks, or from those it inherits from a supernet that had a teacher, fitted in closed form.

    Args:
        architecture: What to train.
        pairs: The training pairs; with a teacher they need no labels.
        settings: How to train.
        output: The run's folder; the result is its ``model.safetensors``.
        targets: How labels are made; None: the default.
        losses: How they are compared with; None: the default.
        supernet: Whose weights to start from; None starts from the teacher's, and without one from random ones.
        hyper_parameters: To store with the network; None: the published defaults, with exact crops, since pairs are
            cut without the released tracker's half pixel.
        teacher: A model file, a model that ships, by its name, a folder of `export`, or a released checkpoint, which
            sees crops and has a stride like the space's; None learns from labels alone.
        teacher_code: Of a released checkpoint: its official code.
        teacher_weight: Factor on what the teacher's lessons cost, above 0.
        label_weight: Factor on what labels cost beside a teacher; 0 looks at none.
        backbone: What the backbone starts from: the file of `pretrain_network`. What else there is starts as said of
            `supernet`.
        snapshots: How many states of the weights are kept of the last part of the training, evenly spaced, its end
            among them, of which the result is the one that scores best; 0 takes the end.
        snapshot_share: That last part, as a share of the steps.
        score: Of a network, the higher the better, such as its AO on validation sequences; needed by `snapshots`.
        record: JSON-able facts on the data, kept with the result.
        progress: Called after every step.

    Raises:
        InputError: See `lighttrack_nas.strategies.one_shot.training.fit.fit`; or the folder holds another training, the
            supernet is of another space, the teacher cannot be read or has nothing in common with the space, or a
            weight is impossible.
    """
    from lighttrack_nas.chain.trainings.best_snapshot import take_best_snapshot
    from lighttrack_nas.models.teachers import load_teacher
    from lighttrack_nas.strategies.one_shot.training.fit import CHECKPOINT, fit
    from lighttrack_nas.strategies.one_shot.training.snapshots import snapshot_steps
    from lighttrack_nas.strategies.one_shot.training.taught_task import TeacherWeights, taught

    output = Path(output)
    require_backbone(architecture.space, settings)
    task = _tracking_task(pairs, settings, targets, losses)
    about = (
        training_record("retrain", architecture.space, settings, record)
        | task_record(task)
        | {
            "architecture": dict(architecture.choices),
            "inherited": supernet is not None,
        }
    )
    if supernet is not None and supernet.teacher is not None:
        about |= {"supernet_teacher": dict(supernet.teacher)}
    if teacher is not None:
        weights = TeacherWeights(teacher=teacher_weight, labels=label_weight)
        task = taught(task, architecture, load_teacher(str(teacher), teacher_code), weights, settings.channels_last)
        about |= {"teacher": task.lessons.teacher.record() | {"weight": teacher_weight, "label_weight": label_weight}}
    elif teacher_code is not None:
        raise InputError(
            f"code '{teacher_code}' is a teacher's, and no teacher was given: name its checkpoint, or leave it out"
        )
    if backbone is not None:
        if teacher is not None:
            raise InputError("a network that learns from a teacher starts from it: leave out teacher or backbone")
        about |= {"backbone": str(backbone)}
    kept = snapshot_steps(settings.steps, snapshots, snapshot_share)
    if kept:
        if score is None:
            raise InputError("snapshots: there is no score to choose the best by: give `score`")
        about |= {"snapshots": list(kept)}
    begin_run(output, about)
    file = output / MODEL_FILE
    if not file.exists():
        network = first_network(architecture, task, settings.seed, supernet, (output / CHECKPOINT).exists())
        if backbone is not None:
            take_backbone(network.backbone, Path(backbone), architecture)
        report = fit(network, backbone_of(network), task, settings, output, snapshots=kept, progress=progress)
        about |= outcome(report)
        if score is not None and kept:
            about |= take_best_snapshot(network, output, score)
        stored = hyper_parameters or HyperParameters(exact_crops=True)
        save_model(network, architecture, file, hyper_parameters=stored, provenance=about)
    return load_model(file)


def _tracking_task(
    pairs: PairSource, settings: TrainingSettings, targets: TargetSettings | None, losses: LossSettings | None
) -> Any:
    from lighttrack_nas.strategies.one_shot.training.task import TrackingTask
    from lighttrack_nas.trackers.training.losses import LossSettings
    from lighttrack_nas.trackers.training.targets import TargetSettings

    return TrackingTask(
        pairs, settings.batch_size, settings.seed, targets or TargetSettings(), losses or LossSettings()
    )
