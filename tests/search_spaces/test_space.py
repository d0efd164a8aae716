"""Spaces and architectures: sizes, checks, normal forms, JSON."""

import json
import pickle
from itertools import product
from pathlib import Path

import numpy as np
import pytest

from lighttrack_nas.search_spaces.loading.loading import load_space
from lighttrack_nas.search_spaces.space import Architecture, Space
from lighttrack_nas.trackers.base.errors import InputError

SMALL = """
extends: lighttrack-tiny
name: small
stages:
  - {name: stage1, channels: 16, blocks: 1, stride: 2, operations: [k3e2, k5e2]}
  - {name: stage2, channels: 16, blocks: 2, stride: 2, operations: [k3e2, k5e2]}
outputs: [stage1, stage2-block1]
towers:
  cls: {widths: [16, 32], layers: [{operations: [k3, k5]}, {operations: [k3, skip], repeat: 2}]}
  reg: {widths: [16], layers: [{operations: [k3]}]}
"""

SKIPS = """
extends: lighttrack-tiny
name: skips
stages:
  - {channels: 16, blocks: 3, stride: 2, operations: [k3e2, k5e2], skip: true}
  - {channels: 16, blocks: 1, stride: 2, operations: [k3e2, k5e2]}
  - {channels: 24, blocks: 3, stride: 1, operations: [k3e2, k5e2], skip: true}
outputs: OUTPUTS
correlation: [pixelwise, depthwise]
towers:
  cls: {widths: [16], layers: [{operations: [k3, k5]}, {operations: [k3, skip]}]}
  reg: {widths: [16], layers: [{operations: [k3]}]}
"""
OUTPUTS = ("[stage0, stage1, stage2-block0, stage2-block2]", "{last: 2}", "[stage0-block1]")


VARIANTS = [SKIPS.replace("OUTPUTS", outputs) for outputs in OUTPUTS]


# The first variant is by far the largest.
@pytest.fixture(params=[SMALL, pytest.param(VARIANTS[0], marks=pytest.mark.slow), *VARIANTS[1:]])
def small(tmp_path: Path, request: pytest.FixtureRequest) -> Space:
    path = tmp_path / "small.yaml"
    path.write_text(request.param)
    return load_space(path)


def network_of(architecture: Architecture) -> tuple[object, ...]:
    """What an architecture's network is made of, skips left out, as it would be told on the telephone."""
    space = architecture.space
    chosen = space.chosen(architecture)
    blocks = [block for block in space.description.blocks if block.name in space.blocks_up_to(chosen["output"])]
    backbone = [(block.stage, chosen[block.name]) for block in blocks if chosen[block.name] != "skip"]
    head = [(label, chosen[label]) for label in ("correlation", "cls-width", "reg-width")]
    towers = [
        [chosen[label] for label in chosen if label.startswith(f"{branch}-layer") and chosen[label] != "skip"]
        for branch in ("cls", "reg")
    ]
    return tuple(backbone), tuple(head), tuple(map(tuple, towers))


def everything(space: Space) -> list[Architecture]:
    return [Architecture(space, values) for values in product(*space.labels.values())]


def test_sizes_of_spaces_are_those_published() -> None:
    head = (3 * 2 * 3**7) ** 2
    distinct_head = (3 * 2 * 255) ** 2
    space = load_space("lighttrack")
    assert space.size.labels == 6**14 * 8 * head
    assert space.size.networks == sum(6**k for k in range(7, 15)) * distinct_head
    twelve = load_space("lighttrack-12")
    assert twelve.size.labels == 6**14 * 12 * head
    assert twelve.size.networks == sum(6**k for k in range(3, 15)) * distinct_head


@pytest.mark.slow
def test_sizes_equal_enumeration(small: Space) -> None:
    architectures = everything(small)
    assert small.size.labels == len(set(architectures))
    assert small.size.networks == len({a.canonical() for a in architectures})


@pytest.mark.slow
def test_one_canonical_form_a_network(small: Space) -> None:
    by_network: dict[object, set[Architecture]] = {}
    for architecture in everything(small):
        by_network.setdefault(network_of(architecture), set()).add(architecture.canonical())
        assert network_of(architecture.canonical()) == network_of(architecture)
    assert {len(forms) for forms in by_network.values()} == {1}
    assert len(by_network) == small.size.networks


@pytest.mark.slow
def test_normal_forms_nest(small: Space) -> None:
    forms: dict[Architecture, set[Architecture]] = {}
    for architecture in everything(small):
        forms.setdefault(architecture.path(), set()).add(architecture.canonical())
    for path, (canonical,) in forms.items():
        assert path.path() == path
        assert canonical.canonical() == canonical
        assert path.canonical() == canonical
        assert canonical.path() == canonical


def test_path_resets_only_what_is_behind_the_output(lighttrack: Space) -> None:
    rng = np.random.default_rng(0)
    for _ in range(50):
        architecture = lighttrack.sample(rng)
        path = architecture.path()
        blocks = [block.name for block in lighttrack.description.blocks]
        output = blocks.index(architecture.choices["output"])
        for label, value in architecture.choices.items():
            dead = label in blocks and blocks.index(label) > output
            assert path.choices[label] == (lighttrack.labels[label][0] if dead else value)


def test_path_keeps_where_skips_stand(lighttrack: Space) -> None:
    first = dict(lighttrack.sample(np.random.default_rng(1)).choices)
    layers = {f"cls-layer{i}": "skip" for i in range(3, 8)}
    one = lighttrack.architecture(first | layers | {"cls-layer1": "skip", "cls-layer2": "k5"})
    other = lighttrack.architecture(first | layers | {"cls-layer1": "k5", "cls-layer2": "skip"})
    assert one.path() != other.path()
    assert one.canonical() == other.canonical()


def test_sampling_is_seeded_and_fair(space: Space) -> None:
    rng = np.random.default_rng(3)
    drawn = [space.sample(rng) for _ in range(600)]
    again = np.random.default_rng(3)
    assert drawn == [space.sample(again) for _ in range(600)]
    for label, values in space.labels.items():
        counts = [sum(a.choices[label] == value for a in drawn) for value in values]
        # Five standard deviations of a fair draw.
        share = 1 / len(values)
        assert max(abs(count - 600 * share) for count in counts) < 5 * (600 * share * (1 - share)) ** 0.5


def test_json_round_trip(space: Space) -> None:
    architecture = space.sample(np.random.default_rng(0))
    text = architecture.to_json()
    assert json.loads(text)["space_hash"] == space.hash
    assert space.from_json(text) == architecture
    assert hash(space.from_json(text)) == hash(architecture)


def test_architectures_are_values(space: Space) -> None:
    architecture = space.sample(np.random.default_rng(0))
    assert pickle.loads(pickle.dumps(architecture)) == architecture  # noqa: S301 - our own bytes
    with pytest.raises(AttributeError):
        architecture.values = ()
    with pytest.raises(TypeError):
        architecture.choices["output"] = "x"


def test_wrong_choices_are_named(tiny: Space) -> None:
    good = dict(tiny.sample(np.random.default_rng(0)).choices)
    with pytest.raises(InputError, match="unknown label of space 'lighttrack-tiny', 'outptu'; did you mean 'output'"):
        tiny.architecture(good | {"outptu": "stage3-block0"})
    with pytest.raises(InputError, match="label 'output': 'stage9' is no candidate; known: stage2-block0"):
        tiny.architecture(good | {"output": "stage9"})
    del good["cls-width"]
    with pytest.raises(InputError, match="no value for cls-width"):
        tiny.architecture(good)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "no valid JSON at line 1"),
        ("[]", "expected an object"),
        ('{"space": "lighttrack", "choices": {}}', "belongs to space 'lighttrack'"),
    ],
)
def test_wrong_json_is_named(tiny: Space, text: str, said: str) -> None:
    with pytest.raises(InputError, match=said):
        tiny.from_json(text)


def test_spaces_do_not_mix(tiny: Space, lighttrack: Space) -> None:
    architecture = lighttrack.sample(np.random.default_rng(0))
    assert not tiny.contains(architecture)
    with pytest.raises(InputError, match=r"of space 'lighttrack' \(\w{12}\), not of 'lighttrack-tiny'"):
        tiny.require(architecture)
