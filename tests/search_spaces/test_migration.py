"""Which weights and architectures of one space serve another."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from lighttrack_nas.search_spaces.addresses import Address, address
from lighttrack_nas.search_spaces.building.model_space import build_model_space
from lighttrack_nas.search_spaces.loading.architecture_translation import fit_architecture, other_sizes
from lighttrack_nas.search_spaces.loading.loading import load_space, parse_space
from lighttrack_nas.search_spaces.space import Space
from lighttrack_nas.search_spaces.weight_matching import plan, same_operations
from lighttrack_nas.trackers.base.errors import InputError

TABLE = "lighttrack-table"


def variant(change: Callable[[dict[str, Any]], object], base: str = TABLE) -> Space:
    content = load_space(base).description.model_dump(mode="json") | {"name": "variant"}
    change(content)
    return parse_space(content, "variant")


def renamed(content: dict[str, Any], old: str, new: str) -> None:
    """Call an operation otherwise, everywhere."""
    content["operations"] = {new if name == old else name: value for name, value in content["operations"].items()}
    for part in (*content["stages"], *content["towers"]["cls"]["layers"], *content["towers"]["reg"]["layers"]):
        part["operations"] = [new if name == old else name for name in part["operations"]]


def keys(space: Space) -> list[str]:
    return list(build_model_space(space).state_dict())


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        ("network.backbone.stem.norm.bias", Address("stem", "stem", "network.backbone.stem.norm.bias")),
        (
            "network.backbone.blocks.stage1-block0.k5e4.expand.weight",
            Address("backbone", "stage1-block0", "network.backbone.blocks.stage1-block0.expand.weight", "", "k5e4"),
        ),
        # Fixed: no name of the candidate in the key.
        (
            "network.backbone.blocks.stage3-block0.expand.weight",
            Address("backbone", "stage3-block0", "network.backbone.blocks.stage3-block0.expand.weight", "", "k5e4"),
        ),
        # A choice around the candidates, of a kind that does not exist yet.
        (
            "network.backbone.blocks.stage1-block0.wide.k5e4.expand.weight",
            Address(
                "backbone", "stage1-block0", "network.backbone.blocks.stage1-block0.wide.expand.weight", "", "k5e4"
            ),
        ),
        (
            "network.cls_head.32.layers.1.k3.norm.weight",
            Address("cls", "cls-layer1", "network.cls_head.layers.1.norm.weight", "32", "k3"),
        ),
        (
            "network.cls_head.64.layers.0.norm.weight",
            Address("cls", "cls-layer0", "network.cls_head.layers.0.norm.weight", "64", "k3"),
        ),
        (
            "network.reg_head.64.prediction.bias",
            Address("reg", "reg prediction", "network.reg_head.prediction.bias", "64"),
        ),
        ("network.necks.40.norm.bias", Address("neck", "40 channels", "network.necks.40.norm.bias")),
        ("network.fusions.9.adapter.bias", Address("fusion", "9 kernels", "network.fusions.9.adapter.bias")),
        ("network.shared_head.k3.weight", Address("other", "other", "network.shared_head.k3.weight")),
        (
            "network.backbone.blocks.stage9-block0.x",
            Address("other", "other", "network.backbone.blocks.stage9-block0.x"),
        ),
    ],
)
def test_keys_of_weights_have_an_address_in_the_space(key: str, expected: Address) -> None:
    assert address(load_space(TABLE), key) == expected


def test_a_space_serves_itself_whole(space: Space) -> None:
    own = keys(space)
    assert plan(space, own, space, own) == {key: key for key in own}


def test_operations_are_the_same_by_what_they_are() -> None:
    def change(content: dict[str, Any]) -> None:
        renamed(content, "k3e2", "small")
        content["operations"]["k5e2"]["squeeze"] = 0.5

    source = load_space(TABLE)
    same = same_operations(source, variant(change))
    assert same["small"] == "k3e2"
    assert "k5e2" not in same
    assert set(same) == {*source.description.operations, "small"} - {"k3e2", "k5e2"}


def test_another_name_is_followed_and_another_operation_is_not() -> None:
    def change(content: dict[str, Any]) -> None:
        # k3e2 and k5e2 change names with each other; k7e4 is something else under its old name.
        renamed(content, "k3e2", "x")
        renamed(content, "k5e2", "k3e2")
        renamed(content, "x", "k5e2")
        content["operations"]["k7e4"]["kernel"] = 9

    source, target = load_space(TABLE), variant(change)
    planned = plan(source, keys(source), target, keys(target))
    block = "network.backbone.blocks.stage2-block1"
    assert planned[f"{block}.k3e2.depthwise.weight"] == f"{block}.k5e2.depthwise.weight"
    assert planned[f"{block}.k5e2.depthwise.weight"] == f"{block}.k3e2.depthwise.weight"
    assert not any(".k7e4." in key for key in planned)
    assert len(set(planned.values())) == len(planned)


def test_what_is_fixed_in_one_space_may_be_chosen_in_the_other() -> None:
    def change(content: dict[str, Any]) -> None:
        content["stages"][1]["operations"] = ["k5e4"]
        content["stages"][3]["operations"] = ["k3e2", "k5e4"]
        content["towers"]["cls"]["widths"] = [64]
        content["towers"]["reg"]["layers"][0]["operations"] = ["k5"]

    source, target = load_space(TABLE), variant(change)
    own, other = keys(source), keys(target)
    there, back = plan(source, own, target, other), plan(target, other, source, own)
    blocks = "network.backbone.blocks"
    pairs = {
        f"{blocks}.stage1-block0.expand.weight": f"{blocks}.stage1-block0.k5e4.expand.weight",
        f"{blocks}.stage3-block0.k5e4.expand.weight": f"{blocks}.stage3-block0.expand.weight",
        "network.cls_head.layers.1.k3.norm.bias": "network.cls_head.64.layers.1.k3.norm.bias",
        "network.cls_head.prediction.bias": "network.cls_head.64.prediction.bias",
        "network.reg_head.32.layers.0.norm.bias": "network.reg_head.32.layers.0.k5.norm.bias",
    }
    assert pairs.items() <= there.items()
    assert back == {value: key for key, value in there.items()}
    assert f"{blocks}.stage3-block0.k3e2.expand.weight" not in there


def test_keys_of_an_unknown_form_match_by_themselves() -> None:
    space = load_space(TABLE)
    assert plan(space, ["a.k3.b", "c"], space, ["a.k3.b", "d"]) == {"a.k3.b": "a.k3.b"}


def test_architectures_go_to_a_larger_space_and_back() -> None:
    def change(content: dict[str, Any]) -> None:
        renamed(content, "k5e4", "other")
        content["operations"]["k9e2"] = {"kind": "mbconv", "kernel": 9, "expansion": 2}
        content["stages"][0]["operations"] = ["separable3", "k9e2"]
        content["stages"][1]["operations"] = ["k9e2", "k3e2", "other"]
        content["stages"][3]["blocks"] = 2
        content["towers"]["cls"]["layers"][1]["repeat"] = 4
        content["towers"]["reg"]["widths"] = [96, 64, 32]

    source, target = load_space(TABLE), variant(change)
    for seed in range(20):
        architecture = source.sample(np.random.default_rng(seed))
        fitted = fit_architecture(architecture, target)
        assert fitted.space == target
        assert fitted.choices["stage0-block0"] == "separable3"
        assert fitted.choices["cls-layer3"] == fitted.choices["cls-layer4"] == "skip"
        assert fitted.choices["reg-width"] == architecture.choices["reg-width"]
        names = {"k5e4": "other"}
        value = architecture.choices["stage1-block0"]
        assert fitted.choices["stage1-block0"] == names.get(value, value)
        assert fit_architecture(fitted, source).path() == architecture.path()
    assert fit_architecture(architecture, source) is architecture


def test_a_space_of_another_name_alone_has_the_same_architectures(space: Space) -> None:
    content = space.description.model_dump(mode="json") | {"name": "another"}
    another = parse_space(content, "another")
    architecture = space.sample(np.random.default_rng(0))
    assert fit_architecture(architecture, another).choices == architecture.choices
    assert other_sizes(space, another) == ()


def test_blocks_behind_the_output_need_not_fit() -> None:
    def shorter(content: dict[str, Any]) -> None:
        del content["stages"][3]
        content["outputs"] = ["stage2"]
        content["stages"][2]["operations"] = ["k3e2"]

    source, target = load_space(TABLE), variant(shorter)
    choices = dict(source.sample(np.random.default_rng(0)).choices)
    # stage2-block1 is k7e4, which the target has not there, behind the output.
    first = choices | {"output": "stage2-block0", "stage2-block0": "k3e2", "stage2-block1": "k7e4"}
    assert fit_architecture(source.architecture(first), target).choices["output"] == "stage2-block0"
    with pytest.raises(InputError) as failure:
        fit_architecture(source.architecture(first | {"output": "stage3-block0"}), target)
    said = str(failure.value)
    assert "output: stage3-block0 is none of stage2-block0, stage2-block1" in said
    assert "stage2-block1: k7e4 (mbconv, kernel 7, expansion 4, squeeze 0.25) is none of k3e2" in said
    assert "stage3-block0: k5e4 (mbconv, kernel 5, expansion 4, squeeze 0.25) stands where space 'variant'" in said
    # And in a larger space, what comes behind the output is made up.
    back = fit_architecture(target.sample(np.random.default_rng(1)), source)
    assert source.contains(back)


@pytest.mark.parametrize(
    ("change", "choices", "messages"),
    [
        (lambda c: c["towers"]["cls"].update(widths=[32]), {"cls-width": "64"}, ["cls-width: 64 is none of 32"]),
        (
            lambda c: c["operations"]["k3e2"].update(kernel=9),
            {"stage1-block0": "k3e2", "output": "stage2-block0", "stage2-block0": "k3e2"},
            [
                "stage1-block0: k3e2 (mbconv, kernel 3, expansion 2, squeeze 0.25) is none of "
                "k3e2 (mbconv, kernel 9, expansion 2, squeeze 0.25), k5e4",
                "stage2-block0: k3e2 (",
            ],
        ),
        (
            lambda c: c["operations"].update(new={"kind": "separable", "kernel": 5}),
            {},
            [],
        ),
        (
            lambda c: (
                c["operations"].update(new={"kind": "separable", "kernel": 5}),
                c["stages"][0].update(operations=["new"]),
            ),
            {},
            ["stage0-block0: separable3 (separable, kernel 3, squeeze 0.25) is none of new"],
        ),
        (
            lambda c: c["towers"]["reg"]["layers"].append({"operations": ["k3"], "repeat": 2}),
            {},
            ["reg-layer2, reg-layer3: space 'lighttrack-table' has no such place, and no skip may stand there"],
        ),
        (
            lambda c: c["towers"]["cls"]["layers"].pop(),
            {"cls-layer1": "k3", "cls-layer2": "skip"},
            ["cls-layer1: k3 (dsconv, kernel 3) stands where space 'variant' has no place"],
        ),
        (lambda c: c["towers"]["cls"]["layers"].pop(), {"cls-layer1": "skip", "cls-layer2": "skip"}, []),
    ],
)
def test_all_that_does_not_fit_is_named(
    change: Callable[[dict[str, Any]], object], choices: dict[str, str], messages: list[str]
) -> None:
    source, target = load_space(TABLE), variant(change)
    chosen = {label: values[0] for label, values in source.labels.items()} | choices
    architecture = source.architecture(chosen)
    if not messages:
        assert target.contains(fit_architecture(architecture, target))
        return
    with pytest.raises(InputError, match="does not fit space 'variant'") as failure:
        fit_architecture(architecture, target)
    said = str(failure.value).partition(": ")[2]
    assert said.count("; ") == len(messages) - 1
    assert all(message in said for message in messages)


def test_other_sizes_are_named() -> None:
    def change(content: dict[str, Any]) -> None:
        content["stages"][2]["channels"] = 48
        content["stages"][3]["operations"] = ["k3e2"]
        content["fused_channels"] = 64

    source = load_space(TABLE)
    assert other_sizes(source, variant(change)) == ("fused_channels", "stages.stage2")
    assert other_sizes(source, source) == ()
