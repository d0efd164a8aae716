"""Latency tables as a user asks for them: built with a progress bar, kept in the user's cache folder."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import asdict
from pathlib import Path
from time import monotonic, sleep

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
from lighttrack_nas.trackers.base.locked_files import HeldFile, lock_file
from lighttrack_nas.trackers.base.progress import Say

NOWHERE = (
    "search.latency: the cache is switched off or there is no home folder, so that this machine's latency table cannot "
    "be kept and the search could not go on after a stop: set LIGHTTRACK_NAS_CACHE to a folder, name a file with "
    "search.latency.table (`lighttrack-nas latency-table --output` makes it), or set search.latency.source to measured"
)
"""What is said where `table_file` has no place."""
_PAUSE = 0.5
"""Seconds between two looks at whether another process is done."""


def machines_table(space: Space, settings: LatencySettings, say: Say) -> LatencyTable:
    """This machine's table of a space: the one in the cache, or a new one.

    Args:
        space: The space.
        settings: What it shall be of; the runtime's version and the processor are this machine's.
        say: Told of a file that cannot be used, how long a new table takes, and how far the table is off.

    Raises:
        InputError: There is no place to keep it, or as `build_latency_table`.
    """
    path = table_file(space, settings.fingerprint())
    if path is None:
        raise InputError(NOWHERE)
    table = _kept_table(path, space, settings)
    if not isinstance(table, LatencyTable):
        with _building(path, _what(space, settings), say):
            # Another process may have built it meanwhile, and a search goes on with its own table alone.
            table = _kept_table(path, space, settings)
            if not isinstance(table, LatencyTable):
                if table is not None:
                    say(f"{table}; it is built again now")
                return _build(space, settings, path, say)
    say(f"latencies come from this machine's table: {check_line(table.check)}")
    return table


def _kept_table(path: Path, space: Space, settings: LatencySettings) -> LatencyTable | InputError | None:
    """The table in a file, or why it cannot be used; None where there is no file."""
    if not path.is_file():
        return None
    try:
        return LatencyTable.load(path, space, settings.fingerprint())
    except InputError as error:
        return error


@contextmanager
def _building(path: Path, what: str, say: Say) -> Iterator[None]:
    """Build the table of a file alone: another process would disturb the timings, and make another table of them."""
    held = _waited_for(path.with_name(f".{path.name}.lock"), what, say)
    try:
        yield
    finally:
        if held is not None:
            held.release()


def _waited_for(lock: Path, what: str, say: Say) -> HeldFile | None:
    """A lock, once others have ended theirs; None where the file system has no locks, or the folder takes no files."""
    waits = False
    try:
        while (held := lock_file(lock)) is None:
            if not waits:
                say(f"{what}: another process is building it, and this one waits until it is done")
            waits = True
            sleep(_PAUSE)
    except OSError:
        return None
    return held


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

    A process that builds one for the same file is waited for.

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
    with nullcontext() if path is None else _building(path, _what(space, settings), say):
        return _build(space, settings, path, say, networks, seed)


def _what(space: Space, settings: LatencySettings) -> str:
    return f"latency table of '{space.name}' on {settings.runtime}"


def _build(
    space: Space, settings: LatencySettings, path: Path | None, say: Say, networks: int = NETWORKS, seed: int = 0
) -> LatencyTable:
    drafts = None if path is None else drafts_folder(path, space, settings, networks, seed)
    what = _what(space, settings)
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
