"""Annotated images in COCO's format, made by the tests."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

WriteCoco = Callable[..., Path]


@pytest.fixture
def write_coco(tmp_path: Path, write_images: Callable[..., None]) -> WriteCoco:
    """Write three images of 48 x 32 and their annotations, changed as told."""

    def write(folder: str = "images", file: str = "annotations.json", **changes: object) -> Path:
        names = ["a.png", "b.png", "c.png"]
        write_images(tmp_path / folder, names, size=(48, 32))
        content = {
            "images": [{"id": place + 1, "file_name": name} for place, name in enumerate(names)],
            "annotations": [
                {"image_id": 1, "bbox": [4, 4, 20, 10], "iscrowd": 0},
                {"image_id": 1, "bbox": [10.5, 8, 6, 7.25]},
                {"image_id": 3, "bbox": [0, 0, 48, 32]},
            ],
        }
        path = tmp_path / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(content | changes))
        return path

    return write
