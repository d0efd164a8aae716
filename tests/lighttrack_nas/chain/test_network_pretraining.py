"""A found network's own training on images, what starts from it, and the best of the last states."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from safetensors.torch import load_file

import lighttrack_nas as ltn
from lighttrack_nas.chain.trainings.best_snapshot import take_best_snapshot
from lighttrack_nas.strategies.one_shot.training.snapshots import snapshot_files
from lighttrack_nas.trackers.network.network import SiameseNetwork
from tests.strategies.one_shot.teaching.small_teachers import Squares, small

SPACE = small()
FIRST, SECOND = (SPACE.sample(np.random.default_rng(seed)) for seed in (0, 1))


def settings(**changes: object) -> ltn.TrainingSettings:
    given = {"steps": 4, "batch_size": 2, "workers": 0, "warmup_steps": 0, "checkpoint_steps": 1}
    return ltn.TrainingSettings(**(given | changes))


def pretrained(images: Path, output: Path, **changes: object) -> ltn.PretrainedBackbone:
    folder = ltn.read_image_folder(images)
    how = {"settings": settings(optimizer="rmsprop", learning_rate=0.003), "image_size": 32, "held_out": folder}
    return ltn.pretrain_network(FIRST, folder, output=output, **(how | changes))


@pytest.mark.slow
@pytest.mark.parametrize("head_width", [None, 24])
def test_the_classes_are_learnt_and_the_backbone_starts_a_retraining(
    images: Path, tmp_path: Path, head_width: int | None
) -> None:
    recipe = ltn.ImageRecipe(rand_augment=0.1, erasing=0.1, dropout=0.1, head_width=head_width)
    how = {"settings": settings(steps=30, batch_size=8, learning_rate=0.01), "recipe": recipe}
    made = pretrained(images, tmp_path / "images run", **how)
    assert made.held_out_accuracy is not None
    assert made.held_out_accuracy > 0.8
    assert pretrained(images, tmp_path / "images run", **how) == made
    frozen = settings(steps=1, learning_rate=1e-12, backbone_frozen=1.0)
    model = ltn.retrain(FIRST, Squares(), settings=frozen, output=tmp_path / "retrain", backbone=made.file)
    own = model.network.backbone.state_dict()
    assert all(torch.equal(own[key], tensor) for key, tensor in load_file(made.file).items())
    assert model.provenance["backbone"] == str(made.file)


def test_with_dropout_a_resumed_training_equals_an_undisturbed_one(images: Path, tmp_path: Path) -> None:
    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    torch.manual_seed(1)
    how = {"recipe": ltn.ImageRecipe(dropout=0.5), "held_out": None}
    undisturbed = pretrained(images, tmp_path / "one", **how)
    torch.manual_seed(2)
    with pytest.raises(KeyboardInterrupt):
        pretrained(images, tmp_path / "two", progress=stop, **how)
    resumed = pretrained(images, tmp_path / "two", **how)
    first, second = load_file(undisturbed.file), load_file(resumed.file)
    assert all(torch.equal(first[key], second[key]) for key in first)


def test_images_held_out_that_cannot_be_read_are_left_out(images: Path, tmp_path: Path) -> None:
    for name in ("blue", "red"):
        (images / name / "broken.png").write_bytes(b"no image")
    assert pretrained(images, tmp_path / "run").held_out_accuracy in {number / 8 for number in range(9)}


def test_a_backbone_of_another_network_is_refused(images: Path, tmp_path: Path) -> None:
    file = pretrained(images, tmp_path / "images run").file
    with pytest.raises(ltn.InputError, match="is of another network than the one to train"):
        ltn.retrain(SECOND, Squares(), settings=settings(), output=tmp_path / "a", backbone=file)
    # Of the same choices in another space, whose blocks have other widths.
    other = small(name="other", fused_channels=8)
    same = other.architecture(dict(FIRST.choices))
    with pytest.raises(ltn.InputError, match="is of another network than the one to train"):
        ltn.retrain(same, Squares(), settings=settings(), output=tmp_path / "d", backbone=file)
    supernet = ltn.pretrain_backbone(
        SPACE, ltn.read_image_folder(images), settings=settings(), output=tmp_path / "all", image_size=32
    )
    with pytest.raises(ltn.InputError, match="holds no backbone of one network, but backbone supernet"):
        ltn.retrain(FIRST, Squares(), settings=settings(), output=tmp_path / "b", backbone=supernet)
    with pytest.raises(ltn.InputError, match="leave out teacher or backbone"):
        ltn.retrain(FIRST, Squares(), settings=settings(), output=tmp_path / "c", backbone=file, teacher=_own(tmp_path))


def _own(folder: Path) -> Path:
    return ltn.retrain(FIRST, Squares(), settings=settings(steps=1), output=folder / "own") and (
        folder / "own/model.safetensors"
    )


def test_another_recipe_is_another_run_and_other_classes_cannot_be_held_out(images: Path, tmp_path: Path) -> None:
    pretrained(images, tmp_path / "run")
    with pytest.raises(ltn.InputError, match=r"holds results of another run: .*recipe"):
        pretrained(images, tmp_path / "run", recipe=ltn.ImageRecipe(dropout=0.2))
    for name in ("blue", "green"):
        (tmp_path / "other" / name).mkdir(parents=True)
        cv2.imwrite(str(tmp_path / "other" / name / "0.png"), np.zeros((20, 20, 3), np.uint8))
    with pytest.raises(ltn.InputError, match="give a folder with the same class folders"):
        pretrained(images, tmp_path / "another", held_out=ltn.read_image_folder(tmp_path / "other"))


def brightness(network: SiameseNetwork) -> float:
    """A score that the states of a training differ in."""
    return float(sum(parameter.detach().sum() for parameter in network.parameters()))


def test_the_state_that_scores_best_is_the_result(tmp_path: Path) -> None:
    how = {"settings": settings(steps=6, learning_rate=0.01), "snapshots": 6, "snapshot_share": 1.0}
    best = ltn.retrain(FIRST, Squares(), output=tmp_path / "best", score=brightness, **how)
    worst = ltn.retrain(FIRST, Squares(), output=tmp_path / "worst", score=lambda net: -brightness(net), **how)
    scores = best.provenance["snapshot_scores"]
    assert list(scores) == [str(step) for step in range(1, 7)]
    assert brightness(best.network) == pytest.approx(max(scores.values()))
    assert brightness(worst.network) == pytest.approx(min(scores.values()))
    assert scores[str(best.provenance["taken_at_step"])] == max(scores.values())
    with pytest.raises(ltn.InputError, match="snapshots: there is no score"):
        ltn.retrain(FIRST, Squares(), output=tmp_path / "none", **how)


def test_of_equal_states_the_latest_is_taken_and_what_is_scored_stays_so(tmp_path: Path) -> None:
    calls: list[float] = []

    def counted(network: SiameseNetwork) -> float:
        calls.append(brightness(network))
        if len(calls) == 2:
            raise KeyboardInterrupt
        return 1.0

    how = {"settings": settings(steps=3), "snapshots": 3, "snapshot_share": 1.0, "output": tmp_path, "score": counted}
    with pytest.raises(KeyboardInterrupt):
        ltn.retrain(FIRST, Squares(), **how)
    assert json.loads((tmp_path / "snapshots/scores.json").read_text()) == {"1": 1.0}
    model = ltn.retrain(FIRST, Squares(), **how)
    assert model.provenance["taken_at_step"] == 3
    assert len(calls) == 4
    assert len(snapshot_files(tmp_path)) == 3
    assert take_best_snapshot(model.network, tmp_path, counted)["taken_at_step"] == 3
    assert len(calls) == 4


@pytest.mark.parametrize("content", [[], {"1": "x"}, {"1": None}, {"1": float("nan")}, {"1": [0.5]}])
def test_scores_of_states_of_another_form_are_named(content: object, tmp_path: Path) -> None:
    (tmp_path / "snapshots").mkdir()
    (tmp_path / "snapshots/scores.json").write_text(json.dumps(content))
    with pytest.raises(
        ltn.InputError, match=r"scores.json': .*remove it, and the same command scores all states again"
    ):
        take_best_snapshot(ltn.build_network(FIRST), tmp_path, brightness)
