"""The contract of every block, torchvision's blocks as oracles, and what cannot work."""

import copy
import itertools
from collections.abc import Callable
from math import ceil
from pathlib import Path

import pytest
import torch
from torch import nn
from torchvision.models import efficientnet, mobilenetv2, mobilenetv3, shufflenetv2

from lighttrack_nas.benchmarks.costs.macs_counting import count_operations, uncounted_of
from lighttrack_nas.trackers.base.errors import InputError
from lighttrack_nas.trackers.network.blocks import InvertedResidual, SeparableConvolution, TowerConvolution
from lighttrack_nas.trackers.network.operations.fused import FusedInvertedResidual
from lighttrack_nas.trackers.network.operations.ghost import GhostBottleneck
from lighttrack_nas.trackers.network.operations.reparameterised import (
    ReparameterisedConvolution,
    ReparameterisedSeparable,
)
from lighttrack_nas.trackers.network.operations.shuffle import ShuffleBlock
from lighttrack_nas.trackers.network.reparameterise import reparameterise
from lighttrack_nas.trackers.runtimes.folding import fold_into_convolutions
from lighttrack_nas.trackers.runtimes.graphs import Graph, exported
from lighttrack_nas.trackers.runtimes.program import Options, open_program, write_graph

Block = Callable[[int, int, int, int], nn.Module]
Unsettled = Callable[[nn.Module], nn.Module]

# name: inputs, outputs, stride, kernel -> block
BLOCKS: dict[str, Block] = {
    "mbconv": lambda i, o, s, k: InvertedResidual(i, o, s, k, 4, 0.25),
    "mbconv eca": lambda i, o, s, k: InvertedResidual(i, o, s, k, 4, 0.25, attention="eca", activation="hardswish"),
    "mbconv plain": lambda i, o, s, k: InvertedResidual(i, o, s, k, 4, 0.25, attention="none", activation="relu6"),
    "separable": lambda i, o, s, k: SeparableConvolution(i, o, s, k, 0.25, attention="eca", activation="gelu"),
    "fused": lambda i, o, s, k: FusedInvertedResidual(i, o, s, kernel=k),
    "fused se": lambda i, o, s, k: FusedInvertedResidual(i, o, s, kernel=k, expansion=2, attention="se"),
    "fused 1": lambda i, o, s, k: FusedInvertedResidual(i, o, s, kernel=k, expansion=1, attention="eca"),
    "ghost": lambda i, o, s, k: GhostBottleneck(i, o, s, kernel=k),
    "ghost se": lambda i, o, s, k: GhostBottleneck(i, o, s, kernel=k, expansion=3, attention="se"),
    "shuffle": lambda i, o, s, k: ShuffleBlock(i, o, s, kernel=k),
    "repvgg": lambda i, o, s, k: ReparameterisedConvolution(i, o, s, kernel=k),
    "repvgg depthwise": lambda i, o, s, k: ReparameterisedConvolution(i, i, s, kernel=k, depthwise=True),
    "mobileone": lambda i, o, s, k: ReparameterisedSeparable(i, o, s, kernel=k),
}
# inputs, outputs, stride
SHAPES = [(16, 16, 1), (16, 24, 1), (16, 24, 2), (16, 16, 2)]


def fits(name: str, inputs: int, outputs: int, stride: int) -> bool:
    return not (name == "shuffle" and stride == 1 and inputs != outputs) and not (
        name == "repvgg depthwise" and inputs != outputs
    )


CASES = [
    pytest.param(BLOCKS[name], shape, id=f"{name} {shape[0]}-{shape[1]} by {shape[2]}")
    for name, shape in itertools.product(BLOCKS, SHAPES)
    if fits(name, *shape)
]


@pytest.mark.slow
@pytest.mark.parametrize(("block", "shape"), CASES)
@pytest.mark.parametrize("kernel", [1, 3, 5, 9, 11])
def test_operations_keep_or_halve_the_map(block: Block, shape: tuple[int, int, int], kernel: int) -> None:
    inputs, outputs, stride = shape
    with torch.device("meta"):
        made = block(*shape, kernel).eval()
        for height, width in ((1, 1), (7, 8), (16, 17), (31, 16)):
            found = made(torch.zeros(2, inputs, height, width)).shape
            assert found == (2, outputs, ceil(height / stride), ceil(width / stride))


@pytest.mark.parametrize(("block", "shape"), CASES)
@pytest.mark.parametrize("kernel", [3, 9])
def test_output_positions_are_centred_on_their_inputs(block: Block, shape: tuple[int, int, int], kernel: int) -> None:
    """With mirrored kernels, a mirrored map gives a mirrored answer; at stride 2 for odd sizes."""
    torch.manual_seed(0)
    made = block(*shape, kernel).eval()
    for module in made.modules():
        if isinstance(module, nn.Conv2d):
            module.weight.data = (module.weight + module.weight.flip(2, 3)).detach() / 2
    features = torch.randn(1, shape[0], 13, 17)
    with torch.inference_mode():
        torch.testing.assert_close(made(features.flip(2, 3)), made(features).flip(2, 3), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(("block", "shape"), CASES)
def test_gradients_reach_every_parameter(block: Block, shape: tuple[int, int, int]) -> None:
    torch.manual_seed(0)
    made = block(*shape, 3).train()
    features = torch.randn(4, shape[0], 9, 9, requires_grad=True)
    made(features).pow(3).sum().backward()
    assert features.grad is not None
    for name, parameter in made.named_parameters():
        assert parameter.grad is not None, name
        assert torch.isfinite(parameter.grad).all(), name


@pytest.mark.slow
@pytest.mark.parametrize(("block", "shape"), CASES)
def test_counted_copied_folded_and_exported(block: Block, shape: tuple[int, int, int], unsettled: Unsettled) -> None:
    torch.manual_seed(0)
    made = unsettled(block(*shape, 5))
    features = torch.randn(1, shape[0], 9, 11)
    with torch.no_grad():
        wanted = made(features)
        for form in (made, reparameterise(made)):
            counted = count_operations(form, (features,))
            assert counted.total() > 0
            assert uncounted_of(counted) == {}
        assert torch.equal(copy.deepcopy(made)(features), wanted)
        folded = fold_into_convolutions(reparameterise(made))
        torch.testing.assert_close(folded(features), wanted, rtol=1e-4, atol=1e-4)
    assert not any(isinstance(module, nn.BatchNorm2d) for module in folded.modules())
    program = exported(Graph(folded, (features,), ("features",), ("output",), {"features": (2, 3)}))
    other = torch.randn(1, shape[0], 14, 6)
    torch.testing.assert_close(program.module()(other), made(other), rtol=1e-4, atol=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize("runtime", ["onnxruntime", "opencv", "openvino", "ncnn"])
@pytest.mark.parametrize("name", list(BLOCKS))
def test_every_runtime_runs_every_block(name: str, runtime: str, unsettled: Unsettled, tmp_path: Path) -> None:
    pytest.importorskip({"openvino": "openvino", "ncnn": "pnnx"}.get(runtime, "onnxscript"))
    torch.manual_seed(0)
    made = unsettled(BLOCKS[name](16, 16, 1, 5))
    graph = Graph(
        fold_into_convolutions(reparameterise(made)), (torch.randn(1, 16, 9, 9),), ("map",), ("out",), {"map": (2, 3)}
    )
    write_graph(runtime, graph, tmp_path / "block")
    features = torch.randn(1, 16, 12, 10)
    (found,) = open_program(runtime, tmp_path / "block", Options()).run(features.numpy())
    torch.testing.assert_close(torch.from_numpy(found), made(features).detach(), rtol=1e-3, atol=1e-3)


def assert_equal(ours: nn.Module, theirs: nn.Module, channels: int) -> None:
    """Equal outputs in both modes with the same weights, which both hold in the same order."""
    pairs = zip(ours.state_dict().values(), theirs.state_dict().values(), strict=True)
    theirs.load_state_dict(
        {key: mine.reshape(other.shape) for key, (mine, other) in zip(theirs.state_dict(), pairs, strict=True)}
    )
    torch.manual_seed(0)
    for features in (torch.randn(2, channels, 16, 16), torch.randn(2, channels, 15, 17)):
        for training in (True, False):
            torch.testing.assert_close(ours.train(training)(features), theirs.train(training)(features))


@pytest.mark.parametrize(("inputs", "outputs", "stride"), SHAPES)
@pytest.mark.parametrize("kernel", [3, 5])
@pytest.mark.parametrize(("attention", "activation"), [("se", "relu"), ("none", "hardswish")])
def test_mbconv_is_torchvision_s_mobilenet_v3_block(
    inputs: int, outputs: int, stride: int, kernel: int, attention: str, activation: str
) -> None:
    config = mobilenetv3.InvertedResidualConfig(
        inputs, kernel, 64, outputs, attention == "se", {"relu": "RE", "hardswish": "HS"}[activation], stride, 1, 1.0
    )
    ours = InvertedResidual(
        inputs,
        outputs,
        stride,
        kernel,
        4,
        0.25,
        attention=attention,
        activation=activation,
    )
    assert_equal(ours, mobilenetv3.InvertedResidual(config, nn.BatchNorm2d), inputs)


@pytest.mark.parametrize(("inputs", "outputs", "stride"), SHAPES)
def test_mbconv_is_torchvision_s_mobilenet_v2_block(inputs: int, outputs: int, stride: int) -> None:
    ours = InvertedResidual(inputs, outputs, stride, 3, 6, 0.25, attention="none", activation="relu6")
    assert_equal(ours, mobilenetv2.InvertedResidual(inputs, outputs, stride, 6), inputs)


@pytest.mark.parametrize(("inputs", "outputs", "stride"), SHAPES)
@pytest.mark.parametrize(("kernel", "expansion"), [(3, 4), (5, 2), (3, 1)])
def test_fused_is_torchvision_s_efficientnet_v2_block(
    inputs: int, outputs: int, stride: int, kernel: int, expansion: float
) -> None:
    ours = FusedInvertedResidual(inputs, outputs, stride, kernel=kernel, expansion=expansion)
    config = efficientnet.FusedMBConvConfig(expansion, kernel, stride, inputs, outputs, 1)
    assert_equal(ours, efficientnet.FusedMBConv(config, 0.0, nn.BatchNorm2d), inputs)


@pytest.mark.parametrize(("inputs", "outputs", "stride"), [(16, 16, 1), (16, 24, 2), (18, 26, 2)])
def test_shuffle_is_torchvision_s_shufflenet_v2_block(inputs: int, outputs: int, stride: int) -> None:
    assert_equal(ShuffleBlock(inputs, outputs, stride), shufflenetv2.InvertedResidual(inputs, outputs, stride), inputs)


@pytest.mark.parametrize(("outputs", "stride"), [(16, 1), (25, 1), (24, 2)])
def test_ghost_by_its_equations(outputs: int, stride: int, unsettled: Unsettled) -> None:
    torch.manual_seed(0)
    block = GhostBottleneck(16, outputs, stride, kernel=5)
    unsettled(block)
    features = torch.randn(2, 16, 9, 9)

    def ghost(layer: nn.Module, given: torch.Tensor, channels: int, relu: bool) -> torch.Tensor:
        half = layer.primary(given)
        cheap = layer.cheap.norm(
            nn.functional.conv2d(half, layer.cheap.convolution.weight, padding=2, groups=half.shape[1])
        )
        return torch.cat([half, cheap.relu() if relu else cheap], 1)[:, :channels]

    inner = ghost(block.expand, features, 32, True)
    if stride == 2:
        inner = block.depthwise.norm(
            nn.functional.conv2d(inner, block.depthwise.convolution.weight, None, 2, 2, groups=32)
        )
    expected = ghost(block.project, inner, outputs, False) + block.shortcut(features)
    torch.testing.assert_close(block(features), expected)
    assert isinstance(block.shortcut, nn.Identity) == (outputs == 16)


def test_defaults_are_as_they_were() -> None:
    """Keys, drawn weights and answers of the blocks before they took an attention and an activation."""
    for plain, named in (
        (InvertedResidual(16, 24, 2, 5, 4, 0.25), "squeeze.reduce.weight"),
        (SeparableConvolution(16, 16, 1, 3, 0.25), "squeeze.expand.bias"),
        (TowerConvolution(16, 24, 3), "norm.weight"),
    ):
        assert named in plain.state_dict()
    torch.manual_seed(0)
    implicit = InvertedResidual(16, 24, 2, 5, 4, 0.25)
    torch.manual_seed(0)
    stated = InvertedResidual(16, 24, 2, 5, 4, 0.25, attention="se", activation="silu")
    for (name, one), (other_name, other) in zip(implicit.named_parameters(), stated.named_parameters(), strict=True):
        assert name == other_name
        assert torch.equal(one, other)


@pytest.mark.parametrize("activation", ["silu", "relu", "relu6", "hardswish", "gelu"])
def test_activations_are_torchs(activation: str, unsettled: Unsettled) -> None:
    theirs = {"silu": nn.SiLU, "relu": nn.ReLU, "relu6": nn.ReLU6, "hardswish": nn.Hardswish, "gelu": nn.GELU}
    torch.manual_seed(0)
    tower, features = TowerConvolution(8, 8, 3, activation=activation), torch.randn(2, 8, 5, 5) * 4
    unsettled(tower)
    expected = theirs[activation]()(tower.norm(tower.pointwise(tower.depthwise(features))))
    torch.testing.assert_close(tower(features), expected)


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: InvertedResidual(16, 16, 1, 4, 4, 0.25), "kernel 4: an odd size is expected"),
        (lambda: FusedInvertedResidual(16, 16, 3), "stride 3: 1 or 2 is expected"),
        (lambda: GhostBottleneck(16, 16, 1, kernel=2), "kernel 2: an odd size is expected"),
        (lambda: GhostBottleneck(16, 16, 0), "stride 0: 1 or 2 is expected"),
        (lambda: ShuffleBlock(16, 25, 2), "25 output channels: an even number is expected"),
        (lambda: ShuffleBlock(16, 24, 1), "16 input channels to 24: at stride 1"),
        (lambda: ShuffleBlock(16, 24, 4), "stride 4: 1 or 2 is expected"),
        (lambda: ReparameterisedConvolution(16, 24, 1, depthwise=True), "16 input channels to 24: a depthwise"),
        (lambda: ReparameterisedConvolution(16, 24, 1, kernel=0), "kernel 0: an odd size is expected"),
        (lambda: TowerConvolution(8, 8, 3, activation="rellu"), "unknown activation 'rellu'; did you mean 'relu'"),
        (lambda: GhostBottleneck(8, 8, 1, attention="sse"), "unknown attention 'sse'; did you mean 'se'"),
    ],
)
def test_what_cannot_work_is_said(make: Callable[[], nn.Module], said: str) -> None:
    with pytest.raises(InputError, match=said):
        make()
