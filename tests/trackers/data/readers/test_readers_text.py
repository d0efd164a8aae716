from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lighttrack_nas.trackers.base.errors import InputError
from lighttrack_nas.trackers.data.readers.text import read_labels, read_rows

NAN = float("nan")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1,2,3,4\n5,6,7,8\n", [[1, 2, 3, 4], [5, 6, 7, 8]]),
        ("1\t2\t3\t4\n5 6  7 8", [[1, 2, 3, 4], [5, 6, 7, 8]]),
        (" 1, 2 ,3 , 4 \r\n5,6,7,8\r\n\r\n", [[1, 2, 3, 4], [5, 6, 7, 8]]),
        ("\ufeff1.5,-2e1,NaN,nan", [[1.5, -20, NAN, NAN]]),
        ("", np.empty((0, 4))),
    ],
)
def test_rows_of_every_separator_are_read(tmp_path: Path, text: str, expected: Any) -> None:
    path = tmp_path / "boxes.txt"
    path.write_bytes(text.encode())
    np.testing.assert_array_equal(read_rows(path, 4), expected)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("1,2,3,4\n1,2,3\n", "line 2: expected 4 numbers, got 3: '1,2,3'"),
        ("1,2,3\n1,2,3,4\n", "line 1: expected 4 or 8 numbers, got 3: '1,2,3'"),
        ("1,2,3,4\n1,2,3,4,5,6,7,8\n", "line 2: expected 4 numbers, got 8"),
        ("1,2,3,4\n\n1,2,3,4\n", "line 2: expected 4 numbers, got 0"),
        ("1,2,,4\n", "line 1: '' is not a number"),
        ("1,2,3,four\n", "line 1: 'four' is not a number"),
        ("1,2,3,inf\n", "line 1: 'inf' is not finite"),
    ],
)
def test_read_rows_refuses(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "boxes.txt"
    path.write_text(text)
    with pytest.raises(InputError) as caught:
        read_rows(path, 4, 8)
    assert message in str(caught.value)
    assert str(caught.value).startswith(f"'{path}'")


def test_read_rows_of_something_else(tmp_path: Path) -> None:
    (tmp_path / "picture.txt").write_bytes(b"\xff\xd8\xff\xe0")
    with pytest.raises(InputError, match=r"picture\.txt' is not a text file"):
        read_rows(tmp_path / "picture.txt", 4)
    with pytest.raises(InputError, match="cannot be read: Is a directory"):
        read_rows(tmp_path, 4)


@pytest.mark.parametrize("text", ["0,1,0", "0,1,0,\n", "0\n1\n0\n", "0 1 0"])
def test_labels_of_every_spelling_are_read(tmp_path: Path, text: str) -> None:
    (tmp_path / "labels.txt").write_text(text)
    assert read_labels(tmp_path / "labels.txt", 3).tolist() == [0, 1, 0]
