"""Exact fronts of random spaces, with every kind of choice, against trying every network."""

from collections.abc import Callable
from itertools import product

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from lighttrack_nas.benchmarks.costs.cost_table import CostTable
from lighttrack_nas.benchmarks.scoring.place_scores import PlaceScores
from lighttrack_nas.benchmarks.sums.exact_fronts import Criterion, exact_front
from lighttrack_nas.search_spaces.loading.loading import parse_space
from lighttrack_nas.search_spaces.space import Architecture, Space
from lighttrack_nas.strategies.search.goals.hypervolume import non_dominated

from .spaces import Content, descriptions

CALM = [HealthCheck.too_slow, HealthCheck.data_too_large]
SMALL = 1_000


def networks(space: Space, seed: int) -> list[Architecture]:
    """All of a small space, very many of a large one."""
    if space.size.labels <= SMALL:
        return [Architecture(space, values) for values in product(*space.labels.values())]
    rng = np.random.default_rng(seed)
    return [space.sample(rng) for _ in range(SMALL)]


@pytest.mark.slow
@given(descriptions(), st.integers(0, 2**32 - 1))
@settings(deadline=None, max_examples=20, suppress_health_check=CALM)
def test_fronts_of_random_spaces(made_up_scores: Callable[..., PlaceScores], content: Content, seed: int) -> None:
    space = parse_space(content, "drawn")
    assume(space.size.labels <= 1e9)
    table = CostTable(space)
    scores = made_up_scores(table, seed)
    every = networks(space, seed)
    nsr, macs, params = (
        Criterion(factors) for factors in (scores.factors, table.factors("macs"), table.factors("params"))
    )
    values = np.stack(
        [[scores.score(each) for each in every], *(table.bulk(every)[name] for name in ("macs", "params"))]
    )
    middle = float(np.median(values[2]))
    cases: list[tuple[list[Criterion], list[int]]] = [
        ([nsr], [0]),
        ([nsr, macs], [0, 1]),
        ([nsr, params._replace(largest=middle)], [0, 2]),
        ([nsr, params._replace(largest=middle, is_objective=False), macs], [0, 1]),
        ([nsr, macs, params], [0, 1, 2]),
    ]
    for criteria, columns in cases:
        found = exact_front(space, criteria)
        kept = values[2] <= min(each.largest for each in criteria)
        wanted = values[columns][:, kept].T.round(9)
        for point in np.unique(wanted, axis=0):
            assert (found.values <= point + 1e-9).all(axis=1).any()
        if len(every) == space.size.labels:
            expected = np.unique(wanted, axis=0)
            assert np.array_equal(found.values.round(9), expected[non_dominated(expected)])
        for architecture, point in zip(found.architectures, found.values, strict=True):
            costs = table.costs(architecture)
            own = [scores.score(architecture), costs["macs"], costs["params"]]
            assert [own[column] for column in columns] == pytest.approx(point.tolist(), abs=1e-9)
            assert space.contains(architecture.canonical())
