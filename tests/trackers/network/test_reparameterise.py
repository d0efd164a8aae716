"""The deployed form: equal answers, one convolution, and nothing at all where there is nothing to merge."""

import copy
import itertools
from collections.abc import Callable

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional

from lighttrack_nas.search_spaces.building.builder import build_network
from lighttrack_nas.search_spaces.loading.loading import load_space
from lighttrack_nas.trackers.network.operations.reparameterised import (
    BranchedConvolution,
    ReparameterisedConvolution,
    ReparameterisedSeparable,
)
from lighttrack_nas.trackers.network.reparameterise import reparameterise

Unsettled = Callable[[nn.Module], nn.Module]


def convolutions(module: nn.Module) -> list[nn.Conv2d]:
    return [found for found in module.modules() if isinstance(found, nn.Conv2d)]


@settings(deadline=None, max_examples=40)
@given(
    inputs=st.integers(1, 9),
    outputs=st.integers(1, 9) | st.none(),
    stride=st.sampled_from([1, 2]),
    kernel=st.sampled_from([1, 3, 5, 9, 11]),
    depthwise=st.booleans(),
    size=st.tuples(st.integers(1, 12), st.integers(1, 12)),
    seed=st.integers(0, 1000),
)
def test_one_convolution_equals_all_branches(
    unsettled: Unsettled,
    inputs: int,
    outputs: int | None,
    stride: int,
    kernel: int,
    depthwise: bool,
    size: tuple[int, int],
    seed: int,
) -> None:
    torch.manual_seed(seed)
    channels = inputs if depthwise or outputs is None else outputs
    block = unsettled(ReparameterisedConvolution(inputs, channels, stride, kernel=kernel, depthwise=depthwise))
    deployed = reparameterise(block)
    features = torch.randn(2, inputs, *size)
    with torch.inference_mode():
        torch.testing.assert_close(deployed(features), block(features), rtol=1e-4, atol=1e-5)
    (single,) = convolutions(deployed)
    assert single.bias is not None
    assert sum(p.numel() for p in deployed.parameters()) == single.weight.numel() + channels
    assert single.weight.shape == (channels, 1 if depthwise else inputs, kernel, kernel)


def test_branches_are_torchs_convolutions_and_norms(unsettled: Unsettled) -> None:
    torch.manual_seed(0)
    block = ReparameterisedConvolution(8, 8, 1, kernel=5)
    unsettled(block)
    branches = block.branches
    assert branches.point is not None
    assert branches.identity is not None

    def normed(given: torch.Tensor, norm: nn.BatchNorm2d) -> torch.Tensor:
        return functional.batch_norm(given, norm.running_mean, norm.running_var, norm.weight, norm.bias)

    features = torch.randn(2, 8, 9, 7)
    expected = (
        normed(functional.conv2d(features, branches.full.convolution.weight, padding=2), branches.full.norm)
        + normed(functional.conv2d(features, branches.point.convolution.weight), branches.point.norm)
        + normed(features, branches.identity)
    ).relu()
    torch.testing.assert_close(block(features), expected, rtol=1e-4, atol=1e-5)
    merged = branches.reparameterised()
    alone = functional.conv2d(features, merged.weight, merged.bias, padding=2).relu()
    torch.testing.assert_close(alone, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("inputs", "outputs", "stride", "kernel", "point", "identity"),
    [(8, 8, 1, 3, True, True), (8, 8, 2, 3, True, False), (8, 9, 1, 3, True, False), (8, 8, 1, 1, False, True)],
)
def test_branches_where_shapes_allow(
    inputs: int, outputs: int, stride: int, kernel: int, point: bool, identity: bool
) -> None:
    branches = BranchedConvolution(inputs, outputs, stride, kernel)
    assert (branches.point is not None, branches.identity is not None) == (point, identity)


def test_a_network_without_branches_is_given_back() -> None:
    space = load_space("lighttrack-tiny")
    network = build_network(space.sample(np.random.default_rng(0)))
    assert reparameterise(network) is network


def test_the_trained_network_is_left_as_it_was(unsettled: Unsettled) -> None:
    torch.manual_seed(0)
    network = nn.Sequential(ReparameterisedSeparable(8, 12, 2), nn.Conv2d(12, 4, 1))
    unsettled(network)
    network[1].requires_grad_(False)
    network.train()
    before = {key: value.clone() for key, value in network.state_dict().items()}
    generator = torch.random.get_rng_state()
    deployed = reparameterise(network)
    assert torch.equal(torch.random.get_rng_state(), generator)
    assert isinstance(network[0].depthwise.branches, BranchedConvolution)
    assert list(network.state_dict()) == list(before)
    assert all(torch.equal(value, before[key]) for key, value in network.state_dict().items())
    with torch.no_grad():
        for parameter in deployed.parameters():
            parameter.zero_()
    assert all(torch.equal(value, before[key]) for key, value in network.state_dict().items())
    assert [p.requires_grad for p in deployed.parameters()] == [True] * 4 + [False] * 2
    assert all(module.training for module in deployed.modules())
    assert list(deployed.state_dict()) == [
        *("0.depthwise.branches.weight", "0.depthwise.branches.bias"),
        *("0.pointwise.branches.weight", "0.pointwise.branches.bias"),
        *("1.weight", "1.bias"),
    ]
    assert reparameterise(deployed) is deployed


def test_weights_may_be_loaded_before(unsettled: Unsettled) -> None:
    torch.manual_seed(0)
    trained = unsettled(ReparameterisedConvolution(8, 8, 1))
    fresh = ReparameterisedConvolution(8, 8, 1).eval()
    fresh.load_state_dict(trained.state_dict())
    features = torch.randn(1, 8, 5, 5)
    assert torch.equal(reparameterise(fresh)(features), reparameterise(trained)(features))


def test_a_module_in_two_places_stays_one() -> None:
    block = ReparameterisedConvolution(8, 8, 1)
    network = reparameterise(nn.ModuleDict({"one": block, "other": nn.Sequential(block.branches), "again": block}))
    assert len(convolutions(network)) == 1
    assert network["one"] is network["again"]
    assert network["one"].branches is network["other"][0]


def test_a_root_with_a_simpler_form() -> None:
    assert isinstance(reparameterise(BranchedConvolution(8, 8, 1, 3)), nn.Conv2d)


def test_what_a_replaced_module_holds_goes_with_it() -> None:
    class Outer(nn.Sequential):
        def reparameterised(self) -> nn.Module:
            return nn.Identity()

    network = reparameterise(nn.Sequential(Outer(ReparameterisedConvolution(8, 8, 1)), nn.ReLU()))
    assert [type(module) for module in network] == [nn.Identity, nn.ReLU]


def test_on_meta_and_in_other_precisions() -> None:
    for device, dtype in itertools.product(("meta", "cpu"), (torch.float32, torch.float64, torch.bfloat16)):
        block = ReparameterisedConvolution(8, 8, 1).to(device, dtype)
        (single,) = convolutions(reparameterise(copy.deepcopy(block)))
        assert (single.weight.device.type, single.weight.dtype) == (device, dtype)
        assert single.bias is not None
        assert single.bias.dtype == dtype
