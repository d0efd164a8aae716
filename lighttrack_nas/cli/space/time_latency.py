"""`latency` and `latency-table`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lighttrack_nas.cli.shared.printing import print_json, print_note, print_table
from lighttrack_nas.models.shipped_models import is_shipped
from lighttrack_nas.reporting.progress_bar import progress
from lighttrack_nas.trackers.base.errors import InputError
from lighttrack_nas.trackers.runtimes.runtime_registry import RUNTIMES, checked_runtime

if TYPE_CHECKING:
    from lighttrack_nas.benchmarks.latency.latency_measuring import Latency
    from lighttrack_nas.benchmarks.latency.latency_table import LatencyTable

_ONLY_BY_NAME = ("torch-compiled",)  # it compiles for a minute


def latency(
    source: str,
    space: str | None,
    runtimes: list[str],
    threads: int,
    device: str,
    precision: str,
    branch: str,
    as_json: bool,
) -> None:
    """Time an architecture on runtimes, each in a process of its own, or an exported folder on its own."""
    if Path(source).is_dir() and not is_shipped(source):
        if space is not None:
            raise InputError(
                f"--space is for official codes and architectures: exported folder '{source}' says its own"
            )
        settings = {"threads": threads, "device": device, "precision": precision, "branch": branch}
        _latency_of_export(Path(source), runtimes, settings, as_json)
        return
    from lighttrack_nas.benchmarks.latency.latency_measuring import measure_apart
    from lighttrack_nas.models.architecture_files import find_architecture

    architecture = find_architecture(source, space, print_note)
    latencies: list[Latency] = []
    names = runtimes or _installed()
    for name in names:
        checked_runtime(name, writing=True)
    with progress("latency", len(names), "runtimes") as advance:
        for runtime in names:
            try:
                latencies += measure_apart(
                    architecture, [runtime], threads=threads, device=device, precision=precision, branch=branch
                )
            except InputError as error:
                if runtimes:
                    raise
                print(f"left out {runtime}: {error}", file=sys.stderr)
            advance(1, runtime)
    if not latencies:
        raise InputError("none of the installed runtimes can be timed so; see above")
    if as_json:
        record = {"space": architecture.space.name, "space_hash": architecture.space.hash}
        print_json(record | {"latencies": [latency.to_dict() for latency in latencies]})
        return
    first = latencies[0]
    print(
        f"space {architecture.space.name} ({architecture.space.hash}), {first.branch} branch, {first.input_size} pixels"
    )
    print("one call of the network, arrays in and arrays out; cropping and reading the answer come on top\n")
    _print_latencies(latencies)


def _latency_of_export(folder: Path, runtimes: list[str], settings: dict[str, Any], as_json: bool) -> None:
    from lighttrack_nas.benchmarks.latency.latency_exported import measure_exported_apart
    from lighttrack_nas.trackers.runtimes.exported import chosen_runtime, read_manifest

    manifest = read_manifest(folder)
    names = [chosen_runtime(folder, manifest, name) for name in runtimes or [manifest.runtime]]
    for name in names:
        checked_runtime(name)
    latencies = []
    with progress("latency", len(names), "runtimes") as advance:
        for name in names:
            latencies.append(measure_exported_apart(folder, runtime=name, **settings))
            advance(1, name)
    if as_json:
        record = {"folder": str(folder), "sha256": manifest.seal, "stored_precision": manifest.precision}
        print_json(record | {"latencies": [latency.to_dict() for latency in latencies]})
        return
    first = latencies[0]
    print(f"{folder}: stored in {manifest.precision}, {first.branch} branch, {first.input_size} pixels")
    print("one call of the graph, arrays in and arrays out; cropping and reading the answer come on top\n")
    _print_latencies(latencies)


def latency_table(
    space_name: str,
    runtime: str,
    threads: int,
    device: str,
    precision: str,
    networks: int,
    seed: int,
    output: Path | None,
    as_json: bool,
) -> None:
    """Build a latency table, and print its check."""
    from lighttrack_nas.benchmarks.latency.latency_build import table_file
    from lighttrack_nas.benchmarks.latency.latency_measuring import LatencySettings
    from lighttrack_nas.costing.latency_tables import new_table
    from lighttrack_nas.search_spaces.loading.loading import load_space
    from lighttrack_nas.trackers.base.files import checked_output_file

    space, settings = load_space(space_name), LatencySettings(runtime, threads, device, precision)
    path = output or table_file(space, settings.fingerprint())
    if path is None:
        raise InputError("the cache is switched off: give --output, a file for the table")
    checked_output_file(path)  # before the work
    try:
        table = new_table(space, settings, path, print_note, networks, seed)
    except KeyboardInterrupt:
        print("stopped: the same command goes on from what was converted", file=sys.stderr)
        raise
    if as_json:
        print_json(table.to_dict() | {"file": str(path)})
        return
    _print_table(table)
    print(path)


def _print_latencies(latencies: list[Latency]) -> None:
    rows = [
        (
            latency.fingerprint.runtime,
            f"{latency.least_ms:.2f}",
            f"{latency.median_ms:.2f}",
            f"{latency.low_ms:.2f} to {latency.high_ms:.2f}",
            str(latency.attempts),
            latency.disturbance or "none seen",
        )
        for latency in latencies
    ]
    print_table(("runtime", "least ms", "median", "quartiles", "attempts", "disturbance"), rows, right=(1, 2, 3, 4))
    print("\nthe least is what searches and latency tables go by")
    for latency in latencies:
        print(latency.fingerprint)


def _print_table(table: LatencyTable) -> None:
    from lighttrack_nas.costing.latency_tables import check_line

    check, correction = table.check, table.correction
    print(f"space {table.space.name} ({table.space.hash})")
    print(f"{table.fingerprint}\n")
    print(f"check: {check_line(check)}")
    print(
        f"two measurements of one network differ by {check.repeat_error:.1%} in the median; rounds took "
        f"{min(check.slowdown):.2f} to {max(check.slowdown):.2f} times the least, which is what counts"
    )
    parts = ", ".join(
        f"{part} times {factor:.3f} and {correction.extra_ms[part] * 1e3:+.0f} us a piece"
        for part, factor in correction.factors.items()
    )
    print(f"correction: {correction.rest_ms:+.3f} ms, {parts}")


def _installed() -> list[str]:
    """The runtimes that can be timed here, without those that take long to start."""
    names = []
    for name in RUNTIMES:
        try:
            checked_runtime(name, writing=True)
        except InputError:
            continue
        if name not in _ONLY_BY_NAME:
            names.append(name)
    return names
