"""Journals that were left behind in any state, and storages that cannot be opened."""

from __future__ import annotations

import fcntl
import json
import logging
import os
import re
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import optuna
import pytest
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend
from optuna.testing.pytest_storages import StorageTestCase
from optuna.trial import TrialState

from lighttrack_nas.strategies.search.storage.journal import JournalFile
from lighttrack_nas.strategies.search.storage.storage import (
    await_server,
    failures_of,
    open_for_writing,
    repair_journal,
)
from lighttrack_nas.strategies.search.storage.trials import load_search
from lighttrack_nas.trackers.base.errors import InputError


class TestOptunasOwn(StorageTestCase):
    @pytest.fixture
    def storage(self, tmp_path: Path) -> optuna.storages.BaseStorage:
        return JournalStorage(JournalFile(tmp_path / "journal.log"))


def fill(path: Path, trials: int = 3) -> list[optuna.trial.FrozenTrial]:
    with open_for_writing(path) as storage:
        study = optuna.create_study(storage=storage, study_name="search", load_if_exists=True)
        study.optimize(lambda trial: trial.suggest_float("x", 0, 1), n_trials=trials)
    return study.trials


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    verbosity = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    yield
    optuna.logging.set_verbosity(verbosity)


def test_a_journal_is_cut_at_any_byte(tmp_path: Path) -> None:
    path = tmp_path / "journal.log"
    fill(path)
    content = path.read_bytes()
    last = content.rstrip(b"\n").rfind(b"\n") + 1
    for size in [0, 1, 5, *range(last, len(content)), len(content)]:
        path.write_bytes(content[:size])
        with open_for_writing(path):
            pass
        assert path.read_bytes() == content[: content[:size].rfind(b"\n") + 1]
        fill(path, trials=1)
        # What Optuna alone says of it.
        study = optuna.load_study(study_name="search", storage=JournalStorage(JournalFileBackend(str(path))))
        assert study.trials[-1].state == TrialState.COMPLETE


def test_a_long_cut_line_is_removed(tmp_path: Path) -> None:
    path = tmp_path / "journal.log"
    fill(path)
    content = path.read_bytes()
    path.write_bytes(content + b'{"op_code":8,"user_attr":"' + b"x" * 300_000)
    with open_for_writing(path):
        assert path.read_bytes() == content


def test_optunas_lock_files_are_no_obstacle(tmp_path: Path) -> None:
    path = tmp_path / "journal.log"
    fill(path)
    os.symlink(path, f"{path}.lock")
    assert len(fill(path)) == 6
    assert os.path.lexists(f"{path}.lock")
    assert sorted(file.name for file in tmp_path.iterdir()) == ["journal.log", "journal.log.lock"]


def test_a_reader_needs_no_lock(tmp_path: Path) -> None:
    path = tmp_path / "journal.log"
    fill(path)
    with open_for_writing(path), path.open("ab") as file:
        file.write(b'{"op_code":')
        file.flush()
        assert len(load_search(path).trials) == 3


def test_two_searches_do_not_share_a_journal(tmp_path: Path) -> None:
    path = tmp_path / "journal.log"
    fill(path)
    with path.open("rb") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        with (
            pytest.raises(InputError, match=re.escape(f"journal '{path}' is held by another search")),
            open_for_writing(path, patience=0.1),
        ):
            pass
        # One that lets go in time is waited for.
        threading.Timer(0.2, lambda: fcntl.flock(other, fcntl.LOCK_UN)).start()
        with open_for_writing(path, patience=60):
            pass
    assert len(fill(path)) == 6


def test_a_write_that_fails_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "journal.log"
    fill(path)
    content = path.read_bytes()
    write = os.write

    def fail(descriptor: int, data: bytes) -> int:
        if write(descriptor, data[:7]) == 7 and len(data) > 7:
            monkeypatch.setattr(os, "write", lambda *_: (_ for _ in ()).throw(OSError(28, "No space left on device")))
        return 7

    with open_for_writing(path) as storage:
        study = optuna.load_study(study_name="search", storage=storage)
        monkeypatch.setattr(os, "write", fail)
        with pytest.raises(OSError, match="No space left"):
            study.ask()
        monkeypatch.undo()
        assert path.read_bytes() == content
        study.tell(study.ask(), 1.0)
    assert len(fill(path)) == 7


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda path: path.write_text("name,ao\nfirst,0.5"),
            "is no journal of Optuna, or a damaged one: its first line is no entry (it begins with b'name,ao",
        ),
        (lambda path: path.write_text('{"op_code":0,"a":1}\n{"op_'), "is no journal of Optuna, or a damaged one"),
        (lambda path: path.write_text('{"op_code":nonsense}\n{}\n'), "is no journal of Optuna, or a damaged one"),
        (
            lambda path: path.write_bytes(b'{"op_code":' + b"\xff" * 3000 + b"\n{}\n"),
            "UnicodeDecodeError: 'utf-8' codec",
        ),
        (lambda path: path.mkdir(), "cannot be opened: Is a directory"),
    ],
)
def test_what_is_no_journal(tmp_path: Path, make: Any, message: str) -> None:
    path = tmp_path / "file"
    make(path)
    before = path.read_bytes() if path.is_file() else b""
    with pytest.raises(InputError, match=re.escape(message)) as refused, open_for_writing(path):
        pass
    assert len(str(refused.value)) < 300 + len(str(path))
    if path.is_file() and not before.startswith(b'{"op_code":'):
        assert path.read_bytes() == before
    if path.is_file():
        with pytest.raises(InputError):
            load_search(path)


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("sqlite:////nonexistent/search.db", "unable to open database file"),
        ("nonsense://search", "cannot be opened: Can't load plugin"),
        ("mysql://me:secret@host/search", "storage 'mysql://me:***@host/search' needs a database package"),
    ],
)
def test_urls_that_cannot_be_opened(url: str, message: str) -> None:
    with pytest.raises(InputError, match=re.escape(message)) as caught, open_for_writing(url):
        pass
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("odd", [{"path": ["x"]}, {"network": 1}, {"worker": "0"}, {"worker": True}])
def test_what_names_a_network_or_a_worker_is_of_its_kind(tmp_path: Path, odd: dict[str, object]) -> None:
    path = tmp_path / "journal.log"
    fill(path)
    with path.open("a") as file:
        file.write(json.dumps({"op_code": 8, "worker_id": "w", "trial_id": 0, "user_attr": odd}) + "\n")
    (name,) = odd
    with pytest.raises(InputError, match=f"{name}: .* cannot stand there"):
        load_search(path)


@pytest.mark.parametrize("error", [MemoryError(), RuntimeError("can't start new thread")])
def test_want_of_memory_is_no_fault_of_the_journal(error: Exception) -> None:
    with pytest.raises(type(error)), failures_of("journal.log"):
        raise error


def test_reading_what_is_not_there(tmp_path: Path) -> None:
    path = tmp_path / "journal.log"
    with pytest.raises(InputError, match="no such file"):
        load_search(path)
    with pytest.raises(InputError, match="no such file"):
        load_search(str(path))
    assert not path.exists()
    fill(path)
    with pytest.raises(InputError, match="no study 'other'; there is search"):
        load_search(path, "other")


def test_a_file_in_the_folders_place(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="is a file"), open_for_writing(tmp_path / "file" / "journal.log"):
        pass


def test_optunas_verbosity_comes_back(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    optuna.logging.set_verbosity(optuna.logging.DEBUG)
    with caplog.at_level(logging.DEBUG), open_for_writing(tmp_path / "journal.log"):
        assert optuna.logging.get_verbosity() == optuna.logging.DEBUG
    with pytest.raises(InputError):
        load_search("nonsense://search")
    assert optuna.logging.get_verbosity() == optuna.logging.DEBUG


def damaged(path: Path, line: int, change: Callable[[bytes], bytes]) -> bytes:
    """Change a line of a journal, counted from 1; give the lines before it."""
    lines = path.read_bytes().splitlines(keepends=True)
    lines[line - 1] = change(lines[line - 1])
    path.write_bytes(b"".join(lines))
    return b"".join(lines[: line - 1])


@pytest.mark.parametrize(
    "change",
    [
        lambda line: line[: len(line) // 2] + b"\n",
        lambda line: b"\0" * len(line) + b"\n",
        lambda line: b"[1]\n",
        lambda line: b"{}\n",
        lambda line: b'{"op_code":2,"user_attr":' + b"[" * 600 + b"]" * 600 + b"}\n",
        lambda line: b'{"op_code":99}\n',
        lambda line: b'{"op_code":6,"trial_id":0,"state":1,"values":["0.5"]}\n',
        lambda line: b'{"op_code":6,"trial_id":0,"state":1,"values":[NaN]}\n',
        lambda line: b'{"op_code":9,"trial_id":0,"system_attr":{"ArchitectureSampler:generation":"x"}}\n',
        lambda line: b'{"op_code":9,"trial_id":0,"system_attr":{"ArchitectureSampler:generation":-1}}\n',
        lambda line: b'{"op_code":3,"study_id":0,"system_attr":{"ArchitectureSampler:parent:1":["x"]}}\n',
        lambda line: b'{"op_code":9,"trial_id":0,"system_attr":{"constraints:macs <= 1M":null}}\n',
        lambda line: b"[" * 100_000 + b"\n",
        lambda line: b'{"op_code":' + b"9" * 5000 + b"}\n",
    ],
)
def test_damage_is_said_by_line_and_repaired_on_demand(tmp_path: Path, change: Callable[[bytes], bytes]) -> None:
    path = tmp_path / "journal.log"
    fill(path)
    lines = len(path.read_bytes().splitlines())
    for line in (5, lines):
        before = damaged(path, line, change)
        content = path.read_bytes()
        for read in (lambda: load_search(path), lambda: open_for_writing(path).__enter__()):
            with pytest.raises(InputError, match=rf"damaged at line {line} .*the {line - 1} lines before it are whole"):
                read()
        assert path.read_bytes() == content
        copy = repair_journal(path)
        assert copy is not None
        assert copy.read_bytes() == content
        assert path.read_bytes() == before
        with open_for_writing(path):
            pass
        path.unlink()
        fill(path)
    assert repair_journal(path) is None
    assert len(path.read_bytes().splitlines()) == lines


def test_what_is_no_journal_is_not_repaired(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    for content in ("hello\nworld\n", '{"op_code":nonsense}\n'):
        path.write_text(content)
        with pytest.raises(InputError, match="is no journal of Optuna"):
            repair_journal(path)
        assert path.read_text() == content
    with pytest.raises(InputError, match="no such file"):
        repair_journal(tmp_path / "none.log")


def test_a_server_that_is_down_is_waited_for() -> None:
    """It is told once; opening says what is wrong when the patience has gone."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    said: list[str] = []
    url = f"postgresql://me:secret@127.0.0.1:{port}/search"
    await_server(url, 0.8, said.append)
    (sentence,) = said
    assert "does not answer" in sentence
    assert "secret" not in sentence
    for other in ("sqlite:///nothing/search.db", "postgresql://me@host.invalid/search", Path("journal.log")):
        await_server(other, 60, said.append)
    assert len(said) == 1
