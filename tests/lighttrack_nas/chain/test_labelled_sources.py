"""Sources from annotation files in a configuration: what they give, how memory is divided, what records keep."""

import json
import re
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

import lighttrack_nas as ltn
from lighttrack_nas.chain.data import training_pairs
from lighttrack_nas.chain.pair_sources import Shots, decoding_processes
from lighttrack_nas.config.config import Config
from lighttrack_nas.config.config_data import Data, memory_bytes
from lighttrack_nas.config.config_files import load_config
from lighttrack_nas.strategies.one_shot.training.training_settings import TrainingSettings
from lighttrack_nas.trackers.training.pairs.pair import draw_batch
from lighttrack_nas.trackers.training.pairs.shots import Shot

TINY = ltn.load_space("lighttrack-tiny")
XML = (
    "<annotation><object><trackid>0</trackid><bndbox><xmin>40</xmin><ymin>30</ymin><xmax>80</xmax><ymax>70</ymax>"
    "</bndbox></object></annotation>"
)


def picture(path: Path, side: int = 160) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), np.full((side, side, 3), 90, np.uint8))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A tree of each kind."""
    for number in range(3):
        for name in (f"VID/train/a/{number:06}", f"DET/train/{number:06}"):
            picture(tmp_path / "ILSVRC/Data" / f"{name}.JPEG")
            label = tmp_path / "ILSVRC/Annotations" / f"{name}.xml"
            label.parent.mkdir(parents=True, exist_ok=True)
            label.write_text(XML)
        picture(tmp_path / f"yt/2/abc_{number}000_2_0.jpg")
        picture(tmp_path / f"crop511/a/{number:06}.00.x.jpg", 511)
        picture(tmp_path / f"far/{number}.jpg")
    rows = [f"abc,{number}000,2,car,0,present,0.2,0.6,0.2,0.6" for number in range(3)]
    (tmp_path / "yt.csv").write_text("\n".join(rows))
    (tmp_path / "train.json").write_text(json.dumps({"a": {"00": {f"{n:06}": [40, 40] for n in range(3)}}}))
    images = [{"id": number, "file_name": f"{number}.jpg"} for number in range(3)]
    boxes = [{"image_id": number, "bbox": [40, 30, 40, 40]} for number in range(3)]
    (tmp_path / "coco.json").write_text(json.dumps({"images": images, "annotations": boxes}))
    return tmp_path


SOURCES: dict[str, dict[str, Any]] = {
    "stills": {"path": "coco.json", "images": "far"},
    "vid": {"path": "ILSVRC", "frame_range": 2, "only": ["a"]},
    "det": {"path": "ILSVRC", "without": ["000001"]},
    "youtubebb": {"path": "yt.csv", "frames": "yt"},
    "crop511": {"path": "crop511", "annotations": "train.json", "frame_range": 1},
}


def configured(*sources: dict[str, Any], **data: Any) -> Config:
    return Config.model_validate({"data": {"sources": sources, **data}, "threads": 1})


@pytest.mark.parametrize("kind", SOURCES)
def test_pairs_of_each_kind(folder: Path, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    """Paths stand as in other sources: from where the command is called, or with environment variables."""
    monkeypatch.chdir(folder)
    monkeypatch.setenv("SOMEWHERE", str(folder))
    given = {
        key: f"$SOMEWHERE/{value}" if key in ("images", "frames") else value for key, value in SOURCES[kind].items()
    }
    said: list[str] = []
    batch = draw_batch(training_pairs(configured({"kind": kind, **given}), TINY, said.append), 0, 0, 12)
    assert batch.templates.shape == (12, 64, 64, 3)
    assert batch.labelled.all()
    assert (batch.boxes[batch.positives, 2:] > 0).all()
    minutes = "annotation files in 'ILSVRC' are read, one for each image, which may take minutes"
    assert said == ([minutes] if kind in ("vid", "det") else [])


@pytest.mark.parametrize("kind", SOURCES)
def test_the_generator_cuts_from_them(folder: Path, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    monkeypatch.chdir(folder)
    other = {"kind": kind, **SOURCES[kind], "weight": 1e-9}

    def drawn(**generated: Any) -> np.ndarray:
        return draw_batch(training_pairs(configured({"kind": "generated", **generated}, other), TINY), 0, 0, 8).searches

    assert not np.array_equal(drawn(), drawn(real=False))


def test_shots_are_listed_only_for_a_generator_that_wants_them(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    sources = [{"kind": kind, **given} for kind, given in SOURCES.items()]

    def never(*_: object) -> None:
        raise AssertionError

    monkeypatch.setattr(Shots, "add", never)
    training_pairs(configured(*sources), TINY)
    training_pairs(configured(*sources, {"kind": "generated", "real": False}), TINY)
    with pytest.raises(AssertionError):
        training_pairs(configured(*sources, {"kind": "generated"}), TINY)


def test_shots_are_made_when_asked_for() -> None:
    shots, made = Shots(), []

    def maker(name: str) -> Any:
        def make(index: int) -> Shot:
            made.append((name, index))
            return Shot(Path(name), np.zeros(4))

        return make

    for name, count in (("a", 2), ("none", 0), ("b", 3)):
        shots.add(count, maker(name))
    assert len(shots) == 5
    assert made == []
    assert [str(shots[index].path) for index in range(5)] == ["a", "a", "b", "b", "b"]
    assert made == [("a", 0), ("a", 1), ("b", 0), ("b", 1), ("b", 2)]
    with pytest.raises(IndexError):
        shots[5]


@pytest.mark.parametrize(
    ("amount", "size"),
    [
        ("512M", 512 << 20),
        ("2G", 2 << 30),
        ("1.5g", 3 << 29),
        ("64 MiB", 64 << 20),
        ("8KB", 8 << 10),
        (0, 0),
        (3, 3 << 20),
    ],
)
def test_amounts_of_memory(amount: str | int, size: int) -> None:
    assert memory_bytes(amount) == size


def test_memory_is_divided_between_sources_and_processes(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Five sources that read files, the validation sequences, and three processes of a training."""
    monkeypatch.chdir(folder)
    sources = [{"kind": "generated"}, *({"kind": kind, **given} for kind, given in SOURCES.items())]
    limits: list[int] = []
    import lighttrack_nas.trackers.training.pairs.shots as shots

    class Noted(shots.FrameCache):
        def __init__(self, limit: int, *rest: Any) -> None:
            limits.append(limit)
            super().__init__(limit, *rest)

    monkeypatch.setattr(shots, "FrameCache", Noted)
    processes = decoding_processes(TrainingSettings(steps=1, workers=2))
    training_pairs(configured(*sources, cache="180M"), TINY, processes=processes)
    assert limits == [10 << 20] * 5
    limits.clear()
    training_pairs(configured(*sources), TINY, processes=processes)
    assert limits == [1 << 30] * 5
    assert Data(cache="180M").divided(3).cache == "61440K"
    assert Data().divided(3) == Data()


GUIDE = Path(__file__).resolve().parents[3] / "docs/guides/real_data.md"


@pytest.mark.parametrize("text", re.findall(r"^```yaml\n(.*?)^```", GUIDE.read_text(), re.DOTALL | re.MULTILINE))
def test_the_guide_s_configurations_are_read(tmp_path: Path, text: str) -> None:
    (tmp_path / "chain.yaml").write_text(text)
    sources = load_config(tmp_path / "chain.yaml").data.sources
    assert len(sources) >= 2 or "sources" not in text


def test_the_guide_shows_every_kind() -> None:
    assert set(re.findall(r"\{kind: (\w+)", GUIDE.read_text())) >= set(SOURCES)


def test_new_keys_change_no_record() -> None:
    """A run that was stopped goes on, and memory may be set otherwise meanwhile."""
    before = {"kind": "stills", "path": "a.json", "weight": 1.0}
    data = Data.model_validate({"sources": [before], "cache": "1G"})
    assert data.model_dump(mode="json")["sources"] == [before]
    assert "cache" not in data.model_dump(mode="json")
    elsewhere = Data.model_validate({"sources": [{**before, "images": "far"}]})
    assert elsewhere.model_dump(mode="json")["sources"][0]["images"] == "far"
