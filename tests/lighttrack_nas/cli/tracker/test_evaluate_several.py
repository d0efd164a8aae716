"""`evaluate` with several trackers, and with results that are there already."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from lighttrack_nas.cli.tracker.tracker_names import named_trackers, short_name, split_name
from lighttrack_nas.trackers.base.errors import InputError

Run = Callable[..., Any]
MODEL = "lighttrack-tiny-generated"


@pytest.fixture
def sequences(tmp_path: Path) -> Path:
    """Two sequences of a textured square that moves right, five pixels a frame."""
    root = tmp_path / "data"
    rng = np.random.default_rng(0)
    texture = rng.integers(100, 256, (24, 32, 3), np.uint8)
    for name in ("first", "second"):
        (root / name).mkdir(parents=True)
        boxes = []
        for index in range(4):
            frame = np.full((120, 160, 3), 40, np.uint8)
            x = 40 + 5 * index
            frame[40:64, x : x + 32] = texture
            boxes.append(f"{x},40,32,24\n")
            cv2.imwrite(str(root / name / f"{index + 1:08d}.jpg"), frame)
        (root / name / "groundtruth.txt").write_text("".join(boxes))
        (root / name / "meta_info.ini").write_text("[METAINFO]\nchallenge: moves\n")
    return root


@pytest.fixture
def theirs(tmp_path: Path, sequences: Path) -> Path:
    """Another toolkit's results: the truth itself, called Oracle."""
    for name in ("first", "second"):
        (tmp_path / "theirs/Oracle").mkdir(parents=True, exist_ok=True)
        shutil.copy(sequences / name / "groundtruth.txt", tmp_path / f"theirs/Oracle/{name}.txt")
    return tmp_path / "theirs"


@pytest.fixture
def undrawn(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pictures are empty files: drawing takes most of the time, and has tests of its own."""
    for module in ("evaluation.plots", "standings.tracker_comparison"):
        monkeypatch.setattr(
            f"lighttrack_nas.benchmarks.{module}.save_plot", lambda _, *paths: [path.touch() for path in paths]
        )


def ranking() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(Path("out/ranking.json").read_text())
    return found


@pytest.mark.slow
def test_trackers_and_results_are_ranked_in_one_table(run: Run, sequences: Path, theirs: Path) -> None:
    shown = run("evaluate", f"tiny={MODEL}", "never-moves", sequences, "--results", theirs, "-o", "out")
    assert shown.code == 0, shown.err
    rows = [line.split() for line in shown.out.splitlines()]
    assert rows[0][:3] == ["rank", "tracker", "ao"]
    assert rows[2][:3] == ["1-3", "Oracle", "1.000*"]  # of two sequences nothing is decided
    assert {row[1] for row in rows[2:5]} == {"tiny", "never-moves", "Oracle"}
    assert shown.out.count("undecided") == 3
    assert "ao by attribute" in shown.out
    assert "out/ranking.csv, with differences" in shown.out
    for file in (
        "curves.svg",
        "parting.png",
        "attributes.png",
        "tiny/summary.json",
        "tiny/first/first_001.txt",
        "never-moves/success.png",
    ):
        assert (Path("out") / file).is_file()
    record = ranking()["run"]
    assert record["trackers"]["tiny"]["tracker"] == MODEL
    assert record["layout"] == "got10k"
    assert not Path("out/run.json").exists()


def test_the_same_call_goes_on_and_others_take_the_results(run: Run, sequences: Path, undrawn: None) -> None:
    call = ("evaluate", "a=never-moves", "b=opencv-mil", sequences, "-o", "out")
    assert run(*call).code == 0
    kept = Path("out/b/second/second_001.txt").stat().st_mtime_ns
    first = ranking()
    Path("out/a/first/first_001.txt").unlink()
    assert run(*call).code == 0
    assert Path("out/b/second/second_001.txt").stat().st_mtime_ns == kept
    assert ranking()["sequences"] == first["sequences"]
    again = run("evaluate", sequences, "--results", "out", "--rank-by", "precision", "--json", "-o", "again")
    assert again.code == 0, again.err
    machine = json.loads(again.out)
    assert (set(machine["trackers"]), machine["ranked_by"]) == ({"a", "b"}, "precision")


def test_one_tracker_writes_what_it_always_wrote(run: Run, sequences: Path) -> None:
    assert run("evaluate", "mine=never-moves", sequences, "-o", "out").code == 0
    assert sorted(path.name for path in Path("out").iterdir()) == [
        *("first", "precision.png", "run.json", "second", "success.png", "summary.csv", "summary.json")
    ]
    assert json.loads(Path("out/run.json").read_text())["tracker"] == "never-moves"


def test_options_go_to_the_trackers_that_take_them(run: Run, sequences: Path, undrawn: None) -> None:
    shown = run("evaluate", MODEL, "never-moves", sequences, "-o", "out", "--hyper-parameters", "vot2019")
    assert shown.code == 0, shown.err
    assert ranking()["run"]["trackers"][MODEL]["hyper_parameters"]["window_influence"] == pytest.approx(0.225)
    shown = run("evaluate", "never-moves", "opencv-mil", sequences, "-o", "none", "--hyper-parameters", "vot2019")
    assert (shown.code, "baseline 'never-moves' has none" in shown.err) == (1, True)


def test_a_sequence_that_fails_is_left_out_for_all(run: Run, sequences: Path, theirs: Path, undrawn: None) -> None:
    (sequences / "second/00000003.jpg").write_bytes(b"no image")
    call = ("evaluate", "never-moves", sequences, "--results", theirs, "-o", "out")
    shown = run(*call)
    assert shown.code == 1
    assert "sequence 'second' is left out for all trackers: 'never-moves': image" in shown.err
    assert "sequences could not be evaluated: 1 of 'never-moves' (of 2); the figures are of the others" in shown.err
    assert list(ranking()["sequences"]) == ["first"]
    assert run(*call, "--on-bad", "leave-out").code == 0


def test_missing_results_are_refused_before_anything_is_tracked(
    run: Run, sequences: Path, theirs: Path, undrawn: None
) -> None:
    (theirs / "Oracle/second.txt").write_text("1,2,3,4\n")
    call = ("evaluate", "never-moves", sequences, "--results", theirs, "-o", "out")
    shown = run(*call)
    assert shown.code == 1
    assert "'Oracle'" in shown.err
    assert "lacks usable results of 1 of 2 sequences: second" in shown.err
    assert "holds 1 boxes for 4 frames" in shown.err
    assert "--on-bad leave-out" in shown.err
    assert not Path("out").exists()
    shown = run(*call, "--on-bad", "leave-out")
    assert (shown.code, "sequence 'second' is left out for all trackers" in shown.err) == (0, True)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["x=opencv-mil", "x=never-moves", "data"], "two trackers are called 'x', 'opencv-mil' and 'never-moves':"),
        (["Oracle=opencv-mil", "data", "--results", "theirs"], "are called 'Oracle', 'opencv-mil' and 'theirs/Oracle'"),
        (["data", "--results", "theirs", "--results", "theirs/Oracle"], "two trackers are called 'Oracle'"),
        (["data", "--results", "nowhere"], "there is no folder 'nowhere' to read results from"),
        (["data", "--results", "data"], "'data' holds no results of these sequences (first, second): expected"),
        (["data"], "'data' alone is given: expected a MODEL and then the sequences"),
        (["=never-moves", "data"], "'=never-moves': expected NAME=MODEL"),
        (["a=never-moves", "b=never-moves", "data", "--protocol", "vot"], "--protocol vot takes one tracker"),
        (["never-moves", "data", "--rank-by", "ao"], "--rank-by belongs to several trackers"),
        (["a=never-moves", "b=never-moves", "data", "--rank-by", "auc"], "unknown figure to rank by 'auc'"),
        (["a=never-moves", "b=no-model", "data"], "'no-model' is neither a model file"),
    ],
)  # fmt: skip
def test_mistakes_are_said(run: Run, sequences: Path, theirs: Path, arguments: list[str], message: str) -> None:
    shown = run("evaluate", *arguments, "-o", "out")
    assert (shown.code, message in shown.err) == (1, True), shown.err
    assert not Path("out").exists()


def test_results_of_one_tracker_are_not_mixed_with_several(run: Run, sequences: Path) -> None:
    assert run("evaluate", "never-moves", sequences, "-o", "out").code == 0
    shown = run("evaluate", "a=never-moves", "opencv-mil", sequences, "-o", "out")
    assert shown.code == 1
    assert "'out' holds results of one tracker: give another folder; --results out compares them" in shown.err


@pytest.mark.parametrize(
    ("model", "name"),
    [
        ("opencv-nano:/models/nano", "opencv-nano"),
        (MODEL, MODEL),
        ("runs/retrain/model.safetensors", "retrain"),
        ("mobile.safetensors", "mobile"),
        ("deep/mobile.safetensors", "mobile"),
    ],
)
def test_trackers_without_a_name_take_their_models(model: str, name: str) -> None:
    assert short_name(model) == name
    assert named_trackers([model]) == {name: model}


def test_a_path_may_hold_an_equals_sign(tmp_path: Path) -> None:
    (tmp_path / "rate=3").mkdir()
    assert split_name(str(tmp_path / "rate=3")) == ("", str(tmp_path / "rate=3"))
    assert split_name("runs/rate=3/model.safetensors") == ("", "runs/rate=3/model.safetensors")
    assert split_name("mine=runs/rate=3/model.safetensors") == ("mine", "runs/rate=3/model.safetensors")


@pytest.mark.parametrize("text", ["..=x", "a:b=x", "a\\b=x", "a="])
def test_names_that_name_no_folder_are_refused(text: str) -> None:
    with pytest.raises(InputError, match="expected NAME=MODEL"):
        split_name(text)
