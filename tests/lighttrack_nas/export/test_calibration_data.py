"""Calibration data: the graphs' inputs as they occur, whole or not there."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

import lighttrack_nas as ltn
from lighttrack_nas.export.calibration_data import (
    check_calibration_folder,
    check_enough,
    write_calibration_data,
)
from lighttrack_nas.export.export_checks import generated_videos
from lighttrack_nas.trackers.data.sequence import Sequence
from lighttrack_nas.trackers.runtimes.exported import ExportedNetwork


def sequences_of(folder: Path, frames: int) -> list[Sequence]:
    """Two generated sequences, written and read."""
    for number, video in enumerate(generated_videos(2, frames)):
        place = folder / str(number)
        place.mkdir(parents=True)
        for index in range(len(video)):
            cv2.imwrite(str(place / f"{index + 1:08d}.png"), video.frame(index))
        np.savetxt(place / "groundtruth.txt", video.boxes, delimiter=",")
    return ltn.read_sequences(folder, "got10k")


@pytest.mark.slow
@pytest.mark.parametrize("raw", [False, True], ids=["normalised", "raw"])
def test_the_files_are_what_the_graphs_take(tmp_path: Path, raw: bool) -> None:
    """By the names of their inputs, from the given sequences, frame by frame and as one array."""
    videos = sequences_of(tmp_path / "videos", 4)
    data = tmp_path / "data"
    ltn.export_model(
        "lighttrack-tiny-generated",
        tmp_path / "out",
        format="torch-export",
        raw=raw,
        sequences=videos,
        calibration_data=data,
        calibration_frames=5,
    )
    assert sorted(path.name for path in data.iterdir()) == ["README.md", "template", "track-128"]
    graphs = json.loads((tmp_path / "out" / "manifest.json").read_text())["graphs"]
    network = ExportedNetwork(tmp_path / "out", threads=1)
    side = {"template": 64, "track-128": 128}
    for graph, names in graphs.items():
        assert sorted(path.stem for path in (data / graph).glob("*.npy")) == sorted(names["inputs"])
        lines = (data / graph / "dataset.txt").read_text().splitlines()
        assert len(lines) == 5
        for name in names["inputs"]:
            whole = np.load(data / graph / f"{name}.npy")
            assert len(whole) == 5
            assert len(np.unique(whole.reshape(5, -1), axis=0)) >= (1 if name == "features" else 5)
            for index, line in enumerate(lines):
                file = line.split()[names["inputs"].index(name)]
                assert np.array_equal(np.load(data / graph / file), whole[index : index + 1])
        images = np.load(data / graph / "image.npy")
        shape = (side[graph], side[graph], 3) if raw else (3, side[graph], side[graph])
        assert (images.shape[1:], images.dtype) == (shape, np.uint8 if raw else np.float32)
    features, images = (np.load(data / "track-128" / f"{name}.npy") for name in ("features", "image"))
    logits, _ = network.track(features, images)
    assert np.isfinite(logits).all()
    readme = (data / "README.md").read_text()
    assert "over 5 frames" in readme
    assert ("uint8, BGR" in readme) == raw


@pytest.mark.slow
def test_two_search_sizes_of_one_graph_give_the_smaller_one_s_inputs(tmp_path: Path) -> None:
    ltn.export_model(
        "lighttrack-tiny-generated",
        tmp_path / "out",
        format="torch-export",
        search_sizes=(128, 144),
        dynamic=True,
        calibration_data=tmp_path / "data",
        calibration_frames=3,
    )
    assert np.load(tmp_path / "data" / "track" / "image.npy").shape == (3, 3, 128, 128)


def test_too_few_frames_leave_neither_folder(tmp_path: Path) -> None:
    videos = sequences_of(tmp_path / "videos", 3)
    with pytest.raises(ltn.InputError, match=r"64 frames are wanted, the sequences have 4 .*--calibration-frames 4$"):
        ltn.export_model(
            "lighttrack-tiny-generated",
            tmp_path / "out",
            format="torch-export",
            sequences=videos,
            calibration_data=tmp_path / "data",
        )
    assert [path.name for path in tmp_path.iterdir()] == ["videos"]


def test_a_sequence_of_one_frame_is_no_calibration(tmp_path: Path) -> None:
    videos = sequences_of(tmp_path / "videos", 1)
    with pytest.raises(ltn.InputError, match="there is none that has a second frame"):
        ltn.export_model(
            "lighttrack-tiny-generated",
            tmp_path / "out",
            format="torch-export",
            sequences=videos,
            calibration_data=tmp_path / "data",
        )


@pytest.mark.parametrize(
    ("folder", "said"),
    [
        ("full", "'.*full' exists, and is left alone"),
        ("file", "'.*file' exists, and is left alone"),
        ("export", "need folders beside each other"),
        ("export/below", "need folders beside each other"),
        (".", "need folders beside each other"),
    ],
)
def test_other_people_s_folders_are_left_alone(tmp_path: Path, folder: str, said: str) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine").touch()
    (tmp_path / "file").touch()
    with pytest.raises(ltn.InputError, match=said):
        check_calibration_folder(tmp_path / folder, tmp_path / "export")


@pytest.mark.parametrize("folder", ["missing", "empty"])
def test_a_folder_with_nothing_in_it_will_do(tmp_path: Path, folder: str) -> None:
    (tmp_path / "empty").mkdir()
    check_calibration_folder(tmp_path / folder, tmp_path / "export")
    check_enough(3, 3)


def test_further_frames_are_left(tmp_path: Path) -> None:
    values = ((np.full((1, 2), index, np.float32),) for index in range(9))
    write_calibration_data(tmp_path, {"graph": (("image",), values)}, 3, "anything")
    assert np.load(tmp_path / "graph" / "image.npy").tolist() == [[0, 0], [1, 1], [2, 2]]
    assert (tmp_path / "graph" / "dataset.txt").read_text().split() == [f"frames/000{i}-image.npy" for i in range(3)]
