"""Spaces whose backbone is made of parts of torchvision's or timm's networks."""

import importlib.util
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.torch
import torch
from torchvision.models import get_model

import lighttrack_nas as ltn
from lighttrack_nas.search_spaces.building.backbone_weights import take_package_weights
from lighttrack_nas.search_spaces.loading.loading import load_space, parse_space
from lighttrack_nas.trackers.training.pairs.pair import Pair

SMALL = {"torchvision": "mobilenet_v3_small", "parts": 4}
NETWORKS = [
    SMALL,
    {"torchvision": "shufflenet_v2_x0_5", "parts": 3},
    pytest.param(
        {"timm": "mobilenetv3_small_100", "parts": 4},
        marks=pytest.mark.skipif(importlib.util.find_spec("timm") is None, reason="timm is not installed"),
    ),
]


def space_on(backbone: dict[str, Any], **keys: Any) -> ltn.Space:
    outputs = {"outputs": {"last": 2}, "correlation": ["pixelwise", "depthwise"]} | keys
    return ltn.define_space(name="mine", extends="lighttrack-table", backbone=backbone, **outputs)


@pytest.fixture(scope="module")
def small() -> ltn.Space:
    return space_on(SMALL)


def written(folder: Path, text: str, name: str = "mine.yaml") -> Path:
    path = folder / name
    path.write_text(text)
    return path


def test_the_short_form_is_a_stage_for_each_part(small: ltn.Space, tmp_path: Path) -> None:
    description = small.description
    assert description.stem is None
    assert [(stage.name, stage.channels, stage.blocks, stage.stride) for stage in description.stages] == [
        ("stage0", 16, 1, 2),
        ("stage1", 16, 1, 2),
        ("stage2", 24, 1, 2),
        ("stage3", 48, 1, 2),
    ]
    assert [block.total_stride for block in description.blocks] == [2, 4, 8, 16]
    assert description.blocks[0].inputs == 3
    assert set(small.labels) >= {"output", "correlation", "cls-width"}
    assert not any(label.startswith("stage") for label in small.labels)
    text = "name: mine\nextends: lighttrack-table\noutputs: {last: 2}\ncorrelation: [pixelwise, depthwise]\n"
    text += "backbone: {torchvision: mobilenet_v3_small, parts: 4}\n"
    assert load_space(written(tmp_path, text)) == small


def test_every_way_of_writing_it_is_the_same_space(small: ltn.Space, tmp_path: Path) -> None:
    assert load_space(written(tmp_path, ltn.space_yaml(small))) == small
    assert "stem: none\n" in ltn.space_yaml(small)
    names = {name: getattr(ltn, name) for name in ("Choice", "Layer", "Stage", "Tower", "define_space")}
    assert eval(ltn.space_python(small), names) == small
    content = small.description.model_dump(mode="json")
    assert content["stem"] == "none"
    assert parse_space(content, "header") == small
    assert small.hash != space_on({"torchvision": "mobilenet_v3_large", "parts": 4}).hash


BASE = "name: base\nextends: lighttrack-table\noutputs: {last: 1}\n"
RESNET = "backbone: {torchvision: resnet18, parts: 3}\n"
CHANGES: list[tuple[str, list[int], str]] = [
    ("backbone: {parts: 2}\n", [64, 64], "torchvision"),
    ("backbone: {torchvision: mobilenet_v3_small, parts: 3}\n", [16, 16, 24], "torchvision"),
    ("stages: {stage2: {channels: 48, operations: {mbconv: {kernel: 3, expansion: 2}}}}\n", [64, 64, 48], "mbconv"),
    (
        "stem: {channels: 16}\nstages: [{channels: 16, blocks: 1, stride: 2, operations: {separable: {kernel: 3}}}]\n",
        [16],
        "separable",
    ),
]


@pytest.mark.parametrize(("change", "channels", "kind"), CHANGES)
def test_a_space_extends_one_with_a_backbone(change: str, channels: list[int], kind: str, tmp_path: Path) -> None:
    written(tmp_path, BASE + RESNET, "base.yaml")
    description = load_space(written(tmp_path, "extends: base.yaml\n" + change)).description
    assert [stage.channels for stage in description.stages] == channels
    assert description.operations[description.stages[-1].operations[0]].kind == kind


def test_searched_stages_may_follow_a_part(tmp_path: Path) -> None:
    text = """stem: none
stages:
  - {channels: 64, blocks: 1, stride: 2, operations: {torchvision: {model: resnet18, part: 0}}}
  - {channels: 32, blocks: 2, stride: 2, operations: {mbconv: {kernel: [3, 5], expansion: 2}}}
"""
    space = load_space(written(tmp_path, BASE + text))
    assert [label for label in space.labels if label.startswith("stage")] == ["stage1-block0", "stage1-block1"]


MISTAKES = [
    ("backbone: {torchvision: mobilenet_v3_smal, parts: 4}", r"mine.yaml:4: backbone.torchvision: .*did you mean '"),
    ("backbone: {torchvision: mobilenet_v3_small, parts: 6}", "mine.yaml:4: backbone.parts: .* has 5 parts, got 6"),
    ("backbone: {torchvision: vit_b_16, parts: 4}", "mine.yaml:4: backbone.torchvision: network 'vit_b_16' .* cannot"),
    ("backbone:\n  torchvision: resnet18\n  parts: 0", "mine.yaml:6: backbone.parts: expected how many parts.* got 0"),
    ("backbone: {torchvision: [a], parts: 1}", r"mine.yaml:4: backbone.torchvision: expected a network's name"),
    ("backbone: {torchvision: resnet18}", "mine.yaml:4: backbone: expected also parts"),
    ("backbone: {parts: 2}", "mine.yaml:4: backbone: expected a network of either torchvision or timm"),
    ("backbone: {torchvision: resnet18, timm: resnet18, parts: 2}", "mine.yaml:4: backbone: .* either"),
    (
        "backbone: {torchvison: resnet18, parts: 2}",
        "mine.yaml:4: unknown key 'backbone.torchvison'; did you mean 'torc",
    ),
    ("backbone: resnet18", r"mine.yaml:4: backbone: expected \{PACKAGE: NETWORK, parts: N\}, got 'resnet18'"),
    (f"stem: {{channels: 8}}\n{RESNET}", "mine.yaml:5: backbone: it stands for stem and stages: .* either it or stem"),
    ("stem:", "mine.yaml:4: stem: expected a convolution, or none"),
    ("stem: nothing", "mine.yaml:4: stem: "),
    (
        "stages: {stage1: {operations: {torchvision: {model: resnet18, part: 1}}}}",
        r"mine.yaml:4: stages\[1\].* 16 channels into 24 .*: part 1 of resnet18 turns 64 into 64 with stride 2",
    ),
    (
        "stages: {stage1: {operations: {torchvision: {model: resnet, part: 1}}}}",
        "mine.yaml:4: stages.* unknown network of torchvision 'resnet'; did you mean 'resnet",
    ),
    (
        "stages: {stage1: {operations: {torchvision: {model: resnet18, part: 9}}}}",
        "mine.yaml:4: stages.* network 'resnet18' of torchvision has the parts 0 to 4, got 9",
    ),
    (
        "towers: {cls: {operations: {torchvision: {model: resnet18, part: 1}}, layers: 1, widths: [64]}}",
        "mine.yaml:4: towers.cls.* with stride 1: part 1 of resnet18 turns 64 into 64 with stride 2",
    ),
]


@pytest.mark.parametrize(("text", "said"), MISTAKES)
def test_mistakes_are_said_with_their_line(text: str, said: str, tmp_path: Path) -> None:
    path = written(tmp_path, f"name: x\nextends: lighttrack-table\noutputs: {{last: 1}}\n{text}\n")
    with pytest.raises(ltn.InputError, match=said) as raised:
        load_space(path)
    assert len(str(raised.value).splitlines()) == 1


def test_any_block_may_read_the_image(tmp_path: Path) -> None:
    description = load_space(written(tmp_path, "extends: lighttrack-table\nstem: none\n")).description
    assert [(block.inputs, block.total_stride) for block in description.blocks[:2]] == [(3, 1), (16, 2)]


def test_a_base_s_wrong_backbone_is_said_at_its_line(tmp_path: Path) -> None:
    written(tmp_path, BASE + "backbone: {torchvision: resnet81, parts: 3}\n", "base.yaml")
    path = written(tmp_path, "extends: base.yaml\nstages: {stage0: {channels: 8}}\n")
    with pytest.raises(ltn.InputError, match=r"base.yaml:4: backbone.torchvision: .* did you mean 'resnet18'"):
        load_space(path)


def test_without_timm_the_rest_works(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "timm", None)
    with pytest.raises(ltn.InputError, match=r'backbone.timm: .* pip install "lighttrack-nas\[timm\]"'):
        space_on({"timm": "resnet18", "parts": 2})
    assert space_on(SMALL).size.networks > 1


def test_only_such_a_backbone_imports_torch() -> None:
    code = (
        "import sys\nsys.modules['torch'] = sys.modules['torchvision'] = None\n"
        "from lighttrack_nas.search_spaces.loading.loading import load_space\n"
        "assert load_space('lighttrack').hash == '3bb19dce122c'"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.slow
@pytest.mark.parametrize("backbone", NETWORKS)
def test_a_supernet_trains_and_its_paths_are_its_networks(backbone: dict[str, Any]) -> None:
    space = space_on(backbone)
    supernet, rng = ltn.Supernet(space), np.random.default_rng(0)
    template, search = torch.randn(2, 3, 48, 48), torch.randn(2, 3, 96, 96)
    supernet.pin(space.sample(rng))
    scores, boxes = supernet(template, search)
    (scores.square().mean() + boxes.square().mean()).backward()
    blocks = supernet.network.backbone.blocks
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in blocks["stage0-block0"].parameters())
    supernet.eval()
    for _ in range(3):
        architecture = space.sample(rng)
        supernet.pin(architecture)
        own = supernet.extract(architecture)
        with torch.no_grad():
            for pinned, alone in zip(supernet(template, search), own(template, search), strict=True):
                assert torch.equal(pinned, alone)
        built = ltn.build_network(architecture)
        assert built.state_dict().keys() == own.state_dict().keys()


@pytest.mark.slow
@pytest.mark.parametrize("backbone", NETWORKS)
def test_costs_are_the_counter_s(backbone: dict[str, Any]) -> None:
    space = space_on(backbone)
    table, rng = ltn.CostTable(space), np.random.default_rng(0)
    for _ in range(2):
        architecture = space.sample(rng)
        assert table.measure(architecture) == ltn.measure_costs(architecture)


@pytest.mark.slow
@pytest.mark.parametrize("network", ["mobilenet_v3_small", "regnet_y_400mf"])
def test_a_model_is_saved_loaded_and_exported(network: str, run: Callable[..., Any], tmp_path: Path) -> None:
    space = space_on({"torchvision": network, "parts": 3}, outputs={"last": 1})
    architecture = space.sample(np.random.default_rng(0))
    made = ltn.build_network(architecture).eval()
    ltn.save_model(made, architecture, tmp_path / "model.safetensors")
    loaded = ltn.load_model(tmp_path / "model.safetensors")
    assert loaded.architecture == architecture
    own = loaded.network.state_dict()
    assert all(torch.equal(tensor, own[key]) for key, tensor in made.state_dict().items())
    # It compares what the graphs give with the network.
    outcome = run("export", "model.safetensors", "--output", "exported")
    assert outcome.code == 0, outcome.err


def test_it_is_described_and_drawn(small: ltn.Space, run: Callable[..., Any], tmp_path: Path) -> None:
    written(tmp_path, ltn.space_yaml(small))
    outcome = run("describe", "mine.yaml", "--costs", "--svg", "drawn.svg")
    assert outcome.code == 0, outcome.err
    assert re.search(r"stage3 x 1 +48 +2 +torchvision-mobilenet-v3-small-part3 +fixed", outcome.out)
    assert "stem" not in outcome.out
    drawn = Path("drawn.svg").read_text()
    assert "mobilenet_v3_small 3" in drawn
    assert ">stem<" not in drawn
    Path("a.json").write_text(small.sample(np.random.default_rng(0)).to_json())
    outcome = run("describe", "mine.yaml", "--architecture", "a.json", "--svg", "architecture.svg")
    assert outcome.code == 0, outcome.err
    assert "stem" not in outcome.out + Path("architecture.svg").read_text()


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> tuple[torch.nn.Module, Path]:
    """A network with weights of its own, and their file."""
    network = get_model("mobilenet_v3_small", weights=None)
    with torch.no_grad():
        network(torch.randn(4, 3, 96, 96))
    folder = tmp_path_factory.mktemp("weights")
    state = network.state_dict()
    torch.save(state, folder / "network.pth")
    early = {key: value for key, value in state.items() if not key.endswith("num_batches_tracked")}
    torch.save(early, folder / "early.pth")
    safetensors.torch.save_file(state, folder / "network.safetensors")
    return network.eval(), folder


@pytest.mark.parametrize("name", ["network.pth", "early.pth", "network.safetensors"])
def test_the_package_s_weights_make_the_package_s_features(
    small: ltn.Space, published: tuple[torch.nn.Module, Path], name: str
) -> None:
    network, folder = published
    backbone = ltn.build_model_space(small).network.backbone
    take_package_weights(backbone, small, folder / name)
    image = torch.randn(1, 3, 96, 96)
    with torch.no_grad():
        third, fourth = backbone.eval().features(image)
        assert torch.equal(third, network.features[:4](image))
        assert torch.equal(fourth, network.features[:9](image))


@pytest.mark.slow
def test_other_weights_are_refused(published: tuple[torch.nn.Module, Path], tmp_path: Path) -> None:
    _, folder = published
    other, table = space_on({"torchvision": "resnet18", "parts": 3}), ltn.load_space("lighttrack-table")
    torch.save([1], tmp_path / "list.pth")
    wide = {key: torch.zeros(1) for key in get_model("resnet18", weights=None).state_dict()}
    torch.save(wide, tmp_path / "wide.pth")
    for space, file, said in (
        (
            other,
            folder / "network.pth",
            "of another network than torchvision's resnet18: 5 keys missing, such as conv1.w",
        ),
        (other, tmp_path / "wide.pth", r"'conv1.weight' has shape \(1,\), expected \(64, 3, 7, 7\)"),
        (other, tmp_path / "list.pth", "holds no state of a network"),
        (other, tmp_path / "none.pth", "does not exist"),
        (table, folder / "network.pth", "no block of space 'lighttrack-table' is a part of a network"),
    ):
        backbone = ltn.build_model_space(space).network.backbone
        with pytest.raises(ltn.InputError, match=said):
            take_package_weights(backbone, space, file)


class Noise:
    def pair(self, rng: np.random.Generator) -> Pair:
        template, search = (rng.integers(0, 255, (side, side, 3), dtype=np.uint8) for side in (48, 96))
        return Pair(template, search, np.array([30, 30, 32, 32], np.float32), True)


def test_a_supernet_starts_from_them(small: ltn.Space, published: tuple[torch.nn.Module, Path], tmp_path: Path) -> None:
    network, folder = published
    how = ltn.TrainingSettings(steps=1, batch_size=2, workers=0, warmup_steps=0, learning_rate=1e-9)
    trained = ltn.train_supernet(small, Noise(), settings=how, output=tmp_path, backbone=folder / "network.safetensors")
    first = trained.model_space.network.backbone.blocks["stage0-block0"].get_submodule("features-0.0")
    assert torch.allclose(first.weight, network.features[0][0].weight, atol=1e-5)


def test_a_configuration_names_one_start_only(tmp_path: Path) -> None:
    path = written(tmp_path, "supernet: {backbone: a.pth}\n", "chain.yaml")
    assert ltn.load_config(path).supernet.backbone == "a.pth"
    for other in (
        "supernet: {backbone: a.pth, start_from: b}",
        "supernet: {backbone: a.pth}\npretraining: {images: b}",
    ):
        written(tmp_path, other + "\n", "chain.yaml")
        with pytest.raises(ltn.InputError, match=r"supernet.backbone.*: the supernet can start from one of them only"):
            ltn.load_config(path)
