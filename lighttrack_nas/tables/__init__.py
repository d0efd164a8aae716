"""The tables that ship with the package, benchmarks by row and by place, and how they are found."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from importlib import resources
from pathlib import Path

from lighttrack_nas.benchmarks.scoring.place_scores import PlaceScores
from lighttrack_nas.benchmarks.scoring.tabular_benchmark import BenchmarkTable
from lighttrack_nas.search_spaces.space import Space
from lighttrack_nas.trackers.base.names import checked_name

ROWS, PLACES = ".zip", ".json"
"""How files of tables end: a row an architecture, or the candidates of every place."""


def table_names() -> tuple[str, ...]:
    """The tabular benchmarks that ship."""
    return _names(ROWS)


def places_names() -> tuple[str, ...]:
    """The tables of places that ship."""
    return _names(PLACES)


def load_table(source: str | Path) -> BenchmarkTable:
    """Read a tabular benchmark.

    Args:
        source: The name of one that ships, such as "lighttrack-table", or a file that ends in .zip.

    Raises:
        InputError: No such table, or a file that is none; see `BenchmarkTable.load`.
    """
    if str(source).endswith(ROWS):
        return BenchmarkTable.load(source)
    name = checked_name(str(source), table_names(), "table", "or give a file that ends in .zip")
    with _shipped(name + ROWS) as path:
        return BenchmarkTable.load(path)


def load_places(source: str | Path, space: Space | None = None) -> PlaceScores:
    """Read a table of places.

    Args:
        source: The name of one that ships, such as "lighttrack-places"; a file that ends in .json; or the folder of a
            supernet's training, which holds one.
        space: The space that it must be of; None takes the table's own.

    Raises:
        InputError: No such table, a file that is none, or a table of another space; see `PlaceScores.load`.
    """
    if str(source) not in places_names() and (str(source).endswith(PLACES) or Path(source).is_dir()):
        return PlaceScores.load(source, space)
    otherwise = "or give a file that ends in .json, or the folder of a supernet's training"
    name = checked_name(str(source), places_names(), "table of places", otherwise)
    with _shipped(name + PLACES) as path:
        return PlaceScores.load(path, space)


def find_table(source: str | Path) -> BenchmarkTable | PlaceScores:
    """Read a table of either kind.

    Args:
        source: The name of one that ships, or a file: .zip for a tabular benchmark, .json for a table of places.

    Raises:
        InputError: No such table, or a file that is none.
    """
    if str(source).endswith(PLACES) or str(source) in places_names():
        return load_places(source)
    if str(source).endswith(ROWS):
        return load_table(source)
    otherwise = "or give a file that ends in .zip (a tabular benchmark) or .json (a table of places)"
    return load_table(checked_name(str(source), (*table_names(), *places_names()), "table", otherwise))


def _names(ending: str) -> tuple[str, ...]:
    files = resources.files(__name__).iterdir()
    return tuple(sorted(Path(file.name).stem for file in files if file.name.endswith(ending)))


@contextmanager
def _shipped(name: str) -> Iterator[Path]:
    with resources.as_file(resources.files(__name__).joinpath(name)) as path:
        yield path
