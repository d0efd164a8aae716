"""The tabular benchmark as data: round trips, lookups, and files that are none."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from lighttrack_nas.benchmarks.scoring.tabular_benchmark import BenchmarkTable, TableEvaluator
from lighttrack_nas.search_spaces.enumeration import paths
from lighttrack_nas.search_spaces.loading.loading import load_space
from lighttrack_nas.trackers.base.errors import InputError

SPACE = load_space("lighttrack-table")
ALL = list(paths(SPACE))


def make(rows: int | None = None, **columns: np.ndarray) -> BenchmarkTable:
    architectures = ALL[:rows]
    rng = np.random.default_rng(0)
    usual = {"ao": rng.random(len(architectures)), "macs": rng.integers(1, 10**9, len(architectures)).astype(float)}
    return BenchmarkTable(SPACE, architectures, usual | columns, {"seed": 0, "where": "made up"})


@pytest.fixture(scope="module")
def table() -> BenchmarkTable:
    return make(seconds=np.full(len(ALL), 1.5))


def test_a_saved_table_reads_back_the_same_to_the_byte(table: BenchmarkTable, tmp_path: Path) -> None:
    table.save(tmp_path / "t.zip")
    again = BenchmarkTable.load(tmp_path / "t.zip", SPACE)
    assert again.architectures == table.architectures
    assert again.complete
    assert again.measurements == ("ao", "macs")
    assert again.provenance == table.provenance
    np.testing.assert_allclose(again.columns["ao"], table.columns["ao"], rtol=1e-8)
    np.testing.assert_array_equal(again.columns["macs"], table.columns["macs"])
    assert again.digest == table.digest
    first = (tmp_path / "t.zip").read_bytes()
    again.save(tmp_path / "t.zip")
    assert (tmp_path / "t.zip").read_bytes() == first


def test_an_architecture_is_found_by_its_path(table: BenchmarkTable) -> None:
    rng = np.random.default_rng(1)
    for architecture in [SPACE.sample(rng) for _ in range(50)]:
        row = ALL.index(architecture.path())
        assert table.values(architecture) == {"ao": table.columns["ao"][row], "macs": table.columns["macs"][row]}
        assert table.frame().loc[row, "output"] == architecture.choices["output"]


def test_an_evaluator_looks_up_what_the_table_holds(table: BenchmarkTable) -> None:
    evaluator = TableEvaluator(table)
    architecture = ALL[7]
    assert evaluator.measurements == ("ao", "macs")
    assert evaluator.costs(architecture) == {"macs": table.columns["macs"][7]}
    assert evaluator.measure(architecture, ["ao"]) == {"ao": table.columns["ao"][7]}
    assert evaluator.seconds(architecture) == 1.5
    assert TableEvaluator(make()).seconds(architecture) == 0.0
    assert json.loads(json.dumps(evaluator.record()))["table"] == table.digest
    with pytest.raises(InputError, match="unknown measurement of this table 'mac'; did you mean 'macs'"):
        evaluator.measure(architecture, ["mac"])
    with pytest.raises(InputError, match="of space 'lighttrack-tiny'"):
        evaluator.costs(load_space("lighttrack-tiny").sample(np.random.default_rng(0)))


def test_a_sample_says_what_it_lacks() -> None:
    sample = make(10)
    assert not sample.complete
    assert "a sample of the paths, 10 rows" in repr(sample)
    with pytest.raises(InputError, match="is a sample of 10 paths, without"):
        sample.values(ALL[10])


def test_values_that_are_no_table() -> None:
    with pytest.raises(InputError, match="there are none"):
        BenchmarkTable(SPACE, [], {"ao": []}, {})
    with pytest.raises(InputError, match="two rows of the table are of one path"):
        BenchmarkTable(SPACE, [ALL[0], ALL[0]], {"ao": [1, 2]}, {})
    with pytest.raises(InputError, match="column 'ao': expected 2 finite numbers"):
        BenchmarkTable(SPACE, ALL[:2], {"ao": [1, np.nan]}, {})
    with pytest.raises(InputError, match="column 'ao': expected 2 finite numbers"):
        BenchmarkTable(SPACE, ALL[:2], {"ao": [1]}, {})
    behind = dict(ALL[0].choices) | {"stage2-block1": "k7e4"}  # the output is before it
    with pytest.raises(InputError, match="is none: genes behind its output differ"):
        BenchmarkTable(SPACE, [SPACE.architecture(behind)], {"ao": [1]}, {})


def rewritten(path: Path, change: Callable[[dict[str, str]], None]) -> None:
    """Write the table's ZIP file with other contents."""
    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name).decode() for name in archive.namelist()}
    change(parts)
    with zipfile.ZipFile(path, "w") as archive:
        for name, text in parts.items():
            archive.writestr(name, text)


def about(key: str, value: object) -> Callable[[dict[str, str]], None]:
    def change(parts: dict[str, str]) -> None:
        parts["about.json"] = json.dumps(json.loads(parts["about.json"]) | {key: value})

    return change


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (about("format", 99), "format 99 is not known to this version, which reads 1"),
        (about("space_hash", "other"), "reads its space otherwise; build it again"),
        (about("space", {"name": "x"}), "space: template_size: Field required"),
        (lambda parts: parts.update({"table.csv": parts["table.csv"] + "x\n"}), "were changed after it was written"),
        (lambda parts: parts.update({"about.json": "[1]"}), "about.json: expected an object"),
        (lambda parts: parts.update({"about.json": "{"}), "about.json"),
        (lambda parts: parts.pop("table.csv"), "expected a ZIP file of about.json and table.csv"),
        (lambda parts: parts.update({"more": ""}), "expected a ZIP file of about.json and table.csv"),
    ],
)
def test_a_table_file_that_was_changed_is_refused(
    change: Callable[[dict[str, str]], None], words: str, tmp_path: Path
) -> None:
    path = tmp_path / "t.zip"
    make(3).save(path)
    rewritten(path, change)
    with pytest.raises(InputError, match=words):
        BenchmarkTable.load(path)


def test_files_that_are_none(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be read: No such file"):
        BenchmarkTable.load(tmp_path / "none.zip")
    path = tmp_path / "t.zip"
    make(3).save(path)
    whole = path.read_bytes()
    for kept in (0, 10, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:kept])
        with pytest.raises(InputError, match="is damaged, or no ZIP file"):
            BenchmarkTable.load(path)


def test_of_another_space(tmp_path: Path) -> None:
    make(3).save(tmp_path / "t.zip")
    with pytest.raises(InputError, match=r"is of space 'lighttrack-table' .*, not of 'lighttrack-tiny'"):
        BenchmarkTable.load(tmp_path / "t.zip", load_space("lighttrack-tiny"))


def test_damage_anywhere_in_a_file_is_a_sentence(tmp_path: Path) -> None:
    path = tmp_path / "t.zip"
    make(200).save(path)
    whole = path.read_bytes()
    rng = np.random.default_rng(0)
    refused = 0
    for place in rng.integers(0, len(whole), 150):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ (1 << int(rng.integers(8)))]) + whole[place + 1 :])
        try:
            BenchmarkTable.load(path)
        except InputError:
            refused += 1
    assert refused > 75  # the rest hit dates and the like


@pytest.mark.parametrize("method", [1, 12, 14, 97])
def test_a_method_of_compression_that_lies(tmp_path: Path, method: int) -> None:
    """bzip2, LZMA or unknown, of bytes that are deflated."""
    path = tmp_path / "t.zip"
    make(20).save(path)
    content = path.read_bytes().replace(b"\x14\x00\x00\x00\x08\x00", b"\x14\x00\x00\x00" + bytes([method, 0]))
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"damaged, or no ZIP file|cannot be read"):
        BenchmarkTable.load(path)
