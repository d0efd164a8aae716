"""`check`."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from lighttrack_nas.checks.chain_checks import chain_mistakes
from lighttrack_nas.cli.search.run_chain import resumable, say
from lighttrack_nas.cli.shared.printing import print_json, print_table
from lighttrack_nas.config.config_files import load_config_with_mistakes
from lighttrack_nas.reporting.phrases import duration
from lighttrack_nas.trackers.base.errors import InputError


def check(path: Path, overrides: Sequence[str], measure: bool, json: bool) -> None:
    """Check a configuration, and show what its steps cost.

    Raises:
        InputError: It has mistakes; it says all.
    """
    config, said = load_config_with_mistakes(path, overrides)
    said = list(dict.fromkeys(said + chain_mistakes(config)))
    if said:
        head = f"{len(said)} mistakes:\n  " if len(said) > 1 else ""
        raise InputError(f"configuration '{path}': {head}" + "\n  ".join(said))
    if not measure:
        print_json({"mistakes": []}) if json else print("no mistakes found")
        return
    from lighttrack_nas.checks.rehearsal import rehearse

    with resumable():
        cost = rehearse(config, say)
    if json:
        steps = [asdict(step) for step in cost.steps]
        memory = None if math.isnan(cost.memory) else cost.memory
        print_json({"mistakes": [], "steps": steps, "memory": memory})
        return
    print("no mistakes found; on this machine, as busy as it is now:\n")
    rows = [
        (step.name, step.work, f"{step.pairs:,}" if step.pairs else "", duration(step.seconds), _bytes(step.disk))
        for step in cost.steps
    ]
    rows.append(
        ("in all", "", "", duration(sum(s.seconds for s in cost.steps)), _bytes(sum(s.disk for s in cost.steps)))
    )
    print_table(("step", "work", "pairs", "time", "disk"), rows, right=(2, 3, 4))
    if not math.isnan(cost.memory):
        print(f"\nmemory at its most: {_bytes(int(cost.memory))}, and what processes that prepare pairs take")


def _bytes(count: int) -> str:
    if not count:
        return ""
    return f"{count / 1e9:.1f} GB" if count >= 1e9 else f"{count / 1e6:.1f} MB"
