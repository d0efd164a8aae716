"""Fixtures that every test may use."""

import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

# Read when torch's OpenMP starts: test workers share the cores between them, and threads that spin while they wait for
# each other are many times slower beside another busy process.
os.environ.setdefault("OMP_NUM_THREADS", "1")

import cv2
import numpy as np
import pytest

DATA_VARIABLE = "LIGHTTRACK_NAS_DATA"
MOBILE = "back_04502514044521042540+cls_211000022+reg_100000111_ops_32"


@pytest.fixture(scope="session", autouse=True)
def _own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """What is kept between runs goes to a temporary folder, never to the user's."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LIGHTTRACK_NAS_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="session")
def data() -> Path:
    """The folder of real sequences and published weights; tests that need it are marked `data`."""
    value = os.environ.get(DATA_VARIABLE)
    if not value:
        pytest.skip(f"{DATA_VARIABLE} is not set: it names the folder of the real sequences and the published weights")
    folder = Path(value)
    if not (folder / "lighttrack_mobile").is_dir():
        pytest.fail(f"{DATA_VARIABLE}={value} has no folder lighttrack_mobile")
    return folder


@pytest.fixture(scope="session")
def mobile_code() -> str:
    """The published LightTrack-Mobile."""
    return MOBILE


@pytest.fixture(scope="session")
def write_sequences() -> Callable[..., Path]:
    """Writes short sequences of a moving square in the GOT-10k layout into a folder."""

    def write(folder: Path, count: int = 2, frames: int = 6) -> Path:
        rng = np.random.default_rng(0)
        for number in range(count):
            path = folder / f"video{number}"
            path.mkdir(parents=True)
            background = rng.integers(0, 120, (120, 160, 3), dtype=np.uint8)
            boxes = []
            for index in range(frames):
                frame, x, y = background.copy(), 40 + 4 * index, 30 + 3 * index
                frame[y : y + 30, x : x + 24] = (30, 60, 240)
                cv2.imwrite(str(path / f"{index + 1:08d}.png"), frame)
                boxes.append(f"{x},{y},24,30")
            (path / "groundtruth.txt").write_text("\n".join(boxes) + "\n")
        (folder / "list.txt").write_text("".join(f"video{number}\n" for number in range(count)))
        return folder

    return write


class Outcome(NamedTuple):
    """What a command gave."""

    code: int
    out: str
    err: str


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., Outcome]:
    """Call the command line in an empty folder, without a screen."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)

    def call(*arguments: object) -> Outcome:
        from lighttrack_nas.cli import main

        monkeypatch.setattr(sys, "argv", ["lighttrack-nas", *map(str, arguments)])
        code = 0
        try:
            main()
        except SystemExit as ended:
            code = int(ended.code or 0)
        return Outcome(code, *capsys.readouterr())

    return call
