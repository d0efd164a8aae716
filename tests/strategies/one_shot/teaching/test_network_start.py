"""How one network starts from a teacher: as the teacher, or nearer to it than its supernet's weights are."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from lighttrack_nas.search_spaces.space import Architecture
from lighttrack_nas.strategies.one_shot.teaching.lessons import Lessons
from lighttrack_nas.strategies.one_shot.teaching.network_start import network_from_teacher, refit_backbone
from lighttrack_nas.strategies.one_shot.teaching.whole_lessons import whole_losses
from lighttrack_nas.trackers.network.network import SiameseNetwork
from lighttrack_nas.trackers.network.norms import fold_norms, has_folded_norms
from tests.strategies.one_shot.teaching.small_teachers import crops, middle, small, started, teacher_of

SPACE = small()
TEACHER = middle(SPACE)


@pytest.fixture(scope="module")
def lessons() -> Lessons:
    return Lessons(SPACE, teacher_of(TEACHER))


def blocks_loss(lessons: Lessons, network: SiameseNetwork, architecture: Architecture) -> float:
    with torch.no_grad():
        return float(
            whole_losses(lessons, network.eval(), SPACE.chosen(architecture), crops(16, seed=9), 1.0)["blocks"]
        )


def test_the_teachers_own_architecture_starts_as_the_teacher(lessons: Lessons) -> None:
    network = network_from_teacher(TEACHER, lessons, crops(16)).eval()
    batch = crops(4, seed=2)
    with torch.no_grad():
        for found, wanted in zip(
            network(batch.template, batch.search), lessons.teacher.network(batch.template, batch.search), strict=True
        ):
            torch.testing.assert_close(found, wanted, rtol=1e-3, atol=1e-3)
    assert has_folded_norms(network)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(4))
def test_blocks_that_drifted_are_nearer_after_the_fit(lessons: Lessons, seed: int) -> None:
    architecture = SPACE.sample(np.random.default_rng(seed))
    supernet = started(lessons)
    fold_norms(supernet)
    network = supernet.extract(architecture)
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in network.backbone.parameters():
            parameter.mul_(1 + 0.1 * torch.randn(parameter.shape, generator=generator))
    drifted = blocks_loss(lessons, network, architecture)
    heads = {key: value.clone() for key, value in network.cls_head.state_dict().items()}
    network.train()
    refit_backbone(network, lessons, SPACE.chosen(architecture), crops(16))
    assert network.training
    assert blocks_loss(lessons, network, architecture) < 0.8 * drifted
    assert all(torch.equal(heads[key], value) for key, value in network.cls_head.state_dict().items())


def test_the_fit_is_a_function_of_its_pairs(lessons: Lessons) -> None:
    architecture = SPACE.sample(np.random.default_rng(7))
    torch.manual_seed(0)
    again = network_from_teacher(architecture, lessons, crops(16)).state_dict()
    torch.manual_seed(0)
    once_more = network_from_teacher(architecture, lessons, crops(16)).state_dict()
    assert all(torch.equal(again[key], once_more[key]) for key in again)
