"""The output layer, the block whose features the heads see, as NNI's InputChoice."""

from __future__ import annotations

from torch import nn

from lighttrack_nas.search_spaces.base.labels import OUTPUT
from lighttrack_nas.search_spaces.building.nni_adapter import InputChoice, current_model
from lighttrack_nas.trackers.network.network import ChosenOutput


def output_layer(exits: int) -> tuple[nn.Module, tuple[int, ...]]:
    """Make the choice among a backbone's exits.

    Args:
        exits: How many there are.

    Returns:
        The module that takes one of the exits' features, and the exits that are needed for it: one where NNI's model
        context has decided, or there is but one.
    """
    if exits == 1:
        return ChosenOutput(0), (0,)
    decided = current_model()
    if decided is not None:
        index = decided[OUTPUT][0]
        return ChosenOutput(index), (index,)
    return InputChoice(n_candidates=exits, n_chosen=1, label=OUTPUT), tuple(range(exits))
