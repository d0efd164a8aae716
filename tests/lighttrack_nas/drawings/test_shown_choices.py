"""What is shown of spaces that leave more open than LightTrack's, against the networks that are built of them."""

import copy
import json
from collections.abc import Callable, Collection
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest
import torch
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch import nn

import lighttrack_nas as ltn
from lighttrack_nas.cli.search.run_chain import show_retrained
from lighttrack_nas.drawings.architecture_drawing import architecture_drawing
from lighttrack_nas.drawings.shapes import OUTPUT_COLOUR, Box, Drawing, Text
from lighttrack_nas.drawings.shown_networks import shown_network
from lighttrack_nas.drawings.space_drawing import space_drawing
from lighttrack_nas.places.condition_texts import condition_text
from lighttrack_nas.places.place_costs import place_costs
from lighttrack_nas.places.shown_places import map_side
from lighttrack_nas.results.findings import count_architectures
from lighttrack_nas.results.front_texts import architecture_lines
from lighttrack_nas.search_spaces.loading.architecture_translation import fit_architecture
from lighttrack_nas.search_spaces.loading.loading import load_space, parse_space
from lighttrack_nas.search_spaces.space import Architecture, Space
from lighttrack_nas.search_spaces.weight_matching import plan
from lighttrack_nas.strategies.search.run import run_search
from lighttrack_nas.strategies.search.samplers.nsga2 import NSGA2
from lighttrack_nas.strategies.search.storage.trials import labels_without_say
from lighttrack_nas.trackers.network.heads import SharedTower

Content = dict[str, Any]

KERNELS: Content = {"mbconv": {"kernel": [3, 5], "expansion": 4}}
ALL: Content = {"mbconv": {"kernel": [3, 5]}}
FIXED: Content = {
    "name": "fixed",
    "template_size": 64,
    "search_sizes": [128],
    "stem": {"channels": 8, "kernel": 3, "stride": 2},
    "stages": [
        {"name": "a", "channels": 16, "blocks": 1, "stride": 2, "operations": KERNELS},
        {"name": "b", "channels": 24, "blocks": 3, "stride": 2, "operations": KERNELS},
        {"name": "c", "channels": 24, "blocks": 2, "stride": 2, "skip": True, "operations": KERNELS},
    ],
    "outputs": ["b-block2", "c"],
    "fused_channels": 16,
    "towers": {
        "cls": {"widths": [8, 16], "layers": 2, "operations": {"dsconv": {"kernel": [3, 5]}}, "skip": True},
        "reg": {"widths": [8, 16], "layers": [{"operations": [{"dsconv": {"kernel": [3, 5]}}], "repeat": 2}]},
    },
    "predictions": {"score_scale": 0.1, "box_activation": "exp", "box_scale": 8},
}
CHANGES: dict[str, Callable[[Content], Any]] = {
    "a width": lambda c: c["stages"][0].update(widths=[8, 16]),
    "b width": lambda c: c["stages"][1].update(widths=[16, 24]),
    "b depth": lambda c: c["stages"][1].update(depths=[1, 2, 3]),
    "b expansion": lambda c: c["stages"][1].update(expansions=[1.5, 4.0], operations=ALL),
    "c expansion": lambda c: c["stages"][2].update(expansions=[2.0, 4.0], operations=ALL),
    "template": lambda c: c.update(template_sizes=[32, 64]),
    "correlation": lambda c: c.update(correlation=["pixelwise", "depthwise"]),
    "sharing": lambda c: c["towers"].update(sharing=["separate", "shared"]),
    "untied": lambda c: c["towers"]["reg"].update(tied=False),
}


def space_with(*changes: str) -> Space:
    content = copy.deepcopy(FIXED)
    for change in changes:
        CHANGES[change](content)
    return parse_space(content | {"name": "open" if changes else "fixed"}, "open")


WIDE = space_with(*CHANGES)
SOME = st.sets(st.sampled_from(list(CHANGES)), min_size=1)
CALM = settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def chosen(space: Space = WIDE, **values: str) -> Architecture:
    """The first candidate everywhere but for what is given."""
    first = {label: each[0] for label, each in space.labels.items()}
    return space.architecture(first | {label.replace("_", "-"): value for label, value in values.items()})


def texts(drawing: Drawing) -> list[str]:
    return [shape.text for shape in drawing.shapes if isinstance(shape, (Box, Text)) and shape.text]


def assert_shows_what_is_built(architecture: Architecture) -> None:
    shown, network = shown_network(architecture), ltn.build_network(architecture).eval()
    assert shown.template_size == network.geometry.template_size
    assert shown.search_sizes == network.geometry.search_sizes
    head = network.heads if isinstance(network.heads, SharedTower) else None
    heads = {"shared": head.tower} if head else {}
    if not heads:
        of: Any = network if network.heads is None else network.heads
        heads = {"cls": of.cls_head, "reg": of.reg_head}
    assert [tower.of.name for tower in shown.towers] == list(heads)
    seen: dict[str, tuple[int, ...]] = {}

    def watch(name: str, module: nn.Module) -> None:
        module.register_forward_hook(lambda _m, _i, output: seen.update({name: tuple(output.shape[1:])}))

    for name, module in network.backbone.blocks.items():
        watch(name, module)
    for name, module in heads.items():
        for index, layer in enumerate(module.layers):
            watch(f"{'reg' if name == 'shared' else name}-layer{index}", layer)
    template, search = shown.template_size, shown.search_sizes[0]
    with torch.no_grad():
        network(torch.zeros(1, 3, template, template), torch.zeros(1, 3, search, search))
    found = {here.place.label: here for here in shown.blocks}
    found |= {here.place.label: here for tower in shown.towers for here in tower.layers}
    skips = {name for name in seen if architecture.space.chosen(architecture)[name] == "skip"}
    assert set(found) == seen.keys() - skips
    for label, here in found.items():
        side = map_side(search, here.place.total_stride or shown.total_stride)
        assert seen[label] == (here.channels, side, side), label
    assert shown.output.channels == network.exit.channels
    assert shown.kernels == network.exit.kernels
    assert seen[shown.output.place.label][1] == map_side(search, network.exit.stride)


@given(SOME, st.integers(0, 2**32 - 1))
@CALM
def test_an_architecture_is_shown_as_it_is_built(changes: set[str], seed: int) -> None:
    space, rng = space_with(*sorted(changes)), np.random.default_rng(seed)
    for _ in range(3):
        architecture = space.sample(rng)
        assert_shows_what_is_built(architecture)
        shown = shown_network(architecture)
        drawing = architecture_drawing(architecture, {"macs": 1, "params": 1})
        upright = [shape for shape in drawing.shapes if isinstance(shape, Box) and shape.upright]
        layers = sum(len(tower.layers) for tower in shown.towers)
        assert len(upright) == 1 + len(shown.blocks) + layers + len(shown.towers)
        (output,) = [box for box in upright if box.edge == OUTPUT_COLOUR]
        assert output.text == shown.output.name
        assert f"template\n{shown.template_size}²" in texts(drawing)
        lines = architecture_lines(architecture)
        assert f"output: {shown.output.place.label}" in lines
        # The same network is shown alike, whichever way it was chosen.
        assert architecture_lines(architecture.canonical()) == architecture_lines(architecture.canonical().path())


@given(SOME, st.integers(0, 2**32 - 1))
@CALM
def test_spaces_are_described_drawn_and_compared(changes: set[str], seed: int) -> None:
    space, fixed = space_with(*sorted(changes)), space_with()
    assert_shown(space)
    rows = ltn.differences(fixed, space)
    assert rows
    assert all(row.first != row.second for row in rows)
    one, other = (space.sample(np.random.default_rng([seed, n])) for n in range(2))
    differing = {row.name for row in ltn.differences(one, other)}
    network = set(one.choices) - set(labels_without_say(one)) - set(labels_without_say(other))
    assert {label for label in network if one.choices[label] != other.choices[label]} <= differing
    for neighbour in ltn.neighbours(one):
        assert neighbour.label not in labels_without_say(one)
        assert neighbour.architecture.canonical() != one.canonical()


@pytest.mark.parametrize(
    ("change", "rows"),
    [
        ("b width", {"stages.b.channels": ("24", "16 24")}),
        ("b depth", {"stages.b.blocks": ("3", "1 2 3")}),
        ("template", {"template_size": ("64", "32 64")}),
        ("correlation", {"correlation": ("pixelwise", "pixelwise depthwise")}),
        ("sharing", {"towers": ("separate", "separate shared")}),
    ],
)
def test_what_is_open_in_one_of_two_spaces_stands_beside_what_it_is_in_the_other(
    change: str, rows: dict[str, tuple[str, str]]
) -> None:
    found = {row.name: (row.first, row.second) for row in ltn.differences(space_with(), space_with(change))}
    assert found.keys() - {"label combinations", "distinct networks"} == rows.keys()
    assert rows.items() <= found.items()


def assert_shown(space: Space) -> None:
    drawing = space_drawing(space)
    for stage in space.description.stages:
        width = " / ".join(map(str, stage.all_widths))
        assert texts(drawing).count(width) >= stage.blocks
    text = " ".join(texts(drawing))
    assert ("1, 2 or 3 blocks" in text) == ("b-depth" in space.labels)
    assert ("where towers are separate" in text) == ("towers" in space.labels)
    for label in space.labels:
        assert condition_text(space, label) == "everywhere" or label in space.conditions


@pytest.mark.parametrize(
    ("label", "text"),
    [
        ("a-width", "everywhere"),
        ("b-block0", "everywhere"),
        ("b-block1", "b-depth is 2 or more"),
        ("b-block2-expansion", "b-depth is 3"),
        ("c-block0", "output is c-block0 or later"),
        ("c-block1-expansion", "output is c-block1, and c-block1 is not skip"),
        ("cls-layer1", "towers is separate"),
        ("reg-layer1-width", "everywhere"),
    ],
)
def test_conditions_in_words(label: str, text: str) -> None:
    assert condition_text(WIDE, label) == text


def test_describe_shows_every_kind_of_choice_and_its_conditions(run: Callable[..., Any], tmp_path: Path) -> None:
    (tmp_path / "wide.yaml").write_text(yaml.safe_dump(WIDE.description.model_dump(mode="json")))
    shown = run("describe", "wide.yaml").out
    for line in (
        "template 32, search 64 pixels",
        "b x 1, 2 or 3     16 / 24   2",
        "b end, called b-block2, stride 8 in all",
        "b-block1, b-block1-expansion  b-depth is 2 or more",
    ):
        assert line in shown
    found = json.loads(run("describe", "wide.yaml", "--json").out)
    assert found["conditions"]["b-block1"] == {"text": "b-depth is 2 or more", "given": {"b-depth": ["2", "3"]}}
    assert set(found["conditions"]) == set(WIDE.conditions)
    for seed in range(5):
        architecture = WIDE.sample(np.random.default_rng(seed))
        (tmp_path / "a.json").write_text(architecture.to_json())
        record = json.loads(run("describe", "wide.yaml", "--architecture", "a.json", "--json").out)
        network = shown_network(architecture)
        assert record["output"] == record["backbone"][-1]["place"] == network.output.place.label
        assert record["template_size"] == network.template_size
        assert list(record["towers"]) == (["shared"] if architecture.choices["towers"] == "shared" else ["cls", "reg"])
        assert run("describe", "wide.yaml", "--architecture", "a.json", "--svg", "a.svg").code == 0


def test_one_architecture_is_shown_by_what_was_chosen() -> None:
    short = chosen(b_depth="2", b_width="24", b_block1="mbconv-k5", b_block1_expansion="1p5", towers="shared")
    assert architecture_lines(short) == [
        "a: width 8: k3e4",
        "b: width 24: mbconv-k3 /1.5 mbconv-k5 /1.5",
        "output: b-block1",
        "shared: k3 (8) k3 (8)",
        "correlation: pixelwise",
        "template 32, search 64 pixels",
    ]
    assert "MB1.5 5x5" in texts(architecture_drawing(short))
    assert "both branches: widths 8, 8, 2 of 2 layers" in texts(architecture_drawing(short))
    assert labels_without_say(short) == [
        *("b-block2", "b-block2-expansion", "c-block0", "c-block0-expansion", "c-block1", "c-block1-expansion"),
        *("cls-layer0", "cls-layer1", "cls-width"),
    ]


def test_retraining_says_of_the_architecture_what_its_network_has(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    short = chosen(b_depth="2", towers="shared")
    done = SimpleNamespace(model=SimpleNamespace(architecture=short), file="model.safetensors")
    monkeypatch.setattr("lighttrack_nas.chain.chain.run_retraining", lambda *_: done)
    show_retrained(cast(Any, None))
    shown = capsys.readouterr().out.splitlines()
    assert shown == ["architecture", *(f"  {line}" for line in architecture_lines(short)), "model.safetensors"]


def test_codes_are_of_lighttrack_s_networks_alone() -> None:
    content = load_space("lighttrack").description.model_dump(mode="json")
    content["name"] = "open"
    content["stages"][1]["widths"] = [16, content["stages"][1]["channels"]]
    space = parse_space(content, "open")
    with pytest.raises(ltn.InputError, match="has no official codes"):
        space.encode(space.sample(np.random.default_rng(0)))


@pytest.mark.slow
def test_costs_of_places_count_only_where_they_are() -> None:
    space = space_with("b depth", "b width", "sharing")
    found = {place.name: place for place in place_costs(ltn.CostTable(space))}
    for name in ("b-block2", "c-block0", "cls-layer0", "cls-prediction", "reg-layer1"):
        assert found[name].macs.least > 0, name
        assert found[name].params.least > 0, name
    assert found["c-block1"].macs.least == found["cls-layer1"].macs.least == 0  # skips


@pytest.mark.slow
def test_figures_of_a_space_are_those_of_its_draws() -> None:
    content = copy.deepcopy(WIDE.description.model_dump(mode="json"))
    content["operations"]["g3"] = {"kind": "ghost", "kernel": 3, "expansion": 3}
    content["stages"][0]["operations"] = [*content["stages"][0]["operations"], "g3"]
    space = parse_space(content, "mixed")
    rng = np.random.default_rng(0)
    rows = count_architectures([space.sample(rng) for _ in range(2500)]).table.to_dict("records")
    for row in rows:
        assert row["front"] == pytest.approx(row["space"], abs=0.05), row
    named = {f"{row['property']} {row['value']}" for row in rows}
    assert {"b depth 2", "a width 8", "towers shared", "operation ghost", "operation mbconv"} <= named
    assert {"template size 32", "output end of b (third-last)", "reg width 8", "shared depth "} <= named


def test_few_networks_with_two_towers_decide_nothing() -> None:
    shared = [chosen(towers="shared", cls_layer0="k3")] * 6
    found = count_architectures([*shared, chosen(cls_layer1="skip")])
    (claim,) = [claim for claim in found.claims if "shallower" in claim.text]
    assert claim.answer == "undecided"
    assert not any("second-last" in each.text for each in found.claims)


def keys(space: Space) -> dict[str, tuple[int, ...]]:
    with torch.device("meta"):
        return {key: tuple(value.shape) for key, value in ltn.build_model_space(space).state_dict().items()}


@pytest.mark.slow
@given(SOME)
@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_weights_of_a_fixed_space_are_all_found_in_the_open_one(changes: set[str]) -> None:
    space, fixed = space_with(*sorted(changes)), space_with()
    own, other = keys(fixed), keys(space)
    back = plan(space, other, fixed, own)
    # Depthwise fusion depends on a stage's channels besides, which pixel-wise fusions share.
    missing = {key for key in own if key not in back}
    assert all("fusions" in key for key in missing)
    assert not missing or "correlation" in changes
    assert all(own[key] == other[found] for key, found in back.items())
    assert len(set(back.values())) == len(back)
    there = plan(fixed, own, space, other)
    assert all(own[found] == other[key] for key, found in there.items())
    assert plan(space, other, space, other) == {key: key for key in other}


@given(SOME, st.integers(0, 2**32 - 1))
@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_architectures_go_between_fixed_and_open_spaces(changes: set[str], seed: int) -> None:
    space, fixed = space_with(*sorted(changes)), space_with()
    rng = np.random.default_rng(seed)
    for _ in range(5):
        architecture = fixed.sample(rng)
        fitted = fit_architecture(architecture, space)
        assert fit_architecture(fitted, fixed).canonical() == architecture.canonical()
        parts = [shown_network(each) for each in (architecture, fitted)]
        blocks = [[(b.place.label, b.name, b.channels) for b in each.blocks] for each in parts]
        assert blocks[0] == blocks[1]
        assert parts[0].template_size == parts[1].template_size


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"b_width": "16"}, "b-width: 16 is none of 24"),
        ({"towers": "shared", "b_width": "24", "a_width": "16"}, "towers: shared is none of separate"),
        ({"template_size": "32"}, "template-size: 32 is none of 64"),
        ({"b_depth": "1", "output": "c-block0"}, "b-block1, b-block2: space 'open' has no such place, and no skip"),
        ({"reg_layer0_width": "8", "reg_layer1_width": "16"}, "reg-width: 8, 16 is none of 8, 16"),
        ({"b_block0_expansion": "1p5"}, "b-block0: mbconv-k3 (mbconv, kernel 3"),
    ],
)
def test_what_does_not_fit_is_named(values: dict[str, str], message: str) -> None:
    with pytest.raises(ltn.InputError) as failure:
        fit_architecture(chosen(**values), space_with())
    assert message in str(failure.value)


class MadeUp:
    """An evaluator that measures nothing."""

    measurements = ("ao",)
    inherits_weights = False

    def costs(self, architecture: Architecture) -> dict[str, float]:
        return {}

    def measure(self, architecture: Architecture, names: Collection[str]) -> dict[str, float]:
        return {"ao": 0.5}

    def record(self) -> dict[str, Any]:
        return {"evaluator": "made up"}


def test_trials_say_which_choices_have_no_say(tmp_path: Path) -> None:
    space = space_with("b depth", "sharing")
    study = run_search(
        space,
        evaluator=MadeUp(),
        strategy=NSGA2(population_size=4),
        objectives="ao",
        n_trials=10,
        storage=tmp_path / "j",
    )
    table = ltn.Result.from_study(study).trials
    for trial, listed in zip(study.trials, table["without_say"], strict=True):
        architecture = space.architecture(trial.params)
        assert trial.params.keys() == space.labels.keys()
        assert trial.user_attrs["without_say"] == listed.split() == labels_without_say(architecture)
        assert ("cls-width" in listed.split()) == (trial.params["towers"] == "shared")
