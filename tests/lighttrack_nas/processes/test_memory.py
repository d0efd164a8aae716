"""Keeping freed memory: seen in the page faults of a process that frees and takes again."""

import platform
import subprocess
import sys

import pytest

CODE = """
import resource, sys
import numpy as np
from lighttrack_nas.processes.memory import keep_freed_memory
if sys.argv[1] == "keep":
    assert keep_freed_memory()
def step():
    arrays = [np.ones(500_000) for _ in range(10)]  # 4 MB each, 10,000 pages together
for _ in range(3): step()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(5): step()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc has the setting")
def test_freed_memory_is_not_fetched_again() -> None:
    def faults(mode: str) -> int:
        done = subprocess.run([sys.executable, "-c", CODE, mode], check=True, capture_output=True, text=True)
        return int(done.stdout)

    assert faults("keep") * 10 < faults("default")
