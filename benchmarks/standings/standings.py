"""Who is ahead, and whether the sequences decide it.

Two trackers are compared sequence by sequence: the interval of their mean difference comes from resampled sequences
(bootstrap, Efron 1979), the same resamples for all pairs. Its ends are percentiles, moved outwards as few sequences ask
(Hesterberg, "What teachers should know about the bootstrap", 2015): plain percentiles called one in nine pairs without
any difference decided by 8 sequences, these one in 17. A difference is *decided* where its 95 % interval leaves out 0,
and there are six sequences at least: of five, even all for one side are chance in one of 16 times. Nothing is said of
how pairs add up: of twenty pairs without any difference, one looks decided.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import pandas as pd

from lighttrack_nas.benchmarks.evaluation.evaluation_result import EvaluationResult
from lighttrack_nas.trackers.base.names import checked_name

RANKED = ("ao", "sr50", "sr75", "success_auc", "precision", "normalised_precision")
"""Figures that trackers can be ranked by: of every sequence, larger is better."""
CONFIDENCE = 0.95
FEWEST = 6
"""Sequences below which no difference is decided."""
_RESAMPLES = 10_000
_AT_ONCE = 500  # resamples, whose draws are in memory together
_SMALLER_IS_BETTER = ("found_after", "calibration_error")
_NO_RACE = ("frames", "scored_sequences")


@dataclass(frozen=True)
class Difference:
    """How far one tracker is ahead of another.

    Attributes:
        ahead: The tracker with the larger mean.
        behind: The other.
        mean: Mean over the sequences of the figure's difference, at least 0.
        low: Lower end of its interval; NaN without sequences.
        high: Upper end.
        better: Sequences in which `ahead` is better; ties are the rest.
        worse: Sequences in which it is worse.
        sequences: How many were compared.
    """

    ahead: str
    behind: str
    mean: float
    low: float
    high: float
    better: int
    worse: int
    sequences: int

    @property
    def decided(self) -> bool:
        """Whether the sequences decide who is ahead."""
        return self.sequences >= FEWEST and self.low > 0


def differences(results: Mapping[str, EvaluationResult], by: str = "ao", seed: int = 0) -> list[Difference]:
    """Compare every tracker with every other on the sequences that were scored.

    Args:
        results: Name of the tracker -> its figures; all on the same sequences.
        by: One of `RANKED`.
        seed: Of the bootstrap.

    Returns:
        A difference for each pair, in the order of `ranking`.

    Raises:
        InputError: Unknown figure.
    """
    checked_name(by, RANKED, "figure to rank by")
    names = ranking(results, by)
    values = np.array([[figures[by] for figures in results[name].sequences.values()] for name in names]).T
    values = values[~np.isnan(values).any(axis=1)] if len(names) else np.empty((0, 0))
    count = len(values)
    means, tail = _resampled_means(values, seed), _tail(count)
    all_differences = []
    for first, second in combinations(range(len(names)), 2):
        gains = values[:, first] - values[:, second]
        low, high = np.nan, np.nan
        if count:
            low, high = np.quantile(means[:, first] - means[:, second], [tail, 1 - tail])
        all_differences.append(
            Difference(
                *(names[first], names[second], float(gains.mean()) if count else float("nan"), float(low), float(high)),
                *(int((gains > 0).sum()), int((gains < 0).sum()), count),
            )
        )
    return all_differences


def _resampled_means(values: np.ndarray, seed: int) -> np.ndarray:
    """``(resamples, trackers)`` means over resampled sequences of ``(sequences, trackers)`` values."""
    count, rng = len(values), np.random.default_rng(seed)
    if not count:
        return np.empty((0, values.shape[1]))
    # How often each sequence is drawn: then one product makes the means of all trackers.
    draws = (rng.multinomial(count, np.full(count, 1 / count), _AT_ONCE) for _ in range(_RESAMPLES // _AT_ONCE))
    return np.concatenate([drawn @ values / count for drawn in draws])


def _tail(count: int) -> float:
    """The share of resamples below the interval: the percentile's, corrected for the spread of few values."""
    # Not above: it looks for torch, which the half that tracks does without.
    from scipy import stats

    if count < 2:
        return 0.0
    quantile = stats.t.ppf((1 + CONFIDENCE) / 2, count - 1) * np.sqrt(count / (count - 1))
    return float(stats.norm.cdf(-quantile))


def ranking(results: Mapping[str, EvaluationResult], by: str = "ao") -> list[str]:
    """Names of the trackers, the best first; those without a figure come last."""
    values = {name: result.overall.get(by, np.nan) for name, result in results.items()}
    return sorted(values, key=lambda name: -np.inf if np.isnan(values[name]) else values[name], reverse=True)


def possible_ranks(names: Sequence[str], pairs: Sequence[Difference]) -> dict[str, tuple[int, int]]:
    """The ranks that a tracker may have, from 1, first and last: pairs that are not decided may change places."""
    ahead = {name: sum(pair.decided and pair.behind == name for pair in pairs) for name in names}
    behind = {name: sum(pair.decided and pair.ahead == name for pair in pairs) for name in names}
    return {name: (1 + ahead[name], len(names) - behind[name]) for name in names}


def standings_table(
    results: Mapping[str, EvaluationResult], pairs: Sequence[Difference], by: str = "ao"
) -> pd.DataFrame:
    """One row a tracker, the best first.

    Returns:
        Columns `best_rank` and `worst_rank` (`possible_ranks`), then the figures: `by`, the others of `RANKED`, `fps`
        and those of presence, NaN where a tracker has none, and `frames` and `scored_sequences`.
    """
    names = ranking(results, by)
    ranks = possible_ranks(names, pairs)
    known = dict.fromkeys(key for result in results.values() for key in result.overall)
    columns = [by, *(name for name in known if name != by and not name.endswith("_frames"))]
    columns = [name for name in columns if name not in _NO_RACE] + [name for name in _NO_RACE if name in known]
    rows = {
        name: {"best_rank": ranks[name][0], "worst_rank": ranks[name][1]}
        | {column: results[name].overall.get(column, np.nan) for column in columns}
        for name in names
    }
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("tracker")


def best_of(table: pd.DataFrame) -> dict[str, list[str]]:
    """The trackers with the best value of each figure; more than one where they tie.

    A figure that only one tracker has names nobody.
    """
    best: dict[str, list[str]] = {}
    for name in table.columns:
        values = table[name].dropna()
        if name in (*_NO_RACE, "best_rank", "worst_rank") or len(values) < 2:
            continue
        goal = values.min() if name in _SMALLER_IS_BETTER else values.max()
        best[name] = [str(tracker) for tracker in values.index[values == goal]]
    return best
