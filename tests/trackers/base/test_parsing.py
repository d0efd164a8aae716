"""Texts and numbers of people and of other programs."""

import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from lighttrack_nas.trackers.base.boxes import checked_box
from lighttrack_nas.trackers.base.errors import InputError
from lighttrack_nas.trackers.base.files import make_folder, write_atomically
from lighttrack_nas.trackers.base.parsing import (
    in_form,
    is_finite,
    parse_json,
    parse_number,
    parse_yaml,
    read_json,
    read_text,
    yaml_line,
)


@pytest.mark.parametrize(("text", "number"), [("12", 12.0), (" -0.5\n", -0.5), ("1e-3", 1e-3), ("+7.", 7.0)])
def test_numbers_as_people_write_them(text: str, number: float) -> None:
    assert parse_number(text) == number
    assert math.isnan(parse_number("nan"))


@pytest.mark.parametrize("text", ["", "x", "1_0", "١٢", "１２", "0x10", "1,5", "1 2"])  # noqa: RUF001 - digits that are none of ours
def test_what_only_python_takes_for_a_number(text: str) -> None:
    with pytest.raises(ValueError):
        parse_number(text)


def test_numbers_of_yaml_are_decimal_and_nothing_else_is_a_number() -> None:
    text = "[1_0, 1_0.5, 010, 0x10, 0o17, 0b1, 1:30, 1:30.5, 2026-11-29, 2026-13-45, ٣, +, .]"
    assert parse_yaml(text, "file 'x'") == text[1:-1].split(", ")
    numbers = parse_yaml("[0, -12, +3, 1e-3, 1.0e-05, -.5, 2., 1E3, .inf, -.INF]", "file 'x'")
    assert numbers == [0, -12, 3, 1e-3, 1e-5, -0.5, 2.0, 1000.0, math.inf, -math.inf]
    assert math.isnan(parse_yaml(".nan", "file 'x'"))


def test_keys_of_yaml_are_no_truths() -> None:
    text = "{on: 1, No: 2, y: 3, true: 4, 1: 5}"
    assert parse_yaml(text, "file 'x'") == {"on": 1, "No": 2, "y": 3, "true": 4, 1: 5}
    assert parse_yaml("[yes, Off, true, null, ~]", "file 'x'") == [True, False, True, None, None]


@pytest.mark.parametrize("value", [0, -1, 1.5, 1e-5, 1e16, math.inf, True, None, "1_0", "010", "on", "2026-11-29", ""])
def test_what_others_write_as_yaml_reads_the_same(value: object) -> None:
    assert parse_yaml(yaml.safe_dump({"a": [value]}), "file 'x'") == {"a": [value]}


@pytest.mark.parametrize("text", ["1e-3", "-1E5", "1e+3", "1_0", "010", "1:30", "2026-11-29", "on", "~", ".5", ""])
def test_texts_are_written_so_that_we_and_others_read_texts(text: str) -> None:
    content = {text: [text], "number": [1e-3, 1e16, 10, True, None]}
    assert parse_yaml(yaml_line(content), "file 'x'") == content
    assert yaml.safe_load(yaml_line({text: [text]})) == {text: [text]}


@pytest.mark.parametrize("text", [r'{"a": ["x\u0000"]}', r'{"\ud800": 1}', r'["\udfff\ud83d"]'])
def test_texts_that_no_name_can_hold(text: str) -> None:
    with pytest.raises(InputError, match=r"file 'x'.*holds (the character NUL|half a character)"):
        parse_json(text, "file 'x'")
    with pytest.raises(InputError, match=r"file 'x'.*(holds the character NUL|invalid Unicode character)"):
        parse_yaml(text, "file 'x'")
    assert parse_json(r'["\ud83d\ude00"]', "file 'x'") == ["\U0001f600"]


@pytest.mark.parametrize("text", ["[" * 101 + "]" * 101, '{"a":' * 900 + "1" + "}" * 900])
def test_what_is_nested_too_deeply(text: str) -> None:
    for parse in (parse_json, parse_yaml):
        with pytest.raises(InputError, match=r"file 'x'.*more than 100 lists or mappings lie inside each other"):
            parse(text, "file 'x'")
        assert parse("[" * 100 + "]" * 100, "file 'x'")


@pytest.mark.parametrize("text", ["&a [*a]", "a: &a {b: *a}"])
def test_a_yaml_that_holds_itself(text: str) -> None:
    with pytest.raises(InputError, match="inside each other"):
        parse_yaml(text, "file 'x'")


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


@dataclass(frozen=True)
class Row:
    name: str
    costs: tuple[int, ...]


@pytest.mark.parametrize(
    ("content", "form", "said"),
    [
        ({"a": "1"}, dict[str, float], r"here: a: .*valid number, got '1': make it again$"),
        ({"a": True}, dict[str, float], "valid number, got True"),
        ({"a": 1.5}, dict[str, int], "here: a: .*got 1.5"),
        ({"a": None}, dict[str, float], "got None"),
        ([1], dict[str, float], r"here: .*, got \[1\]: make it again$"),
        ({"name": "x"}, Row, "here: costs: field required"),
        ({"name": "x", "costs": [1, [2]]}, Row, r"here: costs.1: .*got \[2\]"),
        ({"a" * 10**4: 10**400}, dict[str, list[float]], "here: a{40}: "),
    ],
)
def test_a_file_of_another_form_is_a_sentence(content: Any, form: Any, said: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=said) as raised:
        in_form(content, form, "here", "make it again")
    assert len(str(raised.value)) < 400
    (tmp_path / "x.json").write_text(json.dumps(content))
    with pytest.raises(InputError, match=r"x.json': .*make it again"):
        read_json(tmp_path / "x.json", "scores", form, "make it again")


def test_a_file_of_the_right_form_is_read(tmp_path: Path) -> None:
    (tmp_path / "x.json").write_text(json.dumps([{"name": "x", "costs": [1, 2], "more": None}]))
    assert read_json(tmp_path / "x.json", "rows", list[Row]) == [Row("x", (1, 2))]
    assert in_form({"a": 1}, dict[str, float], "here") == {"a": 1.0}


def test_what_a_finite_number_is() -> None:
    assert all(map(is_finite, (0, -1, 1.5, 2**64, -1e308)))
    assert not any(map(is_finite, (True, None, "1", [], math.nan, math.inf, 10**400, -(10**400))))
