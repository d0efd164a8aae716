"""What a look at supernets' rankings found: scores, rank correlations with intervals, and their differences."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from lighttrack_nas.benchmarks.scoring.rank_intervals import (
    CONFIDENCE,
    STATISTICS,
    Agreement,
    Estimate,
    Resamples,
    agreement,
)
from lighttrack_nas.ranking.ranking_jobs import INHERITED, RECALIBRATED
from lighttrack_nas.results.networks import records
from lighttrack_nas.strategies.search.goals.objectives import Objective
from lighttrack_nas.trackers.base.errors import InputError

CEILING, MACS = "ceiling", "MACs"
"""Rankings that are no supernet's: by another seed's training alone, and by MACs, the more the better."""
EACH_SEED, MEAN = "each seed", "mean of seeds"
"""What a ranking is compared with: every seed's training alone, the figures then averaged, as the ceiling does; or the
mean of their scores, which is less noisy than any of them."""


class ScoreColumn(NamedTuple):
    """Where a network's score comes from.

    Attributes:
        source: "alone", or a supernet's name.
        weights: "seed 1" and so on, or `INHERITED`, `RECALIBRATED`.
        measurement: Such as "overlap".
    """

    source: str
    weights: str
    measurement: str

    def __str__(self) -> str:
        return f"{self.source}, {self.weights}: {self.measurement}"


@dataclass(frozen=True, eq=False)
class RankingResult:
    """Supernets' rankings of networks that were also trained alone.

    Attributes:
        networks: A row a network, by rising MACs: network (digest), macs, params, choices (JSON).
        scores: Scores of all networks by where they come from, ``(N,)``; NaN where there is none.
        record: What was run, with which versions, on what; JSON-able.
        resamples: Of the bootstrap.
        seed: Of the bootstrap.
        notes: What a reader must know, a sentence each, such as a training that failed.
    """

    networks: pd.DataFrame
    scores: Mapping[ScoreColumn, np.ndarray]
    record: Mapping[str, Any]
    resamples: int
    seed: int
    notes: tuple[str, ...]

    @property
    def measurements(self) -> list[str]:
        """What was scored, in order."""
        return list(dict.fromkeys(column.measurement for column in self.scores))

    @property
    def supernets(self) -> list[str]:
        """The supernets' names, in order."""
        return list(dict.fromkeys(column.source for column in self.scores if column.source != "alone"))

    @cached_property
    def whole(self) -> np.ndarray:
        """``(N,)`` which networks have all scores: only they are compared, so that all figures are of the same."""
        return np.logical_and.reduce([np.isfinite(values) for values in self.scores.values()], axis=0)

    def alone(self, measurement: str) -> list[np.ndarray]:
        """Scores of the whole networks trained alone, a seed each; larger is better."""
        return [self._oriented(column) for column in self._of("alone", measurement)]

    def inherited(self, name: str, weights: str, measurement: str) -> np.ndarray:
        """Scores of the whole networks with a supernet's weights; larger is better."""
        return self._oriented(ScoreColumn(name, weights, measurement))

    def _of(self, source: str, measurement: str) -> list[ScoreColumn]:
        return [column for column in self.scores if (column.source, column.measurement) == (source, measurement)]

    def _oriented(self, column: ScoreColumn) -> np.ndarray:
        return -Objective.parse(column.measurement).sign * self.scores[column][self.whole]

    @cached_property
    def correlations(self) -> pd.DataFrame:
        """A row a measurement, ranking, weights, statistic and what it is compared with: value, low, high, networks."""
        rows = []
        for measurement in self.measurements:
            for (ranking, weights, against, statistic), agreement_ in self._agreements[measurement].items():
                place = (measurement, ranking, weights, statistic, against)
                rows.append((*place, *agreement_.estimate, int(self.whole.sum())))
        header = ("measurement", "ranking", "weights", "statistic", "against", "value", "low", "high", "networks")
        return pd.DataFrame(rows, columns=header)

    @cached_property
    def differences(self) -> pd.DataFrame:
        """A row a measurement, statistic and two rankings: the first's figure minus the second's, with its interval.

        Both of each seed's training alone; `differs` says which is the better where the interval leaves out 0.
        """
        rows = []
        for measurement in self.measurements:
            agreements = self._agreements[measurement]
            for statistic in STATISTICS:
                for first, second in self._compared():
                    one, other = (agreements[(*ranking, EACH_SEED, statistic)] for ranking in (first, second))
                    value, low, high = one.minus(other)
                    differs = "first" if low > 0 else "second" if high < 0 else ""
                    names = ranking_name(*first), ranking_name(*second)
                    rows.append((measurement, statistic, *names, value, low, high, differs))
        header = ("measurement", "statistic", "first", "second", "value", "low", "high", "differs")
        return pd.DataFrame(rows, columns=header)

    def _compared(self) -> list[tuple[tuple[str, str], tuple[str, str]]]:
        """The pairs of rankings whose difference is told: recalibrated or not, two supernets, each and MACs."""
        names = self.supernets
        pairs = [((name, RECALIBRATED), (name, INHERITED)) for name in names]
        pairs += [
            ((other, weights), (one, weights))
            for one, other in combinations(names, 2)
            for weights in (INHERITED, RECALIBRATED)
        ]
        pairs += [((name, RECALIBRATED), (MACS, "")) for name in names]
        if len(self._of("alone", self.measurements[0])) > 1:
            pairs += [((name, RECALIBRATED), (CEILING, "")) for name in names]
        return pairs

    @cached_property
    def _agreements(self) -> dict[str, dict[tuple[str, str, str, str], Agreement]]:
        """By measurement; by ranking, weights, what it is compared with, and statistic."""
        resamples = Resamples(int(self.whole.sum()), self.resamples, self.seed)
        macs = self.networks["macs"].to_numpy(float)[self.whole]
        agreements: dict[str, dict[tuple[str, str, str, str], Agreement]] = {}
        for measurement in self.measurements:
            alone = self.alone(measurement)
            rankings = {(MACS, ""): macs} | {
                (name, weights): self.inherited(name, weights, measurement)
                for name in self.supernets
                for weights in (INHERITED, RECALIBRATED)
            }
            of = agreements[measurement] = {}
            for statistic in STATISTICS:
                if len(alone) > 1:
                    pairs = list(combinations(alone, 2))
                    of[CEILING, "", EACH_SEED, statistic] = agreement(statistic, pairs, resamples)
                for ranking, scores in rankings.items():
                    seeds = [(scores, seed) for seed in alone]
                    of[(*ranking, EACH_SEED, statistic)] = agreement(statistic, seeds, resamples)
                    mean = [(scores, np.mean(alone, axis=0))]
                    of[(*ranking, MEAN, statistic)] = agreement(statistic, mean, resamples)
        return agreements

    def rankings(self, measurement: str) -> list[tuple[str, str]]:
        """Ranking and weights of all that are compared, the ceiling first."""
        return list(dict.fromkeys((ranking, weights) for ranking, weights, _, _ in self._agreements[measurement]))

    def estimate(
        self, measurement: str, ranking: str, weights: str, statistic: str, against: str = EACH_SEED
    ) -> Estimate:
        """One figure with its interval; all NaN where there is none, as for the ceiling against the mean of seeds."""
        agreement_ = self._agreements[measurement].get((ranking, weights, against, statistic))
        return agreement_.estimate if agreement_ is not None else Estimate(*[float("nan")] * 3)

    def score_table(self) -> pd.DataFrame:
        """A row a network: what it costs, all scores, and its choices."""
        columns = {str(column): values for column, values in self.scores.items()}
        costs = self.networks.drop(columns="choices").reset_index(drop=True)
        return pd.concat([costs, pd.DataFrame(columns), self.networks[["choices"]].reset_index(drop=True)], axis=1)

    def to_dict(self) -> dict[str, Any]:
        """Everything, JSON-able; None where nothing can be ranked."""
        networks = [
            row | {"choices": json.loads(row["choices"]), "scored": bool(whole)}
            for row, whole in zip(records(self.score_table()), self.whole, strict=True)
        ]
        return {
            "record": dict(self.record),
            "notes": list(self.notes),
            "confidence": CONFIDENCE,
            "resamples": self.resamples,
            "seed": self.seed,
            "correlations": records(self.correlations),
            "differences": records(self.differences),
            "networks": networks,
        }


def ranking_name(ranking: str, weights: str) -> str:
    """What a ranking is called in tables and figures."""
    return f"{ranking}, {weights}" if weights else ranking


def checked_result(result: RankingResult, least: int) -> RankingResult:
    """Check that enough networks have all scores.

    Raises:
        InputError: There are fewer than `least`.
    """
    count = int(result.whole.sum())
    if count < least:
        reasons = "; ".join(result.notes)
        raise InputError(f"only {count} networks have all scores, and at least {least} are needed to rank: {reasons}")
    return result


def unranked_notes(result: RankingResult) -> list[str]:
    """Say of scores that are all equal, or partly so, that they rank nothing, or less."""
    notes = []
    for column, values in result.scores.items():
        known: Sequence[float] = values[result.whole].tolist()
        kinds = len(set(known))
        if kinds == 1:
            notes.append(f"{column}: all networks score {known[0]:.4g}, so that nothing is ranked (NaN)")
        elif kinds < len(known):
            notes.append(f"{column}: {len(known) - kinds} of {len(known)} scores are ties")
    return notes
