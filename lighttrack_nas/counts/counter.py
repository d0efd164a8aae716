"""Counting figures over networks, with intervals and tests against uniform draws of their space."""

from __future__ import annotations

from collections.abc import Callable
from itertools import chain
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import false_discovery_control, t

from lighttrack_nas.counts.network_features import Features
from lighttrack_nas.reporting.intervals import share_test

FEWEST_NETWORKS = 6
"""With fewer there is no interval of a mean, or of a share of blocks: not even unanimous networks would decide, since
2 / 2^5 is more than 0.05, 2 / 2^6 less."""
SIGNIFICANT = 0.05
_ROUNDING = 1e-12
LEGEND = f"""\
front: the figure of the front's networks; interval: its 95 % interval ("too few": under {FEWEST_NETWORKS} networks)
space: the same figure of uniform draws of the space, exact
p: how often uniform draws come as far from the space's figure, corrected for all figures (Benjamini-Hochberg)
front has: more or less than the space where p < {SIGNIFICANT}; of these about one in twenty is chance;
  perhaps more or less where only the interval, which is not corrected, leaves the space's figure out
Networks of one search descend from each other, so that intervals and p are rather too sure."""
"""What the columns of `Counter.table` mean, for whoever reads it."""


class Counter:
    """Counts figures of a front's networks, each with its interval, and against its space.

    Args:
        front: What is counted of the networks, at least one.

    Attributes:
        rows: A row a figure, without what all of them together decide; see `table`.
    """

    def __init__(self, front: list[Features]) -> None:
        self._front = front
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
        amounts = [amount for amount in map(number, self._front) if amount is not None]
        if amounts:
            self._of_sums(name, value, "mean layers", np.array(amounts, float), np.ones(len(amounts)), prior)

    def _of_listed(
        self, name: str, shown: str, measure: str, listed: list[Any], value: float | str, prior: float
    ) -> None:
        some = [values for values in listed if values]
        if some:
            hits = np.array([values.count(value) for values in some], float)
            self._of_sums(name, shown, measure, hits, np.array([len(values) for values in some], float), prior)

    def _of_sums(self, name: str, value: str, measure: str, hits: np.ndarray, totals: np.ndarray, prior: float) -> None:
        """A ratio of sums over networks, which are independent where the blocks of one network are not."""
        ratio, networks = float(hits.sum() / totals.sum()), len(hits)
        low = high = p = float("nan")
        if networks >= FEWEST_NETWORKS:
            # The ratio's standard error (Cochran 1977, 6.3): what networks differ by from it.
            rest = hits - ratio * totals
            error = float(np.sqrt(networks / (networks - 1) * (rest @ rest)) / totals.sum())
            reach = float(t.ppf(0.975, networks - 1)) * error
            low, high = ratio - reach, ratio + reach
            if measure != "mean layers":
                low, high = max(low, 0.0), min(high, 1.0)
            # Networks that agree have no error; by their signs alone they are no surer than this.
            p = max(_two_sided(ratio - prior, error, networks), 2.0 ** (1 - networks))
        self._add(name, value, measure, ratio, low, high, p, prior)

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
        outside = table["p"] < SIGNIFICANT
        side = np.select(
            [outside & (table["space"] < table["low"]), outside & (table["space"] > table["high"])],
            ["more", "less"],
            "",
        )
        table["differs"] = [f"{how}{where}" if where else "" for how, where in zip(sure, side, strict=True)]
        return table


def _two_sided(difference: float, error: float, networks: int) -> float:
    """Student's p of a difference; what differs without any error is 0, and what is equal 1."""
    if error < _ROUNDING:
        return float(abs(difference) < _ROUNDING)
    return float(2 * t.sf(abs(difference) / error, networks - 1))
