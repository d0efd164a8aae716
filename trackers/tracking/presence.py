"""Whether the target is still there: a probability, a rule that calls it lost or found, and where to look meanwhile.

The published tracker has neither: its score is near 1 whatever is in the picture. Its order is good, though, so that
two numbers, fitted to frames with and without the target, make a probability of it (Platt, 1999).
"""

from __future__ import annotations

import math

import numpy as np

from lighttrack_nas.trackers.tracking.hyper_parameters import HyperParameters

_NEAREST = 1e-9
"""To 0 or 1: a score that rounds to either has a logit, too."""


class Tracked(tuple[np.ndarray, float]):
    """What a tracker says of a frame: ``box, score = tracker.update(frame)``, and more by name.

    Attributes:
        lost: Whether the target counts as lost; the box is then where it was seen last.
        presence: Probability that the target is where the box is; None where it is not calibrated.
    """

    lost: bool
    presence: float | None

    def __new__(cls, box: np.ndarray, score: float, lost: bool = False, presence: float | None = None) -> Tracked:
        """Make one; see the class."""
        made = super().__new__(cls, (box, score))
        made.lost, made.presence = lost, presence
        return made

    @property
    def box(self) -> np.ndarray:
        """``(4,)`` x, y, w, h, pixels."""
        return self[0]

    @property
    def score(self) -> float:
        """The network's own, 0 to 1, not calibrated."""
        return self[1]


def logit(score: float) -> float:
    """The logarithm of the odds of a score in [0, 1]; finite."""
    bounded = min(max(score, _NEAREST), 1 - _NEAREST)
    return math.log(bounded / (1 - bounded))


def presence_of(score: float, hyper_parameters: HyperParameters) -> float | None:
    """Probability that the target is where the network sees it; None where that is not calibrated.

    Args:
        score: The network's, 0 to 1.
        hyper_parameters: With the two numbers of the calibration.
    """
    if not hyper_parameters.presence_slope:
        return None
    evidence = hyper_parameters.presence_slope * logit(score) + hyper_parameters.presence_offset
    return 1 / (1 + math.exp(-max(min(evidence, 700.0), -700.0)))


class Watch:
    """Calls a target lost after some frames in a row of low presence, and found again at the first of high presence.

    Args:
        hyper_parameters: The thresholds; the rule is off where `lost_after` is 0.

    Attributes:
        lost: Whether the target counts as lost.
    """

    def __init__(self, hyper_parameters: HyperParameters) -> None:
        self._hyper_parameters = hyper_parameters
        self._low = 0
        self.lost = False

    def see(self, presence: float | None) -> bool:
        """Take in a frame's presence; whether the target counts as lost now."""
        rule = self._hyper_parameters
        if presence is None or not rule.lost_after:
            return False
        if self.lost:
            self.lost = presence < rule.found_above
            self._low = 0
        else:
            self._low = self._low + 1 if presence < rule.lost_below else 0
            self.lost = self._low >= rule.lost_after
        return self.lost

    def is_sure(self, presence: float | None) -> bool:
        """Whether a box of such presence is worth going back to."""
        return presence is None or presence >= self._hyper_parameters.lost_below


def places_to_look(centre: np.ndarray, side: float, frame_size: tuple[int, int]) -> list[np.ndarray]:
    """Where to look for a lost target: places half a search crop apart, nearest first, so that the region widens.

    The crops are as large as before, so that the target has the scale that the template has. (Larger ones, which show
    more at once, find fewer targets and more of what is none.)

    Args:
        centre: ``(2,)`` where it was seen last, frame pixels.
        side: Of the search crop, frame pixels.
        frame_size: Width and height, pixels.

    Returns:
        Centres ``(2,)`` of crops, each inside the frame.
    """
    centre, step = np.clip(centre, 0, frame_size), max(side / 2, 1.0)
    ways = [
        [middle + step * number for number in range(-int(middle // step), int((length - middle) // step) + 1)]
        for middle, length in zip(centre.tolist(), frame_size, strict=True)
    ]
    places = [np.array([x, y]) for x in ways[0] for y in ways[1]]
    places.sort(key=lambda place: (float(np.abs(place - centre).max()), *place.tolist()))
    return places
