"""Blocks, correlation and the whole network: shapes, batches, parity with the published one."""

from pathlib import Path

import numpy as np
import pytest
import torch

from lighttrack_nas.search_spaces.building.builder import build_network
from lighttrack_nas.search_spaces.building.model_space import build_model_space
from lighttrack_nas.search_spaces.loading.loading import load_space
from lighttrack_nas.trackers.base.channels import make_divisible
from lighttrack_nas.trackers.network.attention import ChannelAttention, SqueezeExcitation
from lighttrack_nas.trackers.network.blocks import InvertedResidual, SeparableConvolution
from lighttrack_nas.trackers.network.correlation import Fusion, pixelwise_correlation
from lighttrack_nas.trackers.network.network import Geometry, SiameseNetwork
from lighttrack_nas.trackers.weights.official_weights import load_official


@pytest.fixture
def mobile(mobile_code: str) -> SiameseNetwork:
    space = load_space("lighttrack")
    return build_network(space.decode(mobile_code)).eval()


@pytest.mark.parametrize(
    ("value", "divisible"),
    [(16 * 4, 64), (24 * 6, 144), (4, 8), (0.25 * 96, 24), (0.25 * 240, 64), (10, 16), (11, 16), (12.5, 16)],
)
def test_channels_are_rounded_to_multiples_of_eight(value: float, divisible: int) -> None:
    assert make_divisible(value) == divisible


@pytest.mark.parametrize("kernel", [3, 5, 7])
@pytest.mark.parametrize(("size", "stride", "result"), [(128, 2, 64), (127, 2, 64), (255, 2, 128), (31, 1, 31)])
def test_blocks_keep_the_map_centred(kernel: int, size: int, stride: int, result: int) -> None:
    block = InvertedResidual(8, 12, stride, kernel, 2, 0.25).eval()
    assert block(torch.zeros(1, 8, size, size)).shape == (1, 12, result, result)


@pytest.mark.parametrize(("outputs", "stride", "residual"), [(8, 1, True), (8, 2, False), (16, 1, False)])
def test_residual_only_where_shapes_agree(outputs: int, stride: int, residual: bool) -> None:
    assert InvertedResidual(8, outputs, stride, 3, 4, 0.25).residual == residual
    assert SeparableConvolution(8, outputs, stride, 3, 0.25).residual == residual


def test_correlation_by_hand() -> None:
    # Two template vectors (1, 0) and (1, 2) as 1x1 kernels over a 1x2 map with vectors (3, 4) and (5, 6).
    template = torch.tensor([[[1.0, 1.0], [0.0, 2.0]]])  # (batch, channels, kernels)
    search = torch.tensor([[[[3.0, 5.0]], [[4.0, 6.0]]]])  # (batch, channels, 1, 2)
    assert pixelwise_correlation(template, search).tolist() == [[[[3.0, 5.0]], [[11.0, 17.0]]]]


def test_correlation_equals_convolution_per_sample() -> None:
    torch.manual_seed(0)
    template, search = torch.randn(3, 8, 4, 4), torch.randn(3, 8, 6, 5)
    expected = [
        torch.nn.functional.conv2d(s[None], t.flatten(1).T[:, :, None, None])
        for t, s in zip(template, search, strict=True)
    ]
    torch.testing.assert_close(pixelwise_correlation(template.flatten(2), search), torch.cat(expected))


def test_gates_by_their_formulas() -> None:
    torch.manual_seed(0)
    features = torch.randn(2, 16, 5, 5) * 3
    mean = features.mean(dim=(2, 3), keepdim=True)
    squeeze = SqueezeExcitation(16, 0.25)
    inner = squeeze.expand(squeeze.reduce(mean).clamp(min=0))
    torch.testing.assert_close(squeeze(features), features * ((inner + 3).clamp(0, 6) / 6))
    attention = ChannelAttention(16)
    inner = attention.second(attention.first(mean).clamp(min=0))
    torch.testing.assert_close(attention(features), features / (1 + torch.exp(-inner)))


def test_fusion_counts_template_positions_row_by_row() -> None:
    torch.manual_seed(0)
    fusion = Fusion(kernels=6, outputs=4)
    template, search = torch.randn(1, 3, 2, 3), torch.randn(1, 3, 5, 5)
    rows = [(search[0] * template[0, :, y, x, None, None]).sum(0) for y in range(2) for x in range(3)]
    torch.testing.assert_close(fusion(template, search), fusion.adapter(fusion.attention(torch.stack(rows)[None])))


@pytest.mark.parametrize(("name", "scale"), [("lighttrack", 16.0), ("lighttrack-tiny", 8.0)])
def test_predictions_are_scaled(name: str, scale: float) -> None:
    space = load_space(name)
    network = build_network(space.sample(np.random.default_rng(0))).eval()
    fused: list[torch.Tensor] = []
    network.cls_head.register_forward_pre_hook(lambda _, inputs: fused.append(inputs[0]))
    sizes = (space.description.template_size, space.description.search_sizes[0])
    with torch.inference_mode():
        logits, distances = network(*(torch.randn(1, 3, size, size) for size in sizes))
        torch.testing.assert_close(logits, network.cls_head(fused[0]) * 0.1)
        raw = network.reg_head(fused[0])
    torch.testing.assert_close(distances, (raw.clamp(min=0) if name == "lighttrack" else raw.exp()) * scale)


def test_networks_of_the_presets_have_the_published_geometry() -> None:
    for name in ("lighttrack", "lighttrack-12"):
        space = load_space(name)
        geometry = build_network(space.sample(np.random.default_rng(0))).geometry
        assert geometry == Geometry(
            template_size=127, search_sizes=(256, 288), score_scale=0.1, box_activation="relu", box_scale=16.0
        )


@pytest.mark.parametrize(
    ("name", "size", "cells"),
    [("lighttrack", 255, 16), ("lighttrack", 256, 16), ("lighttrack", 288, 18), ("lighttrack-tiny", 128, 16)],
)
def test_output_maps_have_as_many_cells_as_the_crop_has_strides(name: str, size: int, cells: int) -> None:
    space = load_space(name)
    network = build_network(space.sample(np.random.default_rng(0))).eval()
    template = torch.randn(2, 3, space.description.template_size, space.description.template_size)
    with torch.inference_mode():
        logits, distances = network.track(network.template(template), torch.randn(2, 3, size, size))
    assert logits.shape == (2, 1, cells, cells)
    assert distances.shape == (2, 4, cells, cells)
    assert (distances >= 0).all()
    assert network.stride == size // cells + (size == 255)


def test_stride_8_outputs_keep_the_published_factor(mobile_code: str) -> None:
    space = load_space("lighttrack-12")
    network = build_network(space.decode(mobile_code.replace("ops_32", "ops_12")))
    assert network.stride == 8
    assert network.geometry.box_scale == 16
    assert list(network.fusions) == ["256"]


def test_a_batch_equals_its_samples(mobile: SiameseNetwork) -> None:
    torch.manual_seed(0)
    template, search = torch.randn(3, 3, 127, 127), torch.randn(3, 3, 256, 256)
    with torch.inference_mode():
        together = mobile(template, search)
        for index in range(3):
            alone = mobile(template[index : index + 1], search[index : index + 1])
            for both, one in zip(together, alone, strict=True):
                torch.testing.assert_close(both[index : index + 1], one, rtol=1e-4, atol=1e-4)


def test_supernet_has_no_exit_of_its_own() -> None:
    with pytest.raises(TypeError, match="output layer is a choice"):
        _ = build_model_space(load_space("lighttrack-tiny")).network.stride


def assert_close(ours: torch.Tensor, recorded: np.ndarray) -> None:
    assert np.abs(ours.numpy() - recorded).max() <= 1e-5 * np.abs(recorded).max()


@pytest.mark.data
def test_trained_outputs_equal_the_published_ones(data: Path, mobile: SiameseNetwork) -> None:
    load_official(mobile, data / "lighttrack_mobile/lighttrack_mobile.pth")
    recorded = np.load(data / "lighttrack_mobile/official_trained_io.npz")
    with torch.inference_mode():
        features = mobile.template(torch.from_numpy(recorded["z"]))
        logits, distances = mobile.track(features, torch.from_numpy(recorded["x"]))
    assert_close(features, recorded["zf"])
    assert_close(logits, recorded["cls"])
    assert_close(distances, recorded["reg"])


@pytest.mark.data
@pytest.mark.parametrize("template", [127, 128])
@pytest.mark.parametrize("search", [255, 256, 288])
def test_random_outputs_equal_the_published_ones(
    data: Path, mobile: SiameseNetwork, template: int, search: int
) -> None:
    load_official(mobile, data / "lighttrack_mobile/official_random.pth")
    recorded = np.load(data / "lighttrack_mobile/official_io.npz")
    with torch.inference_mode():
        features = mobile.template(torch.from_numpy(recorded[f"z{template}"]))
        logits, distances = mobile.track(features, torch.from_numpy(recorded[f"x{search}"]))
    assert_close(features, recorded[f"zf_z{template}"])
    assert_close(logits, recorded[f"cls_z{template}_x{search}"])
    assert_close(distances, recorded[f"reg_z{template}_x{search}"])
