"""From trials to networks, and from networks to those on a front."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from lighttrack_nas.strategies.search.goals.hypervolume import non_dominated
from lighttrack_nas.strategies.search.goals.objectives import (
    MEASUREMENTS,
    Constraint,
    Objective,
    short_number,
    total_violation,
)
from lighttrack_nas.trackers.base.errors import InputError

COSTS = ("macs", "params")
"""Measurements that are exact, so that all trials of a network have the same."""


def network_table(trials: pd.DataFrame, constraints: Sequence[Constraint]) -> pd.DataFrame:
    """Gather trials into networks: the mean over a network's paths, and their spread.

    Copies of earlier trials count once; a path measured in several runs is first averaged over these.

    Args:
        trials: As `Result.trials`.
        constraints: To judge the means by.

    Returns:
        A row a network, in the order of their first trials; columns as in `Front`.
    """
    names = [name for name in MEASUREMENTS if name in trials]
    measured = trials[trials["copied_from"].isna()]
    groups = measured.groupby("network", sort=False)
    paths = measured.groupby(["network", "path"], sort=False)[names].mean().groupby("network", sort=False)
    means, low, high = paths.mean(), paths.min(), paths.max()
    columns: dict[str, pd.Series] = {}
    for name in names:
        columns[name] = groups[name].first() if name in COSTS else means[name]
        if name not in COSTS:
            columns |= {f"{name}_low": low[name], f"{name}_high": high[name]}
    columns["paths"] = groups["path"].nunique()
    places = trials["run"] + "#" + trials["trial"].astype(str)
    columns["trials"] = places.groupby(trials["network"], sort=False).agg(", ".join)
    table = pd.DataFrame(columns, index=pd.Index(measured["network"].unique(), name="network")).reset_index()
    judged = [judge(constraints, row) for row in records(table[names])]
    return table.assign(
        feasible=pd.Series([feasible for feasible, _ in judged], dtype=bool),
        violation=pd.Series([violation for _, violation in judged], dtype=float),
        trials=table.pop("trials"),
    )


def judge(constraints: Sequence[Constraint], measurements: Mapping[str, float]) -> tuple[bool, float]:
    """Whether measurements keep all constraints, and the sum of the parts by which they break them.

    Something not measured (missing or NaN) keeps no limit, but adds nothing to the sum.
    """
    known = {name: float(value) for name, value in measurements.items() if pd.notna(value)}
    violation = total_violation(constraints, known)
    return violation == 0 and all(constraint.name in known for constraint in constraints), violation


def front_rows(
    networks: pd.DataFrame, objectives: Sequence[Objective], constraints: Sequence[Constraint]
) -> tuple[pd.DataFrame, str]:
    """Choose the rows on the front.

    Returns:
        The rows, by rising costs, and the front's note. Where no network keeps the constraints: those that break them
        least.
    """
    names = [objective.name for objective in objectives]
    whole = networks.dropna(subset=names)
    if whole.empty:
        return whole, "no network has been measured yet"
    note = ""
    rows = whole[whole["feasible"].astype(bool)]
    if rows.empty:
        rows = whole[whole["violation"] == whole["violation"].min()]
        limits = " and ".join(map(str, constraints))
        note = f"no network found keeps {limits}; the nearest has {broken_text(constraints, records(rows)[0])}"
    signs = np.array([objective.sign for objective in objectives])
    order = [*(name for name in COSTS if name in rows), *names]
    return rows[non_dominated(rows[names].to_numpy(float) * signs)].sort_values(order, ignore_index=True), note


def broken_text(constraints: Sequence[Constraint], measurements: Mapping[str, float]) -> str:
    """The limits that measurements break, each with the value and how far it is off; "" where all are kept."""
    parts = []
    for limit in constraints:
        value = float(measurements.get(limit.name, float("nan")))
        if pd.isna(value):
            parts.append(f"{limit.name} not measured")
        elif limit.violation({limit.name: value}) > 0:
            parts.append(f"{limit.name} {shown_number(limit.name, value)}, {_excess(limit, value)}")
    return " and ".join(parts)


def shown_number(name: str, value: float) -> str:
    """A measurement in a sentence: "46.2M" of MACs, "0.6120" of scores."""
    return short_number(value) if name in COSTS else f"{value:.4f}"


def _excess(constraint: Constraint, value: float) -> str:
    """By how much a value breaks a limit, in words that read well whether it is a little or a lot."""
    times = value / constraint.limit
    if times >= 2:
        return f"{short_number(times)} times the limit"
    if times <= 0.5:
        return f"{times:.2g} of the limit"
    return f"{abs(times - 1):.1%} {'above' if times > 1 else 'below'} the limit"


def records(table: pd.DataFrame) -> list[dict[str, Any]]:
    """The rows of a table, each by the names of its columns."""
    return [{str(name): value for name, value in row.items()} for row in table.to_dict("records")]


def require_measured(name: str, measured: Sequence[str], latency_problem: str = "") -> None:
    """Check that something was measured, and can be compared.

    Raises:
        InputError: It was not, or cannot.
    """
    if name == "latency_ms" and latency_problem:
        raise InputError(latency_problem)
    if name not in measured:
        raise InputError(f"'{name}' was not measured here; measured are {', '.join(measured)}")
