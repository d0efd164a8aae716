"""The tabular benchmarks that ship with the package, and how they are found."""

from __future__ import annotations

from importlib import resources
from pathlib import Path

from lighttrack_nas.benchmarks.table import BenchmarkTable
from lighttrack_nas.trackers.names import checked_name


def table_names() -> tuple[str, ...]:
    """The tables that ship."""
    files = resources.files(__name__).iterdir()
    return tuple(sorted(Path(file.name).stem for file in files if file.name.endswith(".zip")))


def load_table(source: str | Path) -> BenchmarkTable:
    """Read a tabular benchmark.

    Args:
        source: The name of one that ships, such as "lighttrack-table", or a file that ends in .zip.

    Raises:
        InputError: No such table, or a file that is none; see `BenchmarkTable.load`.
    """
    if str(source).endswith(".zip"):
        return BenchmarkTable.load(source)
    name = checked_name(str(source), table_names(), "table", "or give a file that ends in .zip")
    with resources.as_file(resources.files(__name__).joinpath(f"{name}.zip")) as path:
        return BenchmarkTable.load(path)
