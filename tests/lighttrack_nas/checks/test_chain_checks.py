"""A chain is checked whole before its first long step: every mistake is found, and said with its key."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from typer.testing import CliRunner

from lighttrack_nas.chain.data import expanded
from lighttrack_nas.checks import rehearsal
from lighttrack_nas.checks.chain_checks import chain_mistakes, require_checked
from lighttrack_nas.config.config import Config
from lighttrack_nas.config.config_files import load_config, load_config_with_mistakes
from lighttrack_nas.trackers.base.errors import InputError


def written(folder: Path, content: dict[str, Any]) -> Path:
    path = folder / "chain.yaml"
    path.write_text(yaml.safe_dump(content))
    return path


@pytest.mark.slow
@pytest.mark.parametrize(
    "settings", [{}, {"search": {"constraints": ["macs <= 28M"]}}, {"supernet": {"strategy": "darts"}}]
)
def test_a_chain_without_mistakes_passes(settings: dict[str, Any]) -> None:
    assert chain_mistakes(Config.model_validate(settings)) == []


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"space": "lighttrack-tony"}, "lighttrack-tony.*did you mean 'lighttrack-tiny'"),
        ({"validation": {"path": "/nowhere/val"}}, "^validation: .*'/nowhere/val'"),
        ({"validation": {"path": "$NOT_SET_AT_ALL/val"}}, "^validation: path .*set the environment variable"),
        (
            {"data": {"sources": [{"kind": "sequences", "path": "/nowhere"}]}},
            "^data.sources.0.path: '/nowhere' does not",
        ),
        (
            {"data": {"sources": [{"kind": "stills", "path": "/none.json"}]}},
            "^data.sources.0.path: '/none.json' does not",
        ),
        (
            {
                "data": {"sources": [{"kind": "images", "path": "/"}]},
                "retrain": {"teacher": "lighttrack-tiny-generated"},
            },
            "supernet's strategy learns from labels",
        ),
        (
            {"data": {"sources": [{"kind": "crop511", "path": "/", "annotations": "/none.json"}]}},
            "^data.sources.0.annotations: '/none.json' does not exist",
        ),
        (
            {"data": {"sources": [{"kind": "youtubebb", "path": "/", "frames": "/none"}]}},
            "^data.sources.0.frames: '/none' does not exist",
        ),
        ({"validation": {"path": "generated-val-v1", "only": ["generated-val-v1_1"]}}, "^validation: unknown sequence"),
        ({"validation": {"path": "generated-val-v1", "split": "val"}}, "^validation: split 'val': .* is one split"),
        (
            {"supernet": {"strategy": "blockwise", "backbone": "/"}},
            "^supernet.strategy: .* learns from a teacher starts from it",
        ),
        (
            {
                "supernet": {"strategy": "blockwise"},
                "data": {"sources": [{"kind": "images", "path": "/"}]},
                "retrain": {"teacher": "lighttrack-tiny-generated"},
            },
            "^supernet.strategy: no teacher is named",
        ),
        ({"pretraining": {"images": "/nowhere"}}, "^pretraining.images: '/nowhere' does not exist"),
        ({"search": {"objectives": ["maximize presence"]}}, "^validation: '.*': in no frame the target is labelled"),
        (
            {"search": {"objectives": ["maximize score"], "score": {"presence": 1}}},
            "^validation: '.*': in no frame the target is labelled absent",
        ),
        ({"retrain": {"pretraining": {"images": "/no"}}}, "^retrain.pretraining.images: '/no' does not exist"),
        (
            {"retrain": {"pretraining": {"images": "/usr", "held_out": "/no"}}},
            "^retrain.pretraining.held_out: '/no' does not exist",
        ),
        ({"supernet": {"start_from": "/nowhere"}}, "^supernet.start_from: '/nowhere' does not exist"),
        ({"supernet": {"path": "/nowhere"}}, "^supernet.path: '/nowhere' does not exist: expected a supernet's file"),
        (
            {"retrain": {"choose": "macs=20"}},
            "^retrain.choose: no network .* near to macs=20: they have 16.72M .*did you mean macs=20M",
        ),
        ({"supernet": {"backbone": "/nowhere"}}, "^supernet.backbone: '/nowhere' does not exist"),
        (
            {"supernet": {"strategy": {"name": "blockwise", "teacher": "no.pth"}}},
            "^supernet.strategy.teacher: 'no.pth'",
        ),
        ({"retrain": {"teacher": "no.safetensors"}}, "^retrain.teacher: 'no.safetensors' does not exist"),
        ({"retrain": {"architecture": "no.json"}}, "^retrain.architecture: .*no.json"),
        ({"supernet": {"teacher_architecture": "no.json"}}, "^supernet.teacher_architecture: .*no.json"),
        ({"search": {"enqueue": ["no.json"]}}, "^search.enqueue.0: .*no.json"),
        ({"search": {"enqueue_predicted": 3}}, "^search.enqueue_predicted: only .* blockwise"),
        ({"search": {"enqueue_from_distribution": 3}}, "^search.enqueue_from_distribution: only .* darts"),
        ({"search": {"objectives": ["maximize ao", "minimize nsr"]}}, "measurement of a chain's search, 'nsr'"),
        ({"retrain": {"choose": "latency_ms=3"}}, "retrain.choose: measurement of this search, 'latency_ms'"),
        ({"search": {"score": {"ao": 0.5}, "objectives": ["score"], "constraints": ["macs <= 2"]}}, "macs <= 2:"),
        ({"search": {"latency": {"table": "no.json"}}}, "^search.latency.table: 'no.json' does not exist"),
        (
            {"search": {"constraints": ["macs <= 20"]}},
            "^search.constraints: .* 16.72M to 78.04M.*did you mean macs <= 20M",
        ),
        ({"search": {"constraints": ["params >= 3G"]}}, "^search.constraints: no network of 'lighttrack-tiny' keeps"),
        (
            {"search": {"constraints": ["macs <= 20M", "macs >= 30M"]}},
            "no network keeps both macs >= 30M and macs <= 20M",
        ),
    ],
)
def test_each_mistake_is_said_with_its_key(settings: dict[str, Any], sentence: str) -> None:
    config = Config.model_validate(settings)
    with pytest.raises(InputError, match=f"(?m){sentence}"):
        require_checked(config)
    assert len(chain_mistakes(config)) == 1


def test_what_a_former_step_will_make_may_be_named_before(tmp_path: Path) -> None:
    run = tmp_path / "run"
    settings = {
        "output": str(run),
        "supernet": {"strategy": "blockwise"},
        "retrain": {"teacher": f"{run}/teacher/model.safetensors", "architecture": f"{run}/search/front/n0.json"},
    }
    assert chain_mistakes(Config.model_validate(settings)) == []
    (mistake,) = chain_mistakes(Config.model_validate(settings | {"supernet": {"strategy": "spos"}}))
    assert mistake.startswith("retrain.teacher: ")


def test_images_held_out_must_be_of_the_same_classes(tmp_path: Path) -> None:
    for folder, classes in (("train", "ab"), ("val", "ac"), ("flat", "")):
        for name in classes:
            (tmp_path / folder / name).mkdir(parents=True)
        (tmp_path / folder).mkdir(exist_ok=True)

    def mistakes(**paths: str) -> list[str]:
        given = {key: str(tmp_path / path) for key, path in paths.items()}
        return chain_mistakes(Config.model_validate({"retrain": {"pretraining": given}}))

    assert mistakes(images="train", held_out="train") == []
    (other,) = mistakes(images="train", held_out="val")
    assert other.startswith("retrain.pretraining.held_out: the images held out are of 2 classes, which are not the 2")
    (flat,) = mistakes(images="train", held_out="flat")
    assert "flat' holds 0 class folders" in flat
    assert len(mistakes(images="flat", held_out="train")) == 1


def test_paths_in_the_home_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("a", "b"):
        (tmp_path / "there" / name).mkdir(parents=True)
    assert expanded("~/there") == str(tmp_path / "there")
    assert chain_mistakes(Config.model_validate({"pretraining": {"images": "~/there"}})) == []
    assert len(chain_mistakes(Config.model_validate({"pretraining": {"images": "~/not there"}}))) == 1


@pytest.mark.parametrize(
    "settings",
    [
        {"retrain": {"choose": "macs=30M"}},
        {"retrain": {"choose": "ao=0.5"}},
        {"retrain": {"choose": "latency_ms=3"}, "search": {"constraints": ["latency_ms <= 9"]}},
    ],
)
def test_a_point_may_be_told_by_whatever_the_search_measures(settings: dict[str, Any]) -> None:
    assert chain_mistakes(Config.model_validate(settings)) == []


def test_an_output_inside_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert chain_mistakes(Config(output=str(tmp_path / "file/run"))) == [
        f"output: '{tmp_path / 'file'}' is a file; give a folder for the run"
    ]


def test_validation_without_boxes_is_found_before_training(
    tmp_path: Path, write_sequences: Callable[..., Path]
) -> None:
    root = write_sequences(tmp_path / "set")
    for truth in root.rglob("groundtruth.txt"):
        lines = truth.read_text().splitlines()
        truth.write_text("\n".join([lines[0], *["nan,nan,nan,nan"] * (len(lines) - 1)]) + "\n")
    (mistake,) = chain_mistakes(Config.model_validate({"validation": {"path": str(root)}}))
    assert "none of its 2 sequences has a box after the first frame" in mistake


def test_ten_mistakes_are_ten_sentences(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        {
            "serch": {},
            "seed": -1,
            "data": {"sources": [{"kind": "stills", "path": "/none.json"}, {"kind": "sequences", "path": "/nowhere"}]},
            "validation": {"path": "/nothing"},
            "supernet": {"strategy": {"name": "blockwise", "teacher": "no.pth"}, "training": {"steps": -3}},
            "search": {"objectives": ["minimize mac"], "constraints": ["macs <= 20"], "enqueue": ["back_0"]},
        },
    )
    with pytest.raises(InputError, match="unknown key 'serch'"):
        load_config(path)
    config, said = load_config_with_mistakes(path)
    said += chain_mistakes(config)
    keys = ["seed", "unknown key 'serch'", "supernet.training", "search.objectives", "data.sources.0", "data.sources.1"]
    keys += ["validation", "supernet.strategy", "search.constraints", "search.enqueue"]
    distinct = list(dict.fromkeys(said))
    assert [next(key for key in keys if sentence.startswith(key)) for sentence in distinct] == keys


def test_what_is_right_beside_mistakes_is_kept(tmp_path: Path) -> None:
    path = written(
        tmp_path, {"seed": "x", "search": {"trials": 70, "population": 0}, "data": {"sources": [{"kind": "a"}]}}
    )
    config, said = load_config_with_mistakes(path)
    assert (config.seed, config.search.trials, config.search.population) == (0, 70, 48)
    assert len(said) == 3


def test_each_of_several_mistaken_sources_is_said_once_at_its_own_place(tmp_path: Path) -> None:
    path = written(tmp_path, {"data": {"sources": [{"kind": "a"}, {"kind": "generated"}, {"kind": "b"}]}})
    config, said = load_config_with_mistakes(path)
    assert [sentence.partition(":")[0] for sentence in said] == ["data.sources[0]", "data.sources[2]"]
    assert [source.kind for source in config.data.sources] == ["generated"]


@pytest.mark.parametrize("key", [2**64, None, float("nan"), True, 1.5, -1])
@pytest.mark.parametrize("inside", [(), ("supernet",)])
def test_keys_that_are_no_texts_are_mistakes(tmp_path: Path, key: object, inside: tuple[str, ...]) -> None:
    config, said = load_config_with_mistakes(
        written(tmp_path, {name: {key: 1} for name in inside} or {key: 1, "seed": 7})
    )
    assert len(said) == 1
    assert config.seed == (0 if inside else 7)


def test_a_mistake_that_stands_nowhere_ends_the_reading(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    places: list[object] = []

    def find_nothing(content: dict[str, Any], place: object) -> bool:
        places.append(place)
        assert len(places) < 5
        return False

    monkeypatch.setattr("lighttrack_nas.config.config_files._leave_out", find_nothing)
    with pytest.raises(InputError, match=r"chain.yaml': seed: "):
        load_config_with_mistakes(written(tmp_path, {"seed": "x"}))


def test_the_command_says_all_or_that_there_are_none(tmp_path: Path) -> None:
    from lighttrack_nas.cli.app import app

    path = written(tmp_path, {"search": {"constraints": ["macs <= 28M"]}, "output": str(tmp_path / "run")})
    result = CliRunner().invoke(app, ["check", str(path), "--no-measure"])
    assert (result.exit_code, result.stdout) == (0, "no mistakes found\n")
    assert not (tmp_path / "run").exists()


def test_a_training_starts_only_after_the_whole_chain_is_checked(tmp_path: Path) -> None:
    from lighttrack_nas.cli.search.run_chain import train_supernet

    path = written(
        tmp_path, {"output": str(tmp_path / "run"), "retrain": {"teacher": "no.pth"}, "search": {"enqueue": ["a"]}}
    )
    with pytest.raises(InputError, match=r"(?s)2 mistakes would stop a later step:.*retrain.teacher.*search.enqueue.0"):
        train_supernet(path, [])
    assert not (tmp_path / "run").exists()


@pytest.mark.slow
def test_an_estimate_scales_with_steps_and_trials(tmp_path: Path, write_sequences: Callable[..., Path]) -> None:
    content = {
        "output": str(tmp_path / "run"),
        "threads": 1,
        "validation": {"path": str(write_sequences(tmp_path / "set", count=4, frames=6))},
        "supernet": {"training": {"steps": 1000, "batch_size": 2, "workers": 0}},
        "retrain": {"training": {"steps": 10, "batch_size": 4, "workers": 0}},
        "search": {"trials": 50, "calibration_batches": 1, "batch_size": 2, "quick_pairs": 2, "population": 10},
        "tuning": {"trials": 5},
    }
    cost = rehearsal.rehearse(Config.model_validate(content), lambda sentence: None)
    steps = {step.name: step for step in cost.steps}
    assert list(steps) == ["train-supernet", "search", "retrain", "tune-tracker"]
    assert (steps["train-supernet"].pairs, steps["retrain"].pairs) == (2000, 40)
    assert all(np.isfinite(step.seconds) and step.seconds > 0 for step in cost.steps)
    assert steps["train-supernet"].disk > 0
    assert cost.memory > 1e8
    assert [path.name for path in (tmp_path / "run").iterdir()] == ["generated"]


class Frames:
    """As many frames of a sequence."""

    def __init__(self, count: int) -> None:
        self.name, self.has_boxes_to_score, self._count = str(count), True, count
        self.absent = np.zeros(count, bool)

    def __len__(self) -> int:
        return self._count


def rehearsed(
    settings: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, room: float = float("inf")
) -> tuple[rehearsal.StepCost, ...]:
    """The steps where a training takes 10 a pair, a candidate 30 on 6 frames, and tracking 1 a frame of 60.

    Frames that find no room in memory take 3.
    """
    monkeypatch.setattr(rehearsal, "read_videos", lambda *_: [Frames(count) for count in (54, 1, 2, 3)])
    monkeypatch.setattr(
        rehearsal, "_training", lambda _c, _s, command, *_: rehearsal.StepCost(command, "", 100, 1000.0, 0)
    )
    monkeypatch.setattr(rehearsal, "_candidate", lambda *_: (30.0, 0))
    monkeypatch.setattr(rehearsal, "_tracking", lambda *_: rehearsal.Tracking(1.0, 3.0, room))
    monkeypatch.setattr(rehearsal.os, "cpu_count", lambda: 4)
    config = Config.model_validate(settings | {"output": str(tmp_path / "run"), "tuning": {"trials": 2}})
    return rehearsal.rehearse(config, lambda _: None).steps


def reckoned(*given: Any) -> dict[str, float]:
    """Seconds of each step of `rehearsed`."""
    return {step.work.split(",")[0]: step.seconds for step in rehearsed(*given)}


@pytest.mark.parametrize(
    ("search", "seconds"),
    [
        ({}, 100 * (24 + 60)),
        ({"objectives": ["score"], "score": {"ao": 1}}, 100 * (24 + 60)),
        ({"objectives": ["score"], "score": {"loss": -1}}, 100 * 30),
        ({"objectives": ["overlap", "minimize macs"]}, 100 * 30),
        ({"objectives": ["overlap"], "constraints": ["ao >= 0.5"]}, 100 * (30 + 60)),
        ({"workers": 2}, 50 * (24 + 60)),
        ({"workers": 100}, 25 * (24 + 60)),
    ],
)
def test_only_tracking_takes_as_long_as_the_sequences_are(
    search: dict[str, Any], seconds: float, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps = reckoned({"search": search | {"trials": 100}}, tmp_path, monkeypatch)
    assert (steps["100 trials"], steps["2 sets"]) == (seconds, 2 * 60)


def test_what_a_search_builds_first_has_a_line_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LIGHTTRACK_NAS_CACHE", str(tmp_path))
    monkeypatch.setattr(rehearsal, "estimate_build", lambda *_: 77.0)
    settings = {"search": {"objectives": ["overlap", "latency_ms"]}, "supernet": {"strategy": "blockwise"}}
    steps = rehearsed(settings, tmp_path, monkeypatch)
    assert len({step.name for step in steps}) == len(steps)
    assert {"search", "train-supernet"} <= {step.name for step in steps}
    assert [step.seconds for step in steps if step.name == "search: latency table"] == [77.0]


@pytest.mark.parametrize(("room", "of_few", "of_all"), [(60, 6, 60), (40, 6, 100), (6, 6, 168), (0, 18, 180)])
def test_frames_that_find_no_room_in_memory_are_decoded_for_each_candidate(
    room: float, of_few: float, of_all: float, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps = reckoned({"search": {"trials": 100}}, tmp_path, monkeypatch, room)
    assert (steps["100 trials"], steps["2 sets"]) == (100 * (30 - of_few + of_all), 2 * of_all)


def test_a_teacher_takes_as_long_as_its_pairs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    training = {"steps": 7, "batch_size": 5, "accumulate": 2, "devices": 3, "nodes": 2}
    settings = {"supernet": {"strategy": "blockwise", "teacher_training": training}}
    assert reckoned(settings, tmp_path, monkeypatch)["7 steps of the teacher"] == 7 * 5 * 2 * 3 * 2 * 10
