"""Objectives and constraints: what may be written, and what it means."""

from __future__ import annotations

import contextlib
import math
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lighttrack_nas.strategies.search.goals.objectives import (
    CONSTRAINT_SETS,
    MEASUREMENTS,
    Constraint,
    Objective,
    parse_constraints,
    parse_objectives,
    short_number,
    total_violation,
)
from lighttrack_nas.trackers.base.errors import InputError


@pytest.mark.parametrize(
    ("text", "name", "direction"),
    [
        ("ao", "ao", "maximize"),
        ("loss", "loss", "minimize"),
        ("macs", "macs", "minimize"),
        ("params", "params", "minimize"),
        (" latency_ms ", "latency_ms", "minimize"),
        ("maximize ao", "ao", "maximize"),
        ("minimize  macs", "macs", "minimize"),
        ("maximize params", "params", "maximize"),
    ],
)
def test_an_objective_reads_back_as_it_is_written(text: str, name: str, direction: str) -> None:
    objective = Objective.parse(text)
    assert (objective.name, objective.direction) == (name, direction)
    assert Objective.parse(str(objective)) == objective
    assert objective.sign == (-1 if direction == "maximize" else 1)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "aoo",
            "unknown objective 'aoo'; did you mean 'ao'? known: ao, sr50, sr75, success_auc, precision, "
            "normalised_precision, presence, score, overlap, loss, nsr, proxy, macs, params, latency_ms",
        ),
        ("latency", "did you mean 'latency_ms'?"),
        ("maximise ao", "unknown direction in objective 'maximise ao': 'maximise'; did you mean 'maximize'?"),
        ("maximize", "unknown objective 'maximize'"),
        ("", "objective ''"),
        ("maximize ao please", "objective 'maximize ao please'"),
    ],
)
def test_an_unknown_objective_is_refused(text: str, message: str) -> None:
    with pytest.raises(InputError, match=re.escape(message)):
        Objective.parse(text)


def test_objectives_are_a_text_or_a_list_without_doubles() -> None:
    assert parse_objectives("ao") == (Objective("ao", "maximize"),)
    assert parse_objectives(["ao", Objective("macs", "minimize")]) == parse_objectives(["maximize ao", "minimize macs"])
    with pytest.raises(InputError, match="no objective"):
        parse_objectives([])
    with pytest.raises(InputError, match="two objectives on 'ao'"):
        parse_objectives(["ao", "macs", "minimize ao"])
    with pytest.raises(InputError, match="unknown direction 'up'"):
        Objective("ao", "up")


@pytest.mark.parametrize(
    ("text", "name", "sense", "limit"),
    [
        ("macs <= 600M", "macs", "<=", 600e6),
        ("macs<=600m", "macs", "<=", 600e6),
        ("params<=2e6", "params", "<=", 2e6),
        ("params <= 1.5E+6", "params", "<=", 1.5e6),
        ("params <= 500K", "params", "<=", 5e5),
        ("macs <= 1.2G", "macs", "<=", 1.2e9),
        ("latency_ms <= 20", "latency_ms", "<=", 20),
        ("latency_ms <= .5", "latency_ms", "<=", 0.5),
        (" ao >= 0.5 ", "ao", ">=", 0.5),
        ("loss <= 0.7", "loss", "<=", 0.7),
        ("macs <= 1234567", "macs", "<=", 1234567),
    ],
)
def test_a_constraint_reads_back_as_it_is_written(text: str, name: str, sense: str, limit: float) -> None:
    constraint = Constraint.parse(text)
    assert (constraint.name, constraint.sense, constraint.limit) == (name, sense, limit)
    assert Constraint.parse(str(constraint)) == constraint


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("macs < 600M", "constraint 'macs < 600M': expected a measurement"),
        ("macs <= 600T", "constraint 'macs <= 600T'"),
        ("macs <= -1", "constraint 'macs <= -1'"),
        ("macs <= ", "constraint 'macs <= '"),
        ("600M >= macs", "constraint '600M >= macs'"),
        ("macs <= 600M and params <= 2M", "expected a measurement"),
        ("mac <= 600M", "unknown measurement in constraint 'mac <= 600M': 'mac'; did you mean 'macs'?"),
        ("<= 600M", "unknown measurement"),
        ("macs <= 0", "must be a number above 0"),
        ("macs <= 1e999", "must be a number above 0"),
        ("mobile", "unknown constraint set 'mobile'; did you mean 'Mobile'? known: Mobile, LargeA, LargeB; or write"),
        ("macs", "unknown constraint set 'macs'"),
        ("latency_ms", "unknown constraint set 'latency_ms'"),
        ("", "constraint ''"),
    ],
)
def test_a_senseless_constraint_is_refused(text: str, message: str) -> None:
    with pytest.raises(InputError, match=re.escape(message)):
        parse_constraints([text])


def test_constraint_sets_stand_wherever_a_constraint_does() -> None:
    assert [str(c) for c in parse_constraints("Mobile")] == ["macs <= 600M", "params <= 2M"]
    mixed = parse_constraints([" LargeA ", "latency_ms <= 20", Constraint("ao", 0.5, ">="), "macs<=800e6"])
    assert [str(c) for c in mixed] == ["macs <= 800M", "params <= 3M", "latency_ms <= 20", "ao >= 0.5"]
    assert parse_constraints(()) == ()
    assert parse_constraints("macs <= 1G") == parse_constraints(Constraint("macs", 1e9))
    for texts in CONSTRAINT_SETS.values():
        assert [str(c) for c in parse_constraints(texts)] == list(texts)
    with pytest.raises(InputError, match="unknown comparison '<'"):
        Constraint("macs", 1.0, "<")


def test_violation_is_a_part_of_the_limit() -> None:
    macs, ao = parse_constraints(["macs <= 600M", "ao >= 0.5"])
    assert macs.violation({"macs": 660e6}) == pytest.approx(0.1)
    assert macs.violation({"macs": 600e6}) == macs.violation({"macs": 1}) == 0
    assert macs.violation({"macs": 600e6 + 1}) > 0
    assert ao.violation({"ao": 0.4}) == pytest.approx(0.2)
    assert ao.violation({"ao": 0.5}) == ao.violation({"ao": 0.9}) == 0
    assert total_violation([macs, ao], {"macs": 660e6, "ao": 0.4}) == pytest.approx(0.3)
    assert total_violation([macs, ao], {"macs": 660e6}) == pytest.approx(0.1)
    assert total_violation([], {}) == 0.0


@settings(deadline=None)
@given(
    name=st.sampled_from(MEASUREMENTS),
    sense=st.sampled_from(["<=", ">="]),
    limit=st.floats(min_value=1e-12, max_value=1e15, exclude_min=True),
)
def test_a_constraint_reads_what_it_writes(name: str, sense: str, limit: float) -> None:
    constraint = Constraint(name, limit, sense)
    assert Constraint.parse(str(constraint)) == constraint


@settings(deadline=None)
@given(limit=st.floats(1e-6, 1e12), values=st.lists(st.floats(0, 1e13), min_size=2, max_size=2))
def test_violation_grows_with_the_value(limit: float, values: list[float]) -> None:
    small, large = sorted(values)
    constraint = Constraint("macs", limit)
    assert 0 <= constraint.violation({"macs": small}) <= constraint.violation({"macs": large})
    assert (constraint.violation({"macs": large}) == 0) == (large / limit <= 1)


@settings(deadline=None)
@given(text=st.text(alphabet="aomacs<=>. 0123456789MGkeE+-_", max_size=30))
def test_any_text_is_read_or_refused_in_words(text: str) -> None:
    for parse in (parse_constraints, parse_objectives):
        with contextlib.suppress(InputError):
            assert all(math.isfinite(getattr(item, "limit", 1.0)) for item in parse(text))


@pytest.mark.parametrize(
    ("value", "text"),
    [(530.4e6, "530.4M"), (0.0, "0"), (0.51234, "0.5123"), (1234.5, "1.234K"), (2e9, "2G"), (-3e6, "-3M")],
)
def test_numbers_are_written_short(value: float, text: str) -> None:
    assert short_number(value) == text


@pytest.mark.parametrize("given", [None, 3, [None], [1], {"macs": 1}.values(), [["macs <= 1"]]])
def test_what_is_no_text_is_refused(given: object) -> None:
    for parse in (parse_objectives, parse_constraints):
        with pytest.raises(InputError, match="expected texts, or values of"):
            parse(given)
