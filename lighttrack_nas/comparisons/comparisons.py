"""What a comparison of search strategies found: curves, a table, tests between strategies."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from itertools import combinations

import numpy as np
import pandas as pd

from lighttrack_nas.comparisons.effects import effect, holm, rank_test
from lighttrack_nas.comparisons.power import ALPHA, Power, power_of, seeds_needed
from lighttrack_nas.comparisons.scales import Scale
from lighttrack_nas.results.front_growth import distance_to_front, growth
from lighttrack_nas.strategies.search.goals.objectives import Constraint

INDICATORS = ("hypervolume", "distance", "best")
"""Columns of `Comparison.raw` that say how far a run had come."""
DIFFER, NOT_TOLD_APART, TOO_FEW_SEEDS = "differ", "not told apart", "too few seeds to tell"
VERDICTS = (DIFFER, NOT_TOLD_APART, TOO_FEW_SEEDS)
"""Of a pair of strategies. "Not told apart" proves nothing alike: `Comparison.power` says what is found."""
_WORST = 1e300
"""Stands for what a run has not: larger than any figure, and yet a number, of which quartiles can be taken."""
PAIR_COLUMNS = ["first", "second", "p", "p_holm", "a12", "a12_low", "a12_high", "verdict", "seeds_needed"]


class Comparison:
    """Runs of several strategies on one evaluator.

    Args:
        trials: A row a completed trial, in the order of each run: `strategy`, `seed`, `trial`, `evaluations` (trials so
            far that were measured rather than copied), `seconds` (so far, proposals included), the measurements,
            `feasible`.
        scale: How values are measured.
        share: The share of the best known front's hypervolume that runs are timed to.
        under: A constraint for the best value of the first objective.

    Attributes:
        raw: `trials`, with the indicators after each trial: `hypervolume` (a share of the best known front's),
            `distance` (IGD+ to that front, on the scale), `best` (of the first objective, under the constraints and
            `under`; NaN before there is one).
        strategies: Names, in the order of their coming.
    """

    def __init__(self, trials: pd.DataFrame, scale: Scale, share: float, under: Constraint | None = None) -> None:
        self.scale, self.share, self.under = scale, share, under
        self.strategies: list[str] = list(dict.fromkeys(trials["strategy"]))
        runs = [self._measured(run) for _, run in trials.groupby(["strategy", "seed"], sort=False)]
        self.raw = pd.concat(runs, ignore_index=True)

    def _measured(self, run: pd.DataFrame) -> pd.DataFrame:
        objectives = self.scale.objectives
        signed = np.stack([o.sign * run[o.name].to_numpy(float) for o in objectives], axis=1)
        feasible = run["feasible"].to_numpy(bool)
        grown = growth(self.scale.scaled(signed), feasible, np.ones(len(objectives)), self.scale.front)
        counted = feasible
        if self.under is not None:
            limits = [self.under.violation({self.under.name: v}) <= 0 for v in run[self.under.name]]
            counted = feasible & np.array(limits)
        first = np.minimum.accumulate(np.where(counted, signed[:, 0], np.inf))
        best = np.where(np.isfinite(first), objectives[0].sign * first, np.nan)
        volume = self.scale.volume
        share = grown.hypervolume / volume if volume > 0 else np.zeros(len(run))
        return run.assign(hypervolume=share, distance=grown.distance, best=best)

    def curve(self, strategy: str, indicator: str, axis: str = "evaluations", points: int = 200) -> pd.DataFrame:
        """How an indicator grew over a strategy's seeds.

        Args:
            strategy: Its name.
            indicator: Of `INDICATORS`.
            axis: "evaluations" or "seconds".
            points: How many, from 0 to where the longest of its runs ended.

        Returns:
            Columns `x`, `median`, `low` and `high` (the quartiles over the seeds). What a run found stays found: one
            that ended earlier keeps its last value, so that the curve ends at the table's figures. Before its first
            trial a run has a hypervolume of 0, and counts as worse than all by the others; NaN where that is the
            quartile, and no row where it is the median.
        """
        runs = [run for _, run in self.raw[self.raw["strategy"] == strategy].groupby("seed")]
        end = max(float(run[axis].iloc[-1]) for run in runs)
        x = np.arange(1, int(end) + 1, dtype=float) if axis == "evaluations" else np.linspace(0, end, points)
        first = self.scale.objectives[0]
        nothing = {"hypervolume": 0.0, "distance": _WORST, "best": first.sign * _WORST}[indicator]
        columns = []
        for run in runs:
            # The last trial that had ended by then.
            places = np.searchsorted(run[axis].to_numpy(float), x, side="right") - 1
            values = run[indicator].to_numpy(float)
            values = np.where(np.isfinite(values), values, nothing)
            columns.append(np.where(places >= 0, values[np.maximum(places, 0)], nothing))
        quartiles = np.percentile(np.stack(columns), [25, 50, 75], axis=0)
        low, median, high = np.where(np.abs(quartiles) < _WORST / 10, quartiles, np.nan)
        return pd.DataFrame({"x": x, "median": median, "low": low, "high": high}).dropna(subset=["median"])

    def final(self) -> pd.DataFrame:
        """A row a run: where it ended, and what it took to reach `share`; NaN if it never did."""
        rows = []
        for (strategy, seed), run in self.raw.groupby(["strategy", "seed"], sort=False):
            reached = run[run["hypervolume"] >= self.share]
            last = run.iloc[-1]
            rows.append(
                {
                    "strategy": strategy,
                    "seed": seed,
                    "trials": len(run),
                    "evaluations": last["evaluations"],
                    "seconds": last["seconds"],
                    "overhead_ms": 1000 * run["overhead"].mean() if "overhead" in run else np.nan,
                    **{name: last[name] for name in INDICATORS},
                    "evaluations_to_share": reached["evaluations"].iloc[0] if len(reached) else np.nan,
                    "seconds_to_share": reached["seconds"].iloc[0] if len(reached) else np.nan,
                }
            )
        return pd.DataFrame(rows)

    def summary(self) -> pd.DataFrame:
        """A row a strategy, the best first: medians over seeds, quartiles of the hypervolume, what reaching took.

        `rank` is that of `ranks`.
        `evaluations_to_share` and `seconds_to_share` are medians in which a run that never reached the share counts as
        later than all; NaN where that is the median. `reached` says how many runs did. `best` is of those runs that
        found a network within the limits: `runs_with_best`.
        """
        rows, ranks = [], self.ranks()
        for strategy, runs in self.final().groupby("strategy", sort=False):
            rows.append(
                {
                    "strategy": strategy,
                    "seeds": len(runs),
                    "evaluations": runs["evaluations"].median(),
                    "hypervolume": runs["hypervolume"].median(),
                    "hypervolume_low": runs["hypervolume"].quantile(0.25),
                    "hypervolume_high": runs["hypervolume"].quantile(0.75),
                    "rank": ranks[strategy],
                    "distance": runs["distance"].median(),
                    "best": runs["best"].median(),
                    "runs_with_best": int(runs["best"].notna().sum()),
                    "reached": int(runs["evaluations_to_share"].notna().sum()),
                    "evaluations_to_share": _late_median(runs["evaluations_to_share"]),
                    "seconds_to_share": _late_median(runs["seconds_to_share"]),
                    "overhead_ms": runs["overhead_ms"].median(),
                }
            )
        return pd.DataFrame(rows).sort_values("hypervolume", ascending=False, kind="stable", ignore_index=True)

    def significance(self) -> pd.DataFrame:
        """Whether two strategies' final hypervolumes differ, pair by pair.

        Returns:
            `first`, `second`, `p` (two-sided Mann-Whitney U over seeds), `p_holm` (corrected for the number of pairs),
            `a12` (the chance that a run of the first beats one of the second, ties halved: Vargha and Delaney's A12),
            `a12_low` and `a12_high` (its 95 % interval, of this pair alone), `verdict` (of `VERDICTS`) and
            `seeds_needed` (seeds that would find a difference as large as this A12 in four of five comparisons, for
            pairs not told apart; NaN beyond 1,000).
        """
        final = self._final_hypervolumes
        pairs = list(combinations(self.strategies, 2))
        p_values = np.array([rank_test(final[first], final[second]) for first, second in pairs])
        rows = []
        for (first, second), p, p_holm in zip(pairs, p_values, holm(p_values), strict=True):
            effect_size = effect(final[first], final[second])
            differs = bool(p_holm < ALPHA)
            needed = None if differs else seeds_needed(effect_size.a12, len(pairs))
            rows.append(
                {
                    "first": first,
                    "second": second,
                    "p": float(p),
                    "p_holm": float(p_holm),
                    "a12": effect_size.a12,
                    "a12_low": effect_size.low,
                    "a12_high": effect_size.high,
                    "verdict": DIFFER if differs else NOT_TOLD_APART if self.power.can_tell else TOO_FEW_SEEDS,
                    "seeds_needed": float("nan") if needed is None else needed,
                }
            )
        return pd.DataFrame(rows, columns=PAIR_COLUMNS)

    @cached_property
    def power(self) -> Power:
        """What so many seeds can show.

        Raises:
            ValueError: There is one strategy only, and so no pair.
        """
        count = len(self.strategies)
        if count < 2:
            raise ValueError("one strategy is compared with nothing")
        return power_of(min(map(len, self._final_hypervolumes.values())), count * (count - 1) // 2)

    def ranks(self) -> pd.Series:
        """Each strategy's mean rank by final hypervolume, the best first; 1 to the number of strategies.

        It is the rank of a run among one run of each strategy, over all draws of such runs: 1 and the sum of the
        chances (A12) that the others beat it. Seeds are no blocks: two strategies' runs of one seed share their first
        random draws at most, and tests that take them as independent err on the careful side.
        """
        final = self._final_hypervolumes
        ranks = {
            name: 1.0 + sum(effect(final[other], own).a12 for other in self.strategies if other != name)
            for name, own in final.items()
        }
        return pd.Series(ranks, name="rank").sort_values(kind="stable")

    def not_told_apart(self) -> list[list[str]]:
        """The largest groups of strategies, neighbours by rank, in which no pair differs; each best first."""
        pairs = self.significance()
        differ = {frozenset((row.first, row.second)) for row in pairs[pairs["verdict"] == DIFFER].itertuples()}
        order = [str(name) for name in self.ranks().index]
        groups: list[list[str]] = []
        for start in range(len(order)):
            end = start + 1
            while end < len(order) and not any(frozenset((order[end], name)) in differ for name in order[start:end]):
                end += 1
            if end - start > 1 and (not groups or groups[-1][-1] != order[end - 1]):
                groups.append(order[start:end])
        return groups

    @cached_property
    def _final_hypervolumes(self) -> dict[str, np.ndarray]:
        groups = self.final().groupby("strategy", sort=False)
        return {str(name): runs["hypervolume"].to_numpy(float) for name, runs in groups}

    def best_known_distance(self) -> float:
        """How far all runs together stay from the best known front; 0.0 where that is their own."""
        signed = np.stack([o.sign * self.raw[o.name].to_numpy(float) for o in self.scale.objectives], axis=1)
        return distance_to_front(self.scale.scaled(signed[self.raw["feasible"].to_numpy(bool)]), self.scale.front)


def _late_median(values: Sequence[float] | pd.Series) -> float:
    median = float(np.median(np.where(np.isnan(values), np.inf, values)))
    return median if np.isfinite(median) else float("nan")
