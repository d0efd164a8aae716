"""From what each candidate loses at its place to what a whole network reaches: DONNA's predictor.

Scores of places add up to one figure in which every place counts alike. A ridge regression on some thirty networks that
were measured finds what each part of the network counts for (DONNA, ICCV 2021, section 3.3). More noise is never
better: no weight is below 0.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
from pydantic import FiniteFloat
from scipy.optimize import nnls

from lighttrack_nas.benchmarks.scoring.place_scores import PlaceScores
from lighttrack_nas.benchmarks.scoring.rank_intervals import Estimate, Resamples, correlation, estimate
from lighttrack_nas.benchmarks.sums.elimination import Factor
from lighttrack_nas.search_spaces.space import Architecture
from lighttrack_nas.trackers.base.errors import InputError
from lighttrack_nas.trackers.base.files import write_atomically
from lighttrack_nas.trackers.base.names import checked_name
from lighttrack_nas.trackers.base.parsing import in_form, parse_json, read_text

Measurement = Literal["overlap", "ao"]
"""What can be predicted: mean overlap on fixed pairs, or average overlap of tracks; fractions, large is good."""
LEAST_NETWORKS = 10
"""Fewer say nothing."""
PREDICTOR_FILE = "predictor.json"

_FORMAT = 1
_STRENGTHS = tuple(10.0**power for power in range(-4, 3))
"""Of the ridge, for each network: weights of features of deviation 1 are squared and held against squared errors."""
_FOLDS = 10
_REPEATS = 5
_RESAMPLES = 2000
_VERSIONS = ("lighttrack-nas", "numpy", "scipy")


@dataclass(frozen=True)
class _File:
    """What is taken from a predictor's file; None stands for NaN."""

    measurement: Measurement
    weights: dict[str, FiniteFloat]
    intercept: FiniteFloat
    strength: FiniteFloat
    tau: tuple[FiniteFloat | None, FiniteFloat | None, FiniteFloat | None]
    macs_tau: FiniteFloat | None
    networks: int
    seed: int


@dataclass(frozen=True, eq=False)
class ScorePredictor:
    """Predicts what networks reach; `fit_predictor` makes it.

    Attributes:
        scores: The table of places that it is of.
        measurement: What it predicts, a fraction.
        weights: By group of places: what is lost for each unit of their noise-to-signal ratios, 0 or more.
        intercept: What a network would reach that loses nothing anywhere.
        strength: Of the ridge; cross-validation chose it.
        tau: Kendall's tau of measurements and predictions, each network predicted by others, with the 95 % bootstrap
            interval over networks.
        macs_tau: Kendall's tau of measurements and MACs alone; NaN where all cost alike.
        networks: How many were measured.
        seed: Of folds and resamples.
    """

    scores: PlaceScores
    measurement: Measurement
    weights: Mapping[str, float]
    intercept: float
    strength: float
    tau: Estimate
    macs_tau: float
    networks: int
    seed: int

    @property
    def guides(self) -> bool:
        """Whether it ranks networks better than MACs alone, and better than chance."""
        return self.tau.value > np.nan_to_num(abs(self.macs_tau)) and self.tau.low > 0

    def predict(self, architecture: Architecture) -> float:
        """What a network is predicted to reach, a fraction; beyond 0 and 1 where the line leads there.

        Raises:
            InputError: The architecture is of another space.
        """
        (losses,) = _features(self.scores, [architecture], tuple(self.weights))
        return self.intercept - float(losses @ np.array(list(self.weights.values())))

    @property
    def factors(self) -> list[Factor]:
        """Tables whose sum is minus the prediction: small is good."""
        return [
            Factor((), np.array(-self.intercept)),
            *(
                Factor(place.labels, self.weights[group] * place.scores)
                for place, group in zip(self.scores.places, place_groups(self.scores), strict=True)
            ),
        ]

    def to_dict(self) -> dict[str, Any]:
        """What `save` writes, JSON-able."""
        return {
            "format": _FORMAT,
            "space": self.scores.space.name,
            "space_hash": self.scores.space.hash,
            "places": self.scores.digest,
            "measurement": self.measurement,
            "weights": dict(self.weights),
            "intercept": self.intercept,
            "strength": self.strength,
            "tau": [_number(value) for value in self.tau],
            "macs_tau": _number(self.macs_tau),
            "networks": self.networks,
            "seed": self.seed,
            "guides": bool(self.guides),
            "versions": {package: metadata.version(package) for package in _VERSIONS},
        }

    def save(self, path: str | Path) -> None:
        """Write as JSON, which `load` reads.

        Raises:
            OSError: The file cannot be written.
        """
        write_atomically(Path(path), json.dumps(self.to_dict(), indent=1, allow_nan=False) + "\n")

    @classmethod
    def load(cls, path: str | Path, scores: PlaceScores) -> ScorePredictor:
        """Read a predictor.

        Args:
            path: ``predictor.json``, or the folder that holds it.
            scores: The table of places that it must be of.

        Raises:
            InputError: The file cannot be read, is no predictor, or is of another table of places.
        """
        path = Path(path) / PREDICTOR_FILE if Path(path).is_dir() else Path(path)
        where = f"predictor '{path}'"
        content = parse_json(read_text(path, "predictor"), where)
        if not isinstance(content, dict) or content.get("format") != _FORMAT:
            raise InputError(f"{where}: expected what `lighttrack-nas predict` of this version writes: run it again")
        if content.get("places") != scores.digest:
            raise InputError(
                f"{where} is of another table of places than that of space '{scores.space.name}' ({scores.digest}): "
                "run `lighttrack-nas predict` again, which measures networks of the supernet that is there now"
            )
        again = "it is damaged: run `lighttrack-nas predict` again"
        file: _File = in_form(content, _File, where, again)
        if file.weights.keys() != set(groups_of(scores)) or min(file.weights.values(), default=0) < 0:
            raise InputError(f"{where}: expected a weight of 0 or more for each group of places: {again}")
        return cls(
            scores,
            file.measurement,
            file.weights,
            file.intercept,
            file.strength,
            Estimate(*map(_read_number, file.tau)),
            _read_number(file.macs_tau),
            file.networks,
            file.seed,
        )


def fit_predictor(
    scores: PlaceScores,
    architectures: Sequence[Architecture],
    measured: Sequence[float] | np.ndarray,
    macs: Sequence[float] | np.ndarray,
    measurement: Measurement = "overlap",
    seed: int = 0,
) -> ScorePredictor:
    """Fit a predictor to networks that were measured, and ask how well it ranks networks that it has not seen.

    Args:
        scores: The table of places.
        architectures: N of its space, 10 or more; 30 spread over MACs are a good number.
        measured: ``(N,)`` What each reached, a fraction.
        macs: ``(N,)`` Multiply-adds of each.
        measurement: What was measured.
        seed: Of folds and resamples.

    Raises:
        InputError: Too few networks, numbers of which there are not N or that are not finite, all the same measurement,
            or architectures of another space.
    """
    checked_name(measurement, get_args(Measurement), "measurement")
    values, costs = np.asarray(measured, float), np.asarray(macs, float)
    count = len(architectures)
    if count < LEAST_NETWORKS:
        raise InputError(f"a predictor needs {LEAST_NETWORKS} measured networks or more, got {count}")
    if values.shape != (count,) or costs.shape != (count,) or not np.isfinite([values, costs]).all():
        raise InputError(
            f"{count} architectures: as many finite measurements and MACs expected, got shapes {values.shape} and "
            f"{costs.shape}"
        )
    if np.ptp(values) == 0:
        raise InputError(f"all {count} networks have the same {measurement}, {values[0]:.4g}: nothing can be learnt")
    groups = groups_of(scores)
    losses = _features(scores, architectures, groups)
    rng = np.random.default_rng(seed)
    strength = _best_strength(losses, values, rng)
    weights, intercept = _ridge(losses, values, strength)
    guessed = np.mean([_held_out(losses, values, None, rng) for _ in range(_REPEATS)], axis=0)
    resampled = Resamples(count, _RESAMPLES, seed).correlations("kendall", guessed, values)
    tau = estimate(correlation("kendall", guessed, values), resampled)
    return ScorePredictor(
        scores,
        measurement,
        dict(zip(groups, weights.tolist(), strict=True)),
        intercept,
        strength,
        tau,
        correlation("kendall", costs, values),
        count,
        seed,
    )


def place_groups(scores: PlaceScores) -> tuple[str, ...]:
    """By place, the group in which all count alike: a stage of the backbone, "output", or a tower."""
    stages = {block.name: block.stage for block in scores.space.description.blocks}
    return tuple(
        stages.get(place.label, place.part) if place.part == "backbone" else place.part for place in scores.places
    )


def groups_of(scores: PlaceScores) -> tuple[str, ...]:
    """The groups of a table's places, in their order."""
    return tuple(dict.fromkeys(place_groups(scores)))


def _features(scores: PlaceScores, architectures: Sequence[Architecture], groups: Sequence[str]) -> np.ndarray:
    """``(N, groups)`` What architectures lose in each group."""
    of_place = [groups.index(group) for group in place_groups(scores)]
    members = np.zeros((len(of_place), len(groups)))
    members[np.arange(len(of_place)), of_place] = 1.0
    return np.stack([scores.by_place(architecture) for architecture in architectures]) @ members


def _ridge(losses: np.ndarray, values: np.ndarray, strength: float) -> tuple[np.ndarray, float]:
    """Weights of 0 or more, ``(groups,)``, and a free intercept: values are about intercept - losses @ weights."""
    mean, deviation = losses.mean(axis=0), losses.std(axis=0)
    varies = deviation > 1e-12
    scaled = (losses - mean)[:, varies] / deviation[varies]
    weights = np.zeros(losses.shape[1])
    if varies.any():
        ridge = math.sqrt(strength * len(values)) * np.eye(scaled.shape[1])
        lost = np.concatenate([values.mean() - values, np.zeros(scaled.shape[1])])
        weights[varies] = nnls(np.concatenate([scaled, ridge]), lost)[0] / deviation[varies]
    return weights, float(values.mean() + mean @ weights)


def _best_strength(losses: np.ndarray, values: np.ndarray, rng: np.random.Generator) -> float:
    """The ridge that leaves the least squared error on networks that were held out."""
    state = rng.integers(2**32)
    errors = [
        np.square(_held_out(losses, values, strength, np.random.default_rng(state)) - values).sum()
        for strength in _STRENGTHS
    ]
    return _STRENGTHS[int(np.argmin(errors))]


def _held_out(losses: np.ndarray, values: np.ndarray, strength: float | None, rng: np.random.Generator) -> np.ndarray:
    """``(N,)`` Each network predicted from those of other folds; without a strength it is chosen among these alone."""
    count = len(values)
    folds = rng.permutation(count) % min(_FOLDS, count)
    guessed = np.zeros(count)
    for fold in np.unique(folds):
        out = folds == fold
        chosen = _best_strength(losses[~out], values[~out], rng) if strength is None else strength
        weights, intercept = _ridge(losses[~out], values[~out], chosen)
        guessed[out] = intercept - losses[out] @ weights
    return guessed


def _number(value: float) -> float | None:
    return None if math.isnan(value) else float(value)


def _read_number(value: float | None) -> float:
    return math.nan if value is None else float(value)
