"""Small spaces, teachers and pairs for tests of what learns from a teacher."""

from __future__ import annotations

import copy
from functools import cache
from typing import Any

import numpy as np
import torch
from torch import nn

from lighttrack_nas.search_spaces.building.builder import build_network
from lighttrack_nas.search_spaces.building.model_space import build_model_space
from lighttrack_nas.search_spaces.building.supernet import Supernet
from lighttrack_nas.search_spaces.loading.loading import parse_space
from lighttrack_nas.search_spaces.space import Architecture, Space
from lighttrack_nas.strategies.one_shot.teaching.first_weights import start_from_teacher
from lighttrack_nas.strategies.one_shot.teaching.lessons import Lessons
from lighttrack_nas.strategies.one_shot.teaching.teacher import Teacher
from lighttrack_nas.trackers.training.batches import TensorBatch, to_tensors
from lighttrack_nas.trackers.training.pairs.pair import Pair, draw_batch

MBCONV = {"mbconv": {"kernel": [3, 5], "expansion": 2}}
# Three outputs, the second of which is most teachers'; towers of three and two layers.
CONTENT: dict[str, Any] = {
    "name": "small",
    "template_size": 32,
    "search_sizes": [64],
    "stem": {"channels": 8, "kernel": 3, "stride": 2},
    "stages": [
        {"channels": 8, "blocks": 1, "operations": {"separable": {"kernel": 3}}},
        {"channels": 12, "blocks": 2, "stride": 2, "operations": MBCONV},
        {"channels": 16, "blocks": 3, "stride": 2, "operations": MBCONV},
    ],
    "outputs": ["stage2-block0", "stage2-block1", "stage2-block2"],
    "fused_channels": 16,
    "towers": {
        "cls": {"widths": [12, 16], "layers": 3, "operations": {"dsconv": {"kernel": [3, 5]}}, "skip": True},
        "reg": {"widths": [16], "layers": 2, "operations": {"dsconv": {"kernel": [3, 5]}}},
    },
    "predictions": {"score_scale": 0.1, "box_activation": "exp", "box_scale": 8},
}


def small(**changes: Any) -> Space:
    """The small space, with other keys."""
    return parse_space(copy.deepcopy(CONTENT) | changes, where="test")


def without(*keys: str, **changes: Any) -> Space:
    """The small space without some of its keys, and with others."""
    kept = {key: value for key, value in copy.deepcopy(CONTENT).items() if key not in keys}
    return parse_space(kept | changes, where="test")


def stages(*changes: dict[str, Any]) -> list[dict[str, Any]]:
    """The small space's stages, each with other keys."""
    return [copy.deepcopy(stage) | more for stage, more in zip(CONTENT["stages"], changes, strict=True)]


class Squares:
    """A red square on noise."""

    def pair(self, rng: np.random.Generator) -> Pair:
        template, search = (rng.integers(0, 255, (side, side, 3), dtype=np.uint8) for side in (32, 64))
        x, y = (int(v) for v in rng.integers(5, 40, 2))
        template[8:24, 8:24] = search[y : y + 16, x : x + 16] = (0, 0, 255)
        return Pair(template, search, np.array([x, y, 16, 16], np.float32), True)


@cache
def crops(count: int = 4, seed: int = 0) -> TensorBatch:
    """Pairs as tensors."""
    return to_tensors(draw_batch(Squares(), seed, 0, count))


def middle(space: Space) -> Architecture:
    """The second of three outputs, first candidates elsewhere, towers without skips."""
    chosen = {label: values[0] for label, values in space.labels.items()}
    if len(space.labels.get("output", ())) == 3:
        chosen["output"] = space.labels["output"][1]
    return space.architecture(chosen)


def settled(network: nn.Module) -> None:
    """Give every norm statistics of some pairs, and weights of its own."""
    generator = torch.Generator().manual_seed(5)
    for norm in network.modules():
        if isinstance(norm, nn.BatchNorm2d):
            norm.momentum = None
            with torch.no_grad():
                norm.weight.uniform_(0.7, 1.3, generator=generator)
                norm.bias.normal_(0, 0.2, generator=generator)
    network.train()(crops().template, crops().search)
    network.eval()


def teacher_of(architecture: Architecture, name: str = "plain") -> Teacher:
    """An architecture's network, of random weights, as a teacher."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(3)
        network = build_network(architecture)
        settled(network)
    return Teacher.of(network, architecture, name, "0" * 16)


def started(lessons: Lessons) -> Supernet:
    """The lessons' supernet with its first weights, in eval mode."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        model_space = build_model_space(lessons.space, lessons.tasks)
    start_from_teacher(model_space, lessons, crops(16))
    return Supernet(lessons.space, model_space).eval()
