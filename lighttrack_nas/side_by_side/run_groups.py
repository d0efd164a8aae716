"""Names of runs, and which of them are one experiment with several seeds."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lighttrack_nas.results.runs import Run


def run_names(folders: Sequence[Path]) -> list[str]:
    """The shortest ends of paths that tell them apart, such as "a/search" and "b/search".

    Args:
        folders: Different ones.
    """
    whole = [folder.resolve().parts for folder in folders]
    for length in range(1, max(map(len, whole), default=1)):
        names = ["/".join(parts[-length:]) for parts in whole]
        if len(set(names)) == len(names):
            return names
    return [str(folder) for folder in folders]


def seed_groups(runs: Sequence[Run], by_strategy: bool = False) -> dict[str, tuple[str, ...]]:
    """Gather runs that differ by their seed alone.

    Args:
        runs: Of different names.
        by_strategy: Take runs of one strategy, space and machine together whatever else their evaluators differ in,
            such as supernets that were trained with seeds of their own.

    Returns:
        Names of runs by the group's name: the strategy's, with what tells it from others; in the runs' order.
    """
    keys = {run.name: _key(run, by_strategy) for run in runs}
    records = {keys[run.name]: _strategy(run) | {"space": run.space.name} for run in reversed(runs)}
    return {
        _group_name(key, records): tuple(run.name for run in runs if keys[run.name] == key)
        for key in dict.fromkeys(keys.values())
    }


def _key(run: Run, by_strategy: bool) -> str:
    told: list[Any] = [run.space.hash, _strategy(run), run.record.get("latency")]
    told += [sorted(map(str, run.objectives)), sorted(map(str, run.constraints))]
    if not by_strategy:
        told += [_seedless(run.record.get("evaluator")), len(run.trials)]
    return json.dumps(told, sort_keys=True, default=str)


def _strategy(run: Run) -> dict[str, Any]:
    return dict(_seedless(run.record.get("strategy") or {"name": "unknown"}))


def _seedless(content: Any) -> Any:
    """A record without its seeds, at whatever depth."""
    if isinstance(content, Mapping):
        return {key: _seedless(value) for key, value in content.items() if key != "seed"}
    return [_seedless(value) for value in content] if isinstance(content, (list, tuple)) else content


def _group_name(key: str, records: Mapping[str, Mapping[str, Any]]) -> str:
    mine, alike = records[key], [one for one in records.values() if one.get("name") == records[key].get("name")]
    different = [name for name in mine if name != "name" and any(one.get(name) != mine[name] for one in alike)]
    told = ", ".join(f"{name} {mine[name]}" for name in different)
    name = str(mine.get("name")) + (f" ({told})" if told else "")
    # Where only what is outside the strategy differs, such as the evaluator.
    same = [other for other in records if dict(records[other]) == dict(mine)]
    return name if len(same) == 1 else f"{name} #{same[::-1].index(key) + 1}"
