"""A sample of a space's table, with regressors for the architectures between: a surrogate of a tabular benchmark."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import numpy as np

from lighttrack_nas.benchmarks.costs.measured_costs import costing
from lighttrack_nas.benchmarks.scoring.tabular_benchmark import COSTS, SECONDS, BenchmarkTable
from lighttrack_nas.search_spaces.space import Architecture
from lighttrack_nas.strategies.search.samplers.surrogate import FOLDS, Regressor, fit_surrogate, one_hot
from lighttrack_nas.trackers.base.errors import InputError
from lighttrack_nas.trackers.base.names import checked_name

_EXACT = ("macs", "params")


class SurrogateEvaluator:
    """Answers for every architecture of a space of which a sample was measured.

    What was measured is looked up, MACs and parameters are exact sums, all else is predicted from the choices.

    Args:
        table: The sample.
        kind: Which regressor.
        seed: Of the regressors, from 0 to 2**32 - 1.

    Attributes:
        table: As given.
        space: The table's.
        measurements: The table's.
        inherits_weights: True: rows are paths.
        held_out_tau: Kendall's rank correlation of each predicted measurement between what was measured and what is
            predicted without it (cross-validation).

    Raises:
        InputError: scikit-learn is missing, or the sample is too small to fit on.
    """

    inherits_weights = True

    def __init__(self, table: BenchmarkTable, kind: Regressor = "gradient-boosting", seed: int = 0) -> None:
        if len(table) < 2 * FOLDS:
            raise InputError(
                f"a surrogate needs {2 * FOLDS} measured architectures or more, the table has {len(table)}"
            )
        self.table, self.space, self.measurements = table, table.space, table.measurements
        self._kind, self._seed = kind, seed
        features = one_hot(self.space, table.architectures, "path")
        names = [name for name in table.columns if name not in _EXACT]
        self._models = {name: fit_surrogate(features, table.columns[name], kind, seed) for name in names}
        self.held_out_tau = {name: model.tau for name, model in self._models.items() if name != SECONDS}
        self._costs = costing(self.space)
        self._measured = set(table.architectures)

    def costs(self, architecture: Architecture) -> dict[str, float]:
        """Those of "macs", "params" and "latency_ms" that the table has."""
        return self.measure(architecture, [name for name in COSTS if name in self.measurements])

    def measure(self, architecture: Architecture, names: Collection[str]) -> dict[str, float]:
        """Look up or predict measurements.

        Raises:
            InputError: The table lacks one of the names, or the architecture is of another space.
        """
        self.space.require(architecture)
        for name in names:
            checked_name(name, self.measurements, "measurement of this table")
        if architecture.path() in self._measured:
            return {name: value for name, value in self.table.values(architecture).items() if name in names}
        exact = self._costs.costs(architecture) if {*_EXACT} & {*names} else {}
        return {name: float(exact[name]) if name in exact else self._predicted(architecture, name) for name in names}

    def seconds(self, architecture: Architecture) -> float:
        """What measuring the architecture would take; 0.0 where the table does not say."""
        return max(self._predicted(architecture, SECONDS), 0.0) if SECONDS in self._models else 0.0

    def summary(self) -> str:
        """Say what the answers are, and how well they rank."""
        taus = ", ".join(f"{name} {tau:.2f}" for name, tau in self.held_out_tau.items())
        return (
            f"the table is a sample of {len(self.table)} paths: a surrogate answers for the others; its held-out rank "
            f"correlation (Kendall's tau): {taus or 'none is predicted'}"
        )

    def record(self) -> dict[str, Any]:
        """What the answers come from, JSON-able."""
        return {
            "evaluator": "surrogate of a table",
            "space": self.space.name,
            "space_hash": self.space.hash,
            "table": self.table.digest,
            "rows": len(self.table),
            "regressor": self._kind,
            "seed": self._seed,
            "held_out_tau": {name: None if np.isnan(tau) else tau for name, tau in self.held_out_tau.items()},
        }

    def _predicted(self, architecture: Architecture, name: str) -> float:
        return float(self._models[name].predict(one_hot(self.space, [architecture], "path"))[0])
