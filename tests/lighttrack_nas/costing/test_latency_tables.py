"""This machine's latency table: built by one process at a time, and kept where all find it."""

import fcntl
import json
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

import lighttrack_nas as ltn
from lighttrack_nas.benchmarks.latency.fingerprint import take_fingerprint
from lighttrack_nas.benchmarks.latency.latency_build import table_file
from lighttrack_nas.benchmarks.latency.latency_correction import Correction
from lighttrack_nas.benchmarks.latency.latency_measuring import LatencySettings
from lighttrack_nas.benchmarks.latency.latency_pieces import LATENCY_PARTS, find_pieces
from lighttrack_nas.benchmarks.latency.latency_table import Check, LatencyTable
from lighttrack_nas.chain.evaluators import search_latency
from lighttrack_nas.checks.chain_checks import chain_mistakes
from lighttrack_nas.config.config_files import load_config
from lighttrack_nas.costing import latency_tables
from lighttrack_nas.costing.latency_tables import machines_table, new_table
from lighttrack_nas.trackers.runtimes.program import Options

TINY = ltn.load_space("lighttrack-tiny")
SETTINGS = LatencySettings()


def made_up(number: int) -> LatencyTable:
    """Another table, of another digest, for each number."""
    pieces = find_pieces(TINY)
    correction = Correction(0.1, dict.fromkeys(LATENCY_PARTS, 1.0), dict.fromkeys(LATENCY_PARTS, 0.0))
    check = Check(10, 0.01, 0.1, 0.9, 0.01, 0.99, (1.0,))
    fingerprint = take_fingerprint("torch", Options())
    return LatencyTable(pieces, fingerprint, dict.fromkeys(pieces.pieces, 1.0 + number), correction, check, {})


class Builder:
    """In place of `build_latency_table`: waits for a word, and measures something else each time."""

    def __init__(self) -> None:
        self.begun, self.may_end = threading.Event(), threading.Event()
        self.built = 0
        self.at_once = 0

    def __call__(self, *_: object, **__: object) -> LatencyTable:
        self.built += 1
        self.at_once += 1
        assert self.at_once == 1
        self.begun.set()
        assert self.may_end.wait(60)
        self.at_once -= 1
        return made_up(self.built)


@pytest.fixture
def builder(monkeypatch: pytest.MonkeyPatch) -> Builder:
    found = Builder()
    monkeypatch.setattr(latency_tables, "build_latency_table", found)
    monkeypatch.setattr(latency_tables, "_PAUSE", 0.01)
    return found


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("LIGHTTRACK_NAS_CACHE", str(tmp_path))
    found = table_file(TINY, SETTINGS.fingerprint())
    assert found is not None
    return found


def test_searches_begun_at_once_have_one_table(builder: Builder, file: Path) -> None:
    """Which their studies name by its digest, or they could not be resumed, nor joined."""
    said: list[str] = []

    def say(sentence: str) -> None:
        said.append(sentence)
        if "another process" in sentence:
            builder.may_end.set()

    with ThreadPoolExecutor(2) as pool:
        tables = [pool.submit(machines_table, TINY, SETTINGS, say) for _ in range(2)]
        digests = {table.result(60).digest for table in tables}
    assert builder.built == 1
    assert digests == {LatencyTable.load(file, TINY).digest}
    assert sum("another process is building it, and this one waits" in sentence for sentence in said) == 1
    assert [path.name for path in file.parent.iterdir()] == [file.name]


def test_a_table_that_is_asked_for_anew_waits_too(builder: Builder, file: Path) -> None:
    said: list[str] = []
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(machines_table, TINY, SETTINGS, said.append)
        assert builder.begun.wait(60)
        second = pool.submit(new_table, TINY, SETTINGS, file, lambda _: builder.may_end.set())
        assert first.result(60).digest != second.result(60).digest
    assert builder.built == 2


def test_a_torn_table_is_said_once_and_built_again(builder: Builder, file: Path) -> None:
    builder.may_end.set()
    file.parent.mkdir()
    file.write_text(json.dumps(made_up(0).to_dict())[:100])
    said: list[str] = []
    built = machines_table(TINY, SETTINGS, said.append)
    assert sum("it is built again now" in sentence for sentence in said) == 1
    assert machines_table(TINY, SETTINGS, said.append).digest == built.digest
    assert builder.built == 1


def test_without_locks_a_table_is_built_all_the_same(
    builder: Builder, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(37, "No locks available")

    builder.may_end.set()
    monkeypatch.setattr(fcntl, "flock", refuse)
    machines_table(TINY, SETTINGS, lambda _: None)
    assert builder.built == 1
    assert file.is_file()


def test_a_table_that_cannot_be_kept_is_refused_before_anything_is_trained(
    builder: Builder, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("LIGHTTRACK_NAS_CACHE", "off")
    wanted = [f"output={tmp_path / 'run'}", "search.objectives=[ao, latency_ms]"]
    words = r"search.latency: the cache is switched off .* search.latency.table .* search.latency.source to measured"
    with pytest.raises(ltn.InputError, match=words):
        search_latency(load_config(None, wanted), TINY, lambda _: None)
    assert [mistake for mistake in chain_mistakes(load_config(None, wanted)) if "latency" in mistake] == [
        latency_tables.NOWHERE
    ]
    measured = load_config(None, [*wanted, "search.latency.source=measured"])
    assert not [mistake for mistake in chain_mistakes(measured) if "latency" in mistake]
    assert builder.built == 0
