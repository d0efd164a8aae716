"""The JSON schema of space files: what loads validates, typical mistakes do not."""

import json
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from jsonschema import Draft7Validator

from lighttrack_nas.search_spaces.files.editor_schema import space_schema
from lighttrack_nas.search_spaces.loading.loading import load_space, parse_space, preset_names
from lighttrack_nas.search_spaces.loading.texts import space_yaml
from lighttrack_nas.search_spaces.operations import operation_registry
from lighttrack_nas.search_spaces.operations.operation_registry import operation_classes
from lighttrack_nas.trackers.base.errors import InputError
from tests.search_spaces.spaces import Content, descriptions

PRESETS = Path(__file__).resolve().parents[3] / "search_spaces/presets"
SCHEMA = space_schema()
VALIDATOR = Draft7Validator(SCHEMA)

BASE: Content = yaml.safe_load((PRESETS / "lighttrack-tiny.yaml").read_text())
TOWER = BASE["towers"]["both"]
LAYERS = {"widths": [64], "layers": [{"operations": ["k3e2"], "repeat": 2}]}


def first_stage(**changes: Any) -> Content:
    return {"stages": [BASE["stages"][0] | changes, *BASE["stages"][1:]]}


def candidates(given: Any) -> Content:
    return first_stage(operations=given)


def tower(**changes: Any) -> Content:
    return {"towers": {"both": TOWER | changes}}


def test_it_is_a_schema() -> None:
    Draft7Validator.check_schema(SCHEMA)
    assert json.loads(json.dumps(SCHEMA)) == SCHEMA


@pytest.mark.parametrize("name", preset_names())
def test_presets_validate_as_files_and_as_they_are_written(name: str) -> None:
    VALIDATOR.validate(yaml.safe_load((PRESETS / f"{name}.yaml").read_text()))
    VALIDATOR.validate(yaml.safe_load(space_yaml(load_space(name))))
    # The form that results hold, everything written out.
    VALIDATOR.validate(load_space(name).description.model_dump(mode="json"))


@pytest.mark.slow
@settings(max_examples=60, deadline=None)
@given(descriptions())
def test_what_loads_validates(content: Content) -> None:
    VALIDATOR.validate(content)
    VALIDATOR.validate(parse_space(content, "drawn").description.model_dump(mode="json"))


SHORT_FORMS: list[Content] = [
    candidates({"mbconv": {"kernel": [3, 5], "expansion": 2, "attention": ["se", "none"]}, "skip": None}),
    candidates(["k3e2", {"ghost": {"kernel": 3, "expansion": 1.5}}, "skip", {"skip": None}, {"skip": {}}]),
    candidates({kind: {"kernel": 3} for kind in ("separable", "repvgg", "mobileone", "shuffle", "dsconv")}),
    {"outputs": {"stages": ["stage2", 3]}},
    {"outputs": ["stage3-block0"]},
    {"towers": {"cls": TOWER, "reg": LAYERS}},
    tower(attention="none", activation=["relu", "gelu"]),
    first_stage(attention="eca", activation="relu6", name="first", skip=False),
    {"attention": "none", "activation": "hardswish"},
    {"correlation": "depthwise", "neck_attention": 4},
    {"correlation": ["pixelwise", "depthwise"]},
    {"operations": {"mine": {"kind": "mbconv", "kernel": 9, "expansion": 4}, "none": {"kind": "skip"}}},
    {"plugins": ["mine.py", "below/other.py"]},
    first_stage(channels=[8, 16], blocks=[1, 2], expansions=[2, 4], operations={"mbconv": {"kernel": [3, 5]}}),
    first_stage(channels=16, width_multipliers=[0.5, 1]),
    first_stage(channels=16, widths=[8, 16], blocks=2, depths=[1, 2]),
    {"template_size": [32, 64]},
    {"template_size": 64, "template_sizes": [32, 64]},
    {"towers": {"both": TOWER, "sharing": "shared"}},
    {"towers": {"cls": TOWER, "reg": TOWER, "sharing": ["separate", "shared"]}},
    tower(tied=False, skip=False),
    {"stem": "none"},
    first_stage(operations={"torchvision": {"model": "resnet18", "part": 0}}),
]
CHANGES: list[Content] = [
    {},
    {"name": "mine", "summary": "mine"},
    {"stem": {"stride": 1}},
    {"stages": {"stage2": {"channels": 48}, 4: {"blocks": 2, "skip": True, "activation": "gelu"}}},
    {"stages": BASE["stages"]},
    {"towers": {"cls": {"widths": [64]}}},
    {"towers": {"reg": {"layers": [{"operations": ["k3"]}]}}},
    {"towers": {"both": {"operations": {"mobileone": {"kernel": 3}}}}},
    {"predictions": {"box_scale": 8}},
    {"outputs": {"last": 12}, "attention": "none"},
    {"stages": {"stage2": {"expansions": [4, 6]}, 3: {"operations": {"mbconv": {"kernel": 3}}}}},
    {"stages": {"stage2": {"width_multipliers": [0.5, 1]}, 3: {"blocks": [2, 4]}}},
    {"towers": {"sharing": "shared"}},
    {"towers": {"both": {"tied": False}, "sharing": ["shared", "separate"]}},
    {"backbone": {"torchvision": "resnet18", "parts": 3}},
    {"backbone": {"parts": 3}},
]


@pytest.mark.parametrize("changes", SHORT_FORMS)
def test_short_forms_validate(changes: Content) -> None:
    VALIDATOR.validate(BASE | changes)


@pytest.mark.parametrize("changes", CHANGES)
def test_changes_to_another_space_validate(changes: Content) -> None:
    VALIDATOR.validate({"extends": "lighttrack"} | changes)
    VALIDATOR.validate({"extends": "../base.yaml"} | changes)


MISTAKES: list[tuple[Content, str]] = [
    ({"fused_chanels": 64}, "fused_chanels"),
    ({"template_size": 8}, "8 is less than the minimum of 16"),
    ({"template_size": 64.5}, "not of type 'integer'"),
    ({"search_sizes": []}, "should be non-empty|too short"),
    ({"search_sizes": 128}, "not of type 'array'"),
    ({"stem": {"kernel": 3}}, "'channels' is a required property"),
    ({"stem": {"channels": 16, "kernel": 4}}, "4 is not one of"),
    ({"stages": {"stage0": {"channels": 8}}}, "not of type 'array'"),
    (first_stage(chanels=8), "chanels"),
    (first_stage(stride=3), "3 is not one of"),
    (first_stage(blocks=0), "0 is less than or equal to the minimum of 0"),
    (first_stage(skip="yes"), "not of type 'boolean'"),
    ({"stages": [{"channels": 8, "operations": ["k3"]}]}, "'blocks' is a required property"),
    (candidates({"mbcnv": {"kernel": 3}}), "mbcnv"),
    (candidates({"mbconv": {"kernel": 3}}), "'expansion' is a required property"),
    (candidates({"mbconv": {"kernel": 4, "expansion": 2}}), "should not be valid under"),
    (candidates({"mbconv": {"kernel": 33, "expansion": 2}}), "33 is greater than the maximum of 31"),
    (candidates({"mbconv": {"kernel": [3, 3], "expansion": 2}}), "non-unique"),
    (candidates({"mbconv": {"kernel": 3, "expansion": 2, "attention": "sq"}}), "'sq' is not one of"),
    (candidates([{"mbconv": {"kernel": 3, "expansion": 2}, "skip": {}}]), "too many properties"),
    (candidates("k3"), "'k3' is not of type 'object', 'array'"),
    (candidates([]), "non-empty|too short"),
    ({"operations": {"a": {"kernel": 3}}}, "'kind' is a required property"),
    ({"operations": {"a": {"kind": "mbconv", "kernel": [3, 5], "expansion": 2}}}, "not of type 'integer'"),
    ({"operations": {"a": {"kind": "mbconv", "kernel": 3, "expansion": 2, "groups": 2}}}, "groups"),
    ({"operations": {"a.b": {"kind": "skip"}}}, "'a.b' does not match"),
    ({"outputs": {"last": 0}}, "less than the minimum of 1"),
    ({"outputs": {"first": 3}}, "'first' was unexpected"),
    ({"towers": {"both": TOWER, "cls": TOWER}}, "too many properties"),
    ({"towers": {"cls": TOWER}}, "not valid under any"),
    (tower(layers=33), "33 is greater than the maximum of 32"),
    (tower(layers=[{"operations": ["k3"]}]), "False schema"),
    ({"towers": {"both": {"widths": [64], "layers": 4}}}, "'operations' is a required property"),
    ({"correlation": "pixel"}, "'pixel' is not one of"),
    ({"neck_attention": 17}, "greater than the maximum of 16"),
    ({"attention": "much"}, "'much' is not one of"),
    ({"stem": "nothing"}, "does not match"),
    ({"backbone": {"torchvision": "resnet18", "parts": 3}}, "False schema"),
    ({"plugins": "mine.py"}, "not of type 'array'"),
    ({"template_size": [8, 64]}, "8 is less than the minimum of 16"),
    ({"template_size": [64, 64]}, "non-unique"),
    (first_stage(channels=[8, "x"]), "'x' is not of type 'integer'"),
    (first_stage(channels=[]), "non-empty|too short"),
    (first_stage(blocks=[2, 99]), "99 is greater than the maximum of 32"),
    (first_stage(width_multipliers=[0, 1]), "0 is less than or equal to the minimum of 0"),
    (first_stage(width_multipliers=2), "2 is not of type 'array'"),
    (first_stage(expansions=[4, 17], operations={"mbconv": {"kernel": 3}}), "17 is greater than the maximum of 16"),
    ({"towers": {"both": TOWER, "sharing": "one"}}, "'one' is not one of"),
    ({"towers": {"both": TOWER, "cls": TOWER, "sharing": "shared"}}, "too many properties"),
    (tower(tied="no"), "not of type 'boolean'"),
    ({"predictions": {"score_scale": 0.1, "box_activation": "exp"}}, "'box_scale' is a required property"),
]


@pytest.mark.parametrize(("changes", "said"), MISTAKES)
def test_typical_mistakes_do_not_validate(changes: Content, said: str) -> None:
    errors = list(VALIDATOR.iter_errors(BASE | changes))
    assert errors
    assert re.search(said, " | ".join(_messages(errors)))
    if "plugins" not in changes:
        with pytest.raises(InputError):
            parse_space(BASE | changes, "mine")


def test_a_backbone_stands_for_stem_and_stages() -> None:
    rest = {key: value for key, value in BASE.items() if key not in ("stem", "stages")}
    assert not VALIDATOR.is_valid(rest)
    VALIDATOR.validate(rest | {"backbone": {"timm": "resnet18", "parts": 3}})
    for backbone in ("resnet18", {"timm": "resnet18", "parts": 0}, {"tim": "resnet18", "parts": 3}, {"timm": 1}):
        assert not VALIDATOR.is_valid(rest | {"backbone": backbone})


def _messages(errors: Any) -> Iterator[str]:
    for error in errors:
        yield error.message
        yield from _messages(error.context or ())


@pytest.mark.parametrize("key", sorted(BASE.keys() - {"summary"}))
def test_every_key_that_a_space_needs_is_required(key: str) -> None:
    assert not VALIDATOR.is_valid({name: value for name, value in BASE.items() if name != key})


def _keys(schema: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Every key that a schema speaks of, but for what an operation's kind changes or a condition says again."""
    if isinstance(schema, dict):
        for name, inner in schema.get("properties", {}).items():
            yield f"{path}.{name}", inner
        for name, inner in schema.items():
            if name not in ("if", "then", "else"):
                yield from _keys(inner, f"{path}.{name}")
    elif isinstance(schema, list):
        for index, inner in enumerate(schema):
            yield from _keys(inner, f"{path}[{index}]")


def test_every_key_has_a_meaning() -> None:
    keys = dict(_keys(SCHEMA))
    assert len(keys) > 60

    def meaning(schema: Any) -> bool:
        if "$ref" in schema:
            return meaning(SCHEMA["definitions"][schema["$ref"].rpartition("/")[2]])
        return bool(schema.get("description")) or any(meaning(each) for each in schema.get("anyOf", []))

    assert [key for key, schema in keys.items() if not meaning(schema)] == []


def test_every_kind_is_in_it() -> None:
    mapping = SCHEMA["definitions"]["candidates"]
    assert list(mapping["properties"]) == list(operation_classes())


def test_an_operation_of_a_package_that_cannot_be_imported_is_not_checked(monkeypatch: pytest.MonkeyPatch) -> None:
    broken = EntryPoint("broken", "no_such_package:Broken", operation_registry.GROUP)
    monkeypatch.setattr(operation_registry, "_entry_points", lambda: {"broken": broken})
    validator = Draft7Validator(space_schema())
    validator.validate(BASE | candidates({"broken": {"anything": [1, 2]}}))
    assert not validator.is_valid(BASE | candidates({"brokn": {"anything": 1}}))


PLUGIN = """\
from typing import Annotated, Literal
from pydantic import Field
from torch import nn
from lighttrack_nas.search_spaces.operations.operation_registry import operation


@operation("schema-plain")
class Plain(nn.Conv2d):
    def __init__(
        self, inputs: int, outputs: int, stride: int, *, groups: Annotated[int, Field(ge=1, le=4)],
        shape: Literal["round", "square"] = "round",
    ) -> None:
        super().__init__(inputs, outputs, 1, stride, groups=groups)
"""


def test_the_command_knows_operations_of_one_s_own(
    tmp_path: Path, run: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    plugin = tmp_path / "mine.py"
    plugin.write_text(PLUGIN)
    monkeypatch.setenv("LIGHTTRACK_NAS_PLUGINS", str(plugin))
    monkeypatch.setattr(operation_registry, "_REGISTERED", {})
    path = tmp_path / "space.schema.json"
    outcome = run("schema", "--output", str(path))
    assert (outcome.code, outcome.out.strip()) == (0, str(path))
    validator = Draft7Validator(json.loads(path.read_text()))
    validator.validate(BASE | candidates({"schema-plain": {"groups": [1, 2], "shape": "square"}}))
    assert not validator.is_valid(BASE | candidates({"schema-plain": {"groups": 5}}))
    assert not validator.is_valid(BASE | candidates({"schema-plain": {"shape": "round"}}))


def test_the_command_prints_it_without_torch() -> None:
    code = (
        "import sys\nfor name in ('torch', 'nni', 'optuna'): sys.modules[name] = None\n"
        "sys.argv = ['lighttrack-nas', 'schema']\nfrom lighttrack_nas.cli import main\nmain()"
    )
    shown = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout
    assert json.loads(shown)["$schema"] == SCHEMA["$schema"]
