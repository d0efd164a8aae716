"""What trainings look at before they start: a space's MACs, and the weights that a backbone starts from."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from lighttrack_nas.models.supernets import BACKBONE_KIND, shared_weights_space
from lighttrack_nas.search_spaces.space import Space
from lighttrack_nas.trackers.base.errors import InputError

if TYPE_CHECKING:
    from lighttrack_nas.search_spaces.building.supernet import Supernet
    from lighttrack_nas.search_spaces.space import Architecture
    from lighttrack_nas.strategies.one_shot.training.one_shot_problem import MacsPaths
    from lighttrack_nas.strategies.one_shot.training.task import TrackingTask
    from lighttrack_nas.strategies.one_shot.training.taught_task import TaughtTask
    from lighttrack_nas.trackers.network.network import Backbone, SiameseNetwork
    from lighttrack_nas.trackers.training.batches import TensorBatch
    from lighttrack_nas.trackers.training.pairs.pair import PairSource

# Some thousands of positions in the smallest maps.
_FITTED_PAIRS = 32


def macs_paths(space: Space) -> MacsPaths:
    """What strategies may ask of MACs, from the space's cost table.

    Args:
        space: Whose.

    Raises:
        InputError: The space has none.
    """
    if not space.is_declared:
        space.refuse(
            "is NNI's, whose networks' MACs are known one by one only, so that one-shot strategies 'macs-uniform' and "
            "'sandwich' cannot draw by them: take 'spos'"
        )
    from lighttrack_nas.benchmarks.costs.macs_sampler import MacsSampler
    from lighttrack_nas.costing.cost_analysis import load_cost_table
    from lighttrack_nas.strategies.one_shot.training.one_shot_problem import MacsPaths

    table = load_cost_table(space)
    ends = table.extremes("macs")
    return MacsPaths(MacsSampler(table).sample, ends.cheapest, ends.dearest)


def start_backbone(backbone: Backbone, file: Path, space: Space) -> None:
    """Give a supernet's backbone its first weights.

    Args:
        backbone: Of choices, or made of a package's network.
        file: What `pretrain_backbone` wrote, or the weights of a package's network.
        space: The supernet's.

    Raises:
        InputError: Unreadable, or of another space.
    """
    from lighttrack_nas.search_spaces.building.backbone_weights import take_package_weights
    from lighttrack_nas.trackers.weights.weights import is_foreign, load_weights

    if is_foreign(file):
        take_package_weights(backbone, space, file)
        return
    file_space = shared_weights_space(file, BACKBONE_KIND)
    if file_space != space:
        raise InputError(
            f"backbone '{file}' is of space '{file_space.name}' ({file_space.hash}), "
            f"not of '{space.name}' ({space.hash})"
        )
    load_weights(backbone, file)


def first_network(
    architecture: Architecture,
    task: TrackingTask | TaughtTask,
    seed: int,
    supernet: Supernet | None,
    resumes: bool,
) -> SiameseNetwork:
    """Build the network that a training of one architecture starts from, in training mode.

    Args:
        architecture: What is trained.
        task: What it learns; with a teacher its blocks are fitted to the teacher's.
        seed: Of random weights, and of the pairs that are fitted on.
        supernet: Whose weights it inherits, if any.
        resumes: Whether a checkpoint's weights replace these anyway.

    Raises:
        InputError: The architecture is not of the supernet's space.
    """
    import torch

    from lighttrack_nas.search_spaces.building.builder import build_network
    from lighttrack_nas.strategies.one_shot.teaching.network_start import network_from_teacher, refit_backbone
    from lighttrack_nas.strategies.one_shot.training.taught_task import TaughtTask

    taught = task if isinstance(task, TaughtTask) and not resumes else None
    if supernet is not None:
        supernet.space.require(architecture)
        network = supernet.extract(architecture)
        if taught is not None and supernet.teacher is not None:
            chosen = architecture.space.chosen(architecture)
            refit_backbone(network, taught.lessons, chosen, fitted_pairs(taught.task.pairs, seed))
        return network.train()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        if taught is None:
            return build_network(architecture).train()
        return network_from_teacher(architecture, taught.lessons, fitted_pairs(taught.task.pairs, seed)).train()


def fitted_pairs(pairs: PairSource, seed: int) -> TensorBatch:
    """The pairs on which first weights are fitted to a teacher's maps."""
    from lighttrack_nas.trackers.training.batches import to_tensors
    from lighttrack_nas.trackers.training.pairs.pair import draw_batch

    return to_tensors(draw_batch(pairs, seed, 0, _FITTED_PAIRS))
