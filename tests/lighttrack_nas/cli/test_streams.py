"""Standard streams that a caller closed or that take nothing, in processes as a shell starts them."""

import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = """
import os, sys
from lighttrack_nas.cli.streams import take_streams
take_streams()
assert os.open(__file__, os.O_RDONLY) > 2
print("a note" * 10_000, file=sys.stderr, flush=True)
try:
    print("the result")
    sys.stdout.flush()
    done = "done"
except OSError as error:
    done = f"{error.filename}: {error.strerror}"
open(sys.argv[1], "w").write(done)
"""


@pytest.mark.parametrize(
    ("streams", "said", "printed"),
    [
        ("", "done", "the result\n"),
        ("2>&-", "done", "the result\n"),
        ("2>/dev/full", "done", "the result\n"),
        ("<&-", "done", "the result\n"),
        (">&-", "done", ""),
        ("<&- >&- 2>&-", "done", ""),
        (">/dev/full", "standard output: No space left on device", ""),
    ],
)
def test_notes_are_dropped_and_results_missed_by_name(tmp_path: Path, streams: str, said: str, printed: str) -> None:
    script, done = tmp_path / "script.py", tmp_path / "done"
    script.write_text(SCRIPT)
    command = f'"{sys.executable}" "{script}" "{done}" {streams}'
    ran = subprocess.run(["sh", "-c", command], capture_output=True, text=True)
    assert done.read_text() == said
    assert ran.stdout == printed
    assert "Traceback" not in ran.stderr


@pytest.mark.parametrize("streams", ["2>&-", "2>/dev/full"])
def test_an_error_is_never_a_result(tmp_path: Path, streams: str) -> None:
    command = f'"{sys.executable}" -m lighttrack_nas describe nothing {streams}'
    ran = subprocess.run(["sh", "-c", command], capture_output=True, text=True, cwd=tmp_path)
    assert (ran.returncode, ran.stdout, ran.stderr) == (1, "", "")
