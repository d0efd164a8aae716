"""Expected average overlap (EAO) of VOT's reset-based challenges.

From Kristan et al., "The Visual Object Tracking VOT2015 Challenge Results" (ICCV Workshops 2015), where EAO is defined:
what average overlap is to be expected of a tracker, never re-started, on a sequence of a typical length? Every
(re-)start opens a *fragment*. A fragment that ended in a failure stays failed: it is padded with zeros to any length.
One that the end of the video cut off says nothing of longer sequences: it is left out for lengths beyond its own. The
mean over fragments, at each length, is a curve; EAO is the curve's mean over an interval of typical lengths.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

PUBLISHED_INTERVALS = {
    "vot2015": (108, 371),
    "vot2016": (108, 371),
    "vot2017": (100, 356),
    "vot2018": (100, 356),
    "vot2019": (46, 291),
}
"""Intervals of sequence lengths, both ends included, that the challenges used (the VOT toolkit's stack files)."""


@dataclass(frozen=True, eq=False)
class Fragment:
    """One stretch of tracking, from a (re-)start.

    Attributes:
        overlaps: ``(length,)`` 0 to 1; the first is the frame of the start, whose value is not used.
        failed: It ended with a failure, not with the video. The failing frame is not in `overlaps`.
    """

    overlaps: np.ndarray
    failed: bool


def expected_overlap_curve(fragments: Sequence[Fragment], longest: int) -> np.ndarray:
    """Expected average overlap for each length of sequence.

    Args:
        fragments: Of all sequences; each counts once.
        longest: Length of the longest sequence, frames.

    Returns:
        ``(longest,)`` 0 to 1; element L - 1 is for sequences of L frames and averages the overlaps of frames 2..L. By
        convention 1 for L = 1, where there is only the start. NaN where no fragment tells.
    """
    total, fragments_used = np.zeros(longest), np.zeros(longest)
    for fragment in fragments:
        overlaps = np.zeros(longest)
        overlaps[: len(fragment.overlaps)] = fragment.overlaps
        overlaps[0] = 0
        known = longest if fragment.failed else len(fragment.overlaps)
        means = overlaps.cumsum() / np.maximum(np.arange(longest), 1)
        total[:known] += means[:known]
        fragments_used[:known] += 1
    with np.errstate(invalid="ignore"):
        curve = total / np.where(fragments_used > 0, fragments_used, np.nan)
    curve[:1] = 1
    return curve


def expected_average_overlap(curve: np.ndarray, interval: tuple[int, int]) -> float:
    """Average the curve over an interval of lengths.

    Args:
        curve: From `expected_overlap_curve`.
        interval: Shortest and longest length in frames, both included, 1 or more. Lengths that the curve does not
            reach, or where it is NaN, are left out.

    Returns:
        EAO, 0 to 1; NaN if the curve tells nothing of the interval.

    Raises:
        ValueError: The interval is no interval of lengths.
    """
    low, high = interval
    if not 1 <= low <= high:
        raise ValueError(f"`1 <= low <= high` must hold for an interval of lengths, but got {interval}")
    values = curve[low - 1 : high]
    values = values[~np.isnan(values)]
    return float(values.mean()) if len(values) else float("nan")


def typical_lengths(lengths: Sequence[int], mass: float = 0.5) -> tuple[int, int]:
    """The interval of typical sequence lengths of a data set.

    As VOT2015 defines it: the density of the lengths is estimated with kernels, and the interval grows from the highest
    point, always to the side where the density is higher, until it holds half of the mass. VOT chose the kernels'
    width by an estimator of its own; here it is Silverman's rule, so the interval comes near VOT's and is not the same.
    To compare with published figures, use `PUBLISHED_INTERVALS`.

    Args:
        lengths: Frames of each sequence.
        mass: Share of the density to hold, greater than 0 and at most 1.

    Returns:
        Shortest and longest length, both included, within 1 and the longest sequence.

    Raises:
        ValueError: No lengths, one below 1, or a mass outside the range.
    """
    values = np.asarray(lengths, float)
    if values.size == 0 or values.min() < 1 or not 0 < mass <= 1:
        raise ValueError(f"lengths of 1 or more frames and `0 < mass <= 1` expected, got {lengths=} and {mass=}")
    quartiles = np.percentile(values, [25, 75])
    spread = min(values.std(ddof=1), (quartiles[1] - quartiles[0]) / 1.34) if len(values) > 1 else 0.0
    # At least a frame wide: lengths that are all alike have no spread.
    width = max(0.9 * spread * len(values) ** -0.2, 1.0)
    grid = np.arange(1, values.max() + 1)
    density = np.exp(-0.5 * ((grid[:, None] - values) / width) ** 2).sum(axis=1)
    density /= density.sum()

    low = high = int(density.argmax())
    held = density[low]
    # The last share of a mass of 1 may be lost to rounding; the ends stop the loop.
    while held < mass and (low > 0 or high < len(density) - 1):
        below = density[low - 1] if low > 0 else -1.0
        above = density[high + 1] if high < len(density) - 1 else -1.0
        if below > above:
            low -= 1
        else:
            high += 1
        held += max(below, above)
    return low + 1, high + 1
