import errno
import fcntl
import os
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from lighttrack_nas.trackers.base.errors import InputError
from lighttrack_nas.trackers.base.files import checked_output_file, make_folder, write_atomically
from lighttrack_nas.trackers.base.part_folders import held


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


def test_names_of_another_encoding_are_written_by_their_numbers(tmp_path: Path) -> None:
    write_atomically(tmp_path / "text", "ä " + os.fsdecode(b"r\xffn"))
    assert (tmp_path / "text").read_text("utf-8") == "ä r\\udcffn"


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


def test_what_a_killed_writer_left_goes_and_what_a_living_one_writes_stays(tmp_path: Path) -> None:
    left, living = tmp_path / ".file.abcd.part", tmp_path / ".file.efgh.part"
    others = [tmp_path / ".file.csv.abcd.part", tmp_path / ".files.abcd.part", tmp_path / "file.abcd.part"]
    for path in (left, living, *others):
        path.write_text("half")
    with held(living):
        write_atomically(tmp_path / "file", "whole")
        assert sorted(tmp_path.iterdir()) == sorted([tmp_path / "file", living, *others])
    write_atomically(tmp_path / "file", "again")
    assert sorted(tmp_path.iterdir()) == sorted([tmp_path / "file", *others])


def test_many_writers_of_one_file_take_nothing_from_each_other(tmp_path: Path) -> None:
    path = tmp_path / "file"

    def work(text: str) -> None:
        for _ in range(20):
            write_atomically(path, text * 1000)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(work, "abcd"))
    assert path.read_text() in {letter * 1000 for letter in "abcd"}
    assert list(tmp_path.iterdir()) == [path]


def test_a_file_is_written_where_the_file_system_has_no_locks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", refuse)
    (tmp_path / ".file.abcd.part").write_text("perhaps somebody's")
    write_atomically(tmp_path / "file", "whole")
    assert sorted(path.name for path in tmp_path.iterdir()) == [".file.abcd.part", "file"]


def test_is_readable_by_others(tmp_path: Path) -> None:
    write_atomically(tmp_path / "file", "x")
    assert (tmp_path / "file").stat().st_mode & 0o777 == 0o644


def test_names_an_impossible_folder(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(InputError, match="file' cannot hold results: it, or a part of it, is a file"):
        write_atomically(tmp_path / "file" / "inner", "x")


def test_a_folder_that_takes_no_files_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(errno.EROFS, "Read-only file system")

    monkeypatch.setattr(tempfile, "TemporaryFile", refuse)
    with pytest.raises(InputError, match=rf"^folder '{tmp_path}' takes no files: Read-only file system$"):
        make_folder(tmp_path)
    with pytest.raises(InputError, match=rf"^'{tmp_path}/a.json' cannot be written: folder '{tmp_path}' takes no"):
        checked_output_file(tmp_path / "a.json")


def test_a_place_for_a_file_is_checked_and_stays_empty(tmp_path: Path) -> None:
    path = tmp_path / "new" / "a.json"
    assert checked_output_file(path) == checked_output_file(path, ".json", ".zip") == path
    assert list(path.parent.iterdir()) == []
    path.write_text("old")
    assert checked_output_file(path).read_text() == "old"
    os.mkfifo(tmp_path / "pipe")
    for name, endings, said in (
        ("new", (), "new' is a folder: expected a file$"),
        ("pipe", (), "pipe' is no plain file: expected a file$"),
        ("a.txt", (".zip",), "a.txt': expected a file that ends in .zip$"),
        ("a", (".svg", ".png"), "a': expected a file that ends in .svg or .png$"),
        ("new/a.json/b", (), "b' cannot be written: '.*a.json' cannot hold results: it, or a part of it, is a file$"),
    ):
        with pytest.raises(InputError, match=said):
            checked_output_file(tmp_path / name, *endings)
