"""What a whole network learns from a teacher: its maps, its fused map, its answers, errors before each included."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import torch
from torch import Tensor

from lighttrack_nas.strategies.one_shot.teaching.correspondence import STEM
from lighttrack_nas.strategies.one_shot.teaching.lessons import Chosen, Lessons, answers_loss
from lighttrack_nas.trackers.network.network import SiameseNetwork
from lighttrack_nas.trackers.training.batches import TensorBatch


class WholeRun(NamedTuple):
    """A network's run beside its teacher's.

    Attributes:
        losses: Scalars: "loss", what to descend, and its parts "blocks" (mean over the maps), "fusion" and "answers".
        raw: What the network's `raw` gave.
    """

    losses: dict[str, Tensor]
    raw: tuple[Tensor, Tensor]


def whole_losses(
    lessons: Lessons, network: SiameseNetwork, chosen: Chosen, batch: TensorBatch, answers_weight: float
) -> dict[str, Tensor]:
    """The losses of `whole_run`."""
    return whole_run(lessons, network, chosen, batch, answers_weight).losses


def whole_run(
    lessons: Lessons, network: SiameseNetwork, chosen: Chosen, batch: TensorBatch, answers_weight: float
) -> WholeRun:
    """Run a network on pairs and say how far it is from the teacher, at every map that corresponds to one of its own.

    Args:
        lessons: Of the network's space.
        network: Plain, or of choices with a path pinned.
        chosen: Its architecture: a value at every place.
        batch: The pairs; labels are not looked at.
        answers_weight: Of the answers beside the maps.
    """
    teacher = lessons.teacher
    targets = lessons.targets(chosen)
    crops = batch.template, batch.search
    wanted = [teacher.maps(crop) for crop in crops]
    answers = teacher.answers_from(*(maps[teacher.exit] for maps in wanted))
    with recorded(network, list(targets)) as kept:
        fused = network.fused(*crops)
    ratios = [
        lessons.channels(*target, chosen).ratio(features, maps[target[1]])
        for name, target in targets.items()
        for features, maps in zip(kept[name], wanted, strict=False)
    ]
    raw = network.raw(fused)
    of_answers = answers_loss(network, raw, answers)
    of_fused = lessons.fused_ratio(fused, answers.fused)
    blocks = torch.stack(ratios).mean() if ratios else of_fused.detach() * 0
    losses = {
        "loss": blocks + of_fused + answers_weight * of_answers,
        "blocks": blocks,
        "fusion": of_fused,
        "answers": of_answers,
    }
    return WholeRun(losses, raw)


@contextmanager
def recorded(network: SiameseNetwork, names: Sequence[str]) -> Iterator[dict[str, list[Tensor]]]:
    """Keep what blocks give while a network runs.

    Args:
        network: Plain or of choices.
        names: Of the blocks; `STEM` for the stem.

    Yields:
        By name, an output a call: of the template's crop, then of the search crop's.
    """
    kept: dict[str, list[Tensor]] = {name: [] for name in names}

    def keep(name: str) -> Any:
        return lambda module, inputs, output: kept[name].append(output)

    modules = {name: network.backbone.stem if name == STEM else network.backbone.blocks[name] for name in names}
    handles = [module.register_forward_hook(keep(name)) for name, module in modules.items()]
    try:
        yield kept
    finally:
        for handle in handles:
            handle.remove()
