"""Latency tables as a user asks for them: built with a progress bar, kept in the user's cache folder."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

from lighttrack_nas.benchmarks.latency.latency_build import (
    NETWORKS,
    build_latency_table,
    drafts_folder,
    latency_steps,
    table_file,
)
from lighttrack_nas.benchmarks.latency.latency_measuring import LatencySettings
from lighttrack_nas.benchmarks.latency.latency_table import Check, LatencyTable
from lighttrack_nas.reporting.progress_bar import progress
from lighttrack_nas.search_spaces.space import Space
from lighttrack_nas.trackers.base.errors import InputError


def machines_table(space: Space, settings: LatencySettings, say: Callable[[str], None]) -> LatencyTable:
    """This machine's table of a space: the one in the cache, or a new one.

    Args:
        space: The space.
        settings: What it shall be of; the runtime's version and the processor are this machine's.
        say: Told of a file that cannot be used, and of the check of a new table.

    Raises:
        InputError: As `build_latency_table`.
    """
    path = table_file(space, settings.fingerprint())
    if path is not None and path.is_file():
        try:
            return LatencyTable.load(path, space, settings.fingerprint())
        except InputError as error:
            say(f"{error}; it is built again now")
    table = new_table(space, settings, path)
    say(f"latency table: {check_line(table.check)}")
    return table


def new_table(
    space: Space, settings: LatencySettings, path: Path | None, networks: int = NETWORKS, seed: int = 0
) -> LatencyTable:
    """Build a table, and write it.

    Args:
        space: The space.
        settings: What it shall be of.
        path: The file; None writes none, so that a build that is stopped begins anew.
        networks: See `build_latency_table`.
        seed: See there.

    Raises:
        InputError: As `build_latency_table`.
    """
    drafts = None if path is None else drafts_folder(path, space, settings, networks, seed)
    with progress(f"latency table, {settings.runtime}", latency_steps(space, networks), "steps") as advance:
        table = build_latency_table(
            space,
            **asdict(settings),
            networks=networks,
            seed=seed,
            drafts=drafts,
            progress=advance,
        )
    if path is not None:
        table.save(path)
    if drafts is not None:
        shutil.rmtree(drafts, ignore_errors=True)
    return table


def check_line(check: Check) -> str:
    """A check in a sentence."""
    return (
        f"relative error {check.median_error:.1%} in the median and {check.p90_error:.1%} at the 90th percentile, "
        f"Kendall's tau {check.tau:.3f} (between two measurements {check.repeat_tau:.3f}), over {check.networks} other "
        "networks"
    )
