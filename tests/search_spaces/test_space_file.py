"""Short forms of a space file, what `extends` puts together, and mistakes with their lines."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from lighttrack_nas.search_spaces.loading import load_space, parse_space
from lighttrack_nas.search_spaces.space import Space
from lighttrack_nas.trackers.errors import InputError

BASE: dict[str, Any] = {
    "name": "mine",
    "template_size": 32,
    "search_sizes": [64],
    "stem": {"channels": 8},
    "stages": [
        {"channels": 8, "blocks": 2, "stride": 2, "operations": {"mbconv": {"kernel": [3, 5], "expansion": [2, 4]}}},
        {"channels": 16, "blocks": 3, "stride": 2, "operations": ["k3e2", {"ghost": {"kernel": 3, "expansion": 2}}]},
    ],
    "outputs": {"last": 2},
    "fused_channels": 16,
    "towers": {"both": {"widths": [16], "layers": 3, "operations": {"dsconv": {"kernel": 3}}, "skip": True}},
    "predictions": {"score_scale": 0.1, "box_activation": "exp", "box_scale": 8},
}
KERNEL3 = [{"mbconv": {"kernel": 3, "expansion": 2}}]


def made(**changes: Any) -> Space:
    return parse_space(BASE | changes, "mine")


def first_stage(**changes: Any) -> list[Any]:
    return [BASE["stages"][0] | changes, BASE["stages"][1]]


def file(folder: Path, text: str, name: str = "mine.yaml") -> Path:
    path = folder / name
    path.write_text(text)
    return path


# Short forms ----------------------------------------------------------------------------------------------------


def test_lists_of_parameters_are_every_combination() -> None:
    assert made().candidates["stage0-block0"] == ("k3e2", "k3e4", "k5e2", "k5e4")
    assert made().candidates["stage1-block2"] == ("k3e2", "ghost-k3e2")


def test_the_order_of_the_written_parameters_does_not_matter() -> None:
    turned = first_stage(operations={"mbconv": {"expansion": [2, 4], "kernel": [3, 5]}})
    assert made(stages=turned).hash == made().hash


@pytest.mark.parametrize(
    ("operations", "names"),
    [
        ({"mbconv": {"kernel": 9, "expansion": 1.5}}, ["k9e1p5"]),
        ({"mbconv": {"kernel": 3, "expansion": 2, "attention": ["eca", "none"]}}, ["k3e2-eca", "k3e2-no-attention"]),
        ({"mbconv": {"kernel": 3, "expansion": 2, "squeeze": 0.5}}, ["k3e2-squeeze0p5"]),
        ({"fused": {"kernel": 3, "expansion": 2}}, ["fused-k3e2"]),
        ({"repvgg": {"kernel": [3, 5], "activation": "silu"}}, ["repvgg-k3-silu", "repvgg-k5-silu"]),
        ({"separable": {"kernel": 11}, "mobileone": {"kernel": 3}}, ["separable11", "mobileone-k3"]),
        (["k3e2", {"separable": {"kernel": 3}}], ["k3e2", "separable3"]),
    ],
)
def test_names_of_candidates(operations: Any, names: list[str]) -> None:
    table = {"k3e2": {"kind": "mbconv", "kernel": 3, "expansion": 2}}
    assert list(made(stages=first_stage(operations=operations), operations=table).candidates["stage0-block0"]) == names


def test_an_operation_that_has_a_name_keeps_it() -> None:
    table = {"narrow": {"kind": "mbconv", "kernel": 3, "expansion": 2}}
    space = made(operations=table, stages=BASE["stages"][:1], outputs=["stage0"])
    assert space.candidates["stage0-block0"][0] == "narrow"


@pytest.mark.parametrize(
    ("outputs", "exits"),
    [
        ({"last": 1}, ["stage1-block2"]),
        ({"last": 4}, ["stage0-block1", "stage1-block0", "stage1-block1", "stage1-block2"]),
        ({"stages": [1]}, ["stage1-block0", "stage1-block1", "stage1-block2"]),
        ({"stages": ["stage0"]}, ["stage0-block0", "stage0-block1"]),
        (["stage0-block1", "stage1-block2"], ["stage0-block1", "stage1-block2"]),
    ],
)
def test_outputs_by_rule(outputs: Any, exits: list[str]) -> None:
    assert [exit_.name for exit_ in made(outputs=outputs).description.exits] == exits


def test_styles_of_the_whole_space_of_a_stage_and_of_an_operation() -> None:
    told = {"mbconv": {"kernel": 3, "expansion": 2, "activation": "gelu"}}
    stages = [
        BASE["stages"][0] | {"activation": "relu6"},
        {"channels": 16, "blocks": 1, "stride": 2, "operations": told},
    ]
    space = made(stages=stages, attention="none", activation="relu", outputs={"last": 1})
    first = space.description.operations[space.candidates["stage0-block0"][0]]
    second = space.description.operations[space.candidates["stage1-block0"][0]]
    assert (first.parameters()["attention"], first.parameters()["activation"]) == ("none", "relu6")
    assert (second.parameters()["attention"], second.parameters()["activation"]) == ("none", "gelu")
    assert {space.description.operations[name].kind for name in space.candidates["cls-layer0"]} == {"dsconv"}


def test_towers_by_number_of_layers() -> None:
    space = made()
    assert [space.candidates[f"cls-layer{i}"] for i in range(3)] == [("k3",), ("k3", "skip"), ("k3", "skip")]
    assert space.tower("cls") == space.tower("reg")


def test_without_later_features_nothing_of_them_is_written() -> None:
    """So that hashes and files of spaces that use none of them stay as they were."""
    content = made().description.model_dump(mode="json")
    assert not {"correlation", "neck_attention"} & content.keys()
    assert all("skip" not in stage for stage in content["stages"])
    assert content["operations"]["k3e2"] == {"kind": "mbconv", "kernel": 3, "expansion": 2.0, "squeeze": 0.25}
    whole = made(correlation=["depthwise"], neck_attention=4)
    assert parse_space(whole.description.model_dump(mode="json"), "again").hash == whole.hash != made().hash


# What extends puts together ---------------------------------------------------------------------------------------


def test_mappings_go_into_each_other(tmp_path: Path) -> None:
    path = file(tmp_path, "extends: lighttrack\nstem: {channels: 24}\ntowers: {cls: {widths: [64]}}\n")
    description, base = load_space(path).description, load_space("lighttrack").description
    assert (description.stem.channels, description.stem.kernel) == (24, 3)
    assert (description.towers.cls.widths, description.towers.reg) == ((64,), base.towers.reg)
    assert description.towers.cls.layers == base.towers.cls.layers


def test_stages_are_changed_by_name_or_number(tmp_path: Path) -> None:
    path = file(tmp_path, "extends: lighttrack\nstages:\n  stage2: {channels: 48}\n  4: {blocks: 2, skip: true}\n")
    assert [(s.channels, s.blocks, s.skip) for s in load_space(path).description.stages[2:]] == [
        (48, 4, False),
        (80, 4, False),
        (96, 2, True),
    ]


def test_candidates_replace_and_may_use_the_other_s_names(tmp_path: Path) -> None:
    text = "extends: lighttrack\nstages: {1: {operations: [k3e4, {mbconv: {kernel: 9, expansion: 4}}]}}\n"
    assert load_space(file(tmp_path, text)).candidates["stage1-block0"] == ("k3e4", "k9e4")


def test_mappings_of_candidates_and_rules_of_outputs_replace_as_a_whole(tmp_path: Path) -> None:
    text = (
        "extends: lighttrack\nstages: {1: {operations: {ghost: {kernel: 3, expansion: 2}}}}\noutputs: {stages: [4]}\n"
    )
    space = load_space(file(tmp_path, text))
    assert space.candidates["stage1-block0"] == ("ghost-k3e2",)
    assert {exit_.stage for exit_ in space.description.exits} == {"stage4"}


def test_a_list_of_layers_takes_the_place_of_a_number(tmp_path: Path) -> None:
    text = "extends: lighttrack\ntowers: {cls: {layers: [{operations: [k3]}]}}\n"
    space = load_space(file(tmp_path, text))
    assert space.candidates["cls-layer0"] == ("k3",)
    assert "cls-layer1" not in space.candidates


def test_a_line_that_makes_lighttrack_without_squeeze_and_excitation(tmp_path: Path) -> None:
    space = load_space(file(tmp_path, "extends: lighttrack\nattention: none\n"))
    kinds = {operation.kind: operation.parameters() for operation in space.description.operations.values()}
    assert kinds["mbconv"]["attention"] == kinds["separable"]["attention"] == "none"
    assert space.size == load_space("lighttrack").size


# Mistakes ---------------------------------------------------------------------------------------------------------


def test_several_mistakes_at_once_each_with_its_line(tmp_path: Path) -> None:
    lines = [
        "extends: lighttrack",
        "fused_chanels: 64",
        "template_size: 128",
        "stages:",
        "  stage1:",
        "    operations: {mbcov: {kernel: 3}}",
        "  stage2:",
        "    operations:",
        "      - {mbconv: {kernel: 4, expansion: 4}}",
        "  stage3: {stride: 3}",
        "outputs: {last: 99}",
    ]
    path = file(tmp_path, "\n".join(lines))
    with pytest.raises(InputError) as caught:
        load_space(path)
    said = str(caught.value).splitlines()
    assert said[0] == f"{path} has 5 mistakes:"
    expected = [
        (6, "stages[1].operations.mbcov: unknown operation 'mbcov'; did you mean 'mbconv'?"),
        (9, "stages[2].operations[0].mbconv.kernel: a kernel must be odd"),
        (11, "outputs.last: 1 to 15 blocks are possible, got 99"),
        (10, "stages[3].stride: "),
        (2, "unknown key 'fused_chanels'; did you mean 'fused_channels'?"),
    ]
    found = sorted(line.strip() for line in said[1:])
    for (number, text), line in zip(sorted(expected, key=str), sorted(found), strict=True):
        assert any(each.startswith(f"{path}:{number}: {text}") for each in found), (number, text, line)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"stages": first_stage(operations=3)}, r"stages\[0\].operations: expected names or \{operation"),
        ({"stages": first_stage(operations={"mbconv": 3})}, "expected parameters such as"),
        ({"stages": first_stage(operations=[{"mbconv": {}, "ghost": {}}])}, "expected a name or one"),
        ({"stages": first_stage(operations={"mbconv": {"kernel": 3}})}, "mbconv.expansion: Field required"),
        ({"stages": first_stage(operations={"mbconv": {"kernel": 3, "expansion": 2, "x": 1}})}, "unknown key .*x'"),
        ({"stages": first_stage(operations={"mbconv": {"kernel": [], "expansion": 2}})}, "0 combinations"),
        (
            {
                "stages": first_stage(
                    operations={"mbconv": {"kernel": list(range(1, 32, 2)), "expansion": [*range(1, 9)]}}
                )
            },
            "128 combinations; 1 to 64",
        ),
        ({"stages": first_stage(operations={"shuffle": {"kernel": 3}}, channels=9)}, "even"),
        ({"stages": first_stage(operations=[*KERNEL3, *KERNEL3])}, "'k3e2' stands twice"),
        ({"stages": first_stage(operations=["mbconv"])}, "kernel: Field required"),
        ({"stages": first_stage(blocks=1, skip=True)}, "the first block of a stage is never left out"),
        ({"stages": first_stage(name="stage1")}, "'stage1' is the name of stages.0. already"),
        ({"outputs": {"last": True}}, "got True"),
        ({"outputs": {"stages": [7]}}, "unknown stage 7"),
        ({"outputs": {"first": 1}}, "expected names of blocks or stages"),
        ({"towers": {"both": {}, "cls": {}}}, "write either both, or cls and reg"),
        ({"towers": {"both": BASE["towers"]["both"] | {"layers": 99}}}, "1 to 32 layers are possible, got 99"),
        ({"correlation": ["depthwise", "depthwise"]}, "stands twice"),
        ({"correlation": "pixel"}, "correlation.0.: .*'pixelwise' or 'depthwise', got 'pixel'"),
        ({"neck_attention": 5}, "5 heads do not divide the 16 channels"),
        ({"search_sizes": [16]}, "must exceed the template size 32, got 16"),
    ],
)
def test_what_cannot_work_is_said_before_anything_is_built(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError, match=said):
        made(**changes)


def test_a_mistake_is_said_once_and_hides_no_other() -> None:
    with pytest.raises(InputError) as caught:
        made(stages=[*first_stage(operations={"mbcov": {}}, channels="wide")[:1]], outputs=["stage0"])
    assert [line.split(": ")[1] for line in str(caught.value).splitlines()[1:]] == [
        "stages[0].operations.mbcov",
        "stages[0].channels",
    ]
    for changes, said in (({"operations": {"dscov": {}}}, "operations.dscov"), ({"widths": ["x"]}, "widths[0]")):
        with pytest.raises(InputError) as caught:
            made(towers={"both": BASE["towers"]["both"] | changes})
        assert str(caught.value).startswith(f"mine: towers.both.{said}: ")
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("extends: lighttrack\nstages: {stage9: {channels: 8}}\n", "mine.yaml:2: stages: there is no stage 'stage9'"),
        ("extends: lighttrack\nname: a\nname: b\n", "mine.yaml:3: the key 'name' stands twice, first in line 2"),
        ("extends: lighttrack\n[a, b]: c\n", "mine.yaml:2: a key must be a word"),
        (
            "a: &a [x]\n"
            + "".join(f"{chr(98 + i)}: &{chr(98 + i)} [*{chr(97 + i)}, *{chr(97 + i)}]\n" for i in range(20)),
            "unfolds to more than",
        ),
        ("a: &a [*a]\n", "unfolds to more than|no valid YAML"),
        ("name: " + "x" * 1_100_000, "at most 1,000,000"),
        ("x: !!python/name:os.system\n", "no valid YAML"),
        ("plugins: run.py\n", "mine.yaml:1: plugins: expected a list"),
        ("plugins: [../run.py]\n", "beside the space file or below it, got '../run.py'"),
        ("plugins: [/run.py]\n", "beside the space file"),
        ("plugins: [run.sh]\n", "expected Python files"),
        ("plugins: [gone.py]\n", "gone.py' cannot be read"),
    ],
)
def test_hostile_and_broken_files(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(InputError, match=said):
        load_space(file(tmp_path, text))


def test_a_huge_file_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    with path.open("wb") as stream:
        stream.truncate(50_000_000)
    with pytest.raises(InputError, match="50,000,000 bytes"):
        load_space(path)


def test_merge_keys_and_anchors(tmp_path: Path) -> None:
    content = yaml.safe_dump({key: value for key, value in BASE.items() if key != "stages"})
    stages = (
        "stages:\n  - &first {channels: 8, blocks: 2, stride: 2, operations: {mbconv: {kernel: 3, expansion: 2}}}\n"
    )
    path = file(tmp_path, content + stages + "  - {<<: *first, channels: 16}\n")
    assert [stage.channels for stage in load_space(path).description.stages] == [8, 16]
