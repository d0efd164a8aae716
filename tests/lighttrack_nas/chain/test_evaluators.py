"""What measures a chain's architectures."""

import math
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import optuna
import pytest

import lighttrack_nas as ltn
from lighttrack_nas.chain import evaluators
from lighttrack_nas.chain.evaluators import (
    search_latency,
    supernet_evaluator,
    table_to_build,
    tracked_frames,
    with_chosen,
)
from lighttrack_nas.chain.tuning import _complete, tune_tracker
from lighttrack_nas.config.config import Config
from lighttrack_nas.config.config_files import load_config
from lighttrack_nas.search_spaces.building.builder import build_network
from lighttrack_nas.trackers.data.readers.reader_registry import read_sequences

TINY = ltn.load_space("lighttrack-tiny")


def silent(sentence: str) -> None:
    """Say nothing."""


def test_the_record_of_a_search_names_what_was_left_out(
    tmp_path: Path, write_sequences: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not why, which holds paths: with the same data elsewhere, a worker of another machine goes on."""
    config = load_config(None, ["validation.path=$VIDEOS/data", "validation.on_bad=leave out"])
    supernet = ltn.Supernet(ltn.load_space(config.space)).eval()
    records = []
    for machine in ("here", "there"):
        data = write_sequences(tmp_path / machine / "data", 2, 3)
        (data / "video1" / "groundtruth.txt").write_text("none\n")
        monkeypatch.setenv("VIDEOS", str(tmp_path / machine))
        records.append(supernet_evaluator(config, silent, supernet=supernet).record())
    assert records[0]["data"]["left_out"] == ["video1"]
    assert records[0] == records[1]


@pytest.fixture
def large(tmp_path: Path, write_sequences: Callable[..., Path]) -> Path:
    """Two sequences whose targets are large enough to be reduced, and one whose target is not."""
    data = write_sequences(tmp_path / "data", 3, 4)
    for number in (0, 1):
        folder = data / f"video{number}"
        for path in folder.glob("*.png"):
            cv2.imwrite(str(path), cv2.resize(cv2.imread(str(path)), None, fx=4, fy=4))
        boxes = np.loadtxt(folder / "groundtruth.txt", delimiter=",") * 4
        np.savetxt(folder / "groundtruth.txt", boxes, delimiter=",")
    return data


def configured(data: Path, *settings: str) -> Config:
    output = data.parent / "run"
    return load_config(None, [f"validation.path={data}", f"output={output}", *settings])


@pytest.mark.parametrize(
    ("settings", "recorded"),
    [
        ((), None),
        (("validation.memory=1G", "validation.disk=1G", "validation.readers=3"), None),
        (("validation.copies=1.5",), 1.5),
    ],
)
def test_only_what_changes_figures_is_recorded(settings: tuple[str, ...], recorded: float | None, large: Path) -> None:
    """Records of before had none of these keys, and their searches go on."""
    supernet = ltn.Supernet(TINY).eval()
    record = supernet_evaluator(configured(large, *settings), silent, supernet=supernet).record()["data"]["sequences"]
    assert record == {"path": str(large), "layout": "got10k", "only": [], "without": []} | (
        {} if recorded is None else {"copies": recorded}
    )


@pytest.mark.slow
def test_copies_are_made_once_said_and_scored_on(large: Path) -> None:
    said: list[str] = []
    supernet = ltn.Supernet(TINY).eval()
    config = configured(large, "validation.copies=1.5", "validation.memory=0", "validation.readers=2")
    evaluator = supernet_evaluator(config, said.append, supernet=supernet)
    assert said[-1] == (
        "2 of 3 validation sequences are tracked on reduced copies of their frames (validation.copies 1.5): their AO "
        "is near to that of the frames themselves, not the same"
    )
    assert len(list(config.folder("copies").iterdir())) == 2
    with np.errstate(all="ignore"):
        ao = evaluator.measure(TINY.sample(np.random.default_rng(0)), ["ao"])["ao"]
    assert 0 <= ao <= 1
    again: list[str] = []
    supernet_evaluator(config, again.append, supernet=supernet)
    assert again == [said[-1]]


@pytest.mark.parametrize(
    ("settings", "device", "processes", "readers"),
    [
        ((), "cpu", 1, 5),  # 8 cores, of which torch has 3
        (("threads=1",), "cpu", 1, 7),
        (("threads=8",), "cpu", 1, 1),
        (("threads=1",), "cpu", 3, 3),  # two processes that work, and one that waits for them
        (("threads=1",), "cuda", 1, 8),
        (("validation.readers=0",), "cpu", 1, 0),
    ],
)
def test_readers_take_the_cores_that_torch_leaves(
    settings: tuple[str, ...],
    device: str,
    processes: int,
    readers: int,
    large: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    import torch

    monkeypatch.setattr(evaluators.os, "cpu_count", lambda: 8)
    monkeypatch.setattr(torch, "get_num_threads", lambda: 3)
    config = configured(large, f"device={device}", "validation.memory=3M", *settings)
    asked = tracked_frames(config, TINY, read_sequences(large), processes, silent)
    assert (asked["readers"], asked["frame_memory"]) == (readers, 3 << 20)


def test_processes_take_what_their_caller_has_chosen(large: Path) -> None:
    config = configured(large, "validation.without=[video1]", "validation.on_bad=leave out")
    chosen = with_chosen(config, read_sequences(large, only=["video0", "video2"])).validation
    assert (chosen.only, chosen.without, chosen.on_bad) == (("video0", "video2"), (), "refuse")


def test_a_tuning_on_copies_is_another_than_one_on_frames(large: Path) -> None:
    network = build_network(TINY.sample(np.random.default_rng(0))).eval()
    sequences = read_sequences(large)
    config = configured(large, "validation.copies=1.5")
    on_copies = tracked_frames(config, TINY, sequences, 1, silent)
    for _ in range(2):  # the second goes on, with nothing left to do
        tuned = tune_tracker(network, sequences, n_trials=1, output=large.parent / "copies", **on_copies)
    assert tuned.trials == 1
    tune_tracker(network, sequences, n_trials=1, output=large.parent / "frames", frame_memory=0, readers=1)
    with pytest.raises(ltn.InputError, match="tuning of another network or on other sequences"):
        tune_tracker(network, sequences, n_trials=1, output=large.parent / "frames", **on_copies)


def test_norms_are_estimated_on_the_kinds_of_sources_that_are_asked_for() -> None:
    from lighttrack_nas.chain.evaluators import calibration_data

    sources = [{"kind": "generated"}, {"kind": "sequences", "path": "a"}, {"kind": "sequences", "path": "b"}]

    def taken(*kinds: str) -> list[str]:
        config = Config.model_validate({"data": {"sources": sources}, "search": {"calibrate_on": kinds}})
        return [getattr(source, "path", source.kind) for source in calibration_data(config).data.sources]

    assert taken("sequences") == ["a", "b"]
    assert taken("generated") == ["generated"]
    assert taken() == ["generated", "a", "b"]


LATENCY = ("search.objectives=[ao, latency_ms]",)


def test_latencies_come_from_a_table_unless_there_can_be_none(monkeypatch: pytest.MonkeyPatch) -> None:
    tried, built, said = [], [], []
    monkeypatch.setattr(ltn.LatencySettings, "try_out", lambda self, space: tried.append(space))
    monkeypatch.setattr(
        "lighttrack_nas.costing.latency_tables.machines_table", lambda space, settings, say: built.append(space)
    )
    config = load_config(None, LATENCY)
    search_latency(config, TINY, said.append)
    assert (tried, built, said) == ([], [TINY], [])
    assert table_to_build(config, TINY) == ltn.LatencySettings()
    for other in (load_config(None), load_config(None, [*LATENCY, "search.latency.source=measured"])):
        assert table_to_build(other, TINY) is None
    assert isinstance(
        search_latency(load_config(None, [*LATENCY, "search.latency.source=measured"]), TINY, said.append),
        ltn.LatencySettings,
    )
    assert (tried, said) == ([TINY], [])
    monkeypatch.setattr("lighttrack_nas.costing.latency_tables.NETWORKS", TINY.size.networks)
    search_latency(config, TINY, said.append)
    assert tried == [TINY, TINY]
    assert said[0].startswith("space 'lighttrack-tiny' has ")
    assert said[0].endswith("fitted and checked: each network's latency is measured")
    assert table_to_build(config, TINY) is None
    # What was asked for in so many words is not replaced.
    with pytest.raises(ltn.InputError, match=r"search.latency.source: space .* set it to measured"):
        search_latency(load_config(None, [*LATENCY, "search.latency.source=table"]), TINY, silent)


@pytest.mark.parametrize(
    ("params", "value", "direction", "said"),
    [
        ({"lr": 0.5}, 0.5, "maximize", "trial 0: expected an AO and penalty_k"),
        ({"penalty_k": 0.1, "window_influence": 0.3, "context": 0.5}, 0.5, "maximize", "trial 0: expected an AO"),
        ({"penalty_k": 0.1, "window_influence": 0.3, "lr": 0.5}, math.inf, "maximize", "trial 0: expected an AO"),
        ({"penalty_k": 0.1, "window_influence": 0.3, "lr": 0.5}, 0.5, "minimize", "maximises no AO"),
    ],
)
def test_a_journal_of_something_else_than_a_tuning_is_named(
    params: dict[str, float], value: float, direction: str, said: str
) -> None:
    study = optuna.create_study(direction=direction)
    ranges = {name: optuna.distributions.FloatDistribution(0, 1) for name in params}
    study.add_trial(optuna.trial.create_trial(params=params, distributions=ranges, value=value))
    with pytest.raises(ltn.InputError, match=rf"journal.log'.*{said}.*remove it, and tuning begins anew"):
        _complete(study, Path("journal.log"))
