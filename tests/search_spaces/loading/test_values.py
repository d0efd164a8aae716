"""Spaces as Python values, and the same space as file, value and expression."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from torch import nn

import lighttrack_nas as ltn
from lighttrack_nas.search_spaces.description.description import SpaceDescription
from lighttrack_nas.search_spaces.description.space_parts import StageDescription
from lighttrack_nas.search_spaces.files.listed_values import MULTIPLIERS
from lighttrack_nas.search_spaces.files.resolving import STYLES
from lighttrack_nas.search_spaces.loading.loading import load_space, parse_space, preset_names
from lighttrack_nas.search_spaces.loading.values import Choice, Layer, SpaceKeys, Stage, Tower
from lighttrack_nas.search_spaces.operations import operation_registry
from lighttrack_nas.search_spaces.space import Space
from lighttrack_nas.trackers.base.errors import InputError
from lighttrack_nas.trackers.base.parsing import parse_yaml
from tests.search_spaces.spaces import Content, descriptions

PRESETS = Path(__file__).resolve().parents[3] / "search_spaces/presets"
VALUES = {"Choice": Choice, "Layer": Layer, "Stage": Stage, "Tower": Tower, "define_space": ltn.define_space}

MBCONV = [Choice("mbconv", kernel=[3, 5, 7], expansion=[2, 4])]
TINY: SpaceKeys = {
    "name": "lighttrack-tiny",
    "template_size": 64,
    "search_sizes": [128],
    "stem": {"channels": 16, "kernel": 3, "stride": 2},
    "stages": [
        Stage(channels=16, blocks=1, operations=[Choice("separable", kernel=3)]),
        Stage(channels=24, blocks=2, stride=2, operations=MBCONV),
        Stage(channels=40, blocks=2, stride=2, operations=MBCONV),
        Stage(channels=64, blocks=2, operations=MBCONV),
    ],
    "outputs": {"last": 4},
    "fused_channels": 64,
    "towers": Tower(widths=[48, 64, 96], layers=4, operations=[Choice("dsconv", kernel=[3, 5])], skip=True),
    "predictions": {"score_scale": 0.1, "box_activation": "exp", "box_scale": 8},
}


ANY = [Choice("mbconv", kernel=[3, 5])]
"""Of no expansion: that is the stage's."""


def changed(**changes: Any) -> Space:
    return ltn.define_space(**TINY | changes)  # also what is wrong


def executed(text: str) -> Any:
    return eval(text, dict(VALUES))


def check_round_trip(space: Space) -> None:
    """File, value, expression and file again: one space, and at the end the same text."""
    text = ltn.space_yaml(space)
    assert len(text.splitlines()) < 80
    from_file = parse_space(parse_yaml(text, "written"), "written")
    assert parse_yaml(text, "written") == yaml.safe_load(text)
    from_python = executed(ltn.space_python(from_file))
    assert space == from_file == from_python
    assert from_python.description == space.description
    assert ltn.space_yaml(from_python) == text


# Both ways --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", preset_names())
def test_presets_go_round(name: str) -> None:
    check_round_trip(load_space(name))


@pytest.mark.slow
@settings(max_examples=60, deadline=None)
@given(descriptions())
def test_random_spaces_go_round(content: Content) -> None:
    check_round_trip(parse_space(content, "drawn"))


@pytest.mark.parametrize("name", ["lighttrack", "lighttrack-tiny"])
def test_presets_are_written_as_people_wrote_them(name: str) -> None:
    written = yaml.safe_load((PRESETS / f"{name}.yaml").read_text())
    for stage in written["stages"]:
        if stage.get("stride") == 1:
            del stage["stride"]
    assert yaml.safe_load(ltn.space_yaml(load_space(name))) == written


NAMED: dict[str, Any] = {
    "narrow": {"kind": "mbconv", "kernel": 3, "expansion": 2},
    "skip": {"kind": "mbconv", "kernel": 5, "expansion": 2},
    "nothing": {"kind": "skip"},
    "unused": {"kind": "ghost", "kernel": 3, "expansion": 1.5},
}


@pytest.mark.parametrize(
    "changes",
    [
        {"operations": NAMED, "towers": Tower(widths=[64], layers=2, operations=["narrow"], skip=True)},
        {"operations": NAMED, "towers": Tower(widths=[64], layers=[Layer(operations=["narrow", "skip", "nothing"])])},
        {"operations": {"k3e2": {"kind": "mbconv", "kernel": 7, "expansion": 4}}, "stages": [
            Stage(channels=16, blocks=2, stride=2, operations=["k3e2", Choice("mbconv", kernel=5, expansion=[1, 4])]),
        ], "outputs": ["stage0"]},
        {"towers": Tower(widths=[64], layers=[Layer(operations=[Choice("dsconv", kernel=3)], repeat=2)])},
        {"towers": Tower(widths=[64], layers=1, operations=[Choice("dsconv", kernel=3)])},
        {"towers": {
            "cls": Tower(widths=[64, 32], layers=3, operations=[Choice("dsconv", kernel=[5, 3])]),
            "reg": Tower(widths=[64], layers=32, operations=[Choice("dsconv", kernel=3)], skip=True),
        }},
        {"outputs": ["stage3-block1", "stage3-block0"]},
        {"outputs": ["stage3", "stage1"]},
        {"summary": "a: 'b'\n\n# \"c\" {d} \u00e9\u2028"},
        {"correlation": ["depthwise", "pixelwise"], "neck_attention": 8},
        {"correlation": "depthwise", "attention": ["eca", "none"], "activation": "gelu"},
        {"stages": [
            Stage(channels=[16, 24], blocks=[1, 2], stride=2, operations=ANY, expansions=[2, 4]),
            Stage(channels=32, width_multipliers=[0.5, 1], blocks=2, stride=2, operations=ANY, expansions=[1.5, 6]),
            Stage(channels=32, blocks=2, operations=["mbconv-k3", Choice("mbconv", kernel=7, expansion=6)]),
        ], "outputs": {"last": 3}},
        # A name that two stages use, of which only the later one chooses the expansion.
        {"operations": {"mbconv-k3": {"kind": "mbconv", "kernel": 3, "expansion": 4}}, "stages": [
            Stage(channels=16, blocks=2, stride=2, operations=["mbconv-k3"]),
            Stage(channels=16, blocks=2, stride=2, operations=ANY, expansions=[2, 4]),
        ], "outputs": ["stage0-block0", "stage1"]},
        # An expansion of the table that no stage chooses.
        {"operations": {"mbconv-k3": {"kind": "mbconv", "kernel": 3, "expansion": 1}}, "stages": [
            Stage(channels=16, blocks=2, stride=2, operations=["mbconv-k3"], expansions=[2, 4]),
        ], "outputs": {"last": 1}},
        {"template_size": [32, 48, 64], "towers": {
            "both": Tower(widths=[32, 64], tied=False, layers=3, operations=[Choice("dsconv", kernel=3)]),
            "sharing": ["separate", "shared"],
        }},
        {"template_size": 64, "template_sizes": [32, 64], "towers": {
            "cls": Tower(widths=[32, 64], layers=3, operations=[Choice("dsconv", kernel=3)]),
            "reg": Tower(widths=[32], layers=2, operations=[Choice("dsconv", kernel=5)], skip=True),
            "sharing": "shared",
        }},
        {"name": "1e-3", "summary": "1e5"},
    ],
)  # fmt: skip
def test_what_the_short_forms_cannot_say_goes_round(changes: dict[str, Any]) -> None:
    check_round_trip(changed(**changes))


def test_the_new_choices_are_written_as_people_write_them() -> None:
    said: dict[str, Any] = {
        "stages": [
            Stage(channels=[16, 24], blocks=[1, 2], stride=2, operations=ANY, expansions=[2, 4]),
            Stage(channels=32, blocks=2, stride=2, operations=ANY, expansions=[1.5, 6]),
        ],
        "outputs": {"last": 3},
        "template_size": [32, 64],
        "towers": {
            "both": Tower(widths=[32, 64], layers=3, tied=False, operations=[Choice("dsconv", kernel=3)]),
            "sharing": ["separate", "shared"],
        },
    }
    shown = ltn.space_python(changed(**said)).splitlines()
    for stage in said["stages"]:
        assert f"        {stage!r}," in shown
    assert {"    template_size=[32, 64],", '        "sharing": ["separate", "shared"],'} <= set(shown)
    assert f'        "both": {said["towers"]["both"]!r},' in shown
    assert '    outputs={"last": 3},' in shown
    assert not any("operations={" in line for line in shown)


# Values -----------------------------------------------------------------------------------------------------------


def test_values_say_what_a_file_says() -> None:
    assert ltn.define_space(**TINY) == load_space("lighttrack-tiny")


def test_values_show_the_expression_that_makes_them() -> None:
    for value in (*TINY["stages"], TINY["towers"], Layer(operations=["a", Choice("skip")], repeat=2)):
        assert executed(repr(value)) == value
    assert repr(Choice("mbconv", kernel=[3, 5], attention="eca")) == 'Choice("mbconv", kernel=[3, 5], attention="eca")'


def test_changes_to_another_space(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(
        "name: mine\nextends: lighttrack\nattention: none\n"
        "stages: {stage2: {channels: 48, skip: true}, 4: {blocks: 2}}\n"
        "towers: {cls: {widths: [64]}}\noutputs: {last: 3}\n"
    )
    said: dict[str, Any] = {
        "name": "mine",
        "attention": "none",
        "stages": {"stage2": Stage(channels=48, skip=True), 4: Stage(blocks=2)},
        "towers": {"cls": Tower(widths=[64])},
        "outputs": {"last": 3},
    }
    loaded = load_space(path)
    assert ltn.define_space(extends="lighttrack", **said) == loaded
    assert ltn.define_space(extends=load_space("lighttrack-12"), **said) == loaded  # but for the outputs the same
    assert ltn.define_space(extends=str(path), name="mine") == loaded
    assert ltn.define_space(extends=loaded, name="other").hash == loaded.hash
    both = ltn.define_space(extends="lighttrack", name="x", towers=Tower(widths=[64]))
    assert both.tower("cls") == both.tower("reg") != load_space("lighttrack").tower("reg")


def test_named_operations_are_choices_too() -> None:
    table = {"wide": Choice("mbconv", kernel=9, expansion=4)}
    space = changed(operations=table, towers=Tower(widths=[64], layers=1, operations=["wide"]))
    assert space.candidates["cls-layer0"] == ("wide",)
    assert "operations={" in ltn.space_python(space)
    assert '"wide": Choice("mbconv", kernel=9, expansion=4' in ltn.space_python(space)


def test_every_key_of_a_file_is_a_keyword() -> None:
    assert set(SpaceKeys.__annotations__) == {*SpaceDescription.model_fields, *STYLES, "extends", "plugins", "backbone"}
    stage = {field for field in Stage.__dataclass_fields__}
    assert stage == {*StageDescription.model_fields, *STYLES, MULTIPLIERS}


PLUGIN = """\
from torch import nn
from lighttrack_nas.search_spaces.operations.operation_registry import operation


@operation("twin-plain")
class TwinPlain(nn.Conv2d):
    def __init__(self, inputs: int, outputs: int, stride: int, *, kernel: int = 3, operation: bool = False) -> None:
        super().__init__(inputs, outputs, kernel, stride, kernel // 2)
"""


def test_a_module_class_is_a_choice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # What is registered here is forgotten behind it.
    monkeypatch.setattr(operation_registry, "_REGISTERED", dict(operation_registry._REGISTERED))
    monkeypatch.chdir(tmp_path)
    plugin = tmp_path / "mine.py"
    plugin.write_text(PLUGIN)
    by_file = tmp_path / "by_file.yaml"
    by_file.write_text(
        "name: mine\nextends: lighttrack-tiny\nplugins: [mine.py]\n"
        "stages: {3: {operations: {twin-plain: {kernel: [3, 5], operation: true}}}}\n"
    )
    loaded = load_space(by_file)
    made = loaded.description.operations[loaded.candidates["stage3-block0"][0]]
    module = made.MODULE_CLASS  # of a registered one
    choice = Choice(module, kernel=[3, 5], operation=True)
    assert repr(choice) == 'Choice("twin-plain", kernel=[3, 5], operation=True)'
    space = ltn.define_space(extends="lighttrack-tiny", name="mine", stages={3: Stage(operations=[choice])})
    assert space == loaded == executed(ltn.space_python(space))
    assert ltn.space_yaml(space).splitlines()[1] == "plugins: [mine.py]"
    beside = tmp_path / "again.yaml"
    beside.write_text(ltn.space_yaml(space))
    assert load_space(beside) == space


def test_a_class_that_is_no_operation_is_named() -> None:
    with pytest.raises(InputError, match=r'class Conv2d is no operation; put @operation\("conv2d"\) above it'):
        Choice(nn.Conv2d, kernel=3)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"name": None}, "a space needs a name"),
        ({"fused_chanels": 8}, "unknown key 'fused_chanels'; did you mean 'fused_channels'"),
        ({"stages": [Stage(channels=8, blocks=1)]}, r"stages\[0\].operations: Field required"),
        (
            {"stages": [Stage(channels=8, blocks=1, operations=[Choice("mbcov", kernel=3)])]},
            r"stages\[0\].operations\[0\].mbcov: unknown operation 'mbcov'; did you mean 'mbconv'",
        ),
        (
            {"stages": [Stage(channels=8, blocks=1, operations=[Choice("mbconv", kernel=4, expansion=2)])]},
            r"stages\[0\].operations\[0\].mbconv.kernel: a kernel must be odd",
        ),
        ({"towers": Tower(widths=[64], layers=99, operations=["k3"])}, "towers.both.layers: 1 to 32 layers"),
        ({"operations": {"a": Choice("mbconv", kernel=[3, 5], expansion=2)}}, r"operations.a: kernel: .*\[3, 5\]"),
        (
            {"stages": [Stage(channels=[16, 8], blocks=1, operations=ANY, expansions=[2, 4])], "outputs": ["stage0"]},
            r"stages\[0\].channels: widths must ascend",
        ),
        ({"outputs": {"last": 99}}, r"outputs.last: 1 to 7 blocks are possible, got 99"),
        ({"extends": 3}, "extends: expected a space's name or a file, got 3"),
        ({"extends": "lighttrack", "stages": {"stage9": Stage(blocks=2)}}, "there is no stage 'stage9'"),
        (
            {"extends": "lighttrack", "stages": {1: Stage(operations=[Choice("mbcov")])}},
            r"stages\[1\].operations\[0\].mbcov: unknown operation",
        ),
        ({"template_size": object()}, "template_size: .*valid integer"),
        ({"plugins": ["x.py"]}, "plugin '.*x.py' cannot be read: no such file"),
    ],
)
def test_mistakes_name_their_place(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError, match=said) as caught:
        changed(**changes)
    assert str(caught.value).startswith("define_space")


def test_an_unknown_base_is_named() -> None:
    with pytest.raises(InputError, match="unknown space 'lighttrak'; did you mean 'lighttrack'"):
        changed(extends="lighttrak")


def test_values_are_exported() -> None:
    assert (ltn.Space, ltn.Stage, ltn.Tower, ltn.Layer, ltn.Choice) == (Space, Stage, Tower, Layer, Choice)
