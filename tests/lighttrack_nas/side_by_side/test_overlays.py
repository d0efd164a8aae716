"""Runs beside each other: no front is mixed, hypervolumes have one reference, groups differ by seed."""

import json
import re
from pathlib import Path

import pandas as pd
import pytest

from lighttrack_nas.cli.search.show_overlay import show_overlay
from lighttrack_nas.results.results import Result
from lighttrack_nas.results.runs import LATENCY_AGAIN
from lighttrack_nas.search_spaces.loading.loading import load_space
from lighttrack_nas.side_by_side.overlay_files import save_overlay, volume_table
from lighttrack_nas.side_by_side.overlay_plots import draw_overlay
from lighttrack_nas.side_by_side.overlay_texts import volume_cells
from lighttrack_nas.side_by_side.overlays import Overlay, overlay
from lighttrack_nas.side_by_side.run_groups import run_names
from lighttrack_nas.strategies.search.storage.trials import UNCOUNTED
from lighttrack_nas.trackers.base.errors import InputError
from tests.lighttrack_nas.made_studies import Trial, by_hand, digests, others, study

NSGA2 = {"name": "NSGA2", "population_size": 4}
DEVICES = [{"processor": name, "runtime": "onnxruntime", "threads": 1} for name in ("one core", "another core")]


def better(by: float) -> list[Trial]:
    return [(network, dict(measured) | {"ao": measured["ao"] + by}) for network, measured, *_ in by_hand()]


def timed(ms: float) -> list[Trial]:
    return [(network, {"ao": 0.5 + i / 10, "latency_ms": ms * (i + 1)}) for i, network in enumerate(others(3))]


@pytest.fixture
def runs(tmp_path: Path) -> list[Path]:
    """Two seeds of one strategy, and a third run of another."""
    made = {"first": (NSGA2 | {"seed": 0}, 0.0), "second": (NSGA2 | {"seed": 1}, 0.1), "random": ({"name": "R"}, -0.1)}
    for name, (strategy, by) in made.items():
        study(better(by), strategy=strategy, folder=tmp_path / name)
    return [tmp_path / name for name in made]


def test_every_run_keeps_a_front_of_its_own(runs: list[Path]) -> None:
    found = overlay(runs)
    assert list(found.fronts) == ["first", "second", "random"]
    for name, folder in zip(found.fronts, runs, strict=True):
        assert found.fronts[name].table["network"].tolist() == Result.load(folder).front().table["network"].tolist()
    assert found.table["run"].value_counts().to_dict() == {"first": 3, "second": 3, "random": 3}
    assert found.groups == {"NSGA2": ("first", "second"), "R": ("random",)}
    assert found.notes == ()


def test_hypervolumes_have_one_reference_the_worst_of_all_runs(runs: list[Path]) -> None:
    found = overlay(runs)
    assert found.reference == {"ao": pytest.approx(0.4), "macs": 40e6}
    for name, folder in zip(found.fronts, runs, strict=True):
        alone = Result.load(folder).front().hypervolume(found.reference)
        assert found.hypervolumes[name].value == alone.value
    values = [volume.value for volume in found.hypervolumes.values()]
    assert values[1] > values[0] > values[2]
    # Strips of 0.1 and 0.2 from 10M and 20M on.
    assert values[0] == pytest.approx(0.1 * 30e6 + 0.1 * 20e6)
    given = overlay(runs, reference={"ao": 0.3, "macs": 50e6})
    assert given.hypervolumes["first"].value == pytest.approx(0.2 * 40e6 + 0.1 * 30e6 + 0.1 * 10e6)


def test_limits_hold_for_each_run_and_what_breaks_them_is_said(runs: list[Path]) -> None:
    found = overlay(runs, where="ao >= 0.75")
    assert found.labels == {"first": "first (breaks limits)", "second": "second", "random": "random (breaks limits)"}
    assert "run 'first': no network found keeps ao >= 0.75; the nearest has ao 0.7000" in found.notes[0]
    table = volume_table(found).set_index("run")
    assert table["keeps_limits"].to_dict() == {"first": False, "second": True, "random": False}
    assert table["hypervolume"]["first"] == 0
    assert found.attainments("macs", "ao")["NSGA2"].surfaces[50].tolist() == [[40e6, pytest.approx(0.8)]]


def test_latencies_of_two_devices_stand_beside_each_other_and_are_not_compared(tmp_path: Path) -> None:
    for name, device, ms in (("a", DEVICES[0], 2.0), ("b", DEVICES[1], 3.0), ("c", DEVICES[1], 3.0)):
        study(timed(ms), objectives=["ao", "latency_ms"], latency=device, strategy=NSGA2, folder=tmp_path / name)
    found = overlay([tmp_path / "a", tmp_path / "b"])
    assert found.labels == {"a": "a (one core onnxruntime)", "b": "b (another core onnxruntime)"}
    assert found.fronts["a"].table["latency_ms"].tolist() == [2, 4, 6]
    assert found.reference == {}
    assert found.hypervolumes == {}
    assert "none is compared by hypervolume" in found.notes[-1]
    assert all(len(names) == 1 for names in found.groups.values())
    with pytest.raises(InputError, match="no reference in common"):
        overlay([tmp_path / "a", tmp_path / "b"], reference={"ao": 0.1, "latency_ms": 9})
    assert overlay([tmp_path / "b", tmp_path / "c"]).reference == {"ao": 0.5, "latency_ms": 9}
    # Where no latency is drawn, the runs are compared as any.
    assert overlay([tmp_path / "a", tmp_path / "b"], objectives=["ao"]).reference == {"ao": 0.5}


def test_groups_by_strategy_take_supernets_of_their_own_together(tmp_path: Path) -> None:
    for seed in (0, 1):
        evaluator = {"evaluator": "supernet", "supernet": f"digest {seed}"}
        study(better(0.1 * seed), evaluator=evaluator, strategy=NSGA2 | {"seed": seed}, folder=tmp_path / str(seed))
    folders = [tmp_path / "0", tmp_path / "1"]
    assert overlay(folders).groups == {"NSGA2 #1": ("0",), "NSGA2 #2": ("1",)}
    assert "measured differently (supernet)" in overlay(folders).notes[0]
    assert overlay(folders, by_strategy=True).groups == {"NSGA2": ("0", "1")}


def test_settings_that_differ_name_the_group(tmp_path: Path) -> None:
    for size in (4, 8):
        study(by_hand(), strategy={"name": "NSGA2", "population_size": size}, folder=tmp_path / str(size))
    assert list(overlay([tmp_path / "4", tmp_path / "8"]).groups) == [
        "NSGA2 (population_size 4)",
        "NSGA2 (population_size 8)",
    ]


def test_runs_of_two_spaces_stand_beside_each_other(tmp_path: Path) -> None:
    full = load_space("lighttrack")
    study(by_hand(), folder=tmp_path / "tiny")
    trials = [(other, trial[1]) for other, trial in zip(others(4, full), by_hand(), strict=True)]
    study(trials, space=full, folder=tmp_path / "full")
    found = overlay([tmp_path / "tiny", tmp_path / "full"])
    assert list(found.labels.values()) == ["tiny (lighttrack-tiny)", "full (lighttrack)"]


def test_senseless_overlays_are_refused(runs: list[Path], tmp_path: Path) -> None:
    with pytest.raises(InputError, match="given twice"):
        overlay([runs[0], runs[0]])
    with pytest.raises(InputError, match="no folder was given"):
        overlay([])
    study(by_hand(), objectives=["params"], folder=tmp_path / "params")
    with pytest.raises(InputError, match="no objective in common: name some"):
        overlay([runs[0], tmp_path / "params"])
    assert len(overlay([runs[0], tmp_path / "params"], objectives=["ao", "macs"]).fronts) == 2
    with pytest.raises(InputError, match="the reference names ao, the objectives are ao, macs"):
        _ = overlay(runs, reference={"ao": 0.1}).hypervolumes


def test_names_are_the_shortest_ends_that_differ() -> None:
    assert run_names([Path("/x/a"), Path("/x/b")]) == ["a", "b"]
    assert run_names([Path("/x/a/search"), Path("/x/b/search")]) == ["a/search", "b/search"]
    assert run_names([Path("/x/a")]) == ["a"]


def test_files_have_a_column_for_the_run(runs: list[Path], tmp_path: Path) -> None:
    found = overlay(runs)
    files = save_overlay(found, tmp_path / "out")
    kinds = {"overlay.csv", "hypervolumes.csv", "overlay.png", "overlay.svg"}
    assert {file.name for file in files} == kinds | {"attainment.csv", "attainment.png", "attainment.svg"}
    table = pd.read_csv(tmp_path / "out" / "overlay.csv")
    assert list(table.columns)[:2] == ["run", "network"]
    surfaces = pd.read_csv(tmp_path / "out" / "attainment.csv")
    assert list(surfaces.columns) == ["group", "runs", "percent", "macs", "ao"]
    assert set(surfaces["percent"]) == {25, 50, 75}
    assert {file.name for file in save_overlay(found, tmp_path / "more", attainment=False)} == kinds


def test_the_command_says_the_same_for_people_and_machines(
    runs: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    show_overlay(runs, [], None, [], [], False, tmp_path / "out", as_json=False)
    shown = capsys.readouterr().out
    assert re.match(r"fronts of maximize ao, minimize macs\n\nnetwork +run +ao +macs \(M\)", shown)
    assert "hypervolumes (ao x macs) up to the reference point ao 0.4000, macs 40M" in shown
    assert str(tmp_path / "out" / "attainment.png") in shown
    show_overlay(runs, [], None, [], ["ao=0.3", "macs=50M"], False, None, as_json=True)
    machine = json.loads(capsys.readouterr().out)
    found: Overlay = overlay(runs, reference={"ao": 0.3, "macs": 50e6})
    assert machine["reference"] == {"ao": 0.3, "macs": 50e6}
    for name, volume in found.hypervolumes.items():
        assert machine["runs"][name]["hypervolume"] == volume.value
        assert [row["network"] for row in machine["runs"][name]["front"]] == found.fronts[name].table[
            "network"
        ].tolist()
    assert machine["groups"] == {"NSGA2": ["first", "second"], "R": ["random"]}
    with pytest.raises(InputError, match="--reference 'ao': expected a measurement and a number"):
        show_overlay(runs, [], None, [], ["ao"], False, None, as_json=True)


def test_searches_that_have_only_begun_have_files_too(tmp_path: Path) -> None:
    for name in ("one", "another"):
        study([], folder=tmp_path / name)
    found = overlay([tmp_path / "one", tmp_path / "another"])
    assert found.reference == {}
    assert all(file.is_file() for file in save_overlay(found, tmp_path / "out"))


@pytest.mark.slow
def test_a_search_that_has_only_begun_has_no_say_in_the_axes(tmp_path: Path) -> None:
    goals = ["maximize ao", "minimize latency_ms"]
    trials = [(network, measured | {"latency_ms": 9.0 + i}) for i, (network, measured, *_) in enumerate(by_hand())]
    study(trials, objectives=goals, strategy=NSGA2 | {"seed": 0}, folder=tmp_path / "done")
    study([], objectives=goals, strategy=NSGA2 | {"seed": 1}, folder=tmp_path / "begun")
    for names in (("begun", "done"), ("done", "begun")):
        found = overlay([tmp_path / name for name in names], by_strategy=True)
        assert found.axes(None, None) == ("macs", "ao")
        assert len(found.drawn_attainments("macs", "ao")["NSGA2"].surfaces[25])
        assert all(file.is_file() for file in save_overlay(found, tmp_path / "-".join(names)))


def test_seeds_on_two_devices_have_no_hypervolume_over_seeds(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folders = []
    for seed in (0, 1):
        for device in DEVICES:
            folders.append(tmp_path / f"{seed} {device['processor']}")
            strategy = NSGA2 | {"seed": seed}
            study(timed(2.0), objectives=["ao", "latency_ms"], latency=device, strategy=strategy, folder=folders[-1])
    show_overlay(folders, [], None, [], [], False, None, as_json=True)
    machine = json.loads(capsys.readouterr().out)
    assert [len(names) for names in machine["groups"].values()] == [2, 2]
    assert machine["over_seeds"] == []
    assert {run["hypervolume"] for run in machine["runs"].values()} == {None}
    show_overlay(folders, [], None, [], [], False, None, as_json=False)
    assert "nan" not in capsys.readouterr().out


def test_of_a_search_that_has_only_begun_nothing_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    study(by_hand(), folder=tmp_path / "done")
    for seed in (0, 1):
        study([], strategy=NSGA2 | {"seed": seed}, folder=tmp_path / f"begun {seed}")
    folders = [tmp_path / name for name in ("done", "begun 0", "begun 1")]
    found = overlay(folders)
    assert found.labels["begun 0"] == "begun 0"
    table = volume_table(found).set_index("run")
    assert table["keeps_limits"].to_dict() == {"done": True, "begun 0": None, "begun 1": None}
    assert table["hypervolume"].isna().to_dict() == {"done": False, "begun 0": True, "begun 1": True}
    assert [row[5:] for row in volume_cells(found)][1:] == [["", ""]] * 2
    show_overlay(folders, [], None, [], [], False, None, as_json=True)
    machine = json.loads(capsys.readouterr().out)
    assert machine["runs"]["begun 0"]["keeps_limits"] is None
    assert machine["over_seeds"] == []


def test_what_a_front_says_an_overlay_says(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    made = study(timed(2.0), objectives=["ao", "latency_ms"], folder=tmp_path / "a")
    made.set_user_attr(UNCOUNTED, ["aten::fft"])
    made.set_user_attr(LATENCY_AGAIN, {digest: 9.0 for digest in digests(timed(2.0), 0, 1, 2)})
    study(timed(2.0), objectives=["ao", "latency_ms"], folder=tmp_path / "b")
    folders = [tmp_path / "a", tmp_path / "b"]
    show_overlay(folders, [], None, [], [], False, None, as_json=True)
    machine = json.loads(capsys.readouterr().out)
    assert machine["notes"] == ["run 'a': macs leave out what fvcore cannot count: aten::fft"]
    assert [machine["runs"][name]["uncounted"] for name in "ab"] == [["aten::fft"], []]
    assert machine["runs"]["a"]["latency_verdict"]["reliable"] is False
    assert machine["runs"]["b"]["latency_verdict"] is None
    show_overlay(folders, [], None, [], [], False, None, as_json=False)
    shown = capsys.readouterr()
    assert f"a: {overlay(folders).fronts['a'].latency_verdict}\n" in shown.out
    assert "warning: run 'a': macs leave out" in shown.err


def test_limits_of_one_run_are_not_drawn_for_all(tmp_path: Path) -> None:
    limits = {"a": ["macs <= 30M", "ao >= 0.1"], "b": ["ao >= 0.1"]}
    for name, constraints in limits.items():
        study(by_hand(), constraints=constraints, folder=tmp_path / name)
    found = overlay([tmp_path / name for name in limits])
    (axes,) = draw_overlay(found).axes
    assert [text.get_text() for text in axes.texts] == ["ao >= 0.1"]
    told = "a: macs <= 30M, ao >= 0.1; b: ao >= 0.1"
    assert found.notes == (f"the runs have different limits ({told}): each keeps its own, drawn are those of all",)
