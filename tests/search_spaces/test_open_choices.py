"""Choices beyond LightTrack's: stages' widths and depths, expansions, shared towers, layers' widths, template sizes."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from lighttrack_nas.benchmarks.costs.cost_table import CostTable
from lighttrack_nas.benchmarks.costs.macs_sampler import MacsSampler
from lighttrack_nas.benchmarks.costs.network_costs import measure_costs
from lighttrack_nas.benchmarks.latency.latency_pieces import find_pieces
from lighttrack_nas.benchmarks.scoring.zero_cost import ZeroCostEvaluator
from lighttrack_nas.chain.trainings.training import train_supernet
from lighttrack_nas.search_spaces.building.builder import build_network
from lighttrack_nas.search_spaces.building.model_space import (
    ClassifierModelSpace,
    build_model_space,
    nni_sample,
)
from lighttrack_nas.search_spaces.building.nni_adapter import model_context
from lighttrack_nas.search_spaces.building.supernet import Supernet
from lighttrack_nas.search_spaces.enumeration import count_paths, paths
from lighttrack_nas.search_spaces.loading.loading import load_space, parse_space
from lighttrack_nas.search_spaces.neighbours import neighbours
from lighttrack_nas.search_spaces.space import Architecture, Space
from lighttrack_nas.strategies.one_shot.strategies.fair import fair_paths
from lighttrack_nas.strategies.one_shot.training.training_settings import TrainingSettings
from lighttrack_nas.strategies.search.samplers.lighttrack import inherited_together
from lighttrack_nas.trackers.base.errors import InputError
from lighttrack_nas.trackers.network.network import SiameseNetwork
from lighttrack_nas.trackers.training.batches import TensorBatch, fitted
from lighttrack_nas.trackers.training.generator.generated_pairs import GeneratedPairs
from lighttrack_nas.trackers.training.losses import LossSettings, tracking_loss
from lighttrack_nas.trackers.training.pairs.pair_settings import pair_settings
from lighttrack_nas.trackers.training.targets import TargetSettings

STAGES: dict[str, Any] = {
    "fixed": {
        "name": "a",
        "channels": 8,
        "blocks": 1,
        "stride": 2,
        "operations": {"mbconv": {"kernel": 3, "expansion": 2}},
    },
    "wide": {
        "name": "a",
        "channels": 16,
        "widths": [8, 16],
        "blocks": 1,
        "stride": 2,
        "operations": {"mbconv": {"kernel": 3, "expansion": 2}},
    },
    "deep": {
        "name": "b",
        "channels": 16,
        "blocks": 3,
        "depths": [1, 3],
        "stride": 2,
        "operations": {"mbconv": {"kernel": [3, 5], "expansion": 2}},
    },
    "expanding": {
        "name": "c",
        "channels": 16,
        "blocks": 2,
        "stride": 2,
        "skip": True,
        "operations": {"mbconv": {"kernel": 3}},
        "expansions": [1.5, 4],
    },
}
DS = {"dsconv": {"kernel": [3, 5]}}
TOWERS: dict[str, Any] = {
    "tied": {"both": {"widths": [8, 16], "layers": 2, "operations": DS, "skip": True}},
    "free": {"both": {"widths": [8, 16], "layers": 2, "operations": {"dsconv": {"kernel": 3}}, "tied": False}},
    "maybe shared": {
        "cls": {"widths": [8], "layers": 2, "operations": DS, "skip": True},
        "reg": {"widths": [8, 16], "layers": 1, "operations": DS},
        "sharing": ["separate", "shared"],
    },
    "shared": {
        **{branch: {"widths": [8, 16], "layers": 1, "operations": DS} for branch in ("cls", "reg")},
        "sharing": ["shared"],
    },
}
SPACES: dict[str, tuple[tuple[str, ...], tuple[str, ...], str, dict[str, Any]]] = {
    "width": (("wide", "expanding"), ("a", "c"), "tied", {}),
    "depth": (("fixed", "deep"), ("a", "b"), "tied", {}),
    "width, then depth": (("wide", "deep"), ("b",), "maybe shared", {"correlation": ["pixelwise", "depthwise"]}),
    "free layers": (("fixed", "expanding"), ("c",), "free", {}),
    "shared": (("wide", "deep"), ("b",), "shared", {"neck_attention": 2}),
    "sizes": (("fixed", "deep"), ("a", "b"), "maybe shared", {"template_sizes": [32, 64]}),
    "sizes and widths": (
        ("wide", "expanding"),
        ("c",),
        "tied",
        {"template_sizes": [32, 64], "correlation": ["depthwise", "pixelwise"]},
    ),
}


@cache
def space_of(name: str) -> Space:
    stages, outputs, towers, more = SPACES[name]
    content = {
        "name": "drawn",
        "template_size": 64,
        "search_sizes": [128],
        "stem": {"channels": 8, "kernel": 3, "stride": 2},
        "stages": [STAGES[stage] for stage in stages],
        "outputs": list(outputs),
        "fused_channels": 8,
        "towers": TOWERS[towers],
        "predictions": {"score_scale": 0.1, "box_activation": "exp", "box_scale": 8},
    }
    return parse_space(content | more, name)


every_space = pytest.mark.parametrize("name", SPACES)


def drawn(space: Space, count: int) -> list[Architecture]:
    rng = np.random.default_rng(0)
    return [space.sample(rng) for _ in range(count)]


def images(network: SiameseNetwork) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    sizes = network.geometry.template_size, network.geometry.search_sizes[0]
    template, search = (torch.randn(1, 3, size, size, generator=generator) for size in sizes)
    return template, search


@pytest.mark.slow
@every_space
def test_normal_forms_and_sizes_by_trying_everything(name: str) -> None:
    space = space_of(name)
    every = [Architecture(space, values) for values in product(*space.labels.values())]
    if len(every) > 70_000:
        every = drawn(space, 5_000)
    forms = {architecture.path() for architecture in every}
    networks = {architecture.canonical() for architecture in every}
    assert all(form.path() == form for form in forms)
    assert all(network.canonical() == network for network in networks)
    if len(every) == space.size.labels:
        assert forms == set(paths(space))
        assert count_paths(space) == len(forms)
        assert space.size.networks == len(networks)
    else:
        assert len(networks) <= space.size.networks
        assert count_paths(space) >= len(forms)


@pytest.mark.slow
@every_space
def test_costs_are_the_counter_s_and_canonical_forms_cost_the_same(name: str) -> None:
    space = space_of(name)
    table = CostTable(space)
    for architecture in drawn(space, 4):
        measured = measure_costs(architecture)
        assert table.measure(architecture) == measured
        is_shared = space.chosen(architecture).get("towers") == "shared"
        heads = {"shared_head"} if is_shared else {"cls_head", "reg_head"}
        assert measured.parts.keys() == {"backbone", "neck", "fusion", *heads}
        assert sum(part["macs"] for part in measured.parts.values()) == measured.macs
        assert table.costs(architecture) == {each: getattr(measured, each) for each in table.costs(architecture)}
        assert table.measure(architecture.canonical()) == measured
        assert {k: int(v[0]) for k, v in table.bulk([architecture]).items()} == table.costs(architecture)
    macs = table.bulk(drawn(space, 3000))["macs"]
    low, high = (table.costs(end)["macs"] for end in table.extremes("macs"))
    assert low <= macs.min()
    assert macs.max() <= high
    sampler = MacsSampler(table)
    rng = np.random.default_rng(1)
    costs = [table.costs(sampler.sample(rng))["macs"] for _ in range(200)]
    assert low <= min(costs)
    assert max(costs) <= high
    assert sampler.tolerance < sampler.resolution


@pytest.mark.slow
@every_space
def test_paths_of_the_supernet_are_the_networks(name: str) -> None:
    space = space_of(name)
    torch.manual_seed(0)
    supernet = Supernet(space).eval()
    for architecture in drawn(space, 8):
        supernet.pin(architecture)
        own = supernet.extract(architecture)
        assert own.state_dict().keys() == build_network(architecture).state_dict().keys()
        with torch.no_grad():
            for pinned, alone in zip(supernet(*images(own)), own(*images(own)), strict=True):
                assert torch.equal(pinned, alone)
        assert space.from_nni(nni_sample(architecture)) == architecture
        with model_context(nni_sample(architecture)):
            decided = build_model_space(space)
        assert decided.network.state_dict().keys() == own.state_dict().keys()
        assert decided.template_size == supernet.model_space.template_size == own.template_size


@every_space
def test_what_has_no_say_changes_nothing(name: str) -> None:
    """Neighbours in labels without a say are one network; in every other label they are another."""
    space = space_of(name)
    seen = 0
    for architecture in drawn(space, 10):
        dead = space.dead_labels(architecture)
        for label, values in space.labels.items():
            others = [
                space.architecture({**architecture.choices, label: value})
                for value in values
                if value != architecture.choices[label]
            ]
            if label in dead:
                assert all(other.path() == architecture.path() for other in others)
                seen += 1
            else:
                assert all(other.path() != architecture.path() for other in others)
        assert {each.label for each in neighbours(architecture)}.isdisjoint(dead)
    assert seen or not space.conditions


@every_space
def test_pieces_are_the_modules_of_the_network(name: str) -> None:
    space = space_of(name)
    found = find_pieces(space)
    for architecture in drawn(space, 6):
        network, used = build_network(architecture), found.of(architecture)
        expected = [network.backbone.stem, *network.backbone.blocks.values()]
        assert [repr(found.pieces[piece].module) for piece in used["backbone"]] == [
            repr(module) for module in expected if not isinstance(module, torch.nn.Identity)
        ]
        assert len(used["fusion"]) == 1
        predictions = [piece for piece in used["towers"] if piece.startswith("prediction")]
        assert len(predictions) == (1 if architecture.space.chosen(architecture).get("towers") == "shared" else 2)


@pytest.mark.parametrize(
    ("name", "choices", "expected"),
    [
        ("width", {"a-width": "8"}, {"a": (8,), "template": 64}),
        ("depth", {"b-depth": "1", "output": "b-block2"}, {"blocks": ["a-block0", "b-block0"]}),
        ("depth", {"b-depth": "3", "output": "b-block2"}, {"blocks": ["a-block0", "b-block0", "b-block1", "b-block2"]}),
        ("sizes", {"template-size": "32"}, {"template": 32, "search": (64,)}),
        ("sizes", {"template-size": "64"}, {"template": 64, "search": (128,)}),
    ],
)
def test_the_network_is_what_was_chosen(name: str, choices: Mapping[str, str], expected: Mapping[str, Any]) -> None:
    space = space_of(name)
    network = build_network(space.architecture({label: v[0] for label, v in space.labels.items()} | dict(choices)))
    found = {
        "a": tuple(network.backbone.blocks["a-block0"].project.weight.shape[:1]),
        "blocks": list(network.backbone.blocks),
        "template": network.geometry.template_size,
        "search": network.geometry.search_sizes,
    }
    assert expected.items() <= found.items()
    with torch.no_grad():
        scores, boxes = network.eval()(*images(network))
    assert scores.shape[1:2] + boxes.shape[1:2] == (1, 4)
    assert scores.shape[-1] == network.geometry.search_sizes[0] // network.stride


def test_a_place_of_too_many_combinations_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lighttrack_nas.benchmarks.costs.module_places._MOST_COMBINATIONS", 10)
    with pytest.raises(InputError, match=r"'cls-layer1': what .* on 3 choices with 12 combinations \(output, cls-w"):
        CostTable(space_of("depth")).build()


def test_a_batch_takes_the_size_of_the_path() -> None:
    """Both crops and the boxes shrink together, and the loss is that of crops of this size."""
    space = space_of("sizes")
    model = build_model_space(space)
    batch = TensorBatch(
        torch.rand(2, 3, 64, 64),
        torch.rand(2, 3, 128, 128),
        torch.tensor([[40.0, 48, 32, 16]] * 2),
        torch.tensor([True, False]),
    )
    supernet = Supernet(space, model)
    choices = dict(drawn(space, 1)[0].choices)
    for size in (32, 64):
        supernet.pin(space.architecture(choices | {"template-size": str(size)}))
        found = fitted(batch, supernet.model_space)
        assert found.template.shape[-1] == size
        assert found.search.shape[-1] == 2 * size
        assert torch.equal(found.boxes, batch.boxes * size / 64)
        whole = tracking_loss(supernet.model_space, batch, TargetSettings(), LossSettings()).total
        assert whole == tracking_loss(supernet.model_space, found, TargetSettings(), LossSettings()).total
    assert fitted(batch, supernet.model_space) is batch
    assert fitted(batch, torch.nn.Identity()) is batch


def test_a_proxy_sees_crops_of_the_network_s_size() -> None:
    space = space_of("sizes")
    evaluator, seen = ZeroCostEvaluator(space, seed=0), []

    def network(architecture: Architecture) -> SiameseNetwork:
        made = build_network(architecture)
        made.backbone.stem.register_forward_pre_hook(lambda _, images: seen.append(images[0].shape[-1]))
        return made

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("lighttrack_nas.benchmarks.scoring.zero_cost.build_network", network)
        evaluator.measure(space.architecture(dict(drawn(space, 1)[0].choices) | {"template-size": "32"}), ["proxy"])
    assert set(seen) == {32, 64}


@pytest.mark.parametrize(
    ("strategy", "name", "said"),
    [
        (
            "darts",
            "width",
            "mixes candidates, which needs maps of one size, and space 'drawn' chooses sizes .a-width.: take spos",
        ),
        ("gumbel-darts", "free layers", "chooses sizes .cls-layer0-width, cls-layer1-width, reg-layer0-width"),
        ("proxyless", "sizes", "chooses sizes .template-size."),
        ("sandwich", "sizes", "compares the answers of paths, .*template-size.: take spos or fair"),
    ],
)
def test_strategies_that_cannot_mix_sizes_say_so(strategy: str, name: str, said: str, tmp_path: Path) -> None:
    space = space_of(name)
    pairs = GeneratedPairs(pair_settings("small-data", template_size=64, search_size=128))
    with pytest.raises(InputError, match=f"one-shot strategy '{strategy}' {said}|strategy '{strategy}'.*{said}"):
        train_supernet(
            space,
            pairs,
            settings=TrainingSettings(steps=1, batch_size=2, workers=0),
            strategy=strategy,
            output=tmp_path,
        )


def test_a_classifier_of_a_backbone_whose_last_width_is_open() -> None:
    space = space_of("width")
    widths = replace_stages(space)
    with model_context(nni_sample(drawn(widths, 1)[0])):
        model = ClassifierModelSpace(widths, 7)
    assert model(torch.zeros(2, 3, 64, 64)).shape == (2, 7)


def replace_stages(space: Space) -> Space:
    """The same with its first stage alone, whose width is a choice."""
    content = space.description.model_dump(mode="json")
    return parse_space(content | {"stages": content["stages"][:1], "outputs": ["a"]}, "first")


def test_fair_turns_are_paths() -> None:
    space = space_of("width, then depth")
    drawn_ = [path for step in range(30) for path in fair_paths(space, 0, step)]
    assert all(path.path() == path for path in drawn_)
    widths = [path.choices["a-width"] for path in drawn_]
    assert abs(widths.count("8") - widths.count("16")) <= 1


def test_a_child_inherits_what_belongs_together() -> None:
    assert inherited_together(space_of("free layers")) == [
        ("c-block0-expansion", "c-block1", "c-block1-expansion"),
        ("output",),
        ("cls-layer0-width",),
        ("cls-layer1-width",),
        ("reg-layer0-width",),
        ("reg-layer1-width",),
    ]


def test_a_tower_for_both_leaves_the_other_without_choices() -> None:
    space = space_of("shared")
    assert not any(label.startswith("cls") for label in space.candidates)
    assert "towers" not in space.labels
    assert {"reg-width", "reg-layer0"} <= space.labels.keys()


def test_spaces_of_lighttrack_have_conditions_on_the_output_alone() -> None:
    space = load_space("lighttrack")
    assert {given for needed in space.conditions.values() for given in needed} == {"output"}
    assert space.size_choices == frozenset()
    assert space.input_choices == {"output"}
