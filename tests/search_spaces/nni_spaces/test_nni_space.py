"""Model spaces that were written against NNI alone, as spaces: choices, networks, supernet, files, mistakes."""

import json
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import lighttrack_nas as ltn
from lighttrack_nas.search_spaces.building.model_space import nni_sample
from lighttrack_nas.search_spaces.enumeration import count_paths, paths
from lighttrack_nas.search_spaces.loading.loading import load_space, parse_space
from lighttrack_nas.search_spaces.neighbours import neighbours
from lighttrack_nas.search_spaces.nni_spaces.nni_space import NniSpace
from lighttrack_nas.search_spaces.space import Architecture, Space
from lighttrack_nas.trackers.base.errors import InputError

FOLDER = Path(__file__).resolve().parents[2] / "model_spaces"
SMALL, LAYERS = f"{FOLDER / 'small.py'}:Small", f"{FOLDER / 'layers.py'}:Layers"


@pytest.fixture(scope="module")
def small() -> Space:
    return load_space(SMALL)


@pytest.fixture(scope="module")
def drawn(small: Space) -> list[Architecture]:
    rng = np.random.default_rng(0)
    return [small.sample(rng) for _ in range(6)]


def images(space: Space, side: int | None = None) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(3)
    sizes = space.template_size, side or space.search_sizes[0]
    first, second = (torch.randn(2, 3, size, size, generator=generator) for size in sizes)
    return first, second


def test_labels_and_candidates_are_nnis(small: Space) -> None:
    assert dict(small.labels) == {
        "first": ("k3", "k5"),
        "second": ("0", "1", "2"),
        "depth": ("1", "2"),
        "way": ("0", "1"),
        "width": ("8", "16"),
    }
    assert small.size.labels == small.size.networks == 48
    assert (small.template_size, small.search_sizes) == (64, (128, 160))
    layers = load_space(LAYERS)
    assert dict(layers.labels) == {"net/1": ("0", "1"), "net/second": ("narrow kernel", "wide kernel")}
    assert layers.candidates["net/fixed"] == ("only",)
    assert layers.search_sizes == (128,)


def test_samples_are_nnis_and_back(small: Space) -> None:
    chosen = {"first": "k5", "second": "2", "depth": "1", "way": "1", "width": "16"}
    architecture = small.architecture(chosen)
    sample = nni_sample(architecture)
    assert sample == {"first": "k5", "second": 2, "depth": 1, "way": [1], "width": 16}
    assert small.from_nni(sample) == architecture
    ltn.build_model_space(small).validate(sample)
    with pytest.raises(InputError, match="'second': '3' is no candidate; known: 0, 1, 2"):
        small.architecture(chosen | {"second": "3"})
    with pytest.raises(InputError, match="no candidate 3 at 'second', where NNI's samples hold one of 0, 1, 2"):
        small.from_nni(sample | {"second": 3})


def test_every_architecture_is_a_network_of_its_own(small: Space, drawn: list[Architecture]) -> None:
    for architecture in drawn:
        assert architecture.path() == architecture.canonical() == architecture
        assert small.from_json(architecture.to_json()) == architecture
        assert len(neighbours(architecture)) == 6
    listed = list(paths(small))
    assert len(set(listed)) == len(listed) == count_paths(small) == 48


def test_the_supernets_path_is_the_network(small: Space, drawn: list[Architecture]) -> None:
    torch.manual_seed(0)
    supernet = ltn.Supernet(small).eval()
    for buffer in supernet.buffers():  # statistics as after a training
        if buffer.is_floating_point():
            buffer.uniform_(0.5, 1.5)
    before, generator = {k: v.clone() for k, v in supernet.state_dict().items()}, torch.get_rng_state()
    for architecture in drawn:
        network = supernet.extract(architecture)
        supernet.pin(architecture)
        for side in small.search_sizes:
            template, search = images(small, side)
            for one, other in zip(network(template, search), supernet(template, search), strict=True):
                torch.testing.assert_close(one, other, rtol=1e-5, atol=1e-5)
        assert network.stride == 16
        assert network.exit.channels == 16
        assert network.exit.kernels == 16
        with torch.no_grad():
            for parameter in network.parameters():
                parameter.zero_()
    assert torch.equal(torch.get_rng_state(), generator)
    assert all(torch.equal(value, before[key]) for key, value in supernet.state_dict().items())
    with pytest.raises(TypeError, match="choices are open"):
        _ = supernet.network.exit


def test_a_plain_network_holds_nothing_else(small: Space) -> None:
    chosen = {"first": "k3", "second": "1", "depth": "1", "way": "0", "width": "8"}
    deep = ltn.build_network(small.architecture(chosen | {"depth": "2", "width": "16"})).state_dict()
    shallow = ltn.build_network(small.architecture(chosen)).state_dict()
    assert shallow.keys() < deep.keys()
    assert shallow["own.fused.weight"].shape == (8, 17, 3, 3)
    assert deep["own.fused.weight"].shape == (16, 17, 3, 3)


def test_the_seed_decides_on_all_weights(small: Space) -> None:
    states = []
    for _ in range(2):
        torch.manual_seed(5)
        states.append(ltn.build_model_space(small).state_dict())
    assert all(torch.equal(states[0][key], states[1][key]) for key in states[0])


def test_a_forward_is_composed_or_theirs() -> None:
    layers = load_space(LAYERS)
    network = ltn.build_network(layers.sample(np.random.default_rng(0))).eval()
    template, search = images(layers)
    with torch.no_grad():
        logits, distances = network(template, search)
        alone = network.track(network.template(template), search)
    assert logits.shape == (2, 1, 8, 8)
    assert torch.equal(logits, alone[0])
    assert torch.equal(distances, alone[1])


def test_the_source_and_the_sizes_are_part_of_the_hash(small: Space, tmp_path: Path) -> None:
    copy = tmp_path / "small.py"
    copy.write_bytes((FOLDER / "small.py").read_bytes())
    assert load_space(f"{copy}:Small") == small
    other = tmp_path / "other.py"
    other.write_text((FOLDER / "small.py").read_text().replace("clamp(max=4)", "clamp(max=3)"))
    assert load_space(f"{other}:Small") != small
    other.with_name("commented.py").write_text((FOLDER / "small.py").read_text() + "\n# A comment.\n")
    assert load_space(f"{other.with_name('commented.py')}:Small") == small
    assert isinstance(small, NniSpace)
    assert NniSpace(small.model_space_class, search_sizes=[160]) != small
    assert NniSpace(small.model_space_class, stride=16).search_sizes == (128, 160)


def test_it_pickles_and_so_does_its_supernet(small: Space, drawn: list[Architecture]) -> None:
    space, supernet = pickle.loads(pickle.dumps((small, ltn.Supernet(small).eval())))  # noqa: S301 - made here
    assert space == small
    supernet.pin(drawn[0])
    assert supernet(*images(small))[0].shape == (2, 1, 8, 8)


@pytest.mark.slow
def test_another_process_unpickles_it(small: Space, tmp_path: Path, warm: Any) -> None:
    (tmp_path / "space").write_bytes(pickle.dumps((small, ltn.Supernet(small).eval())))
    code = f"import pickle; print(pickle.load(open({str(tmp_path / 'space')!r}, 'rb'))[0].hash)"
    shown = warm.run(["-c", code]).stdout
    assert shown.strip() == small.hash


@pytest.mark.slow
def test_a_file_that_names_a_class_runs_nothing(small: Space, tmp_path: Path, warm: Any) -> None:
    mark, source = tmp_path / "ran", tmp_path / "marked.py"
    source.write_text((FOLDER / "small.py").read_text() + f"\n\nopen({str(mark)!r}, 'w').close()\n")
    space = load_space(f"{source}:Small")
    model = tmp_path / "model.safetensors"
    architecture = space.sample(np.random.default_rng(0))
    ltn.save_model(ltn.build_network(architecture), architecture, model)
    mark.unlink()

    def load(plugins: str) -> Any:
        code = f"import lighttrack_nas as ltn; print(ltn.load_model({str(model)!r}).architecture.space.hash)"
        environment = {"PATH": "", "LIGHTTRACK_NAS_PLUGINS": plugins}
        return warm.run(["-c", code], env=environment, cwd=tmp_path)

    assert "name its Python file in LIGHTTRACK_NAS_PLUGINS" in load("").stderr
    assert not mark.exists()
    assert load("marked.py").stdout.strip() == space.hash
    written = source.read_text()
    source.write_text(written + "# a comment\n")
    assert load("marked.py").stdout.strip() == space.hash
    source.write_text(written + "\nCHANGED = True\n")
    assert "the file has changed since" in load("marked.py").stderr


def test_records_are_read_where_the_space_is_known(small: Space) -> None:
    record = json.loads(json.dumps(small.record()))
    assert parse_space(record, "there") == small
    for change in ({"hash": "0" * 12}, {"nni_model_space": "Other"}, {"nni_model_space": [1]}, {"hash": None}):
        with pytest.raises(InputError, match="there: is of NNI's model space"):
            parse_space(record | change, "there")


def test_what_needs_a_declared_space_is_refused_in_a_sentence(small: Space, drawn: list[Architecture]) -> None:
    declared = load_space("lighttrack-tiny")
    refused = [
        lambda: small.encode(drawn[0]),
        lambda: small.decode("back_0"),
        lambda: ltn.space_yaml(small),
        lambda: ltn.space_python(small),
        lambda: small.tower("cls"),
        lambda: small.blocks_up_to("first"),
        lambda: ltn.differences(small, declared),
        lambda: ltn.fit_architecture(drawn[0], declared),
        lambda: ltn.load_cost_table(small),
        lambda: ltn.migrate_supernet(ltn.Supernet(small), declared),
    ]
    for call in refused:
        with pytest.raises(InputError, match=r"model space 'Small' (is NNI's|has no official codes)"):
            call()


STEM = """
import nni
import torch
from nni.nas.nn.pytorch import InputChoice, LayerChoice, ModelSpace, MutableConv2d, Repeat
from torch import nn


class My(ModelSpace):
    template_size = 32
    search_sizes = (64,)

    def __init__(self):
        super().__init__()
        self.stem = LayerChoice({"a": nn.Conv2d(3, 4, 8, 8), "b": nn.Conv2d(3, 4, 8, 8)}, label="stem")
        self.head = nn.Conv2d(4, 5, 1)

    def template(self, image):
        return self.stem(image)

    def track(self, features, search):
        found = self.head(self.stem(search) * features.mean(dim=(2, 3), keepdim=True))
        return found[:, :1], found[:, 1:].exp()
"""
LABEL = 'label="stem"'
HEAD = "self.head = nn.Conv2d(4, 5, 1)"
MISTAKES = {
    "syntax": ("def track", "def track track", "fails: SyntaxError"),
    "import": ("import nni\n", "import nni, nothing_there\n", "fails: ModuleNotFoundError"),
    "another class": ("class My(", "class Mine(", "has no class 'My'; model spaces there: Mine"),
    "no model space": (
        "class My(ModelSpace)",
        "class My(nn.Module)",
        "is no subclass of nni.nas.nn.pytorch.ModelSpace",
    ),
    "no template": ("def template", "def targets", r"has no method template\(image\)"),
    "no track": ("def track", "def follow", r"has no method track\(features, search\)"),
    "no size": ("template_size = 32", "", "has no template_size: set the class's attribute"),
    "no search sizes": ("search_sizes = (64,)", "", "has no search_sizes: expected a list of pixels"),
    "a small size": ("template_size = 32", "template_size = 8", "has template_size 8: expected a whole number"),
    "a wrong size": ("(64,)", "(64, '65')", "has search_sizes '65': expected a whole number"),
    "another stride": ("template_size = 32", "template_size = 32; stride = 16", "has stride 8, and says 16"),
    "arguments": ("def __init__(self)", "def __init__(self, width)", "cannot be built without arguments: TypeError"),
    "no label": (f", {LABEL}", "", "cannot be built without arguments: ValueError: Label must be specified"),
    "a label": (LABEL, 'label="the stem\\n"', r"has the label 'the stem\\n': expected letters, digits"),
    "a name": ('"b": ', '"b<1>": ', "has at 'stem' the candidate 'b<1>': expected letters, digits, spaces"),
    "nothing to choose": (', "b": nn.Conv2d(3, 4, 8, 8)', "", "leaves nothing to choose"),
    "numbers": (HEAD, f"{HEAD}; self.add_mutable(nni.uniform('rate', 0, 1))", "has 'rate', a Numerical"),
    "several inputs": (HEAD, f"{HEAD}; self.ways = InputChoice(3, n_chosen=2, label='ways')", "takes 2 of 3"),
    "decided while built": (
        HEAD,
        f"{HEAD}; self.add_mutable(nni.choice('depth', [1, 2]))",
        "decides depth while it is built",
    ),
    "another layer": (
        HEAD,
        f"{HEAD}; self.more = MutableConv2d(4, 4, 1, bias=nni.choice('bias', [True, False]))",
        "cannot be made a supernet by NNI: TypeError",
    ),
    "no weights": (
        'nn.Conv2d(3, 4, 8, 8), "b": nn.Conv2d(3, 4, 8, 8)}, label="stem")\n        self.head = nn.Conv2d(4, 5, 1)',
        'nn.AvgPool2d(8), "b": nn.MaxPool2d(8)}, label="stem"); self.head = lambda x: x[:, :1].repeat(1, 5, 1, 1)',
        "its network has no weights to train",
    ),
    "template fails": ("self.stem(image)", "self.stem(image)[:, :, 9]", r"template fails on \(2, 3, 32, 32\)"),
    "track fails": (
        "self.head(self.stem",
        "self.head(self.head",
        r"track fails on \(2, 4, 4, 4\) and \(2, 3, 64, 64\)",
    ),
    "features": ("return self.stem(image)", "return [self.stem(image)]", r"template gives 1 values \(\(2, 4, 4, 4\)\)"),
    "flat features": ("return self.stem(image)", "return self.stem(image).flatten(1)", r"template gives \(2, 64\)"),
    "one answer": ("return found[:, :1], found", "return found", "track gives .2, 4, 8, 8. for search crops of 64"),
    "boxes": ("found[:, 1:].exp()", "found[:, 2:].exp()", r"track gives 2 values \(\(2, 1, 8, 8\), \(2, 3, 8, 8\)\)"),
    "seven cells": (
        "return found[:, :1]",
        "found = found[..., :7, :7]; return found[:, :1]",
        "7 x 7 positions for 64 pixels, which no whole",
    ),
    "oblong": ("return found[:, :1]", "found = found[..., 1:]; return found[:, :1]", r"\(2, 1, 8, 7\)"),
    "below zero": ("found[:, 1:].exp()", "found[:, 1:] - 9", "track gives distances below 0"),
    "not finite": ("found[:, 1:].exp()", "found[:, 1:].exp() / 0", "values that are not finite"),
    "another forward": (
        "def track",
        "def forward(self, template, search):\n"
        "        scores, boxes = self.track(self.template(template), search)\n"
        "        return scores + 1, boxes\n\n"
        "    def track",
        "forward answers otherwise than template and track",
    ),
    "no such candidate": ('"b": nn.Conv2d(3, 4, 8, 8)', '"b": nn.Conv2d(3, 5, 8, 8)', "with 'stem=b': track fails"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_found_before_any_training(mistake: str, tmp_path: Path) -> None:
    old, new, message = MISTAKES[mistake]
    assert old in STEM
    file = tmp_path / "mine.py"
    file.write_text(STEM.replace(old, new))
    generator = torch.get_rng_state()
    with pytest.raises(InputError, match=message) as raised:
        load_space(f"{file}:My")
    assert len(str(raised.value)) < 500
    assert torch.equal(torch.get_rng_state(), generator)


def test_without_a_mistake_it_loads(tmp_path: Path) -> None:
    file = tmp_path / "mine.py"
    file.write_text(STEM)
    assert dict(load_space(f"{file}:My").labels) == {"stem": ("a", "b")}


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("nowhere.py:My", "plugin 'nowhere.py' cannot be read"),
        (SMALL.partition(":")[0], "say which class, such as .*small.py:Small"),
        (SMALL.replace(":Small", ":block"), "has no class 'block'; model spaces there: Small"),
        (SMALL.replace(":Small", ":"), "has no class ''|say which class"),
    ],
)
def test_a_source_that_names_no_class(source: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        load_space(source)


def test_a_space_file_does_not_extend_one(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(STEM)
    (tmp_path / "space.yaml").write_text("extends: mine.py:My\n")
    with pytest.raises(InputError, match=r"extends: unknown space 'mine.py:My'"):
        load_space(tmp_path / "space.yaml")
