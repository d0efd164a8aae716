"""From a search's front to the architecture that is retrained."""

from __future__ import annotations

from lighttrack_nas.config.config import Config
from lighttrack_nas.config.config_checks import parse_point
from lighttrack_nas.results.results import Result
from lighttrack_nas.search_spaces.space import Architecture


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


def search_result(config: Config) -> Result:
    """Read the configuration's search, finished or not.

    Raises:
        InputError: There is none.
    """
    from lighttrack_nas.strategies.search.storage.trials import load_search

    if config.search.storage is not None:
        return Result.from_study(load_search(config.search.storage))
    return Result.load(config.folder("search"))
