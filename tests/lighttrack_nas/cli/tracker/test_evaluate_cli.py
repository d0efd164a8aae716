"""`evaluate` on data as people have it: chosen, split and partly broken."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

Run = Callable[..., Any]
ARGUMENTS = ("--layout", "trackingnet", "-o", "out")


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """TrackingNet with a good sequence, one that lacks a frame, and one that breaks off in the middle of an image."""
    root = tmp_path / "data"
    subset = root / "TRAIN_0"
    for name, frames in {"good": 4, "short": 3, "torn": 4}.items():
        folder = subset / "frames" / name
        folder.mkdir(parents=True)
        for index in range(frames):
            cv2.imwrite(str(folder / f"{index}.jpg"), np.full((48, 64, 3), index, np.uint8))
        (subset / "anno").mkdir(exist_ok=True)
        (subset / "anno" / f"{name}.txt").write_text("10,10,20,20\n" * 4)
    torn = subset / "frames" / "torn" / "2.jpg"
    torn.write_bytes(torn.read_bytes()[:-40])
    return root


def summary() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(Path("out/summary.json").read_text())
    return found


def test_a_broken_sequence_is_refused_and_named(run: Run, tree: Path) -> None:
    found = run("evaluate", "never-moves", tree, *ARGUMENTS)
    assert found.code == 1
    assert "sequence 'short': ground truth" in found.err
    assert "has 4 lines for 3 frames" in found.err
    assert "without 'short' leaves it out, on_bad 'leave out' all that cannot be read" in found.err
    assert not Path("out").exists()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("options", "sequences"),
    [
        (["--only", "good"], ["good"]),
        (["--without", "short", "--without", "torn"], ["good"]),
        (["--only", "good", "--only", "short", "--without", "short"], ["good"]),
    ],
)
def test_chosen_by_name(run: Run, tree: Path, options: list[str], sequences: list[str]) -> None:
    found = run("evaluate", "never-moves", tree, *ARGUMENTS, *options)
    assert (found.code, "warning" in found.err) == (0, False)
    assert list(summary()["sequences"]) == sequences
    key = options[0][2:]
    assert summary()["run"][key] == [options[i + 1] for i in range(0, len(options), 2) if options[i] == f"--{key}"]


def test_a_run_on_a_part_goes_on_with_the_whole(run: Run, tree: Path) -> None:
    assert run("evaluate", "never-moves", tree, *ARGUMENTS, "--only", "good").code == 0
    kept = Path("out/good/good_001.txt").stat().st_mtime_ns
    assert run("evaluate", "never-moves", tree, *ARGUMENTS, "--on-bad", "leave-out").code == 0
    assert Path("out/good/good_001.txt").stat().st_mtime_ns == kept


@pytest.mark.parametrize("words", ["leave-out", "leave out"])
def test_bad_sequences_are_left_out_on_demand(run: Run, tree: Path, words: str) -> None:
    found = run("evaluate", "never-moves", tree, *ARGUMENTS, "--on-bad", words)
    assert found.code == 0
    assert "sequence 'short' is left out: ground truth" in found.err
    assert "1 of 3 sequences left out: short" in found.err
    assert "sequence 'torn' could not be evaluated: image" in found.err
    assert "2.jpg' is truncated" in found.err
    assert "warning: 1 of 2 sequences could not be evaluated" in found.err
    assert list(summary()["sequences"]) == ["good"]
    assert list(summary()["left_out"]) == ["short"]
    assert list(summary()["failures"]) == ["torn"]


def test_frames_that_break_off_fail_the_command_otherwise(run: Run, tree: Path) -> None:
    found = run("evaluate", "never-moves", tree, *ARGUMENTS, "--without", "short")
    assert found.code == 1
    assert "1 of 2 sequences could not be evaluated" in found.err
    found = run("evaluate", "never-moves", tree, *ARGUMENTS, "--only", "torn", "--on-bad", "leave-out")
    assert found.code == 1  # nothing is left


def test_flat_files_for_the_server(run: Run, tree: Path) -> None:
    found = run("evaluate", "never-moves", tree, *ARGUMENTS, "--only", "good", "--format", "trackingnet")
    assert found.code == 0
    assert [path.name for path in Path("out/trackingnet").iterdir()] == ["good.txt"]
    assert Path("out/trackingnet/good.txt").read_text() == Path("out/good/good_001.txt").read_text()


def test_a_split_is_part_of_the_record(run: Run, tree: Path) -> None:
    assert run("evaluate", "never-moves", tree, *ARGUMENTS, "--only", "good", "--split", "train").code == 0
    assert summary()["run"]["split"] == "train"
    found = run("evaluate", "never-moves", tree, *ARGUMENTS, "--only", "good")
    assert (found.code, "split was" in found.err) == (1, True)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--on-bad", "skip"], "unknown value of --on-bad 'skip'; known: refuse, leave-out"),
        (["--split", "test"], "split 'test': "),
        (["--only", "goood"], "did you mean 'good'?"),
        (["--format", "coco"], "unknown format 'coco'; known: got10k, trackingnet"),
        (["--format", "trackingnet", "--protocol", "vot"], "--format trackingnet belongs to the one-pass protocol"),
    ],
)
def test_a_mistaken_choice_of_sequences_is_refused_with_exit_code_1(
    run: Run, tree: Path, options: list[str], message: str
) -> None:
    found = run("evaluate", "never-moves", tree, *ARGUMENTS, *options)
    assert (found.code, message in found.err) == (1, True), found.err


def test_several_sets_in_one_folder_are_said(run: Run, tmp_path: Path) -> None:
    root = tmp_path / "uav"
    (root / "data_seq" / "UAV123" / "bike1").mkdir(parents=True)
    for number in (1, 2):
        cv2.imwrite(str(root / f"data_seq/UAV123/bike1/{number:06d}.jpg"), np.zeros((48, 64, 3), np.uint8))
    for subset in ("UAV123", "UAV20L"):
        (root / "anno" / subset).mkdir(parents=True)
        (root / "anno" / subset / "bike1.txt").write_text("1,1,20,20\n" * 2)
    found = run("evaluate", "never-moves", root, "--layout", "uav123", "-o", "out")
    assert found.code == 0
    assert "UAV123 is taken; layout uav20l takes UAV20L" in found.err
    assert "warning" not in run("evaluate", "never-moves", root, "--layout", "uav20l", "-o", "long").err
