"""What a space file may say, and how mistakes are named."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from lighttrack_nas.search_spaces.loading.loading import load_space
from lighttrack_nas.search_spaces.presets import preset_names
from lighttrack_nas.trackers.base.errors import InputError

PRESETS = Path(__file__).resolve().parents[3] / "search_spaces/presets"


def write(folder: Path, **changes: Any) -> Path:
    content = yaml.safe_load((PRESETS / "lighttrack-tiny.yaml").read_text()) | changes
    path = folder / "mine.yaml"
    path.write_text(yaml.safe_dump(content))
    return path


def stages(**changes: Any) -> list[dict[str, Any]]:
    content = yaml.safe_load((PRESETS / "lighttrack-tiny.yaml").read_text())["stages"]
    return [*content[:-1], content[-1] | changes]


def test_every_preset_loads_by_its_name() -> None:
    assert preset_names() == ("lighttrack", "lighttrack-12", "lighttrack-table", "lighttrack-tiny")
    for name in preset_names():
        assert load_space(name).name == name


def test_the_paper_s_table() -> None:
    description = load_space("lighttrack").description
    assert [(s.channels, s.blocks, s.stride) for s in description.stages] == [
        (16, 1, 1),
        (24, 2, 2),
        (40, 4, 2),
        (80, 4, 2),
        (96, 4, 1),
    ]
    for stage in description.stages[1:]:
        found = [description.operations[name] for name in stage.operations]
        assert [(op.kernel, op.expansion) for op in found] == [(k, e) for k in (3, 5, 7) for e in (4, 6)]
    assert [exit_.total_stride for exit_ in description.exits] == [16] * 8
    assert [exit_.name for exit_ in description.exits] == [b.name for b in description.blocks][-8:]
    assert {description.kernels(exit_) for exit_ in description.exits} == {64}


def test_twelve_outputs_differ_in_that_line_alone() -> None:
    paper, released = load_space("lighttrack").description, load_space("lighttrack-12").description
    rest = {"name", "summary", "outputs"}
    assert paper.model_dump(exclude=rest) == released.model_dump(exclude=rest)
    assert [(e.total_stride, released.kernels(e)) for e in released.exits] == [(8, 256)] * 4 + [(16, 64)] * 8


def test_tiny_keeps_every_kind_of_choice() -> None:
    space = load_space("lighttrack-tiny")
    assert (space.description.template_size, space.description.search_sizes) == (64, (128,))
    assert {exit_.total_stride for exit_ in space.description.exits} == {8}
    assert {"output", "cls-width", "reg-width", "cls-layer0", "reg-layer3", "stage1-block0"} <= space.labels.keys()


def test_a_file_extends_a_preset(tmp_path: Path) -> None:
    base = tmp_path / "base.yaml"
    base.write_text("extends: lighttrack-tiny\nname: base\nfused_channels: 32\n")
    mine = tmp_path / "mine.yaml"
    mine.write_text("extends: base.yaml\nname: mine\noutputs: [stage3-block1]\n")
    space = load_space(mine)
    assert space.name == "mine"
    assert space.description.fused_channels == 32
    assert "output" not in space.labels
    assert space.hash != load_space("lighttrack-tiny").hash


def test_a_file_without_a_name_is_called_after_itself(tmp_path: Path) -> None:
    base, mine = tmp_path / "base.yaml", tmp_path / "mine.yaml"
    base.write_text("extends: lighttrack-tiny\nfused_channels: 32\n")
    mine.write_text("extends: base.yaml\noutputs: [stage3-block1]\n")
    assert load_space(base).name == "base"
    assert load_space(mine).name == "mine"


def test_name_and_summary_leave_the_hash(tmp_path: Path) -> None:
    assert load_space(write(tmp_path, name="other", summary="else")).hash == load_space("lighttrack-tiny").hash


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"widht": 3}, "unknown key 'widht'$"),
        ({"fused_chanels": 3}, "unknown key 'fused_chanels'; did you mean 'fused_channels'"),
        ({"stages": stages(opps=1)}, r"unknown key 'stages\[3\].opps'$"),
        ({"stages": stages(chanels=1)}, r"unknown key 'stages\[3\].chanels'; did you mean 'channels'"),
        ({"stages": stages(blocks=0)}, r"stages\[3\].blocks: .*greater than 0.*got 0"),
        ({"stages": stages(stride=3)}, r"stages\[3\].stride: .*1 or 2.*got 3"),
        ({"stages": stages(channels="wide")}, r"stages\[3\].channels: .*got 'wide'"),
        (
            {"stages": stages(operations=["k9e9"])},
            r"mine.yaml:\d+: stages\[3\].operations\[0\]: unknown operation 'k9e9'; known: .*k3e2",
        ),
        (
            {"stages": stages(operations=["skip"])},
            "'skip' of stage3-block0 cannot turn 40 channels into 64 with stride 1: it passes",
        ),
        ({"stages": stages(operations=["k3e2", "k3e2"])}, "stands twice"),
        ({"stages": stages(name="stage1")}, "names must differ"),
        ({"stages": stages(name="output")}, "none of output"),
        ({"stages": []}, "stages: .*at least 1"),
        ({"outputs": ["stage3-block2"]}, r"no block 'stage3-block2'.*stage3 \(2\)"),
        ({"outputs": ["stage9"]}, "no block 'stage9'"),
        ({"outputs": ["stage3-block01"]}, "no block 'stage3-block01'"),
        ({"outputs": ["stage"]}, "no block 'stage'"),
        ({"outputs": ["stage3-block"]}, "no block 'stage3-block'"),
        ({"outputs": ["stage3-block\u0661"]}, "no block 'stage3-block\u0661'"),
        ({"outputs": ["stage3", "stage3-block0"]}, "stands twice"),
        ({"search_sizes": [48]}, "must exceed the template size 64, got 48"),
        ({"search_sizes": [144, 128]}, r"must ascend, got \[144, 128\]"),
        ({"template_size": 8}, "template_size: .*16.*got 8"),
        ({"operations": {"a": {"kind": "mbconv", "kernel": 4, "expansion": 2}}}, "must be odd"),
        ({"operations": {"a": {"kind": "conv", "kernel": 3}}}, "operations.a: .*conv"),
        ({"operations": {"a/b": {"kind": "skip"}}}, "a/b"),
        ({"operations": {"a.b": {"kind": "skip"}}}, "a.b"),
        ({"operations": {"a": {"kind": "skip"}, "b": {"kind": "skip"}}}, "operations.b: the same operation as 'a'"),
        ({"name": "has space"}, "name: "),
        (
            {"search_sizes": [132]},
            r"search_sizes\[0\]: 132 pixels do not fit the stride 8 .*next size that does is 136",
        ),
        ({"stem": {"channels": 16, "kernel": 4}}, "stem.kernel: .*got 4"),
        ({"stem": {"channels": True}}, "stem.channels: .*valid integer.*got True"),
        ({"template_size": 1024, "search_sizes": [2048]}, "16384 correlation kernels; at most 4096"),
        ({"stages": stages(channels=40, operations=["k3e2", "skip"])}, "a skip among several operations"),
        ({"stages": stages(blocks=10**9)}, r"stages\[3\].blocks: .*less than or equal to 32"),
        ({"stages": stages(channels=10**9)}, r"stages\[3\].channels: .*less than or equal to 2048"),
        ({"template_size": 10**9}, "template_size: .*less than or equal to 2048"),
        (
            {"predictions": {"score_scale": 0.1, "box_activation": "tanh", "box_scale": 8}},
            "box_activation: .*got 'tanh'",
        ),
    ],
)
def test_mistakes_are_named(tmp_path: Path, changes: dict[str, Any], said: str) -> None:
    path = write(tmp_path, **changes)
    with pytest.raises(InputError, match=said) as caught:
        load_space(path)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("stages: [", "no valid YAML at line"),
        ("- a\n- b\n", "expected a mapping"),
        ("", "expected a mapping"),
        ("extends: 3\n", "mine.yaml:1: extends: expected a space's name"),
        ("extends: lighttrak\n", "did you mean 'lighttrack'"),
        ("extends: mine.yaml\n", "in a circle"),
        ("extends: gone.yaml\n", "gone.yaml' cannot be read: No such file"),
        ("name: x\n", "template_size: Field required: side of the template crop, pixels"),
        ("name: x\nstages:\n", "stages: expected a list, got None"),
        ("name: x\nstages:\n", r"(?s)\A(?!.*\boperations: Field)"),
        ("name: x\ntowers: 3\n", "towers: expected a mapping of keys, got 3"),
        ("[" * 5000, "no valid YAML"),
        ("template_size: 1" + "0" * 5000, "no valid YAML"),
        ("extends: lighttrack-tiny\nname: &a [x, x]\n", "name: .*valid string"),
        ("!!python/object/apply:os.system ['true']\n", "no valid YAML"),
    ],
)
def test_broken_files_are_named(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(text)
    with pytest.raises(InputError, match=said):
        load_space(path)


def test_unknown_preset_and_missing_file() -> None:
    with pytest.raises(InputError, match=r"unknown space 'lighttrack-13'; did you mean 'lighttrack-1[2]'"):
        load_space("lighttrack-13")
    with pytest.raises(InputError, match=r"nowhere\.yaml' cannot be read"):
        load_space("nowhere.yaml")
