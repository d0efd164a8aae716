"""Tables by name and by file: which kind is read, and what is said of those that cannot be."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from importlib import resources
from pathlib import Path

import pytest

import lighttrack_nas as ltn
from lighttrack_nas import tables
from lighttrack_nas.benchmarks.scoring.place_scores import PlaceScores
from lighttrack_nas.benchmarks.scoring.tabular_benchmark import BenchmarkTable
from lighttrack_nas.search_spaces.loading.loading import load_space
from lighttrack_nas.trackers.base.errors import InputError

SPACE = load_space("lighttrack-table")
SHIPPED = Path(str(resources.files(tables)))


@pytest.fixture
def folder(tmp_path: Path, random_places: Callable[..., PlaceScores]) -> Path:
    random_places(SPACE).save(tmp_path)
    return tmp_path


def test_places_by_file_folder_and_name(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = PlaceScores.load(folder).digest
    assert ltn.load_places(folder).digest == expected
    assert ltn.load_places(str(folder / "places.json")).digest == expected
    found = tables.find_table(folder / "places.json")
    assert isinstance(found, PlaceScores)
    assert found.digest == expected
    # As if it shipped: names come before folders.
    shutil.copy(folder / "places.json", folder / "some-places.json")
    monkeypatch.chdir(folder)
    (folder / "some-places").mkdir()
    monkeypatch.setattr(tables.resources, "files", lambda _: folder)
    assert tables.places_names() == ("places", "some-places")
    assert tables.table_names() == ()
    assert ltn.load_places("some-places").digest == expected
    assert isinstance(tables.find_table("some-places"), PlaceScores)


def test_rows_by_file_and_name() -> None:
    for source in ("lighttrack-table", SHIPPED / "lighttrack-table.zip"):
        assert isinstance(tables.find_table(source), BenchmarkTable)


def test_what_ships_is_declared() -> None:
    """Endings that packaging takes along are those that are looked for."""
    text = (Path(__file__).parents[3] / "pyproject.toml").read_text()
    assert f'"lighttrack_nas.tables" = ["*{tables.ROWS}", "*{tables.PLACES}"]' in text


def test_what_is_no_table_is_refused_with_what_one_is(folder: Path) -> None:
    for load in (tables.find_table, tables.load_places):
        with pytest.raises(InputError, match=r"unknown table.* 'lighttrack-tabel'.*or give a file that ends in"):
            load("lighttrack-tabel")
        with pytest.raises(InputError, match="cannot be read"):
            load(folder / "nothing.json")
        (folder / "other.json").write_text(json.dumps({"format": 1, "pieces": []}))
        with pytest.raises(InputError, match="expected what a training with strategy 'blockwise' leaves"):
            load(folder / "other.json")
        content = json.loads((folder / "places.json").read_text())
        (folder / "newer.json").write_text(json.dumps(content | {"format": 9}))
        with pytest.raises(InputError, match="format 9 is not known to this version"):
            load(folder / "newer.json")
        content["places"][0]["scores"] = [0.5]
        (folder / "changed.json").write_text(json.dumps(content))
        with pytest.raises(InputError, match="its scores were changed after it was written"):
            load(folder / "changed.json")
        (folder / "torn.json").write_text((folder / "places.json").read_text()[:200])
        with pytest.raises(InputError, match=r"torn\.json"):
            load(folder / "torn.json")
    # A table of rows is none of places, nor the other way round.
    with pytest.raises(InputError, match="unknown table of places 'lighttrack-table'"):
        tables.load_places("lighttrack-table")
    with pytest.raises(InputError, match=r"unknown table of places '.*lighttrack-table\.zip'"):
        tables.load_places(SHIPPED / "lighttrack-table.zip")
    (folder / "empty").mkdir()
    with pytest.raises(InputError, match="cannot be read"):
        tables.load_places(folder / "empty")
