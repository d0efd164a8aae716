"""Reading teachers: what may be one, and what is said of what may not."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import safetensors
import safetensors.torch
import torch

import lighttrack_nas as ltn
from lighttrack_nas.models.teachers import load_teacher
from lighttrack_nas.search_spaces.description.description import SpaceDescription
from lighttrack_nas.strategies.one_shot.teaching.lessons import Lessons
from lighttrack_nas.trackers.training.pairs.pair import Pair

TABLE, TINY = ltn.load_space("lighttrack-table"), ltn.load_space("lighttrack-tiny")
EXPECTED = r"; a teacher is a model file, .*model\.safetensors.*, a folder .*, a released checkpoint .*lighttrack-tiny"


class Nothing:
    """Never asked for a pair: what is refused is refused before."""

    def pair(self, rng: np.random.Generator) -> Pair:
        raise AssertionError


def saved(space: ltn.Space, file: Path, change: Callable[[torch.Tensor], object] | None = None) -> Path:
    """A model file of random weights, its largest one changed by hand, as `save_model` would refuse nothing."""
    architecture = space.sample(np.random.default_rng(0))
    ltn.save_model(ltn.build_network(architecture), architecture, file)
    if change is not None:
        with safetensors.safe_open(str(file), framework="pt") as content:
            header = content.metadata()
        state = safetensors.torch.load_file(str(file))
        for name, tensor in state.items():
            if name.endswith("weight"):
                change(tensor)
        safetensors.torch.save_file(state, str(file), header)
    return file


def test_a_shipped_model_is_a_teacher() -> None:
    teacher = load_teacher("lighttrack-tiny-generated")
    assert teacher.record() == {
        "name": "lighttrack-tiny-generated",
        "digest": teacher.digest,
        "space": "lighttrack-tiny",
    }
    assert len(teacher.digest) == 16
    assert not any(parameter.requires_grad for parameter in teacher.network.parameters())


@pytest.mark.slow
def test_an_exported_folder_stands_for_its_original(tmp_path: Path) -> None:
    file = tmp_path / "model.safetensors"
    shutil.copy(ltn.models.shipped_models.model_file("lighttrack-tiny-generated"), file)
    folder = tmp_path / "exported"
    ltn.export_model(file, folder, format="torch-export")
    assert load_teacher(str(folder)).digest == load_teacher("lighttrack-tiny-generated").digest
    saved(TINY, file)
    with pytest.raises(ltn.InputError, match=r"teacher '.*exported': its original, '.*', is another by now: name the"):
        load_teacher(str(folder))
    file.unlink()
    with pytest.raises(
        ltn.InputError,
        match=r"teacher '.*exported': it is an exported folder, and its original, .*cannot be read: name the",
    ):
        load_teacher(str(folder))


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("none.safetensors", "none.safetensors' does not exist" + EXPECTED),
        ("lighttrack-tinny", "lighttrack-tinny' does not exist" + EXPECTED),
        ("supernet.safetensors", "supernet.safetensors' holds a supernet, not one network" + EXPECTED),
        ("places.json", "places.json' is no whole safetensors file: .*" + EXPECTED),
        ("half.safetensors", "half.safetensors' is no whole safetensors file: .*" + EXPECTED),
        ("nan.safetensors", "nan.safetensors': '.*weight' holds values that are not finite" + EXPECTED),
        ("huge.safetensors", "teacher '.*huge.safetensors': its answers are no finite numbers"),
        ("folder", "folder' is no exported tracker: it has no manifest.json"),
        ("released.pth", "released.pth' is a released checkpoint: give its official code beside it"),
    ],
)
def test_what_is_no_teacher_is_refused(tmp_path: Path, name: str, message: str) -> None:
    file = tmp_path / name
    if name == "supernet.safetensors":
        ltn.save_supernet(ltn.Supernet(TABLE), file)
    elif name == "places.json":
        file.write_text(json.dumps({"places": []}))
    elif name == "half.safetensors":
        file.write_bytes(saved(TABLE, file).read_bytes()[:5000])
    elif name == "nan.safetensors":
        saved(TABLE, file, lambda tensor: tensor.view(-1)[:1].fill_(float("nan")))
    elif name == "huge.safetensors":
        saved(TABLE, file, lambda tensor: tensor.mul_(1e30))
    elif name == "folder":
        file.mkdir()
    with pytest.raises(ltn.InputError, match=message):
        load_teacher(str(file))


def test_only_a_checkpoint_has_a_code(tmp_path: Path) -> None:
    with pytest.raises(ltn.InputError, match=r"only a released checkpoint \(.pth\) has a code beside it: leave it out"):
        load_teacher(str(saved(TABLE, tmp_path / "model.safetensors")), "back_0")


def other_stride() -> ltn.Space:
    """Like lighttrack-table, but for the stride of its only output."""
    content = TABLE.description.model_dump(mode="json") | {"name": "other"}
    content["outputs"] = content["outputs"][-1:]
    content["stages"][-1]["stride"] = 2
    return ltn.DeclaredSpace(SpaceDescription.model_validate(content))


def test_teachers_that_see_something_else_are_refused(tmp_path: Path) -> None:
    architecture = TABLE.sample(np.random.default_rng(1))
    file = saved(other_stride(), tmp_path / "other.safetensors")
    how = ltn.TrainingSettings(steps=1, workers=0)
    for teacher, message in (
        (
            "lighttrack-tiny-generated",
            "sees template and search crops of 64 and 128 pixels, space 'lighttrack-table' those of 48",
        ),
        (
            str(file),
            "output 'stage2-block0': its stride is not 16, as that of teacher '.*other.safetensors': leave out",
        ),
    ):
        with pytest.raises(ltn.InputError, match=message):
            Lessons(TABLE, load_teacher(teacher))
        with pytest.raises(ltn.InputError, match=message):
            ltn.retrain(architecture, Nothing(), settings=how, output=tmp_path / "run", teacher=teacher)
    assert not (tmp_path / "run").exists()


def test_spaces_of_nni_cannot_be_taught(tmp_path: Path) -> None:
    space = ltn.load_space(str(Path(__file__).parents[2] / "model_spaces" / "layers.py") + ":Layers")
    architecture = space.sample(np.random.default_rng(0))
    how = ltn.TrainingSettings(steps=1, workers=0)
    with pytest.raises(ltn.InputError, match=r"model space '.*Layers' is NNI's, .*leave out the teacher"):
        ltn.retrain(architecture, Nothing(), settings=how, output=tmp_path, teacher="lighttrack-tiny-generated")


def test_a_strategy_without_a_teacher_is_refused_in_python(tmp_path: Path) -> None:
    how = ltn.TrainingSettings(steps=1, workers=0)
    with pytest.raises(ltn.InputError, match="'blockwise' learns from a teacher, and was given none: name a model"):
        ltn.train_supernet(TABLE, Nothing(), settings=how, output=tmp_path, strategy="blockwise")
