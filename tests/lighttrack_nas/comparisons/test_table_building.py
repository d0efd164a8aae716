"""Building a table: which rows, from a supernet, stopped and gone on with."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from lighttrack_nas.chain.evaluators import supernet_evaluator
from lighttrack_nas.cli.app import app
from lighttrack_nas.comparisons.benchmark_table_building import build_table, chosen_paths
from lighttrack_nas.config.config import Config
from lighttrack_nas.config.config_files import load_config
from lighttrack_nas.models.supernets import save_supernet
from lighttrack_nas.search_spaces.building.supernet import Supernet
from lighttrack_nas.search_spaces.enumeration import paths
from lighttrack_nas.search_spaces.loading.loading import load_space
from lighttrack_nas.tables import load_table
from lighttrack_nas.trackers.base.errors import InputError

SPACE = load_space("lighttrack-table")

needs_proc = pytest.mark.skipif(not Path("/proc/self").exists(), reason="/proc takes no files from anybody")


def test_a_table_has_all_paths_of_a_small_space_or_a_sample() -> None:
    assert chosen_paths(SPACE, 10_000, None, 0) == list(paths(SPACE))
    sample = chosen_paths(SPACE, 10, 100, 3)
    assert len(set(sample)) == 100
    assert all(architecture.path() == architecture for architecture in sample)
    assert sample == chosen_paths(SPACE, 10, 100, 3) != chosen_paths(SPACE, 10, 100, 4)
    with pytest.raises(InputError, match=r"has 2,688 paths, more than table.largest \(2,000\)"):
        chosen_paths(SPACE, 2000, None, 0)
    with pytest.raises(InputError, match="has 2,688 paths, fewer than 3,000"):
        chosen_paths(SPACE, 2000, 3000, 0)


@pytest.mark.parametrize(
    ("output", "words"),
    [
        ("table.txt", "'table.txt': expected a file that ends in .zip"),
        ("folder.zip", "'folder.zip' is a folder"),
        pytest.param("/proc/a.zip", "'/proc/a.zip' cannot be written", marks=needs_proc),
    ],
)
def test_the_file_is_checked_before_the_work(
    output: str, words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("folder.zip").mkdir()
    Path("chain.yaml").write_text("space: lighttrack-table\n")
    monkeypatch.setattr("lighttrack_nas.cli.search.build_table.build", lambda *_: pytest.fail("the work began"))
    result = CliRunner().invoke(app, ["build-table", "chain.yaml", "--output", output])
    assert isinstance(result.exception, InputError)
    assert words in str(result.exception)


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> Config:
    """A chain with an untrained supernet."""
    import torch

    output = tmp_path_factory.mktemp("table")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        save_supernet(Supernet(SPACE).eval(), output / "supernet" / "supernet.safetensors", {})
    return load_config(
        None,
        [
            "space=lighttrack-table",
            f"output={output}",
            "threads=1",
            "validation={path: generated-val-v1, only: [generated-val-v1_02]}",
            "search={calibration_batches: 1, batch_size: 4, quick_pairs: 4}",
            "table={measurements: [overlap, macs], sample: 5}",
        ],
    )


@pytest.mark.slow
def test_build_stop_and_go_on(config: Config) -> None:
    told: list[int] = []
    table = build_table(config, lambda sentence: None, lambda amount, where: told.append(amount))
    assert sum(told) == len(table) == 5
    assert not table.complete
    assert table.measurements == ("overlap", "macs")
    assert (table.columns["seconds"] > 0).all()
    evaluator = supernet_evaluator(config, lambda sentence: None)
    for architecture in table.architectures[:2]:
        measured = evaluator.measure(architecture, ["overlap", "macs"])
        assert table.values(architecture) == pytest.approx(measured, rel=1e-6)
    assert table.provenance["supernet"] == evaluator.fingerprint

    # Two whole rows, and one that a kill cut short.
    rows = config.folder("table") / "rows.jsonl"
    lines = rows.read_text().splitlines(keepends=True)
    rows.write_text("".join(lines[:2]) + lines[2][:9])
    told.clear()
    config = config.model_copy(update={"table": config.table.model_copy(update={"workers": 1})})
    again = build_table(config, lambda sentence: None, lambda amount, where: told.append(amount))
    assert told == [2, 1, 1, 1]
    for name in table.measurements:
        assert again.columns[name] == pytest.approx(table.columns[name], rel=1e-6)

    file = config.folder("table") / "table.zip"
    again.save(file)
    assert load_table(file).digest == again.digest
    record = config.folder("table") / "run.json"
    content = record.read_text()
    record.write_text(json.dumps(json.loads(content) | {"supernet": "another"}))
    with pytest.raises(InputError, match="holds results of another run: supernet"):
        build_table(config, lambda sentence: None)
    record.write_text(content)
    for line in ("{}", '{"row": 0, "macs": 1' + "0" * 400 + "}"):
        rows.write_text(f"{line}\n")
        with pytest.raises(InputError, match="line 1: no row of a table; delete the file"):
            build_table(config, lambda sentence: None)


@pytest.mark.slow
def test_without_a_supernet(tmp_path: Path) -> None:
    config = load_config(None, ["space=lighttrack-table", f"output={tmp_path}"])
    with pytest.raises(InputError, match="run `lighttrack-nas train-supernet` with this configuration first"):
        build_table(config, lambda sentence: None)
