"""Whether a target is there: the probability, the rule for lost targets, and where they are looked for."""

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lighttrack_nas.trackers.base.errors import InputError
from lighttrack_nas.trackers.tracking.hyper_parameters import HyperParameters
from lighttrack_nas.trackers.tracking.presence import Tracked, Watch, logit, places_to_look, presence_of
from lighttrack_nas.trackers.tracking.tracker import SiameseTracker

CALIBRATED = {"presence_slope": 1.0, "presence_offset": 0.0}
RULE = CALIBRATED | {"lost_after": 3, "lost_below": 0.3, "found_above": 0.6}


def test_what_a_tracker_says_unpacks_into_box_and_score() -> None:
    said = Tracked(np.arange(4.0), 0.5, True, 0.25)
    box, score = said
    assert said == (box, score)
    assert (said.box is box, said.score, said.lost, said.presence) == (True, 0.5, True, 0.25)


def test_presence_is_a_probability_that_rises_with_the_score() -> None:
    settings = HyperParameters(presence_slope=0.7, presence_offset=-4.0)
    stated = [presence_of(score, settings) for score in (0.0, 1e-6, 0.5, 0.99, 0.9999, 1.0)]
    assert all(low is not None and high is not None and 0 <= low < high <= 1 for low, high in pairwise(stated))
    assert presence_of(0.5, settings) == pytest.approx(1 / (1 + math.exp(4)))
    assert presence_of(0.5, HyperParameters()) is None
    assert math.isfinite(logit(0.0))
    assert math.isfinite(logit(1.0))


@pytest.mark.parametrize(
    ("stated", "lost"),
    [
        ([0.2, 0.2, 0.9, 0.2, 0.2], [0, 0, 0, 0, 0]),
        ([0.2, 0.2, 0.2, 0.5, 0.6, 0.2], [0, 0, 1, 1, 0, 0]),
        ([0.3, 0.3, 0.3, 0.3], [0, 0, 0, 0]),
        ([0.1] * 5, [0, 0, 1, 1, 1]),
        ([0.1, 0.1, 0.1, 0.7, 0.1, 0.1, 0.1], [0, 0, 1, 0, 0, 0, 1]),
    ],
)
def test_a_target_is_lost_after_low_frames_in_a_row_and_found_at_a_high_one(
    stated: list[float], lost: list[int]
) -> None:
    watch = Watch(HyperParameters(**RULE))
    assert [watch.see(each) for each in stated] == [bool(each) for each in lost]


@pytest.mark.parametrize("settings", [{}, CALIBRATED])
def test_without_a_rule_or_a_calibration_nothing_is_ever_lost(settings: dict[str, float]) -> None:
    watch = Watch(HyperParameters(**settings))
    assert not any(watch.see(presence_of(0.0, HyperParameters(**settings))) for _ in range(50))


@given(
    st.tuples(st.floats(-50, 700), st.floats(-50, 500)),
    st.floats(1, 2000),
    st.tuples(st.integers(1, 640), st.integers(1, 480)),
)
def test_the_whole_frame_is_looked_at_from_near_to_far(
    centre: tuple[float, float], side: float, size: tuple[int, int]
) -> None:
    side = max(side, 2.0, max(size) / 20)
    middle = np.clip(centre, 0, size)
    places = np.array(places_to_look(np.array(centre), side, size))
    assert np.allclose(places[0], middle)
    assert ((places >= -1e-6) & (places <= np.array(size) + 1e-6)).all()
    distances = np.abs(places - middle).max(axis=1)
    assert (np.diff(distances) >= -1e-6).all()
    for corner in ((0, 0), size, (0, size[1]), (size[0], 0)):
        assert np.abs(places - corner).max(axis=1).min() <= side / 2 + 1e-6


class Seeing:
    """A network that sees a target of 64 pixels in the middle of its crop, or less surely, as the script has it."""

    template_size, search_sizes, stride = 127, (256,), 16

    def __init__(self, logits: Sequence[float]) -> None:
        self._script = list(logits)
        self.crops: list[np.ndarray] = []

    def template(self, image: np.ndarray) -> str:
        return "features"

    def track(self, features: str, image: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        self.crops.append(image)
        logits = np.full((1, 1, 16, 16), -100.0)
        logits[0, 0, 8, 8] = self._script.pop(0)
        return logits, np.full((1, 4, 16, 16), 32.0)

    def prepare(self, crop: np.ndarray) -> np.ndarray:
        return crop[None]


def where(height: int = 300, width: int = 400) -> np.ndarray:
    """A frame whose pixels say where they are."""
    frame = np.zeros((height, width, 3), np.uint8)
    frame[:, :, 0], frame[:, :, 1] = np.arange(width)[None] // 2, np.arange(height)[:, None] // 2
    return frame


def tracked(script: list[float], **settings: Any) -> tuple[Seeing, list[Tracked]]:
    network = Seeing(script)
    tracker = SiameseTracker(network, HyperParameters(window_influence=0.3, penalty_k=0.0, lr=0.5, **settings))
    tracker.init(where(), (168, 118, 64, 64))
    return network, [tracker.update(where()) for _ in range(len(script))]


def middle_of(crop: np.ndarray) -> np.ndarray:
    return 2.0 * crop[0, 128, 128, :2].astype(float)


def test_a_lost_target_stays_where_it_was_seen_last_and_is_looked_for_elsewhere() -> None:
    network, said = tracked([9, 9, *[-9] * 8, 9, 9], **RULE)
    assert [each.lost for each in said] == [False] * 4 + [True] * 6 + [False] * 2
    seen_last = said[1].box
    for each in said[4:10]:
        assert np.array_equal(each.box, seen_last)
    looked = [middle_of(crop) for crop in network.crops]
    # First where it was seen last, then half a crop (128 pixels and some) away.
    assert np.abs(looked[5] - looked[1]).max() <= 4
    side = 2 * np.sqrt((64 + 64) ** 2)
    for place in looked[6:10]:
        assert np.abs(place - looked[5]).max() == pytest.approx(side / 2, abs=6)
    # Found in the middle of the crop that was looked at then, of its old size.
    found = said[10].box
    assert found[:2] + found[2:] / 2 == pytest.approx(looked[10], abs=5)
    assert found[2:] == pytest.approx(seen_last[2:], rel=0.05)
    assert np.abs(middle_of(network.crops[11]) - looked[10]).max() <= 5


def test_before_it_counts_as_lost_a_target_is_followed_as_ever() -> None:
    doubtful = [9, -9, -9, 9, -9, -9, 9]
    _, with_rule = tracked(list(doubtful), **RULE)
    _, without = tracked(list(doubtful))
    for ours, published in zip(with_rule, without, strict=True):
        assert np.array_equal(ours.box, published.box)
        assert (published.lost, published.presence) == (False, None)
    assert with_rule[1].presence == pytest.approx(1 / (1 + math.exp(9)))


def test_a_lost_target_is_scaled_with_frames_that_change_their_size() -> None:
    network = Seeing([9, *[-9] * 4, 9])
    tracker = SiameseTracker(network, HyperParameters(**RULE))
    tracker.init(where(), (168, 118, 64, 64))
    for _ in range(4):
        lost = tracker.update(where())
    assert lost.lost
    half = where(150, 200)
    smaller = tracker.update(half)
    assert smaller.lost
    assert smaller.box == pytest.approx(lost.box / 2)
    assert not tracker.update(half).lost


class TwoPeaks(Seeing):
    """Beside what is in the middle, a target near the crop's corner from the fifth frame on."""

    def track(self, features: str, image: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        logits, distances = super().track(features, image)
        if len(self.crops) > 4:
            logits[0, 0, 2, 2] = 9.0
        return logits, distances


def test_a_lost_target_is_found_wherever_it_is_in_the_crop() -> None:
    """The window, which favours the middle, would keep it from being seen."""
    network = TwoPeaks([9, *[-1] * 5])
    tracker = SiameseTracker(network, HyperParameters(window_influence=0.9, **RULE))
    tracker.init(where(), (168, 118, 64, 64))
    assert [tracker.update(where()).lost for _ in range(5)] == [False, False, False, True, False]


def test_a_second_start_forgets_that_the_first_target_was_lost() -> None:
    network = Seeing([*[-9] * 3, 9])
    tracker = SiameseTracker(network, HyperParameters(**RULE))
    tracker.init(where(), (168, 118, 64, 64))
    assert [tracker.update(where()).lost for _ in range(3)] == [False, False, True]
    tracker.init(where(), (100, 100, 64, 64))
    assert not tracker.update(where()).lost


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"presence_slope": -1}, "presence_slope: expected a number between 0 and 100, got -1"),
        ({"presence_slope": True}, "presence_slope: expected a number"),
        ({"presence_offset": float("nan")}, "presence_offset: expected a number between -1000 and 1000"),
        (RULE | {"lost_after": 2.5}, "lost_after: expected a whole number of 0 to 10000, got 2.5"),
        (RULE | {"lost_after": True}, "lost_after: expected a whole number"),
        (RULE | {"lost_below": 0.7}, r"found_above: expected at least lost_below \(0.7\), got 0.6"),
        ({"lost_after": 3}, "lost_after: there is no presence to go by"),
    ],
)
def test_impossible_settings_are_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        HyperParameters(**settings)


def test_records_say_nothing_of_presence_where_there_is_none() -> None:
    assert set(HyperParameters().to_dict()) == {
        *("penalty_k", "window_influence", "lr", "context", "small_target", "min_size", "exact_crops")
    }
    whole = HyperParameters(**RULE)
    assert HyperParameters.from_mapping(whole.to_dict(), "here") == whole
