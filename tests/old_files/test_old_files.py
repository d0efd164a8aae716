"""Files of earlier versions, opened with today's code: each says what it said.

A folder a version, made by that version with `make_old_files.py`; what it drew at random lies beside it.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import optuna
import pandas as pd
import pytest

import lighttrack_nas as ltn
from lighttrack_nas.benchmarks.latency.fingerprint import Fingerprint
from lighttrack_nas.reporting.environment import cpu_name, versions

from .make_old_files import COMPARISON, GOALS, answers, crops

VERSIONS = sorted(path for path in Path(__file__).parent.glob("v*") if path.is_dir())


@pytest.fixture(params=VERSIONS, ids=lambda path: path.name, scope="module")
def version(request: pytest.FixtureRequest) -> Path:
    """The folder of a version's files."""
    folder: Path = request.param
    return folder


@pytest.fixture
def folder(version: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the folder, the working folder: its files name each other."""
    shutil.copytree(version, tmp_path / "old")
    monkeypatch.chdir(tmp_path / "old")
    return tmp_path / "old"


@pytest.fixture
def evaluator(folder: Path) -> ltn.TableEvaluator:
    return ltn.TableEvaluator(ltn.BenchmarkTable.load(folder / "table.zip"))


def same_answers(found: dict[str, np.ndarray], folder: Path) -> None:
    kept = np.load(folder / "answers.npz")
    assert sorted(found) == sorted(kept)
    for name, values in found.items():
        # Kernels of another processor round otherwise.
        np.testing.assert_allclose(values, kept[name], rtol=1e-4, atol=1e-5)


def test_a_space_file_has_its_hash(version: Path) -> None:
    assert ltn.load_space(str(version / "space.yaml")).hash == "3402fdbd25c3"


def test_a_table_answers_and_is_of_its_space(version: Path) -> None:
    table = ltn.BenchmarkTable.load(version / "table.zip", ltn.load_space(str(version / "space.yaml")))
    assert table.complete
    assert table.measurements == ("overlap", "macs")
    assert (len(table), table.digest, table.provenance) == (864, "d579d8fc7d4a260b", {"made": "up"})
    first = ltn.Result.load(version / "search").trials.iloc[0]
    architecture = ltn.Result.load(version / "search").architecture(0)
    assert table.values(architecture) == {"overlap": first["overlap"], "macs": first["macs"]}


def test_a_model_answers_as_it_did(version: Path) -> None:
    model = ltn.load_model(version / "model.safetensors")
    same_answers(answers(model.network), version)
    assert model.architecture.space == ltn.load_space(str(version / "space.yaml"))
    assert model.hyper_parameters == ltn.HyperParameters(penalty_k=0.2)
    assert model.provenance["made"] == "up"
    assert model.provenance["versions"]["lighttrack-nas"] == version.name.removeprefix("v")


def test_a_supernet_s_network_answers_as_the_model_file_s(version: Path) -> None:
    supernet = ltn.load_supernet(version / "supernet.safetensors", ltn.load_space(str(version / "space.yaml")))
    architecture = ltn.load_model(version / "model.safetensors").architecture
    same_answers(answers(supernet.extract(supernet.space.architecture(architecture.choices))), version)


def test_an_export_is_tracked_with(version: Path) -> None:
    pytest.importorskip("onnxruntime")
    exported, original = (ltn.load_tracker(version / name) for name in ("export", "model.safetensors"))
    assert exported.hyper_parameters == original.hyper_parameters
    frame = np.ascontiguousarray((255 * crops()[1][0].transpose(1, 2, 0)).astype(np.uint8))
    found = []
    for tracker in (exported, original):
        tracker.init(frame, (20, 20, 16, 16))
        found.append([*tracker.update(frame)[0]])
    np.testing.assert_allclose(*found, atol=0.01)


def test_a_latency_table_predicts_what_it_did(version: Path) -> None:
    space = ltn.load_space(str(version / "space.yaml"))
    # Of the machine that it was made on, whatever this one is.
    measured_on = Fingerprint(**json.loads((version / "latency.json").read_text())["fingerprint"])
    table = ltn.LatencyTable.load(version / "latency.json", space, measured_on)
    architecture = ltn.load_model(version / "model.safetensors").architecture
    kept = np.load(version / "latency.npy")
    assert table.latency_ms(space.architecture(architecture.choices)) == pytest.approx(kept.item(), rel=1e-9)
    assert (table.fingerprint.runtime, table.fingerprint.threads) == ("torch", 1)


@pytest.mark.parametrize("name", ["search", "screened", "optuna"])
def test_a_search_s_trials_and_front_are_those_that_were_written(version: Path, name: str) -> None:
    result = ltn.Result.load(version / name)
    trials, front = (pd.read_csv(version / name / f"{part}.csv") for part in ("trials", "front"))
    written = ["trial", "overlap", "macs", "feasible", "path", "network", "choices"]
    pd.testing.assert_frame_equal(result.trials[written], trials[written], check_dtype=False)
    own = result.front()
    assert [*own.table["network"]] == [*front["network"]]
    np.testing.assert_allclose(own.table["overlap"], front["overlap"])
    assert [str(goal) for goal in result.objectives] == GOALS["objectives"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "strategy"),
    [
        ("search", lambda: ltn.NSGA2(population_size=6, seed=0)),
        (
            "screened",
            lambda: ltn.Screened(inner={"name": "nsga2", "population_size": 6}, regressor="ridge", start=10),
        ),
        ("optuna", lambda: optuna.samplers.NSGAIISampler(population_size=6, seed=0)),
    ],
    ids=["search", "screened", "optuna"],
)
def test_a_search_goes_on(folder: Path, evaluator: ltn.TableEvaluator, name: str, strategy: Callable[[], Any]) -> None:
    """Its strategy is the one the journal records, whatever module it lies in by now."""
    space = ltn.load_space("space.yaml")
    before = ltn.Result.load(name).trials
    result = ltn.search(space, strategy=strategy(), evaluator=evaluator, n_trials=len(before) + 4, output=name, **GOALS)
    written = ["trial", "overlap", "macs", "path", "choices"]
    assert len(result.trials) == len(before) + 4
    pd.testing.assert_frame_equal(result.trials[written].head(len(before)), before[written])
    table = evaluator.table
    for row in result.trials.tail(4).itertuples():
        assert table.values(result.architecture(row.trial))["overlap"] == row.overlap
    # Settings that are not those of the journal are seen.
    with pytest.raises(ltn.InputError, match="strategy"):
        ltn.search(space, strategy="random", evaluator=evaluator, n_trials=40, output=name, **GOALS)


@pytest.fixture
def comparison(folder: Path) -> Path:
    """The comparison's folder, as if this version and this machine had begun it."""
    output = folder / "compare"
    record = json.loads((output / "run.json").read_text())
    record |= {"versions": versions(), "machine": cpu_name()}
    (output / "run.json").write_text(json.dumps(record))
    return output


def test_a_comparison_of_another_version_is_named_and_kept(folder: Path, version: Path) -> None:
    """Its times would be compared with those of another program."""
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    old = version.name.removeprefix("v")
    with pytest.raises(ltn.InputError, match=f'versions.lighttrack-nas was "{old}" and is now "{ltn.__version__}"'):
        ltn.compare(ltn.load_comparison("compare.yaml"), print)
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before


@pytest.mark.slow
def test_a_finished_comparison_s_runs_are_read(comparison: Path) -> None:
    """None starts again, and what they amount to is the same."""
    tables = {name: pd.read_csv(comparison / name) for name in ("raw.csv", "summary.csv")}
    scale = json.loads((comparison / "scale.json").read_text())
    done = []
    found = ltn.compare(ltn.load_comparison("compare.yaml"), print, lambda amount, where: done.append((amount, where)))
    assert done == [(COMPARISON["seeds"] * len(COMPARISON["strategies"]), "from an earlier call")]
    assert found.summary().set_index("strategy")["best"].to_dict() == pytest.approx(
        {"evolution": 0.6558477655, "random": 0.6446435215}
    )
    for name, kept in tables.items():  # but for the last digits of sums, and columns that are new
        pd.testing.assert_frame_equal(pd.read_csv(comparison / name)[list(kept)], kept, rtol=1e-9)
    again = json.loads((comparison / "scale.json").read_text())
    pd.testing.assert_frame_equal(pd.json_normalize(again), pd.json_normalize(scale), rtol=1e-9)


@pytest.mark.slow
def test_a_stopped_comparison_goes_on_beside_what_was_there(comparison: Path) -> None:
    gone, others = comparison / "runs/evolution/001.csv", pd.read_csv(comparison / "raw.csv")
    kept = pd.read_csv(gone)
    gone.unlink()
    ltn.compare(ltn.load_comparison("compare.yaml"), print)
    # The strategy draws what it drew.
    pd.testing.assert_frame_equal(pd.read_csv(gone)[["overlap", "macs"]], kept[["overlap", "macs"]])
    again = pd.read_csv(comparison / "raw.csv")
    pd.testing.assert_frame_equal(again[["overlap", "macs"]], others[["overlap", "macs"]])
