"""Latency tables as a user asks for them: built with a progress bar, kept in the user's cache folder."""

from __future__ import annotations

import shutil
from dataclasses import asdict
from pathlib import Path
from time import monotonic

from lighttrack_nas.benchmarks.latency.latency_build import (
    NETWORKS,
    build_latency_table,
    drafts_folder,
    latency_steps,
    table_file,
)
from lighttrack_nas.benchmarks.latency.latency_measuring import LatencySettings
from lighttrack_nas.benchmarks.latency.latency_table import Check, LatencyTable
from lighttrack_nas.reporting.phrases import duration
from lighttrack_nas.reporting.progress_bar import progress
from lighttrack_nas.search_spaces.space import Space
from lighttrack_nas.trackers.base.errors import InputError
from lighttrack_nas.trackers.base.progress import Say


def machines_table(space: Space, settings: LatencySettings, say: Say) -> LatencyTable:
    """This machine's table of a space: the one in the cache, or a new one.

    Args:
        space: The space.
        settings: What it shall be of; the runtime's version and the processor are this machine's.
        say: Told of a file that cannot be used, how long a new table takes, and how far the table is off.

    Raises:
        InputError: As `build_latency_table`.
    """
    path = table_file(space, settings.fingerprint())
    if path is not None and path.is_file():
        try:
            table = LatencyTable.load(path, space, settings.fingerprint())
            say(f"latencies come from this machine's table: {check_line(table.check)}")
            return table
        except InputError as error:
            say(f"{error}; it is built again now")
    return new_table(space, settings, path, say)


def has_machines_table(space: Space, settings: LatencySettings) -> bool:
    """Whether this machine's table of a space stands in the cache."""
    path = table_file(space, settings.fingerprint())
    return path is not None and path.is_file()


def without_table(space: Space) -> str:
    """Why no latency table can be made of a space; "" where one can."""
    if not space.is_declared:
        return f"space '{space.name}' is NNI's, of whose parts nobody knows, so that no latency table can be made"
    needed = 2 * NETWORKS
    if space.size.networks < needed:
        count = f"{space.size.networks:,} networks"
        return f"space '{space.name}' has {count}, and a latency table needs {needed} to be fitted and checked"
    return ""


def new_table(
    space: Space, settings: LatencySettings, path: Path | None, say: Say, networks: int = NETWORKS, seed: int = 0
) -> LatencyTable:
    """Build a table, and write it; say beforehand how long it takes, and afterwards how far it is off.

    Args:
        space: The space.
        settings: What it shall be of.
        path: The file; None writes none, so that a build that is stopped begins anew.
        say: See `Say`.
        networks: See `build_latency_table`.
        seed: See there.

    Raises:
        InputError: As `build_latency_table`.
    """
    drafts = None if path is None else drafts_folder(path, space, settings, networks, seed)
    what = f"latency table of '{space.name}' on {settings.runtime}"
    begun = monotonic()
    with progress(f"latency table, {settings.runtime}", latency_steps(space, networks), "steps") as advance:
        table = build_latency_table(
            space,
            **asdict(settings),
            networks=networks,
            seed=seed,
            drafts=drafts,
            progress=advance,
            estimated=lambda seconds: say(f"{what}: built once for this machine, in about {duration(seconds)}"),
        )
    say(f"{what}: built in {duration(monotonic() - begun)}; {check_line(table.check)}")
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
