"""Results that other toolkits left, as they lie on disk."""

import warnings
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from lighttrack_nas.benchmarks.evaluation.one_pass import evaluate
from lighttrack_nas.benchmarks.evaluation.vot_protocol import evaluate_supervised
from lighttrack_nas.benchmarks.standings.saved_results import check_complete, find_results, read_saved
from lighttrack_nas.trackers.base.errors import InputError
from lighttrack_nas.trackers.data.sequence import Sequence

TRUTH = [[10.0, 10, 10, 10]] * 4
FOUND = np.array([[10.0, 10, 10, 10], [10, 10, 10, 20], [10, 10, 10, 10], [40, 10, 10, 10]])
MakeSequence = Callable[..., Sequence]


def write(path: Path, boxes: np.ndarray = FOUND, separator: str = ",") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(separator.join(map(str, box)) + "\n" for box in boxes))


def moved(x: float, y: float) -> np.ndarray:
    return FOUND + np.array([x, y, 0, 0])


@pytest.mark.parametrize(
    ("file", "separator"),
    [("a.txt", ","), ("a.txt", "\t"), ("a.txt", " "), ("a/a_001.txt", ","), ("a/a_002.txt", ",")],
)
def test_layouts_and_separators(make_sequence: MakeSequence, tmp_path: Path, file: str, separator: str) -> None:
    write(tmp_path / "results/KCF" / file, separator=separator)
    assert find_results(tmp_path / "results", ["a"]) == {"KCF": tmp_path / "results/KCF"}
    assert find_results(tmp_path / "results/KCF", ["a"]) == {"KCF": tmp_path / "results/KCF"}
    saved = read_saved("KCF", tmp_path / "results/KCF", [make_sequence(TRUTH, "a")])
    assert saved.sequences["a"].figures["ao"] == pytest.approx(0.5)  # .5, 1, 0
    assert np.isnan(saved.sequences["a"].figures["fps"])
    assert saved.problems == {}


@pytest.mark.parametrize("file", ["Jogging.2.txt", "Jogging-2.txt", "Jogging_2.txt", "Jogging-2/Jogging-2_001.txt"])
def test_second_targets_are_spelled_in_several_ways(make_sequence: MakeSequence, tmp_path: Path, file: str) -> None:
    write(tmp_path / "results" / file)
    assert list(read_saved("x", tmp_path / "results", [make_sequence(TRUTH, "Jogging.2")]).sequences) == ["Jogging.2"]


def test_what_the_got10k_toolkit_writes(make_sequence: MakeSequence, got10k: SimpleNamespace, tmp_path: Path) -> None:
    """Its own code writes the files, in its GOT-10k way and its OTB way."""
    times, video = np.array([0.5, 0.1, 0.1, 0.2]), make_sequence(TRUTH, "a")
    for kind, file in (("ExperimentGOT10k", "a/a_001.txt"), ("ExperimentOTB", "a.txt")):
        (tmp_path / kind).mkdir()
        experiment = object.__new__(getattr(got10k, kind))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            (tmp_path / kind / file).parent.mkdir(parents=True, exist_ok=True)
            experiment._record(str(tmp_path / kind / file), FOUND, times)
        saved = read_saved("x", tmp_path / kind, [video])
        assert saved.sequences["a"].figures["ao"] == pytest.approx(0.5)
        assert saved.sequences["a"].figures["fps"] == pytest.approx(3 / 0.4)


def test_our_own_results_come_back_with_times_and_presence(
    make_sequence: MakeSequence, scripted: type, tmp_path: Path
) -> None:
    videos = [make_sequence(TRUTH, "a", absent=[0, 0, 1, 0]), make_sequence(TRUTH, "b")]
    result = evaluate(scripted(FOUND), videos, tmp_path / "run", {"tracker": "scripted"})
    saved = read_saved("x", tmp_path / "run", videos)
    assert {name: each.figures for name, each in saved.sequences.items()} == result.sequences
    said = saved.sequences["a"].said
    assert said is not None
    np.testing.assert_array_equal(said.confidence, [0.5] * 3)


@pytest.mark.parametrize("offset", [1.0, 1.5])
def test_results_that_count_from_1_are_moved(make_sequence: MakeSequence, tmp_path: Path, offset: float) -> None:
    write(tmp_path / "x/a.txt", moved(offset, offset))
    heard: list[str] = []
    saved = read_saved("x", tmp_path / "x", [make_sequence(TRUTH, "a")], say=heard.append)
    np.testing.assert_allclose(saved.sequences["a"].boxes[1:, 0], FOUND[1:, 0] + offset - 1)
    assert heard == ["'x' counts pixels from 1, as its first boxes show: its boxes are moved by one"]


@pytest.mark.parametrize("offset", [0.0, 0.5, -1.0])
def test_other_results_stay(make_sequence: MakeSequence, tmp_path: Path, offset: float) -> None:
    write(tmp_path / "x/a.txt", moved(offset, offset))
    saved = read_saved("x", tmp_path / "x", [make_sequence(TRUTH, "a")])
    np.testing.assert_allclose(saved.sequences["a"].boxes[1:, 0], FOUND[1:, 0] + offset)


def test_repetitions_and_strange_first_boxes_are_said(make_sequence: MakeSequence, tmp_path: Path) -> None:
    write(tmp_path / "x/a/a_001.txt", moved(20, 5))
    write(tmp_path / "x/a/a_002.txt")
    heard: list[str] = []
    read_saved("x", tmp_path / "x", [make_sequence(TRUTH, "a")], say=heard.append)
    assert "ran some sequences several times (a): the first run counts" in heard[0]
    assert (
        "does not begin with the box given in 1 of 1 sequences (a): are these results of other sequences?" in heard[1]
    )


@pytest.mark.parametrize(
    ("boxes", "message"),
    [
        (FOUND[1:], r"holds 3 boxes for 4 frames: a result has a line for every frame, the first for the box given"),
        (FOUND[:, :3], r"a\.txt', line 1: expected 4 numbers, got 3"),
        (np.full((4, 4), np.inf), r"a\.txt', line 1: 'inf' is not finite"),
    ],
)
def test_unusable_results_are_a_sentence_each(
    make_sequence: MakeSequence, tmp_path: Path, boxes: np.ndarray, message: str
) -> None:
    write(tmp_path / "x/a.txt", boxes)
    write(tmp_path / "x/b.txt")
    saved = read_saved("x", tmp_path / "x", [make_sequence(TRUTH, name) for name in "abc"])
    assert list(saved.sequences) == ["b"]
    assert saved.problems["c"] == "there is neither 'c.txt' nor 'c/c_001.txt'"
    with pytest.raises(
        InputError, match=r"'x' \(.*\) lacks usable results of 2 of 3 sequences: a, c; 'a': .*" + message
    ):
        check_complete([saved])


def test_folders_without_results_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="there is no folder"):
        find_results(tmp_path / "none", ["a"])
    (tmp_path / "other/KCF").mkdir(parents=True)
    with pytest.raises(InputError, match=r"holds no results of these sequences \(a, b, c, \.\.\.\).*found KCF"):
        find_results(tmp_path / "other", list("abcd"))


def test_results_of_the_supervised_protocol_are_refused(
    make_sequence: MakeSequence, scripted: type, tmp_path: Path
) -> None:
    videos = [make_sequence(TRUTH, "a")]
    evaluate_supervised(scripted(FOUND), videos, tmp_path / "run", {})
    with pytest.raises(InputError, match="compared in one pass"):
        read_saved("x", tmp_path / "run", videos)
