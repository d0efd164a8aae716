"""Networks of torchvision and timm in parts: channels, values, and what is refused."""

import sys
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torchvision.models import get_model
from torchvision.models.feature_extraction import create_feature_extractor

from lighttrack_nas.trackers.base.errors import InputError
from lighttrack_nas.trackers.package_backbones import cut_backbones as backbones
from lighttrack_nas.trackers.package_backbones.cut_backbones import build_part, cut_network, find_part

SIDES = (64, 65, 97)
TORCHVISION = {
    "mobilenet_v2": (16, 24, 32, 96, 1280),
    "mobilenet_v3_small": (16, 16, 24, 48, 576),
    "efficientnet_b0": (16, 24, 40, 112, 1280),
    "mnasnet0_5": (8, 16, 24, 48, 1280),
    "regnet_y_400mf": (32, 48, 104, 208, 440),
    "resnet18": (64, 64, 128, 256, 512),
    "shufflenet_v2_x0_5": (24, 24, 48, 96, 1024),
}
TIMM = ("mobilenetv3_small_100", "resnet18", "efficientnet_b0", "regnety_004", "mobileone_s0", "repvit_m0_9")


def parts_of(package: str, model: str, whole: nn.Module) -> list[nn.Module]:
    """All parts, with the whole network's weights."""
    parts: list[nn.Module] = []
    for number in range(len(cut_network(package, model).parts)):
        parts.append(build_part(package, model, number).eval())
        for name, module in parts[-1].named_children():
            module.load_state_dict(whole.get_submodule(name.replace("-", ".")).state_dict())
    return parts


@torch.no_grad()
def features_of(parts: list[nn.Module], image: Tensor) -> list[Tensor]:
    found = [image]
    for part in parts:
        found.append(part(found[-1]))
    return found[1:]


@pytest.mark.slow
@pytest.mark.parametrize("model", TORCHVISION)
def test_parts_of_torchvision_give_what_its_own_feature_extractor_gives(model: str) -> None:
    whole = get_model(model, weights=None).eval()
    found = cut_network("torchvision", model).parts
    assert tuple(part.outputs for part in found) == TORCHVISION[model]
    assert tuple(part.inputs for part in found) == (3, *TORCHVISION[model][:-1])
    ends = {part.modules[-1]: str(number) for number, part in enumerate(found)}
    extractor, parts = create_feature_extractor(whole, ends), parts_of("torchvision", model, whole)
    for side in SIDES:
        image = torch.randn(1, 3, side, side)
        with torch.no_grad():
            expected = extractor(image)
        for number, features in enumerate(features_of(parts, image)):
            assert torch.equal(features, expected[str(number)])
            side = -(-side // 2)
            assert features.shape == (1, TORCHVISION[model][number], side, side)


@pytest.mark.slow
@pytest.mark.parametrize("model", TIMM)
def test_parts_of_timm_are_its_own_feature_maps(model: str) -> None:
    timm = pytest.importorskip("timm", reason="timm is not installed")
    whole = timm.create_model(model, pretrained=False).eval()
    own = timm.create_model(model, pretrained=False, features_only=True).eval()
    found = cut_network("timm", model).parts
    reductions = [info["reduction"] for info in own.feature_info.get_dicts()]
    first = {2: 0, 4: 1}[reductions[0]]
    assert reductions == [2 ** (first + 1 + number) for number in range(len(reductions))]
    image = torch.randn(1, 3, 97, 97)
    # Their extractor may write a module's dots as underlines.
    weights = {key.replace(".", "_"): value for key, value in whole.state_dict().items()}
    own.load_state_dict({key: weights[key.replace(".", "_")] for key in own.state_dict()})
    features = features_of(parts_of("timm", model, whole), image)
    with torch.no_grad():
        expected = own(image)
    # Some maps of timm end before the last convolution of the network.
    for number, (mine, theirs) in enumerate(zip(features[first:], expected, strict=True)):
        assert number == len(expected) - 1 or torch.equal(mine, theirs)
    assert [part.outputs for part in found[first:]][:-1] == own.feature_info.channels()[:-1]


REFUSED = [
    ("mobilenet_v3_smal", "unknown network of torchvision 'mobilenet_v3_smal'; did you mean 'mobilenet_v3_small'"),
    ("fasterrcnn_resnet50_fpn", "unknown network"),
    ("", "unknown network of torchvision ''; some that there are: mobilenet_v3_small"),
    (
        "convnext_tiny",
        r"'convnext_tiny' .* 'features.0.0' turns 3 x 129 x 129 into 96 x 32 x 32; some that can: mobile",
    ),
    ("vgg11", "at most 100 M are possible"),
    ("regnet_y_128gf", "it has 645 M parameters, at most 100 M are possible"),
    ("vit_b_16", r"takes no image of 129 x 129 pixels \(Wrong image height"),
    ("swin_t", "cannot be cut"),
    ("inception_v3", "cannot be cut"),
]


@pytest.mark.parametrize(("model", "said"), REFUSED)
def test_what_cannot_be_cut_is_refused(model: str, said: str) -> None:
    with pytest.raises(InputError, match=said):
        cut_network("torchvision", model)


def test_a_network_that_rounds_down_is_cut_before() -> None:
    found = cut_network("torchvision", "densenet121")
    assert [part.outputs for part in found.parts] == [64, 128]
    assert "features.transition1.pool" in found.end
    with pytest.raises(InputError, match=r"'densenet121' of torchvision has the parts 0 to 1, got 2: its 'features.tr"):
        find_part("torchvision", "densenet121", 2)


class WritesToItsInput(nn.Sequential):
    def __init__(self) -> None:
        super().__init__(
            nn.Conv2d(3, 4, 3, 2, 1), nn.Sequential(nn.ReLU(inplace=True), nn.Conv2d(4, 4, 3, 2, 1)), nn.Flatten()
        )


def test_a_part_never_writes_to_what_others_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backbones, "_made", lambda _package, _model: WritesToItsInput())
    found = backbones._cut.__wrapped__("torchvision", "writes")
    assert [part.modules for part in found.parts] == [("0",)]
    assert found.end == "1 writes to what it is given, which others may read"


def test_only_names_of_timm_s_list_are_handed_to_it() -> None:
    timm = pytest.importorskip("timm", reason="timm is not installed")
    for name in ("hf-hub:timm/resnet18.a1_in1k", "local-dir:/tmp", "resnet18.a1_in1k"):
        with pytest.raises(InputError, match="unknown network of timm"):
            cut_network("timm", name)
    assert "resnet18" in timm.list_models()


def test_without_timm_it_is_said_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "timm", None)
    with pytest.raises(InputError, match=r'timm, which is not installed: pip install "lighttrack-nas\[timm\]"'):
        cut_network("timm", "resnet18")


@pytest.mark.parametrize("model", ["mobilenet_v3_small", "regnet_y_400mf"])
def test_cutting_draws_nothing_and_meta_takes_no_memory(model: str) -> None:
    before = torch.random.get_rng_state()
    backbones._cut.cache_clear()
    cut_network("torchvision", model)
    with torch.device("meta"):
        part = build_part("torchvision", model, 2)
    assert torch.equal(before, torch.random.get_rng_state())
    assert {tensor.device.type for tensor in part.state_dict().values()} == {"meta"}
    first, second = (build_part("torchvision", model, 2).state_dict() for _ in range(2))
    assert first.keys() == part.state_dict().keys()
    assert any(not torch.equal(first[key], second[key]) for key in first)


def test_cutting_allocates_no_weights(monkeypatch: pytest.MonkeyPatch) -> None:
    made, devices = backbones._made, set()

    def watched(package: str, model: str) -> nn.Module:
        network = made(package, model)
        devices.update(module.weight.device.type for module in network.modules() if isinstance(module, nn.Conv2d))
        return network

    monkeypatch.setattr(backbones, "_made", watched)
    backbones._cut.__wrapped__("torchvision", "regnet_y_400mf")
    assert devices == {"meta"}


def test_nothing_is_downloaded(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise AssertionError("a download")

    monkeypatch.setattr(torch.hub, "load_state_dict_from_url", fail)
    monkeypatch.setattr(torch.hub, "download_url_to_file", fail)
    build_part("torchvision", "resnet18", 0)
