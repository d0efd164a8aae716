"""How images are changed before their classes are learnt, and how right answers are counted."""

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from torch import Tensor, nn

from lighttrack_nas.strategies.one_shot.images.classification import ClassificationTask, share_of_right
from lighttrack_nas.strategies.one_shot.images.image_folders import read_image_folder
from lighttrack_nas.strategies.one_shot.images.image_recipe import ImageRecipe, training_crop, whole_crop

CHANGES: list[dict[str, Any]] = [{}, {"rand_augment": 0.9}, {"erasing": 1.0}, {"rand_augment": 0.3, "erasing": 0.5}]


def image(height: int = 60, width: int = 90) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)


@pytest.mark.parametrize("changes", CHANGES, ids=str)
def test_a_crop_is_a_function_of_its_generator_and_leaves_torch_s_alone(changes: dict[str, Any]) -> None:
    recipe = ImageRecipe(**changes)
    before = torch.random.get_rng_state()
    first, again, other = (training_crop(image(), 32, recipe, np.random.default_rng(seed)) for seed in (3, 3, 4))
    assert first.shape == (32, 32, 3)
    assert first.dtype == np.uint8
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)
    assert torch.equal(before, torch.random.get_rng_state())


def test_stronger_changes_change_more() -> None:
    def changed(strength: float) -> float:
        plain, stronger = ImageRecipe(), ImageRecipe(rand_augment=strength)
        pairs = [
            [training_crop(image(), 32, r, np.random.default_rng(n)) for r in (plain, stronger)] for n in range(60)
        ]
        return float(np.mean([np.abs(a.astype(float) - b).mean() for a, b in pairs]))

    assert 0 < changed(0.2) < changed(1.0)


def test_what_is_erased_is_the_mean_colour_in_the_order_of_the_channels() -> None:
    white = np.full((40, 40, 3), 255, np.uint8)
    crop = training_crop(white, 32, ImageRecipe(erasing=1.0, colour_jitter=0), np.random.default_rng(0))
    erased = (crop != 255).any(axis=2)
    assert 0 < erased.mean() < 0.5
    assert {tuple(pixel) for pixel in crop[erased].tolist()} == {(104, 116, 124)}


def test_crops_cover_no_less_than_the_smallest_area() -> None:
    """Pixels that say where they are: the spread of a crop is the side that it covers."""
    where = np.zeros((200, 200, 3), np.uint8)
    where[:, :, 0], where[:, :, 1] = np.arange(200)[:, None], np.arange(200)[None]
    for area in (0.08, 0.6, 1.0):
        recipe = ImageRecipe(smallest_area=area, colour_jitter=0)
        for seed in range(20):
            crop = training_crop(where, 100, recipe, np.random.default_rng(seed)).astype(int)
            sides = [np.ptp(crop[:, :, channel]) / 200 for channel in (0, 1)]
            # A side longer than the image's is cut: an area of 1 at 3/4 covers .75 and more.
            assert sides[0] * sides[1] > 0.7 * area


@pytest.mark.parametrize("shape", [(80, 120), (120, 80), (1, 1), (1, 51)])
def test_the_middle_of_an_image_is_cut_for_measuring(shape: tuple[int, int]) -> None:
    picture = np.zeros((*shape, 3), np.uint8)
    picture[shape[0] // 2, shape[1] // 2] = 255
    crop = whole_crop(picture, 16)
    assert crop.shape == (16, 16, 3)
    assert crop[7:9, 7:9].max() > 0


class Brightest(nn.Module):
    """Names the brightest colour: class 0 for blue, 1 for green, 2 for red."""

    def forward(self, images: Tensor) -> Tensor:
        return images.mean(dim=(2, 3)).flip(1)


def test_right_answers_are_counted(tmp_path: Path) -> None:
    colours = {"a": (255, 0, 0), "b": (0, 255, 0), "c": (0, 0, 255)}
    for name, colour in colours.items():
        (tmp_path / name).mkdir()
        for number in range(3):
            cv2.imwrite(str(tmp_path / name / f"{number}.png"), np.full((20, 20, 3), colour, np.uint8))
    cv2.imwrite(str(tmp_path / "c" / "3.png"), np.full((20, 20, 3), colours["a"], np.uint8))
    assert share_of_right(Brightest(), read_image_folder(tmp_path), 16, batch_size=4) == 0.9


def test_batches_of_a_task_are_changed_as_its_recipe_says(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        cv2.imwrite(str(tmp_path / name / "0.png"), image())
    tasks = [ClassificationTask(read_image_folder(tmp_path), 32, 4, 0, ImageRecipe(**changes)) for changes in CHANGES]
    batches = [task.batch(0) for task in tasks]
    assert all(np.array_equal(batch.labels, batches[0].labels) for batch in batches)
    assert len({batch.images.tobytes() for batch in batches}) == len(CHANGES)
