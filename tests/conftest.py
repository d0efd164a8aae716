"""Fixtures that every test may use."""

import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

# Read when torch's OpenMP starts: test workers share the cores between them, and threads that spin while they wait for
# each other are many times slower beside another busy process.
os.environ.setdefault("OMP_NUM_THREADS", "1")

import cv2
import numpy as np
import pytest
from hypothesis import HealthCheck, settings

from .postgres_server import PostgresServer, postgres_binary
from .warm_processes import WarmProcesses

if TYPE_CHECKING:
    from lighttrack_nas.benchmarks.scoring.place_scores import PlaceScores
    from lighttrack_nas.search_spaces.space import Space

# A busy machine is no fault of what is tested.
settings.register_profile("any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any machine")

DATA_VARIABLE = "LIGHTTRACK_NAS_DATA"
MOBILE = "back_04502514044521042540+cls_211000022+reg_100000111_ops_32"


@pytest.fixture(scope="session", autouse=True)
def _own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """What is kept between runs goes to a temporary folder that test workers share, never to the user's."""
    folder = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        folder = folder.parent
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LIGHTTRACK_NAS_CACHE", str(folder / "cache"))
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
def warm() -> Iterator[WarmProcesses]:
    """Starts Python processes that have imported already."""
    processes = WarmProcesses()
    yield processes
    processes.close()


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


@pytest.fixture(scope="session")
def random_places() -> Callable[..., "PlaceScores"]:
    """Makes a table of places of a space, of random scores: blocks, outputs, and layers by the width of their tower."""
    from lighttrack_nas.benchmarks.scoring.place_scores import PlaceScores, ScoredPlace
    from lighttrack_nas.places.shown_places import backbone_places, towers
    from lighttrack_nas.search_spaces.base.labels import OUTPUT, expansion_label, width_label

    def make(space: "Space", seed: int = 0) -> "PlaceScores":
        rng = np.random.default_rng(seed)

        def place(part: str, label: str, *others: str) -> ScoredPlace:
            needed = space.conditions.get(label, {})
            labels = tuple(each for each in space.labels if each in {label, *others, *needed})
            own = [len(space.labels[each]) if each in (label, *others) else 1 for each in labels]
            scores = rng.exponential(0.03, own) + np.zeros([len(space.labels[each]) for each in labels])
            for axis, each in enumerate(labels):
                absent = [i for i, value in enumerate(space.labels[each]) if value not in needed.get(each, (value,))]
                scores[(slice(None),) * axis + (absent,)] = 0
            return ScoredPlace(part, label, labels, scores)

        places = [place("backbone", block.label, expansion_label(block.label)) for block in backbone_places(space)]
        places += [place("backbone", OUTPUT)] if OUTPUT in space.labels else []
        for tower in towers(space):
            places += [place(f"{tower.branch}_head", layer.label, width_label(tower.branch)) for layer in tower.places]
        return PlaceScores(space, places, {"teacher": "random", "seed": seed})

    return make


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    """A PostgreSQL server; tests that need it are marked `postgres`."""
    if postgres_binary("initdb") is None:
        pytest.skip("there is no PostgreSQL server: no initdb on the path or in /usr/lib/postgresql (apt: postgresql)")
    pytest.importorskip("psycopg", reason="there is no driver for PostgreSQL: psycopg")
    server = PostgresServer()
    yield server
    server.remove()


@pytest.fixture
def postgres_url(postgres_server: PostgresServer) -> str:
    """An empty database's URL."""
    return postgres_server.url()


@pytest.fixture(scope="session")
def made_up_scores() -> Callable[..., Any]:
    """Makes a table of places of a space: scores that fall with MACs, more or less."""
    from lighttrack_nas.benchmarks.costs.cost_table import CostTable
    from lighttrack_nas.benchmarks.scoring.place_scores import PlaceScores, ScoredPlace

    def make(table: CostTable, seed: int = 0) -> PlaceScores:
        rng = np.random.default_rng(seed)
        parts = {"backbone": "backbone", "cls_head": "cls_head", "reg_head": "reg_head", "fusion": "output"}
        places = []
        for place in table.places:
            if place.part in parts and place.label in table.space.candidates:
                macs = place.costs[..., 0]
                drawn = 0.1 - 0.08 * macs / max(1, macs.max()) + rng.uniform(0, 0.04, macs.shape)
                # Nothing where the network has no such place.
                scores = np.where(place.costs.any(axis=-1), drawn.round(4), 0.0)
                places.append(ScoredPlace(parts[place.part], place.label, place.labels, scores))
        return PlaceScores(table.space, places, {"teacher": "made up"})

    return make


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
