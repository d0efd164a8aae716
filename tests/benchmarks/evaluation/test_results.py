"""Result files and the record of a run."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lighttrack_nas.benchmarks.evaluation.result_files import (
    jsonable,
    read_boxes,
    read_result,
    read_run_record,
    read_sizes,
    read_times,
    to_json,
    write_result,
    write_run_record,
    write_sizes,
)
from lighttrack_nas.trackers.base.errors import InputError
from lighttrack_nas.trackers.data.sequence import Sequence

BOXES = np.array([[1, 2, 3, 4], [1.23456, -2.5, 1e4, 0.00004]])
TIMES = np.array([0.5, 0.0123456789])


def test_layout_and_decimals(tmp_path: Path) -> None:
    write_result(tmp_path, "car", BOXES, TIMES)

    assert (tmp_path / "car" / "car_001.txt").read_text() == (
        "1.0000,2.0000,3.0000,4.0000\n1.2346,-2.5000,10000.0000,0.0000\n"
    )
    assert (tmp_path / "car" / "car_time.txt").read_text() == "0.50000000\n0.01234568\n"
    assert sorted(path.name for path in (tmp_path / "car").iterdir()) == ["car_001.txt", "car_time.txt"]


def test_a_written_result_reads_back_the_same(tmp_path: Path) -> None:
    write_result(tmp_path, "car", np.vstack([BOXES, np.full((1, 4), np.nan)]), np.append(TIMES, 0.1))

    found = read_result(tmp_path, "car", 3)

    assert found is not None
    np.testing.assert_allclose(found[0][:2], BOXES, atol=5e-5)
    assert np.isnan(found[0][2]).all()
    np.testing.assert_allclose(found[1], [*TIMES, 0.1], atol=5e-9)


@pytest.mark.parametrize("missing", ["car_001.txt", "car_time.txt"])
def test_a_missing_file_is_no_result(tmp_path: Path, missing: str) -> None:
    write_result(tmp_path, "car", BOXES, TIMES)
    (tmp_path / "car" / missing).unlink()

    assert read_result(tmp_path, "car", 2) is None


@pytest.mark.parametrize("frames", [1, 3])
def test_another_number_of_frames_is_no_result(tmp_path: Path, frames: int) -> None:
    write_result(tmp_path, "car", BOXES, TIMES)

    assert read_result(tmp_path, "car", frames) is None


@pytest.mark.parametrize(
    "line",
    ["1,2,3", "1,2,3,4,5", "1,2,x,4", "1 2 3 4", "1_0,2,3,4", ""],
    ids=["three", "five", "word", "spaces", "underscore", "empty"],
)
def test_a_bad_box_names_file_and_line(tmp_path: Path, line: str) -> None:
    path = tmp_path / "car_001.txt"
    path.write_text(f"1,2,3,4\n{line}\n1,2,3,4\n")

    with pytest.raises(InputError) as caught:
        read_boxes(path)

    assert str(caught.value) == f"{path}, line 2: expected four numbers x,y,w,h, got '{line}'"


def test_a_bad_time_names_file_and_line(tmp_path: Path) -> None:
    path = tmp_path / "car_time.txt"
    path.write_text("0.1\nfast\n")

    with pytest.raises(InputError, match=r"car_time.txt, line 2: expected one number, seconds, got 'fast'"):
        read_times(path)


def test_files_that_are_no_text_or_not_there(tmp_path: Path) -> None:
    (tmp_path / "binary.txt").write_bytes(b"\xff\xfe\x00")

    with pytest.raises(InputError, match=r"result file '.*binary\.txt' is no text file"):
        read_boxes(tmp_path / "binary.txt")
    with pytest.raises(InputError, match=r"result file '.*none\.txt' cannot be read: No such file or directory"):
        read_boxes(tmp_path / "none.txt")


@pytest.mark.parametrize("name", ["", "..", "a/b", "../car", "a\\b"])
def test_a_name_cannot_leave_the_folder(tmp_path: Path, name: str) -> None:
    with pytest.raises(InputError, match="plain file name"):
        write_result(tmp_path, name, BOXES, TIMES)


def test_the_same_record_goes_on(tmp_path: Path) -> None:
    record = {"tracker": "a", "path": Path("/data"), "sizes": (255, 287), "value": np.float64(0.5)}

    write_run_record(tmp_path, record)
    write_run_record(tmp_path, record)

    assert read_run_record(tmp_path) == {"tracker": "a", "path": "/data", "sizes": [255, 287], "value": 0.5}


@pytest.mark.parametrize(
    ("other", "difference"),
    [
        ({"tracker": "b", "hyper_parameters": {"lr": 0.5}}, 'tracker was "a" and is now "b"'),
        ({"tracker": "a", "hyper_parameters": {"lr": 0.6}}, "hyper_parameters.lr was 0.5 and is now 0.6"),
        ({"tracker": "a", "hyper_parameters": {}}, "hyper_parameters.lr was 0.5 and is now null"),
        ({"tracker": "a", "hyper_parameters": {"lr": 0.5}, "device": "cpu"}, 'device was null and is now "cpu"'),
    ],
)
def test_another_record_is_refused(tmp_path: Path, other: dict[str, Any], difference: str) -> None:
    write_run_record(tmp_path, {"tracker": "a", "hyper_parameters": {"lr": 0.5}})

    with pytest.raises(InputError) as caught:
        write_run_record(tmp_path, other)

    assert str(caught.value) == (
        f"'{tmp_path}' holds results of another run: {difference}; give another output folder, or delete this one"
    )
    assert read_run_record(tmp_path)["tracker"] == "a"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", r"run\.json is no valid JSON at line 1"),
        ("[" * 100000, r"run\.json is no valid JSON"),
        ("[]", "expected a JSON object"),
    ],
)
def test_a_broken_record(tmp_path: Path, content: str, message: str) -> None:
    (tmp_path / "run.json").write_text(content)

    with pytest.raises(InputError, match=message):
        write_run_record(tmp_path, {})


def test_results_without_a_record_are_refused(tmp_path: Path) -> None:
    write_result(tmp_path, "car", BOXES, TIMES)

    with pytest.raises(InputError, match=r"holds a result file, '.*car_001\.txt', but no run\.json"):
        write_run_record(tmp_path, {})
    assert not (tmp_path / "run.json").exists()


def test_other_files_are_no_results(tmp_path: Path) -> None:
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "other_001.txt").touch()

    write_run_record(tmp_path, {})

    assert read_run_record(tmp_path) == {}


@pytest.mark.parametrize("content", [b"\xff\xfe", b"garbage\ngarbage\n", b"1,2,3\n1,2,3\n"])
@pytest.mark.parametrize("file", ["car_001.txt", "car_time.txt"])
def test_a_damaged_file_is_no_result(tmp_path: Path, file: str, content: bytes) -> None:
    write_result(tmp_path, "car", BOXES, TIMES)
    (tmp_path / "car" / file).write_bytes(content)

    assert read_result(tmp_path, "car", 2) is None


@pytest.mark.parametrize("value", [object(), b"bytes", [1, {"deep": object}], {"a": 1j}])
def test_what_json_cannot_hold_is_refused(tmp_path: Path, value: object) -> None:
    with pytest.raises(TypeError, match="JSON cannot hold a"):
        write_run_record(tmp_path, {"value": value})
    assert not (tmp_path / "run.json").exists()


def test_json_is_strict() -> None:
    text = to_json({"nan": float("nan"), "inf": np.float32("inf"), "array": np.array([1.5, np.nan]), "set": {2, 1}})

    assert json.loads(text, parse_constant=pytest.fail) == {
        "nan": None,
        "inf": None,
        "array": [1.5, None],
        "set": [1, 2],
    }
    assert jsonable({"flag": np.bool_(True), "count": np.int64(3), "none": None}) == {
        "flag": True,
        "count": 3,
        "none": None,
    }


def test_sizes_are_kept_where_they_change(make_sequence: Callable[..., Sequence], tmp_path: Path) -> None:
    video = make_sequence(BOXES, "car")
    steady, changing = np.full((2, 2), (64, 48)), np.array([(64, 48), (32, 24)])
    write_sizes(tmp_path, "car", changing)
    np.testing.assert_array_equal(read_sizes(tmp_path, video), changing)
    write_sizes(tmp_path, "car", steady)  # a later run, on other frames
    assert not list(tmp_path.rglob("*_sizes.txt"))
    np.testing.assert_array_equal(read_sizes(tmp_path, video), steady)


@pytest.mark.parametrize(
    ("content", "message"), [("64,48\n", "holds 1 lines for 2 frames"), ("64\n48\n", "line 1: expected two numbers")]
)
def test_damaged_files_of_frame_sizes_are_refused(
    make_sequence: Callable[..., Sequence], tmp_path: Path, content: str, message: str
) -> None:
    video = make_sequence(BOXES, "car")
    (tmp_path / "car").mkdir()
    (tmp_path / "car" / "car_sizes.txt").write_text(content)
    with pytest.raises(InputError, match=message):
        read_sizes(tmp_path, video)
