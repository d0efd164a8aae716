import os
from pathlib import Path

import pytest

from lighttrack_nas.trackers.errors import InputError
from lighttrack_nas.trackers.files import write_atomically


def test_writes_text_and_bytes_and_makes_folders(tmp_path: Path) -> None:
    write_atomically(tmp_path / "a" / "b" / "text.txt", "Größe\n")
    write_atomically(tmp_path / "bytes", b"\x00\xff")
    assert (tmp_path / "a" / "b" / "text.txt").read_text(encoding="utf-8") == "Größe\n"
    assert (tmp_path / "bytes").read_bytes() == b"\x00\xff"


def test_replaces_and_leaves_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "file"
    write_atomically(path, "old, and longer than the new one")
    write_atomically(path, "new")
    assert path.read_text() == "new"
    assert [p.name for p in tmp_path.iterdir()] == ["file"]


@pytest.mark.parametrize("step", ["fsync", "replace", "chmod"])
def test_keeps_the_old_content_when_interrupted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str) -> None:
    path = tmp_path / "file"
    path.write_text("old")

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, step, interrupt)
    with pytest.raises(KeyboardInterrupt):
        write_atomically(path, "new")
    assert path.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["file"]


def test_is_readable_by_others(tmp_path: Path) -> None:
    write_atomically(tmp_path / "file", "x")
    assert (tmp_path / "file").stat().st_mode & 0o777 == 0o644


def test_names_an_impossible_folder(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(InputError, match="file' cannot hold results: it, or a part of it, is a file"):
        write_atomically(tmp_path / "file" / "inner", "x")
