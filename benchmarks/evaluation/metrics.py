"""Figures of one-pass evaluation: a tracker started once per sequence and never helped again.

Boxes are x, y, width, height in pixels, float, 0-based, top-left. Every rate is a fraction (0 to 1). A frame is
*scored* if the target is in the picture and its box is known and has an area. A prediction that is NaN on a scored
frame is a miss: overlap 0, infinite distance.

- `ao`, `sr50`, `sr75`: frames 2..n; mean over the sequences of the sequence's mean. GOT-10k (Huang et al., TPAMI
  2021) defines AO and SR; these are the got10k toolkit's per-sequence `ao` and `sr`.
- `ao_frames`, `sr50_frames`, `sr75_frames`: frames 2..n; all frames of all sequences pooled, as in the got10k
  toolkit's `overall` (`experiments/got10k.py`).
- `success_auc`: frames 1..n; mean over sequences. OTB (Wu et al., CVPR 2013, "Evaluation methodology"): mean of the
  success curve at 0, 0.05 ... 1; as `experiments/otb.py`.
- `precision`: frames 1..n; mean over sequences. OTB: share of frames with a centre error of at most 20 pixels.
- `normalised_precision`: frames 1..n; mean over sequences. TrackingNet (Mueller et al., ECCV 2018): mean of the
  normalised precision curve at 0, 0.01 ... 0.5; also LaSOT's. Some reports give the curve's value at 0.2 instead.
- `fps`: frames 2..n over the seconds in `update`, all sequences together; the got10k toolkit averages 1 / seconds
  instead, which is higher.

OTB's figures count the first frame, where the tracker is given the answer, and GOT-10k's do not: both are kept as
published. A sequence without a scored frame after the first (test splits publish the first box only) says nothing of
the tracker: its figures are NaN, and it is left out of the means. Overlaps, and with them `ao`, are of whole boxes,
even where they reach outside the frame. For GOT-10k (not for OTB) the got10k toolkit first clips both boxes to the
frame, and moves one that begins left of or above it to its edge: `score_frames(frame_size=...)` and
`evaluate(clip=True)` do the same, and give that toolkit's numbers.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from lighttrack_nas.trackers.base.boxes import overlap

SUCCESS_THRESHOLDS = np.linspace(0, 1, 21)
"""Overlaps at which OTB's success curve is read."""
PRECISION_THRESHOLDS = np.arange(51.0)
"""Distances of the centres, pixels, at which OTB's precision curve is read."""
NORMALISED_THRESHOLDS = np.linspace(0, 0.5, 51)
"""Distances of the centres, in sizes of the target, at which TrackingNet's curve is read."""
PRECISION_PIXELS = 20


@dataclass(frozen=True, eq=False)
class FrameScores:
    """How well each frame of a sequence was tracked; NaN on frames that are not scored.

    Attributes:
        overlaps: ``(frames,)`` intersection over union, 0 to 1.
        centre_errors: ``(frames,)`` distance of the centres, pixels.
        normalised_errors: ``(frames,)`` the same with x divided by the true width and y by the true height.
    """

    overlaps: np.ndarray
    centre_errors: np.ndarray
    normalised_errors: np.ndarray


@dataclass(frozen=True, eq=False)
class Curves:
    """Shares of frames, 0 to 1, at the thresholds of this module.

    Attributes:
        success: ``(21,)`` share of frames with an overlap greater than each of `SUCCESS_THRESHOLDS`.
        precision: ``(51,)`` share of frames with a centre error of at most each of `PRECISION_THRESHOLDS`.
        normalised_precision: ``(51,)`` the same for the normalised error and `NORMALISED_THRESHOLDS`.
    """

    success: np.ndarray
    precision: np.ndarray
    normalised_precision: np.ndarray


def score_frames(
    predicted: np.ndarray,
    truth: np.ndarray,
    absent: np.ndarray | None = None,
    frame_size: tuple[int, int] | np.ndarray | None = None,
) -> FrameScores:
    """Compare predicted boxes with the ground truth, frame by frame.

    Args:
        predicted: ``(frames, 4)`` boxes x, y, w, h; a row with a NaN is a miss.
        truth: ``(frames, 4)`` boxes; a row with a NaN, or without area, is not scored.
        absent: ``(frames,)`` bool, frames not to score; None where the target is always there.
        frame_size: (width, height) in pixels, or ``(frames, 2)`` of them, to clip both boxes to before the overlap, as
            the got10k toolkit does for GOT-10k; None takes whole boxes. The toolkit's clipping is kept to the letter: a
            box that begins left of (above) the frame is moved to its edge and keeps its width (height).

    Returns:
        The scores, NaN on frames that are not scored.

    Raises:
        ValueError: The shapes do not fit.
    """
    predicted, truth = np.asarray(predicted, float), np.asarray(truth, float)
    if predicted.ndim != 2 or predicted.shape[1] != 4 or predicted.shape != truth.shape:
        raise ValueError(f"predicted and truth must both be (frames, 4), got {predicted.shape=} and {truth.shape=}")
    scored = np.isfinite(truth).all(axis=1) & (truth[:, 2:] > 0).all(axis=1)
    if absent is not None:
        if np.shape(absent) != scored.shape:
            raise ValueError(f"absent must be ({len(scored)},), got {np.shape(absent)=}")
        scored &= ~np.asarray(absent, bool)
    predicted, truth = predicted[scored], truth[scored]
    missed = ~np.isfinite(predicted).all(axis=1)

    with np.errstate(invalid="ignore"):
        offsets = (predicted[:, :2] + predicted[:, 2:] / 2) - (truth[:, :2] + truth[:, 2:] / 2)
        errors, normalised = np.hypot(*offsets.T), np.hypot(*(offsets / truth[:, 2:]).T)
        if frame_size is not None:
            sizes = np.broadcast_to(frame_size, (len(scored), 2))[scored]
            predicted, truth = _clip_like_got10k(predicted, sizes), _clip_like_got10k(truth, sizes)
        # Rounding can lift the overlap of equal boxes a hair above 1, where it would pass the curve's last threshold.
        overlaps = np.clip(overlap(predicted, truth), 0, 1)
    return FrameScores(
        _spread(np.where(missed, 0.0, overlaps), scored),
        _spread(np.where(missed, np.inf, errors), scored),
        _spread(np.where(missed, np.inf, normalised), scored),
    )


def is_scored(scores: FrameScores) -> bool:
    """Whether a frame after the first, where the tracker is given the box, is scored."""
    return not np.isnan(scores.overlaps[1:]).all()


def curves(scores: FrameScores) -> Curves:
    """Read the curves of one sequence, its first frame included.

    Returns:
        The curves; all NaN if no frame after the first is scored.
    """
    if not is_scored(scores):
        return Curves(
            *(np.full(len(t), np.nan) for t in (SUCCESS_THRESHOLDS, PRECISION_THRESHOLDS, NORMALISED_THRESHOLDS))
        )
    return Curves(
        _shares(scores.overlaps, SUCCESS_THRESHOLDS, np.greater),
        _shares(scores.centre_errors, PRECISION_THRESHOLDS, np.less_equal),
        _shares(scores.normalised_errors, NORMALISED_THRESHOLDS, np.less_equal),
    )


def mean_curves(sequences: Iterable[FrameScores]) -> Curves:
    """Average the sequences' curves, each sequence counting once; those that are not `is_scored` are left out."""
    by_sequence = [curves(scores) for scores in sequences]
    return Curves(
        _mean_rows([c.success for c in by_sequence], len(SUCCESS_THRESHOLDS)),
        _mean_rows([c.precision for c in by_sequence], len(PRECISION_THRESHOLDS)),
        _mean_rows([c.normalised_precision for c in by_sequence], len(NORMALISED_THRESHOLDS)),
    )


def sequence_metrics(scores: FrameScores) -> dict[str, float]:
    """The figures of one sequence.

    Returns:
        `ao`, `sr50`, `sr75`, `success_auc`, `precision`, `normalised_precision` (NaN if no frame after the first is
        scored), and `frames`, the number of scored frames after the first.
    """
    overlaps = _scored(scores.overlaps[1:])
    return {**_overlap_metrics(overlaps), **_curve_metrics(curves(scores)), "frames": len(overlaps)}


def overall_metrics(sequences: Sequence[FrameScores]) -> dict[str, float]:
    """The figures of a data set.

    Args:
        sequences: Scores of each sequence, in any order; those without a scored frame after the first are
            left out.

    Returns:
        As `sequence_metrics`, averaged over the sequences, each counting once, and `ao_frames`, `sr50_frames`,
        `sr75_frames`, where each frame counts once. NaN if nothing is scored.
    """
    per_sequence = [_scored(scores.overlaps[1:]) for scores in sequences]
    pooled = np.concatenate([np.empty(0), *per_sequence])
    by_sequence = [_overlap_metrics(overlaps) for overlaps in per_sequence]
    return {
        **{
            name: _mean(_scored(np.array([metrics[name] for metrics in by_sequence])))
            for name in ("ao", "sr50", "sr75")
        },
        **{f"{name}_frames": value for name, value in _overlap_metrics(pooled).items()},
        **_curve_metrics(mean_curves(sequences)),
        "frames": len(pooled),
    }


def frames_per_second(times: Iterable[np.ndarray]) -> float:
    """Tracked frames divided by the seconds spent on them, over everything given.

    Args:
        times: Per sequence, ``(frames,)`` seconds; the first is `init` and does not count. Rows that are NaN (frames
            not tracked) do not count.

    Returns:
        Frames per second; NaN without a tracked frame or a measurable time.
    """
    seconds = np.concatenate(
        [np.empty(0), *(_scored(np.asarray(sequence_times, float)[1:]) for sequence_times in times)]
    )
    return float(len(seconds) / seconds.sum()) if seconds.sum() > 0 else float("nan")


def _overlap_metrics(overlaps: np.ndarray) -> dict[str, float]:
    return {"ao": _mean(overlaps), "sr50": _mean(overlaps > 0.5), "sr75": _mean(overlaps > 0.75)}


def _curve_metrics(read: Curves) -> dict[str, float]:
    return {
        "success_auc": float(read.success.mean()),
        "precision": float(read.precision[PRECISION_PIXELS]),
        "normalised_precision": float(read.normalised_precision.mean()),
    }


def _clip_like_got10k(boxes: np.ndarray, sizes: np.ndarray) -> np.ndarray:
    low = np.clip(boxes[:, :2], 0, sizes)
    return np.hstack([low, np.clip(boxes[:, 2:], 0, sizes - low)])


def _spread(values: np.ndarray, scored: np.ndarray) -> np.ndarray:
    full = np.full(len(scored), np.nan)
    full[scored] = values
    return full


def _scored(values: np.ndarray) -> np.ndarray:
    return values[~np.isnan(values)]


def _shares(values: np.ndarray, thresholds: np.ndarray, passes: np.ufunc) -> np.ndarray:
    return passes(_scored(values)[:, None], thresholds).mean(axis=0)


def _mean_rows(rows: list[np.ndarray], width: int) -> np.ndarray:
    kept = [row for row in rows if not np.isnan(row).any()]
    return np.mean(kept, axis=0) if kept else np.full(width, np.nan)


def _mean(values: np.ndarray) -> float:
    return float(values.mean()) if len(values) else float("nan")
