"""Texts and numbers of people and of other programs."""

import math
from pathlib import Path

import pytest

from lighttrack_nas.trackers.base.boxes import checked_box
from lighttrack_nas.trackers.base.errors import InputError
from lighttrack_nas.trackers.base.files import make_folder, write_atomically
from lighttrack_nas.trackers.base.parsing import parse_json, parse_number, parse_yaml, read_text


@pytest.mark.parametrize(("text", "number"), [("12", 12.0), (" -0.5\n", -0.5), ("1e-3", 1e-3), ("+7.", 7.0)])
def test_numbers_as_people_write_them(text: str, number: float) -> None:
    assert parse_number(text) == number
    assert math.isnan(parse_number("nan"))


@pytest.mark.parametrize("text", ["", "x", "1_0", "١٢", "１２", "0x10", "1,5", "1 2"])  # noqa: RUF001 - digits that are none of ours
def test_what_only_python_takes_for_a_number(text: str) -> None:
    with pytest.raises(ValueError):
        parse_number(text)


@pytest.mark.parametrize("text", [r'{"a": ["x\u0000"]}', r'{"\ud800": 1}', r'["\udfff\ud83d"]'])
def test_texts_that_no_name_can_hold(text: str) -> None:
    for parse in (parse_json, parse_yaml):
        with pytest.raises(InputError, match=r"file 'x'.*holds (the character NUL|half a character)"):
            parse(text, "file 'x'")
    assert parse_json(r'["\ud83d\ude00"]', "file 'x'") == ["\U0001f600"]


def test_a_yaml_that_holds_itself() -> None:
    assert parse_yaml('&a [*a, "\\n"]', "file 'x'")[1] == "\n"


@pytest.mark.parametrize("name", ["a\0b", "a\ud800b", "x" * 5000])
def test_names_that_no_file_can_have(tmp_path: Path, name: str) -> None:
    with pytest.raises(InputError, match="cannot be read"):
        read_text(tmp_path / name, "file")
    with pytest.raises(InputError, match="cannot be made"):
        make_folder(tmp_path / name)
    with pytest.raises(InputError, match="cannot be made"):
        write_atomically(tmp_path / name / "file", "")


@pytest.mark.parametrize("box", [(1e300, 0, 10, 10), (0, -1e300, 10, 10), (-1e300, 0, 1e300, 10), (0, 0, 10, 2e6)])
def test_boxes_that_no_picture_holds(box: tuple[float, ...]) -> None:
    with pytest.raises(InputError, match="lies more than 1000000 pixels out"):
        checked_box(box)
