"""True and false are no numbers, nor numbers true or false; each is said at its place."""

from typing import Annotated, Any, Literal

import pytest
from pydantic import Field, ValidationError

from lighttrack_nas.search_spaces.base.careful_models import CarefulModel
from lighttrack_nas.search_spaces.base.mistakes import describe_mistakes


class Inner(CarefulModel):
    kind: Literal["inner"] = "inner"
    size: int = 1


class Outer(CarefulModel):
    whole: int = 1
    share: Annotated[float, Field(ge=0)] | None = None
    flag: bool = False
    either: str | dict[str, float | bool] = ""
    table: dict[str, float] = Field(default={})
    several: tuple[int, ...] = ()
    anything: dict[str, Any] = Field(default={})
    inner: Inner = Inner()
    inners: tuple[Inner, ...] = ()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ({"whole": True}, "whole: expected a number, got true"),
        ({"share": False}, "share: expected a number, got false"),
        ({"flag": 1}, "flag: expected true or false, got 1"),
        ({"flag": 0.0}, "flag: expected true or false, got 0.0"),
        ({"table": {"a": 1.5, "b": True}}, "table.b: expected a number, got true"),
        ({"several": [1, True]}, "several[1]: expected a number, got true"),
        ({"inner": {"size": True}}, "inner.size: expected a number, got true"),
        ({"inners": [{}, {"size": False}]}, "inners[1].size: expected a number, got false"),
    ],
)
def test_confused_kinds_are_refused(content: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError) as caught:
        Outer.model_validate(content)
    assert describe_mistakes(caught.value, Outer) == said


@pytest.mark.parametrize(
    "content",
    [
        {"whole": 2, "share": 1, "flag": True},
        {"whole": "2", "share": "1e-3", "flag": "yes"},
        {"share": None, "either": {"a": True, "b": 2}, "anything": {"a": True, "b": [1, False]}},
        {"inner": {"size": 3}, "inners": [{"size": 4}], "several": [1, 2]},
    ],
)
def test_the_rest_is_read_as_before(content: dict[str, Any]) -> None:
    Outer.model_validate(content)
