"""Running trackers over sequences: files, resuming, failures."""

import csv
import json
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import cv2
import numpy as np
import pytest

from lighttrack_nas.benchmarks.evaluation.one_pass import evaluate, run_sequence
from lighttrack_nas.benchmarks.evaluation.result_files import read_boxes
from lighttrack_nas.benchmarks.evaluation.sequence_runs import check_output
from lighttrack_nas.trackers.base.errors import InputError
from lighttrack_nas.trackers.data.readers.reader_registry import read_sequences
from lighttrack_nas.trackers.data.sequence import Sequence
from lighttrack_nas.trackers.tracking.protocol import Tracker

NAN = float("nan")
TRUTH = [[10, 10, 10, 10]] * 4
# Against TRUTH: frame 1 is not asked for; 100 / 200; identical; disjoint.
SCRIPT = [[0, 0, 1, 1], [10, 10, 10, 20], [10, 10, 10, 10], [40, 10, 10, 10]]
RECORD = {"tracker": "scripted"}


def files_of(folder: Path) -> dict[str, bytes]:
    # Times differ from run to run.
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not path.name.endswith("_time.txt")
    }


def test_a_sequence_starts_on_its_first_box_and_keeps_every_answer(
    make_sequence: Callable[..., Sequence], scripted: type
) -> None:
    tracker = scripted(SCRIPT)

    track = run_sequence(tracker, make_sequence(TRUTH))

    assert isinstance(tracker, Tracker)
    assert tracker.started == [(0, [10, 10, 10, 10])]
    np.testing.assert_array_equal(track.boxes, [TRUTH[0], *SCRIPT[1:]])
    np.testing.assert_array_equal(track.scores, [NAN, 0.5, 0.5, 0.5])
    assert (track.times >= 0).all()


def test_times_are_the_trackers_alone(
    make_sequence: Callable[..., Sequence], scripted: type, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A clock that only the tracker moves: decoding a frame would add 100 s, `init` takes 7 s, `update` 2 s."""
    clock = [0.0]
    monkeypatch.setattr("lighttrack_nas.benchmarks.evaluation.one_pass.perf_counter", lambda: clock[0])
    sequence = make_sequence(TRUTH)
    read = Sequence.frame

    def slow_frame(self: Sequence, index: int) -> np.ndarray:
        clock[0] += 100
        return read(self, index)

    class Slow(scripted):
        def init(self, frame: np.ndarray, box: Any) -> None:
            clock[0] += 7
            super().init(frame, box)

        def update(self, frame: np.ndarray) -> tuple[np.ndarray, float]:
            clock[0] += 2
            return super().update(frame)

    monkeypatch.setattr(Sequence, "frame", slow_frame)

    np.testing.assert_array_equal(run_sequence(Slow(SCRIPT), sequence).times, [7, 2, 2, 2])


@pytest.mark.parametrize("box", [[NAN] * 4, [10, 10, 0, 10], [64, 0, 5, 5]], ids=["none", "no area", "outside"])
def test_a_first_box_that_is_none(make_sequence: Callable[..., Sequence], scripted: type, box: list[float]) -> None:
    with pytest.raises(InputError, match=r"groundtruth\.txt, first box"):
        run_sequence(scripted(SCRIPT), make_sequence([box, *TRUTH[1:]]))


def test_figures_by_hand(make_sequence: Callable[..., Sequence], scripted: type, tmp_path: Path) -> None:
    heard: list[tuple[str, Any]] = []
    videos = [make_sequence(TRUTH, "a"), make_sequence(TRUTH, "b", absent=[0, 0, 0, 1])]

    result = evaluate(scripted(SCRIPT), videos, tmp_path / "run", RECORD, lambda name, done: heard.append((name, done)))

    # overlaps on frames 2..4: .5, 1, 0; in "b" the last frame is absent
    assert result.sequences["a"]["ao"] == pytest.approx(0.5)
    assert result.sequences["b"]["ao"] == pytest.approx(0.75)
    assert result.overall["ao"] == pytest.approx(0.625)
    assert result.overall["ao_frames"] == pytest.approx(3 / 5)
    assert result.overall["sr50"] == pytest.approx((1 / 3 + 1 / 2) / 2)
    assert result.overall["fps"] > 0
    assert result.failures == {}
    assert [name for name, _ in heard] == ["a", "b"]
    assert heard[0][1] == result.sequences["a"]
    np.testing.assert_array_equal(read_boxes(tmp_path / "run" / "a" / "a_001.txt"), [TRUTH[0], *SCRIPT[1:]])


def test_a_saved_summary_holds_overall_sequences_and_failures(
    make_sequence: Callable[..., Sequence], scripted: type, tmp_path: Path
) -> None:
    # "test" is as in a test split: only the first box is published, so that nothing can be scored
    videos = [make_sequence(TRUTH, "a"), make_sequence([TRUTH[0], *[[NAN] * 4] * 3], "test")]
    result = evaluate(scripted(SCRIPT), videos, tmp_path, RECORD)

    result.save(tmp_path)

    summary = json.loads((tmp_path / "summary.json").read_text(), parse_constant=pytest.fail)
    assert list(summary) == ["overall", "sequences", "failures", "left_out", "run"]
    assert summary["overall"]["ao"] == pytest.approx(0.5)
    assert {"ao", "sr50", "sr75", "fps", "success_auc", "precision", "normalised_precision"} <= set(summary["overall"])
    assert summary["sequences"]["test"]["ao"] is None
    assert summary["sequences"]["test"]["frames"] == 0
    assert summary["run"] == RECORD
    rows = list(csv.DictReader((tmp_path / "summary.csv").read_text().splitlines()))
    assert [row["sequence"] for row in rows] == ["a", "test"]
    assert float(rows[0]["ao"]) == pytest.approx(0.5)
    assert result.table().loc["a", "ao"] == pytest.approx(0.5)
    assert result.to_json() == (tmp_path / "summary.json").read_text()


def test_the_given_box_is_never_missed(make_sequence: Callable[..., Sequence], scripted: type, tmp_path: Path) -> None:
    """The first box has more decimals than the file keeps; its centre error is 0 all the same."""
    thirds = [[10 + 1 / 3, 10 + 1 / 3, 10, 10]] * 4

    result = evaluate(scripted(SCRIPT), [make_sequence(thirds)], tmp_path, RECORD)

    assert result.curves.precision[0] == 0.25


def test_a_second_call_runs_nothing(make_sequence: Callable[..., Sequence], scripted: type, tmp_path: Path) -> None:
    videos = [make_sequence(TRUTH, "a"), make_sequence(TRUTH, "b")]
    first = evaluate(scripted(SCRIPT), videos, tmp_path, RECORD)

    second = evaluate(lambda: pytest.fail("a tracker was made"), videos, tmp_path, RECORD)

    assert second.to_json() == first.to_json()


def test_resumed_is_uninterrupted(make_sequence: Callable[..., Sequence], scripted: type, tmp_path: Path) -> None:
    """Ctrl-C in the second sequence leaves the first, and nothing of the second; going on gives the same files."""
    videos = [make_sequence(TRUTH, name) for name in "abc"]

    class Interrupted(scripted):
        def update(self, frame: np.ndarray) -> tuple[np.ndarray, float]:
            if self.updates == 4:
                raise KeyboardInterrupt
            return super().update(frame)

    with pytest.raises(KeyboardInterrupt):
        evaluate(Interrupted(SCRIPT), videos, tmp_path / "resumed", RECORD)
    assert list(files_of(tmp_path / "resumed")) == ["a/a_001.txt", "a/a_presence.txt", "run.json"]
    tracker = scripted(SCRIPT)
    resumed = evaluate(tracker, videos, tmp_path / "resumed", RECORD)
    whole = evaluate(scripted(SCRIPT), videos, tmp_path / "whole", RECORD)

    assert len(tracker.started) == 2
    assert files_of(tmp_path / "resumed") == files_of(tmp_path / "whole")
    for name in ("ao", "sr50", "precision", "frames"):
        assert resumed.overall[name] == whole.overall[name]


def test_older_results_are_run_again_where_absences_are_labelled(
    make_sequence: Callable[..., Sequence], scripted: type, tmp_path: Path
) -> None:
    """They say nothing of presence; figures of some sequences alone would look like those of all."""
    videos = [make_sequence(TRUTH, name) for name in "ab"]
    evaluate(scripted(SCRIPT), videos, tmp_path, RECORD)
    (tmp_path / "b/b_presence.txt").unlink()
    again = scripted(SCRIPT)
    evaluate(again, videos, tmp_path, RECORD)
    assert len(again.started) == 0
    videos[0].absent[2] = True
    evaluate(again, videos, tmp_path, RECORD)
    assert len(again.started) == 1
    assert (tmp_path / "b/b_presence.txt").is_file()


def test_another_record_is_refused(make_sequence: Callable[..., Sequence], scripted: type, tmp_path: Path) -> None:
    videos = [make_sequence(TRUTH)]
    evaluate(scripted(SCRIPT), videos, tmp_path, RECORD)

    with pytest.raises(InputError, match='tracker was "scripted" and is now "other"'):
        evaluate(scripted(SCRIPT), videos, tmp_path, {"tracker": "other"})


def test_bad_input_does_not_stop_the_others(
    make_sequence: Callable[..., Sequence], scripted: type, tmp_path: Path
) -> None:
    videos = [make_sequence(TRUTH, name) for name in ("good", "cut", "gone", "last")]
    videos[1].frame_paths[2].write_bytes(videos[1].frame_paths[2].read_bytes()[:20])
    videos[2].frame_paths[1].unlink()
    heard: list[tuple[str, bool]] = []

    result = evaluate(
        scripted(SCRIPT), videos, tmp_path, RECORD, lambda name, done: heard.append((name, done is not None))
    )

    assert list(result.sequences) == ["good", "last"]
    assert list(result.failures) == ["cut", "gone"]
    assert str(videos[1].frame_paths[2]) in result.failures["cut"]
    assert "does not exist" in result.failures["gone"]
    assert all("\n" not in message for message in result.failures.values())
    assert heard == [("good", True), ("cut", False), ("gone", False), ("last", True)]
    assert result.overall["ao"] == pytest.approx(0.5)
    assert not (tmp_path / "cut").exists()
    assert json.loads(result.to_json())["failures"] == result.failures


def test_a_result_in_which_every_sequence_failed_can_be_saved(
    make_sequence: Callable[..., Sequence], scripted: type, tmp_path: Path
) -> None:
    video = make_sequence(TRUTH)
    video.frame_paths[0].unlink()

    result = evaluate(scripted(SCRIPT), [video], tmp_path, RECORD)
    result.save(tmp_path)

    assert json.loads(result.to_json(), parse_constant=pytest.fail)["overall"]["ao"] is None
    assert (tmp_path / "summary.csv").is_file()


@pytest.mark.parametrize("content", [b"1,2,3,4\n1,2,3,4\n1,2,3,4\n1,2\n", b"1,2,3,4\n", b"\xff\xfe\x00", b"garbage"])
@pytest.mark.parametrize("file", ["a_001.txt", "a_time.txt"])
def test_a_damaged_result_is_tracked_again(
    make_sequence: Callable[..., Sequence], scripted: type, tmp_path: Path, file: str, content: bytes
) -> None:
    videos = [make_sequence(TRUTH, "a"), make_sequence(TRUTH, "b")]
    evaluate(scripted(SCRIPT), videos, tmp_path, RECORD)
    before = files_of(tmp_path)
    (tmp_path / "a" / file).write_bytes(content)
    tracker = scripted(SCRIPT)

    result = evaluate(tracker, videos, tmp_path, RECORD)

    assert len(tracker.started) == 1
    assert list(result.sequences) == ["a", "b"]
    assert result.failures == {}
    assert files_of(tmp_path) == before


def test_test_splits_are_not_scored(make_sequence: Callable[..., Sequence], scripted: type, tmp_path: Path) -> None:
    """Nothing but the first box is published, and that was given."""
    scored, unknown = make_sequence(TRUTH, "a"), make_sequence([TRUTH[0], *[[NAN] * 4] * 3], "test")

    alone = evaluate(scripted(SCRIPT), [unknown], tmp_path / "alone", RECORD)
    both = evaluate(scripted(SCRIPT), [scored, unknown], tmp_path / "both", RECORD)

    figures = ("ao", "sr50", "sr75", "success_auc", "precision", "normalised_precision")
    assert np.isnan([alone.sequences["test"][name] for name in figures]).all()
    assert np.isnan([alone.overall[name] for name in figures]).all()
    assert np.isnan(alone.curves.success).all()
    assert json.loads(alone.to_json())["overall"]["success_auc"] is None
    assert [both.overall[name] for name in figures] == [both.sequences["a"][name] for name in figures]
    assert (alone.overall["scored_sequences"], both.overall["scored_sequences"]) == (0, 1)


@pytest.mark.parametrize("output", ["videos", "videos/a", "videos/a/results", "videos/../videos/b", "link/a"])
def test_output_in_the_data_set_is_refused(
    make_sequence: Callable[..., Sequence], scripted: type, tmp_path: Path, output: str
) -> None:
    videos = [make_sequence(TRUTH, "a"), make_sequence(TRUTH, "b")]
    (tmp_path / "link").symlink_to(tmp_path / "videos")
    before = sorted(tmp_path.rglob("*"))

    with pytest.raises(InputError, match=rf"output '.*{output}' lies in the data set .*; choose another folder"):
        evaluate(scripted(SCRIPT), videos, str(tmp_path / output), RECORD)

    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize("annotation", ["set/seq/groundtruth.txt", "set/seq/30/seq.txt", "set/anno/seq.txt"])
def test_roots_of_other_layouts_are_refused(
    make_sequence: Callable[..., Sequence], tmp_path: Path, annotation: str
) -> None:
    frames = tmp_path / ("set/frames/seq" if "anno" in annotation else "set/seq/30/seq")
    video = replace(
        make_sequence(TRUTH, "seq"),
        frame_paths=tuple(frames / f"{number}.png" for number in range(4)),
        source=tmp_path / annotation,
    )

    for output in (tmp_path / "set", frames / "results", (tmp_path / annotation).parent):
        with pytest.raises(InputError, match="lies in the data set"):
            check_output(output, [video])
    check_output(tmp_path, [video])
    check_output(tmp_path / "set" / "results", [video])


def test_output_above_the_data_set_and_as_text(
    make_sequence: Callable[..., Sequence], scripted: type, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    evaluate(scripted(SCRIPT), [make_sequence(TRUTH, "a")], ".", RECORD).save(".")

    assert (tmp_path / "a" / "a_001.txt").is_file()
    assert (tmp_path / "summary.json").is_file()


def test_results_without_a_record_are_refused(
    make_sequence: Callable[..., Sequence], scripted: type, tmp_path: Path
) -> None:
    videos = [make_sequence(TRUTH, "a")]
    evaluate(scripted(SCRIPT), videos, tmp_path, RECORD)
    (tmp_path / "run.json").unlink()

    with pytest.raises(InputError, match=r"a_001\.txt', but no run\.json"):
        evaluate(scripted(SCRIPT), videos, tmp_path, RECORD)


def test_frames_that_change_their_size(make_sequence: Callable[..., Sequence], scripted: type, tmp_path: Path) -> None:
    """Boxes are clipped to the frame they are in, also when the run is read again."""
    truth = [[10, 10, 20, 20], [40, 10, 20, 20], [40, 10, 20, 20]]
    video = make_sequence(truth, "turns")
    cv2.imwrite(str(video.frame_paths[2]), np.full((48, 50, 3), 2, np.uint8))
    script = [[10, 10, 20, 20], [40, 10, 10, 20], [40, 10, 10, 20]]
    for _ in range(2):
        result = evaluate(scripted(script), [video], tmp_path / "clipped", RECORD, clip=True)
        assert result.failures == {}
        assert result.sequences["turns"]["ao"] == pytest.approx((0.5 + 1) / 2)
    assert evaluate(scripted(script), [video], tmp_path / "whole", RECORD).overall["ao"] == pytest.approx(0.5)


def test_clipped_figures_are_the_toolkits(
    make_sequence: Callable[..., Sequence],
    scripted: type,
    got10k: SimpleNamespace,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Boxes reach outside the frames of 64 x 48 on every side; the toolkit reads our files."""
    monkeypatch.setattr(got10k.ExperimentGOT10k, "plot_curves", lambda *_: None)
    monkeypatch.setattr(got10k.ExperimentGOT10k, "_check_deterministic", lambda *_: False)
    rng = np.random.default_rng(0)
    lengths = {"one": 12, "two": 7}
    split = tmp_path / "data" / "val"
    for name, frames in lengths.items():
        truth = np.hstack(
            [rng.uniform(-15, 55, (frames, 1)), rng.uniform(-15, 40, (frames, 1)), np.full((frames, 2), 20)]
        )
        truth[0] = TRUTH[0]
        video = make_sequence(truth, name)
        (split / name).mkdir(parents=True)
        for path in video.frame_paths:
            (split / name / path.with_suffix(".jpg").name).write_bytes(path.read_bytes())
        np.savetxt(split / name / "groundtruth.txt", truth, delimiter=",", fmt="%.4f")
        for label, value in (("cover", 8), ("absence", 0), ("cut_by_image", 0)):
            np.savetxt(split / name / f"{label}.label", np.full(frames, value), fmt="%d")
        (split / name / "meta_info.ini").write_text("[METAINFO]\nresolution: (64, 48)\n")
    (split / "list.txt").write_text("\n".join(lengths))
    script = np.hstack([rng.uniform(-12, 50, (12, 1)), rng.uniform(-12, 40, (12, 1)), rng.uniform(15, 30, (12, 2))])

    output = tmp_path / "results" / "GOT-10k" / "ours"
    videos = read_sequences(split)
    clipped = evaluate(scripted(script), videos, output, RECORD, clip=True)
    whole = evaluate(scripted(script), videos, output, RECORD)
    experiment = got10k.ExperimentGOT10k(tmp_path / "data", "val", str(tmp_path / "results"), str(tmp_path / "reports"))
    report = experiment.report(["ours"])["ours"]

    for name in lengths:
        assert clipped.sequences[name]["ao"] == pytest.approx(report["seq_wise"][name]["ao"], rel=1e-12)
        assert clipped.sequences[name]["sr50"] == report["seq_wise"][name]["sr"]
    assert clipped.overall["ao_frames"] == pytest.approx(report["overall"]["ao"], rel=1e-12)
    assert clipped.overall["sr50_frames"] == report["overall"]["sr"]
    assert whole.overall["ao_frames"] != pytest.approx(report["overall"]["ao"], rel=1e-3)


def test_a_tracker_can_be_made_for_each_sequence(
    make_sequence: Callable[..., Sequence], scripted: type, tmp_path: Path
) -> None:
    made: list[Tracker] = []

    def build() -> Tracker:
        made.append(scripted(SCRIPT))
        return made[-1]

    class WithoutArguments(scripted):
        def __init__(self) -> None:
            super().__init__(SCRIPT)

    videos = [make_sequence(TRUTH, "a"), make_sequence(TRUTH, "b")]
    functions = evaluate(build, videos, tmp_path / "function", RECORD)
    classes = evaluate(WithoutArguments, videos, tmp_path / "class", RECORD)

    assert [len(tracker.started) for tracker in made] == [1, 1]
    assert functions.overall["ao"] == classes.overall["ao"] == pytest.approx(0.5)


@pytest.mark.parametrize(("names", "message"), [("", "no sequences"), ("aa", "two sequences are called 'a'")])
def test_sequences_that_cannot_be_evaluated(
    make_sequence: Callable[..., Sequence], scripted: type, tmp_path: Path, names: str, message: str
) -> None:
    videos = [make_sequence(TRUTH, "a")] * len(names)

    with pytest.raises(InputError, match=message):
        evaluate(scripted(SCRIPT), videos, tmp_path, RECORD)


def test_frames_per_second_are_measured(make_sequence: Callable[..., Sequence], scripted: type, tmp_path: Path) -> None:
    class Sleeping(scripted):
        def update(self, frame: np.ndarray) -> tuple[np.ndarray, float]:
            time.sleep(0.01)
            return super().update(frame)

    result = evaluate(Sleeping(SCRIPT), [make_sequence(TRUTH)], tmp_path, RECORD)

    assert 0 < result.overall["fps"] < 100.1  # sleeping takes 10 ms, or more where the machine is busy
    assert result.overall["fps"] == result.sequences["video"]["fps"]


@pytest.mark.data
def test_replayed_published_results_give_the_reference_figures(data: Path, scripted: type, tmp_path: Path) -> None:
    """Readers, runner, files and figures together: a tracker that says what the published one said."""
    videos = read_sequences(data / "sequences" / "val", layout="got10k")
    published = {
        video.name: read_boxes(data / f"lighttrack_mobile/official_results/default/val/{video.name}.txt")
        for video in videos
    }
    turn = iter(videos)

    class Replay:
        def __init__(self) -> None:
            self.boxes = iter(published[next(turn).name])

        def init(self, frame: np.ndarray, box: Any) -> None:
            np.testing.assert_allclose(box, next(self.boxes), atol=1e-3)

        def update(self, frame: np.ndarray) -> tuple[np.ndarray, float]:
            return next(self.boxes), 1.0

    result = evaluate(Replay, videos, tmp_path, {"tracker": "replay"})

    assert len(result.sequences) == 12
    assert result.overall["ao"] == pytest.approx(0.707, abs=0.0005)
    assert result.overall["sr50"] == pytest.approx(0.877, abs=0.0005)
    for name, boxes in published.items():
        np.testing.assert_allclose(read_boxes(tmp_path / name / f"{name}_001.txt")[1:], boxes[1:], atol=1e-4)
