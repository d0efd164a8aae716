"""The paper's pipeline, `examples/paper`, on small trees of the data sets that it names."""

import json
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from lighttrack_nas.checks.chain_checks import chain_mistakes
from lighttrack_nas.cli.search import run_chain as commands
from lighttrack_nas.config.config_files import load_config
from lighttrack_nas.models.models import load_model
from lighttrack_nas.results.results import Result
from lighttrack_nas.trackers.weights.weights import read_header

CHAIN = Path(__file__).resolve().parents[3] / "examples/paper/chain.yaml"
XML = (
    "<annotation><object><trackid>0</trackid><bndbox><xmin>40</xmin><ymin>30</ymin><xmax>80</xmax><ymax>70</ymax>"
    "</bndbox></object></annotation>"
)


@pytest.fixture
def folder(tmp_path: Path, write_sequences: Callable[..., Path], monkeypatch: pytest.MonkeyPatch) -> Path:
    """A few pictures of everything, where the file looks for it."""
    rng = np.random.default_rng(0)

    def picture(path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(path), rng.integers(0, 255, (120, 160, 3), dtype=np.uint8))

    for split in ("train", "val"):
        write_sequences(tmp_path / "GOT-10k" / split)
        for name in ("n01440764", "n01443537"):
            for number in range(3):
                picture(tmp_path / "imagenet" / split / name / f"{number}.JPEG")
    for number in range(3):
        vid, det = f"VID/train/ILSVRC2015_VID_train_0000/a/{number:06}", f"DET/train/ILSVRC2013_train/{number:06}"
        for name, home in ((vid, "ILSVRC2015"), (det, "ILSVRC")):
            picture(tmp_path / home / "Data" / f"{name}.JPEG")
            label = tmp_path / home / "Annotations" / f"{name}.xml"
            label.parent.mkdir(parents=True, exist_ok=True)
            label.write_text(XML)
        picture(tmp_path / f"yt_bb_detection_train/2/abc_{number}000_2_0.jpg")
        picture(tmp_path / f"coco/train2017/{number}.jpg")
    rows = [f"abc,{number}000,2,car,0,present,0.2,0.6,0.2,0.6" for number in range(3)]
    (tmp_path / "yt_bb_detection_train.csv").write_text("\n".join(rows))
    images = [{"id": number, "file_name": f"{number}.jpg"} for number in range(3)]
    boxes = [{"image_id": number, "bbox": [40, 30, 40, 40]} for number in range(3)]
    (tmp_path / "coco/annotations").mkdir()
    (tmp_path / "coco/annotations/instances_train2017.json").write_text(
        json.dumps({"images": images, "annotations": boxes})
    )
    monkeypatch.setenv("DATA", str(tmp_path))
    return tmp_path


def overrides(folder: Path) -> list[str]:
    """The size of the data, of the machine and of the space; nothing else."""
    trainings = ("pretraining.training", "supernet.training", "retrain.pretraining.training", "retrain.training")
    small = [f"{key}.{value}" for key in trainings for value in ("devices=1", "batch_size=2", "workers=0")]
    small += [f"{key}.image_size=32" for key in ("pretraining", "retrain.pretraining")]
    epochs = [f"{key}.epochs=1" for key in trainings] + ["retrain.training.schedule_epochs=1"]
    sizes = ["data.epoch=12", "search.calibration_batches=1", "search.trials=6", "search.population=3"]
    machine = ["space=lighttrack-tiny", "device=cpu", "threads=1", f"output={folder / 'run'}", "tuning.trials=2"]
    return [*small, *epochs, *sizes, *machine]


def test_nothing_in_the_file_would_stop_a_step(folder: Path) -> None:
    config = load_config(CHAIN, ["device=cpu"])
    assert chain_mistakes(config) == []
    settings = config.training(config.supernet.training, "supernet.training")
    assert settings.steps == round(30 * 600_000 / 256)
    assert settings.schedule_steps == round(50 * 600_000 / 256)


@pytest.mark.slow
def test_all_five_steps_run(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    changes = overrides(folder)
    commands.pretrain_backbone(CHAIN, changes)
    commands.train_supernet(CHAIN, changes)
    commands.search(CHAIN, changes)
    commands.pretrain_network(CHAIN, changes)
    assert "right answers on images held out: " in capsys.readouterr().out
    commands.retrain(CHAIN, changes)
    commands.tune_tracker(CHAIN, changes)
    run = folder / "run"
    model = load_model(run / "retrain/model.safetensors")
    assert model.provenance["backbone"] == str(run / "network-pretraining/backbone.safetensors")
    backbone = read_header(run / "network-pretraining/backbone.safetensors")
    assert backbone["architecture"] == dict(model.architecture.choices)
    assert backbone["provenance"]["settings"]["optimizer"] == "rmsprop"
    # Six steps, of which those from .6 on are kept.
    assert sorted(model.provenance["snapshot_scores"]) == ["4", "5", "6"]
    assert str(model.provenance["taken_at_step"]) in model.provenance["snapshot_scores"]
    figures = Result.load(run / "search").trials
    assert len(figures) == 6
    assert figures["score"].between(0, 1).all()
