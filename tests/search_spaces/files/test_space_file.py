"""Short forms of a space file, what `extends` puts together, and mistakes with their lines."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from lighttrack_nas.search_spaces.files.space_file import Source
from lighttrack_nas.search_spaces.loading.loading import load_space, make_space, parse_space
from lighttrack_nas.search_spaces.space import Space
from lighttrack_nas.trackers.base.errors import InputError

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
MINE = {"kind": "mbconv", "kernel": 3, "expansion": 4}
SHUFFLE = {"shuffle": {"kernel": 3}}
DEEP = [
    *BASE["stages"],
    {"channels": 16, "blocks": 1, "stride": 2, "operations": SHUFFLE},
]
KERNEL3 = [{"mbconv": {"kernel": 3, "expansion": 2}}]
KERNEL3_OF_ANY = {"mbconv": {"kernel": 3}, "ghost": {"kernel": 3}}
REPVGG_STAGES = "".join(f"  stage{index}: {{operations: {{repvgg: {{kernel: 3}}}}}}\n" for index in range(5))
NO_LAYERS = {key: value for key, value in BASE["towers"]["both"].items() if key != "layers"}


def made(**changes: Any) -> Space:
    return parse_space(BASE | changes, "mine")


def first_stage(**changes: Any) -> list[Any]:
    return [BASE["stages"][0] | changes, BASE["stages"][1]]


def last_stage(**changes: Any) -> list[Any]:
    return [BASE["stages"][0], BASE["stages"][1] | changes]


def towers(**changes: Any) -> dict[str, Any]:
    return {"both": BASE["towers"]["both"] | changes}


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


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("stages:\n  stage1: {operations: [mine], attention: none}\n", "4: stages.1..attention: .*of this stage takes"),
        ("stages: {1: {operations: [mine], activation: [relu, wrong]}}\n", "3: stages.1..activation: .*no activation"),
        ("towers:\n  both: {attention: none}\n", "4: towers.both.attention: .*of this tower takes"),
        ("towers:\n  reg: {attention: none}\n", "4: towers.reg.attention: .*of this tower takes"),
        (f"attention: eca\nstages:\n{REPVGG_STAGES}", "3: attention: .*of any stage takes"),
    ],
)
def test_a_style_that_no_operation_takes_is_refused(tmp_path: Path, text: str, said: str) -> None:
    mine = "operations: {mine: {kind: mbconv, kernel: 9, expansion: 4}}\n"
    path = file(tmp_path, f"extends: lighttrack\n{mine}{text}")
    with pytest.raises(InputError, match=f"^{path}:{said}") as caught:
        load_space(path)
    assert "\n" not in str(caught.value)


def test_a_style_of_what_is_extended_may_be_without_effect(tmp_path: Path) -> None:
    base = file(tmp_path, "extends: lighttrack\nattention: none\nactivation: relu\n")
    text = f"name: other\nextends: {base.name}\nstages:\n{REPVGG_STAGES}"
    (tmp_path / "other.yaml").write_text(text)
    space = load_space(tmp_path / "other.yaml")
    (name,) = space.candidates["stage1-block0"]
    assert space.description.operations[name].parameters()["activation"] == "relu"
    values = {"name": "other", "extends": str(base), "stages": yaml.safe_load(REPVGG_STAGES)}
    assert make_space(Source(values, "values")).hash == space.hash
    with pytest.raises(InputError, match=r"^values: attention: .*of any stage takes"):
        make_space(Source(values | {"attention": "eca"}, "values"))


def test_a_style_of_the_whole_space_may_be_replaced_in_every_stage() -> None:
    stages = [
        {**stage, "operations": KERNEL3_OF_ANY, "expansions": [2], "activation": "gelu"} for stage in BASE["stages"]
    ]
    space = made(stages=stages, activation="relu")
    backbone = {name for place, names in space.candidates.items() if place.startswith("stage") for name in names}
    assert {space.description.operations[name].parameters()["activation"] for name in backbone} == {"gelu"}


@pytest.mark.parametrize("operations", ["{mbcov: {kernel: 3}}", "{repvgg: {kernel: 3}, mbcov: {kernel: 3}}"])
def test_what_is_wrong_with_candidates_is_said_without_what_follows(tmp_path: Path, operations: str) -> None:
    path = file(tmp_path, f"extends: lighttrack\nstages: {{1: {{operations: {operations}, attention: none}}}}\n")
    with pytest.raises(InputError, match="mbcov") as caught:
        load_space(path)
    assert "attention" not in str(caught.value)


def test_towers_by_number_of_layers() -> None:
    space = made()
    assert [space.candidates[f"cls-layer{i}"] for i in range(3)] == [("k3",), ("k3", "skip"), ("k3", "skip")]
    assert space.tower("cls") == space.tower("reg")


def test_without_later_features_nothing_of_them_is_written() -> None:
    """So that hashes and files of spaces that use none of them stay as they were."""
    content = made().description.model_dump(mode="json")
    assert not {"correlation", "neck_attention", "template_sizes"} & content.keys()
    assert all(not {"skip", "widths", "depths", "expansions"} & stage.keys() for stage in content["stages"])
    assert content["towers"].keys() == {"cls", "reg"}
    assert "tied" not in content["towers"]["cls"]
    assert content["operations"]["k3e2"] == {"kind": "mbconv", "kernel": 3, "expansion": 2.0, "squeeze": 0.25}
    whole = made(correlation=["depthwise"], neck_attention=4)
    assert parse_space(whole.description.model_dump(mode="json"), "again").hash == whole.hash != made().hash


@pytest.mark.parametrize(
    ("written", "channels", "widths"),
    [
        ({"channels": [8, 16, 24]}, 24, (8, 16, 24)),
        ({"channels": 24, "widths": [8, 16, 24]}, 24, (8, 16, 24)),
        ({"channels": [24]}, 24, ()),
        ({"channels": 24, "widths": [24]}, 24, ()),
        ({"channels": 40, "width_multipliers": [0.5, 0.75, 1]}, 40, (24, 32, 40)),  # 20 and 30, in steps of 8
        ({"channels": 24, "width_multipliers": [1, 2]}, 48, (24, 48)),
        ({"channels": 48, "width_multipliers": [0.5]}, 24, ()),
    ],
)
def test_widths_of_a_stage(written: dict[str, Any], channels: int, widths: tuple[int, ...]) -> None:
    stage = made(stages=first_stage(**written)).description.stages[0]
    assert (stage.channels, stage.widths) == (channels, widths)


@pytest.mark.parametrize(
    ("written", "blocks", "depths"),
    [
        ({"blocks": [2, 3, 4]}, 4, (2, 3, 4)),
        ({"blocks": 4, "depths": [2, 3, 4]}, 4, (2, 3, 4)),
        ({"blocks": [3]}, 3, ()),
        ({"blocks": 3, "depths": [3]}, 3, ()),
    ],
)
def test_depths_of_a_stage(written: dict[str, Any], blocks: int, depths: tuple[int, ...]) -> None:
    stage = made(stages=last_stage(**written)).description.stages[1]
    assert (stage.blocks, stage.depths) == (blocks, depths)


@pytest.mark.parametrize(
    ("outputs", "named", "exits"),
    [
        ({"last": 1}, ("stage1",), ["stage1-block2"]),
        ({"last": 2}, ("stage0-block1", "stage1"), ["stage0-block1", "stage1-block2"]),
        ({"last": 3}, ("stage0", "stage1"), ["stage0-block0", "stage0-block1", "stage1-block2"]),
        ({"stages": [1]}, ("stage1",), ["stage1-block2"]),
        (["stage1-block2"], ("stage1-block2",), ["stage1-block2"]),
    ],
)
def test_a_stage_of_several_depths_is_left_at_its_end(outputs: Any, named: tuple[str, ...], exits: list[str]) -> None:
    description = made(stages=last_stage(blocks=[1, 3]), outputs=outputs).description
    assert description.outputs == named
    assert [exit_.name for exit_ in description.exits] == exits


def free(kernels: Any = (3, 5), expansions: Any = (2, 4), **others: Any) -> list[Any]:
    return first_stage(operations={"mbconv": {"kernel": list(kernels)} | others}, expansions=list(expansions))


def test_expansions_are_a_choice_beside_the_operation() -> None:
    stages = [*free([3, 5, 7], [2, 4])[:1], last_stage(operations=KERNEL3)[1]]
    description = made(stages=stages).description
    stage = description.stages[0]
    assert (stage.operations, stage.expansions) == (("mbconv-k3", "mbconv-k5", "mbconv-k7"), (2, 4))
    assert {description.operations[name].parameters()["expansion"] for name in stage.operations} == {4}
    # Towers name their operations as ever, and a stage that says its expansions too.
    assert (description.towers.cls.candidates[0], description.stages[1].operations[0]) == (("k3",), "k3e2")


def test_a_chosen_expansion_is_in_no_name() -> None:
    """Also where another stage has the same operation with this expansion alone, before or behind."""
    fixed = last_stage(blocks=2, operations={"mbconv": {"kernel": 3, "expansion": 4}}, stride=2)[1]
    for stages in ([*free()[:1], fixed], [fixed, *free()[:1]]):
        found = {stage.operations for stage in made(stages=stages).description.stages}
        assert found == {("k3e4",), ("mbconv-k3", "mbconv-k5")}


def test_stages_of_other_expansions_share_their_operations() -> None:
    stages = [*free([3, 5], [1, 2])[:1], {"channels": 16, "blocks": 2, "stride": 2, **free([3], [3, 1.5, 6][::2])[0]}]
    description = made(stages=stages).description
    assert [stage.operations for stage in description.stages] == [("mbconv-k3", "mbconv-k5"), ("mbconv-k3",)]
    assert description.operations["mbconv-k3"].parameters()["expansion"] == 6


def test_one_expansion_is_the_operations_own() -> None:
    assert made(stages=free(expansions=[2])).description == made(stages=free(expansion=2, expansions=[])).description


def test_operations_of_a_name_may_have_their_expansion_chosen() -> None:
    table = {"mine": {"kind": "mbconv", "kernel": 3, "expansion": 1}}
    stages = first_stage(operations=["mine"], expansions=[2, 4])[:1]
    stage = made(stages=stages, operations=table, outputs=["stage0"]).description.stages[0]
    assert (stage.operations, stage.expansions) == (("mine",), (2, 4))


@pytest.mark.parametrize("branches", [BASE["towers"], {"cls": BASE["towers"]["both"], "reg": BASE["towers"]["both"]}])
@pytest.mark.parametrize(
    ("sharing", "found"),
    [
        ("shared", ("shared",)),
        ("separate", ("separate",)),
        (["separate", "shared"], ("separate", "shared")),
        (["shared"], ("shared",)),
    ],
)
def test_towers_may_be_one(branches: dict[str, Any], sharing: Any, found: tuple[str, ...]) -> None:
    space = made(towers=branches | {"sharing": sharing})
    assert (space.description.towers.sharing, space.tower("cls")) == (found, made().tower("cls"))


def test_layers_of_a_tower_may_have_widths_of_their_own() -> None:
    assert made().tower("cls").tied
    assert not made(towers=towers(tied=False, skip=False, widths=[8, 16])).tower("cls").tied


def test_listed_template_sizes_are_those_beside_the_largest() -> None:
    listed = made(template_size=[16, 24, 32]).description
    assert (listed.template_size, listed.template_sizes) == (32, (16, 24, 32))
    assert listed == made(template_size=32, template_sizes=[16, 24, 32]).description
    assert made(template_size=[32]) == made()


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


@pytest.mark.parametrize(
    ("before", "after", "widths"),
    [
        ("channels: [8, 16]", "channels: [16, 24]", (16, 24)),
        ("channels: [8, 16]", "channels: 24", ()),
        ("channels: 16, widths: [8, 16]", "channels: 24", ()),
        ("channels: 16, widths: [8, 16]", "width_multipliers: [1, 2]", (16, 32)),
        ("channels: 16, width_multipliers: [1, 2]", "channels: 24", (24, 48)),
        ("channels: 16, width_multipliers: [1, 2]", "channels: [8, 24]", (8, 24)),
        ("channels: 16, width_multipliers: [1, 2]", "widths: [8, 16]", (8, 16)),
        ("channels: 16", "width_multipliers: [1, 2]", (16, 32)),
    ],
)
def test_a_change_of_widths_replaces_what_said_them(
    tmp_path: Path, before: str, after: str, widths: tuple[int, ...]
) -> None:
    file(tmp_path, f"extends: lighttrack\nstages: {{stage2: {{{before}}}}}\n", "base.yaml")
    path = file(tmp_path, f"extends: base.yaml\nstages: {{stage2: {{{after}}}}}\n")
    assert load_space(path).description.stages[2].widths == widths


def test_changes_to_and_from_several_values(tmp_path: Path) -> None:
    text = (
        "extends: lighttrack\nstages: {stage4: {blocks: 4, depths: [2, 4]}}\noutputs: {last: 1}\n"
        "template_size: 128\ntemplate_sizes: [64, 128]\n"
        "towers: {sharing: [separate, shared], cls: {layers: 4, skip: false, tied: false}}\n"
    )
    first = load_space(file(tmp_path, text, "base.yaml")).description
    assert (first.stages[4].depths, first.outputs, first.template_sizes) == ((2, 4), ("stage4",), (64, 128))
    assert (first.towers.sharing, first.towers.cls.tied, first.towers.reg.tied) == (("separate", "shared"), False, True)
    text = "extends: base.yaml\nstages: {4: {blocks: 3}}\ntemplate_size: 127\ntowers: {sharing: shared}\n"
    second = load_space(file(tmp_path, text)).description
    assert (second.stages[4].depths, second.outputs, second.template_sizes) == ((), ("stage4-block2",), ())
    assert (second.towers.sharing, second.towers.cls.tied) == (("shared",), False)


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
    ("text", "said"),
    [
        (
            "activation: swish\n",
            "2: activation: Input should be .*, got 'swish' .first in stages.0..operations.separable.",
        ),
        ("attention: [se, ceca]\nsummary: x\n", "2: attention: .*'none', got 'ceca' "),
        ("attention: []\n", "2: attention: 0 combinations"),
        ("stages:\n  stage1:\n    attention: ceca\n", "4: stages.1..attention: .*'none', got 'ceca' "),
        (
            "towers:\n  reg: {activation: x}\n",
            "3: towers.reg.activation: .*got 'x' .first in towers.reg.operations.dsconv.",
        ),
        ("stages:\n  stage1: {expansions: [2, 4]}\n", "3: stages.1..expansions: the stage's expansions say it"),
        (
            "\noperations:\n  k3: {kind: mbconv, kernel: 3, expansion: 4}\n",
            "4: operations.k3: another operation is called",
        ),
        ("operations: {k3e4: {kind: dsconv, kernel: 3}}\n", "2: operations.k3e4: another operation is called"),
        ("towers:\n  both: {activation: x}\n", "3: towers.both.activation: .*first in towers.both.operations.dsconv."),
        ("template_size: 300\n", "2: search_sizes: must exceed .*got 256 .which space 'lighttrack' says in line 4."),
        ("summary: x\nstages: {4: {blocks: 1}, 3: {blocks: 1}, 2: {blocks: 1}}\n", "3: outputs.last: 1 to 6 blocks"),
        (
            "fused_channels: 64\nstages: {4: {blocks: 1}, 3: {blocks: 1}, 2: {blocks: 1}}\n",
            " outputs.last: 1 to 6 blocks",
        ),
    ],
)
def test_what_does_not_suit_what_is_extended_is_said_where_it_was_written(tmp_path: Path, text: str, said: str) -> None:
    path = file(tmp_path, f"extends: lighttrack\n{text}")
    with pytest.raises(InputError, match=f"^{path}:{said}") as caught:
        load_space(path)
    assert "\n" not in str(caught.value)


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
        (
            {"stages": first_stage(channels=[16, 8])},
            r"stages.0..channels: widths must ascend and end in channels 16, as .8, 16. do; got .16, 8.",
        ),
        ({"stages": first_stage(channels=[8, 8])}, r"must ascend and end in channels 8, of which .* none .*got .8, 8."),
        (
            {"stages": first_stage(channels=16, widths=[8, 24])},
            r"stages.0..widths: .* end in channels 16, as .8, 16. do; got .8, 24.",
        ),
        ({"stages": first_stage(channels=16, widths=[8])}, r"end in channels 16, as .8, 16. do; got .8."),
        ({"stages": first_stage(channels=[8, "x"])}, r"stages.0..channels.1.: .*valid integer.*got 'x'"),
        ({"stages": first_stage(channels=[8, 16], widths=[8, 16])}, "either a list of channels, or one beside widths"),
        (
            {"stages": first_stage(channels=8, width_multipliers=[0.5, 1])},
            r"stages.0..width_multipliers.1.: 1 and 0.5 of 8 channels are 8 both, in steps of 8",
        ),
        ({"stages": first_stage(channels=16, width_multipliers=[1, 0.5])}, r"width_multipliers: widths must ascend"),
        ({"stages": first_stage(width_multipliers=[0, 1])}, r"above 0, at most 16, such as .0.5, 1.; got .0, 1."),
        ({"stages": first_stage(width_multipliers=0.5)}, "width_multipliers: expected numbers .*got 0.5"),
        ({"stages": first_stage(channels=[8, 16], width_multipliers=[1, 2])}, "they multiply one number of channels"),
        ({"stages": first_stage(channels=2048, width_multipliers=[1, 2])}, r"width_multipliers.1.: .*equal to 2048"),
        ({"stages": last_stage(blocks=[3, 1])}, r"stages.1..blocks: depths must ascend .* blocks 3, as .1, 3. do"),
        ({"stages": last_stage(blocks=3, depths=[1, 2])}, r"stages.1..depths: .* blocks 3, as .1, 2, 3. do"),
        ({"stages": last_stage(blocks=[1, 99])}, r"stages.1..blocks.1.: .*less than or equal to 32"),
        (
            {"stages": last_stage(blocks=[1, 3], skip=True)},
            r"stages.1..skip: several depths, .1, 3. blocks, leave blocks out already",
        ),
        (
            {"stages": last_stage(blocks=[1, 3]), "outputs": ["stage0", "stage1-block0"]},
            r"outputs.1.: 'stage1-block0' is not there at every depth of its stage: write 'stage1'",
        ),
        ({"stages": last_stage(blocks=[1, 3]), "outputs": {"last": 4}}, "outputs.last: 1 to 3 blocks are possible"),
        ({"stages": free(expansions=[4, 2])}, r"stages.0..expansions: must ascend, as .2, 4. does; got .4, 2."),
        ({"stages": free(expansions=[2, 2])}, r"expansions: must ascend, as .2. does; got .2, 2."),
        ({"stages": free(expansions=[2, 99])}, r"expansions.1.: .*less than or equal to 16"),
        ({"stages": free(expansion=2)}, "operations.mbconv.expansion: the stage's expansions say it"),
        (
            {"stages": first_stage(operations={"separable": {"kernel": 3}}, expansions=[2, 4])},
            r"stages.0..operations.0.: 'separable3' .separable. has no expansion to choose",
        ),
        (
            {
                "stages": first_stage(operations=["mine", {"mbconv": {"kernel": 3}}], expansions=[2, 6]),
                "operations": {"mine": MINE},
            },
            r"stages.0..operations.1.: 'mbconv-k3' differs from 'mine' in its expansion alone",
        ),
        (
            {"stages": first_stage(operations=["mine"], expansions=[2]), "operations": {"mine": MINE}},
            "expansions: one expansion is no choice: write expansion: 2 of operations",
        ),
        (
            {"stages": last_stage(stride=1, channels=[8, 16], operations={"shuffle": {"kernel": 3}})},
            "of stage1-block0 cannot turn 8 channels into 16 with stride 1",
        ),
        (
            {"stages": [first_stage(channels=[8, 16])[0], last_stage(stride=1, operations=SHUFFLE)[1]]},
            "of stage1-block0 cannot turn 8 channels into 16 with stride 1",
        ),
        ({"stages": last_stage(channels=[12, 16]), "neck_attention": 8}, "8 heads do not divide the 12 channels"),
        (
            {"template_size": [32, 16]},
            r"template_size: template_sizes must ascend and end in template_size 32, as .16, 32. do; got .32, 16.",
        ),
        ({"template_sizes": [16, 24]}, r"template_sizes: .* end in template_size 32, as .16, 24, 32. do"),
        (
            {"template_size": [17, 32], "search_sizes": [56]},
            r"template_size.0.: beside a template of 17 pixels the search crop of 56 becomes 29.75, which is no whole "
            "number; the next template that does is 32",
        ),
        (
            {"template_size": [17, 32]},
            r"search crop of 64 becomes 34, which does not fit the stride 8 of output 'stage1-block.'; the next .* 19",
        ),
        ({"template_size": [8, 32]}, r"template_size.0.: .*greater than or equal to 16"),
        (
            {"template_size": [16, 32], "stages": DEEP, "outputs": ["stage2"], "search_sizes": [64]},
            r"template_size.0.: behind 'stage2-block0' .stride 16. a template of 16 pixels leaves fewer than 2 x 2",
        ),
        ({"towers": towers(tied=False)}, r"towers.both.tied: .* cannot be left out, as 'skip' does: write tied: true"),
        ({"towers": towers(tied="no")}, "towers.both.tied: .*boolean"),
        (
            {"towers": towers(tied=False, skip=False, widths=[16, 8], operations=SHUFFLE)},
            "towers.both.layers.1..operations.0.: .* of cls-layer1 cannot turn 16 channels into 8",
        ),
        ({"towers": BASE["towers"] | {"sharing": ["shared", "shared"]}}, "towers.sharing: a value stands twice in"),
        ({"stages": last_stage(stride=True)}, "stages.1..stride: expected a number, got true"),
        ({"stem": BASE["stem"] | {"kernel": True}}, "stem.kernel: expected a number, got true"),
        ({"towers": BASE["towers"] | {"widths": [8]}}, "towers.widths: widths stands under both, or under cls and reg"),
        ({"towers": {"both": {"widths": [8], "layers": 2}}}, "towers.both.layers: a number of layers needs operations"),
        ({"towers": BASE["towers"] | {"sharing": "both"}}, "towers.sharing.0.: .*'separate' or 'shared', got 'both'"),
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
    ("changes", "said"),
    [
        ({"stages": last_stage(blocks=0), "outputs": {"last": 4}}, "stages[1].blocks: Input should be greater than 0"),
        ({"stages": last_stage(blocks="x"), "outputs": {"stages": [1]}}, "stages[1].blocks: Input should be a valid"),
        ({"stages": [BASE["stages"][0], 3], "outputs": {"last": 4}}, "stages[1]: expected a mapping of keys"),
        ({"stages": 3}, "stages: expected a list, got 3"),
        ({"stages": []}, "stages: Tuple should have at least 1 item"),
        ({"stages": [], "outputs": {"stages": [1]}}, "stages: Tuple should have at least 1 item"),
        ({"stages": first_stage(name="stage1")}, "stages[1].name: 'stage1' is the name of stages[0] already"),
        ({"stages": first_stage(operations={"mbcov": {"kernel": 3}})}, "stages[0].operations.mbcov: unknown operation"),
        ({"attention": "ceca"}, "attention: Input should be 'se', 'eca' or 'none', got 'ceca'"),
        ({"stages": first_stage(operations=KERNEL3_OF_ANY, expansions=2)[:1]}, "stages[0].expansions: expected a list"),
        ({"stem": {"chanels": 8}}, "unknown key 'stem.chanels'; did you mean 'channels'?"),
        ({"towers": towers(layers="x")}, "towers.both.layers: expected a list, got 'x'"),
        ({"towers": {"both": NO_LAYERS}}, "towers.both.layers: Field required"),
        ({"towers": {"bth": BASE["towers"]["both"]}}, "unknown key 'towers.bth'; did you mean 'both'?"),
        ({"towers": towers(skp=True)}, "unknown key 'towers.both.skp'"),
    ],
)
def test_what_only_follows_from_a_mistake_is_not_said(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError) as caught:
        made(**changes)
    assert str(caught.value).startswith(f"mine: {said}")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("last", [0, "x", True, 99])
def test_outputs_that_are_wrong_beside_wrong_stages_are_said_where_that_is_known(last: Any) -> None:
    with pytest.raises(InputError) as caught:
        made(stages=last_stage(blocks="x"), outputs={"last": last})
    assert ("outputs.last: 1 or more blocks are possible" in str(caught.value)) == (last != 99)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "extends: lighttrack\nstages:\n\tstage1: {blocks: 3}\n",
            "no valid YAML at line 3, column 1: a tab cannot indent",
        ),
        ("extends: lighttrack\nstem:\n  kernel: 3\n\tchannels: 8\n", "at line 4, column 1: a tab cannot indent YAML"),
        ("name: @x\n", "at line 1, column 7: found character"),
        ("extends: lighttrack\nstages: {stage9: {channels: 8}}\n", "mine.yaml:2: stages: there is no stage 'stage9'"),
        (
            "extends: lighttrack-table\ntemplate_size: [48, 64]\n",
            "mine.yaml:2: template_size: the search sizes .96. of what is extended belong to its template of 48 pixels"
            "; write search_sizes beside the largest template, 64, too: .128. are in proportion",
        ),
        (
            "extends: lighttrack-table\ntowers:\n  both: {layers: 2}\n",
            "mine.yaml:3: towers.*layers: a number of layers needs",
        ),
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


def test_mistakes_at_the_top_hide_none_below_and_stand_in_order(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(
        "name: 5\nextends: lighttrack-table\nsumary: x\nsearch_sizes: [100, 90]\nstages:\n  stage9: {skip: true}\n"
        "  stage2: {operations: {mbconv: {kernel: five}}}\ncolour: 3\n"
    )
    with pytest.raises(InputError) as caught:
        load_space(path)
    lines = [line.strip().removeprefix(f"{path}:") for line in str(caught.value).splitlines()[1:]]
    assert [line.split(": ")[0] for line in lines] == ["1", "3", "6", "7", "7", "8"]
    assert lines[2] == "6: stages: there is no stage 'stage9' to change; stages: stage0, stage1, stage2, stage3"
    path.write_text("name: mine\nextends: lighttrack-table\nsumary: x\nsearch_sizes: [100, 90]\n")
    with pytest.raises(InputError, match=r"(?s):3: unknown key 'sumary'.*:4: search_sizes: sizes must ascend"):
        load_space(path)
    path.write_text("extends: nothing\nsumary: x\nstages: {stage9: {skip: true}}\n")
    with pytest.raises(InputError, match=r"(?s)has 2 mistakes:.*:1: extends: unknown space.*:2: unknown key 'sumary'"):
        load_space(path)
