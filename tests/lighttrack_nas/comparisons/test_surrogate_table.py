"""A sample of a table with regressors between: exact where exact is possible, and honest about the rest."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import kendalltau

from lighttrack_nas.benchmarks.costs.cost_table import CostTable
from lighttrack_nas.benchmarks.scoring.tabular_benchmark import BenchmarkTable
from lighttrack_nas.comparisons.surrogate_table import SurrogateEvaluator
from lighttrack_nas.search_spaces.enumeration import paths
from lighttrack_nas.search_spaces.loading.loading import load_space
from lighttrack_nas.trackers.base.errors import InputError

pytest.importorskip("sklearn")

SPACE = load_space("lighttrack-table")
ALL = list(paths(SPACE))


@pytest.fixture(scope="module")
def truth() -> dict[str, np.ndarray]:
    """Scores that are sums over choices, and exact costs."""
    rng = np.random.default_rng(0)
    weights = {(label, value): rng.normal() for label, values in SPACE.labels.items() for value in values}
    ao = np.array([sum(weights[choice] for choice in row.choices.items()) for row in ALL])
    return {"ao": ao, "macs": CostTable(SPACE).bulk(ALL)["macs"].astype(float), "noise": rng.random(len(ALL))}


@pytest.fixture(scope="module")
def surrogate(truth: dict[str, np.ndarray]) -> SurrogateEvaluator:
    rows = np.random.default_rng(1).choice(len(ALL), 300, replace=False)
    columns = {name: values[rows] for name, values in truth.items()} | {"seconds": np.full(len(rows), 2.0)}
    return SurrogateEvaluator(BenchmarkTable(SPACE, [ALL[row] for row in rows], columns, {}))


def test_a_surrogate_predicts_as_well_as_cross_validation_promised(
    surrogate: SurrogateEvaluator, truth: dict[str, np.ndarray]
) -> None:
    measured = set(surrogate.table.architectures)
    others = [row for row in range(len(ALL)) if ALL[row] not in measured][:200]
    predicted = [surrogate.measure(ALL[row], ["ao", "macs"]) for row in others]
    assert [found["macs"] for found in predicted] == truth["macs"][others].tolist()
    tau = kendalltau(truth["ao"][others], [found["ao"] for found in predicted]).statistic
    # What cross-validation promises, and what is kept.
    assert tau > 0.7
    assert surrogate.held_out_tau["ao"] == pytest.approx(tau, abs=0.1)
    assert abs(surrogate.held_out_tau["noise"]) < 0.2
    assert surrogate.seconds(ALL[others[0]]) == pytest.approx(2.0)
    for architecture in surrogate.table.architectures[:20]:
        assert surrogate.measure(architecture, ["ao"])["ao"] == surrogate.table.values(architecture)["ao"]


def test_it_is_called_what_it_is(surrogate: SurrogateEvaluator) -> None:
    assert "a sample of 300 paths: a surrogate answers for the others" in surrogate.summary()
    assert surrogate.record()["evaluator"] == "surrogate of a table"
    assert surrogate.costs(ALL[0]).keys() == {"macs"}


def test_a_surrogate_refuses_what_its_table_cannot_tell(surrogate: SurrogateEvaluator) -> None:
    with pytest.raises(InputError, match="unknown measurement of this table 'loss'"):
        surrogate.measure(ALL[0], ["loss"])
    with pytest.raises(InputError, match="of space 'lighttrack-tiny'"):
        surrogate.measure(load_space("lighttrack-tiny").sample(np.random.default_rng(0)), ["ao"])
    with pytest.raises(InputError, match="needs 10 measured architectures or more, the table has 3"):
        SurrogateEvaluator(BenchmarkTable(SPACE, ALL[:3], {"ao": [1.0, 2.0, 3.0]}, {}))
