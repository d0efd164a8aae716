"""What must hold for every space that a file may describe, and for every file that may be wrong."""

import copy
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lighttrack_nas.benchmarks.costs.cost_table import CostTable
from lighttrack_nas.benchmarks.costs.network_costs import measure_costs
from lighttrack_nas.search_spaces.base.labels import TEMPLATE_SIZE
from lighttrack_nas.search_spaces.building.builder import build_network
from lighttrack_nas.search_spaces.building.supernet import Supernet
from lighttrack_nas.search_spaces.loading.loading import parse_space
from lighttrack_nas.search_spaces.space import Architecture
from lighttrack_nas.trackers.base.errors import InputError

from .spaces import Content, descriptions

CALM = [HealthCheck.too_slow, HealthCheck.data_too_large]
JUNK: list[Any] = [None, True, -1, 0, 3, 10**9, 1.5, "", "x", "stage0", [], {}, [[]], {"x": 1}, ["skip", "skip"]]
JUNK += [[32, 16], [2, 2], [0.5, 1], [True], [24, "x"], [float("inf"), float("nan")], "shared", ["shared", "shared"]]


def images(architecture: Architecture) -> tuple[torch.Tensor, torch.Tensor]:
    """Crops of the sizes that an architecture takes."""
    description = architecture.space.description
    size = int(architecture.space.chosen(architecture).get(TEMPLATE_SIZE, description.template_size))
    generator = torch.Generator().manual_seed(0)
    sizes = size, description.search_sizes_of(size)[0]
    template, search = (torch.randn(2, 3, size, size, generator=generator) for size in sizes)
    return template, search


@pytest.mark.slow
@given(descriptions(), st.integers(0, 2**32 - 1))
@settings(max_examples=8, deadline=None, suppress_health_check=CALM)
def test_every_space_trains_and_its_paths_are_its_networks(content: Content, seed: int) -> None:
    space = parse_space(content, "drawn")
    supernet, rng = Supernet(space), np.random.default_rng(seed)
    first = space.sample(rng)
    template, search = images(first)
    supernet.pin(first)
    scores, boxes = supernet(template, search)
    (scores.square().mean() + boxes.square().mean()).backward()
    assert any(p.grad is not None and bool(p.grad.abs().sum() > 0) for p in supernet.parameters())
    with torch.no_grad():
        for parameter in supernet.parameters():
            if parameter.grad is not None:
                parameter -= 1e-4 * parameter.grad
    supernet.zero_grad()
    supernet.eval()
    for _ in range(10):
        architecture = space.sample(rng)
        template, search = images(architecture)
        supernet.pin(architecture)
        own = supernet.extract(architecture)
        with torch.no_grad():
            for pinned, alone in zip(supernet(template, search), own(template, search), strict=True):
                assert torch.equal(pinned, alone) or (torch.isnan(pinned) == torch.isnan(alone)).all()
            built = build_network(architecture)
            assert built.state_dict().keys() == own.state_dict().keys()


@pytest.mark.slow
@given(descriptions(), st.integers(0, 2**32 - 1))
@settings(max_examples=8, deadline=None, suppress_health_check=CALM)
def test_costs_of_every_space_are_the_counter_s(content: Content, seed: int) -> None:
    space = parse_space(content, "drawn")
    table, rng = CostTable(space), np.random.default_rng(seed)
    drawn = [space.sample(rng) for _ in range(4)]
    for architecture in drawn:
        assert table.measure(architecture) == measure_costs(architecture)
        assert table.costs(architecture.canonical())["macs"] == table.costs(architecture)["macs"]
    macs = [table.costs(architecture)["macs"] for architecture in drawn]
    cheapest, dearest = (table.costs(architecture)["macs"] for architecture in table.extremes("macs"))
    assert cheapest <= min(macs)
    assert max(macs) <= dearest


@given(descriptions(), st.integers(0, 2**32 - 1))
@settings(max_examples=60, deadline=None, suppress_health_check=CALM)
def test_normal_forms_of_every_space(content: Content, seed: int) -> None:
    space = parse_space(content, "drawn")
    assert parse_space(space.description.model_dump(mode="json"), "again") == space
    rng = np.random.default_rng(seed)
    for _ in range(5):
        architecture = space.sample(rng)
        path, canonical = architecture.path(), architecture.canonical()
        assert path.path() == path
        assert canonical.canonical() == canonical == path.canonical()
        assert space.from_json(architecture.to_json()) == architecture
    assert 1 <= space.size.networks <= space.size.labels


def places(content: Any, place: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    found = [place] if place else []
    if isinstance(content, dict):
        return found + [inner for key in content for inner in places(content[key], (*place, key))]
    if isinstance(content, list):
        return found + [inner for index, item in enumerate(content) for inner in places(item, (*place, index))]
    return found


@pytest.mark.slow
@given(descriptions(), st.data())
@settings(max_examples=100, deadline=None, suppress_health_check=CALM)
def test_no_broken_file_ends_in_a_traceback(content: Content, data: st.DataObject) -> None:
    broken = copy.deepcopy(content)
    for _ in range(data.draw(st.integers(1, 3))):
        listed = places(broken)
        if not listed:
            break
        *outer, key = data.draw(st.sampled_from(listed))
        inside: Any = broken
        for part in outer:
            inside = inside[part]
        how = data.draw(st.sampled_from(("junk", "gone", "unknown")))
        if how == "junk":
            inside[key] = data.draw(st.sampled_from(JUNK))
        elif how == "gone":
            del inside[key]
        elif isinstance(inside, dict):
            inside["unknown"] = inside.pop(key)
    said, space = "", None
    try:
        space = parse_space(broken, "drawn")
    except InputError as error:
        said = str(error)
    assert ("drawn" in said) if space is None else space.size.labels >= 1
