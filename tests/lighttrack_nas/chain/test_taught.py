"""Retraining with a teacher: what is learnt, what is kept, what is refused; and that a resumed run is the same run."""

import json
import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch

import lighttrack_nas as ltn
from lighttrack_nas.chain.chain import run_retraining
from lighttrack_nas.config.config import Config
from lighttrack_nas.config.config_files import load_config
from lighttrack_nas.models.teachers import load_teacher
from lighttrack_nas.strategies.one_shot.teaching.whole_lessons import whole_losses
from lighttrack_nas.strategies.one_shot.training.task import TrackingTask
from lighttrack_nas.strategies.one_shot.training.taught_task import TaughtTask, TeacherWeights, taught
from lighttrack_nas.trackers.network.norms import has_folded_norms
from lighttrack_nas.trackers.training.batches import to_tensors
from lighttrack_nas.trackers.training.losses import LossSettings, tracking_loss
from lighttrack_nas.trackers.training.pairs.pair import Pair
from lighttrack_nas.trackers.training.targets import TargetSettings

# One teacher and one supernet serve them all.
pytestmark = pytest.mark.xdist_group("taught")

TABLE = ltn.load_space("lighttrack-table")
SIZES = 48, 96


class Squares:
    """A red square on noise, with or without a label."""

    def __init__(self, labelled: bool = True) -> None:
        self.labelled = labelled

    def pair(self, rng: np.random.Generator) -> Pair:
        template, search = (rng.integers(0, 255, (side, side, 3), dtype=np.uint8) for side in SIZES)
        x, y = (int(value) for value in rng.integers(8, 60, 2))
        template[12:36, 12:36] = search[y : y + 24, x : x + 24] = (0, 0, 255)
        return Pair(template, search, np.array([x, y, 24, 24], np.float32), True, self.labelled)


def settings(**changes: object) -> ltn.TrainingSettings:
    given = {"steps": 4, "batch_size": 2, "workers": 0, "warmup_steps": 0, "checkpoint_steps": 2, "log_steps": 2}
    return ltn.TrainingSettings(**(given | changes))


def model_of(space: ltn.Space, file: Path, seed: int = 0) -> Path:
    """A model file of random weights."""
    architecture = space.sample(np.random.default_rng(seed))
    torch.manual_seed(seed)
    ltn.save_model(ltn.build_network(architecture), architecture, file)
    return file


@pytest.fixture(scope="module")
def teacher(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model file whose answers differ from place to place."""
    folder = tmp_path_factory.mktemp("teacher")
    how = settings(steps=30, batch_size=4, learning_rate=0.005, checkpoint_steps=1000)
    ltn.retrain(TABLE.sample(np.random.default_rng(0)), Squares(), settings=how, output=folder)
    return folder / "model.safetensors"


@pytest.fixture(scope="module")
def pupil() -> ltn.Architecture:
    return TABLE.sample(np.random.default_rng(5))


def task_of(architecture: ltn.Architecture, file: Path, *, labelled: bool = True, **weights: float) -> TaughtTask:
    task = TrackingTask(Squares(labelled), 4, 0, TargetSettings(), LossSettings())
    return taught(task, architecture, load_teacher(str(file)), TeacherWeights(**weights), channels_last=False)


def test_the_loss_is_the_teacher_s_and_that_of_labels_weighted(teacher: Path, pupil: ltn.Architecture) -> None:
    network = ltn.build_network(pupil).eval()
    task = task_of(pupil, teacher, teacher=0.5, labels=3.0)
    batch = task.batch(0)
    found: Mapping[str, Any] = task.loss(network, batch, torch.device("cpu"))
    tensors = to_tensors(batch)
    of_teacher: Mapping[str, Any] = whole_losses(task.lessons, network, TABLE.chosen(pupil), tensors, 1.0)
    of_labels = tracking_loss(network, tensors, TargetSettings(), LossSettings()).total.detach()
    found, of_teacher = ({name: float(value.detach()) for name, value in each.items()} for each in (found, of_teacher))
    assert found["labels"] == pytest.approx(float(of_labels))
    assert all(found[name] == pytest.approx(of_teacher[name]) for name in ("blocks", "fusion", "answers"))
    assert found["loss"] == pytest.approx(0.5 * of_teacher["loss"] + 3 * float(of_labels))


def test_the_network_runs_once(teacher: Path, pupil: ltn.Architecture) -> None:
    network, calls = ltn.build_network(pupil), []
    assert network.cls_head is not None
    network.cls_head.register_forward_hook(lambda *_: calls.append(1))
    task = task_of(pupil, teacher)
    task.loss(network, task.batch(0), torch.device("cpu"))
    assert calls == [1]


def test_without_labels_only_the_teacher_counts(teacher: Path, pupil: ltn.Architecture) -> None:
    network = ltn.build_network(pupil)
    task = task_of(pupil, teacher, labelled=False, teacher=2.0)
    found = task.loss(network, task.batch(0), torch.device("cpu"))
    assert found["labels"].item() == 0
    task = task_of(pupil, teacher, labels=0.0)
    assert "labels" not in task.loss(network, task.batch(0), torch.device("cpu"))


@pytest.mark.slow
def test_every_architecture_of_a_space_can_be_taught(teacher: Path) -> None:
    rng = np.random.default_rng(0)
    for _ in range(12):
        architecture = TABLE.sample(rng)
        task = task_of(architecture, teacher)
        loss = task.loss(ltn.build_network(architecture), task.batch(0), torch.device("cpu"))["loss"]
        loss.backward()
        assert loss.isfinite()


def test_workers_get_the_pairs_alone(teacher: Path, pupil: ltn.Architecture) -> None:
    task = task_of(pupil, teacher)
    packed = pickle.dumps(task)
    assert len(packed) < 2000
    assert np.array_equal(pickle.loads(packed).batch(3).searches, task.batch(3).searches)  # noqa: S301 - made here


@pytest.mark.slow
@pytest.mark.parametrize(
    "changes",
    [{}, {"workers": 1, "average": 0.9, "accumulate": 2, "channels_last": False}],
    ids=["plain", "everything"],
)
def test_a_resumed_run_equals_an_undisturbed_one(
    teacher: Path, pupil: ltn.Architecture, tmp_path: Path, changes: dict[str, object]
) -> None:
    how = settings(**changes)

    def train(folder: Path, stop_after: int = 0) -> Mapping[str, torch.Tensor]:
        done = 0

        def progress(steps: int, losses: Mapping[str, float]) -> None:
            nonlocal done
            done += steps
            if done == stop_after:
                raise KeyboardInterrupt

        model = ltn.retrain(
            pupil, Squares(), settings=how, output=folder, teacher=teacher, progress=progress if stop_after else None
        )
        return model.network.state_dict()

    undisturbed = train(tmp_path / "one")
    with pytest.raises(KeyboardInterrupt):
        train(tmp_path / "two", stop_after=3)
    resumed = train(tmp_path / "two")
    assert [key for key in undisturbed if not torch.equal(undisturbed[key], resumed[key])] == []


@pytest.mark.slow
def test_a_teacher_teaches(teacher: Path, tmp_path: Path) -> None:
    """Its own architecture, on pairs without labels, comes near to its answers."""
    model = ltn.load_model(teacher)
    losses: list[float] = []
    found = ltn.retrain(
        model.architecture,
        Squares(labelled=False),
        settings=settings(steps=40, batch_size=4, learning_rate=0.005, checkpoint_steps=1000),
        output=tmp_path,
        teacher=teacher,
        progress=lambda _, latest: losses.append(latest["loss"]),
    )
    assert np.mean(losses[-5:]) < 0.7 * np.mean(losses[:5])
    assert found.provenance["teacher"]["name"] == str(teacher)


def test_mixed_precision_trains(teacher: Path, pupil: ltn.Architecture, tmp_path: Path) -> None:
    model = ltn.retrain(pupil, Squares(), settings=settings(precision="bf16"), output=tmp_path, teacher=teacher)
    assert model.provenance["skipped_steps"] == 0


@pytest.fixture(scope="module")
def supernet(teacher: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a supernet that has learnt from the teacher."""
    folder = tmp_path_factory.mktemp("supernet")
    strategy = ltn.one_shot_strategy("blockwise", teacher=str(teacher))
    ltn.train_supernet(TABLE, Squares(labelled=False), settings=settings(), output=folder, strategy=strategy)
    return folder


def test_a_model_remembers_its_teachers(teacher: Path, supernet: Path, pupil: ltn.Architecture, tmp_path: Path) -> None:
    trained = ltn.load_supernet(supernet / "supernet.safetensors")
    assert has_folded_norms(trained.extract(pupil))
    model = ltn.retrain(
        pupil, Squares(), settings=settings(), output=tmp_path / "both", teacher=teacher, supernet=trained
    )
    assert has_folded_norms(model.network)
    about = load_teacher(str(teacher)).record()
    assert about.items() <= model.provenance["teacher"].items()
    assert model.provenance["supernet_teacher"] == about
    assert json.loads((tmp_path / "both" / "run.json").read_text())["teacher"] == model.provenance["teacher"]
    alone = ltn.retrain(pupil, Squares(), settings=settings(), output=tmp_path / "labels", supernet=trained)
    assert "teacher" not in alone.provenance
    assert alone.provenance["supernet_teacher"] == about


@pytest.mark.slow
def test_a_teacher_with_short_towers_teaches_deeper_ones(tmp_path: Path) -> None:
    skips = {label: "skip" for label, names in TABLE.labels.items() if "skip" in names}
    architecture = TABLE.architecture(dict(TABLE.sample(np.random.default_rng(0)).choices) | skips)
    how = settings(steps=4, batch_size=4)
    ltn.retrain(architecture, Squares(), settings=how, output=tmp_path / "teacher")
    strategy = ltn.one_shot_strategy("blockwise", teacher=str(tmp_path / "teacher" / "model.safetensors"))
    how = settings(steps=12)
    ltn.train_supernet(TABLE, Squares(False), settings=how, output=tmp_path / "supernet", strategy=strategy)
    assert (tmp_path / "supernet" / "places.csv").exists()


def test_a_folder_keeps_one_teacher(teacher: Path, pupil: ltn.Architecture, tmp_path: Path) -> None:
    how = settings(steps=1)
    ltn.retrain(pupil, Squares(), settings=how, output=tmp_path / "run", teacher=teacher)
    other = model_of(TABLE, tmp_path / "other.safetensors", seed=1)
    with pytest.raises(ltn.InputError, match=r"another run: teacher\.name was .*model.* and is now .*other"):
        ltn.retrain(pupil, Squares(), settings=how, output=tmp_path / "run", teacher=other)
    with pytest.raises(ltn.InputError, match=r"another run: teacher was .*model.* and is now null"):
        ltn.retrain(pupil, Squares(), settings=how, output=tmp_path / "run")
    with pytest.raises(ltn.InputError, match=r"another run: teacher\.label_weight was 1.* and is now 0"):
        ltn.retrain(pupil, Squares(), settings=how, output=tmp_path / "run", teacher=teacher, label_weight=0)
    # Of the same name, but with other weights.
    here = Path(teacher).read_bytes()
    try:
        model_of(TABLE, teacher, seed=2)
        with pytest.raises(ltn.InputError, match=r"another run: teacher\.digest was"):
            ltn.retrain(pupil, Squares(), settings=how, output=tmp_path / "run", teacher=teacher)
    finally:
        teacher.write_bytes(here)


def test_a_supernet_s_folder_keeps_one_teacher(supernet: Path, tmp_path: Path) -> None:
    other = model_of(TABLE, tmp_path / "other.safetensors", seed=1)
    strategy = ltn.one_shot_strategy("blockwise", teacher=str(other))
    with pytest.raises(ltn.InputError, match=r"another run: strategy\.teacher was .*model.* and is now .*other"):
        ltn.train_supernet(TABLE, Squares(False), settings=settings(), output=supernet, strategy=strategy)


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        ({"teacher_weight": 0}, "teacher_weight: expected a number above 0, got 0; leave out the teacher"),
        ({"teacher_weight": -1.0}, "teacher_weight: expected a number from 0 to 100, got -1.0"),
        ({"label_weight": float("nan")}, "label_weight: expected a number from 0 to 100, got nan"),
        ({"label_weight": True}, "label_weight: expected a number from 0 to 100, got True"),
        ({"teacher_code": "back_0"}, "only a released checkpoint .* has a code"),
    ],
)
def test_impossible_weights_are_refused(
    teacher: Path, pupil: ltn.Architecture, tmp_path: Path, weights: dict[str, float], message: str
) -> None:
    with pytest.raises(ltn.InputError, match=message):
        ltn.retrain(pupil, Squares(), settings=settings(), output=tmp_path / "run", teacher=teacher, **weights)
    assert not (tmp_path / "run").exists()


def test_a_code_without_a_teacher_is_refused(pupil: ltn.Architecture, tmp_path: Path) -> None:
    with pytest.raises(ltn.InputError, match="code 'back_0' is a teacher's, and no teacher was given"):
        ltn.retrain(pupil, Squares(), settings=settings(), output=tmp_path / "run", teacher_code="back_0")


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """A folder of pictures."""
    rng = np.random.default_rng(0)
    (tmp_path / "pictures").mkdir()
    for number in range(4):
        picture = cv2.resize(rng.integers(0, 256, (6, 8, 3), np.uint8), (160, 120))
        cv2.imwrite(str(tmp_path / "pictures" / f"{number}.jpg"), picture)
    return tmp_path / "pictures"


def test_the_chain_retrains_on_pictures_alone(
    teacher: Path, supernet: Path, pupil: ltn.Architecture, pictures: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = pictures.parent / "run"
    run.mkdir()
    (run / "supernet").symlink_to(supernet)
    (run / "one.json").write_text(pupil.to_json())
    monkeypatch.setenv("MODELS", str(teacher.parent))
    training = settings(steps=2).model_dump(exclude={"seed", "accelerator"})
    content = {
        "space": "lighttrack-table",
        "output": str(run),
        "threads": 1,
        "data": {"sources": [{"kind": "images", "path": str(pictures)}]},
        "retrain": {
            "architecture": str(run / "one.json"),
            "teacher": "$MODELS/model.safetensors",
            "label_weight": 0,
            "training": training,
        },
    }
    said: list[str] = []
    found = run_retraining(Config.model_validate(content), said.append)
    assert found.model.architecture == pupil
    assert found.model.provenance["teacher"]["name"] == str(teacher)
    assert said == [
        "the network has folded norms, whose statistics stand in its weights: they stay affine maps, which learn"
    ]


@pytest.mark.parametrize(
    ("part", "message"),
    [
        ({"teacher_weight": 0}, "retrain.teacher_weight: .*greater than 0"),
        ({"label_weight": -1}, "retrain.label_weight: .*greater than or equal to 0"),
        ({"teacher": 3}, "retrain.teacher: .*string"),
        ({"code": "back_0"}, "retrain.code: 'back_0' is a teacher's: give retrain.teacher, its checkpoint"),
    ],
)
def test_mistakes_of_a_configuration_are_named(tmp_path: Path, part: dict[str, object], message: str) -> None:
    (tmp_path / "chain.yaml").write_text(json.dumps({"retrain": part}))
    with pytest.raises(ltn.InputError, match=message):
        load_config(tmp_path / "chain.yaml")
