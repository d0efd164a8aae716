"""The steps of the chain as the commands run them, from one configuration: each reads what the one before it left."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from lighttrack_nas.chain.choosing import chosen_network
from lighttrack_nas.chain.data import (
    choose_videos,
    read_videos,
    require_labels,
    training_pairs,
    validation_pairs,
)
from lighttrack_nas.chain.evaluators import (
    prepare_torch,
    search_latency,
    supernet_evaluator,
    targets_and_losses,
    tracked_frames,
    trained_supernet,
)
from lighttrack_nas.chain.pair_sources import decoding_processes, expanded
from lighttrack_nas.chain.trainings.pretraining import BACKBONE_FILE
from lighttrack_nas.chain.trainings.shown_steps import require_file, shown_steps
from lighttrack_nas.chain.trainings.training import MODEL_FILE
from lighttrack_nas.config.config import Config
from lighttrack_nas.models.architecture_files import find_architecture
from lighttrack_nas.models.migration import TABLE_FILE
from lighttrack_nas.models.models import Model, load_model, save_model
from lighttrack_nas.reporting.phrases import uncounted_text
from lighttrack_nas.reporting.progress_bar import progress
from lighttrack_nas.search_spaces.loading.loading import load_space
from lighttrack_nas.search_spaces.space import Space
from lighttrack_nas.trackers.base.errors import InputError
from lighttrack_nas.trackers.base.progress import Say
from lighttrack_nas.trackers.tracking.hyper_parameters import load_hyper_parameters

if TYPE_CHECKING:
    from lighttrack_nas.chain.tuning import Tuning
    from lighttrack_nas.results.results import Result
    from lighttrack_nas.search_spaces.building.supernet import Supernet
    from lighttrack_nas.strategies.one_shot.training.callbacks import AfterStep
    from lighttrack_nas.trackers.network.network import SiameseNetwork


@dataclass(frozen=True)
class Retrained:
    """A network that was trained alone.

    Attributes:
        model: The network with its architecture.
        file: Its file.
        measured: What the search had measured of it; empty where it was not chosen from a search.
    """

    model: Model
    file: Path
    measured: dict[str, float]


def run_supernet(config: Config, say: Say, after_step: AfterStep | None = None) -> Supernet:
    """Train the supernet, from the pre-trained backbone or the other supernet that the configuration names, if any.

    Where its strategy learns from a teacher and none is named, one of the chain's own is trained first. See
    `train_supernet` and `taught_by_own`.

    Args:
        config: Of the chain.
        say: See `Say`.
        after_step: Told of each step of the supernet in place of a progress bar.

    Raises:
        InputError: The backbone is not trained yet, or see there.
    """
    from lighttrack_nas.chain.own_teacher import (
        lacks_teacher,
        learns_from_teacher,
        taught_by_own,
        teacher_settings,
        with_expanded_teacher,
    )
    from lighttrack_nas.chain.trainings.training import train_supernet

    if config.supernet.path is not None:
        raise InputError(
            f"supernet.path: '{config.supernet.path}' is a finished supernet, which searches use as it is: leave path "
            "out to train one here, or name it as supernet.start_from to go on from it"
        )
    prepare_torch(config)
    space, strategy = load_space(config.space), with_expanded_teacher(config.supernet.one_shot_strategy())
    require_labels(config, "the supernet's strategy", getattr(strategy, "needs_labels", True))
    backbone = None if config.supernet.backbone is None else Path(expanded(config.supernet.backbone))
    if config.pretraining is not None:
        backbone = config.folder("pretraining") / BACKBONE_FILE
        require_file(backbone, "pretrain-backbone")
    start_from = None if config.supernet.start_from is None else expanded(config.supernet.start_from)
    settings = config.training(config.supernet.training, "supernet.training")
    targets, losses = targets_and_losses(config)
    processes, held_out = decoding_processes(settings), None
    pairs = training_pairs(config, space, say, processes)
    if learns_from_teacher(strategy):
        videos = read_videos(config.validation, config.folder("generated"), say)
        held_out = validation_pairs(space, videos, config.data.cache_share(processes))
    if lacks_teacher(strategy):
        with shown_steps("teacher", teacher_settings(config)) as told:
            strategy = taught_by_own(config, strategy, settings, config.folder("teacher"), say, told)
    if start_from is not None:
        say(f"the supernet starts from '{start_from}': '{config.folder('supernet') / TABLE_FILE}' says what is taken")
    with shown_steps("supernet", settings, after_step) as told:
        return train_supernet(
            space,
            pairs,
            settings=settings,
            output=config.folder("supernet"),
            strategy=strategy,
            targets=targets,
            losses=losses,
            backbone=backbone,
            start_from=start_from,
            held_out=held_out,
            record=config.data.model_dump(mode="json"),
            progress=told,
        )


def run_search(config: Config, say: Say) -> Result:
    """Search the supernet's space; see `search`.

    Raises:
        InputError: The supernet is not trained yet, or see there.
    """
    from lighttrack_nas.benchmarks.latency.latency_measuring import LatencySettings
    from lighttrack_nas.chain.predicting import enqueued_likely, enqueued_predictions
    from lighttrack_nas.chain.searching import search, with_judge

    prepare_torch(config)
    space, part = load_space(config.space), config.search
    likely = enqueued_likely(config, space)
    latency = search_latency(config, space, say) if part.wants_latency else None
    likely += enqueued_predictions(config, space, None if isinstance(latency, LatencySettings) else latency, say)
    evaluator = supernet_evaluator(config, say, latency, processes=part.workers + 1)
    if "macs" in part.wanted and (left_out := uncounted_text(evaluator.uncounted)):
        say(f"warning: {left_out}")
    if part.workers > 1 and isinstance(latency, LatencySettings):
        say("workers disturb each other's timings: take latencies from a table, search.latency.source=table")
    with progress("search", part.trials, "trials") as advance:
        shown = 0

        def tell(done: int, total: int, text: str) -> None:
            nonlocal shown
            advance(done - shown, text)
            shown = done

        return search(
            space,
            evaluator=evaluator,
            strategy=with_judge(part.search_strategy(config.seed), space, config.seed),
            objectives=part.objectives,
            constraints=part.constraints,
            n_trials=part.trials,
            output=config.folder("search"),
            storage=part.storage,
            study=config.folder("search").name,
            enqueue=[find_architecture(source, config.space, say) for source in part.enqueue] + likely,
            workers=part.workers,
            progress=tell,
            say=say,
        )


def run_retraining(config: Config, say: Say, after_step: AfterStep | None = None) -> Retrained:
    """Train the chosen architecture alone; see `retrain`.

    Args:
        config: Of the chain.
        say: See `Say`.
        after_step: Told of each step in place of a progress bar.

    Raises:
        InputError: There is no search to choose from, or see there.
    """
    from lighttrack_nas.chain.trainings.training import retrain
    from lighttrack_nas.trackers.network.norms import has_folded_norms

    part = config.retrain
    require_labels(config, "retraining without a teacher", part.teacher is None)
    prepare_torch(config)
    space = load_space(config.space)
    architecture, measured = chosen_network(config, say)
    settings = config.training(part.training, "retrain.training")
    targets, losses = targets_and_losses(config)
    pairs = training_pairs(config, space, say, decoding_processes(settings))
    supernet = trained_supernet(config, space) if part.inherit else None
    backbone = None
    if part.pretraining is not None:
        backbone = config.folder("network-pretraining") / BACKBONE_FILE
        require_file(backbone, "pretrain-network")
    if supernet is not None and has_folded_norms(supernet.extract(architecture)):
        say("the network has folded norms, whose statistics stand in its weights: they stay affine maps, which learn")
    with shown_steps("retraining", settings, after_step) as told:
        model = retrain(
            architecture,
            pairs,
            settings=settings,
            output=config.folder("retrain"),
            targets=targets,
            losses=losses,
            supernet=supernet,
            hyper_parameters=load_hyper_parameters(config.search.hyper_parameters),
            teacher=None if part.teacher is None else expanded(part.teacher),
            teacher_code=part.code,
            teacher_weight=part.teacher_weight,
            label_weight=part.label_weight,
            backbone=backbone,
            snapshots=part.snapshots,
            snapshot_share=part.snapshot_share,
            score=_validation_ao(config, space, say) if part.snapshots else None,
            record=config.data.model_dump(mode="json"),
            progress=told,
        )
    return Retrained(model, config.folder("retrain") / MODEL_FILE, measured)


def run_tuning(config: Config, say: Say) -> Tuning:
    """Tune the retrained tracker's hyper-parameters, and store them in its file; see `tune_tracker`.

    Raises:
        InputError: There is no retrained network, or see there.
    """
    from lighttrack_nas.chain.tuning import tune_tracker

    prepare_torch(config)
    file = config.folder("retrain") / MODEL_FILE
    require_file(file, "retrain")
    space = load_space(config.space)  # whose Python files the model may need
    model = load_model(file)
    validation = choose_videos(config.validation, config.folder("generated"), say)
    frames = tracked_frames(config, space, validation.sequences, 1, say)
    with progress("tuning", config.tuning.trials, "sets") as advance:
        tuning = tune_tracker(
            model.network,
            validation.sequences,
            n_trials=config.tuning.trials,
            output=config.folder("tuning"),
            start=load_hyper_parameters(config.search.hyper_parameters),
            seed=config.seed,
            device=config.device,
            progress=advance,
            **frames,
        )
    tuned_on = {"tuned_on": config.validation.model_dump(mode="json"), "tuned_ao": tuning.ao}
    if validation.left_out:
        tuned_on["tuned_without"] = validation.left_out
    save_model(
        model.network.cpu(),
        model.architecture,
        file,
        hyper_parameters=tuning.hyper_parameters,
        provenance=dict(model.provenance) | tuned_on,
    )
    return tuning


def _validation_ao(config: Config, space: Space, say: Say) -> Callable[[SiameseNetwork], float]:
    """What measures a network's AO on the validation sequences, whose frames it keeps."""
    from lighttrack_nas.benchmarks.scoring.network_scores import track_ao
    from lighttrack_nas.trackers.tracking.lockstep import keep_frames

    sequences = choose_videos(config.validation, config.folder("generated"), say).sequences
    given = tracked_frames(config, space, sequences, 1, say)
    frames, readers = keep_frames(given["frames"], given["frame_memory"]), given["readers"]
    hyper_parameters = load_hyper_parameters(config.search.hyper_parameters)

    def ao(network: SiameseNetwork) -> float:
        figures = track_ao(network, sequences, hyper_parameters, config.device, frames=frames, readers=readers)
        return float(figures["ao"])

    return ao
