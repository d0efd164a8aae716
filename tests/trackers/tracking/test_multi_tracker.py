"""Several targets of one video are followed as trackers of their own would follow them, in one batch a frame."""

from typing import Any

import cv2
import numpy as np
import pytest

import lighttrack_nas as ltn
from lighttrack_nas.trackers.base.errors import InputError
from lighttrack_nas.trackers.tracking.hyper_parameters import HyperParameters
from lighttrack_nas.trackers.tracking.multi_tracker import MultiTracker
from lighttrack_nas.trackers.tracking.tracker import SiameseTracker

from .array_networks import ByHand

BOXES = [(20, 30, 24, 20), (90.5, 40.25, 40, 44), (-6, 80, 30, 30)]
TUNED = HyperParameters(window_influence=0.3, lr=0.5)


def frames(count: int = 5) -> list[np.ndarray]:
    ground = cv2.GaussianBlur(np.random.default_rng(0).integers(0, 255, (120, 160, 3), dtype=np.uint8), (0, 0), 3)
    return [np.roll(ground, (index, 2 * index), axis=(0, 1)) for index in range(count)]


def alone(network: Any, settings: Any, box: Any) -> list[tuple[np.ndarray, float]]:
    tracker = SiameseTracker(network, settings)
    first, *others = frames()
    tracker.init(first, box)
    return [tracker.update(frame) for frame in others]


@pytest.mark.parametrize("settings", ["default", "vot2019", TUNED])
def test_each_target_s_boxes_are_those_of_a_tracker_of_its_own(settings: Any) -> None:
    several = MultiTracker(ByHand(), settings)
    first, *others = frames()
    several.init(first, BOXES)
    together = [several.update(frame) for frame in others]
    for place, box in enumerate(BOXES):
        for results, (expected, score) in zip(together, alone(ByHand(), settings, box), strict=True):
            assert np.allclose(results[place][0], expected, atol=1e-9)
            assert results[place][1] == pytest.approx(score)


@pytest.mark.slow
def test_a_torch_network_s_boxes_differ_by_rounding_alone() -> None:
    one = ltn.load_tracker("lighttrack-tiny-generated")
    network, several = one.network, MultiTracker(one.network)
    first, *others = frames()
    several.init(first, BOXES)
    for index, frame in enumerate(others):
        results = several.update(frame)
        for place, box in enumerate(BOXES):
            expected, score = alone(network, "default", box)[index]
            assert np.allclose(results[place][0], expected, atol=1e-3)
            assert results[place][1] == pytest.approx(score, abs=1e-5)


def test_a_frame_is_one_batch_for_each_search_size() -> None:
    network = ByHand()
    several = MultiTracker(network, HyperParameters(small_target=0.05))
    first, second, third, *_ = frames()
    several.init(first, BOXES)  # of areas .025, .092 and .047 of the frame's
    several.update(second)
    assert sorted(network.batches) == [(1, 64), (2, 96)]
    several.init(second, BOXES[1:2] * 4)
    several.update(third)
    assert network.batches[2:] == [(4, 64)]


def test_another_init_takes_the_place_of_the_targets_before() -> None:
    several = MultiTracker(ByHand())
    first, second, *_ = frames()
    several.init(first, BOXES)
    several.init(first, BOXES[:1])
    assert len(several.update(second)) == 1


def test_what_cannot_be_tracked_is_refused_in_a_sentence() -> None:
    several = MultiTracker(ByHand())
    first, *_ = frames()
    with pytest.raises(InputError, match=r"call init\(frame, boxes\) before update"):
        several.update(first)
    with pytest.raises(InputError, match="expected one or more targets, got none"):
        several.init(first, [])
    several.init(first, BOXES[:2])
    with pytest.raises(InputError, match="lies outside the frame"):
        several.init(first, [BOXES[0], (500, 0, 4, 4)])
    assert len(several.update(first)) == 2  # those before are kept


def test_another_tracker_has_the_network_and_the_settings_and_no_target() -> None:
    tracker = SiameseTracker(ByHand(), TUNED)
    first, second, *_ = frames()
    tracker.init(first, BOXES[0])
    other = tracker.another()
    assert (other.network, other.hyper_parameters, other.state) == (tracker.network, TUNED, None)
    other.init(first, BOXES[1])
    moved = tracker.update(second)[0], other.update(second)[0]
    for box, expected in zip(moved, BOXES, strict=False):
        assert np.array_equal(box, alone(ByHand(), TUNED, expected)[0][0])
