"""Fixtures of trainings."""

from pathlib import Path

import cv2
import numpy as np
import pytest


@pytest.fixture
def images(tmp_path: Path) -> Path:
    """Four blue and four red images, in class folders."""
    rng = np.random.default_rng(0)
    for name, colour in (("blue", (200, 40, 40)), ("red", (40, 40, 200))):
        (tmp_path / "images" / name).mkdir(parents=True)
        for index in range(4):
            image = np.clip(np.array(colour) + rng.normal(0, 30, (40, 50, 3)), 0, 255).astype(np.uint8)
            cv2.imwrite(str(tmp_path / "images" / name / f"{index}.png"), image)
    return tmp_path / "images"
