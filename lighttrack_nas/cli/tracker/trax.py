"""`trax`."""

from __future__ import annotations

import sys

from lighttrack_nas.cli.tracker.track import resolve_tracker
from lighttrack_nas.integrations.trax_server import serve_trax


def trax(
    model: str,
    name: str,
    hyper_parameters: str | None,
    device: str,
    threads: int | None,
    compute_precision: str | None,
) -> None:
    """Track for a TraX client until it quits. Standard output may be the client's: nothing else is printed there."""
    tracker, _ = resolve_tracker(model, hyper_parameters, device, threads, compute_precision)
    targets = serve_trax(tracker, name)
    print(f"the client quit after {targets} targets", file=sys.stderr)
