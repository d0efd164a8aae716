"""Generated videos and the frozen sets of them."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from lighttrack_nas.trackers.base.boxes import overlap
from lighttrack_nas.trackers.base.errors import InputError
from lighttrack_nas.trackers.data.readers.reader_registry import read_sequences
from lighttrack_nas.trackers.training.generator import sets
from lighttrack_nas.trackers.training.generator.generator_settings import SceneSettings
from lighttrack_nas.trackers.training.generator.sets import GENERATED_SETS, GeneratedSet, generated_sequences
from lighttrack_nas.trackers.training.generator.videos import generate_video

TINY = GeneratedSet("tiny-v1", 2, 3, 64, 48, 1, SceneSettings())


@pytest.fixture
def tiny(monkeypatch: pytest.MonkeyPatch) -> GeneratedSet:
    """A set that is written in no time."""
    monkeypatch.setattr(sets, "GENERATED_SETS", {TINY.name: TINY})
    return TINY


def test_videos_are_functions_of_their_seed() -> None:
    first, second = (generate_video(3, frames=4, width=96, height=64) for _ in range(2))
    np.testing.assert_array_equal(np.stack(first.frames), np.stack(second.frames))
    np.testing.assert_array_equal(first.boxes, second.boxes)
    given = generate_video(np.random.default_rng(3), frames=4, width=96, height=64)
    np.testing.assert_array_equal(given.frames[3], first.frames[3])
    other = generate_video(4, frames=4, width=96, height=64)
    assert not np.array_equal(other.frames[0], first.frames[0])


@pytest.mark.slow
def test_videos_show_targets_that_can_be_tracked() -> None:
    speeds, shares = [], []
    for seed in range(12):
        video = generate_video(seed, frames=60, width=160, height=120)
        assert len(video.frames) == len(video.boxes) == len(video.absent) == 60
        assert all(frame.shape == (120, 160, 3) and frame.dtype == np.uint8 for frame in video.frames)
        assert video.boxes.dtype == np.float64
        assert not video.absent.any()
        sides = np.sqrt(video.boxes[:, 2:].prod(axis=1))
        centres = video.boxes[:, :2] + video.boxes[:, 2:] / 2
        speeds.append(np.linalg.norm(np.diff(centres, axis=0), axis=1) / sides[1:])
        shares.append(sides / 120)
    assert np.quantile(speeds, 0.98) < 0.25
    assert np.min(shares) > 0.1
    assert np.max(shares) < 0.5


def test_flags_of_a_video() -> None:
    for distractor in (False, True):
        video = generate_video(1, frames=1, width=64, height=48, distractor=distractor, occlusion=not distractor)
        assert (video.has_distractor, video.has_occlusion) == (distractor, not distractor)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"frames": 0}, "frames of a generated video must be a whole number of 1 to 500, got 0"),
        ({"frames": 501}, "1 to 500"),
        ({"width": 16}, "width .* 32 to 4096, got 16"),
        ({"height": 48.0}, "height .* got 48.0"),
        ({"seed": -1}, "seed .* 0 or more, got -1"),
        ({"seed": "x"}, "seed .* got 'x'"),
    ],
)
def test_numbers_out_of_range_are_refused(changes: dict[str, object], message: str) -> None:
    arguments = {"seed": 0, "frames": 2, "width": 64, "height": 48} | changes
    with pytest.raises(InputError, match=message):
        generate_video(arguments.pop("seed"), **arguments)


# Sequence: its first and last box, and the mean colours of these frames.
FROZEN = {
    "generated-test-v1": {
        0: (
            (158.5611874, 109.5688606, 30.3222058, 63.7769854),
            (146.7278225, 112.9127404, 34.0732322, 62.2815457),
            ((115.5, 128.7, 124.2), (93.3, 105.0, 101.0)),
        ),
        10: (
            (2.0387559, 50.2306517, 65.0276595, 31.9266639),
            (145.7156744, 34.2700090, 52.0104698, 32.3287769),
            ((101.6, 85.9, 81.3), (113.3, 95.3, 89.9)),
        ),
        19: (
            (140.2666784, 24.2550790, 55.9809766, 47.6799878),
            (151.5023119, 89.5968779, 56.9341561, 49.2252161),
            ((130.3, 120.2, 125.5), (117.7, 109.7, 114.8)),
        ),
    },
    "generated-val-v1": {
        0: (
            (72.0432082, 69.1122756, 54.4288554, 29.0646979),
            (180.7575548, 124.5561216, 66.4661484, 44.6742876),
            ((112.6, 150.7, 91.7), (108.8, 146.8, 89.4)),
        ),
        6: (
            (79.3309647, 23.6539319, 57.8109625, 27.7393633),
            (150.7860551, 85.0513449, 63.9176749, 30.0720704),
            ((121.7, 100.3, 94.3), (111.5, 94.4, 85.8)),
        ),
        11: (
            (166.0319639, 14.3048381, 58.7898741, 59.7872525),
            (73.4317084, 82.0333011, 39.6626440, 47.6413926),
            ((151.8, 148.6, 151.7), (138.1, 135.1, 138.1)),
        ),
    },
    "generated-absent-test-v1": {
        0: (
            (12.9980666, 72.4824360, 39.6653036, 58.9237040),
            (8.3667017, 66.2206604, 49.8157405, 85.1718382),
            ((86.5, 153.3, 136.7), (82.5, 146.8, 126.6)),
        ),
        7: (
            (22.2888201, 119.9162781, 37.7750207, 34.3927606),
            (85.2704098, 72.7507398, 42.6992036, 33.6980113),
            ((210.2, 236.2, 213.5), (199.3, 223.6, 202.7)),
        ),
    },
    "generated-absent-val-v1": {
        6: (
            (156.4963857, 92.1630805, 30.5575671, 66.9835696),
            (120.7076933, -1.6022092, 32.3058288, 57.9877236),
            ((60.9, 57.2, 103.6), (55.6, 52.2, 92.7)),
        ),
        11: (
            (43.4412255, 38.4901756, 48.5665334, 40.6296763),
            (19.7214239, 108.0754102, 55.2795341, 49.4777957),
            ((98.5, 80.3, 123.5), (97.9, 78.5, 119.4)),
        ),
    },
}


@pytest.mark.slow
@pytest.mark.parametrize("name", GENERATED_SETS)
def test_frozen_sets_never_change(name: str) -> None:
    """A set of this name has been measured on: a generator that makes another one needs another name."""
    generated = GENERATED_SETS[name]
    for index, (first, last, colours) in FROZEN[name].items():
        video = generated.video(index)
        np.testing.assert_allclose(video.boxes[[0, -1]], [first, last], rtol=0, atol=1e-6)
        means = [frame.mean(axis=(0, 1)) for frame in (video.frames[0], video.frames[-1])]
        np.testing.assert_allclose(means, colours, atol=1)  # OpenCV's releases round differently


@pytest.mark.parametrize("name", GENERATED_SETS)
def test_a_third_of_a_set_has_distractors_and_a_third_occlusion(name: str) -> None:
    described = GENERATED_SETS[name].stamp()["sequences"]
    assert len(described) == GENERATED_SETS[name].sequences
    for flag in ("distractors", "occlusion"):
        assert sum(flags[flag] for flags in described.values()) >= len(described) / 3


@pytest.mark.parametrize("seed", range(6))
def test_a_target_that_departs_is_away_for_a_while_and_comes_back(seed: int) -> None:
    frames = 60
    there, departs = (
        generate_video(seed, frames=frames, width=96, height=72, departure=departure) for departure in (False, True)
    )
    away = np.flatnonzero(departs.absent)
    assert 0.1 * frames <= len(away) <= 0.45 * frames
    assert np.array_equal(away, np.arange(away[0], away[-1] + 1))
    assert away[0] > 0.2 * frames
    assert away[-1] < 0.85 * frames
    # But for its way out and back everything is as it would be.
    assert np.array_equal(departs.frames[0], there.frames[0])
    np.testing.assert_allclose(departs.boxes[-1], there.boxes[-1])


def test_sets_share_no_video() -> None:
    draws = [
        generated.generator_of(index).integers(2**62)
        for generated in GENERATED_SETS.values()
        for index in range(generated.sequences)
    ]
    assert len(set(draws)) == len(draws)


@pytest.mark.slow
def test_a_set_is_written_once_and_read_back(tmp_path: Path) -> None:
    folder, written = tmp_path / "sets" / "val", []
    generated = GENERATED_SETS["generated-val-v1"]
    sequences = generated_sequences(generated.name, folder, written.append)
    assert written == [sequence.name for sequence in sequences] == [f"generated-val-v1_{n:02d}" for n in range(1, 13)]
    assert all(len(sequence) == 60 for sequence in sequences)
    video = generated.video(4)
    np.testing.assert_allclose(sequences[4].boxes, video.boxes, atol=1e-4)
    assert np.abs(sequences[4].frame(30).astype(float) - video.frames[30]).mean() < 4
    # A box that never moves is worth little.
    still = [overlap(sequence.boxes[1:], sequence.boxes[0]).mean() for sequence in sequences]
    assert np.mean(still) < 0.15

    times = {path: path.stat().st_mtime_ns for path in folder.rglob("*")}
    again = generated_sequences(generated.name, folder, written.append)
    assert len(written) == 12
    assert [sequence.name for sequence in again] == [sequence.name for sequence in sequences]
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("*")} == times
    assert [path.name for path in folder.parent.iterdir()] == ["val"]
    assert [sequence.name for sequence in read_sequences(folder)] == written


def test_an_empty_folder_is_filled(tiny: GeneratedSet, tmp_path: Path) -> None:
    (tmp_path / "here").mkdir()
    assert len(generated_sequences(tiny.name, tmp_path / "here")) == 2


def test_an_absent_target_is_written_as_such(
    tiny: GeneratedSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    video = tiny.video(0)
    video.boxes[1], video.absent[1] = np.nan, True
    monkeypatch.setattr(GeneratedSet, "video", lambda self, index: video)
    sequences = generated_sequences(tiny.name, tmp_path / "set")
    assert sequences[0].absent.tolist() == [False, True, False]
    assert np.isnan(sequences[0].boxes[1]).all()


@pytest.mark.parametrize("content", ["frame.jpg", "meta.json", "list.txt"])
def test_a_folder_with_something_else_is_refused(tiny: GeneratedSet, tmp_path: Path, content: str) -> None:
    (tmp_path / content).write_text("no set")
    with pytest.raises(InputError, match=r"is not the generated set 'tiny-v1': it has no readable meta\.json"):
        generated_sequences(tiny.name, tmp_path)
    assert (tmp_path / content).read_text() == "no set"


def test_another_set_is_refused(tiny: GeneratedSet, tmp_path: Path) -> None:
    generated_sequences(tiny.name, tmp_path / "set")
    stamp = json.loads((tmp_path / "set" / "meta.json").read_text())
    (tmp_path / "set" / "meta.json").write_text(json.dumps(stamp | {"set": "tiny-v2"}))
    with pytest.raises(InputError, match="holds the set 'tiny-v2'"):
        generated_sequences(tiny.name, tmp_path / "set")
    (tmp_path / "set" / "meta.json").write_text(json.dumps(stamp | {"set": "x" * 10_000}))
    with pytest.raises(InputError, match="holds the set 'xxx") as raised:
        generated_sequences(tiny.name, tmp_path / "set")
    assert len(str(raised.value)) < 1000


def test_a_file_is_no_folder(tiny: GeneratedSet, tmp_path: Path) -> None:
    (tmp_path / "set").write_text("")
    with pytest.raises(InputError, match="is not the generated set"):
        generated_sequences(tiny.name, tmp_path / "set")


def test_an_unknown_set_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="generated-tset-v1"):
        generated_sequences("generated-tset-v1", tmp_path / "set")
    assert not (tmp_path / "set").exists()


def test_an_interrupted_write_leaves_nothing(tiny: GeneratedSet, tmp_path: Path) -> None:
    def interrupt(name: str) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        generated_sequences(tiny.name, tmp_path / "set", interrupt)
    assert list(tmp_path.iterdir()) == []


def test_what_a_kill_leaves_is_removed(tiny: GeneratedSet, tmp_path: Path) -> None:
    left = tmp_path / ".set.abc.part" / "tiny-v1_01"
    left.mkdir(parents=True)
    cv2.imwrite(str(left / "00000001.jpg"), np.zeros((48, 64, 3), np.uint8))
    assert len(generated_sequences(tiny.name, tmp_path / "set")) == 2
    assert not left.parent.exists()


def test_two_writers_agree(tiny: GeneratedSet, tmp_path: Path) -> None:
    """Another process has written the set while this one was at it."""
    calls = []

    def other(name: str) -> None:
        calls.append(name)
        if len(calls) == 1:
            generated_sequences(tiny.name, tmp_path / "set")

    assert len(generated_sequences(tiny.name, tmp_path / "set", other)) == 2
    assert [path.name for path in tmp_path.iterdir()] == ["set"]
