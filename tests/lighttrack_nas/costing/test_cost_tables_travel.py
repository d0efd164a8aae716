"""Cost tables go to other processes, as evaluators that hold one must."""

import pickle
from functools import partial
from pathlib import Path

import numpy as np
import pytest

import lighttrack_nas as ltn
from lighttrack_nas.benchmarks.costs.cost_table import CostTable
from lighttrack_nas.trackers.base.processes import fresh_process

TINY = ltn.load_space("lighttrack-tiny")
ARCHITECTURE = TINY.sample(np.random.default_rng(0))


def test_a_loaded_cost_table_pickles() -> None:
    table = ltn.load_cost_table(TINY)
    again = pickle.loads(pickle.dumps(table))  # noqa: S301 - made here
    assert again.costs(ARCHITECTURE) == table.costs(ARCHITECTURE)


@pytest.mark.slow
def test_a_loaded_cost_table_answers_in_a_spawned_worker() -> None:
    table = ltn.load_cost_table(TINY)
    with fresh_process() as process:
        found = process.submit(partial(CostTable.costs, table, ARCHITECTURE)).result()
    assert found == table.costs(ARCHITECTURE)


@pytest.mark.slow
def test_workers_search_with_a_loaded_cost_table(tmp_path: Path, random_places) -> None:
    evaluator = ltn.PlacesEvaluator(random_places(TINY), ltn.load_cost_table(TINY))
    result = ltn.search(
        TINY,
        evaluator=evaluator,
        strategy="random",
        objectives=["nsr", "macs"],
        n_trials=4,
        workers=2,
        output=tmp_path,
    )
    assert len(result.trials) == 4
