"""The search strategies by name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from importlib import import_module
from types import MappingProxyType
from typing import Any

from lighttrack_nas.strategies.search.problem import SearchStrategy
from lighttrack_nas.trackers.errors import InputError
from lighttrack_nas.trackers.names import checked_name

SEARCH_STRATEGIES: Mapping[str, str] = MappingProxyType(
    {
        "random": "random_search.RandomSearch",
        "nsga2": "nsga2.NSGA2",
        "nsga3": "nsga3.NSGA3",
        "lighttrack": "lighttrack.LightTrack",
        "tpe": "tpe.TPE",
        "regularized-evolution": "regularized_evolution.RegularizedEvolution",
        "local-search": "local_search.LocalSearch",
        "optuna": "optuna_algorithm.OptunaAlgorithm",
    }
)
"""Name in configurations -> module and class in this folder."""


def strategy_class(name: str) -> type[Any]:
    """The class of a strategy.

    Raises:
        InputError: No such strategy.
    """
    module, _, cls = SEARCH_STRATEGIES[checked_name(name, SEARCH_STRATEGIES, "search strategy")].rpartition(".")
    found: type[Any] = getattr(import_module(f"lighttrack_nas.strategies.search.{module}"), cls)
    return found


def setting_names(name: str) -> tuple[str, ...]:
    """The settings of a strategy.

    Raises:
        InputError: No such strategy.
    """
    return tuple(field.name for field in fields(strategy_class(name)))


def search_strategy(name: str, **settings: Any) -> SearchStrategy:
    """Make a strategy by its name.

    Args:
        name: Of `SEARCH_STRATEGIES`.
        settings: Fields of its class.

    Raises:
        InputError: No such strategy or setting, or an impossible value.
    """
    for key in settings:
        checked_name(key, setting_names(name), f"setting of search strategy '{name}',")
    try:
        strategy: SearchStrategy = strategy_class(name)(**settings)
    except TypeError as error:
        raise InputError(f"search strategy '{name}': {error}") from None
    return strategy
