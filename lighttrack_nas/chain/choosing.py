"""From a search's front to the architecture that is retrained."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from lighttrack_nas.config.config import Config
from lighttrack_nas.config.config_checks import parse_point
from lighttrack_nas.config.config_files import load_config
from lighttrack_nas.costing.limits import require_near, space_ends
from lighttrack_nas.results.results import Result
from lighttrack_nas.search_spaces.space import Architecture
from lighttrack_nas.strategies.search.goals.objectives import short_number
from lighttrack_nas.trackers.base.errors import InputError
from lighttrack_nas.trackers.base.progress import Say

_NEAR = 0.1
"""How far, as a share, the chosen network may lie from the point before that is said."""


def choose(config: Config, point: str, say: Say) -> tuple[Architecture, dict[str, float]]:
    """Take an architecture of the search's front: the path that was measured best.

    Args:
        config: Whose search.
        point: "best" in the first objective, or a measurement to be near to, such as "macs=30M".
        say: Told where no network keeps the search's limits, or the nearest is far from the point.

    Returns:
        The architecture, and what was measured of its network.

    Raises:
        InputError: No search, an empty front, a malformed point, or one that no network of the space is near to.
    """
    result = search_result(config)
    front, goal = result.front(), result.objectives[0]
    if front.note and not front.table.empty:
        say(f"warning: {front.note}")
    if point == "best":
        chosen = front.point(int((front.table[goal.name] * goal.sign).to_numpy(float).argmin()))
    else:
        wanted = parse_point(point)
        try:
            require_near(wanted, space_ends(result.space, [wanted]), result.space.name)
        except InputError as error:
            raise InputError(f"retrain.choose: {error}") from None
        chosen = front.nearest(**{wanted.name: wanted.limit})
        found = chosen.measurements[wanted.name]
        if abs(found / wanted.limit - 1) > _NEAR:
            say(f"the front's nearest to {point} has {wanted.name} {short_number(found)}")
    trials = result.trials[result.trials["network"] == chosen.network]
    best = trials.iloc[int((trials[goal.name] * goal.sign).to_numpy(float).argmin())]
    return result.architecture(int(best["trial"])), dict(chosen.measurements)


def chosen_network(config: Config, say: Say) -> tuple[Architecture, dict[str, float]]:
    """The architecture that is retrained, and what the search has measured of it.

    Args:
        config: Names an architecture, or a point of its search's front.
        say: See `Say`.

    Raises:
        InputError: The architecture cannot be read or is not of the space, or see `choose`.
    """
    from lighttrack_nas.models.architecture_files import find_architecture

    part = config.retrain
    if part.architecture is None:
        return choose(config, part.choose, say)
    return find_architecture(part.architecture, config.space, say), {}


def runs_result(runs: Sequence[Path], overrides: Sequence[str] = ()) -> Result:
    """Read searches by their folders, or by the configurations of their chains.

    Args:
        runs: Folders, or YAML files of chains, which say where their search is and what its name is.
        overrides: Values to set otherwise in the configurations, such as "search.name=small".

    Raises:
        InputError: There is no search, a configuration is malformed, overrides without one, or the searches do not
            belong together.
    """
    folders, configs = _search_folders(runs, overrides)
    if len(runs) == 1 and configs:
        return search_result(configs[runs[0]])
    return Result.load(folders)


def search_folders(runs: Sequence[Path], overrides: Sequence[str] = ()) -> list[Path]:
    """The folders of searches; for arguments and errors see `runs_result`, which reads them as one."""
    return _search_folders(runs, overrides)[0]


def _search_folders(runs: Sequence[Path], overrides: Sequence[str]) -> tuple[list[Path], dict[Path, Config]]:
    configs = {run: load_config(run, overrides) for run in runs if run.suffix in (".yaml", ".yml")}
    if overrides and not configs:
        raise InputError("--set goes with a chain's configuration, not with a search's folder: give CONFIG.yaml")
    return [configs[run].folder("search") if run in configs else run for run in runs], configs


def search_result(config: Config) -> Result:
    """Read the configuration's search, finished or not.

    Raises:
        InputError: There is none.
    """
    from lighttrack_nas.strategies.search.storage.trials import load_search

    if config.search.storage is not None:
        return Result.from_study(load_search(config.search.storage, config.folder("search").name))
    return Result.load(config.folder("search"))
