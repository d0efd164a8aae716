"""The chain by its commands: each step reads what the one before it left."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

import lighttrack_nas as ltn
from lighttrack_nas.chain.choosing import choose
from lighttrack_nas.cli.search import run_chain as commands
from lighttrack_nas.config.config_files import load_config
from lighttrack_nas.costing.limits import space_ends
from lighttrack_nas.strategies.search.goals.objectives import parse_constraints

# One finished chain serves them all.
pytestmark = pytest.mark.xdist_group("chain")

TRAINING = {"batch_size": 2, "workers": 0, "warmup_steps": 0, "checkpoint_steps": 2, "log_steps": 2}


def say(sentence: str) -> None:
    raise AssertionError(sentence)


@pytest.fixture(scope="module")
def configuration(tmp_path_factory: pytest.TempPathFactory, write_sequences: Callable[[Path], Path]) -> Path:
    folder = tmp_path_factory.mktemp("chain")
    content = {
        "output": str(folder / "run"),
        "threads": 1,
        "validation": {"path": str(write_sequences(folder / "sequences"))},
        "data": {"sources": [{"kind": "generated"}, {"kind": "sequences", "path": str(folder / "sequences")}]},
        "supernet": {"training": TRAINING | {"steps": 4}},
        "search": {"trials": 5, "population": 3, "calibration_batches": 1, "batch_size": 4, "quick_pairs": 8},
        "retrain": {"training": TRAINING | {"steps": 3, "average": 0.9}},
        "tuning": {"trials": 3},
    }
    path = folder / "chain.yaml"
    path.write_text(yaml.safe_dump(content))
    return path


@pytest.fixture(scope="module")
def finished(configuration: Path) -> Path:
    """The folder of a chain that ran to its end."""
    commands.train_supernet(configuration, [])
    commands.search(configuration, [])
    commands.retrain(configuration, [])
    commands.tune_tracker(configuration, [])
    return Path(load_config(configuration).output)


def test_tuning_on_named_sequences(configuration: Path, finished: Path, tmp_path: Path) -> None:
    """The options replace the configuration's choice; other sequences are another tuning."""
    with pytest.raises(ltn.InputError, match="on other sequences"):
        commands.tune_tracker(configuration, [], without=["video1"])
    with pytest.raises(ltn.InputError, match=r"unknown sequence of .*, 'nobody'"):
        commands.tune_tracker(configuration, [], only=["nobody"])
    with pytest.raises(ltn.InputError, match="unknown value of --on-bad 'skip'"):
        commands.tune_tracker(configuration, [], on_bad="skip")
    with pytest.raises(ltn.InputError, match="no sequence is left of 2"):
        commands.tune_tracker(configuration, ["validation.only=[video0]"], without=["video0"], on_bad="leave-out")


def test_every_step_leaves_its_files(finished: Path) -> None:
    for name in (
        "supernet/supernet.safetensors",
        "supernet/run.json",
        "search/journal.log",
        "search/trials.csv",
        "search/front.csv",
        "search/front.png",
        "search/front.html",
        "retrain/model.safetensors",
        "tuning/hyper_parameters.json",
    ):
        assert (finished / name).stat().st_size > 0
    architectures = list((finished / "search" / "architectures").glob("*.json"))
    assert architectures
    record = json.loads((finished / "supernet" / "run.json").read_text())
    assert record["settings"]["seed"] == 0
    assert record["versions"]["nni"] == "3.0"


def test_the_model_tracks_with_what_was_tuned(finished: Path) -> None:
    model = ltn.load_model(finished / "retrain" / "model.safetensors")
    tuned = json.loads((finished / "tuning" / "hyper_parameters.json").read_text())
    assert model.hyper_parameters.to_dict() == tuned
    assert tuned["exact_crops"] is True
    assert model.provenance["tuned_ao"] >= 0
    tracker = ltn.load_tracker(finished / "retrain" / "model.safetensors")
    frame = np.zeros((120, 160, 3), np.uint8)
    tracker.init(frame, (40, 30, 24, 30))
    box, score = tracker.update(frame)
    assert box.shape == (4,)
    assert 0 <= score <= 1


def test_the_chosen_architecture_is_the_front_s_best(finished: Path, configuration: Path) -> None:
    config = load_config(configuration)
    result = ltn.Result.load(finished / "search")
    architecture, measured = choose(config, "best", print)
    assert measured["ao"] == result.front().table["ao"].max()
    assert architecture == ltn.load_model(finished / "retrain" / "model.safetensors").architecture
    assert architecture in [result.architecture(int(number)) for number in result.trials["trial"]]
    cheapest, said = result.front().table["macs"].min(), []
    least, _ = space_ends(result.space, parse_constraints("macs <= 1"))["macs"]
    assert choose(config, f"macs={least:.0f}", said.append)[1]["macs"] == cheapest
    assert any("nearest to macs=" in sentence for sentence in said) == (cheapest > 1.1 * least)


@pytest.mark.parametrize(
    ("point", "message"),
    [
        ("worst", "expected 'best' or a measurement such as"),
        ("speed=3", "speed"),
        ("macs=few", "macs<=few"),
        ("macs=20", r"retrain.choose: no network of 'lighttrack-tiny' is near to macs=20: .*did you mean macs=20M\?"),
        ("macs=900M", "no network of 'lighttrack-tiny' is near to macs=900M: they have .* to .* macs$"),
    ],
)
def test_points_that_mean_nothing_are_refused(finished: Path, configuration: Path, point: str, message: str) -> None:
    with pytest.raises(ltn.InputError, match=message):
        choose(load_config(configuration), point, print)


@pytest.mark.slow
def test_finished_steps_are_not_repeated(
    finished: Path, configuration: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = {path: path.stat().st_mtime_ns for path in (finished / "supernet").glob("*.safetensors")}
    commands.train_supernet(configuration, [])
    commands.search(configuration, [])
    assert {path: path.stat().st_mtime_ns for path in (finished / "supernet").glob("*.safetensors")} == before
    assert "steps" not in capsys.readouterr().err


def test_a_search_with_more_trials_goes_on(finished: Path, configuration: Path) -> None:
    first = ltn.Result.load(finished / "search").trials
    commands.search(configuration, ["search.trials=7"])
    more = ltn.Result.load(finished / "search").trials
    assert len(more) == 7
    assert more["path"].tolist()[: len(first)] == first["path"].tolist()


@pytest.mark.parametrize(
    ("command", "message"),
    [
        (commands.search, "run `lighttrack-nas train-supernet` with this configuration first"),
        (commands.retrain, "is no folder of a search"),
        (commands.tune_tracker, "run `lighttrack-nas retrain` with this configuration first"),
        (commands.pretrain_backbone, "has no 'pretraining'"),
    ],
)
def test_steps_out_of_order_are_named(configuration: Path, tmp_path: Path, command, message: str) -> None:
    with pytest.raises(ltn.InputError, match=message):
        command(configuration, [f"output={tmp_path}"])


def test_a_search_for_something_else_in_the_same_folder_is_refused(finished: Path, configuration: Path) -> None:
    with pytest.raises(ltn.InputError, match="objectives"):
        commands.search(configuration, ["search.objectives=[loss]"])


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("search.objectives=[speed]", "objective 'speed'"),
        ("search.constraints=[macs < few]", "constraint 'macs < few'"),
        ("data.targets={rulle: cross}", "'rulle'"),
        ("validation.only=[nobody]", "'nobody'"),
        ("data.sources=[{kind: sequences, path: nowhere}]", "nowhere"),
        ("data.sources=[{kind: generated, scenes: {rain: 1}}]", "'rain'"),
        ("search.enqueue=[back_0]", "no official codes"),
    ],
)
def test_mistakes_in_the_search_are_named(finished: Path, configuration: Path, override: str, message: str) -> None:
    with pytest.raises(ltn.InputError, match=message):
        commands.search(configuration, [override])


def test_constraints_nobody_can_meet_show_the_least_violating(
    finished: Path, configuration: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    os.symlink(finished / "supernet", tmp_path / "supernet")
    overrides = [f"output={tmp_path}", "search.constraints=[ao >= 2]", "search.trials=3", "search.objectives=[macs]"]
    commands.search(configuration, overrides)
    front = ltn.Result.load(tmp_path / "search").front()
    assert not front.table["feasible"].any()
    assert "no network found keeps ao >= 2; the nearest has ao " in front.note
    assert "of the limit" in front.note
    shown, warned = capsys.readouterr()
    assert f"warning: {front.note}" in warned
    assert "NO front of minimize macs" in shown
    said: list[str] = []
    choose(load_config(configuration, overrides), "best", said.append)
    assert said == [f"warning: {front.note}"]
    assert len(front.table) == 1


@pytest.mark.slow
def test_a_search_by_a_latency_table_measures_its_front_again(
    finished: Path, configuration: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    os.symlink(finished / "supernet", tmp_path / "supernet")
    space = ltn.load_space("lighttrack-tiny")
    table = ltn.build_latency_table(space, runtime="torch", networks=10, rounds=2)
    table.save(tmp_path / "table.json")
    latency = f"search.latency={{source: table, runtime: torch, table: {tmp_path / 'table.json'}}}"
    overrides = [f"output={tmp_path}", "search.trials=3", "search.objectives=[ao, latency_ms]", latency]
    commands.search(configuration, overrides)
    printed = capsys.readouterr().out
    assert "latency_ms_again" in printed
    assert "what the search went by" in printed
    result = ltn.Result.load(tmp_path / "search")
    predicted = table.predict([result.architecture(int(number)) for number in result.trials["trial"]])
    assert result.trials["latency_ms"].tolist() == predicted.tolist()
    again = result.front().table["latency_ms_again"]
    assert (again > 0).all()
    # A finished search measures nothing again; one on another ground is refused.
    commands.search(configuration, overrides)
    assert (ltn.Result.load(tmp_path / "search").front().table["latency_ms_again"] == again).all()
    with pytest.raises(ltn.InputError, match="threads 1 and 2"):
        commands.search(configuration, [*overrides, "search.latency.threads=2"])
    with pytest.raises(ltn.InputError, match=r"latency: .*source was 'table', is 'measured'"):
        commands.search(configuration, [*overrides, "search.latency.source=measured"])
    # What no network can be measured on is said before there is a search.
    with pytest.raises(ltn.InputError, match="device 'warp'"):
        commands.search(
            configuration, [*overrides, "search.latency={source: measured, device: warp}", f"output={tmp_path / 'new'}"]
        )
    assert not (tmp_path / "new" / "search").exists()


@pytest.mark.slow
def test_a_killed_training_goes_on_to_the_same_weights(configuration: Path, tmp_path: Path, warm: Any) -> None:
    """SIGKILL in the middle, twice: the supernet's file equals that of a run that was left alone."""
    results = []
    for name, kills in (("alone", 0), ("killed", 2)):
        command = [
            *("-m", "lighttrack_nas", "train-supernet", str(configuration)),
            *("--set", f"output={tmp_path / name}", "--set", "supernet.training.steps=16"),
        ]
        checkpoint = tmp_path / name / "supernet" / "last.ckpt"
        for _ in range(kills):
            process = warm.start(command, stderr=subprocess.PIPE)
            before = checkpoint.stat().st_mtime_ns if checkpoint.exists() else 0
            while process.poll() is None and (not checkpoint.exists() or checkpoint.stat().st_mtime_ns == before):
                time.sleep(0.01)
            time.sleep(0.1)
            process.send_signal(signal.SIGKILL)
            assert process.wait() == -signal.SIGKILL
            process.stderr.close()
        # The one that is left alone in a fresh process, with a hash seed of its own.
        alone = subprocess.run([sys.executable, *command], capture_output=True, text=True) if not kills else None
        done = alone or warm.run(command)
        assert done.returncode == 0, done.stderr
        assert "supernet.safetensors" in done.stdout
        results.append(ltn.load_supernet(tmp_path / name / "supernet" / "supernet.safetensors").state_dict())
    assert results[0].keys() == results[1].keys()
    assert all((results[0][key] == results[1][key]).all() for key in results[0])


@pytest.mark.slow
def test_a_search_starts_from_what_the_training_learnt(
    configuration: Path, finished: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    overrides = [f"output={tmp_path}", "supernet.training.steps=2", "search.trials=4", "search.population=2"]
    overrides += ["search.enqueue_from_distribution=3"]
    with pytest.raises(ltn.InputError, match=r"enqueue_from_distribution: .*distribution.json' does not exist: only"):
        commands.search(configuration, ["search.trials=7", "search.enqueue_from_distribution=3"])
    commands.train_supernet(configuration, [*overrides, "supernet.strategy={name: proxyless, joint: true}"])
    commands.search(configuration, overrides)
    space = ltn.load_space("lighttrack-tiny")
    text = (tmp_path / "supernet/distribution.json").read_text()
    likely = ltn.Distribution.from_json(text, space).distinct(3, np.random.default_rng(0))
    result = ltn.Result.load(tmp_path / "search")
    assert [result.architecture(number).path() for number in range(3)] == likely
