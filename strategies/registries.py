"""Strategies by name: what both kinds of registries do."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from importlib import import_module
from typing import Any

from lighttrack_nas.trackers.base.errors import InputError
from lighttrack_nas.trackers.base.names import checked_name


@dataclass(frozen=True)
class Registry:
    """Frozen dataclasses of settings, imported when they are asked for.

    Attributes:
        kind: What its strategies are called in error messages, such as "search strategy".
        package: Where their modules lie.
        places: Name in configurations -> module and class in the package, such as "nsga2.NSGA2".
    """

    kind: str
    package: str
    places: Mapping[str, str]

    def strategy_class(self, name: str) -> type[Any]:
        """The class of a strategy.

        Raises:
            InputError: No such strategy.
        """
        module, _, cls = self.places[checked_name(name, self.places, self.kind)].rpartition(".")
        strategy: type[Any] = getattr(import_module(f"{self.package}.{module}"), cls)
        return strategy

    def setting_names(self, name: str) -> tuple[str, ...]:
        """The settings of a strategy.

        Raises:
            InputError: No such strategy.
        """
        return tuple(field.name for field in fields(self.strategy_class(name)))

    def make(self, name: str, settings: Mapping[str, Any]) -> Any:
        """Make a strategy by its name.

        Args:
            name: Of `places`.
            settings: Fields of its class.

        Raises:
            InputError: No such strategy or setting, or an impossible value.
        """
        known = self.setting_names(name)
        for key in settings:
            if not known:
                raise InputError(f"{self.kind} '{name}' has no settings, got '{key}'")
            checked_name(key, known, f"setting of {self.kind} '{name}',")
        try:
            return self.strategy_class(name)(**settings)
        except TypeError as error:
            raise InputError(f"{self.kind} '{name}': {error}") from None

    def make_named(self, given: str | Mapping[str, Any], where: str, **defaults: Any) -> Any:
        """Make a strategy as configurations name it.

        Args:
            given: A name, or a mapping of `name` and settings.
            where: What to call it in an error message.
            defaults: Settings for those strategies that have them, unless given.

        Raises:
            InputError: No name, or see `make`.
        """
        settings = dict(given) if isinstance(given, Mapping) else {"name": given}
        name = settings.pop("name", None)
        if not isinstance(name, str):
            raise InputError(f"{where}: expected a name, or a mapping with a name, got {given!r}")
        known = self.setting_names(name)
        return self.make(name, {key: value for key, value in defaults.items() if key in known} | settings)
