"""The correction of a latency table, and its check."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from lighttrack_nas.benchmarks.latency.latency_pieces import LATENCY_PARTS
from lighttrack_nas.benchmarks.latency.latency_table import Check, Correction

FITTED = ("backbone", "towers")
"""Parts whose times are corrected. Fusions differ too little from network to network to tell them from the rest."""
NO_CORRECTION = Correction(0.0, dict.fromkeys(LATENCY_PARTS, 1.0), dict.fromkeys(LATENCY_PARTS, 0.0))
"""A network takes what its pieces take alone."""
_RIDGE = 1e-3

Used = Mapping[str, Sequence[str]]
"""By part, the pieces that a network runs; see `Pieces.of`."""


def fit_correction(used: Sequence[Used], times_ms: Mapping[str, float], measured_ms: np.ndarray) -> Correction:
    """Fit a correction to whole networks: relative errors, least squares.

    What the networks do not decide stays near to no correction: for each coefficient its distance from that counts with
    a thousandth of the weight of the errors.

    Args:
        used: By network.
        times_ms: By piece, alone.
        measured_ms: By network, ``(N,)``, above 0.
    """
    sums, counts = _sums(used, times_ms), _counts(used)
    columns = [LATENCY_PARTS.index(part) for part in FITTED]
    features = np.column_stack([np.ones(len(used)), sums[:, columns], counts[:, columns]]) / measured_ms[:, None]
    before = np.array([0.0] + [1.0] * len(columns) + [0.0] * len(columns))
    left = 1 - sums[:, LATENCY_PARTS.index("fusion")] / measured_ms - features @ before
    weights = np.diag(np.sqrt(_RIDGE * (features**2).sum(axis=0)))
    moved, *_ = np.linalg.lstsq(
        np.concatenate([features, weights]), np.concatenate([left, np.zeros(len(before))]), rcond=None
    )
    rest, *others = (before + moved).tolist()
    factors, extra = others[: len(FITTED)], others[len(FITTED) :]
    return Correction(
        rest_ms=rest,
        factors={"fusion": 1.0} | dict(zip(FITTED, factors, strict=True)),
        extra_ms={"fusion": 0.0} | dict(zip(FITTED, extra, strict=True)),
    )


def check_predictions(predicted_ms: np.ndarray, turns_ms: np.ndarray, slowdown: np.ndarray) -> Check:
    """Compare predictions with measurements.

    Args:
        predicted_ms: ``(N,)``.
        turns_ms: The least times of each turn, ``(N, rounds)``, two rounds or more.
        slowdown: ``(rounds,)``, see `Check`.
    """
    measured, even, odd = (turns.min(axis=1) for turns in (turns_ms, turns_ms[:, ::2], turns_ms[:, 1::2]))
    errors = np.abs(predicted_ms / measured - 1)
    return Check(
        networks=len(predicted_ms),
        median_error=float(np.median(errors)),
        p90_error=float(np.quantile(errors, 0.9)),
        tau=kendall_tau(predicted_ms, measured),
        repeat_error=float(np.median(np.abs(even / odd - 1))),
        repeat_tau=kendall_tau(even, odd),
        slowdown=tuple(np.round(slowdown, 3).tolist()),
    )


def kendall_tau(one: np.ndarray, other: np.ndarray) -> float:
    """Kendall's tau-b: 1 for the same order, -1 for the reverse, NaN where one of them has no order at all.

    Args:
        one: ``(N,)``.
        other: ``(N,)``.
    """
    from scipy.stats import kendalltau

    return float(kendalltau(one, other).statistic) if len(one) > 1 else float("nan")


def _sums(used: Sequence[Used], times_ms: Mapping[str, float]) -> np.ndarray:
    return np.array([[sum(times_ms[name] for name in network[part]) for part in LATENCY_PARTS] for network in used])


def _counts(used: Sequence[Used]) -> np.ndarray:
    return np.array([[float(len(network[part])) for part in LATENCY_PARTS] for network in used])
