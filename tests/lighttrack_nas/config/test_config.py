"""The configuration: defaults, overrides, and one sentence for every mistake."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from lighttrack_nas.chain.data import choose_videos, expanded, read_videos
from lighttrack_nas.config.config import Config
from lighttrack_nas.config.config_files import load_config
from lighttrack_nas.config.config_training import set_otherwise
from lighttrack_nas.search_spaces.loading.loading import load_space
from lighttrack_nas.strategies.one_shot.strategies.one_shot_registry import strategy_record
from lighttrack_nas.trackers.base.errors import InputError

EXAMPLES = sorted((Path(__file__).resolve().parents[3] / "examples").rglob("chain*.yaml"))


def written(folder: Path, content: object) -> Path:
    path = folder / "chain.yaml"
    path.write_text(content if isinstance(content, str) else yaml.safe_dump(content))
    return path


def test_defaults_are_a_whole_chain() -> None:
    config = load_config(None)
    assert config == Config()
    assert config.training(config.supernet.training, "supernet").steps == 2000
    assert [source.kind for source in config.data.sources] == ["generated"]


def test_overrides_reach_every_depth(tmp_path: Path) -> None:
    path = written(tmp_path, {"seed": 3, "supernet": {"training": {"steps": 10}}})
    config = load_config(
        path, ["supernet.training.learning_rate=0.1", "search.constraints=[macs <= 40M]", "device=cuda"]
    )
    training = config.training(config.supernet.training, "supernet")
    assert (training.steps, training.learning_rate, training.seed, training.accelerator) == (10, 0.1, 3, "gpu")
    assert config.search.constraints == ("macs <= 40M",)


def test_a_space_beside_the_configuration_is_found(tmp_path: Path) -> None:
    config = load_config(written(tmp_path, {"space": "mine.yaml"}))
    assert config.space == str(tmp_path / "mine.yaml")
    assert load_config(written(tmp_path, {"space": "lighttrack"})).space == "lighttrack"


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.parent.name)
def test_examples_are_configurations(path: Path) -> None:
    config = load_config(path)
    assert load_space(config.space).labels


@pytest.mark.parametrize(
    ("content", "overrides", "message"),
    [
        ("[1, 2]", [], "expected a mapping of keys such as space"),
        ("a: [", [], "is no valid YAML at line"),
        ({"serch": {}}, [], "unknown key 'serch'; did you mean 'search'"),
        ({"search": {"trails": 3}}, [], "unknown key 'search.trails'; did you mean 'trials'"),
        ({"retrain": {"trials": 3}}, [], "unknown key 'retrain.trials'$"),
        ({"search": {"objectives": ["score"]}}, [], "search.score: the measurement 'score' is a weighted sum"),
        ({"search": {"constraints": ["score >= 0.5"]}}, [], "search.score: the measurement 'score' is a weighted sum"),
        ({"search": {"score": {"oa": 1}}}, [], "unknown score to weigh 'oa'; known: ao, sr50"),
        ({"search": {"trials": 0}}, [], r"search.trials: .*greater than or equal to 1, got 0"),
        ({"supernet": {"training": {"steps": -1}}}, [], r"supernet.training: steps: .*got -1"),
        ({"retrain": {"training": {"steps": 5, "lr": 1}}}, [], r"retrain.training: unknown key 'lr'"),
        ({"data": {"sources": []}}, [], "data.sources"),
        ({"data": {"sources": [{"kind": "films"}]}}, [], "data.sources"),
        ({}, ["steps"], "'steps': expected KEY=VALUE"),
        ({}, ["a..b=1"], "expected KEY=VALUE"),
        ({"seed": 1}, ["seed.x=1"], "'seed' is no mapping of keys"),
        ({}, ["seed=[1"], "the value of 'seed' is no valid YAML"),
    ],
)
def test_mistakes_are_named(tmp_path: Path, content: object, overrides: list[str], message: str) -> None:
    with pytest.raises(InputError, match=message):
        load_config(written(tmp_path, content), overrides)


@pytest.mark.parametrize(
    ("training", "steps", "warmup", "schedule"),
    [
        (
            {"epochs": 30, "warmup_epochs": 5, "schedule_epochs": 50, "devices": 8, "batch_size": 32},
            70312,
            11719,
            117188,
        ),
        ({"epochs": 2, "batch_size": 100, "accumulate": 3}, 4000, 60, None),
        ({"steps": 7, "warmup_epochs": 0.001, "batch_size": 100}, 7, 6, None),
        ({"epochs": 1e-9, "warmup_epochs": 0}, 1, 0, None),
    ],
)
def test_lengths_in_epochs_are_those_of_the_data(
    training: dict[str, Any], steps: int, warmup: int, schedule: int | None
) -> None:
    made = Config().training(training, "supernet.training")
    assert (made.steps, made.warmup_steps, made.schedule_steps) == (steps, warmup, schedule)


def test_an_epoch_s_length_is_said_by_the_data_or_by_the_images() -> None:
    config = load_config(None, ["data.epoch=100"])
    assert config.training({"epochs": 3, "batch_size": 10}, "x").steps == 30
    assert config.training({"epochs": 3, "batch_size": 10}, "x", epoch=20).steps == 6


def test_a_length_set_otherwise_takes_the_place_of_the_other_kind() -> None:
    given = {"epochs": 3, "warmup_epochs": 1, "batch_size": 2}
    assert set_otherwise(given, {"steps": 9}) == {"steps": 9, "warmup_epochs": 1, "batch_size": 2}
    assert set_otherwise({"steps": 9, "workers": 0}, {"epochs": 3}) == {"epochs": 3, "workers": 0}


MEMORY = "data.cache: expected an amount of memory such as 512M or 2G, or a number of MiB"


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("seed=18446744073709551616", "seed: .*less than or equal to 9223372036854775807, got 18446744073709551616"),
        ("seed=true", "configuration: seed: expected a number, got true"),
        ("supernet.training={steps: true}", "supernet.training: steps: expected a number, got true"),
        ("seed=1_0", "configuration: seed: expected a number, got '1_0'"),
        ("seed='٣'", "configuration: seed: expected a number, got '٣'"),
        ("search.trials=1:30", "search.trials: .* got '1:30'"),
        ("supernet.training={steps: 1_0}", "supernet.training: steps: expected a number, got '1_0'"),
        ("search.hyper_parameters={penalty_k: 1_0}", "penalty_k: expected a number, got '1_0'"),
        ("search.score={ao: 1_0}", "search.score.ao: expected a number, got '1_0'"),
        ("search.strategy={name: nsga2, population_size: 1_0}", "population_size: expected 2 or more, got 1_0"),
        ("search.name=no", "search.name: expected a text .in quotes, as YAML reads yes, no, on and off., got false"),
        ("supernet.training={steps: 1, batch_size: 1000000}", "batch_size: .*equal to 4096, got 1000000"),
        ("supernet.training={steps: 1, workers: 100000}", "supernet.training: workers: .*equal to 256, got 100000"),
        (
            "supernet.training={steps: 5, epochs: 1}",
            "supernet.training: epochs and steps say the same: give one of them",
        ),
        ("supernet.training={epochs: 0}", "supernet.training: epochs: .*greater than 0, got 0"),
        ("supernet.training={epochs: true}", "supernet.training: epochs: expected a number, got true"),
        ("supernet.training={epochs: 1, batch_size: x}", "supernet.training: batch_size: .* got 'x'"),
        ("supernet.training={epochs: 9, schedule_epochs: 3}", "expected at least steps .337500., got 112500"),
        ("supernet.training={steps: 9, schedule_steps: 3}", "schedule_steps: expected at least steps .9., got 3"),
        ("supernet.training={steps: 1, optimizer: lamb}", "supernet.training: optimizer: .* got 'lamb'"),
        ("supernet.training={steps: 1, momentum: 1}", "supernet.training: momentum: .*less than 1, got 1"),
        ("pretraining={images: x, rand_augment: 9}", "pretraining.rand_augment: .*equal to 1, got 9"),
        ("pretraining={images: x, dropout: 1}", "pretraining.dropout: .*less than 1, got 1"),
        ("pretraining={images: x, training: {epoch: 1}}", "pretraining.training: .*unknown key 'epoch'"),
        ("retrain.pretraining={images: x, training: {steps: 0}}", "retrain.pretraining.training: steps: .*got 0"),
        ("retrain={teacher: a, pretraining: {images: x}}", "retrain.pretraining: .* leave out pretraining or teacher"),
        ("retrain.snapshots=-1", "retrain.snapshots: .*equal to 0, got -1"),
        ("search.calibrate_on=[sequence]", "search.calibrate_on: unknown kind of data.sources, 'sequence'"),
        ("supernet.training={steps: 1, channels_last: 1}", "channels_last: expected true or false, got 1"),
        ("supernet.training={steps: 1, average: true}", "supernet.training: average: expected a number, got true"),
        ("search.batch_size=1000000", "search.batch_size: .*equal to 4096, got 1000000"),
        ("search.trials=false", "search.trials: expected a number, got false"),
        ("retrain.inherit=0", "retrain.inherit: expected true or false, got 0"),
        ("data.pairs={flip: true}", "data.pairs.flip: expected a number, got true"),
        ("data.pairs={flip: 2}", "pairs: flip: expected a number between 0 and 1, got 2"),
        ("data.pairs={flop: 1}", "unknown setting of pairs 'flop'; did you mean 'flip'"),
        ("data.recipe=none", "unknown recipe of pairs 'none'"),
        ("data.targets={radius: true}", "targets, radius: expected a number between 0 and 1000, got True"),
        ("data.losses={iuo: plain}", "unknown data.losses 'iuo'; did you mean 'iou'"),
        ("data.sources=[{kind: generated, weight: true}]", r"data.sources\[0\].*weight: expected a number, got true"),
        ("data.sources=[{kind: generated, weight: .inf}]", r"data.sources\[0\].*weight: .* finite number, got inf"),
        ("data.sources=[{kind: generated, real: 1}]", r"data.sources\[0\].*real: expected true or false, got 1"),
        ("data.sources=[{kind: generated, scenes: {real: 3}}]", "scenes: real must be a probability of 0 to 1, got 3"),
        ("data.sources=[{kind: crop511, path: x, aspect: 0}]", r"data.sources\[0\].*aspect: .* or equal to 0.1, got 0"),
        ("data.sources=[{kind: vid}]", r"data.sources\[0\].vid.path: Field required"),
        ("data.cache=lots", MEMORY),
        ("data.cache=-1", MEMORY),
        ("data.cache=1.5", MEMORY),
        ("data.cache='512'", MEMORY),
        ("validation.memory=lots", MEMORY.replace("data.cache", "validation.memory")),
        ("validation.disk=-1G", MEMORY.replace("data.cache", "validation.disk")),
        ("validation.copies=0.5", "validation.copies: "),
        ("validation.copies=.inf", "validation.copies: "),
        ("validation.readers=-1", "validation.readers: "),
        ("data.sources=[{kind: sequences, path: a, copies: 2}]", "copies"),
        ("data.cache=9999999T", MEMORY),
    ],
)
def test_impossible_values_are_said_before_any_work(override: str, message: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        load_config(None, [override])
    assert "\n" not in str(caught.value)


def test_numbers_may_be_written_as_text(tmp_path: Path) -> None:
    config = load_config(
        written(tmp_path, "supernet: {training: {steps: 3, learning_rate: '1e-3'}}\nseed: 9223372036854775807\n")
    )
    assert config.training(config.supernet.training, "supernet").learning_rate == 0.001
    assert config.training(config.supernet.training, "supernet").seed == 2**63 - 1


@pytest.mark.parametrize("name", ["1_0", "010", "2026-11-29"])
def test_names_may_look_like_numbers_of_yaml(name: str) -> None:
    assert load_config(None, [f"search.name={name}"]).search.name == name


def test_results_may_lie_in_the_home_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/me")
    assert load_config(None, ["output=~/runs"]).folder("search") == Path("/home/me/runs/search")


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"configuration '.*none.yaml' cannot be read"):
        load_config(tmp_path / "none.yaml")


def test_environment_variables_stand_in_paths(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOME_DATA", "/data")
    assert expanded("$SOME_DATA/train") == "/data/train"
    with pytest.raises(InputError, match="set the environment variable"):
        expanded("$NO_SUCH_VARIABLE_HERE/train")


def test_names_of_sequences_are_checked(tmp_path: Path) -> None:
    config = load_config(None, ["validation.path=generated-val-v1", "validation.only=[nobody]"])
    with pytest.raises(InputError, match=r"sequence of 'generated-val-v1', 'nobody'|unknown sequence"):
        read_videos(config.validation, tmp_path)


def test_videos_are_chosen_before_they_are_read(tmp_path: Path) -> None:
    for name in ("bad", "good"):
        (tmp_path / "data" / "train" / name).mkdir(parents=True)
        (tmp_path / "data" / "train" / name / "1.jpg").touch()
        (tmp_path / "data" / "train" / name / "groundtruth.txt").write_text("1,2,3,4\n" if name == "good" else "x\n")

    def names(*changes: str) -> tuple[list[str], list[str]]:
        given = [f"validation.path={tmp_path / 'data'}", "validation.split=train"]
        config = load_config(None, [*given, *(f"validation.{change}" for change in changes)])
        said: list[str] = []
        return [each.name for each in read_videos(config.validation, tmp_path, said.append)], said

    with pytest.raises(InputError, match="line 1: expected 4 numbers"):
        names()
    assert names("without=[bad]") == (["good"], [])
    assert names("only=[good]") == (["good"], [])
    found, said = names("on_bad=leave out")
    assert (found, said[-1]) == (["good"], "1 of 2 sequences left out: bad")
    with pytest.raises(InputError, match="holds no folder 'val'"):
        names("split=val")
    config = load_config(None, ["validation.path=generated-val-v1", "validation.split=val"])
    with pytest.raises(InputError, match="the generated set 'generated-val-v1' is one split"):
        read_videos(config.validation, tmp_path)


def test_videos_to_track_have_all_their_frames(tmp_path: Path, write_sequences: Callable[..., Path]) -> None:
    data = write_sequences(tmp_path / "data", 3, 3)
    (data / "video1" / "00000002.png").write_bytes(b"none")
    for on_bad, names in {"refuse": ["video0", "video1", "video2"], "leave out": ["video0", "video2"]}.items():
        config = load_config(None, [f"validation.path={data}", f"validation.on_bad={on_bad}"])
        said: list[str] = []
        choice = choose_videos(config.validation, tmp_path, said.append)
        assert [each.name for each in choice.sequences] == names
    assert said[-1] == "1 of 3 sequences left out: video1"
    assert "cannot be decoded" in choice.left_out["video1"]


@pytest.mark.parametrize(
    ("changes", "later"), [([], {}), (["validation.split=val", "validation.on_bad=leave out"], {"split", "on_bad"})]
)
def test_records_of_runs_stay_as_they_were(changes: list[str], later: set[str]) -> None:
    """What a run is known by has no keys that an older version did not write, unless they are used."""
    videos = load_config(None, ["validation.path=generated-val-v1", *changes]).validation
    assert set(videos.model_dump(mode="json")) == {"path", "layout", "only", "without", *later}
    assert type(videos).model_validate(videos.model_dump(mode="json")) == videos


@pytest.mark.parametrize(
    ("change", "message"), [("split=tset", "validation.split"), ("on_bad=skip", "validation.on_bad")]
)
def test_impossible_choices_of_videos(change: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        load_config(None, ["validation.path=data", f"validation.{change}"])


def test_a_one_shot_strategy_is_a_name_or_a_mapping() -> None:
    assert strategy_record(load_config(None).supernet.one_shot_strategy()) == {"name": "spos"}
    config = load_config(None, ["supernet.strategy={name: sandwich, random_paths: 1}"])
    assert strategy_record(config.supernet.one_shot_strategy()) == {"name": "sandwich", "random_paths": 1}


@pytest.mark.parametrize(
    ("strategy", "message"),
    [
        ("darst", "unknown one-shot strategy 'darst'; did you mean 'darts'"),
        ("{random_paths: 1}", "supernet.strategy: expected a name, or a mapping with a name"),
        ("{name: sandwich, paths: 1}", "unknown setting of one-shot strategy 'sandwich', 'paths'"),
        ("{name: sandwich, random_paths: many}", "random_paths: expected a whole number from 0 to 30, got 'many'"),
    ],
)
def test_impossible_one_shot_strategies_are_named(strategy: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        load_config(None, [f"supernet.strategy={strategy}"]).supernet.one_shot_strategy()
