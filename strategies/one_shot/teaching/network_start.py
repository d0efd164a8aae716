"""The first weights of one network that learns from a teacher: each block fitted to what the blocks before it give."""

from __future__ import annotations

import torch

from lighttrack_nas.search_spaces.building.model_space import build_model_space
from lighttrack_nas.search_spaces.building.supernet import Supernet
from lighttrack_nas.search_spaces.space import Architecture
from lighttrack_nas.strategies.one_shot.teaching.first_weights import start_from_teacher
from lighttrack_nas.strategies.one_shot.teaching.least_squares import fit_last
from lighttrack_nas.strategies.one_shot.teaching.lessons import Chosen, Lessons
from lighttrack_nas.trackers.network.network import SiameseNetwork
from lighttrack_nas.trackers.network.norms import fold_norms
from lighttrack_nas.trackers.training.batches import TensorBatch


def network_from_teacher(architecture: Architecture, lessons: Lessons, batch: TensorBatch) -> SiameseNetwork:
    """Build an architecture's plain network as near to a teacher as no training can bring it.

    Args:
        architecture: Of the lessons' space.
        lessons: Say what corresponds; what does not has random weights.
        batch: Pairs to fit on.
    """
    model_space = build_model_space(architecture.space, lessons.tasks)
    start_from_teacher(model_space, lessons, batch)
    fold_norms(model_space)
    network = Supernet(architecture.space, model_space).extract(architecture)
    refit_backbone(network, lessons, architecture.space.chosen(architecture), batch)
    return network


@torch.no_grad()
def refit_backbone(network: SiameseNetwork, lessons: Lessons, chosen: Chosen, batch: TensorBatch) -> None:
    """Fit the blocks of a network in their order, each to the teacher's map given what those before it really give.

    A supernet's blocks have met the errors of many others before them, and are nobody's best: after this, errors of
    single blocks add up less.

    Args:
        network: Plain, its norms folded; changed in place.
        lessons: Of its space.
        chosen: Its architecture: a value at every place.
        batch: Pairs to fit on; their search crops are looked at.
    """
    targets = lessons.targets(chosen)
    maps = lessons.teacher.maps(batch.search)
    was_training = network.training
    network.eval()
    features = network.backbone.stem(batch.search)
    for name, block in network.backbone.blocks.items():
        if name in targets:
            target = targets[name]
            fit_last(block, features, lessons.channels(*target, chosen), maps[target[1]])
        features = block(features)
    network.train(was_training)
