"""Costs: the published figures, formulas by hand, and a second counter."""

import csv
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from lighttrack_nas.benchmarks.costs.cost_parts import count_parts
from lighttrack_nas.benchmarks.costs.network_costs import measure_costs
from lighttrack_nas.benchmarks.latency.latency_pieces import find_pieces
from lighttrack_nas.benchmarks.latency.latency_programs import network_of
from lighttrack_nas.search_spaces.building.builder import build_network
from lighttrack_nas.search_spaces.loading.loading import load_space
from lighttrack_nas.trackers.network.blocks import InvertedResidual, TowerConvolution
from lighttrack_nas.trackers.network.reparameterise import reparameterise

TINY = load_space("lighttrack-tiny")


def test_lighttrack_mobile_costs_what_the_paper_says(mobile_code: str) -> None:
    costs = measure_costs(load_space("lighttrack").decode(mobile_code))
    assert costs.params == 1_969_397
    assert round(costs.macs / 1e6, 2) == 530.41
    assert round(costs.macs_template / 1e6, 2) == 87.34
    assert costs.uncounted == {}
    assert {part: values["params"] for part, values in costs.parts.items()} == {
        "backbone": 1_252_656,
        "neck": 384,
        "fusion": 16_640,
        "cls_head": 382_336 + 2_305,
        "reg_head": 308_160 + 6_916,
    }
    assert {part: round(v["macs"] / 1e6, 2) for part, v in costs.parts.items() if part == "backbone"} == {
        "backbone": 347.53
    }


@pytest.mark.data
@pytest.mark.slow
def test_every_recorded_architecture_to_the_last_unit(data: Path) -> None:
    space = load_space("lighttrack-12")
    for row in csv.DictReader((data / "lighttrack_mobile/arch_costs.csv").read_text().splitlines()):
        costs = measure_costs(space.decode(row["arch"]))
        recorded = (row["params"], row["macs_track_256_fvcore"], row["macs_template_128_fvcore"])
        assert (costs.params, costs.macs, costs.macs_template) == tuple(int(value) for value in recorded), row["arch"]


def test_parts_sum_to_the_whole() -> None:
    rng = np.random.default_rng(0)
    for _ in range(3):
        costs = measure_costs(TINY.sample(rng))
        assert sum(part["params"] for part in costs.parts.values()) == costs.params
        assert sum(part["macs"] for part in costs.parts.values()) == costs.macs
        assert costs.uncounted == {}


def test_parameters_of_a_block_by_formula() -> None:
    inputs, outputs, kernel, expanded, reduced = 24, 40, 7, 96, 24
    norms = 2 * (expanded + expanded + outputs)
    gate = expanded * reduced + reduced + reduced * expanded + expanded
    expected = inputs * expanded + expanded * kernel**2 + expanded * outputs + norms + gate
    block = InvertedResidual(inputs, outputs, 2, kernel, 4, 0.25)
    assert sum(p.numel() for p in block.parameters()) == expected


def test_a_second_counter_agrees_on_convolutions_and_the_correlation() -> None:
    """Torch counts convolutions and matmuls, two operations a multiply-add; fvcore adds BatchNorm and pooling."""
    network = build_network(TINY.sample(np.random.default_rng(0))).eval()
    with torch.no_grad():
        features = network.template(torch.zeros(1, 3, 64, 64))
        with FlopCounterMode(display=False) as counter:
            network.track(features, torch.zeros(1, 3, 128, 128))
    macs = counter.get_total_flops() / 2
    assert macs < measure_costs(network).macs < 1.1 * macs


def test_measuring_leaves_the_network_as_it_was() -> None:
    network = build_network(TINY.sample(np.random.default_rng(0))).train()
    network.backbone.eval()  # as a frozen backbone in training
    before = {key: value.clone() for key, value in network.state_dict().items()}
    costs = measure_costs(network)
    assert network.training
    assert network.cls_head.training
    assert not any(module.training for module in network.backbone.modules())
    assert all(torch.equal(before[key], value) for key, value in network.state_dict().items())
    assert costs.search_size == 128
    assert costs.template_size == 64


def test_the_same_network_costs_the_same() -> None:
    architecture = TINY.sample(np.random.default_rng(4))
    first, second = measure_costs(architecture), measure_costs(architecture.canonical())
    assert (first.params, first.macs, first.macs_template) == (second.params, second.macs, second.macs_template)


def merged(layer: TowerConvolution) -> nn.Module:
    """A deployed form with costs of its own: one convolution where three modules were."""
    kernel = layer.depthwise.kernel_size[0]
    outputs = layer.norm.num_features
    return nn.Conv2d(layer.depthwise.in_channels, outputs, kernel, padding=kernel // 2, groups=1)


def test_the_deployed_form_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    architecture = TINY.architecture({label: values[0] for label, values in TINY.labels.items()})
    trained = measure_costs(architecture)
    monkeypatch.setattr(TowerConvolution, "reparameterised", merged, raising=False)
    deployed = measure_costs(architecture)
    network = build_network(architecture)
    assert measure_costs(network) == deployed == measure_costs(reparameterise(network))
    assert any(isinstance(module, TowerConvolution) for module in network.modules())
    layers = [module for module in network.cls_head.modules() if isinstance(module, TowerConvolution)]
    cells = (128 // network.stride) ** 2
    weights = sum(layer.depthwise.in_channels * layer.norm.num_features * 9 for layer in layers)
    width = layers[0].norm.num_features
    assert deployed.parts["cls_head"] == {
        "macs": cells * (weights + 9 * width),
        "params": weights + len(layers) * width + 9 * width + 1,
    }
    assert {part: deployed.parts[part] for part in ("backbone", "neck", "fusion")} == {
        part: trained.parts[part] for part in ("backbone", "neck", "fusion")
    }


@pytest.mark.slow
def test_parts_are_counted_in_the_deployed_form(monkeypatch: pytest.MonkeyPatch) -> None:
    """`count_parts` itself refuses parts that do not add up to the count of a whole network."""
    before = count_parts(TINY, 128)
    monkeypatch.setattr(TowerConvolution, "reparameterised", merged, raising=False)
    after = count_parts(TINY, 128)
    for one, other in zip(before.places, after.places, strict=True):
        in_a_tower = one.part.endswith("head") and one.label != ""
        assert np.array_equal(one.costs, other.costs) != in_a_tower


def test_networks_are_timed_in_the_deployed_form(monkeypatch: pytest.MonkeyPatch) -> None:
    architecture = TINY.sample(np.random.default_rng(0))
    assert any(isinstance(module, TowerConvolution) for module in network_of(architecture).modules())
    monkeypatch.setattr(TowerConvolution, "reparameterised", merged, raising=False)
    timed = [network_of(architecture), network_of(build_network(architecture))]
    timed += [piece.module for piece in find_pieces(TINY).pieces.values()]
    assert not any(isinstance(module, TowerConvolution) for whole in timed for module in whole.modules())
