"""`build-table`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from lighttrack_nas.cli.search.run_chain import resumable, say
from lighttrack_nas.comparisons.benchmark_table_building import build_table as build
from lighttrack_nas.comparisons.surrogate_table import SurrogateEvaluator
from lighttrack_nas.config.config_files import load_config
from lighttrack_nas.reporting.progress_bar import progress
from lighttrack_nas.search_spaces.enumeration import count_paths
from lighttrack_nas.search_spaces.loading.loading import load_space
from lighttrack_nas.trackers.base.files import checked_output_file


def build_table(path: Path, output: Path | None, overrides: Sequence[str]) -> None:
    """Build a table, and say where it is."""
    config = load_config(path, overrides)
    # What compares strategies knows a table's file by its ending.
    file = checked_output_file(output or config.folder("table") / "table.zip", ".zip")
    count = config.table.sample or count_paths(load_space(config.space))
    with resumable(), progress("table", count, "architectures") as advance:
        table = build(config, say, advance)
    table.save(file)
    if not table.complete:
        print(SurrogateEvaluator(table).summary())
    print(f"{table!r}: {file}")
