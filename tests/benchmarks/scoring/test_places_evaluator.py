"""A table of places answers as the sums of its tables do, and as the counter counts."""

from __future__ import annotations

import json
import pickle
from collections.abc import Callable

import numpy as np
import pytest

from lighttrack_nas.benchmarks.costs.cost_table import CostTable
from lighttrack_nas.benchmarks.scoring.place_scores import PlaceScores
from lighttrack_nas.benchmarks.scoring.places_evaluator import PlacesEvaluator
from lighttrack_nas.search_spaces.loading.loading import load_space
from lighttrack_nas.search_spaces.space import Space
from lighttrack_nas.trackers.base.errors import InputError

SPACE = load_space("lighttrack-table")
Make = Callable[..., PlaceScores]


@pytest.fixture(scope="module")
def evaluator(random_places: Make) -> PlacesEvaluator:
    return PlacesEvaluator(random_places(SPACE), CostTable(SPACE))


def test_a_network_s_loss_is_the_sum_over_its_places(evaluator: PlacesEvaluator) -> None:
    assert evaluator.measurements == ("nsr", "macs", "params")
    rng = np.random.default_rng(1)
    for _ in range(20):
        architecture = SPACE.sample(rng)
        found = evaluator.measure(architecture, evaluator.measurements)
        assert found["nsr"] == pytest.approx(evaluator.scores.by_place(architecture).sum())
        costs = evaluator.cost_table.costs(architecture)
        assert evaluator.costs(architecture) == {"macs": costs["macs"], "params": costs["params"]}
        assert found == {"nsr": found["nsr"]} | evaluator.costs(architecture)
        assert evaluator.measure(architecture, ["nsr"]) == {"nsr": found["nsr"]}
        # Genes without a say change nothing.
        assert evaluator.measure(architecture.path(), evaluator.measurements) == pytest.approx(found, rel=1e-12)
    assert evaluator.seconds(architecture) == 0


@pytest.mark.parametrize("name", ["nsr", "macs", "params"])
def test_factors_add_up(evaluator: PlacesEvaluator, name: str) -> None:
    for seed in range(5):
        architecture = SPACE.sample(np.random.default_rng(seed))
        index = {label: SPACE.labels[label].index(value) for label, value in architecture.choices.items()}
        total = sum(each.values[tuple(index[label] for label in each.labels)] for each in evaluator.factors(name))
        assert total == pytest.approx(evaluator.measure(architecture, [name])[name])


def test_the_record_says_what_decides_the_numbers(evaluator: PlacesEvaluator, random_places: Make) -> None:
    record = json.loads(json.dumps(evaluator.record()))
    assert (record["table"], record["space_hash"]) == (evaluator.scores.digest, SPACE.hash)
    assert PlacesEvaluator(random_places(SPACE, 1)).record() != record
    assert PlacesEvaluator(random_places(SPACE)).record() == record


@pytest.mark.parametrize("name", ["lighttrack-table", "few"])
def test_it_can_be_sent_to_another_process(name: str, random_places: Make, few: Space) -> None:
    space = few if name == "few" else SPACE
    before = PlacesEvaluator(random_places(space))
    architecture = space.sample(np.random.default_rng(2))
    found = before.measure(architecture, before.measurements)
    assert pickle.loads(pickle.dumps(before)).measure(architecture, before.measurements) == found  # noqa: S301 - made here


def test_foreign_tables_and_measurements_are_refused(evaluator: PlacesEvaluator, few: Space) -> None:
    with pytest.raises(InputError, match="unknown measurement of this table of places 'ao'; known: nsr, macs, params"):
        evaluator.measure(SPACE.sample(np.random.default_rng(0)), ["ao"])
    with pytest.raises(InputError, match="unknown measurement of this table of places 'loss'"):
        evaluator.factors("loss")
    with pytest.raises(InputError, match=r"expected a table of places, such as load_places\('FILE'\) gives, got 3"):
        PlacesEvaluator(3)
    with pytest.raises(InputError, match="the costs are of space 'few', the table of places of 'lighttrack-table'"):
        PlacesEvaluator(evaluator.scores, CostTable(few))
    for ask in (evaluator.costs, evaluator.seconds, lambda each: evaluator.measure(each, ["nsr"])):
        with pytest.raises(InputError, match="few"):
            ask(few.sample(np.random.default_rng(0)))
