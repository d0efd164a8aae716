"""The official code, both ways."""

import contextlib
import csv
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lighttrack_nas.search_spaces.loading.loading import load_space
from lighttrack_nas.search_spaces.space import Space
from lighttrack_nas.trackers.base.errors import InputError

GOOD = "back_04502514044521042540+cls_211000022+reg_100000111_ops_32"
SPACES = {name: load_space(name) for name in ("lighttrack", "lighttrack-12")}


def digits(alphabet: str, count: int) -> st.SearchStrategy[str]:
    return st.text(alphabet, min_size=count, max_size=count)


codes = st.builds(
    "back_0{}{}0+cls_{}{}{}+reg_{}{}{}_ops_{}{}".format,
    digits("012345", 14),
    digits("012345", 4),
    *[digits("012", 1), digits("01", 1), digits("012", 7)] * 2,
    st.sampled_from("123"),
    st.sampled_from("0123"),
)


def test_the_published_code_is_the_published_network(mobile_code: str) -> None:
    chosen = SPACES["lighttrack"].decode(mobile_code).choices
    assert [chosen[f"stage1-block{i}"] for i in range(2)] == ["k7e4", "k7e6"]
    assert [chosen[f"stage4-block{i}"] for i in range(4)] == ["k7e6", "k5e4", "k3e6", "k3e4"]
    assert chosen["output"] == "stage4-block2"
    assert chosen["cls-width"] == "256"
    assert [chosen[f"cls-layer{i}"] for i in range(8)] == ["k5", "k5", "k3", "k3", "k3", "k3", "skip", "skip"]
    assert chosen["reg-width"] == "192"
    assert [chosen[f"reg-layer{i}"] for i in range(8)] == ["k3"] * 5 + ["k5"] * 3


@pytest.mark.parametrize("name", SPACES)
@given(seed=st.integers(0, 2**32 - 1))
def test_decode_undoes_encode(name: str, seed: int) -> None:
    space = SPACES[name]
    architecture = space.sample(np.random.default_rng(seed))
    assert space.decode(space.encode(architecture)) == architecture


@given(codes)
def test_encode_zeroes_the_dead_stage_and_keeps_the_rest(code: str) -> None:
    space = SPACES["lighttrack-12"]
    back, rest = code.split("+", 1)
    assert space.encode(space.decode(code)) == f"{back[:-5]}00000+{rest}"


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("", "expected back_DIGITS"),
        ("back_", "expected back_DIGITS"),
        (GOOD + "0", "ops has 3 digits, expected 2"),
        (GOOD[:-1], "ops has 1 digits, expected 2"),
        (GOOD + "\n", "expected back_DIGITS"),
        (GOOD.replace("back_0", "back_"), "back has 19 digits, expected 20"),
        (GOOD.replace("back_0", "back_1"), "back, digit 1 of 20 is 1: the fixed first and last stage"),
        (GOOD.replace("40+cls", "41+cls"), "back, digit 20 of 20 is 1: the fixed first and last stage"),
        (GOOD.replace("back_04", "back_06"), "back, digit 2 of 20 is 6: 0 to 5"),
        (GOOD.replace("back_04", "back_0x"), "back, character 2 is 'x', no digit"),
        (GOOD.replace("back_04", "back_0²"), "expected back_DIGITS"),
        (GOOD.replace("cls_2", "cls_3"), "cls, digit 1 of 9 is 3: the width"),
        (GOOD.replace("cls_21", "cls_22"), "cls, digit 2 of 9 is 2: the first layer .* cannot skip"),
        (GOOD.replace("cls_211", "cls_213"), "cls, digit 3 of 9 is 3: a layer is"),
        (GOOD.replace("reg_1", "reg_"), "reg has 8 digits, expected 9"),
        (GOOD.replace("ops_32", "ops_02"), "ops, digit 1 of 2 is 0: the stage"),
        (GOOD.replace("ops_32", "ops_42"), "ops, digit 1 of 2 is 4: the stage"),
        (GOOD.replace("ops_32", "ops_34"), "ops, digit 2 of 2 is 4: the block"),
        (
            GOOD.replace("ops_32", "ops_12"),
            "'stage2-block2' is no output of space 'lighttrack'; its outputs are stage3",
        ),
        (GOOD.replace("+reg", "-reg"), "expected back_DIGITS"),
    ],
)
def test_bad_codes_are_refused_with_place_and_reason(code: str, said: str) -> None:
    with pytest.raises(InputError, match=said):
        SPACES["lighttrack"].decode(code)


@given(st.text(max_size=80) | st.text("back_+clsregops0123456789", max_size=80))
def test_any_text_is_decoded_or_refused(text: str) -> None:
    with contextlib.suppress(InputError):
        SPACES["lighttrack-12"].decode(text)


def test_other_spaces_have_no_codes(tiny: Space) -> None:
    with pytest.raises(InputError, match="'lighttrack-tiny' has no official codes"):
        tiny.decode(GOOD)
    with pytest.raises(InputError, match="'lighttrack-tiny' has no official codes"):
        tiny.encode(tiny.sample(np.random.default_rng(0)))


def test_spaces_with_other_outputs_share_the_codes(tmp_path: Path) -> None:
    (tmp_path / "one.yaml").write_text("extends: lighttrack\nname: one\noutputs: [stage4-block2]\n")
    one = load_space(tmp_path / "one.yaml")
    back, rest = GOOD.split("+", 1)
    assert one.encode(one.decode(GOOD)) == f"{back[:-5]}00000+{rest}"
    with pytest.raises(InputError, match=r"'stage4-block1' is no output of space 'one'; its outputs are stage4-block2"):
        one.decode(GOOD.replace("ops_32", "ops_31"))


@pytest.mark.parametrize(
    "change",
    [
        "fused_channels: 96",
        "outputs: [stage1, stage4]",
        "predictions: {score_scale: 1, box_activation: relu, box_scale: 16}",
    ],
)
def test_spaces_of_other_networks_have_no_codes(tmp_path: Path, change: str) -> None:
    (tmp_path / "other.yaml").write_text(f"extends: lighttrack\nname: other\n{change}\n")
    with pytest.raises(InputError, match="'other' has no official codes"):
        load_space(tmp_path / "other.yaml").decode(GOOD)


@pytest.mark.data
def test_recorded_codes_decode(data: Path) -> None:
    rows = list(csv.DictReader((data / "lighttrack_mobile/arch_costs.csv").read_text().splitlines()))
    assert len(rows) == 12
    for row in rows:
        SPACES["lighttrack-12"].decode(row["arch"])
