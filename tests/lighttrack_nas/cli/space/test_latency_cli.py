"""`latency`, `latency-table`, and a search by latency from configuration to front."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

import lighttrack_nas as ltn
from lighttrack_nas.benchmarks.latency.latency_build import table_file
from lighttrack_nas.benchmarks.latency.latency_measuring import LatencySettings
from lighttrack_nas.cli.app import app
from lighttrack_nas.config.config_files import load_config
from lighttrack_nas.costing import latency_tables
from lighttrack_nas.costing.latency_tables import machines_table, new_table
from lighttrack_nas.trackers.runtimes.runtime_registry import RUNTIMES

SPACE = ltn.load_space("lighttrack-table")  # the one with the fewest blocks to time

needs_proc = pytest.mark.skipif(not Path("/proc/self").exists(), reason="/proc takes no files from anybody")


def run(*arguments: str) -> str:
    result = CliRunner().invoke(app, list(arguments), catch_exceptions=False)
    assert result.exit_code == 0, result.stderr
    return result.stdout


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("tables") / "table.json"
    out = run("latency-table", "--space", "lighttrack-table", "--runtime", "torch", "--networks", "10", "-o", str(path))
    assert out.rstrip().endswith(str(path))
    assert "Kendall's tau" in out
    assert "over 10 other networks" in out
    return path


@pytest.mark.slow
@pytest.mark.xdist_group("latency table")
def test_a_built_latency_table_stands_alone_and_predicts(table: Path) -> None:
    assert [path.name for path in table.parent.iterdir()] == ["table.json"]
    loaded = ltn.LatencyTable.load(table, SPACE)
    assert loaded.check.networks == 10
    assert (loaded.predict([SPACE.sample(np.random.default_rng(0))]) > 0).all()


@pytest.mark.slow
def test_latency_on_runtimes() -> None:
    chosen = ("--runtime", "torch", "--runtime", "torch-export", "--branch", "template")
    found = json.loads(run("latency", "lighttrack-tiny-generated", *chosen, "--json"))
    runtimes = [latency["fingerprint"]["runtime"] for latency in found["latencies"]]
    assert runtimes == ["torch", "torch-export"]
    assert found["space"] == "lighttrack-tiny"
    assert {latency["branch"] for latency in found["latencies"]} == {"template"}


@pytest.mark.parametrize("command", ["latency", "latency-table"])
def test_help_names_every_runtime(command: str) -> None:
    assert {*RUNTIMES} <= set(re.findall(r"[\w-]+", run(command, "--help")))


def test_every_runtime_is_known_before_one_is_timed(monkeypatch: pytest.MonkeyPatch) -> None:
    timed: list[object] = []
    monkeypatch.setattr(
        "lighttrack_nas.benchmarks.latency.latency_measuring.measure_apart", lambda *_, **__: timed.append(1) or []
    )
    chosen = ["--runtime", "torch", "--runtime", "tensorrt"]
    result = CliRunner().invoke(app, ["latency", "lighttrack-tiny-generated", *chosen])
    assert "unknown runtime 'tensorrt'" in str(result.exception)
    assert not timed


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["latency", "lighttrack-tiny-generated", "--runtime", "tensorrt"], "unknown runtime 'tensorrt'"),
        (["latency", "lighttrack-tiny-generated", "--runtime", "torch", "--precision", "int8"], "needs calibration"),
        (["latency", "nothing"], "'nothing' is no architecture"),
        (["latency-table", "--space", "lighttrack-tiny", "--runtime", "tensorrt"], "unknown runtime 'tensorrt'"),
        (["latency-table", "--space", "lighttrack-tini", "--runtime", "torch"], "did you mean 'lighttrack-tiny'"),
    ],
)
def test_mistakes_in_a_call_of_latency_are_named(arguments: list[str], words: str) -> None:
    result = CliRunner().invoke(app, arguments)
    assert isinstance(result.exception, ltn.InputError)
    assert words in str(result.exception)


@pytest.mark.parametrize(
    ("output", "words"),
    [
        (".", "is a folder: expected a file"),
        pytest.param("/proc/a.json", "'/proc/a.json' cannot be written", marks=needs_proc),
    ],
)
def test_the_tables_place_is_checked_before_the_work(
    output: str, words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(latency_tables, "new_table", lambda *_: pytest.fail("the work began"))
    arguments = ["latency-table", "--space", "lighttrack-tiny", "--runtime", "torch", "--output", output]
    result = CliRunner().invoke(app, arguments)
    assert isinstance(result.exception, ltn.InputError)
    assert words in str(result.exception)


@pytest.mark.slow
@pytest.mark.xdist_group("latency table")
def test_this_machines_table_is_built_once_and_again_when_it_is_torn(
    table: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LIGHTTRACK_NAS_CACHE", str(tmp_path))
    settings, said, built = LatencySettings(), [], []
    path = table_file(SPACE, settings.fingerprint())
    assert path is not None

    def build(*arguments: object, **_: object) -> ltn.LatencyTable:
        built.append(arguments)
        return ltn.LatencyTable.load(table, SPACE)

    monkeypatch.setattr(latency_tables, "build_latency_table", build)
    first = machines_table(SPACE, settings, said.append)
    assert machines_table(SPACE, settings, said.append).digest == first.digest
    assert len(built) == 1
    assert [sentence.partition(":")[0] for sentence in said] == [
        "latency table of 'lighttrack-table' on torch",
        "latencies come from this machine's table",
    ]
    path.write_text(path.read_text()[:100])
    machines_table(SPACE, settings, said.append)
    assert len(built) == 2
    assert "it is built again now" in said[2]
    assert new_table(SPACE, settings, None, said.append).digest == first.digest


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ("runtime=tvm", "unknown runtime 'tvm'"),
        ("precision=int4", "unknown precision 'int4'"),
        ("source=guessed", "source"),
        ("threads=0", "threads"),
    ],
)
def test_mistakes_in_the_configuration_are_found_before_any_training(setting: str, words: str) -> None:
    overrides = ["search.objectives=[ao, latency_ms]", f"search.latency.{setting}"]
    with pytest.raises(ltn.InputError, match=words):
        load_config(None, overrides)


def test_the_older_name_of_the_threads_goes_on() -> None:
    assert load_config(None, ["search.latency_threads=2"]).search.latency.threads == 2
    assert load_config(None).search.latency.source == "table"
