"""The cost table: sums of parts against the count of the whole network."""

import numpy as np
import pytest
import torch

from lighttrack_nas.benchmarks.cost_table import CostTable
from lighttrack_nas.benchmarks.costs import measure_costs
from lighttrack_nas.search_spaces.architecture import Architecture
from lighttrack_nas.search_spaces.description import SpaceDescription
from lighttrack_nas.search_spaces.loading import load_space
from lighttrack_nas.search_spaces.space import OUTPUT, Space
from lighttrack_nas.trackers.errors import InputError

TABLES = {name: CostTable(load_space(name)) for name in ("lighttrack-tiny", "lighttrack", "lighttrack-12")}


def counted(architecture: Architecture) -> dict[str, int]:
    costs = measure_costs(architecture)
    return {"macs": costs.macs, "params": costs.params, "macs_template": costs.macs_template}


def samples(table: CostTable, count: int, seed: int = 0) -> list[Architecture]:
    rng = np.random.default_rng(seed)
    return [table.space.sample(rng) for _ in range(count)]


@pytest.mark.parametrize(("name", "count"), [("lighttrack-tiny", 10), ("lighttrack-12", 2)])
def test_sums_are_the_count_to_the_last_unit(name: str, count: int) -> None:
    for architecture in samples(TABLES[name], count):
        costs = TABLES[name].costs(architecture)
        assert costs == counted(architecture), architecture
        assert all(type(value) is int for value in costs.values())


@pytest.mark.slow
@pytest.mark.parametrize(("name", "count"), [("lighttrack-tiny", 100), ("lighttrack", 30), ("lighttrack-12", 30)])
def test_sums_are_the_count_for_many(name: str, count: int) -> None:
    for architecture in samples(TABLES[name], count, seed=1):
        assert TABLES[name].costs(architecture) == counted(architecture), architecture


@pytest.mark.parametrize("name", ["lighttrack-tiny", "lighttrack-12"])
def test_every_output(name: str) -> None:
    """Strides, channels and kernels differ between the outputs."""
    table = TABLES[name]
    choices = dict(samples(table, 1)[0].choices)
    for output in table.space.candidates[OUTPUT]:
        architecture = table.space.architecture({**choices, OUTPUT: output})
        assert table.costs(architecture) == counted(architecture), output


def test_published_network(mobile_code: str) -> None:
    table = TABLES["lighttrack"]
    costs = table.costs(table.space.decode(mobile_code))
    assert costs["params"] == 1_969_397
    assert round(costs["macs"] / 1e6, 2) == 530.41
    assert round(costs["macs_template"] / 1e6, 2) == 87.34


def test_the_same_network_costs_the_same() -> None:
    table = TABLES["lighttrack-tiny"]
    for architecture in samples(table, 50):
        assert table.costs(architecture) == table.costs(architecture.canonical()) == table.costs(architecture.path())


def test_space_with_few_choices() -> None:
    """Fixed blocks and towers, one output that is not the last block, a stem without stride, names with dots."""
    content = load_space("lighttrack-tiny").description.model_dump(mode="json")
    content["name"] = "few"
    content["search_sizes"] = [80, 128]
    content["stem"] = {"channels": 8, "kernel": 5, "stride": 1}
    content["operations"] = {
        "separable3": {"kind": "separable", "kernel": 3},
        "k3.e2": {"kind": "mbconv", "kernel": 3, "expansion": 2},
        "k5": {"kind": "dsconv", "kernel": 5},
        "skip": {"kind": "skip"},
    }
    content["stages"] = [
        {"name": "stem", "channels": 8, "blocks": 1, "stride": 2, "operations": ["separable3"]},
        {"name": "stage1", "channels": 16, "blocks": 2, "stride": 2, "operations": ["k3.e2", "separable3"]},
        {"name": "stage2", "channels": 16, "blocks": 1, "stride": 2, "operations": ["k3.e2"]},
        {"name": "stage3", "channels": 16, "blocks": 1, "stride": 1, "operations": ["k3.e2", "separable3"]},
    ]
    content["outputs"] = ["stage1-block1", "stage2"]
    tower = {"widths": [24], "layers": [{"operations": ["k5"]}, {"operations": ["skip", "k5"], "repeat": 2}]}
    content["towers"] = {"cls": tower, "reg": {**tower, "widths": [16, 24]}}
    table = CostTable(Space(SpaceDescription.model_validate(content)))
    for architecture in samples(table, 8):
        assert table.costs(architecture) == counted(architecture), architecture


def test_another_space_is_refused() -> None:
    foreign = samples(TABLES["lighttrack-12"], 1)[0]
    with pytest.raises(InputError, match="lighttrack-12"):
        TABLES["lighttrack"].costs(foreign)


def test_counting_leaves_torchs_generator_alone() -> None:
    table = CostTable(load_space("lighttrack-tiny"))
    before = torch.get_rng_state()
    table.costs(samples(table, 1)[0])
    assert torch.equal(torch.get_rng_state(), before)
