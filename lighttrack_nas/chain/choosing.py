"""From a search's front to the architecture that is retrained."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from lighttrack_nas.config.config import Config
from lighttrack_nas.config.config_checks import parse_point
from lighttrack_nas.config.config_files import load_config
from lighttrack_nas.costing.limits import require_near, space_ends
from lighttrack_nas.results.results import Result
from lighttrack_nas.results.runs import Run, read_run, run_of, search_folder
from lighttrack_nas.search_spaces.space import Architecture
from lighttrack_nas.side_by_side.run_groups import run_names
from lighttrack_nas.strategies.search.goals.objectives import short_number
from lighttrack_nas.strategies.search.storage.trials import load_search
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
        measured = chosen.measurements[wanted.name]
        if abs(measured / wanted.limit - 1) > _NEAR:
            say(f"the front's nearest to {point} has {wanted.name} {short_number(measured)}")
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
    """Read searches as one; for arguments and errors see `search_runs`.

    Raises:
        InputError: The searches do not belong together, besides.
    """
    return Result(search_runs(runs, overrides))


def search_runs(runs: Sequence[Path], overrides: Sequence[str] = ()) -> list[Run]:
    """Read searches by their folders, or by the configurations of their chains.

    Args:
        runs: Folders, or YAML files of chains, which say where their search is and what its name is.
        overrides: Values to set otherwise in the configurations, such as "search.name=small".

    Raises:
        InputError: There is no search, one is given twice, a configuration is malformed, or overrides without one.
    """
    configs = [load_config(run, overrides) if run.suffix in (".yaml", ".yml") else None for run in runs]
    if overrides and not any(configs):
        raise InputError("--set goes with a chain's configuration, not with a search's folder: give CONFIG.yaml")
    places = [
        _Place(run, None) if config is None else _place(config) for run, config in zip(runs, configs, strict=True)
    ]
    if len({place.key for place in places}) < len(places):
        raise InputError(f"a search was given twice in {', '.join(map(str, runs))}: its trials would count twice")
    names = run_names([place.folder for place in places])
    if len(set(names)) < len(names):  # one folder's, in several databases
        names = [str(run) for run in runs]
    return [place.read(name) for place, name in zip(places, names, strict=True)]


def search_result(config: Config) -> Result:
    """Read the configuration's search, finished or not.

    Raises:
        InputError: There is none.
    """
    place = _place(config)
    return Result([place.read(place.folder.name)])


class _Place(NamedTuple):
    """Where a search's trials are.

    Attributes:
        folder: Of the search; its last part is the study's name in a storage.
        storage: As `search.storage`; None where they are in the folder.
    """

    folder: Path
    storage: str | None

    @property
    def key(self) -> tuple[str, str]:
        """The same for the same search."""
        return (
            ("", str(search_folder(self.folder).resolve()))
            if self.storage is None
            else (self.storage, self.folder.name)
        )

    def read(self, name: str) -> Run:
        """Read the search under a name of the reader's."""
        if self.storage is None:
            return read_run(self.folder, name)
        return run_of(load_search(self.storage, self.folder.name), name)


def _place(config: Config) -> _Place:
    return _Place(config.folder("search"), config.search.storage)
