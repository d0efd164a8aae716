"""The one-shot strategies by name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, fields
from importlib import import_module
from types import MappingProxyType
from typing import Any, cast

from lighttrack_nas.strategies.one_shot.problem import OneShotStrategy
from lighttrack_nas.trackers.errors import InputError
from lighttrack_nas.trackers.names import checked_name

ONE_SHOT_STRATEGIES: Mapping[str, str] = MappingProxyType(
    {
        "spos": "uniform.SPOS",
        "fair": "fair.Fair",
        "macs-uniform": "uniform.MacsUniform",
        "sandwich": "sandwich.Sandwich",
        "darts": "darts.Darts",
        "gumbel-darts": "darts.GumbelDarts",
        "proxyless": "proxyless.Proxyless",
    }
)
"""Name in configurations -> module and class in this folder."""


def strategy_class(name: str) -> type[Any]:
    """The class of a strategy.

    Raises:
        InputError: No such strategy.
    """
    module, _, cls = ONE_SHOT_STRATEGIES[checked_name(name, ONE_SHOT_STRATEGIES, "one-shot strategy")].rpartition(".")
    found: type[Any] = getattr(import_module(f"lighttrack_nas.strategies.one_shot.{module}"), cls)
    return found


def one_shot_strategy(name: str, **settings: Any) -> OneShotStrategy:
    """Make a strategy by its name.

    Args:
        name: Of `ONE_SHOT_STRATEGIES`.
        settings: Fields of its class.

    Raises:
        InputError: No such strategy or setting, or an impossible value.
    """
    cls = strategy_class(name)
    known = [field.name for field in fields(cls)]
    for key in settings:
        if not known:
            raise InputError(f"one-shot strategy '{name}' has no settings, got '{key}'")
        checked_name(key, known, f"setting of one-shot strategy '{name}',")
    return cast(OneShotStrategy, cls(**settings))


def strategy_record(strategy: OneShotStrategy) -> dict[str, Any]:
    """A strategy's name and settings, JSON-able; `one_shot_strategy` makes it again from them.

    A strategy that is not registered goes by its class's name.
    """
    place = f"{type(strategy).__module__.rpartition('.')[2]}.{type(strategy).__name__}"
    names = {known: name for name, known in ONE_SHOT_STRATEGIES.items()}
    return {"name": names.get(place, type(strategy).__name__)} | asdict(cast(Any, strategy))
