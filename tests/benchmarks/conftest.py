"""Small videos and trackers that follow a script."""

import warnings
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import cv2
import numpy as np
import pytest

from lighttrack_nas.search_spaces.declared_space import DeclaredSpace
from lighttrack_nas.search_spaces.description.description import SpaceDescription
from lighttrack_nas.search_spaces.loading.loading import load_space
from lighttrack_nas.search_spaces.space import Space
from lighttrack_nas.trackers.data.sequence import Sequence

WIDTH, HEIGHT = 64, 48


class ScriptedTracker:
    """Says what a script says for a frame; the frames of `make_sequence` carry their number in every pixel."""

    def __init__(self, script: Any) -> None:
        self.script = np.asarray(script, float)
        self.started: list[tuple[int, list[float]]] = []
        self.updates = 0

    def init(self, frame: np.ndarray, box: Any) -> None:
        self.started.append((int(frame[0, 0, 0]), list(map(float, box))))

    def update(self, frame: np.ndarray) -> tuple[np.ndarray, float]:
        self.updates += 1
        return self.script[frame[0, 0, 0]], 0.5


@pytest.fixture
def scripted() -> type[ScriptedTracker]:
    return ScriptedTracker


@pytest.fixture
def make_sequence(tmp_path: Path) -> Callable[..., Sequence]:
    """Make a video of 64 x 48 pixels whose frame i is filled with the value i."""

    def make(boxes: Any, name: str = "video", absent: Any = None, polygons: Any = None) -> Sequence:
        boxes = np.asarray(boxes, float)
        folder = tmp_path / "videos" / name
        folder.mkdir(parents=True)
        paths = []
        for index in range(len(boxes)):
            paths.append(folder / f"{index + 1:08d}.png")
            cv2.imwrite(str(paths[-1]), np.full((HEIGHT, WIDTH, 3), index, np.uint8))
        absent = np.zeros(len(boxes), bool) if absent is None else np.asarray(absent, bool)
        return Sequence(name, tuple(paths), boxes, absent, polygons, folder / "groundtruth.txt")

    return make


@pytest.fixture(scope="session")
def few() -> Space:
    """512 label combinations; fixed blocks and towers, a choice behind the last output, names with dots."""
    content = load_space("lighttrack-tiny").description.model_dump(mode="json")
    content["name"] = "few"
    content["search_sizes"] = [80, 128]
    content["stem"] = {"channels": 8, "kernel": 5, "stride": 1}
    content["operations"] = {
        "separable3": {"kind": "separable", "kernel": 3},
        "k3-e2": {"kind": "mbconv", "kernel": 3, "expansion": 2},
        "k5": {"kind": "dsconv", "kernel": 5},
        "skip": {"kind": "skip"},
    }
    content["stages"] = [
        {"name": "stem", "channels": 8, "blocks": 1, "stride": 2, "operations": ["separable3"]},
        {"name": "stage1", "channels": 16, "blocks": 2, "stride": 2, "operations": ["k3-e2", "separable3"]},
        {"name": "stage2", "channels": 16, "blocks": 1, "stride": 2, "operations": ["k3-e2"]},
        {"name": "stage3", "channels": 16, "blocks": 1, "stride": 1, "operations": ["k3-e2", "separable3"]},
    ]
    content["outputs"] = ["stage1-block1", "stage2"]
    tower = {"widths": [24], "layers": [{"operations": ["k5"]}, {"operations": ["skip", "k5"], "repeat": 2}]}
    content["towers"] = {"cls": tower, "reg": {**tower, "widths": [16, 24]}}
    return DeclaredSpace(SpaceDescription.model_validate(content))


@pytest.fixture(scope="session")
def fixed(few: Space) -> Space:
    """A space without any choice."""
    content = few.description.model_dump(mode="json") | {"name": "fixed", "outputs": ["stage2"]}
    content["stages"] = content["stages"][:1] + content["stages"][2:3]
    tower = {"widths": [24], "layers": [{"operations": ["k5"]}]}
    content["towers"] = {"cls": tower, "reg": tower}
    return DeclaredSpace(SpaceDescription.model_validate(content))


@pytest.fixture(scope="session")
def got10k() -> SimpleNamespace:
    """The published toolkit, as an oracle."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it was written for an older Python and numpy
        from got10k.experiments import ExperimentGOT10k, ExperimentOTB
        from got10k.utils.metrics import poly_iou, rect_iou
    otb = object.__new__(ExperimentOTB)  # its constructor downloads OTB
    otb.nbins_iou, otb.nbins_ce = 21, 51
    return SimpleNamespace(
        ExperimentGOT10k=ExperimentGOT10k, ExperimentOTB=ExperimentOTB, otb=otb, poly_iou=poly_iou, rect_iou=rect_iou
    )
