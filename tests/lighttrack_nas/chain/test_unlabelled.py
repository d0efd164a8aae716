"""Sources without labels in a configuration: what they give, who may not learn from them, and what is said."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

import lighttrack_nas as ltn
from lighttrack_nas.chain.chain import run_retraining, run_supernet
from lighttrack_nas.chain.data import require_labels, training_pairs
from lighttrack_nas.chain.evaluators import supernet_evaluator
from lighttrack_nas.config.config import Config
from lighttrack_nas.config.config_files import load_config
from lighttrack_nas.ranking.rank_correlation import run_rank_correlation
from lighttrack_nas.trackers.training.pairs.pair import draw_batch

TINY = ltn.load_space("lighttrack-tiny")


def never(sentence: str) -> None:
    raise AssertionError(sentence)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Five pictures, a folder of frames, and a video file."""
    rng = np.random.default_rng(0)
    for name in [f"images/{n}.jpg" for n in range(5)] + [f"videos/a/{n}.png" for n in range(4)]:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(tmp_path / name), cv2.resize(rng.integers(0, 256, (6, 8, 3), np.uint8), (160, 120)))
    writer = cv2.VideoWriter(str(tmp_path / "videos" / "b.mp4"), cv2.VideoWriter.fourcc(*"mp4v"), 25, (160, 120))
    for _ in range(5):
        writer.write(cv2.resize(rng.integers(0, 256, (6, 8, 3), np.uint8), (160, 120)))
    writer.release()
    return tmp_path


def configured(folder: Path, *sources: dict[str, Any], **parts: Any) -> Config:
    return Config.model_validate({"data": {"sources": sources}, "output": str(folder / "run"), "threads": 1, **parts})


IMAGES = {"kind": "images", "path": "images"}
VIDEOS = {"kind": "videos", "path": "videos", "frame_range": 2}


def test_sources_are_read_from_a_configuration(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    (folder / "chain.yaml").write_text(
        "data:\n  sources:\n    - {kind: images, path: images, weight: 3}\n    - {kind: videos, path: videos}\n"
    )
    said: list[str] = []
    config = load_config(folder / "chain.yaml")
    assert config.data.sources[1].frame_range == 40
    batch = draw_batch(training_pairs(config, TINY, said.append), 0, 0, 20)
    assert batch.templates.shape == (20, 64, 64, 3)
    assert not batch.labelled.any()
    assert said == ["video files in 'videos' are decoded once, which may take a while"]


def test_what_cannot_be_used_is_said(folder: Path) -> None:
    (folder / "images" / "text.jpg").write_text("no picture")
    (folder / "videos" / "c.webm").write_text("no video")
    said: list[str] = []
    sources = [source | {"path": str(folder / source["path"])} for source in (IMAGES, VIDEOS)]
    training_pairs(configured(folder, *sources), TINY, said.append)
    assert said[0].startswith("1 image could not be read, as: image '")
    assert said[2].startswith("1 video left out: '")


def test_labels_are_kept_apart_in_a_mixture(folder: Path) -> None:
    config = configured(folder, {"kind": "generated"}, IMAGES | {"path": str(folder / "images")})
    batch = draw_batch(training_pairs(config, TINY), 0, 0, 40)
    assert 8 < batch.labelled.sum() < 32


def test_the_generator_takes_backgrounds_from_them(folder: Path) -> None:
    """With them generated pairs differ, unless the generator is to take nothing from other sources."""
    images = IMAGES | {"path": str(folder / "images"), "weight": 1e-9}

    def drawn(*sources: dict[str, Any]) -> np.ndarray:
        return draw_batch(training_pairs(configured(folder, *sources), TINY), 0, 0, 12).searches

    alone = drawn({"kind": "generated"}, {"kind": "generated", "weight": 1e-9})
    assert not np.array_equal(drawn({"kind": "generated"}, images), alone)
    assert np.array_equal(drawn({"kind": "generated", "real": False}, images), alone)


@pytest.mark.parametrize("run", [run_supernet, run_retraining, run_rank_correlation])
@pytest.mark.parametrize(
    ("sources", "named"),
    [
        ([IMAGES], "data.sources.0 \\(kind images\\)"),
        ([{"kind": "generated"}, VIDEOS], "data.sources.1 \\(kind videos\\)"),
        ([IMAGES, {"kind": "generated"}, VIDEOS], "data.sources.0 .*, data.sources.2 .*"),
    ],
)
def test_who_learns_from_labels_refuses_them(
    tmp_path: Path, run: Callable[..., object], sources: list[dict[str, Any]], named: str
) -> None:
    """Before any work: the folders do not even exist."""
    with pytest.raises(ltn.InputError, match=f"learns from labels, which {named} cannot give: leave out"):
        run(configured(tmp_path, *sources), never)
    assert not (tmp_path / "run" / "supernet").exists()
    assert not (tmp_path / "run" / "retrain").exists()


def test_who_needs_no_labels_takes_them(tmp_path: Path) -> None:
    require_labels(configured(tmp_path, IMAGES), "a teacher's student", needs_labels=False)
    require_labels(configured(tmp_path, {"kind": "generated"}), "the supernet's strategy")


@pytest.mark.slow
def test_a_strategy_says_that_it_needs_none(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from lighttrack_nas.strategies.one_shot.strategies.uniform import SPOS

    training = {"steps": 1, "batch_size": 2, "workers": 1, "warmup_steps": 0}
    sources = [source | {"path": str(folder / source["path"])} for source in (IMAGES, VIDEOS)]
    monkeypatch.setattr(SPOS, "needs_labels", False, raising=False)
    # The loss of such a batch is nothing, and nothing is learnt from it; but it is a whole training.
    run_supernet(configured(folder, *sources, supernet={"training": training}), lambda _: None)
    assert (folder / "run" / "supernet" / "supernet.safetensors").exists()


def test_statistics_need_no_labels(folder: Path, write_sequences: Callable[[Path], Path]) -> None:
    images, videos = IMAGES | {"path": str(folder / "images")}, {"path": str(write_sequences(folder / "sequences"))}
    search = {"calibration_batches": 1, "batch_size": 4, "quick_pairs": 4}
    config = configured(folder, images, validation=videos, search=search)
    evaluator = supernet_evaluator(config, never, supernet=ltn.Supernet(TINY).eval())
    found = evaluator.measure(TINY.sample(np.random.default_rng(0)), ["loss"])
    assert found["loss"] > 0


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ({"kind": "images"}, "path"),
        ({"kind": "images", "path": "x", "weight": 0}, "weight"),
        ({"kind": "videos", "path": "x", "frame_range": 0}, "frame_range"),
        ({"kind": "images", "path": "x", "frame_range": 3}, "frame_range"),
    ],
)
def test_mistakes_are_named(tmp_path: Path, source: dict[str, Any], message: str) -> None:
    import yaml

    (tmp_path / "chain.yaml").write_text(yaml.safe_dump({"data": {"sources": [source]}}))
    with pytest.raises(ltn.InputError, match=message):
        load_config(tmp_path / "chain.yaml")


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    config = configured(tmp_path, IMAGES | {"path": str(tmp_path / "none")})
    with pytest.raises(ltn.InputError, match=r"there is no folder '.*none' to read pictures from"):
        training_pairs(config, TINY)
