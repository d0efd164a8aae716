"""VOT's supervised protocol, worked out by hand; overlaps of regions against the got10k toolkit (shapely)."""

import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from lighttrack_nas.benchmarks.evaluation.vot_eao import (
    Fragment,
    expected_average_overlap,
    expected_overlap_curve,
    typical_lengths,
)
from lighttrack_nas.benchmarks.evaluation.vot_protocol import (
    State,
    SupervisedRun,
    accuracy,
    evaluate_supervised,
    fragments,
    read_supervised_run,
    run_supervised,
    sequence_figures,
    summarise,
    write_run,
)
from lighttrack_nas.benchmarks.evaluation.vot_regions import region_overlap
from lighttrack_nas.trackers.base.boxes import polygon_to_box
from lighttrack_nas.trackers.base.errors import InputError
from lighttrack_nas.trackers.data.sequence import Sequence

NAN = float("nan")
TRUE = [10, 10, 10, 10]
HALF = [10, 10, 10, 20]  # 100 of 200
LOST = [40, 30, 10, 10]  # disjoint from TRUE
RECORD = {"tracker": "scripted"}
DIAMOND = np.array([20, 10, 30, 20, 20, 30, 10, 20], float)  # centre 20, 20; area 200

S, F, N, T = State.STARTED, State.FAILED, State.SKIPPED, State.TRACKED


def script_of(*pieces: tuple[int, list[float]]) -> list[list[float]]:
    return [box for count, box in pieces for _ in range(count)]


# 30 frames, counted from 0: overlap .5 until the failure on frame 12, skipped until the start on 17, then overlap 1.
ONE_FAILURE = script_of((12, HALF), (1, LOST), (17, TRUE))


@pytest.mark.parametrize(
    ("region", "box", "frame_size", "expected"),
    [
        (TRUE, TRUE, None, 1),
        (TRUE, HALF, None, 1 / 2),
        (TRUE, LOST, None, 0),
        (TRUE, [20, 10, 10, 10], None, 0),  # touching
        (TRUE, [NAN] * 4, None, 0),
        (TRUE, [15, 15, 0, 0], None, 0),
        (DIAMOND, [10, 10, 20, 20], None, 200 / 400),  # the diamond's bounding box
        (DIAMOND, [15, 15, 10, 10], None, 100 / 200),  # the square inside: its corners are on the sides
        (DIAMOND, [10, 10, 10, 20], None, 100 / 300),  # the left half: 100 shared, 200 + 200 - 100
        (DIAMOND.reshape(4, 2)[::-1].ravel(), [10, 10, 10, 20], None, 100 / 300),  # the other way round
        (TRUE, [10, 10, 10, 40], (64, 20), 1),  # the image ends at y = 20: what hangs below is not seen
        (TRUE, [0, 10, 20, 10], (15, 48), 50 / 150),  # the image ends at x = 15: 5 x 10 of 15 x 10
        (TRUE, [70, 10, 10, 10], (64, 48), 0),  # the prediction is outside
        ([70, 10, 10, 10], [70, 10, 10, 10], (64, 48), 0),  # both are outside
    ],
)
def test_region_overlap_by_hand(
    region: list[float], box: list[float], frame_size: tuple[int, int] | None, expected: float
) -> None:
    assert region_overlap(np.array(region), np.array(box), frame_size) == pytest.approx(expected)


numbers = st.integers(-20, 80) | st.floats(-20, 80)
sizes = st.integers(1, 60) | st.floats(0.5, 60)


@given(numbers, numbers, sizes, sizes, st.sampled_from([0, 45, 90]) | st.floats(0, 360), numbers, numbers, sizes, sizes)
@example(20, 20, 10, 10, 45, 15, 15, 10, 10)
def test_region_overlap_is_shapelys(
    got10k: SimpleNamespace,
    centre_x: float,
    centre_y: float,
    width: float,
    height: float,
    angle: float,
    x: float,
    y: float,
    w: float,
    h: float,
) -> None:
    """Rotated rectangles and boxes in and around an image of 64 x 48, with sides that touch and nearly touch."""
    turn = np.deg2rad(angle)
    axes = np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]])
    signs = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]])
    polygon = ((signs * [width / 2, height / 2]) @ axes + [centre_x, centre_y]).ravel()
    box = np.array([x, y, w, h], float)

    for size in (None, (64, 48)):
        assert region_overlap(polygon, box, size) == pytest.approx(got10k.poly_iou(polygon, box, size)[0], abs=1e-9)


def test_run_by_hand(make_sequence: Callable[..., Sequence], scripted: type) -> None:
    tracker = scripted(ONE_FAILURE)

    run = run_supervised(tracker, make_sequence([TRUE] * 30))

    np.testing.assert_array_equal(run.states, [S, *[T] * 11, F, *[N] * 4, S, *[T] * 12])
    np.testing.assert_allclose(run.overlaps, [NAN, *[0.5] * 11, *[NAN] * 6, *[1] * 12])
    np.testing.assert_array_equal(np.isnan(run.boxes).all(axis=1), run.states != T)
    np.testing.assert_array_equal(np.isnan(run.times), run.states == N)
    assert tracker.started == [(0, TRUE), (17, TRUE)]
    assert tracker.updates == 24


def test_figures_by_hand(make_sequence: Callable[..., Sequence], scripted: type) -> None:
    run = run_supervised(scripted(ONE_FAILURE), make_sequence([TRUE] * 30))
    short = run_supervised(scripted([HALF] * 20), make_sequence([TRUE] * 20, "short"))

    # The burn-in covers frames 0..9 and 17..26; left are 10 and 11 with .5, and 27, 28, 29 with 1.
    assert accuracy(run) == pytest.approx((2 * 0.5 + 3 * 1) / 5)
    figures = sequence_figures(run)
    assert (figures["failures"], figures["frames"]) == (1, 30)
    assert figures["failures_per_100_frames"] == pytest.approx(100 / 30)

    overall, curve = summarise([run, short], (11, 14))

    # weighted by the sequences' 30 and 20 frames, not by their 5 and 10 counted ones
    assert overall["accuracy"] == pytest.approx((30 * 0.8 + 20 * 0.5) / 50)
    assert overall["failures"] == 1
    assert overall["failures_per_100_frames"] == pytest.approx(2)
    # one failure in the 30 frames of one sequence, none in the other's 20
    assert overall["robustness"] == pytest.approx((30 * 1 + 20 * 0) / 50)
    assert figures["robustness"] == 1
    assert overall["scored_sequences"] == 2
    # Three fragments: A starts on 0, has .5 eleven times and fails: 12 frames, then zeros for ever. B starts on 17 and
    # lasts to the end: 13 frames, overlap 1. C is the short sequence: 20 frames, overlap .5.
    # L = 2..12: means .5, 1, .5.  L = 13: A has 11 * .5 in 12 frames.  L = 14..20: B is over; A 5.5 / (L - 1), C .5.
    # L = 21..30: only A is known.
    assert curve[0] == 1
    np.testing.assert_allclose(curve[1:12], 2 / 3)
    assert curve[12] == pytest.approx((5.5 / 12 + 1 + 0.5) / 3)
    np.testing.assert_allclose(curve[13:20], [(5.5 / (length - 1) + 0.5) / 2 for length in range(14, 21)])
    np.testing.assert_allclose(curve[20:], [5.5 / (length - 1) for length in range(21, 31)])
    # lengths 11, 12, 13, 14, both ends included
    assert overall["eao"] == pytest.approx((2 / 3 + 2 / 3 + (5.5 / 12 + 1.5) / 3 + (5.5 / 13 + 0.5) / 2) / 4)


def test_a_failure_too_late_to_start_again(make_sequence: Callable[..., Sequence], scripted: type) -> None:
    """20 frames, failure on 16: the next start would be 21. The one fragment failed, and is padded."""
    run = run_supervised(scripted(script_of((16, TRUE), (4, LOST))), make_sequence([TRUE] * 20))

    np.testing.assert_array_equal(run.states, [S, *[T] * 15, F, N, N, N])
    (fragment,) = fragments(run)
    assert fragment.failed
    np.testing.assert_array_equal(fragment.overlaps, [0, *[1] * 15])
    _, curve = summarise([run], (1, 20))
    assert curve[15] == pytest.approx(1)  # 16 frames, 15 of them tracked
    assert curve[19] == pytest.approx(15 / 19)


def test_a_start_on_the_last_frame(make_sequence: Callable[..., Sequence], scripted: type) -> None:
    """A start that nothing follows says nothing: no length from 2 on is known of it."""
    run = run_supervised(scripted(script_of((5, TRUE), (6, LOST))), make_sequence([TRUE] * 11))

    np.testing.assert_array_equal(run.states, [S, *[T] * 4, F, N, N, N, N, S])
    assert np.isnan(accuracy(run))  # nothing outlives the burn-in
    _, curve = summarise([run], (2, 11))
    np.testing.assert_allclose(curve, [1, 1, 1, 1, 1, *(4 / (length - 1) for length in range(6, 12))])


def test_a_tracker_that_always_fails_has_no_expected_overlap(
    make_sequence: Callable[..., Sequence], scripted: type
) -> None:
    """Start, fail, four frames skipped, and again: 2 failures in 12 frames, and no overlap to be expected."""
    run = run_supervised(scripted([LOST] * 12), make_sequence([TRUE] * 12))

    np.testing.assert_array_equal(run.states, [S, F, N, N, N, N] * 2)
    overall, curve = summarise([run], (2, 12))
    assert np.isnan(overall["accuracy"])
    assert (overall["failures"], overall["eao"]) == (2, 0)
    np.testing.assert_array_equal(curve, [1, *[0] * 11])


def test_frames_without_ground_truth(make_sequence: Callable[..., Sequence], scripted: type) -> None:
    """Absent on 3 (no failure, though the box is elsewhere) and on 9, 10, where the start after 4 would be."""
    absent = np.isin(np.arange(14), [3, 9, 10])
    script = script_of((3, HALF), (2, LOST), (9, HALF))

    run = run_supervised(scripted(script), make_sequence([TRUE] * 14, absent=absent))

    np.testing.assert_array_equal(run.states, [S, T, T, T, F, N, N, N, N, N, N, S, T, T])
    np.testing.assert_allclose(run.overlaps[1:4], [0.5, 0.5, NAN])
    first, _ = fragments(run)
    np.testing.assert_allclose(first.overlaps, [0, 0.5, 0.5])


def test_overlaps_are_with_the_polygon(make_sequence: Callable[..., Sequence], scripted: type) -> None:
    """The tracker starts on the upright box of the same area; overlaps are with the polygon."""
    polygons = np.tile(DIAMOND, (3, 1))
    tracker = scripted([[10, 10, 20, 20]] * 3)

    run = run_supervised(tracker, make_sequence([[10, 10, 20, 20]] * 3, polygons=polygons))

    np.testing.assert_allclose(run.overlaps, [NAN, 0.5, 0.5])
    assert tracker.started == [(0, polygon_to_box(DIAMOND).tolist())]


def test_what_hangs_out_of_the_image_is_ignored(make_sequence: Callable[..., Sequence], scripted: type) -> None:
    """Images are 64 x 48. True: x 54..74, of which 54..64 is seen; said: 54..64 is the same inside the image."""
    run = run_supervised(scripted([[54, 10, 10, 10]] * 2), make_sequence([[54, 10, 20, 10]] * 2))

    assert run.overlaps[1] == pytest.approx(1)


def test_no_first_region(make_sequence: Callable[..., Sequence], scripted: type) -> None:
    with pytest.raises(InputError, match=r"groundtruth\.txt, frame 1"):
        run_supervised(scripted([TRUE] * 2), make_sequence([[NAN] * 4, TRUE]))


def test_files_in_vots_format(make_sequence: Callable[..., Sequence], scripted: type, tmp_path: Path) -> None:
    video = make_sequence([TRUE] * 8)
    run = run_supervised(scripted(script_of((2, HALF), (6, LOST))), video)

    write_run(tmp_path, "video", run)
    again = read_supervised_run(tmp_path, video)

    text = (tmp_path / "video" / "video_001.txt").read_text()
    assert text.split("\n") == ["1", "10.0000,10.0000,10.0000,20.0000", "2", "0", "0", "0", "0", "1", ""]
    assert (tmp_path / "video" / "video_time.txt").read_text().split("\n")[3] == "nan"
    assert again is not None
    np.testing.assert_array_equal(again.states, run.states)
    np.testing.assert_allclose(again.overlaps, run.overlaps)
    np.testing.assert_allclose(again.boxes, run.boxes)
    np.testing.assert_allclose(again.times, run.times, atol=1e-8)


@pytest.mark.parametrize("line", ["3", "1,2,3", "lost", "0.5", ""])
def test_a_damaged_file_is_named(
    make_sequence: Callable[..., Sequence], scripted: type, tmp_path: Path, line: str
) -> None:
    video = make_sequence([TRUE] * 2)
    write_run(tmp_path, "video", run_supervised(scripted([TRUE] * 2), video))
    (tmp_path / "video" / "video_001.txt").write_text(f"1\n{line}\n")

    with pytest.raises(InputError, match=r"video_001\.txt, line 2: expected 0, 1, 2 or a box x,y,w,h"):
        read_supervised_run(tmp_path, video)


def test_a_supervised_evaluation_is_kept_and_says_which_videos_failed(
    make_sequence: Callable[..., Sequence], scripted: type, tmp_path: Path
) -> None:
    videos = [make_sequence([TRUE] * 30, "a"), make_sequence([TRUE] * 30, "b"), make_sequence([TRUE] * 3, "gone")]
    videos[2].frame_paths[1].unlink()

    result = evaluate_supervised(scripted(ONE_FAILURE), videos, tmp_path, RECORD, interval=(11, 14))
    again = evaluate_supervised(lambda: pytest.fail("made"), videos[:2], tmp_path, RECORD, interval=(11, 14))
    result.save(tmp_path)

    assert list(result.sequences) == ["a", "b"]
    assert "does not exist" in result.failures["gone"]
    assert result.overall["accuracy"] == pytest.approx(0.8)
    assert result.overall["failures"] == 2
    assert result.overall["fps"] > 0
    assert again.overall == result.overall
    summary = json.loads((tmp_path / "summary.json").read_text(), parse_constant=pytest.fail)
    assert summary["overall"]["eao"] == result.overall["eao"]
    assert list(summary) == ["overall", "eao_interval", "sequences", "failures", "left_out", "run"]
    assert summary["eao_interval"] == [11, 14]
    assert all(isinstance(value, int | float) for value in summary["overall"].values())
    assert summary["overall"]["scored_sequences"] == 2
    assert summary["overall"]["robustness"] == summary["sequences"]["a"]["robustness"] == 1
    assert (tmp_path / "summary.csv").read_text().startswith("sequence,accuracy,failures,")
    with pytest.raises(InputError, match="another run"):
        evaluate_supervised(scripted(ONE_FAILURE), videos, tmp_path, {"tracker": "other"})


def test_evaluate_estimates_the_interval(
    make_sequence: Callable[..., Sequence], scripted: type, tmp_path: Path
) -> None:
    videos = [make_sequence([TRUE] * length, str(length)) for length in (8, 10, 12)]

    result = evaluate_supervised(scripted([TRUE] * 12), videos, tmp_path, RECORD)

    assert result.interval == typical_lengths([8, 10, 12])
    assert result.overall["eao"] == pytest.approx(1)


@pytest.mark.parametrize("content", [b"\xff\xfe\x00", b"garbage\n", b"1\n" * 29, b""])
@pytest.mark.parametrize("file", ["a_001.txt", "a_time.txt"])
def test_a_damaged_result_is_tracked_again(
    make_sequence: Callable[..., Sequence], scripted: type, tmp_path: Path, file: str, content: bytes
) -> None:
    videos = [make_sequence([TRUE] * 30, "a"), make_sequence([TRUE] * 30, "b")]
    first = evaluate_supervised(scripted(ONE_FAILURE), videos, tmp_path, RECORD)
    (tmp_path / "a" / file).write_bytes(content)
    tracker = scripted(ONE_FAILURE)

    again = evaluate_supervised(tracker, videos, str(tmp_path), RECORD)

    assert len(tracker.started) == 2  # "a" alone, which has one failure
    assert again.failures == {}
    assert again.overall["eao"] == first.overall["eao"]


def test_a_file_that_is_no_text_is_named(
    make_sequence: Callable[..., Sequence], scripted: type, tmp_path: Path
) -> None:
    video = make_sequence([TRUE] * 2)
    write_run(tmp_path, "video", run_supervised(scripted([TRUE] * 2), video))
    (tmp_path / "video" / "video_001.txt").write_bytes(b"\xff\xfe\x00")

    with pytest.raises(InputError, match=r"result file '.*video_001\.txt' is no text file"):
        read_supervised_run(tmp_path, video)


def test_output_in_the_data_set_is_refused(
    make_sequence: Callable[..., Sequence], scripted: type, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match="lies in the data set"):
        evaluate_supervised(scripted([TRUE] * 2), [make_sequence([TRUE] * 2)], tmp_path / "videos", RECORD)
    assert [path.name for path in (tmp_path / "videos").iterdir()] == ["video"]


def test_sequences_without_ground_truth_are_not_counted(make_sequence: Callable[..., Sequence], scripted: type) -> None:
    scored = run_supervised(scripted([TRUE] * 3), make_sequence([TRUE] * 3, "a"))
    unknown = run_supervised(scripted([TRUE] * 3), make_sequence([TRUE, [NAN] * 4, [NAN] * 4], "b"))

    assert summarise([scored, unknown], (1, 3))[0]["scored_sequences"] == 1


def test_everything_failed_to_load(make_sequence: Callable[..., Sequence], scripted: type, tmp_path: Path) -> None:
    video = make_sequence([TRUE] * 2)
    video.frame_paths[0].unlink()

    result = evaluate_supervised(scripted([TRUE] * 2), [video], tmp_path, RECORD)
    result.save(tmp_path)

    assert list(result.failures) == ["video"]
    assert result.overall == {}


runs = st.lists(st.lists(st.sampled_from([0.0, 0.2, 0.7, 1.0]), min_size=1, max_size=40), min_size=1, max_size=4)


def as_run(overlaps: list[float]) -> SupervisedRun:
    """The states that the protocol gives where an update's overlap is known for every frame."""
    states, values, start = [], [], 0
    for index, value in enumerate(overlaps):
        state = N if index < start else S if index == start else T if value > 0 else F
        start = index + 5 if state == F else start
        states.append(state)
        values.append(value if state == T else NAN)
    count = len(states)
    sizes = np.full((count, 2), (64, 48))
    return SupervisedRun(np.array(states), np.zeros((count, 4)), np.array(values), np.ones(count), sizes)


@given(runs, st.randoms())
def test_figures_are_in_range_and_do_not_depend_on_the_order(lists: list[list[float]], random: object) -> None:
    made = [as_run(overlaps) for overlaps in lists]
    shuffled = list(made)
    random.shuffle(shuffled)
    interval = typical_lengths([len(run.states) for run in made])

    overall, curve = summarise(made, interval)
    again, _ = summarise(shuffled, interval)

    assert again == pytest.approx(overall, nan_ok=True)
    known = curve[~np.isnan(curve)]
    assert (known >= 0).all()
    assert (known <= 1 + 1e-12).all()
    assert np.isnan(overall["accuracy"]) or 0 < overall["accuracy"] <= 1 + 1e-12
    assert 0 <= overall["failures_per_100_frames"] <= 100


@pytest.mark.parametrize(
    ("parts", "longest", "expected"),
    [
        # one fragment to the end of a video of 3 frames: overlaps .4, .8 after the start; 4 frames are not known
        ([Fragment(np.array([0, 0.4, 0.8]), failed=False)], 4, [1, 0.4, 0.6, NAN]),
        # the same, but it failed after 3 frames: (.4 + .8 + 0) / 3
        ([Fragment(np.array([0, 0.4, 0.8]), failed=True)], 4, [1, 0.4, 0.6, 0.4]),
        # the value on the frame of the start is not used
        ([Fragment(np.array([9, 0.4]), failed=False)], 2, [1, 0.4]),
        ([], 2, [1, NAN]),
    ],
)
def test_curve_by_hand(parts: list[Fragment], longest: int, expected: list[float]) -> None:
    np.testing.assert_allclose(expected_overlap_curve(parts, longest), expected)


def test_average_over_an_interval() -> None:
    curve = np.array([1, 0.8, 0.6, NAN, 0.2])

    assert expected_average_overlap(curve, (2, 3)) == pytest.approx(0.7)
    assert expected_average_overlap(curve, (3, 9)) == pytest.approx(
        0.4
    )  # .6 and .2: NaN and what is beyond are left out
    assert np.isnan(expected_average_overlap(curve, (6, 9)))


@pytest.mark.parametrize("interval", [(0, 5), (5, 4)])
def test_an_interval_that_is_none_is_refused(interval: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match="1 <= low <= high"):
        expected_average_overlap(np.ones(9), interval)


def test_typical_lengths_of_a_normal_data_set() -> None:
    """Half of a normal distribution lies within .674 standard deviations of its peak."""
    lengths = np.random.default_rng(0).normal(300, 60, 2000).round().astype(int)

    low, high = typical_lengths(lengths.tolist())

    assert low == pytest.approx(300 - 0.674 * 60, abs=12)
    assert high == pytest.approx(300 + 0.674 * 60, abs=12)
    assert high - low == pytest.approx(2 * 0.674 * 60, abs=8)


@given(st.lists(st.integers(1, 300), min_size=1, max_size=12), st.floats(0.01, 1))
def test_typical_lengths_are_lengths(lengths: list[int], mass: float) -> None:
    low, high = typical_lengths(lengths, mass)

    assert 1 <= low <= high <= max(lengths)
    wider = typical_lengths(lengths, min(1, mass + 0.2))
    assert wider[0] <= low
    assert wider[1] >= high


@pytest.mark.parametrize(("lengths", "mass"), [([], 0.5), ([0], 0.5), ([10], 0), ([10], 1.5)])
def test_lengths_that_give_no_interval(lengths: list[int], mass: float) -> None:
    with pytest.raises(ValueError, match="lengths of 1 or more frames"):
        typical_lengths(lengths, mass)


def test_frames_that_change_their_size(make_sequence: Callable[..., Sequence], scripted: type, tmp_path: Path) -> None:
    """Only what lies inside the frame counts, of whatever size it is."""
    truth = [[40, 10, 20, 20]] * 3
    video = make_sequence(truth, "turns")
    cv2.imwrite(str(video.frame_paths[2]), np.full((48, 50, 3), 2, np.uint8))
    run = run_supervised(scripted([[40, 10, 10, 20]] * 3), video)
    assert run.overlaps[1:] == pytest.approx([0.5, 1])
    write_run(tmp_path, "turns", run)
    again = read_supervised_run(tmp_path, video)
    assert again is not None
    assert again.overlaps[1:] == pytest.approx([0.5, 1])
