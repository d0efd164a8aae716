"""Any space that a file may describe learns from any teacher, or is refused in a sentence."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from torch import Tensor

from lighttrack_nas.place_tables import place_measuring
from lighttrack_nas.search_spaces.base.labels import TEMPLATE_SIZE
from lighttrack_nas.search_spaces.building.builder import build_network
from lighttrack_nas.search_spaces.building.model_space import build_model_space
from lighttrack_nas.search_spaces.building.supernet import Supernet
from lighttrack_nas.search_spaces.loading.loading import parse_space
from lighttrack_nas.search_spaces.space import Architecture, Space
from lighttrack_nas.strategies.one_shot.strategies.blockwise import lesson_path
from lighttrack_nas.strategies.one_shot.teaching.first_weights import start_from_teacher
from lighttrack_nas.strategies.one_shot.teaching.lessons import Lessons
from lighttrack_nas.strategies.one_shot.teaching.teacher import Teacher
from lighttrack_nas.strategies.one_shot.teaching.whole_lessons import whole_losses
from lighttrack_nas.trackers.base.errors import InputError
from lighttrack_nas.trackers.training.batches import TensorBatch
from lighttrack_nas.trackers.training.pairs.pair import Pair
from tests.search_spaces.spaces import descriptions

CALM = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much]


def noise(architecture: Architecture, count: int = 3) -> TensorBatch:
    """Crops of the sizes that an architecture takes."""
    description = architecture.space.description
    size = int(architecture.space.chosen(architecture).get(TEMPLATE_SIZE, description.template_size))
    generator = torch.Generator().manual_seed(0)
    sides = size, description.search_sizes_of(size)[0]
    template, search = (torch.randn(count, 3, side, side, generator=generator) for side in sides)
    return TensorBatch(template, search, torch.zeros(count, 4), torch.ones(count, dtype=torch.bool))


def random_teacher(space: Space, seed: int) -> tuple[Teacher, TensorBatch]:
    torch.manual_seed(seed)
    architecture = space.sample(np.random.default_rng(seed))
    batch, network = noise(architecture), build_network(architecture).train()
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.momentum = None  # its first batch gives its statistics
    network(batch.template, batch.search)
    return Teacher.of(network, architecture, "drawn", "0" * 16), batch


def refusal(space: Space, teacher: Teacher, batch: TensorBatch, seed: int) -> str:
    """Why a space is refused; else every loss of random paths is a number, of supernet and network the same."""
    try:
        lessons = Lessons(space, teacher)
    except InputError as error:
        return str(error)
    model_space = build_model_space(space, lessons.tasks)
    start_from_teacher(model_space, lessons, batch)
    supernet = Supernet(space, model_space).eval()
    rng = np.random.default_rng(seed)
    for _ in range(2):
        path = lesson_path(lessons, rng)
        chosen = space.chosen(path)
        supernet.pin(path)
        with torch.no_grad():
            maps = teacher.maps(batch.search)
            losses: list[Tensor] = [
                lessons.segment_ratio(supernet.network, segment, chosen, maps, batch.search)
                for segment in lessons.segments
                if lessons.running(segment, chosen)
            ]
            if chosen["output"] in lessons.tasks.exits:
                losses.append(lessons.exit_ratio(supernet.network, chosen["output"], chosen, maps))
            whole = whole_losses(lessons, supernet.network, chosen, batch, 1.0)
            plain = whole_losses(lessons, supernet.extract(path), chosen, batch, 1.0)
        assert all(bool(loss.isfinite()) for loss in (*losses, *whole.values()))
        assert all(torch.allclose(whole[name], plain[name]) for name in whole)
    return ""


@pytest.mark.slow
@settings(max_examples=8, deadline=None, suppress_health_check=CALM, phases=[Phase.explicit, Phase.generate])
@given(content=descriptions(), seed=st.integers(0, 99))
def test_a_space_learns_from_one_of_its_own_networks(content: dict[str, Any], seed: int) -> None:
    space = parse_space(content, where="drawn")
    if len(space.description.all_template_sizes) > 1:
        return
    teacher, batch = random_teacher(space, seed)
    strides = {block.total_stride for block in space.description.exits}
    refused = refusal(space, teacher, batch, seed)
    assert ("its stride is not" in refused) == (len(strides) > 1)
    assert bool(refused) == (len(strides) > 1)


class Noise:
    """Pairs of noise."""

    def pair(self, rng: np.random.Generator) -> Pair:
        template, search = (rng.integers(0, 255, (side, side, 3), dtype=np.uint8) for side in (32, 64))
        return Pair(template, search, np.array([3, 3, 16, 16], np.float32), True)


@settings(max_examples=5, deadline=None, suppress_health_check=CALM, phases=[Phase.explicit, Phase.generate])
@given(content=descriptions(), seed=st.integers(0, 99))
def test_what_has_no_say_changes_nothing_in_a_table_of_places(content: dict[str, Any], seed: int) -> None:
    space = parse_space(content | {"template_size": 32, "search_sizes": [64]}, where="drawn")
    if len({block.total_stride for block in space.description.exits}) > 1:
        return
    teacher, batch = random_teacher(space, seed)
    lessons = Lessons(space, teacher)
    model_space = build_model_space(space, lessons.tasks)
    start_from_teacher(model_space, lessons, batch)
    with pytest.MonkeyPatch.context() as patch:
        for name, value in (("_PAIRS", 2), ("_BATCH", 2), ("_TOWERS", 30), ("_MOST_MEASURED", 32)):
            patch.setattr(place_measuring, name, value)
        scores = place_measuring.measure_places(Supernet(space, model_space).eval(), lessons, Noise())
    rng = np.random.default_rng(seed)
    for path in (space.sample(rng) for _ in range(5)):
        np.testing.assert_allclose(scores.by_place(path), scores.by_place(path.path()), rtol=1e-4, atol=1e-5)


@pytest.mark.slow
@settings(max_examples=8, deadline=None, suppress_health_check=CALM, phases=[Phase.explicit, Phase.generate])
@given(content=descriptions(), other=descriptions(), seed=st.integers(0, 99))
def test_a_space_learns_from_a_network_of_another_or_is_refused(
    content: dict[str, Any], other: dict[str, Any], seed: int
) -> None:
    sizes = {"template_size": 32, "search_sizes": [64]}
    space, others = (parse_space(each | sizes, where="drawn") for each in (content, other))
    teacher, batch = random_teacher(others, seed)
    refused = refusal(space, teacher, batch, seed)
    reasons = "its stride is not", "a teacher must see", "has nothing in common", "corresponds to its own"
    assert not refused or any(reason in refused for reason in reasons)
