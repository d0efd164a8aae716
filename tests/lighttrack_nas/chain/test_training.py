"""Training as a user calls it: folders that say what they hold, files that are read back, what starts from what."""

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch

import lighttrack_nas as ltn
from lighttrack_nas.chain.trainings.training_records import begin_run, settings_record
from lighttrack_nas.strategies.one_shot.images.classification import ClassificationTask
from lighttrack_nas.trackers.training.pairs.pair import Pair, draw_pair
from lighttrack_nas.trackers.weights.weights import read_header


class Squares:
    """A red square on noise."""

    def __init__(self, template_size: int = 64, search_size: int = 128) -> None:
        self.sizes = template_size, search_size

    def pair(self, rng: np.random.Generator) -> Pair:
        template, search = (rng.integers(0, 255, (side, side, 3), dtype=np.uint8) for side in self.sizes)
        x, y = (int(v) for v in rng.integers(10, 80, 2))
        template[16:48, 16:48] = search[y : y + 32, x : x + 32] = (0, 0, 255)
        return Pair(template, search, np.array([x, y, 32, 32], np.float32), True)


@pytest.fixture(scope="module")
def tiny() -> ltn.Space:
    return ltn.load_space("lighttrack-tiny")


@pytest.fixture(scope="module")
def trained(tiny: ltn.Space, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("supernet")
    ltn.train_supernet(tiny, Squares(), settings=settings(), output=folder)
    return folder


def settings(**changes: object) -> ltn.TrainingSettings:
    given = {"steps": 2, "batch_size": 2, "workers": 0, "warmup_steps": 0, "checkpoint_steps": 1}
    return ltn.TrainingSettings(**(given | changes))


def test_a_supernet_is_read_back_as_it_was_trained(tiny: ltn.Space, trained: Path) -> None:
    supernet = ltn.load_supernet(trained / "supernet.safetensors", tiny)
    again = ltn.train_supernet(tiny, Squares(), settings=settings(), output=trained)
    states = supernet.state_dict(), again.state_dict()
    assert states[0].keys() == states[1].keys()
    assert all(torch.equal(states[0][key], states[1][key]) for key in states[0])
    architecture = tiny.sample(np.random.default_rng(0))
    supernet.pin(architecture)
    template, search = torch.randn(1, 3, 64, 64), torch.randn(1, 3, 128, 128)
    assert torch.equal(supernet(template, search)[0], supernet.extract(architecture)(template, search)[0])
    assert not supernet.training


def test_the_same_seed_gives_the_same_supernet(tiny: ltn.Space, trained: Path, tmp_path: Path) -> None:
    torch.manual_seed(77)
    before = torch.random.get_rng_state()
    other = ltn.train_supernet(tiny, Squares(), settings=settings(), output=tmp_path)
    assert torch.equal(torch.random.get_rng_state(), before)
    first = ltn.load_supernet(trained / "supernet.safetensors")
    assert all(torch.equal(a, b) for a, b in zip(first.state_dict().values(), other.state_dict().values(), strict=True))


@pytest.mark.parametrize(
    ("changes", "message"),
    [({"steps": 3}, "holds results of another run.*steps"), ({"seed": 1}, "holds results of another run.*seed")],
)
def test_a_folder_keeps_one_training(tiny: ltn.Space, trained: Path, changes: dict[str, object], message: str) -> None:
    with pytest.raises(ltn.InputError, match=message):
        ltn.train_supernet(tiny, Squares(), settings=settings(**changes), output=trained)


def test_what_has_no_effect_on_the_result_may_change(tiny: ltn.Space, trained: Path) -> None:
    ltn.train_supernet(tiny, Squares(), settings=settings(workers=1, checkpoint_steps=7), output=trained)


def test_a_supernet_of_another_space_is_refused(tiny: ltn.Space, trained: Path, tmp_path: Path) -> None:
    file = trained / "supernet.safetensors"
    with pytest.raises(ltn.InputError, match=r"is of space 'lighttrack-tiny' .*, not of 'lighttrack'"):
        ltn.load_supernet(file, ltn.load_space("lighttrack"))
    published = ltn.load_space("lighttrack").sample(np.random.default_rng(0))
    with pytest.raises(ltn.InputError, match="not of 'lighttrack-tiny'"):
        ltn.retrain(published, Squares(), settings=settings(), output=tmp_path / "a", supernet=ltn.load_supernet(file))
    with pytest.raises(ltn.InputError, match="'architecture'"):
        ltn.load_model(file)


def test_a_model_is_no_supernet(tiny: ltn.Space, tmp_path: Path) -> None:
    architecture = tiny.sample(np.random.default_rng(0))
    ltn.save_model(ltn.build_network(architecture), architecture, tmp_path / "model.safetensors")
    with pytest.raises(ltn.InputError, match="holds no supernet, but one network"):
        ltn.load_supernet(tmp_path / "model.safetensors")


def test_retraining_starts_from_inherited_weights(tiny: ltn.Space, trained: Path, tmp_path: Path) -> None:
    supernet = ltn.load_supernet(trained / "supernet.safetensors")
    kept = {key: tensor.clone() for key, tensor in supernet.state_dict().items()}
    architecture = tiny.sample(np.random.default_rng(1))
    # So small a rate that the weights stay where they started.
    how = settings(learning_rate=1e-12, steps=1)
    inherited = ltn.retrain(architecture, Squares(), settings=how, output=tmp_path / "a", supernet=supernet)
    alone = ltn.retrain(architecture, Squares(), settings=how, output=tmp_path / "b")
    start = dict(supernet.extract(architecture).named_parameters())
    for name, parameter in inherited.network.named_parameters():
        assert torch.allclose(parameter, start[name], atol=1e-9)
    assert any(not torch.allclose(p, start[name], atol=1e-3) for name, p in alone.network.named_parameters())
    assert all(torch.equal(kept[key], tensor) for key, tensor in supernet.state_dict().items())
    assert inherited.hyper_parameters.exact_crops
    assert inherited.architecture == architecture
    assert inherited.provenance["steps"] == 1


@pytest.mark.slow
def test_a_backbone_is_pretrained_and_starts_a_supernet(tiny: ltn.Space, images: Path, tmp_path: Path) -> None:
    folder = ltn.read_image_folder(images)
    assert folder.classes == ("blue", "red")
    accuracies: list[float] = []
    file = ltn.pretrain_backbone(
        tiny,
        folder,
        settings=settings(steps=12, batch_size=8, learning_rate=0.01),
        output=tmp_path / "backbone",
        image_size=32,
        progress=lambda _, losses: accuracies.append(losses["accuracy"]),
    )
    assert np.mean(accuracies[-4:]) > 0.8
    how = settings(steps=1, learning_rate=1e-12, backbone_frozen=1.0)
    supernet = ltn.train_supernet(tiny, Squares(), settings=how, output=tmp_path / "supernet", backbone=file)
    from safetensors.torch import load_file

    for key, tensor in load_file(file).items():
        assert torch.equal(supernet.model_space.network.backbone.state_dict()[key], tensor)
    other = ltn.load_space("lighttrack")
    with pytest.raises(ltn.InputError, match=r"backbone .* is of space 'lighttrack-tiny'"):
        ltn.train_supernet(other, Squares(127, 256), settings=how, output=tmp_path / "other", backbone=file)
    with pytest.raises(ltn.InputError, match="holds no supernet, but backbone supernet"):
        ltn.load_supernet(file)


def test_crops_of_images_are_functions_of_seed_and_number(images: Path) -> None:
    task = ClassificationTask(ltn.read_image_folder(images), 32, 4, 0)
    first, again, other = task.batch(3), task.batch(3), task.batch(4)
    assert first.images.shape == (4, 32, 32, 3)
    assert np.array_equal(first.images, again.images)
    assert np.array_equal(first.labels, again.labels)
    assert not np.array_equal(first.images, other.images)


def test_images_that_cannot_be_read_are_passed_over_or_named(images: Path) -> None:
    files = sorted(images.rglob("*.png"))
    for file in files[1:]:
        file.write_bytes(b"broken")
    task = ClassificationTask(ltn.read_image_folder(images), 32, 2, 0)
    assert (task.batch(0).labels == 0).all()
    files[0].write_bytes(b"broken")
    with pytest.raises(ltn.InputError, match=r"images in a row cannot be read; the last: image '.*png'"):
        task.batch(0)


@pytest.mark.parametrize(
    ("folders", "message"),
    [
        ([], "holds 0 class folders"),
        (["a"], "holds 1 class folders"),
        (["a", "b"], "class folder '.*a' holds no image"),
    ],
)
def test_folders_without_classes_are_refused(tmp_path: Path, folders: list[str], message: str) -> None:
    for name in folders:
        (tmp_path / name).mkdir()
    with pytest.raises(ltn.InputError, match=message):
        ltn.read_image_folder(tmp_path)


def test_a_missing_image_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ltn.InputError, match="does not exist"):
        ltn.read_image_folder(tmp_path / "none")


@pytest.mark.data
@pytest.mark.slow
def test_pretraining_learns_on_crops_of_real_stills(tiny: ltn.Space, data: Path, tmp_path: Path) -> None:
    """Crops of the stills' objects in class folders: the loss falls below that of guessing."""
    from lighttrack_nas.trackers.base.parsing import parse_json, read_text
    from lighttrack_nas.trackers.data.sequence import read_image

    content = parse_json(read_text(data / "images" / "annotations.json", "stills"), "stills")
    files = {image["id"]: image["file_name"] for image in content["images"]}
    for number, entry in enumerate(content["annotations"]):
        x, y, w, h = (round(value) for value in entry["bbox"])
        image = read_image(next((data / "images").rglob(files[entry["image_id"]])))
        crop = image[max(y, 0) : y + h, max(x, 0) : x + w]
        folder = tmp_path / "classes" / str(entry["category_id"])
        folder.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(folder / f"{number}.jpg"), crop)
    images = ltn.read_image_folder(tmp_path / "classes")
    losses: list[float] = []
    ltn.pretrain_backbone(
        tiny,
        images,
        settings=settings(steps=200, batch_size=16, learning_rate=0.003, warmup_steps=10),
        output=tmp_path / "run",
        image_size=48,
        progress=lambda _, latest: losses.append(latest["loss"]),
    )
    # A random path a step: single losses are noisy.
    assert np.mean(losses[-50:]) < np.mean(losses[:50]) - 0.15


def test_pairs_for_the_generator_come_from_real_pictures(tmp_path: Path) -> None:
    from lighttrack_nas.chain.data import training_pairs
    from lighttrack_nas.config.config_files import load_config

    config = load_config(None, [f"output={tmp_path}"])
    pairs = training_pairs(config, ltn.load_space("lighttrack-tiny"))
    assert draw_pair(pairs, 0, 0).search.shape == (128, 128, 3)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("strategy", "record"),
    [
        ("fair", {"name": "fair"}),
        ("macs-uniform", {"name": "macs-uniform"}),
        (ltn.one_shot_strategy("sandwich", random_paths=1), {"name": "sandwich", "random_paths": 1}),
        ("gumbel-darts", {"name": "gumbel-darts", "joint": False, "temperature": 1.0}),
    ],
    ids=lambda value: value["name"] if isinstance(value, dict) else "",
)
def test_supernets_of_every_strategy_are_read_back(
    tiny: ltn.Space, tmp_path: Path, strategy, record: dict[str, object]
) -> None:
    supernet = ltn.train_supernet(tiny, Squares(), settings=settings(), output=tmp_path, strategy=strategy)
    again = ltn.train_supernet(tiny, Squares(), settings=settings(), output=tmp_path, strategy=strategy)
    assert all(
        torch.equal(a, b) for a, b in zip(supernet.state_dict().values(), again.state_dict().values(), strict=True)
    )
    assert ltn.Supernet(tiny).state_dict().keys() == supernet.state_dict().keys()
    kept = json.loads((tmp_path / "run.json").read_text())["strategy"]
    assert record.items() <= kept.items()
    header = read_header(tmp_path / "supernet.safetensors")
    assert header["provenance"]["strategy"] == kept
    assert (tmp_path / "distribution.json").exists() == ("joint" in record)
    with pytest.raises(
        ltn.InputError, match=r"holds results of another run: strategy\.name was .* and is now \"spos\""
    ):
        ltn.train_supernet(tiny, Squares(), settings=settings(), output=tmp_path)
    architecture = tiny.sample(np.random.default_rng(0))
    how = settings(steps=1, learning_rate=1e-12, weight_decay=0)
    model = ltn.retrain(architecture, Squares(), settings=how, output=tmp_path / "alone", supernet=supernet)
    inherited = supernet.extract(architecture).state_dict()
    assert all(
        torch.allclose(tensor, inherited[key], atol=1e-9)
        for key, tensor in model.network.state_dict().items()
        if key.endswith("weight")
    )


@pytest.mark.slow
def test_the_distribution_is_of_the_space(tiny: ltn.Space, tmp_path: Path) -> None:
    ltn.train_supernet(tiny, Squares(), settings=settings(), output=tmp_path, strategy="proxyless")
    text = (tmp_path / "distribution.json").read_text()
    distribution = ltn.Distribution.from_json(text, tiny)
    assert tiny.contains(distribution.mode())
    with pytest.raises(ltn.InputError, match="belongs to space 'lighttrack-tiny'"):
        ltn.Distribution.from_json(text, ltn.load_space("lighttrack"))


def test_an_unknown_strategy_leaves_no_folder(tiny: ltn.Space, tmp_path: Path) -> None:
    with pytest.raises(ltn.InputError, match="unknown one-shot strategy 'dart'; did you mean 'darts'"):
        ltn.train_supernet(tiny, Squares(), settings=settings(), output=tmp_path / "run", strategy="dart")
    several = settings(devices=2, strategy="ddp")
    with pytest.raises(ltn.InputError, match="'sandwich' trains several paths an update"):
        ltn.train_supernet(tiny, Squares(), settings=several, output=tmp_path / "run", strategy="sandwich")
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        # As before there were such settings: a run that was begun then goes on.
        ({}, {}),
        ({"paths": "own"}, {}),
        # What several devices trained before was neither: such a run does not go on.
        ({"devices": 2}, {"nodes": 1, "paths": "same"}),
        ({"nodes": 2, "paths": "own"}, {"nodes": 2, "paths": "own"}),
    ],
)
def test_a_record_tells_of_several_devices_only_where_there_are_some(
    changes: dict[str, Any], said: dict[str, Any]
) -> None:
    record = settings_record(settings(**changes))
    assert {name: value for name, value in record.items() if name in ("nodes", "paths")} == said


def test_of_several_processes_the_first_says_what_is_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RANK", "1")
    begin_run(tmp_path, {"a": 1})
    assert not any(tmp_path.iterdir())
    monkeypatch.setenv("RANK", "0")
    begin_run(tmp_path, {"a": 1})
    assert [path.name for path in tmp_path.iterdir()] == ["run.json"]
