"""Weights by task: towers of all depths, and supernets that equal the networks they give, bit for bit."""

import copy
import json
from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, Phase, assume, given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

import lighttrack_nas as ltn
from lighttrack_nas.search_spaces.base.labels import OUTPUT
from lighttrack_nas.search_spaces.building.supernet import Supernet
from lighttrack_nas.search_spaces.building.tasks import Tasks, can_have_tasks
from lighttrack_nas.search_spaces.building.tower_tasks import task_ends, tower_task, tower_tasks
from lighttrack_nas.search_spaces.loading.loading import parse_space
from lighttrack_nas.trackers.weights.weights import load_weights
from tests.search_spaces.spaces import descriptions

NUMBERS = st.integers(1, 12)
CALM = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much]


@given(depth=NUMBERS, layers=NUMBERS)
def test_tasks_follow_each_other_from_the_fused_map_to_the_last_layer(depth: int, layers: int) -> None:
    ends = [task_ends(tower_task(layer, depth, layers)) for layer in range(depth)]
    assert [first for first, _ in ends].count(0) == 1
    assert ends[0][0] == 0
    assert ends[-1][1] == layers
    assert all(one[1] == other[0] for one, other in pairwise(ends))
    # An even share: none has two layers more than another.
    lengths = [last - first for first, last in ends]
    assert max(lengths) - min(lengths) <= 1


@given(layers=NUMBERS)
def test_a_tower_as_deep_as_the_teacher_s_has_one_layer_for_each(layers: int) -> None:
    assert [tower_task(layer, layers, layers) for layer in range(layers)] == [f"{j}-{j + 1}" for j in range(layers)]


@given(most=NUMBERS, layers=NUMBERS)
def test_all_tasks_are_those_of_all_depths(most: int, layers: int) -> None:
    found = tower_tasks(most, layers)
    assert set(found) == {tower_task(i, depth, layers) for depth in range(1, most + 1) for i in range(depth)}
    assert list(found) == sorted(found, key=task_ends)


@pytest.mark.parametrize(
    ("depth", "layers", "tasks"),
    [
        (1, 8, ["0-8"]),
        (2, 8, ["0-4", "4-8"]),
        (3, 8, ["0-3", "3-5", "5-8"]),
        (2, 1, ["0-1", "1-1"]),  # half up: the second of two has nothing left to do
        (4, 2, ["0-1", "1-1", "1-2", "2-2"]),
        (5, 1, ["0-1", "1-1", "1-1", "1-1", "1-1"]),  # only the first layer reads the fused map
    ],
)
def test_tasks_by_hand(depth: int, layers: int, tasks: list[str]) -> None:
    assert [tower_task(layer, depth, layers) for layer in range(depth)] == tasks


def some_tasks(space: ltn.Space, layers: Mapping[str, int]) -> Tasks:
    outputs = space.labels.get(OUTPUT, ())
    # A stage of free depth has no certain last block.
    free = {stage.name for stage in space.description.stages if stage.depths}
    exits = tuple(b.name for b in space.description.exits if b.name in outputs[:-1] and b.stage not in free)
    towers = {branch: layers[branch] for branch in space.description.towers.branches if can_have_tasks(space, branch)}
    return Tasks(exits, towers)


def supernet_of(space: ltn.Space, tasks: Tasks) -> Supernet:
    torch.manual_seed(0)
    found = Supernet(space, ltn.build_model_space(space, tasks))
    generator = torch.Generator().manual_seed(0)
    for norm in found.modules():
        if isinstance(norm, nn.BatchNorm2d) and norm.running_mean is not None and norm.running_var is not None:
            norm.running_mean.normal_(0, 0.1, generator=generator)
            norm.running_var.uniform_(0.5, 1.5, generator=generator)
    return found.eval()


def crops(space: ltn.Space, architecture: ltn.Architecture) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(1)
    size = ltn.build_network(architecture).template_size
    template, search = (
        torch.randn(1, 3, side, side, generator=generator)
        for side in (size, space.description.search_sizes_of(size)[0])
    )
    return template, search


def require_equal(supernet: Supernet, architecture: ltn.Architecture) -> None:
    """Pinned and taken out, an architecture gives the same answers bit for bit, at once and step by step."""
    template, search = crops(supernet.space, architecture)
    supernet.pin(architecture)
    plain = supernet.extract(architecture)
    with torch.no_grad():
        at_once = supernet(template, search), plain(template, search)
        stepwise = [each.track(each.template(template), search) for each in (supernet, plain)]
    for pinned, own in (at_once, stepwise):
        assert all(torch.equal(one, other) for one, other in zip(pinned, own, strict=True))


OPEN = ltn.define_space(
    name="open",
    extends="lighttrack-tiny",
    stages=[
        ltn.Stage(channels=16, blocks=1, operations={"separable": {"kernel": 3}}),
        ltn.Stage(channels=[16, 24], blocks=2, stride=2, operations={"mbconv": {"kernel": [3, 5], "expansion": 2}}),
        ltn.Stage(channels=40, blocks=[1, 3], stride=2, operations={"mbconv": {"kernel": 3}}, expansions=[1, 2]),
        ltn.Stage(channels=32, blocks=2, operations={"mbconv": {"kernel": [3, 5], "expansion": 2}}),
    ],
    outputs={"last": 3},
    towers={
        "cls": ltn.Tower(widths=[16, 24], layers=3, operations={"dsconv": {"kernel": [3, 5]}}, skip=True),
        "reg": ltn.Tower(widths=[16], layers=2, operations={"dsconv": {"kernel": [3, 5]}}),
    },
)
SPACES = {"tiny": ltn.load_space("lighttrack-tiny"), "table": ltn.load_space("lighttrack-table"), "open": OPEN}


@pytest.mark.slow
@pytest.mark.parametrize("name", SPACES)
def test_a_supernet_with_tasks_equals_its_networks(name: str, tmp_path: Path) -> None:
    space = SPACES[name]
    supernet = supernet_of(space, some_tasks(space, {"cls": 3, "reg": 2}))
    before = copy.deepcopy(supernet.state_dict())
    rng = np.random.default_rng(3)
    paths = [space.sample(rng) for _ in range(6)]
    for path in paths:
        require_equal(supernet, path)
    network = supernet.extract(paths[0])
    with torch.no_grad():
        for tensor in (*network.parameters(), *network.buffers()):
            tensor.add_(1)
    assert all(torch.equal(before[key], tensor) for key, tensor in supernet.state_dict().items())

    ltn.save_supernet(supernet, tmp_path / "supernet.safetensors")
    again = ltn.load_supernet(tmp_path / "supernet.safetensors", space)
    assert again.model_space.tasks == supernet.model_space.tasks
    assert all(torch.equal(before[key], tensor) for key, tensor in again.state_dict().items())
    for path in paths:
        states = supernet.extract(path).state_dict(), again.extract(path).state_dict()
        assert all(torch.equal(states[0][key], tensor) for key, tensor in states[1].items())
        template, search = crops(space, path)
        again.pin(path)
        with torch.no_grad():
            # Where a tensor begins in memory decides on how torch rounds.
            torch.testing.assert_close(again(template, search), again.extract(path)(template, search))


def test_an_output_decides_which_weights_its_block_has() -> None:
    space = SPACES["tiny"]
    tasks = Tasks(exits=("stage3-block0",))
    supernet = supernet_of(space, tasks)
    base = dict(space.sample(np.random.default_rng(0)).choices)
    last, inner = (
        supernet.extract(space.architecture(base | {OUTPUT: output})).backbone.blocks["stage3-block0"].state_dict()
        for output in ("stage3-block0", "stage3-block1")
    )
    assert last.keys() == inner.keys()
    # Statistics are drawn apart in `supernet_of`.
    assert all(not torch.equal(last[key], inner[key]) for key in last if key.endswith("running_mean"))


def test_towers_of_a_depth_share_layers_and_others_do_not() -> None:
    space = SPACES["tiny"]
    supernet = supernet_of(space, Tasks(towers={"cls": 4, "reg": 4}))
    base = dict(space.sample(np.random.default_rng(0)).choices)

    def first(*names: str) -> Tensor:
        chosen = {f"cls-layer{index}": name for index, name in enumerate(names)}
        network = supernet.extract(space.architecture(base | chosen))
        layers = [layer for layer in network.cls_head.layers if not isinstance(layer, nn.Identity)]
        return layers[0].norm.running_mean

    three, five, skip = space.candidates["cls-layer1"]
    shallow = first(three, skip, skip, skip)
    assert not torch.equal(shallow, first(three, three, skip, skip))
    assert not torch.equal(shallow, first(five, skip, skip, skip))
    assert torch.equal(first(three, three, skip, skip), first(three, skip, skip, five))


@pytest.mark.slow
@settings(max_examples=12, deadline=None, phases=[Phase.generate], suppress_health_check=CALM)
@given(content=descriptions(), seed=st.integers(0, 99), layers=st.integers(1, 4))
def test_random_spaces_with_tasks_equal_their_networks(content: dict[str, Any], seed: int, layers: int) -> None:
    space = parse_space(content, where="drawn")
    tasks = some_tasks(space, {"cls": layers, "reg": layers})
    assume(tasks != Tasks())
    require_equal(supernet_of(space, tasks), space.sample(np.random.default_rng(seed)))


def test_tasks_are_a_record() -> None:
    tasks = Tasks(("stage2-block1",), {"cls": 3})
    assert Tasks.read(json.loads(json.dumps(tasks.record())), "here") == tasks


@pytest.mark.parametrize("content", [[], 3, {"towers": 3}, {"towers": {"cls": "many"}}, {"towers": {}, "exits": 3}])
def test_other_records_are_refused(content: object) -> None:
    with pytest.raises(ltn.InputError, match="here: expected exits, a list, and towers, numbers of layers"):
        Tasks.read(content, "here")


UNTIED = {"widths": [16], "layers": 2, "operations": {"dsconv": {"kernel": 3}}, "skip": False, "tied": False}


@pytest.mark.parametrize(
    ("changes", "tasks", "message"),
    [
        ({}, Tasks(exits=("stage0-block0",)), "'stage0-block0' is no output that can be chosen, and can have no tasks"),
        ({}, Tasks(exits=("nothing",)), "'nothing' is no output"),
        ({"towers": {"both": UNTIED}}, Tasks(towers={"cls": 2}), "the tower 'cls' is shared, chooses widths"),
    ],
)
def test_tasks_of_another_space_are_refused(changes: Any, tasks: Tasks, message: str) -> None:
    space = ltn.define_space(extends="lighttrack-tiny", name="other", **changes)
    with pytest.raises(ltn.InputError, match=message):
        ltn.build_model_space(space, tasks)


def test_weights_of_other_tasks_are_refused(tmp_path: Path) -> None:
    space = SPACES["tiny"]
    file = tmp_path / "supernet.safetensors"
    ltn.save_supernet(supernet_of(space, Tasks(towers={"cls": 3})), file)
    for other in (None, Tasks(towers={"cls": 2}), Tasks(towers={"reg": 3})):
        model_space = ltn.build_model_space(space, other)
        with pytest.raises(ltn.InputError, match=r"supernet\.safetensors"):
            load_weights(model_space, file)


def test_a_supernet_with_tasks_is_not_migrated(tmp_path: Path) -> None:
    space = SPACES["tiny"]
    supernet = supernet_of(space, Tasks(towers={"cls": 3}))
    message = "'lighttrack-tiny' learnt from a teacher and has weights by task, which have no place in another"
    with pytest.raises(ltn.InputError, match=message):
        ltn.migrate_supernet(supernet, SPACES["open"])
    ltn.save_supernet(supernet, tmp_path / "supernet.safetensors")
    with pytest.raises(ltn.InputError, match=message):
        ltn.train_supernet(
            space,
            None,  # it comes to no pair
            settings=ltn.TrainingSettings(steps=1),
            output=tmp_path / "run",
            start_from=tmp_path / "supernet.safetensors",
        )
    assert not (tmp_path / "run").exists()
