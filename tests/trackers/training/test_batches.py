"""Training pairs as tensors."""

from dataclasses import fields, replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from lighttrack_nas.trackers.tracking.crops import network_input
from lighttrack_nas.trackers.training.batches import fitted, to_tensors
from lighttrack_nas.trackers.training.pairs.pair import PairBatch


def pairs(size: int = 3) -> PairBatch:
    rng = np.random.default_rng(0)
    return PairBatch(
        templates=rng.integers(0, 256, (size, 31, 31, 3), np.uint8),
        searches=rng.integers(0, 256, (size, 64, 64, 3), np.uint8),
        boxes=rng.uniform(0, 64, (size, 4)).astype(np.float32),
        positives=np.arange(size) % 2 == 0,
    )


@pytest.mark.parametrize("memory_format", [torch.contiguous_format, torch.channels_last])
def test_images_are_those_that_the_tracker_shows_to_networks(memory_format: torch.memory_format) -> None:
    batch = pairs()
    tensors = to_tensors(batch, memory_format=memory_format)
    for images, crops in ((tensors.template, batch.templates), (tensors.search, batch.searches)):
        assert images.dtype == torch.float32
        assert images.is_contiguous(memory_format=memory_format)
        expected = np.concatenate([network_input(crop) for crop in crops])
        np.testing.assert_allclose(images.numpy(), expected, rtol=0, atol=1e-6)


def test_values_by_hand() -> None:
    """A pure blue pixel, BGR 255, 0, 0: red and green -mean / deviation, blue (1 - .406) / .225 = 2.64."""
    batch = pairs(1)
    batch.templates[0, 5, 7] = (255, 0, 0)
    pixel = to_tensors(batch).template[0, :, 5, 7]
    assert pixel.tolist() == pytest.approx([-0.485 / 0.229, -0.456 / 0.224, 2.64], abs=1e-5)


def test_boxes_and_flags_are_kept() -> None:
    batch = pairs()
    tensors = to_tensors(batch)
    assert len(tensors) == 3
    assert tensors.boxes.dtype == torch.float32
    np.testing.assert_array_equal(tensors.boxes.numpy(), batch.boxes)
    assert tensors.positive.tolist() == [True, False, True]


def test_pairs_are_labelled_unless_they_say_otherwise() -> None:
    batch = pairs()
    assert batch.labelled.tolist() == [True] * 3
    assert to_tensors(batch).labelled.tolist() == [True] * 3
    some = to_tensors(replace(batch, labelled=np.array([True, False, True])))
    assert some.labelled.dtype == torch.bool
    assert some.labelled.tolist() == [True, False, True]
    assert fitted(some, SimpleNamespace(template_size=20)).labelled is some.labelled


def test_the_arrays_stay_as_they_are() -> None:
    batch = pairs()
    before = batch.searches.copy()
    to_tensors(batch).search.zero_()
    np.testing.assert_array_equal(batch.searches, before)


def test_moving_to_another_device() -> None:
    tensors = to_tensors(pairs())
    assert tensors.to("cpu").search is tensors.search
    moved = tensors.to("meta")
    assert {getattr(moved, field.name).device.type for field in fields(moved)} == {"meta"}
