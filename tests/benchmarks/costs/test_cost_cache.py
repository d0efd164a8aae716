"""Counted parts on disk: read instead of counted, never believed blindly, never in the way."""

import json
import os
import pickle
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lighttrack_nas.benchmarks.costs import cost_cache, cost_table
from lighttrack_nas.benchmarks.costs.cost_cache import cache_folder, read_parts, write_parts
from lighttrack_nas.benchmarks.costs.cost_table import CostTable
from lighttrack_nas.benchmarks.costs.measured_costs import MeasuredCosts
from lighttrack_nas.search_spaces.loading.loading import load_space
from lighttrack_nas.search_spaces.space import Space


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache."""
    monkeypatch.setenv("LIGHTTRACK_NAS_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "cost-tables"


def built(space: Space, **options: Any) -> CostTable:
    table = CostTable(space, **options)
    assert not table.load()
    table.build()
    return table


@pytest.fixture(scope="module")
def counted(few: Space, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cache that holds a small space's parts."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LIGHTTRACK_NAS_CACHE", str(tmp_path_factory.mktemp("counted")))
        built(few)
        folder = cache_folder()
    assert folder is not None
    return folder


def costs(table: CostTable) -> dict[str, int]:
    return table.costs(table.space.sample(np.random.default_rng(0)))


def test_a_space_is_counted_once(few: Space, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = built(few)
    (file,) = folder.iterdir()
    assert file.name.startswith(f"{few.hash}-80-")
    monkeypatch.delattr(cost_table, "count_parts")
    second = CostTable(few)
    assert second.load()
    assert costs(second) == costs(first)
    architecture = few.sample(np.random.default_rng(1))
    assert second.measure(architecture) == first.measure(architecture)


def test_what_the_numbers_depend_on_has_a_file_of_its_own(
    few: Space, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    built(few)
    assert not CostTable(few, 128).load()
    assert not CostTable(load_space("lighttrack-tiny")).load()
    for package in ("torch", "fvcore"):
        with monkeypatch.context() as patch:
            patch.setattr(cost_cache, "version", lambda name, package=package: f"9 {name == package}")
            assert not CostTable(few).load()
    monkeypatch.setattr(cost_cache, "_FORMAT", 99)
    assert not CostTable(few).load()
    assert len(list(folder.iterdir())) == 1


def damaged(file: Path, how: str) -> None:
    content = json.loads(file.read_text())
    if how == "torn":
        file.write_text(file.read_text()[:1000])
    elif how == "empty":
        file.write_text("")
    elif how == "binary":
        file.write_bytes(b"\xff\xfe\x00")
    elif how == "deep":
        file.write_text("[" * 100_000)
    elif how == "list":
        file.write_text("[1, 2]")
    elif how == "old":
        file.write_text(json.dumps(content | {"made_of": content["made_of"] | {"format": 0}}))
    elif how == "number":
        content["parts"]["places"][0]["costs"][0] += 1
        file.write_text(json.dumps(content))
    elif how == "no parts":
        file.write_text(json.dumps({"made_of": content["made_of"]}))
    elif how == "folder":
        file.unlink()
        file.mkdir()


SLOW = ["torn", "empty", "binary", "deep", "list", "number", "no parts", "another space's", "folder"]


@pytest.mark.parametrize("how", ["old", *(pytest.param(how, marks=pytest.mark.slow) for how in SLOW)])
def test_a_bad_file_is_counted_again_with_a_note(
    few: Space, fixed: Space, counted: Path, folder: Path, how: str
) -> None:
    shutil.copytree(counted, folder)
    expected = costs(CostTable(few))
    (file,) = folder.iterdir()
    if how == "another space's":
        built(fixed)
        (other,) = set(folder.iterdir()) - {file}
        os.replace(other, file)
    else:
        damaged(file, how)
    said: list[str] = []
    table = CostTable(few, warn=said.append)
    assert costs(table) == expected
    (note,) = said
    assert str(file) in note
    assert "counted again" in note
    assert "\n" not in note
    assert CostTable(few).load() == (how != "folder")


@pytest.mark.parametrize(
    "forged",
    [
        {"costs": "x"},
        {"costs": [1.5, 2, 3]},
        {"costs": [True, False, True]},
        {"costs": [-1, 0, 0]},
        {"costs": [10**400, 0, 0]},
        {"costs": [[1, 2], [3]]},
        {"costs": []},
        {"labels": ["nowhere"]},
        {"labels": None},
        {"label": "nowhere"},
        {"part": "nowhere"},
        {"part": []},
    ],
)
def test_what_has_a_digest_made_anew_is_counted_again_where_no_space_has_such_parts(
    few: Space, counted: Path, folder: Path, forged: dict[str, Any]
) -> None:
    shutil.copytree(counted, folder)
    (file,) = folder.iterdir()
    content = json.loads(file.read_text())
    content["parts"]["places"][0].update(forged)
    file.write_text(json.dumps(content | {"digest": cost_cache._digest(content["parts"])}))
    said: list[str] = []
    assert not CostTable(few, warn=said.append).load()
    assert "holds other parts than its space has; its space is counted again" in said[0]


def test_what_knows_costs_can_be_sent_to_workers(few: Space, folder: Path) -> None:
    one = few.sample(np.random.default_rng(0))
    for known in (MeasuredCosts(few), CostTable(few)):
        again = pickle.loads(pickle.dumps(known))  # noqa: S301 - made here
        assert again.costs(one) == known.costs(one)


def test_labels_of_a_place_in_another_order_are_no_parts_of_the_space(few: Space, counted: Path, folder: Path) -> None:
    shutil.copytree(counted, folder)
    (file,) = folder.iterdir()
    content = json.loads(file.read_text())
    place = next(place for place in content["parts"]["places"] if len(place["labels"]) > 1)
    place["labels"].reverse()
    place["costs"] = np.swapaxes(np.array(place["costs"]), 0, len(place["labels"]) - 1).tolist()
    file.write_text(json.dumps(content | {"digest": cost_cache._digest(content["parts"])}))
    assert not CostTable(few).load()


@pytest.mark.parametrize("forged", [None, 1.5, -1, True, 10**400, "x"])
def test_counts_of_networks_are_never_believed_blindly(few: Space, folder: Path, forged: Any) -> None:
    one = few.sample(np.random.default_rng(0))
    expected = MeasuredCosts(few).costs(one)
    (file,) = folder.iterdir()
    content = json.loads(file.read_text())
    content["parts"][0][1][0] += 1
    if forged is not None:
        content["parts"][0][1][0] = forged
        content["digest"] = cost_cache._digest(content["parts"])
    file.write_text(json.dumps(content))
    said: list[str] = []
    assert MeasuredCosts(few, warn=said.append).costs(one) == expected
    assert [str(file) in sentence for sentence in said] == [True] * (forged not in (-1, 10**400))
    assert json.loads(file.read_text())["parts"][0][1] == list(expected.values())


def test_a_folder_that_cannot_be_written_is_no_error(
    few: Space, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("LIGHTTRACK_NAS_CACHE", str(tmp_path / "file"))
    assert costs(CostTable(few))["macs"] > 0
    assert (tmp_path / "file").read_text() == "in the way"


def test_a_cache_that_is_switched_off_writes_nothing(
    few: Space, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LIGHTTRACK_NAS_CACHE", "off")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    built(few)
    assert not CostTable(few).load()
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({"LIGHTTRACK_NAS_CACHE": "/a", "XDG_CACHE_HOME": "/b", "HOME": "/c"}, "/a/cost-tables"),
        ({"XDG_CACHE_HOME": "/b", "HOME": "/c"}, "/b/lighttrack-nas/cost-tables"),
        ({"LIGHTTRACK_NAS_CACHE": "", "HOME": "/c"}, "/c/.cache/lighttrack-nas/cost-tables"),
        ({"XDG_CACHE_HOME": "relative", "HOME": "/c"}, "/c/.cache/lighttrack-nas/cost-tables"),
        ({"LIGHTTRACK_NAS_CACHE": "OFF", "HOME": "/c"}, None),
    ],
)
def test_where_it_lies(variables: dict[str, str], expected: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("LIGHTTRACK_NAS_CACHE", "XDG_CACHE_HOME", "HOME"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert cache_folder() == (Path(expected) if expected else None)


def test_readers_never_see_half_a_file(few: Space, folder: Path) -> None:
    """Several processes may count the same space at once: each writes all of it, and any of them is right."""
    table = built(few)
    parts = table._parts

    def write(_: int) -> None:
        write_parts(few, table.search_size, parts)

    with ThreadPoolExecutor(4) as pool:
        writing = pool.map(write, range(40))
        for _ in range(40):
            found, complaint = read_parts(few, table.search_size)
            assert found is not None
            assert not complaint
        list(writing)
    assert len(list(folder.iterdir())) == 1
