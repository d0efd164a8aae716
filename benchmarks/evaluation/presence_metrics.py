"""How well a tracker knows whether its target is there, on sequences that say in which frames it is not.

Rates are fractions, 0 to 1. All frames after the first count, where the target is either labelled absent or its box is
known.

- `presence`: area under the curve of frames with the target against frames without, by the tracker's confidence. .5 is
  chance.
- `lost_precision`, `lost_recall`: of the frames in which the tracker calls the target lost, those without it; and of
  those without it, the ones in which it does. NaN where it never calls it lost.
- `f_score`: as VOT's long-term challenges have it (Lukezic et al., "Now you see me", 2018): over all thresholds of
  confidence the best harmonic mean of precision (mean overlap of the frames with a box, 0 where there is no target) and
  recall (mean overlap of the frames with the target, 0 where there is no box). A lost target has no box.
- `found_after`: frames from the target's return until a box overlaps it by more than half, the mean over all returns;
  one that is never found counts to the end or to the next absence.
- `calibration_error`: mean distance between the presence that a tracker states and the share of frames in which the
  target is where the box is, over ten bins of presence. NaN where it states none.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

FIGURES = ("presence", "lost_precision", "lost_recall", "f_score", "found_after", "calibration_error")
HIT = 0.2
"""Overlap from which a box is where the target is, for the calibration."""
_FOUND = 0.5
_THRESHOLDS = 200
_BINS = 10


@dataclass(frozen=True, eq=False)
class PresenceFrames:
    """What a tracker said of one sequence's frames after the first, and what is true.

    Attributes:
        overlaps: ``(frames,)`` 0 to 1; NaN where no box is known.
        absent: ``(frames,)`` bool, the target is not in the picture.
        confidence: ``(frames,)`` the tracker's own, higher where it is surer; NaN where it says none.
        lost: ``(frames,)`` bool, the tracker calls the target lost.
        presence: ``(frames,)`` the probability that it states; NaN where it states none.
    """

    overlaps: np.ndarray
    absent: np.ndarray
    confidence: np.ndarray
    lost: np.ndarray
    presence: np.ndarray


def presence_metrics(sequences: Sequence[PresenceFrames]) -> dict[str, float]:
    """The figures, of all frames of all sequences together.

    Returns:
        A value for each of `FIGURES`; all NaN where no frame is labelled absent, or none is left with the target.
    """
    pooled = _pooled(sequences)
    if pooled is None:
        return dict.fromkeys(FIGURES, float("nan"))
    overlaps, absent, confidence, lost, presence = pooled
    return {
        "presence": area_under_curve(confidence[~absent], confidence[absent]),
        "lost_precision": float(absent[lost].mean()) if lost.any() else float("nan"),
        "lost_recall": float(lost[absent].mean()) if lost.any() else float("nan"),
        "f_score": _f_score(overlaps, ~absent, np.where(lost, -np.inf, confidence)),
        "found_after": _found_after(sequences),
        "calibration_error": calibration_error(presence, overlaps > HIT),
    }


def precision_recall(sequences: Sequence[PresenceFrames]) -> tuple[np.ndarray, np.ndarray]:
    """Tracking precision and recall over thresholds of confidence, as VOT's long-term challenges have them.

    Returns:
        Recall and precision, ``(thresholds,)`` each, 0 to 1, recall falling; both empty where no frame is labelled
        absent, none is left with the target, or the tracker says nothing of its confidence.
    """
    pooled = _pooled(sequences)
    if pooled is None:
        return np.empty(0), np.empty(0)
    overlaps, absent, confidence, lost, _ = pooled
    return _precision_recall(overlaps, ~absent, np.where(lost, -np.inf, confidence))


def area_under_curve(positive: np.ndarray, negative: np.ndarray) -> float:
    """How likely a value of the first is above one of the second, ties counting half; NaN where one has no values."""
    # Not above: it looks for torch, which the half that tracks does without.
    from scipy.stats import rankdata

    values = np.concatenate([positive, negative])
    if not len(positive) or not len(negative) or np.isnan(values).any():
        return float("nan")
    above = rankdata(values)[: len(positive)].sum() - len(positive) * (len(positive) + 1) / 2
    return float(above / (len(positive) * len(negative)))


def calibration_error(stated: np.ndarray, true: np.ndarray) -> float:
    """Mean distance between stated probabilities and shares, over ten bins of equal width.

    Args:
        stated: ``(n,)`` 0 to 1.
        true: ``(n,)`` bool.
    """
    if not len(stated) or np.isnan(stated).any():
        return float("nan")
    bins = np.minimum((stated * _BINS).astype(int), _BINS - 1)
    distances = [
        abs(stated[bins == number].mean() - true[bins == number].mean()) * (bins == number).mean()
        for number in np.unique(bins)
    ]
    return float(sum(distances))


def _pooled(sequences: Sequence[PresenceFrames]) -> tuple[np.ndarray, ...] | None:
    """Overlaps (0 where the target is absent), absent, confidence, lost and presence of all frames that count.

    None where no frame is labelled absent, or none is left with the target.
    """
    overlaps, absent, confidence, lost, presence = (
        np.concatenate([np.empty(0), *(getattr(sequence, name) for sequence in sequences)])
        for name in ("overlaps", "absent", "confidence", "lost", "presence")
    )
    absent, lost = absent.astype(bool), lost.astype(bool)
    known = absent | ~np.isnan(overlaps)
    if not absent[known].any() or absent[known].all():
        return None
    overlaps = np.where(absent, 0.0, overlaps)
    return overlaps[known], absent[known], confidence[known], lost[known], presence[known]


def _f_score(overlaps: np.ndarray, present: np.ndarray, confidence: np.ndarray) -> float:
    if np.isneginf(confidence).all():
        return 0.0
    recall, precision = _precision_recall(overlaps, present, confidence)
    if not len(recall):
        return float("nan")
    total = recall + precision
    return float(np.divide(2 * recall * precision, total, out=np.zeros_like(total), where=total > 0).max())


def _precision_recall(
    overlaps: np.ndarray, present: np.ndarray, confidence: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    with_box = confidence[np.isfinite(confidence)]
    if not len(with_box):
        return np.empty(0), np.empty(0)
    thresholds = np.unique(np.quantile(with_box, np.linspace(0, 1, _THRESHOLDS), method="nearest"))
    boxes = [confidence >= threshold for threshold in thresholds]
    recall = np.array([overlaps[mask].sum() / present.sum() for mask in boxes])
    return recall, np.array([overlaps[mask].mean() for mask in boxes])


def _found_after(sequences: Sequence[PresenceFrames]) -> float:
    """Mean over all returns of the frames until the target is found."""
    waits: list[int] = []
    for sequence in sequences:
        absent = sequence.absent.astype(bool)
        returns = np.flatnonzero(absent[:-1] & ~absent[1:]) + 1
        for start in returns:
            ends = np.flatnonzero(absent[start:])
            end = start + int(ends[0]) if len(ends) else len(absent)
            hits = np.flatnonzero((sequence.overlaps[start:end] > _FOUND) & ~sequence.lost[start:end].astype(bool))
            waits.append(int(hits[0]) if len(hits) else int(end - start))
    return float(np.mean(waits)) if waits else float("nan")
