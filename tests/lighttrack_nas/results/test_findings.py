"""What networks have in common: known shares, known intervals, and the three claims."""

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import ttest_1samp

from lighttrack_nas.counts.network_features import features_of
from lighttrack_nas.reporting.intervals import share_test
from lighttrack_nas.results.findings import Findings, count_architectures, draw_findings, save_findings
from lighttrack_nas.search_spaces.loading.loading import load_space, parse_space
from lighttrack_nas.search_spaces.space import Architecture, Space
from lighttrack_nas.trackers.base.errors import InputError

FULL = load_space("lighttrack")


def architecture(space: Space = FULL, **chosen: str) -> Architecture:
    """The first candidate everywhere (kernel 3, smallest expansion and width, no skip), but for what is given."""
    first = {label: values[0] for label, values in space.labels.items()}
    return space.architecture(first | {label.replace("_", "-"): value for label, value in chosen.items()})


def figures(found: Findings, name: str, value: str = "") -> Mapping[str, float]:
    (row,) = (
        row for row in found.table.to_dict("records") if row["property"] == name and row["value"].startswith(value)
    )
    return row


def like_the_paper(index: int) -> Architecture:
    """Ten blocks of fourteen with kernel 7, the second-last block as the output, cls of 6 layers, reg of 8."""
    k7 = {f"stage{stage}_block{block}": "k7e6" for stage in (2, 3) for block in range(4)}
    return architecture(
        **k7, stage1_block0="k7e4", stage4_block0="k7e4", stage4_block1=("k5e4", "k3e6")[index % 2],
        stage4_block3="k5e6", output="stage4-block2", cls_layer6="skip", cls_layer7="skip", cls_width="256",
    )  # fmt: skip


def test_shares_of_a_known_front_are_counted_right() -> None:
    found = count_architectures([like_the_paper(index) for index in range(8)])
    assert found.networks == 8
    # The fourth block of stage 4 stands behind the output and the one of stage 0 is no choice: 13 blocks each.
    assert figures(found, "kernel", "7")["front"] == pytest.approx(10 / 13)
    assert figures(found, "kernel", "5")["front"] == pytest.approx(4 / (8 * 13))
    assert figures(found, "kernel", "3")["front"] == pytest.approx(20 / (8 * 13))
    assert figures(found, "expansion", "6")["front"] == pytest.approx((8 * 8 + 4) / (8 * 13))
    assert figures(found, "output", "stage4-block2 (second-last)")["front"] == 1
    assert figures(found, "output", "stage3-block0 (8th from the end)")["front"] == 0
    assert figures(found, "cls depth")["front"] == 6
    assert figures(found, "reg depth")["front"] == 8
    assert figures(found, "cls width", "256")["front"] == 1
    assert figures(found, "reg width", "128")["front"] == 1
    assert figures(found, "reg depth - cls depth")["front"] == 2
    assert [claim.answer for claim in found.claims] == ["yes", "yes", "yes"]
    assert "kernel 7: share of blocks 0.77" in found.text()


def test_the_spaces_own_figures() -> None:
    """By hand, and against counting in draws."""
    found = count_architectures([FULL.sample(np.random.default_rng(seed)) for seed in range(1500)])
    assert figures(found, "kernel", "7")["space"] == pytest.approx(1 / 3)
    assert figures(found, "output", "stage3-block3")["space"] == 1 / 8
    # One layer that cannot skip, and seven of which two candidates of three do not.
    assert figures(found, "cls depth")["space"] == pytest.approx(1 + 7 * 2 / 3)
    assert figures(found, "reg depth - cls depth")["space"] == 0
    for row in found.table.to_dict("records"):
        assert row["front"] == pytest.approx(row["space"], abs=0.05 if row["measure"] != "mean layers" else 0.2), row


def test_claims_denied_and_undecided() -> None:
    plain = [architecture(output="stage3-block0") for _ in range(10)]
    assert [claim.answer for claim in count_architectures(plain).claims] == ["no", "no", "undecided"]
    deeper = [architecture(output="stage4-block2", reg_layer3="skip") for _ in range(10)]
    assert [claim.answer for claim in count_architectures(deeper).claims] == ["no", "yes", "no"]
    mixed = [like_the_paper(0), like_the_paper(1), *[architecture(reg_layer1="skip", reg_layer2="skip")] * 2] * 2
    assert [claim.answer for claim in count_architectures(mixed).claims] == ["undecided"] * 3


def test_few_networks_decide_by_unanimous_answers_alone() -> None:
    """Shares of networks have a test for any number; means and shares of blocks have no interval that could deny it."""
    found = count_architectures([like_the_paper(index) for index in range(5)])
    assert [claim.answer for claim in found.claims] == ["undecided", "yes", "undecided"]
    assert "fewer than 6 networks, too few for an interval" in found.claims[0].reason
    few = found.table[found.table["measure"] != "share of networks"]
    assert set(few["differs"]) == {""}
    assert few[["low", "high", "p", "p_corrected"]].isna().all(axis=None)
    assert figures(found, "output", "stage4-block2")["differs"] == "more"
    assert found.to_dict()["table"][0]["low"] is None
    assert "kernel 7: share of blocks 0.77 [too few networks]" in found.text()
    with pytest.raises(InputError, match="the front is empty"):
        count_architectures([])


@pytest.mark.parametrize("count", [1, 3, 8, 20])
def test_no_verdict_contradicts_its_interval(count: int) -> None:
    for seed in range(3):
        rng = np.random.default_rng(seed)
        mixed = [like_the_paper(index) if rng.random() < 0.5 else FULL.sample(rng) for index in range(count)]
        for row in count_architectures(mixed).table.to_dict("records"):
            outside = "more" if row["space"] < row["low"] else "less" if row["space"] > row["high"] else ""
            assert row["differs"] in (outside, f"perhaps {outside}" if outside else ""), row
            assert (row["p"] < 0.05) == bool(outside), row
            assert not row["p_corrected"] < row["p"], row
            if outside:
                assert row["differs"].startswith("perhaps") == (row["p_corrected"] >= 0.05), row


def test_uniform_draws_are_seldom_called_otherwise() -> None:
    rng = np.random.default_rng(0)
    fronts = [count_architectures([FULL.sample(rng) for _ in range(12)]).table for _ in range(25)]
    # In most fronts no figure at all; by the intervals alone one figure of twenty.
    assert np.mean([table["differs"].isin(["more", "less"]).any() for table in fronts]) < 0.15
    assert np.mean([table["differs"].ne("").mean() for table in fronts]) == pytest.approx(0.05, abs=0.03)


@pytest.mark.parametrize("total", [1, 2, 3, 6, 30])
def test_the_shares_test_and_its_interval_agree(total: int) -> None:
    for successes in range(total + 1):
        for expected in (0.05, 1 / 8, 1 / 3, 0.5, 0.9):
            test = share_test(successes, total, expected)
            assert test.low <= successes / total <= test.high
            assert (test.p < 0.05) == (not test.low <= expected <= test.high)
    # Three of three against a third: half of 1 / 27, on both sides.
    assert share_test(3, 3, 1 / 3).p == pytest.approx(1 / 27)


def test_shares_by_stage_are_whole_and_known() -> None:
    found = count_architectures([like_the_paper(index) for index in range(8)])
    shares = found.shares.set_index(["property", "place", "value"])
    assert shares.loc[("kernel", "stage2", "7"), "front"] == 1
    assert shares.loc[("kernel", "stage4", "5"), "front"] == pytest.approx(0.5 / 3)
    assert shares.loc[("kernel", "stage4", "3"), "space"] == pytest.approx(1 / 3)
    assert shares.loc[("output", "", "stage4-block2"), "front"] == 1
    assert shares.loc[("depth", "cls", "6"), "front"] == 1
    sums = found.shares.groupby(["property", "place"])[["front", "space"]].sum()
    assert np.allclose(sums, 1)


@pytest.mark.slow
def test_findings_are_written_and_drawn(tmp_path: Path) -> None:
    found = count_architectures([like_the_paper(index) for index in range(3)])
    files = save_findings(found, tmp_path / "findings")
    assert [file.name for file in files] == [
        "findings.csv", "shares.csv", "findings.json", "findings.png", "findings.svg",
    ]  # fmt: skip
    assert all(file.stat().st_size for file in files)
    again = save_findings(found, tmp_path / "again")
    assert [file.read_bytes() for file in again] == [file.read_bytes() for file in files]
    assert json.loads(files[2].read_text())["networks"] == 3
    titles = [axes.get_title() for axes in draw_findings(found).axes]
    assert titles == [
        "kernels by stage", "expansions by stage", "output",
        "layers of the classification tower", "layers of the regression tower",
    ]  # fmt: skip


def test_the_intervals_cover() -> None:
    """Uniform draws of the space: the intervals hold the space's figure, and their width shrinks."""
    rng = np.random.default_rng(3)
    few, many = (count_architectures([FULL.sample(rng) for _ in range(count)]) for count in (20, 500))
    for kernel in "357":
        row = figures(many, "kernel", kernel)
        assert row["low"] < row["front"] < row["high"]
        assert row["low"] - 0.02 < 1 / 3 < row["high"] + 0.02
        assert row["high"] - row["low"] < figures(few, "kernel", kernel)["high"] - figures(few, "kernel", kernel)["low"]


def test_means_have_students_interval() -> None:
    rng = np.random.default_rng(0)
    networks = [FULL.sample(rng) for _ in range(9)]
    row = figures(count_architectures(networks), "cls depth")
    depths = [features_of(network).depths["cls"] for network in networks]
    test = ttest_1samp(depths, row["space"])
    assert row["p"] == pytest.approx(test.pvalue)
    assert (row["low"], row["high"]) == pytest.approx(tuple(test.confidence_interval()))


@pytest.mark.parametrize("preset", ["lighttrack-12", "lighttrack-tiny"])
def test_findings_of_other_presets_have_whole_shares(preset: str) -> None:
    space = load_space(preset)
    rng = np.random.default_rng(0)
    found = count_architectures([space.sample(rng) for _ in range(10)])
    assert len(found.claims) == 3
    assert found.table.query("property == 'output'")["front"].sum() == pytest.approx(1)
    assert found.table.query("property == 'kernel'")["front"].sum() == pytest.approx(1)


def test_a_space_with_kernels_of_its_own_under_names_of_its_own() -> None:
    content = load_space("lighttrack-tiny").description.model_dump(mode="json")
    content["name"] = "odd"
    content["operations"] |= {
        "narrow": {"kind": "mbconv", "kernel": 9, "expansion": 3},
        "wide": {"kind": "mbconv", "kernel": 11, "expansion": 1.5},
    }
    for stage in content["stages"][1:]:
        stage["operations"] = ["narrow", "wide"]
    content["outputs"] = ["stage3-block1"]
    space = parse_space(content, "odd")
    wide = {f"stage{stage}_block{block}": "wide" for stage in (1, 2, 3) for block in range(2)}
    found = count_architectures([architecture(space, **wide)] * 6)
    assert figures(found, "kernel", "11")["front"] == 1
    assert figures(found, "kernel", "9")["front"] == 0
    assert figures(found, "expansion", "1.5")["front"] == 1
    # One output leaves nothing to ask of it.
    assert [claim.text for claim in found.claims] == [
        "over half of the backbone's blocks have kernel 11",
        "the classification tower is on average shallower than the regression tower",
    ]


def test_a_space_without_choices_in_the_backbone() -> None:
    content = load_space("lighttrack-tiny").description.model_dump(mode="json")
    for stage in content["stages"][1:]:
        stage["operations"] = ["k3e2"]
    content |= {"name": "fixed", "outputs": ["stage3-block1"]}
    space = parse_space(content, "fixed")
    found = count_architectures([architecture(space)] * 6)
    assert not set(found.table["property"]) & {"kernel", "expansion"}
    assert len(found.claims) == 1
    assert {axes.get_title() for axes in draw_findings(found).axes} >= {"layers of the regression tower"}
