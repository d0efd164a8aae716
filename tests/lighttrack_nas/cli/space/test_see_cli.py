"""`describe` with costs and drawings, `diff`, `random`, `mutate`: what a space or an architecture is, on the screen."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import lighttrack_nas as ltn
from lighttrack_nas.benchmarks.scoring.place_scores import PlaceScores

Run = Callable[..., Any]


def test_describe_shows_the_costs_of_places(run: Run) -> None:
    shown = run("describe", "lighttrack-tiny", "--costs").out
    assert "stage1-block0             backbone             3.59 to 9.75    2.30 to 8.13" in shown
    assert "cls-layer1 .. cls-layer3  cls_head, each of 3     0 to 3.02       0 to 11.8" in shown
    assert "a whole network                                16.7 to 78.0     35.7 to 296" in shown
    found = json.loads(run("describe", "lighttrack-tiny", "--costs", "--json").out)["costs"]
    assert found["network"] == {"macs": [16716544, 78041344], "params": [35749, 295789]}
    assert [place["place"] for place in found["places"]][:2] == ["stem", "stage0-block0"]
    assert "costs" not in json.loads(run("describe", "lighttrack-tiny", "--json").out)


@pytest.mark.slow
def test_describe_shows_the_losses_of_places(
    run: Run, tmp_path: Path, random_places: Callable[..., PlaceScores]
) -> None:
    space = ltn.load_space("lighttrack-tiny")
    scores = random_places(space)
    scores.save(tmp_path / "supernet")
    losses = {place.label: place for place in ltn.place_losses(scores)}
    shown = run("describe", "lighttrack-tiny", "--losses", "supernet").out
    lines = {line.split()[0]: line for line in shown.splitlines() if line and line[0] != "-"}
    best, worst = losses["cls-layer1"].best, losses["cls-layer1"].worst
    for part in ("cls_head", f"{best.nsr:.4f} to {worst.nsr:.4f}", best.name, worst.name):
        assert part in lines["cls-layer1"]
    assert "MACs (M)" not in shown
    # The table alone says of which space it is, and costs stand beside.
    both = run("describe", "--losses", "supernet/places.json", "--costs").out
    rows = [line.split() for line in both.splitlines()]
    header = next(row for row in rows if row[:2] == ["place", "part"])
    assert header[2:] == ["MACs", "(M)", "parameters", "(K)", "NSR", "best", "worst"]
    names = [row[0] for row in rows[rows.index(header) + 2 :] if row]
    assert names[:3] == ["stem", "stage0-block0", "stage1-block0"]
    assert names.index("output") + 1 == names.index("neck")
    whole = next(line for line in both.splitlines() if line.startswith("a whole network"))
    assert "16.7 to 78.0" in whole
    found = json.loads(run("describe", "--losses", "supernet", "--json").out)
    assert "costs" not in found
    assert found["losses"]["table"] == ltn.load_places(tmp_path / "supernet").digest
    least, greatest = found["losses"]["network"]["nsr"]
    assert f"{least:.4f} to {greatest:.4f}" in whole
    (place,) = [place for place in found["losses"]["places"] if place["place"] == "cls-layer1"]
    assert (place["part"], place["best"]["candidate"]) == ("cls_head", best.candidate)
    assert place["nsr"] == [place["best"]["nsr"], place["worst"]["nsr"]]
    drawn = run("describe", "--losses", "supernet", "--svg", "a.svg")
    assert drawn.out.splitlines()[-2:] == ["a.svg", "a-losses.svg"]
    assert (tmp_path / "a-losses.svg").stat().st_size > 0


def test_describe_shows_what_an_architecture_loses(
    run: Run, tmp_path: Path, random_places: Callable[..., PlaceScores]
) -> None:
    space = ltn.load_space("lighttrack-tiny")
    random_places(space).save(tmp_path)
    scores = ltn.load_places(tmp_path)
    (tmp_path / "a.json").write_text(run("random", "lighttrack-tiny", "--number", 1, "--json").out)
    architecture = ltn.find_architecture(str(tmp_path / "a.json"))
    call = ("describe", "--architecture", "a.json", "--losses", "places.json")
    found = json.loads(run(*call, "--json").out)["losses"]
    assert found["nsr"] == scores.score(architecture)
    assert sum(place["nsr"] for place in found["places"]) == pytest.approx(found["nsr"])
    assert not {place["place"] for place in found["places"]} & space.dead_labels(architecture)
    shown = run(*call).out.splitlines()
    best = {place.label: place.best for place in ltn.place_losses(scores)}["stage1-block0"]
    row = next(line for line in reversed(shown) if line.startswith("stage1-block0"))
    (place,) = [place for place in found["places"] if place["place"] == "stage1-block0"]
    lost = (place["candidate"], f"{place['nsr']:.4f}", best.name, f"{best.nsr:.4f}")
    assert row.split() == ["stage1-block0", "backbone", *lost]
    assert shown[-2].split()[:3] == ["the", "network", f"{found['nsr']:.4f}"]


def test_losses_that_do_not_fit(
    run: Run, tmp_path: Path, mobile_code: str, random_places: Callable[..., PlaceScores]
) -> None:
    random_places(ltn.load_space("lighttrack-tiny")).save(tmp_path)
    for call, complaint in (
        (
            ("lighttrack", "--losses", "places.json"),
            "is of space 'lighttrack-tiny' (9602ba161b1e), not of 'lighttrack'",
        ),
        (("--losses", "nothing"), "unknown table of places 'nothing'"),
        (("--losses", "places.json", "--architecture", mobile_code), "is of space 'lighttrack-tiny'"),
    ):
        shown = run("describe", *call)
        assert shown.code == 1
        assert complaint in shown.err
        assert len(shown.err.strip().splitlines()) == 1


def test_describe_says_what_it_counts(run: Run, tmp_path: Path) -> None:
    assert run("describe", "lighttrack-table").out.splitlines()[-3:] == [
        "label combinations: 3,456 (3.46e+03): a value for every label",
        "paths:              2,688 (2.69e+03): alike but for labels without a say count once",
        "distinct networks:  2,016 (2.02e+03): alike but for labels without a say and for where skips stand count once",
    ]
    # The paths of spaces of very many sizes are not counted: that takes as long as they have combinations.
    stages = ", ".join(f"{index}: {{blocks: [1, 2, 3, 4]}}" for index in range(1, 5))
    (tmp_path / "many.yaml").write_text(
        f"extends: lighttrack\noutputs: {{stages: [1, 2, 3, 4]}}\nstages: {{{stages}}}\n"
        "template_size: [64, 128]\nsearch_sizes: [256]\ntowers: {sharing: [separate, shared]}\n"
    )
    shown = run("describe", "many.yaml").out.splitlines()
    assert [line.split(":")[0] for line in shown[-2:]] == ["label combinations", "distinct networks"]


def test_drawings_are_the_same_each_time(run: Run, tmp_path: Path, mobile_code: str) -> None:
    for name in ("a.svg", "b.svg"):
        assert run("describe", "lighttrack-tiny", "--svg", name).out.endswith(f"{name}\n")
    assert (tmp_path / "a.svg").read_bytes() == (tmp_path / "b.svg").read_bytes()
    assert run("describe", "--architecture", mobile_code, "--svg", "sub/m.png").code == 0
    assert (tmp_path / "sub/m.png").read_bytes().startswith(b"\x89PNG")


def test_an_architecture_as_a_table(run: Run, mobile_code: str, tmp_path: Path) -> None:
    shown = run("describe", "--architecture", mobile_code, "--costs").out
    assert "stage4-block2  k3e6        MB6 3x3        96       1  16 x 16     output" in shown
    assert "stage4-block3" not in shown
    assert "cls tower: width 256, 6 of 8 layers" in shown
    assert "530.41" in shown
    found = json.loads(run("describe", "--architecture", mobile_code, "--json").out)
    assert found["output"] == found["backbone"][-1]["place"] == "stage4-block2"
    assert [len(found["towers"][branch]["layers"]) for branch in ("cls", "reg")] == [6, 8]
    # What is printed is itself an architecture file.
    (tmp_path / "a.json").write_text(json.dumps(found))
    assert ltn.find_architecture(str(tmp_path / "a.json")) == ltn.find_architecture(mobile_code).path()


@pytest.mark.parametrize(
    ("towers", "said"),
    [
        ("both: {layers: 2, skip: false}, sharing: shared", "towers                              shared      "),
        ("cls: {widths: [8]}, sharing: shared", "shared (reg's for both: what is declared of cls counts for nothing)"),
        ("cls: {widths: [8]}, sharing: [separate, shared]", "separate shared (shared: reg's for both)"),
    ],
)
def test_whose_tower_both_branches_have(run: Run, tmp_path: Path, towers: str, said: str) -> None:
    (tmp_path / "mine.yaml").write_text(f"extends: lighttrack-tiny\ntowers: {{{towers}}}\n")
    assert said in run("describe", "mine.yaml").out


def test_a_tower_of_both_branches_goes_by_its_name_where_costs_are(run: Run, tmp_path: Path) -> None:
    text = "extends: lighttrack-table\ntowers: {sharing: shared}\nstages: {2: {blocks: 1}}\n"
    (tmp_path / "mine.yaml").write_text(text)
    rows = [line.split()[:2] for line in run("describe", "mine.yaml", "--costs").out.splitlines()]
    parts = [["reg-layer0", "shared_head"], ["reg-layer1", "shared_head"], ["shared-prediction", "shared_head"]]
    assert [row for row in rows if "head" in "".join(row)] == parts
    run("describe", "mine.yaml", "--costs", "--svg", "mine.svg")
    (tmp_path / "a.json").write_text(run("random", "mine.yaml", "--number", 1, "--json").out)
    counted = json.loads(run("costs", "a.json", "--space", "mine.yaml", "--json").out)
    assert list(counted["parts"]) == ["backbone", "neck", "fusion", "shared_head"]


@pytest.mark.slow
def test_diff_lists_what_differs_in_two_spaces_or_architectures(run: Run, mobile_code: str) -> None:
    shown = run("diff", "lighttrack", "lighttrack-12").out
    assert [line.split()[0] for line in shown.splitlines()[2:]] == ["outputs.stage2", "label", "distinct"]
    assert run("diff", "lighttrack", "lighttrack").out == "the same networks\n"
    earlier = mobile_code.replace("ops_32", "ops_31")
    found = json.loads(run("diff", mobile_code, earlier, "--json").out)
    costs = ltn.measure_costs(ltn.find_architecture(earlier))
    assert {row["name"]: (row["first"], row["second"]) for row in found["differences"]} == {
        "stage4-block2": ("k3e6", "-"),
        "output": ("stage4-block2", "stage4-block1"),
        "macs": ("530,411,008", f"{costs.macs:,}"),
        "params": ("1,969,397", f"{costs.params:,}"),
    }
    assert not found["same"]
    everything = json.loads(run("diff", mobile_code, mobile_code, "--all", "--json").out)
    assert everything["same"]
    assert len(everything["differences"]) == 1 + len(ltn.load_space("lighttrack").candidates) + 2


def test_a_shipped_model_goes_by_its_spaces_name(run: Run, tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text(run("random", "lighttrack-tiny", "--number", 1, "--json").out)
    assert "macs" in run("diff", "lighttrack-tiny", "a.json").out
    assert "towers.cls.widths" in run("diff", "lighttrack-tiny", "lighttrack").out


def test_random_lists_distinct_networks_within_the_limits(run: Run) -> None:
    call = ("random", "lighttrack-tiny", "--seed", 3, "--constraint", "macs <= 40M", "--json")
    lines = [json.loads(line) for line in run(*call, "--number", 12).out.splitlines()]
    assert len({line["network"] for line in lines}) == 12
    space = ltn.load_space("lighttrack-tiny")
    for line in lines:
        costs = ltn.load_cost_table(space).costs(space.from_json(json.dumps(line)))
        assert (line["macs"], line["params"]) == (costs["macs"], costs["params"])
        assert line["macs"] <= 40e6
    assert [json.loads(line) for line in run(*call, "--number", 4).out.splitlines()] == lines[:4]
    shown = run("random", "lighttrack-tiny", "--macs-uniform", "--number", 3).out.splitlines()
    assert shown[0].split() == ["network", "MACs", "(M)", "parameters", "(M)", "output"]
    assert len(shown) == 2 + 3


def test_mutate_lists_the_networks_one_choice_away(run: Run, tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text(run("random", "lighttrack-tiny", "--number", 1, "--json").out)
    architecture = ltn.find_architecture(str(tmp_path / "a.json"))
    everyone = [json.loads(line) for line in run("mutate", "a.json", "--all", "--json").out.splitlines()]
    assert len(everyone) == len(ltn.neighbours(architecture)) == len({line["network"] for line in everyone})
    some = [json.loads(line) for line in run("mutate", "a.json", "--number", 5, "--seed", 1, "--json").out.splitlines()]
    assert [line for line in everyone if line in some] == some
    assert len(some) == 5
    assert "change" in run("mutate", "a.json").out


@pytest.mark.parametrize(
    ("call", "complaint"),
    [
        (("describe", "--svg", "a.gif"), "'a.gif': expected a file that ends in .svg or .png"),
        (("describe", "--svg", "full/a.svg"), "cannot hold results"),
        (("describe", "--svg", "folder.svg"), "is a folder"),
        (("describe", "--architecture", "nothing"), "'nothing' is no architecture"),
        (
            ("describe", "lighttrack", "--architecture", "lighttrack-tiny-generated"),
            "space 'lighttrack-tiny' (9602ba161b1e) does not fit",
        ),
        (("diff", "lighttrak", "lighttrack"), "unknown space or architecture 'lighttrak'; did you mean 'lighttrack'?"),
        (("diff", "lighttrack", "CODE"), "is a space, '"),
        (("diff", "CODE", "CODE", *3 * ("--space", "lighttrack")), "--space was given 3 times"),
        (("random", "lighttrak"), "did you mean 'lighttrack'?"),
        (("random", "lighttrack-tiny", "--constraint", "ao >= 0.5"), "'ao' is no cost"),
        (("mutate", "CODE", "--number", 1000), "has 96 neighbours"),
        (("mutate", "CODE", "--number", 1, "--all"), "--number and --all"),
    ],
)
def test_mistakes_are_one_sentence(
    run: Run, tmp_path: Path, mobile_code: str, call: tuple[object, ...], complaint: str
) -> None:
    (tmp_path / "full").write_text("a file")
    (tmp_path / "folder.svg").mkdir()
    shown = run(*(mobile_code if word == "CODE" else word for word in call))
    assert shown.code == 1
    assert complaint in shown.err
    assert len(shown.err.strip().splitlines()) == 1


def test_numbers_out_of_range(run: Run) -> None:
    assert run("random", "lighttrack-tiny", "--number", 0).code == 2
    assert run("mutate", "lighttrack-tiny", "--number", 0).code == 2


@pytest.mark.slow
@pytest.mark.parametrize(
    "call",
    [
        ("describe", "lighttrack", "--svg", "a.svg"),
        ("describe", "--architecture", "CODE", "--svg", "a.svg"),
        ("diff", "lighttrack", "lighttrack-12"),
    ],
)
def test_what_needs_no_torch_imports_none(call: tuple[str, ...], tmp_path: Path, mobile_code: str) -> None:
    arguments = [mobile_code if word == "CODE" else word for word in call]
    code = (
        f"import sys\nsys.modules['torch'] = None\nsys.argv = ['lighttrack-nas', *{arguments}]\n"
        "from lighttrack_nas.cli import main\nmain()"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=tmp_path, capture_output=True)
