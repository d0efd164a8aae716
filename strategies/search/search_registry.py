"""The search strategies by name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from types import MappingProxyType
from typing import Any, cast

from lighttrack_nas.strategies.registries import Registry
from lighttrack_nas.strategies.search.search_problem import SearchStrategy

SEARCH_STRATEGIES: Mapping[str, str] = MappingProxyType(
    {
        "random": "samplers.random_search.RandomSearch",
        "nsga2": "samplers.nsga2.NSGA2",
        "nsga3": "samplers.nsga3.NSGA3",
        "lighttrack": "samplers.lighttrack.LightTrack",
        "tpe": "samplers.tpe.TPE",
        "regularized-evolution": "samplers.regularized_evolution.RegularizedEvolution",
        "local-search": "samplers.local_search.LocalSearch",
        "optuna": "samplers.optuna_algorithm.OptunaAlgorithm",
        "screened": "samplers.screened.Screened",
    }
)
"""Name in configurations -> module and class in this package."""


REGISTRY = Registry("search strategy", __package__, SEARCH_STRATEGIES)


def setting_names(name: str) -> tuple[str, ...]:
    """The settings of a strategy.

    Raises:
        InputError: No such strategy.
    """
    return REGISTRY.setting_names(name)


def search_strategy(name: str, **settings: Any) -> SearchStrategy:
    """Make a strategy by its name.

    Args:
        name: Of `SEARCH_STRATEGIES`.
        settings: Fields of its class.

    Raises:
        InputError: No such strategy or setting, or an impossible value.
    """
    return cast(SearchStrategy, REGISTRY.make(name, settings))


def named_strategy(given: str | Mapping[str, Any], *, where: str, **defaults: Any) -> SearchStrategy:
    """Make a strategy as configurations name it; see `Registry.make_named`."""
    return cast(SearchStrategy, REGISTRY.make_named(given, where, **defaults))


def strategy_record(strategy: SearchStrategy) -> dict[str, Any]:
    """Say what a strategy is, as a study keeps it: the class's name and the settings, JSON-able.

    A setting that is no data says what it is: a strategy and an evaluator by their records, other objects by their
    names.
    """
    settings = {field.name: _recorded(getattr(strategy, field.name)) for field in fields(cast(Any, strategy))}
    return {"name": type(strategy).__name__} | settings


def _recorded(value: Any) -> Any:
    if value is None or isinstance(value, (str, bool, int, float)):
        return value
    if isinstance(value, Mapping):
        return {str(key): _recorded(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_recorded(item) for item in value]
    if is_dataclass(value) and hasattr(value, "sampler"):
        return strategy_record(cast(SearchStrategy, value))
    if hasattr(value, "record"):
        return value.record()
    named = value if hasattr(value, "__qualname__") else type(value)
    return f"{named.__module__}.{named.__qualname__}"
