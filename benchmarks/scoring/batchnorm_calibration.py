"""BatchNorm statistics of a network taken from a supernet, estimated afresh.

A supernet's running statistics are a mixture over all paths that were sampled, and fit none of them. LightTrack's
search therefore forgets those of each extracted network and runs training pairs through it before it is scored (200
batches of 32 on a large data set).
"""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch.nn.modules.batchnorm import _BatchNorm

from lighttrack_nas.trackers.base.errors import InputError
from lighttrack_nas.trackers.network.network import SiameseNetwork
from lighttrack_nas.trackers.network.norms import folded_norms, has_folded_norms
from lighttrack_nas.trackers.training.batches import TensorBatch, fitted


@torch.no_grad()
def recalibrate(network: SiameseNetwork, batches: Iterable[TensorBatch]) -> None:
    """Replace the running statistics of all BatchNorms by those of some training pairs; weights stay.

    The statistics are the mean over the calls of the layer, each call counting the same: a backbone layer is called
    twice a batch, for templates and for search crops. Nothing is random here.

    Args:
        network: A plain network; in eval mode afterwards. A supernet's own statistics must stay as they are: extract a
            network first.
        batches: On the network's device. The order does not matter but for rounding.

    Raises:
        InputError: There is no batch, or most norms are folded (`trackers.network.norms`): the network would be lost.
        TypeError: The network is a weight-sharing one.
    """
    _ = network.exit  # a weight-sharing network has none
    if has_folded_norms(network):
        folded = len(folded_norms(network))
        raise InputError(
            f"BatchNorm statistics of a network with folded norms ({folded}) cannot be estimated afresh: they were put "
            "into its convolutions, and what is left are affine maps; score it as it is"
        )
    norms = [module for module in network.modules() if isinstance(module, _BatchNorm)]
    momenta = [norm.momentum for norm in norms]
    network.eval()
    seen = 0
    try:
        for norm in norms:
            norm.train()
            norm.reset_running_stats()
            norm.momentum = None  # a plain mean over the calls
        for batch in batches:
            batch = fitted(batch, network)
            network(batch.template, batch.search)
            seen += 1
    finally:
        for norm, momentum in zip(norms, momenta, strict=True):
            norm.eval()
            norm.momentum = momentum
    if seen == 0:
        raise InputError("BatchNorm statistics cannot be estimated from no batch: at least one is needed")
