"""Folders that appear whole, and what killed writers leave of them."""

import errno
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from lighttrack_nas.trackers.base.part_folders import held, hidden_beside, part_folder

WRITER = """
import sys, time
from pathlib import Path
from lighttrack_nas.trackers.base.part_folders import part_folder
with part_folder(Path(sys.argv[1])) as part:
    (part / "half").write_text("half")
    print(part, flush=True)
    time.sleep(60)
"""


def parts(folder: Path) -> list[Path]:
    return sorted(folder.glob(".*.part"))


def test_a_part_is_gone_or_was_renamed(tmp_path: Path) -> None:
    with part_folder(tmp_path / "out") as part:
        assert parts(tmp_path) == [part]
    assert parts(tmp_path) == []
    with part_folder(tmp_path / "out") as part:
        part.rename(tmp_path / "out")
    assert [path.name for path in tmp_path.iterdir()] == ["out"]
    with pytest.raises(OSError, match=r"No space.*/other'$"), part_folder(tmp_path / "other"):
        raise OSError(errno.ENOSPC, "No space left on device")
    assert parts(tmp_path) == []


def test_what_a_killed_process_left_goes_and_what_a_living_one_writes_stays(tmp_path: Path) -> None:
    out = tmp_path / "odd [name]*"
    writer = subprocess.Popen([sys.executable, "-c", WRITER, out], stdout=subprocess.PIPE, text=True)
    assert writer.stdout is not None
    with writer:
        theirs = Path(writer.stdout.readline().strip())
        with part_folder(out) as ours:
            assert parts(tmp_path) == sorted([ours, theirs])
        with part_folder(tmp_path / "another"):
            pass
        assert parts(tmp_path) == [theirs]
        os.kill(writer.pid, signal.SIGKILL)
        writer.wait()
    assert parts(tmp_path) == [theirs]
    with part_folder(tmp_path / "another"):
        assert theirs.exists()
    with part_folder(out) as ours:
        assert parts(tmp_path) == [ours]


def test_many_at_once_take_nothing_from_each_other(tmp_path: Path) -> None:
    made = []

    def work() -> None:
        for _ in range(20):
            with part_folder(tmp_path / "out") as part:
                (part / "file").write_text("whole")
                made.append((part / "file").read_text())

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert made == ["whole"] * 80
    assert parts(tmp_path) == []


def test_held_under_another_name(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    with held(tmp_path / "a"):
        (tmp_path / "a").rename(tmp_path / "b")
        with pytest.raises(BlockingIOError), held(tmp_path / "b"):
            pass
    with held(tmp_path / "b"):
        pass


def test_a_place_whose_name_begins_like_anothers_leaves_what_is_hidden_beside_it_alone(tmp_path: Path) -> None:
    for name in (".model.abcd.old", ".model.v2.abcd.old", ".model.abcd.part", ".models.abcd.old", "model.abcd.old"):
        (tmp_path / name).mkdir()
    assert hidden_beside(tmp_path / "model", ".old") == [tmp_path / ".model.abcd.old"]
    assert hidden_beside(tmp_path / "model.v2", ".old") == [tmp_path / ".model.v2.abcd.old"]
