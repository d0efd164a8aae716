"""Counting figures over networks, with intervals and tests against uniform draws of their space."""

from __future__ import annotations

from collections.abc import Callable
from itertools import chain
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import false_discovery_control

from lighttrack_nas.counts.network_features import Features
from lighttrack_nas.reporting.intervals import share_test

FEWEST_NETWORKS = 6
"""With fewer there is no interval of a mean, or of a share of blocks: not even unanimous networks would decide, since
2 / 2^5 is more than 0.05, 2 / 2^6 less."""
SIGNIFICANT = 0.05
LEGEND = f"""\
front: the figure of the front's networks; interval: its 95 % interval ("too few": under {FEWEST_NETWORKS} networks)
space: the same figure of uniform draws of the space, exact
p: how often uniform draws come as far from the space's figure, corrected for all figures (Benjamini-Hochberg)
front has: more or less than the space where p < {SIGNIFICANT}; of these about one in twenty is chance;
  perhaps more or less where only the interval, which is not corrected, leaves the space's figure out
Networks of one search descend from each other, so that intervals and p are rather too sure."""
"""What the columns of `Counter.table` mean, for whoever reads it."""
_RESAMPLES = 2_000


class Counter:
    """Counts figures of a front's networks, each with its interval, and against its space.

    Args:
        front: What is counted of the networks, at least one.
        rng: Of the bootstrap.

    Attributes:
        rows: A row a figure, without what all of them together decide; see `table`.
    """

    def __init__(self, front: list[Features], rng: np.random.Generator) -> None:
        self._front = front
        # The same resamples for every row, so that a row does not depend on the rows before it.
        self._resamples = rng.integers(len(front), size=(_RESAMPLES, len(front)))
        self.rows: list[dict[str, Any]] = []

    def of_blocks(self, name: str, value: float | str, prior: float) -> None:
        """Share of the blocks whose kernel, expansion or operation is `value`."""
        shown = value if isinstance(value, str) else f"{value:g}"
        listed = [list(chain(*features.blocks[name].values())) for features in self._front]
        self._of_listed(name, shown, "share of blocks", listed, value, prior)

    def of_layers(self, tower: str, width: str, prior: float) -> None:
        """Share of a tower's layers that have a width of their own."""
        listed = [features.layer_widths.get(tower, []) for features in self._front]
        self._of_listed(f"{tower} width", width, "share of layers", listed, width, prior)

    def of_networks(self, name: str, value: str, test: Callable[[Features], bool | None], prior: float) -> None:
        """Share of the networks that pass a test, among those of which it can be asked."""
        answers = [answer for answer in map(test, self._front) if answer is not None]
        if answers:
            hits, total = sum(answers), len(answers)
            self._add(name, value, "share of networks", hits / total, *share_test(hits, total, prior), prior)

    def mean(self, name: str, value: str, number: Callable[[Features], float | None], prior: float) -> None:
        """Mean of a number over the networks that have it."""
        found = [number(features) for features in self._front]
        there = np.array([each is not None for each in found])
        if not there.any():
            return
        numbers = np.array([0.0 if each is None else each for each in found])
        totals = there[self._resamples].sum(1)
        means = numbers[self._resamples].sum(1)[totals > 0] / totals[totals > 0]
        total = int(there.sum())
        self._add(name, value, "mean layers", numbers.sum() / total, *_bootstrapped(means, prior, total), prior)

    def _of_listed(
        self, name: str, shown: str, measure: str, listed: list[Any], value: float | str, prior: float
    ) -> None:
        hits = np.array([values.count(value) for values in listed])
        totals = np.array([len(values) for values in listed])
        sums = totals[self._resamples].sum(1)
        if not totals.sum():
            return
        shares = hits[self._resamples].sum(1)[sums > 0] / sums[sums > 0]
        test = _bootstrapped(shares, prior, int((totals > 0).sum()))
        self._add(name, shown, measure, hits.sum() / totals.sum(), *test, prior)

    def _add(
        self, name: str, value: str, measure: str, front: float, low: float, high: float, p: float, prior: float
    ) -> None:
        row = {"property": name, "value": value, "measure": measure}
        numbers = {"front": float(front), "low": low, "high": high, "space": float(prior), "p": p}
        self.rows.append(row | numbers)

    def table(self) -> pd.DataFrame:
        """All rows, with p corrected for their number, and the verdicts."""
        table = pd.DataFrame(self.rows)
        tested = table["p"].notna()
        table["p_corrected"] = np.nan
        if tested.any():
            table.loc[tested, "p_corrected"] = false_discovery_control(table.loc[tested, "p"])
        sure = np.where(table["p_corrected"] < SIGNIFICANT, "", "perhaps ")
        # Where there is no interval, nothing lies outside it.
        side = np.select([table["space"] < table["low"], table["space"] > table["high"]], ["more", "less"], "")
        table["differs"] = [f"{how}{where}" if where else "" for how, where in zip(sure, side, strict=True)]
        return table


def _bootstrapped(resampled: np.ndarray, prior: float, networks: int) -> tuple[float, float, float]:
    """The 95 % interval of resampled figures, and the p that belongs to it; NaN for too few networks."""
    if networks < FEWEST_NETWORKS:
        return float("nan"), float("nan"), float("nan")
    low, high = np.quantile(resampled, (0.025, 0.975)).tolist()
    tail = min((resampled <= prior).mean(), (resampled >= prior).mean())
    # Resamples of networks that agree do not vary; by their signs alone they are no surer than this.
    p = min(1.0, max(2 * float(tail), 1 / len(resampled), 2.0 ** (1 - networks)))
    return low, high, p
