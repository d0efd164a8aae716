"""The one-shot strategies by name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from types import MappingProxyType
from typing import Any, cast

from lighttrack_nas.strategies.one_shot.training.one_shot_problem import OneShotStrategy
from lighttrack_nas.strategies.registries import Registry

ONE_SHOT_STRATEGIES: Mapping[str, str] = MappingProxyType(
    {
        "spos": "uniform.SPOS",
        "fair": "fair.Fair",
        "macs-uniform": "uniform.MacsUniform",
        "sandwich": "sandwich.Sandwich",
        "darts": "darts.Darts",
        "gumbel-darts": "darts.GumbelDarts",
        "proxyless": "proxyless.Proxyless",
        "blockwise": "blockwise.Blockwise",
    }
)
"""Name in configurations -> module and class in this folder."""


REGISTRY = Registry("one-shot strategy", __package__, ONE_SHOT_STRATEGIES)


def one_shot_strategy(name: str, **settings: Any) -> OneShotStrategy:
    """Make a strategy by its name.

    Args:
        name: Of `ONE_SHOT_STRATEGIES`.
        settings: Fields of its class.

    Raises:
        InputError: No such strategy or setting, or an impossible value.
    """
    return cast(OneShotStrategy, REGISTRY.make(name, settings))


def named_strategy(given: str | Mapping[str, Any], *, where: str) -> OneShotStrategy:
    """Make a strategy as configurations name it; see `Registry.make_named`."""
    return cast(OneShotStrategy, REGISTRY.make_named(given, where))


def strategy_record(strategy: OneShotStrategy) -> dict[str, Any]:
    """A strategy's name and settings, JSON-able; `one_shot_strategy` makes it again from them.

    A strategy that is not registered goes by its class's name.
    """
    place = f"{type(strategy).__module__.rpartition('.')[2]}.{type(strategy).__name__}"
    names = {known: name for name, known in ONE_SHOT_STRATEGIES.items()}
    return {"name": names.get(place, type(strategy).__name__)} | asdict(cast(Any, strategy))
