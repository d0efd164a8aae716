"""Trackers beside each other: figures, pictures, files."""

import json
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree

import cv2
import numpy as np
import pandas as pd
import pytest

from lighttrack_nas.benchmarks.evaluation.evaluation_result import score_sequence
from lighttrack_nas.benchmarks.evaluation.one_pass import evaluate
from lighttrack_nas.benchmarks.standings.attribute_figures import attribute_table
from lighttrack_nas.benchmarks.standings.parting_frames import draw_partings, find_partings
from lighttrack_nas.benchmarks.standings.standing_plots import attributes_plot, curves_plot
from lighttrack_nas.benchmarks.standings.tracker_comparison import TrackerComparison, compare_trackers
from lighttrack_nas.trackers.base.errors import InputError
from lighttrack_nas.trackers.data.readers.reader_registry import read_sequences
from lighttrack_nas.trackers.data.sequence import Sequence

TRUTH = [[10.0, 10, 10, 10]] * 12
GOOD = np.array([[10.0, 10, 10, 11]] * 12)
# Leaves the target in frame 7.
LOSES = np.array([[10.0, 10, 10, 10]] * 6 + [[40.0, 10, 10, 10]] * 6)


@pytest.fixture
def videos(make_sequence: Callable[..., Sequence]) -> list[Sequence]:
    return [make_sequence(TRUTH, name) for name in ("a", "b", "cost$")]


@pytest.fixture
def folders(videos: list[Sequence], tmp_path: Path) -> dict[str, Path]:
    """Two trackers' results, the second worse in "b" alone."""
    found = {name: tmp_path / "results" / name for name in ("good", "loses")}
    for name, folder in found.items():
        folder.mkdir(parents=True)
        for video in videos:
            boxes = LOSES if name == "loses" and video.name == "b" else GOOD
            np.savetxt(folder / f"{video.name}.txt", boxes, fmt="%.4f", delimiter=",")
    return found


@pytest.fixture
def comparison(videos: list[Sequence], folders: dict[str, Path]) -> TrackerComparison:
    frames = np.arange(12) >= 6
    attributes = {"fast": {name: np.ones(12, bool) for name in ("a", "b")}, "occluded": {"b": frames}}
    return compare_trackers(folders, videos, attributes)


def test_figures_are_those_of_an_evaluation(
    comparison: TrackerComparison, videos: list[Sequence], scripted: type, tmp_path: Path
) -> None:
    result = evaluate(scripted(GOOD), videos, tmp_path / "run", {})
    known = {name: value for name, value in result.overall.items() if name != "fps"}
    assert {name: comparison.results["good"].overall[name] for name in known} == pytest.approx(known)
    assert list(comparison.table.index) == ["good", "loses"]
    assert [comparison.table.loc["good", name] for name in ("best_rank", "worst_rank")] == [1, 2]


def test_attributes_take_sequences_or_frames(comparison: TrackerComparison) -> None:
    table = comparison.attributes.set_index(["attribute", "tracker"])
    assert table.loc[("fast", "good"), "sequences"] == 2
    assert table.loc[("fast", "good"), "ao"] == pytest.approx(10 / 11)
    # In "b" the box is right in 5 of the 11 frames after the first.
    assert table.loc[("fast", "loses"), "ao"] == pytest.approx((10 / 11 + 5 / 11) / 2)
    assert table.loc[("occluded", "loses"), "ao"] == 0
    assert table.loc[("occluded", "loses"), "frames"] == 6


def test_an_attribute_of_unscored_frames_has_no_row(videos: list[Sequence]) -> None:
    scored = {"x": {"a": score_sequence(videos[0], GOOD)}}
    first = np.arange(12) == 0
    assert len(attribute_table(scored, {"odd": {"a": first}, "elsewhere": {"z": first}})) == 0


@pytest.mark.slow
def test_saved_files(comparison: TrackerComparison, tmp_path: Path) -> None:
    names = {path.name for path in comparison.save(tmp_path / "out")}
    assert names == {path.name for path in (tmp_path / "out").iterdir()}
    assert names == {
        *("ranking.json", "ranking.csv", "differences.csv", "attributes.csv", "curves.png", "curves.svg"),
        *("attributes.png", "attributes.svg", "parting.png"),
    }
    content = json.loads((tmp_path / "out/ranking.json").read_text(), parse_constant=pytest.fail)
    assert content["best"]["ao"] == ["good"]
    assert content["sequences"]["b"] == pytest.approx({"good": 10 / 11, "loses": 5 / 11})
    assert content["differences"][0]["decided"] is False
    assert list(pd.read_csv(tmp_path / "out/ranking.csv")["tracker"]) == ["good", "loses"]
    for file in ("curves", "attributes", "parting"):
        assert cv2.imread(str(tmp_path / f"out/{file}.png")).std() > 0
    before = (tmp_path / "out/curves.svg").read_bytes()
    assert ElementTree.fromstring(before).tag.endswith("svg")
    comparison.save(tmp_path / "out")
    assert (tmp_path / "out/curves.svg").read_bytes() == before


@pytest.mark.slow
def test_files_of_an_earlier_comparison_do_not_stay(
    comparison: TrackerComparison, videos: list[Sequence], folders: dict[str, Path], tmp_path: Path
) -> None:
    comparison.save(tmp_path / "out")
    compare_trackers({"good": folders["good"]}, videos).save(tmp_path / "out")
    assert {path.name for path in (tmp_path / "out").iterdir()} == {
        *("ranking.json", "ranking.csv", "differences.csv", "curves.png", "curves.svg")
    }


def test_trackers_part_where_their_overlaps_differ(comparison: TrackerComparison) -> None:
    (parting,) = find_partings(comparison.scored, comparison.videos, frames=2)
    assert parting.video.name == "b"
    # Stretches are frames 2-7 and 8-12; in the first the difference is largest at its last frame.
    assert parting.frames == [6, 9]
    figure = draw_partings([parting], {"good": 0, "loses": 1})
    assert figure.axes[0].get_title() == "b, frame 7"
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["truth", "good", "loses"]
    assert find_partings({"good": comparison.scored["good"]}, comparison.videos) == []


def test_frames_with_many_trackers_and_without_boxes_are_drawn(
    make_sequence: Callable[..., Sequence], tmp_path: Path
) -> None:
    absent = np.arange(12) > 9
    truth = np.array(TRUTH)
    truth[absent] = np.nan
    video = make_sequence(truth, "v$", absent=absent)
    missed = np.array(TRUTH)
    missed[5:] = np.nan
    outside = np.array([[-500.0, -500, 10, 10]] * 12)
    trackers = {f"t{i}": {"v$": score_sequence(video, boxes)} for i, boxes in enumerate([GOOD, missed, outside] * 4)}
    partings = find_partings(trackers, [video])
    assert max(partings[0].frames) <= 9
    draw_partings(partings, {name: place for place, name in enumerate(trackers)}).savefig(tmp_path / "x.png")


def test_ten_trackers_are_told_apart(comparison: TrackerComparison) -> None:
    names = [f"tracker {i}" for i in range(10)]
    curves = curves_plot({name: comparison.results["good"].curves for name in names}, {})
    assert [part.axes[0].get_title() for part in curves.subfigs] == ["Success", "Precision"]
    looks = {(line.get_color(), line.get_linestyle()) for line in curves.subfigs[0].axes[0].get_lines()}
    assert len(looks) == 10
    rows = [{"attribute": "fast", "tracker": name, "sequences": 2, "frames": 9, "ao": 0.5} for name in names]
    drawn = attributes_plot(pd.DataFrame(rows), {name: place for place, name in enumerate(names)})
    assert drawn is not None
    points = drawn.axes[0].get_lines()
    assert len({(point.get_color(), point.get_marker()) for point in points}) == 10
    assert len({float(point.get_ydata()[0]) for point in points}) == 10  # none hides another


def test_presence_is_drawn_where_it_is_said(
    make_sequence: Callable[..., Sequence], scripted: type, tmp_path: Path
) -> None:
    video = make_sequence(TRUTH, "a", absent=[0] * 10 + [1] * 2)
    evaluate(scripted(GOOD), [video], tmp_path / "ours", {})
    (tmp_path / "theirs").mkdir()
    np.savetxt(tmp_path / "theirs/a.txt", GOOD, delimiter=",")
    comparison = compare_trackers({"ours": tmp_path / "ours", "theirs": tmp_path / "theirs"}, [video])
    assert comparison.save(tmp_path / "out")
    assert not np.isnan(comparison.table.loc["ours", "f_score"])
    assert np.isnan(comparison.table.loc["theirs", "f_score"])


def test_missing_sequences_are_refused_or_left_out_for_all(videos: list[Sequence], folders: dict[str, Path]) -> None:
    (folders["loses"] / "b.txt").unlink()
    with pytest.raises(InputError, match=r"'loses' .* lacks usable results of 1 of 3 sequences: b"):
        compare_trackers(folders, videos)
    heard: list[str] = []
    comparison = compare_trackers(folders, videos, on_bad="leave out", say=heard.append)
    assert [video.name for video in comparison.videos] == ["a", "cost$"]
    assert heard == ["sequence 'b' is left out for all trackers: 'loses': there is neither 'b.txt' nor 'b/b_001.txt'"]
    assert list(json.loads(comparison.to_json())["left_out"]) == ["b"]


def test_no_sequence_in_common(videos: list[Sequence], folders: dict[str, Path]) -> None:
    (folders["loses"] / "b.txt").unlink()
    for name in ("a", "cost$"):
        (folders["good"] / f"{name}.txt").unlink()
    with pytest.raises(InputError, match="no sequence has results of all 2 trackers; the first, 'a': 'good': there is"):
        compare_trackers(folders, videos, on_bad="leave out")
    with pytest.raises(InputError, match="there are no trackers to compare"):
        compare_trackers({}, videos)


@pytest.mark.data
def test_published_results_give_the_reference_figures(data: Path) -> None:
    """LightTrack-Mobile under its two sets of hyper-parameters, as the released code tracked."""
    videos = read_sequences(data / "sequences/val", layout="got10k")
    folder = data / "lighttrack_mobile/official_results"
    comparison = compare_trackers({name: folder / name / "val" for name in ("vot2019", "default")}, videos)
    assert list(comparison.table.index) == ["default", "vot2019"]
    assert list(comparison.table["ao"].round(3)) == [0.707, 0.701]
    assert list(comparison.table["sr50"].round(3)) == [0.877, 0.869]
    assert not comparison.differences[0].decided
