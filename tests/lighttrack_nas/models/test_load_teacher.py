"""Teachers by their names: model files, shipped models, released checkpoints with their code."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

import lighttrack_nas as ltn
from lighttrack_nas.models.shipped_models import SHIPPED

TINY = ltn.load_space("lighttrack-tiny")


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(0)
    architecture = TINY.sample(np.random.default_rng(0))
    file = tmp_path_factory.mktemp("teacher") / "model.safetensors"
    ltn.save_model(ltn.build_network(architecture), architecture, file)
    return file


def test_a_model_file(model: Path) -> None:
    teacher, found = ltn.load_teacher(str(model)), ltn.load_model(model)
    assert isinstance(teacher, ltn.Teacher)
    assert teacher.architecture == found.architecture
    assert teacher.name == str(model)
    assert teacher.digest == ltn.load_teacher(str(model)).digest
    crops = torch.randn(1, 3, 64, 64), torch.randn(1, 3, 128, 128)
    with torch.no_grad():
        answers = found.network.eval()(*crops)
    for one, other in zip(teacher.answers(*crops)[1:], answers, strict=True):
        torch.testing.assert_close(one, other, atol=1e-4, rtol=1e-4)  # folded norms round otherwise


def test_a_model_that_ships() -> None:
    name = next(iter(SHIPPED))
    teacher = ltn.load_teacher(name)
    assert teacher.name == name
    assert teacher.architecture == ltn.load_model(name).architecture


def test_a_released_checkpoint_comes_with_its_code(mobile_code: str, tmp_path: Path) -> None:
    torch.manual_seed(0)
    space = ltn.load_space("lighttrack")
    architecture = space.decode(mobile_code)
    network = ltn.build_network(architecture)
    ltn.save_model(network, architecture, tmp_path / "model.safetensors")
    file = tmp_path / "checkpoint.pth"
    ltn.export_weights(tmp_path / "model.safetensors", file)
    teacher = ltn.load_teacher(str(file), mobile_code)
    assert teacher.architecture == architecture
    with pytest.raises(ltn.InputError, match="is a released checkpoint: give its official code beside it"):
        ltn.load_teacher(str(file))
    with pytest.raises(ltn.InputError):
        ltn.load_teacher(str(file), "back_0+cls_1+reg_2")
    with pytest.raises(ltn.InputError, match=r"only a released checkpoint \(.pth\) has a code beside it: leave it out"):
        ltn.load_teacher(str(tmp_path / "model.safetensors"), mobile_code)
