"""From a search's front to the architecture that is retrained."""

from __future__ import annotations

from lighttrack_nas.config.config import Config
from lighttrack_nas.config.config_checks import parse_point
from lighttrack_nas.results.results import Result
from lighttrack_nas.search_spaces.space import Architecture
from lighttrack_nas.trackers.base.progress import Say


def choose(config: Config, point: str) -> tuple[Architecture, dict[str, float]]:
    """Take an architecture of the search's front: the path that was measured best.

    Args:
        config: Whose search.
        point: "best" in the first objective, or a measurement to be near to, such as "macs=30M".

    Returns:
        The architecture, and what was measured of its network.

    Raises:
        InputError: No search, an empty front, or a malformed point.
    """
    result = search_result(config)
    front, goal = result.front(), result.objectives[0]
    if point == "best":
        chosen = front.point(int((front.table[goal.name] * goal.sign).to_numpy(float).argmin()))
    else:
        wanted = parse_point(point)
        chosen = front.nearest(**{wanted.name: wanted.limit})
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
        return choose(config, part.choose)
    return find_architecture(part.architecture, config.space, say), {}


def search_result(config: Config) -> Result:
    """Read the configuration's search, finished or not.

    Raises:
        InputError: There is none.
    """
    from lighttrack_nas.strategies.search.storage.trials import load_search

    if config.search.storage is not None:
        return Result.from_study(load_search(config.search.storage))
    return Result.load(config.folder("search"))
