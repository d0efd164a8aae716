"""Limits that no network keeps, and points that none is near to."""

from collections.abc import Mapping

import pytest

from lighttrack_nas.costing.limits import Ends, known_ends, require_near, require_reachable, space_ends
from lighttrack_nas.search_spaces.loading.loading import load_space
from lighttrack_nas.strategies.search.goals.objectives import Constraint, parse_constraints
from lighttrack_nas.trackers.base.errors import InputError

ENDS: Ends = {"macs": (16e6, 78e6), "latency_ms": (2.0, 9.0)}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("macs <= 20M", ""),
        ("macs <= 78M", ""),
        ("macs <= 16M", ""),
        ("macs <= 20", "near to macs=20: they have 16M to 78M macs; did you mean macs=20M?"),
        ("macs <= 80M", "near to macs=80M: they have 16M to 78M macs"),
        ("latency_ms <= 1", "near to latency_ms=1: they have 2 to 9 latency_ms"),
        ("params <= 1", ""),
    ],
)
def test_a_point_to_be_near_to_lies_among_the_networks(text: str, said: str) -> None:
    point = Constraint.parse(text)
    if not said:
        require_near(point, ENDS, "tiny")
        return
    with pytest.raises(InputError) as refused:
        require_near(point, ENDS, "tiny")
    assert str(refused.value) == f"no network of 'tiny' is {said}"


def test_latencies_that_a_table_excludes_are_no_limits() -> None:
    class Table:
        ends = (2.0, 9.0)

    class Evaluator:
        latency_table = Table()

    assert known_ends(Evaluator()) == {"latency_ms": (2.0, 9.0)}
    require_reachable(parse_constraints("latency_ms <= 3"), known_ends(Evaluator()), "tiny")
    with pytest.raises(InputError, match=r"no network of 'tiny' keeps latency_ms <= 1: they have 2 to 9 latency_ms"):
        require_reachable(parse_constraints("latency_ms <= 1"), known_ends(Evaluator()), "tiny")


def test_nothing_is_counted_for_limits_on_scores() -> None:
    tiny = load_space("lighttrack-tiny")
    assert space_ends(tiny, parse_constraints("ao >= 0.5")) == {}
    ends: Mapping[str, tuple[float, float]] = space_ends(tiny, parse_constraints("macs <= 30M"))
    assert ends.keys() == {"macs", "params"}
