"""The graphs that runtimes get: norms folded, sizes checked, the network left alone."""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from lighttrack_nas.search_spaces.building.builder import build_network
from lighttrack_nas.search_spaces.loading.loading import load_space
from lighttrack_nas.trackers.base.errors import InputError
from lighttrack_nas.trackers.network.correlation import DepthwiseFusion, Neck
from lighttrack_nas.trackers.network.network import SiameseNetwork
from lighttrack_nas.trackers.network.operations.reparameterised import ReparameterisedConvolution
from lighttrack_nas.trackers.runtimes.folding import fold_into_convolutions
from lighttrack_nas.trackers.runtimes.graphs import CORRELATIONS, Graph, template_graph, track_graph
from lighttrack_nas.trackers.runtimes.program import Options, make_program, open_program, quantise_graph, write_graph
from lighttrack_nas.trackers.tracking.crops import network_input, raw_input

from .small_space import small_space

Unsettled = Callable[[nn.Module], nn.Module]


@pytest.fixture(scope="module")
def network(unsettled: Unsettled) -> SiameseNetwork:
    space = small_space()
    torch.manual_seed(0)
    made = unsettled(build_network(space.sample(np.random.default_rng(1))))
    assert isinstance(made, SiameseNetwork)
    return made


class Chain(nn.Module):
    """A convolution with two norms behind it, a norm behind a sum, and a convolution that two read."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Conv2d(3, 8, 3, bias=False), nn.Conv2d(8, 8, 3, padding=1)
        self.norm, self.again, self.late, self.shared = (nn.BatchNorm2d(8) for _ in range(4))

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        features = self.again(self.norm(self.first(image)))
        read_twice = self.second(features)
        return self.late(features + read_twice) * self.shared(read_twice)


def test_norms_fold_wherever_they_stand(unsettled: Unsettled) -> None:
    torch.manual_seed(0)
    chain = unsettled(Chain())
    image = torch.randn(2, 3, 9, 9)
    folded = fold_into_convolutions(chain)
    torch.testing.assert_close(folded(image), chain(image), rtol=1e-5, atol=1e-5)
    kinds = [type(module).__name__ for module in folded.modules()]
    assert "BatchNorm2d" not in kinds
    assert kinds.count("Affine") == 2  # behind the sum, and behind what two read


@pytest.mark.slow
@pytest.mark.parametrize("correlation", CORRELATIONS)
def test_the_onnx_file_holds_no_batch_norm(correlation: str, network: SiameseNetwork, tmp_path: Path) -> None:
    onnx = pytest.importorskip("onnx")
    pytest.importorskip("onnxscript")
    graphs = {"template": template_graph(network), "track": track_graph(network, 128, correlation=correlation)}
    for name, graph in graphs.items():
        write_graph("onnxruntime", graph, tmp_path / name)
        operators = [node.op_type for node in onnx.load(tmp_path / f"{name}.onnx").graph.node]
        assert "Conv" in operators
        assert "BatchNormalization" not in operators
        assert ("MatMul" in operators) == (name == "track" and correlation == "matmul")


def test_the_network_is_left_as_it_was() -> None:
    space = load_space("lighttrack-tiny")
    network = build_network(space.sample(np.random.default_rng(1))).train()
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    for correlation in CORRELATIONS:
        track_graph(network, 128, correlation=correlation, raw=True)
    template_graph(network, raw=True)
    assert all(module.training for module in network.modules())
    assert all(parameter.requires_grad for parameter in network.parameters())
    after = network.state_dict()
    assert list(after) == list(before)
    assert all(torch.equal(after[name], before[name]) for name in before)


def test_a_program_leaves_its_graph_as_it_was(network: SiameseNetwork) -> None:
    graph = template_graph(network)
    make_program("torch", graph, Options(precision="bfloat16"))
    assert next(graph.module.parameters()).dtype == torch.float32


@pytest.mark.parametrize("size", [57, 63, 64])
def test_template_sizes_that_give_as_many_kernels(size: int, network: SiameseNetwork) -> None:
    graph = template_graph(network, size=size)
    with torch.inference_mode():
        torch.testing.assert_close(graph.module(*graph.inputs), network.template(*graph.inputs), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("size", [0, 56, 65])
def test_other_template_sizes_are_named(size: int, network: SiameseNetwork) -> None:
    with pytest.raises(InputError, match=rf"template size {size}: .* sizes from 57 to 64 give as many"):
        template_graph(network, size=size)


@pytest.mark.parametrize("size", [7, 100, 0])
def test_search_sizes_that_do_not_fit_are_named(size: int, network: SiameseNetwork) -> None:
    with pytest.raises(InputError, match=f"search size {size}: expected a multiple of the network's stride 8"):
        track_graph(network, size)


def test_an_unknown_correlation_is_named(network: SiameseNetwork) -> None:
    with pytest.raises(InputError, match="unknown correlation 'matmull'; did you mean 'matmul'"):
        track_graph(network, 128, correlation="matmull")


def test_raw_equals_normalised_to_the_border(network: SiameseNetwork) -> None:
    crop = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
    with torch.inference_mode():
        found = template_graph(network, raw=True).module(torch.from_numpy(raw_input(crop)))
        wanted = network.template(torch.from_numpy(network_input(crop)))
    torch.testing.assert_close(found, wanted, rtol=1e-4, atol=1e-5 * float(wanted.abs().max()))


@pytest.fixture(scope="module")
def extended(network: SiameseNetwork, unsettled: Unsettled) -> SiameseNetwork:
    """A network with branches that merge, attention in its neck, and a depthwise correlation."""
    torch.manual_seed(1)
    made, channels = copy.deepcopy(network), network.exit.channels
    last = network.exit.block
    made.backbone.blocks[last] = nn.Sequential(
        made.backbone.blocks[last], ReparameterisedConvolution(channels, channels, 1, kernel=3)
    )
    neck = made.necks[str(channels)] = Neck(channels, attention_heads=4)
    assert neck.attention is not None
    nn.init.normal_(neck.attention.projection.weight, std=0.1)
    made.fusions[str(network.exit.kernels)] = DepthwiseFusion(channels, 64)
    unsettled(made)
    return made


@pytest.mark.parametrize("correlation", CORRELATIONS)
def test_graphs_hold_the_deployed_form(correlation: str, extended: SiameseNetwork) -> None:
    template, track = template_graph(extended), track_graph(extended, 128, correlation=correlation, dynamic=True)
    for graph, original in ((template, extended.template), (track, extended.track)):
        assert not any("branches.full" in name for name, _ in graph.module.named_modules())
        with torch.inference_mode():
            torch.testing.assert_close(graph.module(*graph.inputs), original(*graph.inputs), rtol=1e-4, atol=1e-4)
    assert any(isinstance(module, ReparameterisedConvolution) for module in extended.modules())


@pytest.mark.slow
@pytest.mark.parametrize("runtime", ["onnxruntime", "openvino", "ncnn"])
@pytest.mark.parametrize("dynamic", [False, True])
def test_every_runtime_runs_the_extended_network(
    runtime: str, dynamic: bool, extended: SiameseNetwork, tmp_path: Path
) -> None:
    pytest.importorskip({"onnxruntime": "onnxscript", "openvino": "openvino", "ncnn": "pnnx"}[runtime])
    write_graph(runtime, track_graph(extended, 128, dynamic=dynamic), tmp_path / "track")
    program = open_program(runtime, tmp_path / "track", Options())
    torch.manual_seed(0)
    features = torch.randn(1, extended.exit.channels, 8, 8)
    for size in (128, 160) if dynamic else (128,):
        image = torch.randn(1, 3, size, size)
        with torch.inference_mode():
            wanted = extended.track(features, image)
        for found, one in zip(program.run(features.numpy(), image.numpy()), wanted, strict=True):
            assert np.abs(found - one.numpy()).max() <= 1e-4 * float(one.abs().max())


def calibration(network: SiameseNetwork, count: int) -> list[tuple[np.ndarray, ...]]:
    """Inputs of the track graph."""
    rng = np.random.default_rng(0)
    found = []
    for _ in range(count):
        crop = rng.integers(0, 256, (128, 128, 3), np.uint8)
        with torch.inference_mode():
            features = network.template(torch.from_numpy(network_input(crop[32:96, 32:96]))).numpy()
        found.append((features, network_input(crop)))
    return found


@pytest.mark.slow
@pytest.mark.parametrize("runtime", ["onnxruntime", "openvino"])
def test_int8_is_smaller_and_near(runtime: str, network: SiameseNetwork, tmp_path: Path) -> None:
    pytest.importorskip("onnx")
    if runtime == "openvino":
        pytest.importorskip("nncf")
    examples = calibration(network, 8)
    suffix = {"onnxruntime": ".onnx", "openvino": ".bin"}[runtime]
    graphs: dict[str, tuple[Graph, list[tuple[np.ndarray, ...]]]] = {
        "track": (track_graph(network, 128), examples),
        "template": (template_graph(network), [(image[:, :, 32:96, 32:96].copy(),) for _, image in examples]),
    }
    for name, (graph, inputs) in graphs.items():
        write_graph(runtime, graph, tmp_path / "whole" / name)
        quantise_graph(runtime, graph, tmp_path / "int8" / name, inputs)
        sizes = [(tmp_path / kind / f"{name}{suffix}").stat().st_size for kind in ("whole", "int8")]
        assert sizes[1] < 0.7 * sizes[0]
        wanted = open_program(runtime, tmp_path / "whole" / name, Options()).run(*inputs[0])
        found = open_program(runtime, tmp_path / "int8" / name, Options()).run(*inputs[0])
        for mine, theirs in zip(found, wanted, strict=True):
            assert 0 < np.linalg.norm(mine - theirs) < 0.3 * np.linalg.norm(theirs)


def test_int8_is_refused_where_there_is_no_tool_and_without_calibration(
    network: SiameseNetwork, tmp_path: Path
) -> None:
    graph = template_graph(network)
    for runtime, package in (("ncnn", "pnnx"), ("torch-export", "torch")):
        pytest.importorskip(package)
        with pytest.raises(InputError, match=r"'int8': .*no post-training quantisation here; onnxruntime and openvino"):
            quantise_graph(runtime, graph, tmp_path / "graph", [])
    pytest.importorskip("onnxscript")
    with pytest.raises(InputError, match="no calibration inputs"):
        quantise_graph("onnxruntime", graph, tmp_path / "graph", [])
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
@pytest.mark.parametrize("opset", [14, 16, 18, 21])
def test_a_graph_is_written_in_the_operator_set_that_was_asked_for(
    opset: int, network: SiameseNetwork, tmp_path: Path
) -> None:
    onnx = pytest.importorskip("onnx")
    pytest.importorskip("onnxscript")
    graph = dataclasses.replace(track_graph(network, 128), opset=opset)
    write_graph("onnxruntime", graph, tmp_path / "track")
    assert [entry.version for entry in onnx.load(tmp_path / "track.onnx").opset_import] == [opset]
    with torch.inference_mode():
        wanted = graph.module(*graph.inputs)
    for runtime in ("onnxruntime", "opencv"):
        program = open_program(runtime, tmp_path / "track", Options())
        for mine, theirs in zip(program.run(*(tensor.numpy() for tensor in graph.inputs)), wanted, strict=True):
            np.testing.assert_allclose(mine, theirs.numpy(), rtol=1e-3, atol=1e-3)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("opset", "said"),
    [
        (0, "opset 0: the installed onnx knows operator sets 1 to"),
        (999, "opset 999: the installed onnx knows operator sets 1 to"),
        (9, "opset 9: the network cannot be written in it .*; take a newer one, 15 or more as a rule"),
    ],
)
def test_operator_sets_that_cannot_be_are_a_sentence_and_no_file(
    opset: int, said: str, network: SiameseNetwork, tmp_path: Path
) -> None:
    pytest.importorskip("onnxscript")
    with pytest.raises(InputError, match=said):
        write_graph("onnxruntime", dataclasses.replace(template_graph(network), opset=opset), tmp_path / "template")
    assert list(tmp_path.iterdir()) == []


class Gelu(nn.Module):
    """A convolution and its activation."""

    def __init__(self) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(3, 4, 3)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        return nn.functional.gelu(self.convolution(image))


@pytest.mark.slow
def test_opencv_refuses_the_gelu_that_ends_its_process_and_runs_the_other(tmp_path: Path) -> None:
    pytest.importorskip("onnxscript")
    image = torch.randn(1, 3, 9, 9)
    graph = Graph(Gelu().eval().requires_grad_(False), (image,), ("image",), ("map",))
    write_graph("opencv", dataclasses.replace(graph, opset=20), tmp_path / "new")
    (found,) = open_program("opencv", tmp_path / "new", Options()).run(image.numpy())
    np.testing.assert_allclose(found, graph.module(image).numpy(), atol=1e-5)
    write_graph("opencv", dataclasses.replace(graph, opset=18), tmp_path / "old")
    with pytest.raises(InputError, match="no Erf, as which GELU is written before opset 20; export with 20 or more"):
        open_program("opencv", tmp_path / "old", Options())
