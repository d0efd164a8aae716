"""What measures architectures, as a configuration describes it."""

from __future__ import annotations

import os
from collections.abc import Sequence as Sequence_
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lighttrack_nas.chain.data import choose_videos, training_pairs, validation_pairs
from lighttrack_nas.chain.pair_sources import expanded
from lighttrack_nas.config.config import Config
from lighttrack_nas.config.config_data import memory_bytes
from lighttrack_nas.models.supernets import SUPERNET_FILE, supernet_file
from lighttrack_nas.search_spaces.loading.loading import load_space
from lighttrack_nas.search_spaces.space import Space
from lighttrack_nas.trackers.base.errors import InputError
from lighttrack_nas.trackers.base.progress import Say
from lighttrack_nas.trackers.data.sequence import Sequence
from lighttrack_nas.trackers.tracking.copies import CopySettings, ReducedVideo, with_copies
from lighttrack_nas.trackers.tracking.hyper_parameters import load_hyper_parameters

if TYPE_CHECKING:
    from lighttrack_nas.benchmarks.latency.latency_measuring import LatencySettings
    from lighttrack_nas.benchmarks.latency.latency_table import LatencyTable
    from lighttrack_nas.benchmarks.scoring.network_scorer import NetworkScorer
    from lighttrack_nas.benchmarks.scoring.supernet_evaluator import SupernetEvaluator
    from lighttrack_nas.search_spaces.building.supernet import Supernet
    from lighttrack_nas.trackers.tracking.lockstep import Video as FrameSource
    from lighttrack_nas.trackers.training.losses import LossSettings
    from lighttrack_nas.trackers.training.targets import TargetSettings


def supernet_evaluator(
    config: Config,
    say: Say,
    latency: LatencySettings | LatencyTable | None = None,
    supernet: Supernet | None = None,
    processes: int = 1,
) -> SupernetEvaluator:
    """Make what scores architectures with the weights of a supernet.

    Args:
        config: Its space, data, validation and search.
        say: See `Say`.
        latency: Where "latency_ms" comes from; None measures in torch. `search_latency` gives the configuration's.
        supernet: Whose weights; None loads what the configuration's `train-supernet` left.
        processes: That score at the same time, between which `data.cache` is divided.

    Raises:
        InputError: The supernet is not trained yet, or data cannot be read.
    """
    from lighttrack_nas.benchmarks.scoring.supernet_evaluator import SupernetEvaluator

    space = load_space(config.space)
    validation = choose_videos(config.validation, config.folder("generated"), say)
    calibration = calibration_data(config)
    data = {"pairs": calibration.data.model_dump(mode="json"), "sequences": config.validation.model_dump(mode="json")}
    evaluator = SupernetEvaluator(
        supernet or trained_supernet(config, space),
        calibration_pairs=training_pairs(calibration, space, say, processes),
        calibration_batches=config.search.calibration_batches,
        latency=latency,
        data=data | ({"left_out": sorted(validation.left_out)} if validation.left_out else {}),
        **_scoring(config, space, validation.sequences, processes, say),
    )
    if evaluator.keeps_folded:
        say(
            "the supernet has folded norms, whose statistics stand in its convolutions: networks with such norms are "
            "scored as they are, without statistics estimated afresh"
        )
    return evaluator


def calibration_data(config: Config) -> Config:
    """The configuration with those sources alone on which `search.calibrate_on` has norms' statistics estimated."""
    kinds = config.search.calibrate_on
    if not kinds:
        return config
    sources = tuple(source for source in config.data.sources if source.kind in kinds)
    return config.model_copy(update={"data": config.data.model_copy(update={"sources": sources})})


def network_scorer(config: Config, processes: int = 1) -> NetworkScorer:
    """Make what scores networks with weights of their own, on what `supernet_evaluator` scores those that inherit.

    Args:
        config: Its space, data, validation and search.
        processes: That score at the same time, between which `data.cache` is divided.

    Raises:
        InputError: Data cannot be read.
    """
    from lighttrack_nas.benchmarks.scoring.network_scorer import NetworkScorer

    sequences = choose_videos(config.validation, config.folder("generated")).sequences
    return NetworkScorer(**_scoring(config, load_space(config.space), sequences, processes, lambda _: None))


def tracked_frames(config: Config, space: Space, sequences: list[Sequence], processes: int, say: Say) -> dict[str, Any]:
    """From where the configuration's candidates get the frames that they track, as scorers are told it.

    Args:
        config: Its validation.
        space: Whose networks track.
        sequences: Of the validation.
        processes: That share the cores; of several, one waits for the others.
        say: Told of copies, and that figures are theirs.

    Returns:
        "frames", a source a sequence; "frame_memory", bytes for each process; "readers", threads for each.

    Raises:
        InputError: Unknown hyper-parameters.
    """
    part, readers = config.validation, _readers(config, processes)
    frames: Sequence_[FrameSource] = sequences
    if part.copies is not None:
        settings = CopySettings(
            folder=config.folder("copies"),
            margin=part.copies,
            template_size=space.template_size,
            context=load_hyper_parameters(config.search.hyper_parameters).context,
            limit=memory_bytes(part.disk),
            readers=max(1, readers),
        )
        frames = with_copies(sequences, settings, say)
        count = sum(isinstance(video, ReducedVideo) for video in frames)
        say(
            f"{count} of {len(sequences)} validation sequences are tracked on reduced copies of their frames "
            f"(validation.copies {part.copies:g}): their AO is near to that of the frames themselves, not the same"
        )
    return {"frames": frames, "frame_memory": memory_bytes(part.memory), "readers": readers}


def with_chosen(config: Config, sequences: Sequence_[Sequence]) -> Config:
    """The configuration for processes whose caller has chosen the validation's sequences: they need not look again.

    With `on_bad: leave out` the choice decodes every frame.
    """
    names = tuple(sequence.name for sequence in sequences)
    chosen = config.validation.model_copy(update={"only": names, "without": (), "on_bad": "refuse"})
    return config.model_copy(update={"validation": chosen})


def _readers(config: Config, processes: int) -> int:
    """Threads that decode frames in each of several processes."""
    import torch

    if config.validation.readers is not None:
        return config.validation.readers
    cores = (os.cpu_count() or 1) // max(1, processes - 1)
    # On a GPU's machine torch's threads have nothing to do while networks track.
    busy = 0 if config.device != "cpu" else config.threads or torch.get_num_threads()
    return max(1, cores - busy)


def _scoring(config: Config, space: Space, sequences: list[Sequence], processes: int, say: Say) -> dict[str, Any]:
    targets, losses = targets_and_losses(config)
    return {
        "sequences": sequences,
        **tracked_frames(config, space, sequences, processes, say),
        "quick_pairs": validation_pairs(space, sequences, config.data.cache_share(processes)),
        # Not the seed of the training, whose pairs the network has learnt.
        "seed": config.seed + 1_000_000,
        "batch_size": config.search.batch_size,
        "quick_pairs_count": config.search.quick_pairs,
        "hyper_parameters": config.search.hyper_parameters,
        "score": config.search.score,
        "device": config.device,
        "targets": targets,
        "losses": losses,
    }


def trained_supernet(config: Config, space: Space) -> Supernet:
    """Load the supernet that the configuration names, or that its `train-supernet` left.

    Raises:
        InputError: It is not there, or is of another space.
    """
    from lighttrack_nas.models.supernets import load_supernet

    return load_supernet(supernet_of(config), space)


def supernet_of(config: Config) -> Path:
    """The file of the supernet that the configuration's searches use.

    Raises:
        InputError: It is not there.
    """
    path = config.supernet.path
    file = config.folder("supernet") / SUPERNET_FILE if path is None else supernet_file(expanded(path))
    if file.exists():
        return file
    if path is not None:
        raise InputError(f"supernet.path: '{file}' does not exist: expected a supernet's file or folder")
    raise InputError(f"'{file}' does not exist: run `lighttrack-nas train-supernet` with this configuration first")


def supernet_folder(config: Config) -> Path:
    """Where the training of the supernet that searches use has left what stands beside it.

    Raises:
        InputError: The configuration names one that is not there.
    """
    return config.folder("supernet") if config.supernet.path is None else supernet_of(config).parent


def search_latency(config: Config, space: Space, say: Say) -> LatencySettings | LatencyTable:
    """Where the configuration's search takes its latencies from; a table that is not there yet is built.

    A space of which no table can be made is measured, unless the configuration asks for a table in so many words.

    Raises:
        InputError: A runtime, a device or a precision that cannot be used, or a table of something else.
    """
    from lighttrack_nas.benchmarks.latency.latency_table import LatencyTable
    from lighttrack_nas.costing.latency_tables import machines_table, without_table

    part, settings = config.search.latency, _latency_settings(config)
    why = without_table(space)
    if part.source == "measured" or (why and part.table is None and "source" not in part.model_fields_set):
        if part.source != "measured":
            say(f"{why}: each network's latency is measured")
        settings.try_out(space)
        return settings
    if part.table is not None:
        return LatencyTable.load(expanded(part.table), space, settings.fingerprint())
    if why:
        raise InputError(f"search.latency.source: {why}; set it to measured")
    return machines_table(space, settings, say)


def table_to_build(config: Config, space: Space) -> LatencySettings | None:
    """What latency table a search with this configuration will build first; None where it builds none."""
    from lighttrack_nas.costing.latency_tables import has_machines_table, without_table

    part = config.search.latency
    if not config.search.wants_latency or part.source == "measured" or part.table is not None or without_table(space):
        return None
    settings = _latency_settings(config)
    return None if has_machines_table(space, settings) else settings


def _latency_settings(config: Config) -> LatencySettings:
    from lighttrack_nas.benchmarks.latency.latency_measuring import LatencySettings

    part = config.search.latency
    return LatencySettings(part.runtime, part.threads, part.device or config.device, part.precision)


def targets_and_losses(config: Config) -> tuple[TargetSettings, LossSettings]:
    """How the configuration makes labels, and compares with them.

    Raises:
        InputError: An unknown key.
    """
    from lighttrack_nas.trackers.training.losses import LossSettings
    from lighttrack_nas.trackers.training.targets import TargetSettings

    return _typed(TargetSettings, config.data.targets, "data.targets"), _typed(
        LossSettings, config.data.losses, "data.losses"
    )


def prepare_torch(config: Config) -> None:
    """Set the threads, and see that the device is there before any data is read.

    Raises:
        InputError: The device cannot be used.
    """
    import torch

    from lighttrack_nas.benchmarks.latency.latency_programs import checked_device

    checked_device(config.device)
    if config.threads is not None:
        torch.set_num_threads(config.threads)


def _typed(kind: Any, values: dict[str, Any], where: str) -> Any:
    from dataclasses import fields

    from lighttrack_nas.trackers.base.names import checked_name

    for name in values:
        checked_name(name, [field.name for field in fields(kind)], f"key of {where},")
    return kind(**values)
