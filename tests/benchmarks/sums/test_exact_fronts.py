"""Exact fronts against trying every network: objectives, limits, tolerances, a large space."""

from collections.abc import Callable, Sequence
from itertools import product
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lighttrack_nas.benchmarks.costs.cost_table import CostTable
from lighttrack_nas.benchmarks.scoring.place_scores import PlaceScores
from lighttrack_nas.benchmarks.sums.elimination import Factor
from lighttrack_nas.benchmarks.sums.exact_fronts import Criterion, exact_front
from lighttrack_nas.benchmarks.sums.joint_choices import joined
from lighttrack_nas.search_spaces.loading.loading import load_space
from lighttrack_nas.search_spaces.space import Architecture, Space
from lighttrack_nas.strategies.search.goals.hypervolume import non_dominated
from lighttrack_nas.trackers.base.errors import InputError

LABELS = {"stage1-block0": 2, "stage1-block1": 2, "stage3-block0": 2, "output": 2, "reg-width": 2, "reg-layer1": 2}


def sums(space: Space, factors: Sequence[Factor], numbers: np.ndarray) -> np.ndarray:
    """The sum of tables for every row of numbers of candidates."""
    columns = {label: numbers[:, index] for index, label in enumerate(space.labels)}
    total = np.zeros(len(numbers))
    for factor in factors:
        total = total + factor.values[tuple(columns[label] for label in factor.labels)]
    return total


def everything(space: Space) -> np.ndarray:
    return np.array(list(product(*(range(len(values)) for values in space.labels.values()))), np.int64)


def numbers_of(space: Space, architectures: Sequence[Architecture]) -> np.ndarray:
    indices = [[v.index(x) for v, x in zip(space.labels.values(), a.values, strict=True)] for a in architectures]
    return np.array(indices, np.int64).reshape(len(architectures), len(space.labels))


def true_front(space: Space, criteria: Sequence[Criterion], numbers: np.ndarray) -> np.ndarray:
    """The different values of the front, by trying everything."""
    kept = np.ones(len(numbers), bool)
    for criterion in criteria:
        kept &= sums(space, criterion.factors, numbers).round(6) <= criterion.largest
    objectives = [sums(space, each.factors, numbers[kept]) for each in criteria if each.is_objective]
    values = np.unique(np.stack(objectives, axis=1).round(6), axis=0)
    return values[non_dominated(values)]


@st.composite
def criteria(draw: st.DrawFn) -> list[Criterion]:
    """Sums of tables that share some choices; fractions are quarters, so that they add up exactly."""
    found = []
    objectives = draw(st.integers(1, 3))
    for number in range(objectives + draw(st.integers(0, 2))):
        factors = []
        step: Any = draw(st.sampled_from((1, 0.25)))
        for _ in range(draw(st.integers(1, 5))):
            labels = tuple(draw(st.lists(st.sampled_from(sorted(LABELS)), max_size=3, unique=True)))
            shape = [LABELS[label] for label in labels]
            count = int(np.prod(shape))
            values = draw(st.lists(st.integers(-4, 9), min_size=count, max_size=count))
            factors.append(Factor(labels, step * np.array(values, np.int64).reshape(shape)))
        is_objective = number < objectives
        largest = draw(st.sampled_from((np.inf, 0, 3, 6.5, 9))) if not is_objective or draw(st.booleans()) else np.inf
        found.append(Criterion(factors, largest, is_objective))
    return draw(st.permutations(found))


@pytest.mark.slow
@given(criteria())
@settings(deadline=None, max_examples=100)
def test_the_front_of_everything(few: Space, wanted: list[Criterion]) -> None:
    found = exact_front(few, wanted)
    expected = true_front(few, wanted, everything(few))
    assert np.array_equal(np.unique(found.values, axis=0), expected)
    assert len(found.values) == len(expected) == len(found.architectures)
    numbers = numbers_of(few, found.architectures)
    for column, each in enumerate(each for each in wanted if each.is_objective):
        assert np.array_equal(sums(few, each.factors, numbers), found.values[:, column])
    for each in wanted:
        assert (sums(few, each.factors, numbers) <= each.largest).all()


@given(criteria(), st.floats(0.001, 0.6))
@settings(deadline=None, max_examples=100)
def test_what_a_tolerance_promises(few: Space, wanted: list[Criterion], tolerance: float) -> None:
    found = exact_front(few, wanted, tolerance)
    every = everything(few)
    expected = true_front(few, wanted, every)
    assert bool(len(found.values)) == bool(len(expected))
    assert non_dominated(found.values).all()
    objectives = [each for each in wanted if each.is_objective]
    room = np.array([tolerance * np.ptp(sums(few, each.factors, every)) for each in objectives])
    room[[each.largest < np.inf for each in objectives]] = 0
    for point in expected:
        assert (found.values <= point + room + 1e-9).all(axis=1).any()
    numbers = numbers_of(few, found.architectures)
    for each in wanted:
        assert (sums(few, each.factors, numbers) <= each.largest).all()


def test_a_space_without_a_choice(fixed: Space) -> None:
    table = CostTable(fixed)
    macs = Criterion(table.factors("macs"))
    found = exact_front(fixed, [macs])
    assert found.values.tolist() == [[table.costs(found.architectures[0])["macs"]]]
    assert exact_front(fixed, [macs._replace(largest=found.values[0, 0] - 1)]).architectures == ()


def test_the_front_of_a_large_space(made_up_scores: Callable[..., PlaceScores]) -> None:
    """2.2e17 networks: ends are the tables' extremes, and nobody drawn at random lies in front of the front."""
    space = load_space("lighttrack")
    table = CostTable(space)
    scores = made_up_scores(table)
    macs = table.factors("macs")
    found = exact_front(space, [Criterion(scores.factors), Criterion(macs)])
    assert len(found.architectures) > 50
    assert (np.diff(found.values[:, 0]) > 0).all()
    assert (np.diff(found.values[:, 1]) < 0).all()
    assert found.values[-1, 1] == table.costs(table.extremes("macs").cheapest)["macs"]
    least = exact_front(space, [Criterion(scores.factors)])
    assert found.values[0, 0] == least.values[0, 0]
    for architecture, values in zip(found.architectures, found.values, strict=True):
        assert scores.score(architecture) == pytest.approx(values[0], abs=1e-9)
        assert table.costs(architecture)["macs"] == values[1]
    rng = np.random.default_rng(0)
    numbers = rng.integers([len(values) for values in space.labels.values()], size=(2_000, len(space.labels)))
    drawn = np.stack([sums(space, each, numbers) for each in (scores.factors, macs)], axis=1)
    assert (found.values[None] <= drawn[:, None] + [1e-9, 0]).all(axis=2).any(axis=1).all()


def test_limits_that_nobody_keeps(few: Space) -> None:
    table = CostTable(few)
    found = exact_front(few, [Criterion(table.factors("params")), Criterion(table.factors("macs"), 10.0, False)])
    assert found.architectures == ()
    assert found.values.shape == (0, 1)


@pytest.mark.parametrize(
    ("wanted", "tolerance", "said"),
    [
        ([], 0.0, "one objective or more"),
        ([Criterion([], 1.0, False)], 0.0, "one objective or more"),
        ([Criterion([Factor((), np.array(1))])], -0.1, "0 to 1 expected"),
        ([Criterion([Factor((), np.array(1))])], float("nan"), "0 to 1 expected"),
        ([Criterion([Factor((), np.array(1e8))])], 0.0, "added exactly"),
    ],
)
def test_impossible_questions_are_refused(few: Space, wanted: list[Criterion], tolerance: float, said: str) -> None:
    with pytest.raises(InputError, match=said):
        exact_front(few, wanted, tolerance)


def test_choices_that_stand_together_are_one() -> None:
    rng = np.random.default_rng(0)
    tables = {
        ("a", "b", "c"): rng.integers(9, size=(2, 3, 4, 2)),
        ("a", "c"): rng.integers(9, size=(2, 4, 2)),
        ("b",): rng.integers(9, size=(3, 2)),
        ("a", "d"): rng.integers(9, size=(2, 5, 2)),
    }
    left, (choice,) = joined(tables)
    assert set(left) == {("a", "b and c"), ("a", "d")}
    for a, b, c in np.ndindex(2, 3, 4):
        index = np.ravel_multi_index((b, c), (3, 4))
        whole = tables["a", "b", "c"][a, b, c] + tables["a", "c"][a, c] + tables["b",][b]
        assert (left["a", "b and c"][a, index] == whole).all()
        assert {label: int(value) for label, value in choice.apart(np.array(index)).items()} == {"b": b, "c": c}
